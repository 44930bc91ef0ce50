"""Loss linear in log compute: the form of the paper, where it ends."""

import numpy as np
import pytest

from bayes_scaling import laws
from bayes_scaling.laws.backend import numpy_backend

XP = numpy_backend()
LAW = laws.get("log_compute")
CONSTANTS = LAW.from_published(XP, alpha=-0.1367, beta=8.8995)


def test_the_form_of_the_paper():
    compute = np.array([1e18, 3e20, 1e24])
    expected = -0.1367 * np.log(compute) + 8.8995
    np.testing.assert_allclose(LAW.mean(XP, compute=compute, **CONSTANTS), expected, rtol=1e-12)


def test_every_decade_takes_off_as_much_until_nothing_is_left():
    loss = LAW.mean(XP, compute=np.logspace(15, 40, 26), **CONSTANTS)
    above = loss > 2 * CONSTANTS["fall"]
    assert 10 < above.sum() < 20
    np.testing.assert_allclose(np.diff(loss[above]), -0.1367 * np.log(10), rtol=1e-9)
    assert (loss > 0).all()
    assert loss[-1] == pytest.approx(1e-3)
