"""Samples needed in reinforcement learning: the frontier, its best ratio by brute force, a fit of data needed."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import bayes_scaling as bs
from bayes_scaling import compare, laws, plots
from bayes_scaling.check import residuals
from bayes_scaling.data.columns import OUTCOMES, on_log
from bayes_scaling.errors import ForecastError
from bayes_scaling.forecasts.reach import check_targets
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.model import make_spec
from bayes_scaling.model.priors import draw
from bayes_scaling.report import words
from bayes_scaling.report.catalogue import entry

XP = numpy_backend()
LAW = laws.get("utd_frontier")
TRUTH = LAW.from_published(XP, D_min=2e5, beta=4e6, alpha=0.8)
ASKED = {"params": 5e6, "batch": 256.0, "shrink": 0.4}


def test_the_form_of_the_paper():
    utd = np.array([0.5, 1.0, 16.0])
    np.testing.assert_allclose(LAW.mean(XP, utd=utd, **TRUTH), 2e5 + (4e6 / utd) ** 0.8, rtol=1e-12)
    assert LAW.mean(XP, utd=1e30, **TRUTH) == pytest.approx(2e5, rel=1e-9)


def test_compute_is_updates_times_their_cost():
    utd = np.array([0.5, 4.0])
    expected = 10 * 5e6 * (256 * utd**-0.4) * utd * (2e5 + (4e6 / utd) ** 0.8)
    np.testing.assert_allclose(LAW.compute_needed(XP, utd=utd, **ASKED, **TRUTH), expected, rtol=1e-12)


def test_more_updates_trade_compute_for_samples():
    """Along the frontier samples fall while compute rises, where the batch shrinks slowly enough."""
    rng = np.random.default_rng(1)
    sampled = {p.name: draw(p.prior, rng, (200, 1)) for p in LAW.parameters}
    utd = np.logspace(-1, 3, 40)
    assert (np.diff(LAW.mean(XP, utd=utd, **sampled), axis=1) <= 0).all()
    flat = {k: np.where(sampled["alpha"] < 0.6, v, np.nan) for k, v in sampled.items()}
    compute = LAW.compute_needed(XP, utd=utd, **ASKED, **flat)
    kept = compute[np.isfinite(compute).all(axis=1)]
    assert len(kept) > 30
    assert (np.diff(kept, axis=1) > 0).all()


def test_the_best_ratio_is_that_of_a_grid_and_grows_with_the_price_of_samples():
    price = np.array([1e8, 1e10, 1e12])
    best = LAW.best_utd(XP, **ASKED, price=price, **TRUTH)
    grid = np.logspace(-7, 7, 140_001)
    for at, found in zip(price, best, strict=True):
        cost = LAW.compute_needed(XP, utd=grid, **ASKED, **TRUTH) + at * LAW.mean(XP, utd=grid, **TRUTH)
        assert found == pytest.approx(grid[cost.argmin()], rel=1e-3)
    assert (np.diff(best) > 0).all()


def test_data_needed_is_an_outcome_on_the_log_scale():
    assert [o for o in OUTCOMES if on_log(o)] == ["loss", "data_needed"]
    rng = np.random.default_rng(2)
    utd = np.tile(2.0 ** np.arange(-1, 5), 4)
    needed = LAW.mean(XP, utd=utd, **TRUTH) * np.exp(0.05 * rng.standard_normal(len(utd)))
    frame = pd.DataFrame({"utd": utd, "data_needed": needed})
    fit = bs.ScalingModel("utd_frontier").fit(frame, random_seed=1)
    drawn = fit.values()
    for name, true in TRUTH.items():
        z = (np.log(drawn[name]).mean() - np.log(true)) / np.log(drawn[name]).std()
        assert abs(z) < 4, name
    table = residuals(fit)
    expected = np.log(table["observed"] / table["median"])
    np.testing.assert_allclose(table["residual"], expected, rtol=1e-12)
    found = bs.quantity(fit, "best_utd", {k: [v] for k, v in ASKED.items()} | {"price": [1e10]})
    truth = np.log(LAW.best_utd(XP, **ASKED, price=1e10, **TRUTH))
    assert abs(np.log(found.draws).mean() - truth) < 4 * np.log(found.draws).std()
    ahead = bs.forecast(fit, {"utd": 32.0})
    assert ahead.outcome == "data_needed"
    assert np.median(ahead.draws) == pytest.approx(LAW.mean(XP, utd=32.0, **TRUTH), rel=0.2)
    assert len(bs.forecast(fit, {"utd": [32.0], "data_needed": [0.0]}).draws), "its outcome is not read from points"
    with pytest.raises(ForecastError, match="target data_needed -1; expected a positive number of samples"):
        check_targets(fit, [-1.0])
    assert compare.widen(ahead, 2.0, source="a test").draws.std() > ahead.draws.std()
    found = bs.compare_laws(frame, backtest=True, settings=bs.SamplerSettings(draws=250), progressbar=False)
    error = found.backtests["utd_frontier"].frame["relative_error"].median()
    assert found.ranking["median_error"].tolist() == [error], "of samples, a share of them"


def test_pages_and_pictures_show_samples():
    assert words.outcome_unit(make_spec(LAW)) == " samples"
    assert (words.outcome(2134.2, "data_needed"), words.outcome(2.13421, "loss")) == ("2134", "2.134")
    captions = [b.caption for s in entry(LAW).sections for f in s.blocks for b in getattr(f, "blocks", ())]
    assert captions == ["Quantiles of the data_needed in samples"]
    _, axes = plots.law_curves(LAW)
    assert axes.get_yscale() == "log"
    assert axes.get_ylabel() == "samples needed"
    plt.close("all")
