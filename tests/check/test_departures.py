"""Departures from the law: rows against the law by hand, and the band that dense normal distributions give."""

import numpy as np
import pandas as pd
import pytest
import simulated

from bayes_scaling.check import departures, law_residuals, spread_paths
from bayes_scaling.errors import ForecastError
from bayes_scaling.model import make_spec

DRAWS = 400
TRUTH = {"E": 1.5, "A_ref": 0.7, "alpha": 0.15, "sigma": 0.01, "discrepancy_sd": 0.05, "discrepancy_length": 0.6}
SIZES = {"calm": 0.005, "wild": 0.08, "usual": 0.02}


def runs():
    """Return three runs whose rows depart from one law by a wave of their own size."""
    compute = np.geomspace(1e19, 1e21, 10)
    law = 1.5 + 0.7 * (compute / 1e21) ** -0.15
    wave = np.sin(np.linspace(0, 5, 10))
    parts = [pd.DataFrame({"run": r, "compute": compute, "loss": law * np.exp(s * wave)}) for r, s in SIZES.items()]
    return pd.concat(parts, ignore_index=True).sample(frac=1, random_state=1)


@pytest.fixture(scope="module")
def fit():
    """A fit without uncertainty of the law: only the departure is unknown."""
    spec = make_spec("power_law", noise={"discrepancy": {"kind": "ou", "over": "compute"}})
    return simulated.fit_of(spec, runs(), simulated.constant(DRAWS, **TRUTH), draws=DRAWS // 2)


def test_residuals_are_those_of_the_rows(fit):
    table = law_residuals(fit)
    law = 1.5 + 0.7 * (table["compute"] / 1e21) ** -0.15
    np.testing.assert_allclose(table["residual"], np.log(table["loss"] / law), atol=1e-9)
    assert (table["path"] == table["run"]).all()
    assert set(law_residuals(fit, paths=["wild"])["run"]) == {"wild"}


def test_the_band_is_that_of_a_dense_normal(fit):
    table = departures(fit, paths=["wild"], draws=None)
    rows = law_residuals(fit, paths=["wild"])
    seen, at = np.log10(rows["compute"].to_numpy()), np.log10(table["compute"].to_numpy())
    assert {*np.round(seen, 9)} <= {*np.round(at, 9)}
    assert len(at) == 68  # 60 scales, of which the ends are rows, and the other 8

    def covariance(a, b):
        return 0.05**2 * np.exp(-np.abs(a[:, None] - b) / 0.6)

    weights = covariance(at, seen) @ np.linalg.inv(covariance(seen, seen) + 0.01**2 * np.eye(len(seen)))
    mean = weights @ rows["residual"].to_numpy()
    sd = np.sqrt(np.diag(covariance(at, at) - weights @ covariance(seen, at)))
    error = sd * 2.1 / np.sqrt(DRAWS)  # of a 5 % quantile: sqrt(0.05 x 0.95) / density / sqrt(draws)
    assert (np.abs(table["median"] - mean) < 4.5 * error).all()
    for column, sign in (("lower", -1), ("upper", 1)):
        assert (np.abs(table[column] - mean - sign * 1.645 * sd) < 4.5 * error).all()
    assert set(table["interval"]) == {"eti"}
    assert set(table["level"]) == {0.9}


def test_paths_are_chosen_from_the_least_to_the_largest_departure(fit):
    assert spread_paths(fit, 12) == ["calm", "usual", "wild"]
    assert spread_paths(fit, 2) == ["calm", "wild"]


def test_departures_of_accuracy_at_knots():
    noise = {"discrepancy": {"kind": "wiener", "by": "family"}}
    spec, frame = make_spec("sigmoid", noise=noise), simulated.benchmarks()
    bare = simulated.fit_of(spec, frame, draws=10)
    jitter = 1e-9 * np.random.default_rng(0).standard_normal((20, *bare.paths.knots.shape))
    knots = np.linspace(-0.5, 0.5, bare.paths.knots.shape[1]) + jitter
    made = simulated.fit_of(spec, frame, {"discrepancy": knots}, draws=10)
    table = departures(made, paths=["ant"])
    first = made.paths.knots[0]
    ends = table["median"].iloc[[0, -1]].to_numpy()
    np.testing.assert_allclose(ends, [-0.5, knots[0, 0, len(np.unique(first)) - 1]], atol=1e-5)
    assert np.isfinite(law_residuals(made)["residual"]).all()


def test_what_is_wrong_is_named(fit):
    with pytest.raises(ForecastError, match="'wild'"):
        departures(fit, paths=["wilt"])
    with pytest.raises(ForecastError, match="no law discrepancy"):
        law_residuals(simulated.fit_of(make_spec("chinchilla"), simulated.ladder(), draws=10))
