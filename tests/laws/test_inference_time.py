"""Test-time tokens: the sigmoid in another scale, its ceiling, what a target takes and what twice the tokens add."""

import numpy as np
import pytest

import bayes_scaling as bs
from bayes_scaling import laws
from bayes_scaling.laws.backend import numpy_backend

LAW, XP = laws.get("inference_time"), numpy_backend()
VALUES = {"level": 0.6, "slope": 1.1, "ceiling": 0.8, "chance": 0.1}


def accuracy(tokens):
    return LAW.mean(XP, test_tokens=np.asarray(tokens, dtype=float), **VALUES)


def test_it_is_the_sigmoid_between_chance_and_the_ceiling():
    assert accuracy(1e-30) == pytest.approx(0.1)
    assert accuracy(1e40) == pytest.approx(0.1 + 0.9 * 0.8)
    assert accuracy(1e4) == pytest.approx(0.1 + 0.72 / (1 + np.exp(-0.6))), "the level is that at 10,000 tokens"
    assert (np.diff(accuracy(np.geomspace(10, 1e7, 50))) > 0).all()


def test_tokens_that_a_target_takes_reach_it():
    targets = np.array([0.2, 0.5, 0.8])
    needed = LAW.tokens_needed(XP, target=targets, **VALUES)
    np.testing.assert_allclose(accuracy(needed), targets)
    assert LAW.tokens_needed(XP, target=np.array([0.83]), **VALUES)[0] == np.inf, "above 0.1 + 0.9 * 0.8"
    assert LAW.tokens_needed(XP, target=np.array([0.05]), **VALUES)[0] == 0


def test_twice_the_tokens_add_the_difference():
    gain = LAW.gain_of_doubling(XP, test_tokens=np.array([3e3]), **VALUES)
    np.testing.assert_allclose(gain, accuracy([6e3]) - accuracy([3e3]))


@pytest.mark.real
def test_o1_mini_thinks_towards_a_ceiling(mirror):
    frame = bs.load_dataset("inference")
    assert len(frame) == 11
    assert (frame["accuracy"] * frame["n_items"]).max() == pytest.approx(21)
    assert frame["votes"].tolist() == [1.0] * 8 + [2.0, 4.0, 8.0]
    fit = bs.load_card("inference").fit(draws=250, progressbar=False)
    assert fit.meta["engine"]["name"] == "importance"
    middle = bs.forecast(fit, {"test_tokens": [1e4], "chance": [0.0]}, kind="mean").table
    assert middle["median"].iloc[0] == pytest.approx(0.53, abs=0.03)
