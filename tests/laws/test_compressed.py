"""Compressed representations: capacity as the paper states it, what it is worth, bad input."""

import numpy as np
import pandas as pd
import pytest

from bayes_scaling import laws
from bayes_scaling.data import check_runs
from bayes_scaling.errors import DataError
from bayes_scaling.laws.backend import numpy_backend

XP = numpy_backend()
LAW = laws.get("compressed")
DENSE = laws.get("chinchilla")
SHAPE = {"L": 0.93, "F": 0.45, "C": 1.4}
CHINCHILLA = dict(DENSE.published["besiroglu2024"].values)
CONSTANTS = LAW.from_published(XP, **CHINCHILLA, **SHAPE)


def test_the_form_of_the_paper():
    n, d, gmse = 2e8, 2e10, np.array([0.3634, 0.1175, 0.009497])
    rho = 0.93 * np.tanh(0.45 * np.log(gmse) / np.log(1 / 4)) ** 1.4
    expected = 1.8172 + 482.01 / (n * rho) ** 0.3478 + 2085.43 / d**0.3658
    np.testing.assert_allclose(LAW.capacity(XP, gmse=gmse, **SHAPE), rho, rtol=1e-12)
    np.testing.assert_allclose(LAW.mean(XP, params=n, tokens=d, gmse=gmse, **CONSTANTS), expected, rtol=1e-12)


def test_capacity_falls_from_its_limit_to_nothing_as_the_error_grows():
    capacity = LAW.capacity(XP, gmse=np.r_[np.logspace(-40, -1, 60), np.linspace(0.11, 0.99, 40)], **SHAPE)
    assert (np.diff(capacity) <= 0).all()
    assert capacity[0] == pytest.approx(0.93, rel=1e-6)
    assert capacity[-1] < 0.01
    assert LAW.capacity(XP, gmse=np.array([0.0]), **SHAPE) == 1.0


def test_without_compression_the_law_is_that_of_chinchilla():
    at = {"params": np.array([1e8, 7e9]), "tokens": np.array([2e9, 1e12])}
    found = LAW.mean(XP, **at, gmse=np.zeros(2), **CONSTANTS)
    np.testing.assert_allclose(found, DENSE.at_constants("besiroglu2024", **at), rtol=1e-12)


def test_what_parameters_are_worth_gives_the_same_loss():
    n, gmse = np.array([1e8, 1e9]), np.array([0.1175, 0.009497])
    rest = {"tokens": 1e11, **CONSTANTS}
    worth = LAW.effective_params(XP, params=n, gmse=gmse, **SHAPE)
    loss = LAW.mean(XP, params=n, gmse=gmse, **rest)
    np.testing.assert_allclose(LAW.mean(XP, params=worth, gmse=np.zeros(2), **rest), loss, rtol=1e-12)
    needed = LAW.params_needed(XP, params=n, gmse=gmse, **SHAPE)
    dense = LAW.mean(XP, params=n, gmse=np.zeros(2), **rest)
    np.testing.assert_allclose(LAW.mean(XP, params=needed, gmse=gmse, **rest), dense, rtol=1e-12)


def test_gradients_are_finite_with_and_without_compression():
    import pytensor
    import pytensor.tensor as pt

    from bayes_scaling.laws.backend import pytensor_backend

    shape = {name: pt.dscalar(name) for name in SHAPE}
    capacity = LAW.capacity(pytensor_backend(), gmse=pt.as_tensor([0.0, 1e-30, 0.3, 0.99]), **shape)
    slopes = pytensor.grad(pt.log(capacity).sum(), list(shape.values()))
    assert np.isfinite(pytensor.function(list(shape.values()), slopes, mode="FAST_COMPILE")(*SHAPE.values())).all()


@pytest.mark.parametrize("wrong", [1.0, -0.1])
def test_an_error_of_one_or_more_is_refused(wrong):
    frame = pd.DataFrame({"params": [1e8, 1e8], "tokens": [2e9, 2e9], "gmse": [0.1, wrong], "loss": [3.0, 3.1]})
    with pytest.raises(DataError, match=r"column 'gmse', row 1"):
        check_runs(frame, further=LAW.columns)
