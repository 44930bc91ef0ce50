"""Repeated data: limits of the paper, its numbers, what an epoch is worth, rows that cannot be."""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from bayes_scaling import laws
from bayes_scaling.errors import DataError
from bayes_scaling.laws.backend import numpy_backend

XP = numpy_backend()
LAW = laws.get("data_constrained")
PAPER = LAW.constants("muennighoff2023")


def test_the_published_constants_give_the_loss_of_the_paper():
    """Written out as in the paper, whose optimal size for U tokens is 0.051 U."""
    n, d, u = 8.67e9, 1.78e11, 2.5e10
    small = (521 / 1488) ** (1 / 0.353) * u
    assert small / u == pytest.approx(0.051, abs=5e-4)
    size = small + small * 5.309743 * (1 - np.exp(-(n / small - 1) / 5.309743))
    data = u + u * 15.387756 * (1 - np.exp(-(d / u - 1) / 15.387756))
    expected = 1.87 + 521 / size**0.353 + 1488 / data**0.353
    assert LAW.mean(XP, params=n, tokens=d, unique_tokens=u, **PAPER) == pytest.approx(expected, rel=1e-9)
    assert LAW.effective_tokens(XP, tokens=d, unique_tokens=u, **PAPER) == pytest.approx(data, rel=1e-9)
    assert LAW.effective_params(XP, params=n, unique_tokens=u, **PAPER) == pytest.approx(size, rel=1e-9)


def test_data_seen_once_by_a_small_model_follow_chinchilla():
    chinchilla, once = laws.get("chinchilla"), {"params": 1e8, "tokens": 2e10}
    shared = {k: v for k, v in PAPER.items() if k not in ("R_D", "R_N")}
    found = LAW.mean(XP, **once, unique_tokens=2e10, **PAPER)
    assert found == pytest.approx(chinchilla.mean(XP, **once, **shared), rel=1e-12)


def test_epochs_are_worth_less_and_less_and_their_sum_is_bounded():
    epochs = np.arange(1.0, 400.0)
    value = LAW.epoch_value(XP, epochs=epochs, **PAPER)
    total = LAW.effective_tokens(XP, tokens=epochs * 1e9, unique_tokens=1e9, **PAPER) / 1e9
    assert value[0] == 1
    assert (np.diff(value) < 0).all()
    np.testing.assert_allclose(np.cumsum(value), total, rtol=1e-12)
    assert total[-1] == pytest.approx(1 + PAPER["R_D"], rel=1e-9)
    assert total[3] / 4 > 0.9, "four epochs are almost as good as new data"


def test_loss_never_rises_with_size_or_epochs_and_excess_size_is_bounded():
    size, unique = np.logspace(6, 14, 60), 1e9
    loss = LAW.mean(XP, params=size, tokens=1e10, unique_tokens=unique, **PAPER)
    assert (np.diff(loss) <= 0).all()
    found = LAW.effective_params(XP, params=size, unique_tokens=unique, **PAPER)
    optimal = (521 / 1488) ** (1 / 0.353) * unique
    assert found[-1] == pytest.approx(optimal * (1 + PAPER["R_N"]), rel=1e-6)
    loss = LAW.mean(XP, params=1e9, tokens=unique * np.logspace(0, 6, 60), unique_tokens=unique, **PAPER)
    assert (np.diff(loss) <= 0).all()


def test_rows_with_more_unique_tokens_than_tokens_are_listed():
    frame = pd.DataFrame({"params": 1e9, "tokens": [1e10, 1e10, 1e10], "unique_tokens": [1e10, 2e10, 1e9]})
    with pytest.raises(
        DataError, match=r"row 1 with unique_tokens = 2e\+10 and tokens = 1e\+10; expected.*at most all"
    ):
        LAW.check_values(frame)
    LAW.check_values(frame.drop(index=1))
    LAW.check_values(pd.DataFrame(LAW.example()))


@pytest.mark.real
def test_real_runs_give_the_published_decay_at_the_published_chinchilla_constants(mirror):
    """The paper's second step: A, B, E and the exponent held, least Huber loss over its 182 runs."""
    import bayes_scaling as bs

    frame = bs.load_dataset("datablations")
    frame = frame[~bs.data.has_flag(frame, "not_in_published_fit")]
    assert len(frame) == 182
    at = {i.name: frame[i.column].to_numpy() for i in LAW.inputs}

    def misses(log_repeats):
        own = dict(zip(("R_D", "R_N"), np.exp(log_repeats), strict=True))
        return np.log(LAW.mean(XP, **at, **{**PAPER, **own})) - np.log(frame["loss"].to_numpy())

    found = np.exp(optimize.least_squares(misses, [2.0, 2.0], loss="huber", f_scale=1e-3).x)
    np.testing.assert_allclose(found, [15.387756, 5.309743], rtol=0.06)
