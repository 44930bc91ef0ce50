"""Recipes compared give what contrasts, forecasts and the draws give."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import simulated

import bayes_scaling as bs
from bayes_scaling import plots
from bayes_scaling.compare import contrasts
from bayes_scaling.errors import ForecastError
from bayes_scaling.model import make_spec
from bayes_scaling.plan import compare_recipes
from bayes_scaling.plan.question import question_of

AT = {"compute": 1e24}
SMALL = {"compute": 1e19}


@pytest.fixture(scope="module")
def compared(fit):
    points = bs.grid(family=["ant", "bee"], params=[3e8, 3e9], tokens=[6e9, 6e10])
    return compare_recipes(fit, ["ant", "bee"], at=AT, small=SMALL, tokens_per_param=20, candidates=points)


def law_fit(floor, *, seed, alpha=0.3):
    """Return a fit of one recipe whose draws are made up."""
    spec = make_spec("power_law", noise={"observation": "normal", "run_effect": False})
    frame = pd.DataFrame({"compute": np.geomspace(1e18, 1e20, 8), "loss": np.linspace(4, 3, 8)})
    rng = np.random.default_rng(seed)
    values = simulated.constant(600, A_ref=1.0, sigma=0.01)
    values |= {"E": floor * np.exp(0.03 * rng.standard_normal(600)), "alpha": alpha + 0.01 * rng.standard_normal(600)}
    return simulated.fit_of(spec, frame, values, draws=300)


def test_levels_of_one_fit_give_the_contrast(fit, compared):
    row = compared.table.iloc[0]
    same = contrasts(fit, families=["ant", "bee"], at=AT, tokens_per_param=20).iloc[0]
    for name in ("median", "lower", "upper"):
        assert row[name] == pytest.approx(same[name])
    assert compared.p_a_better == pytest.approx(same["p_a_better"])


def test_the_multiplier_is_the_ratio_of_computes_to_what_a_reaches(fit, compared):
    reached = bs.forecast(fit, {"family": "ant", **AT}, kind="law", tokens_per_param=20).median[0]
    same = contrasts(fit, families=["ant", "bee"], target=float(reached), tokens_per_param=20).iloc[0]
    row = compared.table.iloc[1]
    assert row["quantity"] == "compute(b) / compute(a)"
    assert row["median"] == pytest.approx(same["median"])
    assert row["lower"] == pytest.approx(same["lower"])
    assert row["median"] > 1, "ant has the lower floor"


def test_a_reversal_is_counted_over_joint_draws(fit, compared):
    draws = [
        bs.forecast(fit, {"family": ["ant", "bee"], **where}, kind="law", tokens_per_param=20).draws
        for where in (AT, SMALL)
    ]
    ahead = [d[:, 0] < d[:, 1] for d in draws]
    assert compared.p_reverses == pytest.approx((ahead[0] != ahead[1]).mean())
    assert compared.table["mcse"].iloc[-1] > 0


def test_the_answer_names_the_runs_that_would_settle_it(compared):
    settle = compared.settle
    assert settle.p_yes == pytest.approx(compared.p_a_better)
    assert settle.sentences[-1] in compared.sentence
    assert "P(ant beats bee at 10²⁴\u00a0FLOP)" in compared.sentence
    assert "90\u00a0% equal-tailed interval" in compared.sentence
    assert compared.sentence in repr(compared)


def test_two_fits_are_independent_posteriors():
    a, b = law_fit(1.7, seed=1), law_fit(1.75, seed=2)
    candidates = pd.DataFrame({"recipe": ["old", "new", "new"], "compute": [1e21, 1e21, 1e23]})
    found = compare_recipes((a, b), ["old", "new"], at={"compute": 1e24}, candidates=candidates)
    laws = [bs.forecast(f, {"compute": [1e24]}, kind="law").draws[:, 0] for f in (a, b)]
    assert found.p_a_better == pytest.approx((laws[0] < laws[1]).mean())
    assert found.small == {"compute": pytest.approx(1e18)}
    table = found.settle.table
    assert sorted(table["recipe"]) == ["new", "new", "old"]
    ranked = table.set_index(["recipe", "compute"])["reduction"]
    assert ranked["new", 1e23] > ranked["new", 1e21] - 3 * table["mcse"].max(), "nearer to the budget"
    for i, again in found.settle.check.items():
        assert abs(again.reduction - found.settle.single.value[i]) < 0.1 * found.settle.now + 3 * again.mcse


def test_curves_that_cross_are_said_to_reverse():
    steep, flat = law_fit(1.5, seed=1, alpha=0.2), law_fit(1.9, seed=2, alpha=0.5)
    found = compare_recipes((steep, flat), ["steep", "flat"], at={"compute": 1e26}, small={"compute": 1e21})
    draws = {
        where: [bs.forecast(f, {"compute": [where]}, kind="law").draws[:, 0] for f in (steep, flat)]
        for where in (1e26, 1e21)
    }
    ahead = {where: d[0] < d[1] for where, d in draws.items()}
    assert ahead[1e26].mean() > 0.9
    assert found.p_reverses == pytest.approx((ahead[1e26] != ahead[1e21]).mean())


def test_what_the_other_never_reaches_has_no_number():
    low, high = law_fit(1.5, seed=1), law_fit(1.9, seed=2)
    found = compare_recipes((low, high), ["low", "high"], at={"compute": 1e26})
    assert np.isinf(found.table["median"].iloc[1])
    assert "high probably never reaches what low reaches there" in found.sentence
    assert "to no limit" in found.sentence
    assert "inf" not in found.sentence


@pytest.mark.parametrize(
    ("names", "options", "match"),
    [
        (["ant", "bees"], {}, "Did you mean 'bee'"),
        (["ant", "ant"], {}, "two different recipes"),
        (["ant"], {}, "two different recipes"),
        (["ant", "bee"], {"group": "familie"}, "Did you mean 'family'"),
    ],
)
def test_unknown_recipes_say_what_was_expected(fit, names, options, match):
    with pytest.raises(ForecastError, match=match):
        compare_recipes(fit, names, at=AT, tokens_per_param=20, **options)


def test_candidates_of_two_fits_name_their_recipe():
    pair = (law_fit(1.7, seed=1), law_fit(1.75, seed=2))
    with pytest.raises(ForecastError, match="column 'recipe'"):
        compare_recipes(pair, ["old", "new"], at={"compute": 1e24}, candidates={"compute": [1e21]})
    named = {"recipe": ["mew"], "compute": [1e21]}
    with pytest.raises(ForecastError, match="Did you mean 'new'"):
        compare_recipes(pair, ["old", "new"], at={"compute": 1e24}, candidates=named)


def test_without_a_path_the_multiplier_is_missing(fit):
    found = compare_recipes(fit, ["ant", "bee"], at={"params": 1e11, "tokens": 2e12})
    assert found.table["median"].isna().iloc[1]
    assert set(found.small) == {"params", "tokens"}
    assert "nan" not in found.sentence


def test_the_picture_shows_the_laws_that_the_table_holds(compared):
    figure, axes = plots.recipes(compared)
    drawn = axes.lines[0].get_ydata()
    ant = compared.curves[compared.curves["recipe"] == "ant"]
    np.testing.assert_allclose(drawn, ant["median"])
    assert ant["compute"].iloc[-1] == pytest.approx(1e24)
    plt.close(figure)


def further(law, columns):
    """Return a fit of two families under a law that reads more than the scale of a run; its draws are the prior's."""
    frame = simulated.ladder(per_family=8).query("family != 'cat'")
    return simulated.fit_of(make_spec(law, groups=["family"]), frame.assign(**columns(frame)), draws=50)


def test_what_a_law_reads_beside_the_scale_is_held():
    rows = np.arange(16)
    fit = further("step_law", lambda _: {"lr": 1e-3 * (1 + rows % 3), "batch": 5e5 * (1 + rows % 2)})
    at, held = {"params": 1e10, "tokens": 2e11}, {"lr": 1e-3, "batch": 1e6}
    by_hold, by_at = (compare_recipes(fit, ["ant", "bee"], **part) for part in
                      ({"at": at, "hold": held}, {"at": {**at, **held}}))  # fmt: skip
    pd.testing.assert_frame_equal(by_hold.table, by_at.table)
    pd.testing.assert_frame_equal(by_hold.curves, by_at.curves)
    along = compare_recipes(fit, ["ant", "bee"], at={"compute": 1.2e22}, tokens_per_param=20, hold=held)
    assert along.table["means"].iloc[1] == "unknown: no path ties lr, batch to compute"
    np.testing.assert_allclose(along.table["p"].iloc[0], by_at.table["p"].iloc[0])
    with pytest.raises(ForecastError, match=r"also reads lr \(peak learning rate\), batch \(.*hold="):
        compare_recipes(fit, ["ant", "bee"], at=at)


def test_a_small_run_sees_no_more_unique_tokens_than_tokens():
    fit = further("data_constrained", lambda f: {"unique_tokens": f["tokens"] / (1 + 3 * (np.arange(len(f)) % 2))})
    at, scarce = {"params": 1e10, "tokens": 2e11}, {"unique_tokens": 5e10}
    made = compare_recipes(fit, ["ant", "bee"], at=at, hold=scarce)
    same = compare_recipes(fit, ["ant", "bee"], at={**at, **scarce})
    pd.testing.assert_frame_equal(made.table, same.table)
    assert same.small["unique_tokens"] == pytest.approx(same.small["tokens"])
    point = {"family": ["ant", "bee"], **same.small}
    small = bs.forecast(fit, point, kind="law").draws
    assert made.table["p"].iloc[2] == pytest.approx((small[:, 0] < small[:, 1]).mean())
    asked = question_of(fit, families=["ant", "bee"], before=1e23, tokens_per_param=20, hold={"unique_tokens": 1e10})
    points = asked.points
    assert (points["unique_tokens"] <= np.sqrt(points["compute"] / 120) * 20 * (1 + 1e-9)).all()
    assert points["unique_tokens"].max() == 1e10


@pytest.mark.parametrize(("hold", "at"), [({"familly": "ant"}, {}), ({}, {"famly": "ant"})])
def test_misspelt_names_of_a_point_are_named(fit, hold, at):
    with pytest.raises(ForecastError, match="Did you mean 'family'"):
        compare_recipes(fit, ["ant", "bee"], at={**AT, **at}, hold=hold, tokens_per_param=20)
    with pytest.raises(ForecastError, match="Did you mean 'family'"):
        bs.next_run(fit, {"family": "ant", "params": 1e9, "tokens": 2e10}, families=["ant", "bee"], at={**AT, **at},
                    hold=hold, tokens_per_param=20)  # fmt: skip
