"""Prior and posterior predictive checks, and residuals, against what is known."""

import numpy as np
import pytest
import simulated
from scipy import stats

from bayes_scaling.check import posterior_predictive, predictive_table, prior_predictive, range_table, residuals
from bayes_scaling.errors import ForecastError


def test_posterior_predictive_covers_the_rows(fit):
    table = predictive_table(posterior_predictive(fit))
    row = table.iloc[0]
    assert row["n"] == 36
    assert row["coverage"] >= stats.binom(36, 0.9).ppf(0.001) / 36
    assert abs(row["z"]) < 4
    by_family = predictive_table(posterior_predictive(fit), by="family")
    assert list(by_family["family"]) == ["ant", "bee", "cat"]
    assert by_family["n"].sum() == 36
    assert (by_family["z"].abs() < 4).all()


def test_a_wrong_law_shows_in_the_residuals(fit):
    predictive = posterior_predictive(fit)
    wrong = type(predictive)(**{**vars(predictive), "draws": predictive.draws * 1.2})
    row = predictive_table(wrong).iloc[0]
    assert row["coverage"] < 0.2
    assert row["mean_residual"] == pytest.approx(-np.log(1.2), abs=0.02)
    assert row["z"] < -10


def test_residuals_are_those_of_the_definition(fit):
    predictive = posterior_predictive(fit)
    table = residuals(predictive, level=0.5)
    y, draws = fit.frame["loss"].to_numpy(), predictive.draws
    np.testing.assert_allclose(table["residual"], np.log(y / np.median(draws, axis=0)))
    np.testing.assert_allclose(table["pit"], (draws < y).mean(axis=0), atol=1e-3)
    np.testing.assert_array_equal(table["covered"], (y >= table["lower"]) & (y <= table["upper"]))
    assert table["covered"].mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(36))


def test_residuals_of_accuracy_are_points(crossed_fit):
    predictive = posterior_predictive(crossed_fit)
    table = residuals(predictive)
    expected = 100 * (predictive.observed - np.median(predictive.draws, axis=0))
    np.testing.assert_allclose(table["residual"], expected)
    assert predictive.unit == "accuracy (fraction)"


def test_prior_predictive_stands_beside_the_data(spec, ladder):
    predictive = prior_predictive(spec, ladder, draws=300)
    assert predictive.draws.shape == (300, 36)
    table = range_table(predictive)
    assert list(table.index) == ["simulated", "data"]
    assert (np.diff(table.loc["simulated", ["q05", "q25", "q50", "q75", "q95"]].astype(float)) > 0).all()
    assert table.loc["simulated", "q05"] < table.loc["data", "q05"]
    assert table.loc["simulated", "q95"] > table.loc["data", "q95"]
    assert (table["unit"] == "nats per token").all()
    again = prior_predictive(spec, ladder, draws=300)
    np.testing.assert_array_equal(predictive.draws, again.draws)


def test_prior_predictive_does_not_look_at_the_outcome(spec, ladder):
    other = ladder.assign(loss=ladder["loss"] + 1)
    np.testing.assert_array_equal(
        prior_predictive(spec, ladder, draws=50).draws, prior_predictive(spec, other, draws=50).draws
    )


def test_replicates_of_fitted_runs_keep_their_effect(crossed_fit):
    many = simulated.fit_of(simulated.crossed_spec(), simulated.benchmarks().assign(n_items=1e6), draws=200)
    assert many.spec.noise.run_effect
    predictive = posterior_predictive(many, draws=None)
    frame = many.frame
    one = np.flatnonzero(frame["run"] == frame["run"].iloc[0])
    assert len(one) == 2
    assert predictive.draws.shape == (400, len(frame))
    assert predictive.source == "posterior"


def test_a_fit_stands_for_its_posterior_predictive(fit):
    assert residuals(fit).equals(residuals(posterior_predictive(fit)))
    assert predictive_table(fit)["n"].item() == len(fit.frame)
    with pytest.raises(ForecastError, match=r"found a DataFrame; expected a Fit"):
        residuals(fit.frame)


def test_an_unknown_column_is_named(fit):
    with pytest.raises(ForecastError, match="no column 'famly'"):
        predictive_table(posterior_predictive(fit), by="famly")
