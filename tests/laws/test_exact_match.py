"""Probabilities that compound: exact match of many tokens, success at tasks of many steps."""

import numpy as np
import pandas as pd
import pytest

from bayes_scaling import laws
from bayes_scaling.data import check_runs
from bayes_scaling.errors import DataError
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.model.priors import draw

XP = numpy_backend()
MATCH, HORIZON = laws.get("exact_match"), laws.get("horizon")


def prior_draws(law, draws, seed):
    """Return draws of a law's parameters, shape (draw, 1)."""
    rng = np.random.default_rng(seed)
    return {p.name: draw(p.prior, rng, (draws, 1)) for p in law.parameters}


def test_exact_match_is_the_power_of_a_token_as_the_paper_has_it():
    scale, alpha = np.array([1e8, 1e10]), -0.3  # (N / c)^alpha with a negative alpha, in the paper's letters
    token = np.exp(-((scale / 4e7) ** alpha))
    sampled = MATCH.from_published(XP, c=4e7**0.3, alpha=0.3)
    np.testing.assert_allclose(MATCH.token_accuracy(XP, scale=scale, **sampled), token, rtol=1e-12)
    np.testing.assert_allclose(MATCH.mean(XP, scale=scale, length=5.0, **sampled), token**5, rtol=1e-12)
    np.testing.assert_allclose(MATCH.edit_distance(XP, scale=scale, length=5.0, **sampled), 5 * (1 - token), rtol=1e-12)


def test_pass_rates_are_straight_in_log_minus_log():
    """Hu et al. (2023): log(-log(pass rate)) is linear in log N with slope -alpha."""
    scale = np.logspace(7, 11, 9)
    rate = MATCH.mean(XP, scale=scale, length=1.0, nats_ref=4.0, alpha=0.2)
    slope = np.diff(np.log(-np.log(rate))) / np.diff(np.log(scale))
    np.testing.assert_allclose(slope, -0.2, rtol=1e-9)


def test_long_answers_leave_zero_late_and_short_ones_early():
    """What a threshold calls emergence moves with the length; the accuracy of a token does not."""
    sampled = {"nats_ref": 0.3, "alpha": 0.3}
    lengths = np.array([1.0, 5, 25])
    at_half = MATCH.scale_needed(XP, target=0.5, length=lengths, **sampled)
    np.testing.assert_allclose(at_half[1:] / at_half[:-1], 5 ** (1 / 0.3), rtol=1e-9)
    token = MATCH.token_accuracy(XP, scale=at_half, **sampled)
    np.testing.assert_allclose(token**lengths, 0.5, rtol=1e-9)


@pytest.mark.parametrize(("law", "times", "exponent"), [(MATCH, "length", "alpha"), (HORIZON, "steps", "gamma")])
def test_success_rises_with_scale_falls_with_length_and_has_its_limits(law, times, exponent):
    sampled = prior_draws(law, 200, 1)
    reference = law.reference["scale"]
    by_scale = law.mean(XP, **{"scale": reference * np.logspace(-4, 4, 40), times: 8.0}, **sampled)
    by_length = law.mean(XP, **{"scale": reference, times: np.logspace(0, 4, 40)}, **sampled)
    assert (np.diff(by_scale, axis=1) >= 0).all()
    assert (np.diff(by_length, axis=1) <= 0).all()
    far = {**sampled, exponent: np.full((200, 1), 0.3)}
    assert law.mean(XP, **{"scale": reference * 1e80, times: 8.0}, **far) == pytest.approx(1)
    np.testing.assert_array_equal(law.mean(XP, **{"scale": reference * 1e-80, times: 8.0}, **far), 0)
    needed = law.scale_needed(XP, **{"target": np.array([0.1, 0.9, 1.0]), times: 8.0}, **sampled)
    assert np.isinf(needed[:, 2]).all()
    back = law.mean(XP, **{"scale": needed[:, :2], times: 8.0}, **sampled)
    part = np.isfinite(needed[:, :2])
    assert part.mean() > 0.9
    np.testing.assert_allclose(back[part], np.broadcast_to([0.1, 0.9], part.shape)[part], rtol=1e-9)


def test_the_horizon_is_the_length_at_the_wanted_success():
    at = {"scale": 1e25, "h_ref": 60.0, "gamma": 0.4}
    half = HORIZON.horizon(XP, target=0.5, **at)
    assert half == pytest.approx(60 * 10**0.4)
    target = np.array([0.8, 0.9, 0.99])
    length = HORIZON.horizon(XP, target=target, **at)
    np.testing.assert_allclose(HORIZON.mean(XP, steps=length, **at), target, rtol=1e-12)
    np.testing.assert_allclose(half / length, [3, 7, 70], rtol=0.08)  # the rule of thumb of Ord (2025)
    assert HORIZON.horizon(XP, target=1.0, **at) == 0


def test_a_step_compounds():
    at = {"scale": 1e24, "h_ref": np.log(0.5) / np.log(0.95), "gamma": 0.5}
    assert HORIZON.step_reliability(XP, **at) == pytest.approx(0.95)
    assert HORIZON.mean(XP, steps=20.0, **at) == pytest.approx(0.95**20)  # 36 %


@pytest.mark.parametrize(("law", "column"), [(MATCH, "length"), (HORIZON, "steps")])
def test_lengths_are_above_zero(law, column):
    frame = pd.DataFrame({"params": [1e9, 2e9], "compute": [1e20, 1e21], column: [3, 0], "accuracy": [0.1, 0.2]})
    with pytest.raises(DataError, match=rf"column '{column}', row 1"):
        check_runs(frame, further=law.columns)
