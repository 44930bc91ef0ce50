"""Accuracy that turns: where it does by brute force, limits, and the composed task as its authors simulate it."""

import numpy as np
import pytest

from bayes_scaling import laws
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.model.priors import draw

XP = numpy_backend()
TURNING, COMPOSED = laws.get("turning"), laws.get("composed_task")
SCALE = 1e9 * 10 ** np.linspace(-12, 12, 4801)


def prior_draws(law, draws, seed):
    """Return draws of a law's parameters, shape (draw, 1)."""
    rng = np.random.default_rng(seed)
    return {p.name: draw(p.prior, rng, (draws, 1)) for p in law.parameters}


@pytest.mark.parametrize("law", [TURNING, COMPOSED])
def test_accuracy_is_a_fraction(law):
    found = law.mean(XP, scale=SCALE, **prior_draws(law, 300, 1))
    assert (found >= 0).all()
    assert (found <= 1).all()


def test_turning_goes_from_its_start_over_its_middle_to_its_end():
    sampled = {"start": 0.5, "middle": 0.2, "end": 0.9, "first": -1.0, "gap": 8.0, "slope": 5.0}
    found = TURNING.mean(XP, scale=1e9 * 10 ** np.array([-9.0, -1, 3, 7, 15]), **sampled)
    np.testing.assert_allclose(found, [0.5, 0.35, 0.2, 0.55, 0.9], atol=1e-6)
    assert TURNING.shape(XP, **sampled) == 1
    assert TURNING.turning_scale(XP, **sampled) == pytest.approx(1e9 * 10**3, rel=0.5)


def test_turns_are_where_brute_force_finds_them():
    sampled = prior_draws(TURNING, 400, 2)
    sampled["slope"] = np.minimum(sampled["slope"], 8.0)  # what a grid of a two-hundredth of a decade resolves
    found = TURNING.mean(XP, scale=SCALE, **sampled)
    turn, shape = (getattr(TURNING, q)(XP, **sampled)[:, 0] for q in ("turning_scale", "shape"))
    assert ((shape == 0) == np.isinf(turn)).all()
    for sign, extreme in ((1, found.argmin(axis=1)), (-1, found.argmax(axis=1))):
        inside = (extreme > 0) & (extreme < len(SCALE) - 1)
        ends = found[:, [0, -1]]
        depth = np.abs(ends - found[np.arange(len(found)), extreme][:, None]).min(axis=1)
        sure = inside & (depth > 1e-6)
        assert (shape[sure] == sign).all()
        np.testing.assert_allclose(np.log10(turn[sure]), np.log10(SCALE[extreme[sure]]), atol=0.006)
        assert sure.sum() > 40
    monotone = (np.diff(found, axis=1) >= 0).all(axis=1) | (np.diff(found, axis=1) <= 0).all(axis=1)
    assert (np.isfinite(turn) & monotone).mean() < 0.05  # turns too shallow for a float


def test_steps_of_one_direction_never_turn():
    up = {"start": 0.2, "middle": 0.5, "end": 0.9, "first": 0.0, "gap": 1.0, "slope": 4.0}
    down = {**up, "start": 0.9, "end": 0.2}
    for sampled, sign in ((up, 1), (down, -1)):
        assert np.isinf(TURNING.turning_scale(XP, **sampled))
        assert TURNING.shape(XP, **sampled) == 0
        assert (sign * np.diff(TURNING.mean(XP, scale=SCALE, **sampled)) >= -1e-15).all()


def test_composed_task_is_the_simulation_of_the_authors():
    x = np.linspace(-10, 10, 41)
    answered, understood = 0.025 * x + 0.75, 1 / (1 + np.exp(-x))
    expected = answered * understood + (1 - answered) * (1 - understood)
    found = COMPOSED.mean(XP, scale=1e9 * 10**x, answering=0.75, gain=0.025, transition=0.0, slope=1.0)
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    turn = COMPOSED.turning_scale(XP, answering=0.75, gain=0.025, transition=0.0, slope=1.0)
    fine = np.linspace(-10, 10, 20001)
    by_hand = COMPOSED.mean(XP, scale=1e9 * 10**fine, answering=0.75, gain=0.025, transition=0.0, slope=1.0)
    assert np.log10(turn) - 9 == pytest.approx(fine[by_hand.argmin()], abs=2e-3)
    assert -10 < np.log10(turn) - 9 < 0, "a U, as in the paper's figure"


def test_composed_task_turns_where_brute_force_finds_its_lowest_point():
    sampled = prior_draws(COMPOSED, 300, 3)
    found = COMPOSED.mean(XP, scale=SCALE, **sampled)
    turn = COMPOSED.turning_scale(XP, **sampled)[:, 0]
    lowest = found.min(axis=1)
    falls = lowest < found[:, 0] - 1e-6
    assert np.isfinite(turn[falls]).all()
    finite = np.isfinite(turn)
    at_turn = COMPOSED.mean(XP, scale=turn[finite][:, None], **{k: v[finite] for k, v in sampled.items()})[:, 0]
    assert (at_turn <= lowest[finite] + 1e-12).all()
    assert (at_turn < 0.5).all(), "worse than guessing"
    assert 0.3 < falls.mean() < 1


def test_an_early_transition_scales_plainly_and_none_inversely():
    sampled = {"answering": 0.7, "gain": 0.08, "slope": 4.0}
    scale = 1e9 * 10 ** np.linspace(-2, 3, 60)
    assert (np.diff(COMPOSED.mean(XP, scale=scale, transition=-6.0, **sampled)) > 0).all()
    assert (np.diff(COMPOSED.mean(XP, scale=scale, transition=9.0, **sampled)) < 0).all()
    assert np.isinf(COMPOSED.turning_scale(XP, transition=-6.0, **sampled))


@pytest.mark.real
def test_real_pilot_results_are_all_there(mirror):
    import bayes_scaling as bs

    frame = bs.load_dataset("inverse")
    assert len(frame) == 80
    assert frame.groupby("task").size().eq(16).all()
    kept = frame[~bs.data.has_flag(frame, "one_answer")]
    assert sorted(kept["task"].unique()) == ["boolq", "conjunction_fallacy", "gamblers_fallacy_dice"]
    one = frame[(frame["task"] == "conjunction_fallacy") & (frame["model"] == "davinci")]
    assert one["accuracy"].round(3).tolist() == [0.29, 0.347]
