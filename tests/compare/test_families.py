"""Contrasts and rankings equal what is worked out from the draws directly."""

from dataclasses import replace

import numpy as np
import pytest
import simulated

from bayes_scaling.compare import by_group, contrasts, identification, ranking
from bayes_scaling.errors import ForecastError
from bayes_scaling.forecasts import compute_to_reach, forecast

AT = {"params": 1e11, "tokens": 2e12}
HOLD = {"task": "beta_qa", "protocol": "0-shot"}


def test_contrast_at_a_point_is_the_difference_of_laws(fit):
    table = contrasts(fit, at=AT)
    assert list(zip(table["a"], table["b"], strict=True)) == [("ant", "bee"), ("ant", "cat"), ("bee", "cat")]
    draws = forecast(fit, {"family": ["ant", "bee", "cat"], **AT}, kind="law").draws
    difference = draws[:, 0] - draws[:, 2]
    row = table.iloc[1]
    assert row["median"] == pytest.approx(np.median(difference))
    assert [row["lower"], row["upper"]] == pytest.approx(list(np.quantile(difference, [0.05, 0.95])))
    assert row["p_a_better"] == pytest.approx((difference < 0).mean()), "less loss is better"
    assert row["p_a_better"] > 0.95  # the planted floors are 1.6 and 1.85
    assert row["level"] == 0.9
    assert row["p_undefined"] == 0


def test_higher_accuracy_is_better(crossed_fit):
    at = {"compute": 1e24}
    row = contrasts(crossed_fit, families=["ant", "cat"], at=at, hold=HOLD).iloc[0]
    draws = forecast(crossed_fit, {"family": ["ant", "cat"], **HOLD, **at}, kind="law").draws
    assert row["p_a_better"] == pytest.approx((draws[:, 0] > draws[:, 1]).mean())


def test_contrast_at_a_target_is_the_ratio_of_computes(crossed_fit):
    row = contrasts(crossed_fit, families=["ant", "cat"], target=0.9, hold=HOLD).iloc[0]
    a, b = compute_to_reach(crossed_fit, 0.9, {"family": ["ant", "cat"], **HOLD}).draws.T
    neither = np.isinf(a) & np.isinf(b)
    assert 0.02 < neither.mean() < 0.98
    assert row["p_undefined"] == pytest.approx(neither.mean())
    ratio = b[~neither] / a[~neither]
    assert row["p_a_better"] == pytest.approx((ratio > 1).mean())
    assert row["median"] == pytest.approx(np.quantile(ratio, 0.5, method="inverted_cdf"))
    assert row["quantity"] == "compute(b) / compute(a)"


def test_a_contrast_and_its_mirror_image_agree(fit):
    ab = contrasts(fit, families=["ant", "cat"], target=2.3, tokens_per_param=20).iloc[0]
    ba = contrasts(fit, families=["cat", "ant"], target=2.3, tokens_per_param=20).iloc[0]
    assert ab["p_a_better"] == pytest.approx(1 - ba["p_a_better"])
    assert ab["median"] == pytest.approx(1 / ba["median"], rel=0.01)
    assert ab["lower"] == pytest.approx(1 / ba["upper"], rel=0.05)
    assert ab["median"] > 1, "ant has the lower floor and needs less"


def test_a_target_nobody_reaches_is_undefined_not_a_number(crossed_fit):
    row = contrasts(crossed_fit, families=["ant", "cat"], target=0.999999, hold=HOLD).iloc[0]
    assert row["p_undefined"] == 1
    assert np.isnan(row[["median", "lower", "upper", "p_a_better"]].astype(float)).all()


def test_ranking_follows_the_draws(fit):
    table = ranking(fit, at=AT).set_index("family")
    draws = forecast(fit, {"family": ["ant", "bee", "cat"], **AT}, kind="law").draws
    assert list(table.index) == ["ant", "bee", "cat"], "least loss first"
    best = np.bincount(draws.argmin(axis=1), minlength=3) / len(draws)
    np.testing.assert_allclose(table["p_best"], best)
    assert table["p_best"].sum() == pytest.approx(1)
    np.testing.assert_allclose(table["median"], np.median(draws, axis=0), rtol=1e-3)
    assert (table["rank_lower"] <= table["rank"]).all()
    assert (table["rank"] <= table["rank_upper"]).all()


def test_ranking_of_accuracy_puts_the_most_first_and_of_compute_the_least(crossed_fit):
    best = ranking(crossed_fit, at={"compute": 1e24}, hold=HOLD)
    draws = forecast(crossed_fit, {"family": ["ant", "bee", "cat"], **HOLD, "compute": 1e24}, kind="law").draws
    share = dict(zip(["ant", "bee", "cat"], np.bincount(draws.argmax(axis=1), minlength=3) / len(draws), strict=True))
    assert best.set_index("family")["p_best"].to_dict() == pytest.approx(share)
    by_compute = ranking(crossed_fit, target=0.6, hold=HOLD)
    assert list(by_compute["rank"]) == sorted(by_compute["rank"])
    reach = compute_to_reach(crossed_fit, 0.6, {"family": ["ant", "bee", "cat"], **HOLD})
    unreachable = dict(zip(["ant", "bee", "cat"], reach.p_unreachable, strict=True))
    assert by_compute.set_index("family")["p_unreachable"].to_dict() == pytest.approx(unreachable)


def test_a_fit_without_groups_says_what_to_add(ladder):
    plain = simulated.fit_of(simulated.make_spec("chinchilla"), ladder, draws=20)
    with pytest.raises(ForecastError, match=r'no groups with effects; fit a model with groups = \["family"\]'):
        contrasts(plain, at=AT)
    alone = replace(plain, meta={**plain.meta, "asked_groups": ["family"]})  # switched off: one family
    with pytest.raises(ForecastError, match="only one family was fitted"):
        contrasts(alone, at=AT)


def test_families_that_never_arrive_are_never_best(crossed_fit):
    table = ranking(crossed_fit, target=0.999999, hold=HOLD)
    assert (table["p_unreachable"] == 1).all()
    assert (table["p_best"] == 0).all(), "a tie at infinity has no winner"


def test_parameters_by_family_beside_the_population(fit):
    table = by_group(fit, "E").set_index("family")
    v = fit.values()
    assert list(table.index) == ["(population)", "ant", "bee", "cat"]
    assert table.loc["(population)", "median"] == pytest.approx(np.median(v["E"]))
    bee = v["E"] * np.exp(v["E_family_effect"][:, 1])
    assert table.loc["bee", "median"] == pytest.approx(np.median(bee))
    assert [table.loc["bee", "lower"], table.loc["bee", "upper"]] == pytest.approx(list(np.quantile(bee, [0.05, 0.95])))
    assert table.loc["bee", "effect"] == pytest.approx(np.median(v["E_family_effect"][:, 1]))
    assert table.loc["(population)", "effect"] == 0


def test_runs_are_counted_by_family(fit):
    counts = by_group(fit, "E").set_index("family")["runs"]
    assert counts[["ant", "bee", "cat"]].to_list() == [12, 12, 12]


def test_levels_of_their_own_are_compared_with_the_median_level(crossed_fit):
    table = by_group(crossed_fit, "level", group="task").set_index("task")
    level = crossed_fit.values()["level"]
    for i, task in enumerate(crossed_fit.coords["task"]):
        assert table.loc[task, "median"] == pytest.approx(np.median(level[:, i]))
    assert table.loc["(population)", "median"] == pytest.approx(np.median(np.median(level, axis=1)))


def test_identification_sets_what_was_learned_against_the_prior(fit, crossed_fit):
    known = identification(fit).set_index(["parameter", "group"]).loc[("E", "family")]
    assert known["levels"] == 3
    assert known["prior_sd_between_levels"] == pytest.approx(0.2 / 1.96 * np.sqrt(2 / np.pi), rel=0.05)
    prior_only = identification(crossed_fit).set_index(["parameter", "group"])
    np.testing.assert_allclose(prior_only["ratio"], 1, atol=0.3)
    assert ("level", "task:protocol") in prior_only.index
    assert ("level", "task") not in prior_only.index, "levels of their own have no learned sd"


def test_identification_of_well_known_effects_is_small():
    draws = 400
    rng = np.random.default_rng(0)
    effect = np.array([-0.1, 0.0, 0.1]) + 1e-3 * rng.standard_normal((draws, 3))
    spec = simulated.make_spec("chinchilla", groups=["family"])
    fit = simulated.fit_of(
        spec, simulated.ladder(), {"E_family_effect": effect, **simulated.constant(draws, E_family_sd=0.1)}
    )
    ratio = identification(fit).set_index("parameter").loc["E", "ratio"]
    assert ratio == pytest.approx(0.01, rel=0.2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: contrasts(f, group="famly", at=AT), "Did you mean 'family'"),
        (lambda f: contrasts(f, families=["ant", "bea"], at=AT), "'bea' was not fitted.*Did you mean 'bee'"),
        (lambda f: contrasts(f, families=["ant"], at=AT), "two levels"),
        (lambda f: contrasts(f), "exactly one of target= .* and at="),
        (lambda f: contrasts(f, target=2.0, at=AT), "exactly one of"),
        (lambda f: contrasts(f, target=2.0), "tokens_per_param"),
        (lambda f: contrasts(f, at=AT, level=90), "fraction"),
        (lambda f: contrasts(f, at={**AT, "params": [1e10, 1e11, 1e12]}), r"at: params = .*expected one value"),
        (lambda f: ranking(f, at={**AT, "params": np.array([1e10])}), r"at: params = .*Compare once per value"),
        (lambda f: contrasts(f, at=AT, hold={"task": ["a", "b"]}), r"hold: task = .*expected one value"),
        (lambda f: contrasts(f, target=[2.0, 1.9], tokens_per_param=20), r"target = .*expected one value"),
        (lambda f: contrasts(f, at=1e24), r"at = 1e\+24; expected names with one value"),
        (lambda f: ranking(f, target=2.3, tokens_per_param=20, level=90), "fraction"),
        (lambda f: by_group(f, "alhpa"), "Did you mean 'alpha'"),
        (lambda f: by_group(f, "alpha"), "completely pooled"),
    ],
)
def test_what_cannot_be_compared_is_refused(fit, call, message):
    with pytest.raises(ForecastError, match=message):
        call(fit)
