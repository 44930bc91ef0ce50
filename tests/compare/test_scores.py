"""Scores against closed forms, and coverage whose interval is a bootstrap over units."""

import numpy as np
import pandas as pd
import pytest
import simulated
from scipy import stats

from bayes_scaling.compare import coverage, crps, score
from bayes_scaling.errors import ForecastError
from bayes_scaling.model import make_spec


def test_crps_of_a_normal_forecast():
    draws = np.random.default_rng(0).standard_normal((40_000, 1)) * 2 + 1
    for y in (-3.0, 1.0, 2.5):
        z = (y - 1) / 2
        exact = 2 * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi))
        error = 4 * 2 / np.sqrt(40_000)  # |X - y| has an sd of at most 2
        assert crps(draws, np.array([y]))[0] == pytest.approx(exact, abs=error)


def test_crps_equals_its_definition():
    rng = np.random.default_rng(1)
    draws, y = rng.lognormal(size=(60, 4)), rng.lognormal(size=4)
    apart = np.abs(draws[:, None, :] - draws[None, :, :]).mean(axis=(0, 1))
    np.testing.assert_allclose(crps(draws, y), np.abs(draws - y).mean(axis=0) - apart / 2, rtol=1e-12)


def test_crps_of_a_point_forecast_is_its_error():
    np.testing.assert_allclose(crps(np.full((10, 2), 3.0), np.array([1.0, 3.5])), [2.0, 0.5])


@pytest.fixture(scope="module")
def known():
    """A power law that is known exactly, with normal noise of 0.05 in log loss."""
    frame = simulated.ladder().assign(compute=lambda t: 6 * t["params"] * t["tokens"])
    values = simulated.constant(2000, E=1.7, A_ref=0.5, alpha=0.2, sigma=0.05)
    return simulated.fit_of(make_spec("power_law", noise={"observation": "normal"}), frame, values, draws=1000)


def test_scores_of_a_known_law(known):
    compute = np.logspace(20, 24, 300)
    rng = np.random.default_rng(2)
    law = 1.7 + 0.5 * (compute / 1e21) ** -0.2
    held_out = pd.DataFrame({"compute": compute, "loss": law * np.exp(0.05 * rng.standard_normal(300))})
    table = score(known, held_out)
    logs = np.log(held_out["loss"])
    lpd = stats.norm.logpdf(logs, np.log(law), 0.05) - logs
    np.testing.assert_allclose(table["lpd"], lpd, rtol=1e-8, atol=1e-8)
    z = ((logs - np.log(law)) / 0.05).to_numpy()
    exact = 0.05 * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi))
    np.testing.assert_allclose(table["crps"], exact, atol=4 * 0.05 / np.sqrt(2000))
    assert table["covered"].mean() == pytest.approx(0.9, abs=3 * np.sqrt(0.09 / 300) + 0.01)
    assert stats.kstest(table["pit"], "uniform").pvalue > 1e-4
    np.testing.assert_allclose(table["width"], law * 2 * np.sinh(1.645 * 0.05), rtol=0.15)
    assert set(table["observed"]) == set(held_out["loss"])


def test_scores_need_an_outcome(known):
    with pytest.raises(ForecastError, match="'loss'"):
        score(known, pd.DataFrame({"compute": [1e21]}))
    with pytest.raises(ForecastError, match="'loss'"):
        score(known, pd.DataFrame({"compute": [1e21, 2e21], "loss": [2.0, np.nan]}))


def test_scores_of_an_unknown_family(fit):
    rows = simulated.ladder(per_family=4, seed=5)
    strange = rows.assign(family="dog")
    with pytest.raises(ForecastError, match="'dog' was not fitted"):
        score(fit, strange)
    wide = score(fit, strange, new_groups="population")
    assert wide["width"].mean() > score(fit, rows)["width"].mean()


def test_held_out_rows_of_fitted_families_are_covered(fit):
    table = score(fit, simulated.ladder(per_family=60, seed=6))
    low, high = stats.binom(180, 0.9).ppf([0.0005, 0.9995]) / 180  # the fit's own error adds to this
    assert low - 0.05 < table["covered"].mean() < high + 0.05
    assert table["relative_error"].median() < 0.03


def scores(covered, unit):
    return pd.DataFrame({"covered": covered, "unit": unit, "width": 1.0})


def test_coverage_is_the_share_of_rows_with_a_binomial_interval():
    covered = np.repeat([True, False], [180, 20])
    found = coverage(scores(covered, "x"))
    assert found["coverage"] == pytest.approx(0.9)
    half = 1.645 * np.sqrt(0.9 * 0.1 / 200)
    assert found["lo"] == pytest.approx(0.9 - half, abs=0.012)
    assert found["hi"] == pytest.approx(0.9 + half, abs=0.012)
    assert (found["units"], found["rows"], found["width"]) == (200, 200, 1.0)


def test_coverage_resamples_whole_units():
    covered = np.repeat(np.arange(10) < 8, 50)  # ten curves, each right or wrong as a whole
    unit = np.repeat([f"curve {i}" for i in range(10)], 50)
    by_row, by_unit = coverage(scores(covered, unit)), coverage(scores(covered, unit), unit="unit")
    assert by_unit["coverage"] == by_row["coverage"] == pytest.approx(0.8)
    assert by_unit["units"] == 10
    assert by_unit["hi"] - by_unit["lo"] > 4 * (by_row["hi"] - by_row["lo"])  # sqrt(50) in theory
    assert by_unit["lo"] == pytest.approx(stats.binom(10, 0.8).ppf(0.05) / 10, abs=0.11)


def test_coverage_is_the_same_with_the_same_seed():
    rng = np.random.default_rng(0)
    table = scores(rng.random(50) < 0.9, rng.integers(0, 9, 50))
    assert coverage(table, unit="unit", random_seed=3) == coverage(table, unit="unit", random_seed=3)


@pytest.mark.parametrize("units", [3, 40])
def test_coverage_of_all_or_none_has_an_exact_interval(units):
    names = np.repeat([f"curve {i}" for i in range(units)], 5)
    every, none = (coverage(scores([c] * (5 * units), names), unit="unit", level=0.8) for c in (True, False))
    interval = stats.binomtest(units, units).proportion_ci(0.8, method="exact")
    assert (every["coverage"], every["hi"], every["units"]) == (1.0, 1.0, units)
    assert every["lo"] == pytest.approx(interval.low)
    assert (none["lo"], none["hi"]) == (0.0, pytest.approx(1 - interval.low))
    assert np.isnan(coverage(scores([True, True], "x"), unit="unit")["lo"]), "one unit says nothing of others"


def test_rows_without_a_unit_are_told():
    with pytest.raises(ForecastError, match="column 'unit' is missing in 1 of 3 rows"):
        coverage(scores([True, False, True], ["a", None, "b"]), unit="unit")
