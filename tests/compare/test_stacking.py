"""Stacking weights against a direct optimiser, mixtures against their parts, widths from finished curves."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import simulated
from scipy import optimize, stats

from bayes_scaling.check import Loo
from bayes_scaling.compare import Backtest, calibrate_width, law_weights, mixture, widen
from bayes_scaling.compare.joined import common_rows, common_units
from bayes_scaling.compare.scores import HeldOut, score_draws
from bayes_scaling.compare.stacking import mixed, stacking_weights
from bayes_scaling.errors import ForecastError
from bayes_scaling.forecasts import Forecast
from bayes_scaling.model import make_spec


def backtest_of(lpd, folds=1, **columns):
    """Return a backtest of two rows per run, each row held out in every fold."""
    rows = np.tile(np.arange(len(lpd)), folds)
    fold = np.repeat([f"fold {k}" for k in range(folds)], len(lpd))
    frame = pd.DataFrame({"fold": fold, "row": rows, "table_row": rows, "unit": [f"run {i // 2}" for i in rows]})
    frame = frame.assign(observed=2 + rows / 100, cut=1e20, lpd=np.tile(lpd, folds)).assign(**columns)
    listed = pd.DataFrame({"fold": frame["fold"].unique(), "gap": "", "ok": True})
    return Backtest(frame, listed, "loss", "compute", "run", (0.9,), {})


@pytest.mark.parametrize("shrinkage", [0.0, 5.0])
def test_weights_maximise_the_mixture(shrinkage):
    rng = np.random.default_rng(1)
    density = rng.normal([0.0, 0.3, -0.5], 1.0, (40, 3))
    block = np.repeat(np.arange(16), [1, 4] * 8)

    def loss(free):
        w = np.exp(free - np.logaddexp.reduce(free))
        mixed_density = np.log(np.exp(density) @ w)
        fit = pd.Series(mixed_density).groupby(block).mean().sum()
        return -(fit + shrinkage / 3 * np.log(w).sum())

    best = optimize.minimize(loss, np.zeros(3), method="BFGS", options={"gtol": 1e-8})
    expected = np.exp(best.x - np.logaddexp.reduce(best.x))
    np.testing.assert_allclose(stacking_weights(density, block, shrinkage=shrinkage), expected, atol=2e-4)


def test_a_law_that_is_always_better_gets_the_weight_the_prior_leaves():
    density = np.tile([0.0, -50.0], (20, 1))
    np.testing.assert_allclose(stacking_weights(density, shrinkage=5.0), [22.5 / 25, 2.5 / 25], atol=1e-9)


def test_weights_from_backtests():
    rng = np.random.default_rng(2)
    good, bad = rng.normal(2, 0.3, 60), rng.normal(1, 0.3, 60)
    found = law_weights({"good": backtest_of(good), "bad": backtest_of(bad)})
    table = found.table.set_index("law")
    assert (found.units, found.blocks) == (30, 30)
    assert table.loc["good", "weight"] > 0.8
    assert (table["lower"] <= table["weight"]).all()
    assert (table["weight"] <= table["upper"]).all()
    assert table.loc["good", "lpd"] == pytest.approx(good.mean())
    assert sum(found.as_dict().values()) == pytest.approx(1)


def test_few_units_give_equal_weights_and_say_so():
    laws = {"a": backtest_of(np.zeros(10), folds=8), "b": backtest_of(np.ones(10), folds=8)}
    found = law_weights(laws)
    assert found.as_dict() == {"a": 0.5, "b": 0.5}
    assert (found.units, found.blocks) == (5, 40)
    assert "5 units (40 blocks of unit and fold) are too few" in " ".join(found.notes)
    assert "2 laws from 5 units in 40 blocks" in repr(found)


def test_repeated_folds_are_no_further_evidence():
    rng = np.random.default_rng(5)
    a, b = rng.normal(0.3, 1.0, 24), np.zeros(24)
    once, often = (law_weights({"a": backtest_of(a, n), "b": backtest_of(b, n)}) for n in (1, 8))
    assert (once.units, often.units) == (12, 12)
    assert (once.blocks, often.blocks) == (12, 96)
    columns = ["weight", "lower", "upper", "lpd"]
    np.testing.assert_allclose(often.table[columns], once.table[columns], atol=1e-9)


def test_a_block_weighs_one_over_the_folds_of_its_unit():
    rng = np.random.default_rng(1)
    density, unit = rng.normal([0.0, 0.3], 1.0, (30, 2)), np.repeat(np.arange(10), [1, 5] * 5)
    block = np.arange(30)

    def loss(w):
        by_unit = pd.Series(np.log(np.exp(density) @ [w, 1 - w])).groupby(unit).mean().sum()
        return -(by_unit + 2.5 * np.log(w) + 2.5 * np.log(1 - w))

    best = optimize.minimize_scalar(loss, bounds=(1e-6, 1 - 1e-6), method="bounded", options={"xatol": 1e-10}).x
    assert stacking_weights(density, block, unit)[0] == pytest.approx(best, abs=1e-4)


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ([np.nan, 0.0], "2 have a log density that is missing or infinite under some law, and 0 have"),
        ([np.inf, 0.0], "2 have a log density that is missing"),
        ([-np.inf, -np.inf], "and 2 have density zero under every law"),
    ],
)
def test_rows_without_a_density_are_named(bad, told):
    density = np.zeros((12, 2))
    density[[3, 5]] = bad
    with pytest.raises(ForecastError, match=f"of 12 rows, .*{told}"):
        stacking_weights(density)
    density[[3, 5]] = [0.0, -np.inf]
    assert np.isfinite(stacking_weights(density)).all()


def test_missing_rows_are_told():
    found = law_weights({"a": backtest_of(np.zeros(40)), "b": backtest_of(np.ones(30))})
    assert "30 held-out rows that every law forecast, of 40" in " ".join(found.notes)
    with pytest.raises(ForecastError, match="at least two laws"):
        law_weights({"a": backtest_of(np.zeros(4))})


def test_rows_are_joined_by_their_index_in_the_table():
    a = backtest_of(np.arange(36.0))
    less = a.frame.iloc[1:].assign(row=np.arange(35), unit=[f"row {i}" for i in range(35)])  # one row fewer is used
    joined, _ = common_rows({"a": a, "b": replace(a, frame=less)})
    assert len(joined) == 35
    np.testing.assert_array_equal(joined["a"], joined["b"])
    assert joined["unit"].tolist() == a.frame["unit"].tolist()[1:]


def test_rows_of_other_tables_are_refused():
    a = backtest_of(np.arange(36.0))
    other = a.frame.iloc[1:].assign(table_row=np.arange(35))
    with pytest.raises(
        ForecastError, match="35 of 35 held-out rows of a and b have the same index but another outcome"
    ):
        law_weights({"a": a, "b": replace(a, frame=other)})


def test_folds_of_one_name_but_other_cuts_are_told():
    laws = {"a": backtest_of(np.zeros(40)), "b": backtest_of(np.ones(40), cut=3e19)}
    assert "a and b were cut at different scales in fold 0" in " ".join(law_weights(laws).notes)


def test_left_out_units_are_joined_by_their_rows(monkeypatch):
    frame = simulated.ladder(per_family=4).assign(compute=lambda t: 6 * t["params"] * t["tokens"])
    spec = make_spec("power_law", noise={"observation": "normal"})
    fits = {"a": simulated.fit_of(spec, frame.drop(index=3)), "b": simulated.fit_of(spec, frame.drop(index=7))}

    def loo(fit):  # log density that says which row it is of
        pointwise = pd.DataFrame({"unit": np.arange(11).astype(str), "elpd": fit.frame["loss"], "pareto_k": 0.0})
        return Loo(pd.DataFrame([{"unit": "row", "bad_k": 0}]), pointwise, np.arange(11))

    monkeypatch.setattr("bayes_scaling.check.loo", loo)
    density, notes = common_units(fits, ["a", "b"])
    np.testing.assert_array_equal(density[:, 0], density[:, 1])
    assert density[:, 0].tolist() == frame["loss"].drop(index=[3, 7]).tolist()
    assert notes == ["loo_weight rests on the 10 units of every fit, of 11."]


def forecast_of(draws, **changed):
    points = pd.DataFrame({"compute": [1e22, 1e23]})
    given = {"kind": "response", "outcome": "loss", "levels": (0.9,), "interval": "eti", **changed}
    return Forecast(points, draws, mcse_median=np.full(2, np.nan), **given)


def test_a_mixture_is_a_forecast():
    rng = np.random.default_rng(0)
    a, b = (forecast_of(m + 0.01 * rng.standard_normal((1000, 2))) for m in (2.0, 3.0))
    found = mixture({"a": a, "b": b}, {"a": 0.75, "b": 0.25})
    assert found.draws.shape == (1000, 2)
    assert (found.draws > 2.5).mean() == 0.25
    assert ((found.draws > 2.5).all(axis=1) | (found.draws < 2.5).all(axis=1)).all()  # a draw keeps its points
    assert found.table["level"].unique() == [0.9]
    assert found.title == "mixture of a 0.75, b 0.25"
    with pytest.raises(ForecastError, match="name the same laws"):
        mixture({"a": a, "b": b}, {"a": 1.0})
    with pytest.raises(ForecastError, match="other points, outcome or kind"):
        mixture({"a": a, "b": forecast_of(b.draws, kind="law")}, {"a": 0.5, "b": 0.5})


def test_the_density_of_a_mixture_is_exact():
    y = np.array([0.3, 1.0])
    frame = pd.DataFrame({"compute": [1e22, 1e23]})
    rng = np.random.default_rng(0)
    parts = [
        HeldOut(
            frame, y, np.exp(m + rng.standard_normal((500, 2))), stats.lognorm(1, scale=np.exp(m)).logpdf(y), "loss"
        )
        for m in (0.0, 1.0)
    ]
    found = mixed(parts, np.array([0.4, 0.6]))
    expected = np.log(0.4 * np.exp(parts[0].lpd) + 0.6 * np.exp(parts[1].lpd))
    np.testing.assert_allclose(found.lpd, expected)
    assert score_draws(found)["lpd"].tolist() == pytest.approx(expected.tolist())


def finished(factor, seed=3):
    """Scores of four groups of curves whose observations scatter `factor` times as much as forecast."""
    rng = np.random.default_rng(seed)
    group, sd, rows = np.repeat(list("abcd"), 500), 0.02, 2000
    y = np.exp(factor * sd * rng.standard_normal(rows))
    z = stats.norm.ppf(0.95)
    low, high = np.full(rows, np.exp(-z * sd)), np.full(rows, np.exp(z * sd))
    run = [f"{g}{i % 25}" for i, g in enumerate(group)]
    frame = pd.DataFrame({"group": group, "run": run, "observed": y, "median": 1.0, "lower": low, "upper": high})
    return frame.assign(covered=(y >= low) & (y <= high), width=high - low, level=0.9, lpd=1.0)


def test_width_factor_from_other_groups():
    found = calibrate_width(finished(2.0), by="group")
    np.testing.assert_allclose(found["width_factor"], 2.0, rtol=0.1)
    assert found["covered"].mean() == pytest.approx(0.9, abs=3 * np.sqrt(0.09 / 2000) + 0.01)
    assert found["calibration"].str.contains("learned from finished curves of other group").all()
    assert "lpd" not in found


def test_a_group_is_not_calibrated_by_itself():
    scores = finished(1.0)
    scores.loc[scores["group"] == "a", "observed"] = 1.5
    found = calibrate_width(scores, by="group").groupby("group")["width_factor"].first()
    assert found["a"] == pytest.approx(1.0, rel=0.1)
    assert found["b"] > 5


def test_widths_are_refused_where_nothing_can_be_learned():
    scores = finished(1.0)
    with pytest.raises(ForecastError, match="at least two"):
        calibrate_width(scores.assign(group="a"), by="group")
    with pytest.raises(ForecastError, match="'task'"):
        calibrate_width(scores, by="task")
    with pytest.raises(ForecastError, match="level"):
        calibrate_width(scores, by="group", level=0.5)


def test_every_level_is_stretched_by_its_own_factor():
    scores, sd = finished(2.0), 0.02
    z = stats.norm.ppf(0.75)
    scores = scores.assign(lower_50=np.exp(-z * sd / 2), upper_50=np.exp(z * sd / 2), covered_50=False, width_50=1.0)
    found = calibrate_width(scores, by="group")
    np.testing.assert_allclose(found["width_factor"], 2.0, rtol=0.1)
    np.testing.assert_allclose(found["width_factor_50"], 4.0, rtol=0.1)
    assert found["covered_50"].mean() == pytest.approx(0.5, abs=0.05)
    np.testing.assert_allclose(found["width_50"], found["upper_50"] - found["lower_50"])


def test_widths_of_a_backtest():
    scores = finished(2.0)
    ours = scores.rename(columns={c: f"{c}_90" for c in ("lower", "upper", "covered", "width")}).drop(columns="level")
    found, plain = calibrate_width(ours, by="group"), calibrate_width(scores, by="group")
    for name in ("lower", "upper", "covered", "width"):
        np.testing.assert_array_equal(found[f"{name}_90"], plain[name])
    np.testing.assert_array_equal(found["width_factor"], plain["width_factor"])
    assert found["calibration"].tolist() == plain["calibration"].tolist()
    with pytest.raises(ForecastError, match=r"of level 0.9, not 0.5"):
        calibrate_width(ours, by="group", level=0.5)
    with pytest.raises(ForecastError, match="'lower_90' and 'upper_90', as a backtest"):
        calibrate_width(ours.drop(columns="lower_90"), by="group")


@pytest.mark.parametrize("column", ["group", "run", "observed", "lower"])
def test_a_row_with_a_gap_gets_no_factor(column):
    scores = finished(1.0)
    scores.loc[[3, 4], column] = None
    with pytest.raises(ForecastError, match=f"column '{column}' is missing in 2 of 2000 rows"):
        calibrate_width(scores, by="group")


def test_a_widened_forecast_says_so():
    rng = np.random.default_rng(0)
    one = forecast_of(np.exp(0.1 * rng.standard_normal((2000, 2))))
    found = widen(one, 2.0, source="task")
    assert np.log(found.draws).std() == pytest.approx(2 * np.log(one.draws).std(), rel=1e-3)
    np.testing.assert_allclose(found.median, one.median, rtol=1e-3)
    assert "width factor 2, learned from finished curves of other task" in found.title
    with pytest.raises(ForecastError, match="positive"):
        widen(one, 0.0, source="task")


def test_a_curve_of_several_groups_is_not_learned_from_itself():
    scores = pd.DataFrame({
        "fold": ["near", "near", "far", "far"], "run": ["a", "b", "a", "c"], "observed": [1.0, 1.0, 1.0, 1.0],
        "median": [1.1, 1.2, 1.3, 1.05], "lower": 0.9, "upper": 1.3, "covered": True, "width": 0.4,
    })  # fmt: skip
    found = calibrate_width(scores, by="fold")["width_factor"].to_numpy()
    up, down = np.log(scores["upper"] / scores["median"]), np.log(scores["median"] / scores["lower"])
    needed = np.where(scores["median"] < 1, np.abs(np.log(scores["median"])) / up, np.log(scores["median"]) / down)
    alone = {"b": needed[1], "c": needed[3]}
    assert found[:2] == pytest.approx(alone["c"])  # not from the far row of a
    assert found[2:] == pytest.approx(alone["b"])
    with pytest.raises(ForecastError, match="no finished curve is left"):
        calibrate_width(scores[scores["run"] == "a"], by="fold")


def test_stretched_intervals_hold_each_other():
    rng = np.random.default_rng(0)
    y, half = np.exp(0.3 * rng.standard_normal(40)), {50: 0.3, 90: 0.2}
    scores = pd.DataFrame({"task": np.repeat(["a", "b"], 20), "run": np.arange(40), "observed": y, "median": 1.0})
    for level, width in half.items():  # intervals of 50 % are too wide, those of 90 % too narrow
        low, high = np.exp(-width), np.exp(width)
        inside = (y > low) & (y < high)
        columns = {
            f"lower_{level}": low,
            f"upper_{level}": high,
            f"covered_{level}": inside,
            f"width_{level}": high - low,
        }
        scores = scores.assign(**columns)
    found = calibrate_width(scores, by="task")
    assert (found["lower_90"] <= found["lower_50"]).all()
    assert (found["upper_90"] >= found["upper_50"]).all()
