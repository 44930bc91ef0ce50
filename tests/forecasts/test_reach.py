"""Compute to reach a target: against closed forms, with what cannot be reached counted."""

import numpy as np
import pytest
import simulated

from bayes_scaling.errors import ForecastError
from bayes_scaling.forecasts import compute_to_reach, forecast
from bayes_scaling.model import make_spec

DRAWS = 400


@pytest.fixture(scope="module")
def by_compute():
    """A power law in compute whose floors lie on both sides of 1.8."""
    frame = simulated.ladder().assign(compute=lambda t: 6 * t["params"] * t["tokens"])
    floors = np.random.default_rng(0).normal(1.7, 0.1, DRAWS)
    return simulated.fit_of(make_spec("power_law"), frame, {"E": floors})


def test_power_law_in_closed_form(by_compute):
    v = by_compute.values()
    found = compute_to_reach(by_compute, 2.5).draws[:, 0]
    expected = 1e21 * (v["A_ref"] / (2.5 - v["E"])) ** (1 / v["alpha"])
    inside = (expected > 1e11) & (expected < 1e39)
    assert inside.mean() > 0.9
    np.testing.assert_allclose(found[inside], expected[inside], rtol=1e-9)


def test_a_target_below_the_floor_is_unreachable(by_compute):
    v = by_compute.values()
    with np.errstate(invalid="ignore"):
        needed = 1e21 * (v["A_ref"] / (1.8 - v["E"])) ** (1 / v["alpha"])
    never = (v["E"] >= 1.8) | (needed > 1e40)
    reach = compute_to_reach(by_compute, [1.8, 2.5])
    assert 0.1 < never.mean() < 0.9
    np.testing.assert_array_equal(np.isinf(reach.draws[:, 0]), never)
    assert reach.p_unreachable[0] == never.mean()
    table = reach.table.query("target == 1.8 and level == 0.9").iloc[0]
    assert table["p_unreachable"] == pytest.approx(never.mean())
    assert np.isnan(table["upper"]), "a quantile beyond reach is missing, not a number"
    assert np.isfinite(table["lower"])
    assert "nan" not in repr(reach)
    assert f"{table['lower']:.4g} to never" in repr(reach)


def test_sigmoid_in_closed_form(crossed_fit):
    groups = {"family": ["ant", "cat"], "task": "beta_qa", "protocol": "0-shot"}
    reach = compute_to_reach(crossed_fit, 0.6, groups)
    v, coords = crossed_fit.values(), crossed_fit.coords
    task, cell = coords["task"].index("beta_qa"), coords["task:protocol"].index("beta_qa|0-shot")
    ceiling = 1 / (1 + (1 / v["ceiling"] - 1) * np.exp(-v["ceiling_task_effect"][:, task]))
    share = (0.6 - 0.5) / 0.5 / ceiling
    for i, family in enumerate(groups["family"]):
        f = coords["family"].index(family)
        level = v["level"][:, task] + v["level_family_effect"][:, f] + v["level_task:protocol_effect"][:, cell]
        slope = v["slope"] * np.exp(v["slope_family_effect"][:, f])
        with np.errstate(invalid="ignore", divide="ignore"):
            log10 = 23 + (np.log(share / (1 - share)) - level) / slope
        good = (share < 1) & (log10 > 10.5) & (log10 < 39.5)
        assert good.mean() > 0.8
        np.testing.assert_allclose(np.log10(reach.draws[good, i]), log10[good], rtol=1e-9)
        assert np.isinf(reach.draws[share >= 1, i]).all()


def test_the_law_at_the_found_compute_is_the_target(fit):
    reach = compute_to_reach(fit, 2.2, {"family": ["ant", "bee"]}, tokens_per_param=20)
    found = np.median(reach.draws, axis=0)
    made = forecast(fit, {"family": ["ant", "bee"], "compute": found}, kind="law", tokens_per_param=20)
    np.testing.assert_allclose(made.median, 2.2, atol=2e-3)
    per_draw = forecast(fit, {"family": "ant", "compute": reach.draws[:5, 0]}, kind="law", tokens_per_param=20).draws
    np.testing.assert_allclose(np.diag(per_draw[:5]), 2.2, rtol=1e-9)


def test_a_harder_target_needs_more_and_a_ratio_matters(fit):
    reach = compute_to_reach(fit, [2.4, 2.2], {"family": ["ant"]}, tokens_per_param=20).draws
    assert (reach[:, 1] > reach[:, 0]).all()
    wasteful = compute_to_reach(fit, 2.4, {"family": ["ant"]}, tokens_per_param=2000).draws
    assert np.median(wasteful) > np.median(reach[:, 0])


def test_a_new_family_only_when_asked(fit):
    with pytest.raises(ForecastError, match="'dog' was not fitted"):
        compute_to_reach(fit, 2.2, {"family": "dog"}, tokens_per_param=20)
    new = compute_to_reach(fit, 2.4, {"family": "dog"}, tokens_per_param=20, new_groups="population")
    known = compute_to_reach(fit, 2.4, {"family": "bee"}, tokens_per_param=20)
    assert np.log(new.draws[np.isfinite(new.draws)]).std() > np.log(known.draws).std()


@pytest.mark.parametrize(
    ("target", "message"), [(70, "Divide percent by 100"), (0, "between 0 and 1"), (1.0, "between 0 and 1"),
                            (float("nan"), "between 0 and 1")]
)  # fmt: skip
def test_accuracy_targets_are_fractions(crossed_fit, target, message):
    with pytest.raises(ForecastError, match=message):
        compute_to_reach(crossed_fit, target, {"family": "ant", "task": "beta_qa", "protocol": "0-shot"})


@pytest.mark.parametrize("target", [0, -1.0, float("nan"), float("inf")])
def test_loss_targets_are_positive(by_compute, target):
    with pytest.raises(ForecastError, match="positive number of nats"):
        compute_to_reach(by_compute, target)


def test_a_law_in_params_and_tokens_needs_a_path(fit):
    with pytest.raises(ForecastError, match="tokens_per_param=20"):
        compute_to_reach(fit, 2.2, {"family": "ant"})
    with pytest.raises(ForecastError, match="an argument beside the groups"):
        compute_to_reach(fit, 2.2, {"family": "ant", "tokens_per_param": 20})


def test_reach_is_printed_in_80_columns_with_what_changes_nothing(by_compute):
    made = compute_to_reach(by_compute, [1.8, 2.5], {"family": "dog"})
    assert "no effects of family" in repr(made)
    assert max(len(line) for line in repr(made).splitlines()) <= 80
    assert "P(unreachable)" in repr(made)
