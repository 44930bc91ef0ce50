"""Encoder and decoder: the form of the paper, its best split against a grid, bad input."""

import numpy as np
import pandas as pd
import pytest

from bayes_scaling import laws
from bayes_scaling.data import check_runs
from bayes_scaling.errors import DataError
from bayes_scaling.laws.backend import numpy_backend

XP = numpy_backend()
LAW = laws.get("encoder_decoder").at(encoder_params=4e7, decoder_params=6e7)
CONSTANTS = LAW.from_published(XP, L_inf=1.1, alpha=0.4, p_e=0.18, p_d=0.3)


def test_the_form_of_the_paper():
    encoder, decoder = np.array([4e7, 2e8, 1e9]), np.array([6e7, 5e7, 3e9])
    expected = 0.4 * (4e7 / encoder) ** 0.18 * (6e7 / decoder) ** 0.3 + 1.1
    found = LAW.mean(XP, encoder_params=encoder, decoder_params=decoder, **CONSTANTS)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found[0] == pytest.approx(1.5, rel=1e-12), "alpha is the reducible loss of the baseline"


def test_size_of_either_part_lowers_the_loss_to_the_floor():
    sizes = np.logspace(6, 12, 30)
    for grown, fixed in (("encoder_params", "decoder_params"), ("decoder_params", "encoder_params")):
        loss = LAW.mean(XP, **{grown: sizes, fixed: 1e8}, **CONSTANTS)
        assert (np.diff(loss) < 0).all()
    assert LAW.mean(XP, encoder_params=1e40, decoder_params=1e8, **CONSTANTS) == pytest.approx(1.1, rel=1e-6)


@pytest.mark.parametrize("total", [1e8, 3e9])
def test_the_best_split_is_that_of_a_grid(total):
    share = np.linspace(0.001, 0.999, 9981)
    loss = LAW.mean(XP, encoder_params=share * total, decoder_params=(1 - share) * total, **CONSTANTS)
    best = LAW.best_encoder_share(XP, **CONSTANTS)
    assert best == pytest.approx(share[loss.argmin()], abs=2e-4)
    assert best == pytest.approx(0.18 / 0.48, rel=1e-12)
    assert LAW.best_split_loss(XP, params=total, **CONSTANTS) == pytest.approx(loss.min(), rel=1e-9)
    cost = LAW.split_cost(XP, params=total, encoder_share=share, **CONSTANTS)
    np.testing.assert_allclose(cost, loss - loss.min(), atol=1e-8)


def test_the_loss_of_best_splits_is_a_power_law_of_the_total():
    loss = LAW.best_split_loss(XP, params=np.array([1e8, 1e9, 1e10]), **CONSTANTS)
    np.testing.assert_allclose(np.diff(np.log10(loss - 1.1)), -0.48, rtol=1e-9)


def test_sizes_in_millions_are_refused():
    frame = pd.DataFrame({"encoder_params": [1e8, 120], "decoder_params": [1e8, 2e8], "loss": [2.0, 2.1]})
    with pytest.raises(DataError, match=r"column 'encoder_params', row 1"):
        check_runs(frame, further=LAW.columns)
