"""Stacking weights against a direct optimiser, mixtures against their parts, widths from finished curves."""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from bayes_scaling.compare import Backtest, calibrate_width, law_weights, mixture, widen
from bayes_scaling.compare.scores import HeldOut, score_draws
from bayes_scaling.compare.stacking import mixed, stacking_weights
from bayes_scaling.errors import ForecastError
from bayes_scaling.forecasts import Forecast


def backtest_of(lpd, folds=1):
    rows = len(lpd)
    frame = pd.DataFrame(
        {
            "fold": np.arange(rows) % folds,
            "row": np.arange(rows),
            "unit": [f"run {i // 2}" for i in range(rows)],
            "lpd": lpd,
        }
    )
    listed = pd.DataFrame({"fold": np.arange(folds), "gap": "", "ok": True})
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
    assert found.blocks == 30
    assert table.loc["good", "weight"] > 0.8
    assert (table["lower"] <= table["weight"]).all()
    assert (table["weight"] <= table["upper"]).all()
    assert table.loc["good", "lpd"] == pytest.approx(good.mean())
    assert sum(found.as_dict().values()) == pytest.approx(1)


def test_few_blocks_give_equal_weights_and_say_so():
    found = law_weights({"a": backtest_of(np.zeros(10)), "b": backtest_of(np.ones(10))})
    assert found.as_dict() == {"a": 0.5, "b": 0.5}
    assert "5 blocks are too few" in " ".join(found.notes)


def test_missing_rows_are_told():
    found = law_weights({"a": backtest_of(np.zeros(40)), "b": backtest_of(np.ones(30))})
    assert "30 held-out rows that every law forecast, of 40" in " ".join(found.notes)
    with pytest.raises(ForecastError, match="at least two laws"):
        law_weights({"a": backtest_of(np.zeros(4))})


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


def test_a_widened_forecast_says_so():
    rng = np.random.default_rng(0)
    one = forecast_of(np.exp(0.1 * rng.standard_normal((2000, 2))))
    found = widen(one, 2.0, source="task")
    assert np.log(found.draws).std() == pytest.approx(2 * np.log(one.draws).std(), rel=1e-3)
    np.testing.assert_allclose(found.median, one.median, rtol=1e-3)
    assert "width factor 2, learned from finished curves of other task" in found.title
    with pytest.raises(ForecastError, match="positive"):
        widen(one, 0.0, source="task")
