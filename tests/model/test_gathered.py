"""Rows that stand for several checkpoints: their density is that of the checkpoints, a forecast is of one."""

import numpy as np
import pandas as pd
import pytest
import simulated

from bayes_scaling.data import thin
from bayes_scaling.data.thinning import Stretches
from bayes_scaling.errors import CardError, DataError
from bayes_scaling.fit.importance import Posterior, Weighted, effective, importance_draws
from bayes_scaling.forecasts import forecast
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.model import encode, make_spec
from bayes_scaling.model.discrepancy import Discrepancy, make_paths, transitions
from bayes_scaling.model.gathered import of_averages, scatter_density
from bayes_scaling.model.state_space import path_density

XP, KNOTS = numpy_backend(), 75
TRUTH = {"E": 1.5, "A_ref": 0.7, "alpha": 0.15, "sigma": 0.01, "discrepancy_sd": 0.01, "discrepancy_length": 0.5}
OU = make_spec("power_law", reference={"compute": 1e21}, noise={"discrepancy": "ou"})


def dense(kind, t, origin):
    """Return the covariance of a departure at positions t."""
    if kind == "ou":
        return TRUTH["discrepancy_sd"] ** 2 * np.exp(-np.abs(t[:, None] - t) / TRUTH["discrepancy_length"])
    return TRUTH["discrepancy_sd"] ** 2 * (1 + np.minimum(t[:, None], t) - origin)


def one_run(count=400, seed=0):
    """Return checkpoints of one run that departs from its law."""
    rng, t = np.random.default_rng(seed), np.linspace(20, 23, count)
    path = np.linalg.cholesky(dense("ou", t, 20) + 1e-14 * np.eye(count)) @ rng.standard_normal(count)
    law = TRUTH["E"] + TRUTH["A_ref"] * 10 ** (-TRUTH["alpha"] * (t - 21))
    loss = law * np.exp(path + TRUTH["sigma"] * rng.standard_normal(count))
    return pd.DataFrame({"run": "r", "compute": 10**t, "loss": loss})


@pytest.mark.parametrize("kind", ["ou", "wiener"])
def test_density_of_means_is_that_of_means_of_checkpoints(kind):
    t = np.linspace(20, 20.2, 240)
    first = np.array([0, 8, 20, 21, 22, 40, 70, 90, 110, 130, 160, 190, 220])  # of many lengths, two single ones
    made = Stretches.of(t, np.zeros(240), first)
    mean = (np.repeat(np.arange(13), np.diff(np.append(first, 240)).astype(int)) == np.arange(13)[:, None]) * 1.0
    mean /= made.count[:, None]
    truth = mean @ (dense(kind, t, 20) + TRUTH["sigma"] ** 2 * np.eye(240)) @ mean.T
    frame = pd.DataFrame({"run": "r", "compute": 10**made.log_scale})
    paths = make_paths(Discrepancy(kind, "compute", "run"), frame["run"], frame, sampled=False)
    paths = type(paths)(paths.discrepancy, paths.levels, 20.0)
    _, gap, start = paths.steps(np.zeros(13, dtype=int), made.log_scale)
    one = {k: np.full((1, 1), TRUTH[k]) for k in ("sigma", "discrepancy_sd", "discrepancy_length")}
    counts = {"averaged": made.count}
    decay, innovation = transitions(XP, kind, gap, start, TRUTH["discrepancy_sd"], TRUTH["discrepancy_length"])
    away = np.linalg.cholesky(truth) @ np.random.default_rng(0).standard_normal((13, 200))

    def density(inputs):
        noise = of_averages(XP, kind, one, inputs)["sigma"] ** 2
        return path_density(away.T, decay, innovation, noise).sum(axis=1)

    whitened = np.linalg.solve(np.linalg.cholesky(truth), away)
    exact = -0.5 * (whitened**2).sum(axis=0) - np.linalg.slogdet(2 * np.pi * truth)[1] / 2
    error = np.abs(density(counts | {"averaged_span": made.span}) - exact).max()
    assert error < 0.1
    assert np.abs(density(counts) - exact).max() > 5 * error, "as if the departure stood still within a stretch"


@pytest.mark.parametrize("kind", ["ou", "wiener"])
def test_scatter_has_the_expectation_that_its_density_says(kind):
    t = np.linspace(20, 20.04, 60)
    line = np.column_stack([np.ones(60), t - t.mean()])
    about = np.eye(60) - line @ np.linalg.pinv(line)
    expected = np.trace(about @ (dense(kind, t, 20) + TRUTH["sigma"] ** 2 * np.eye(60))) / 58
    one = {k: np.full((1, 1), TRUTH[k]) for k in ("sigma", "discrepancy_sd", "discrepancy_length")}
    made = Stretches.of(t, np.zeros(60), np.array([0]))
    assert expected > 1.002 * TRUTH["sigma"] ** 2

    def density(scatter, sigma):
        inputs = {"averaged": made.count, "averaged_span": made.span, "averaged_scatter": np.array([scatter])}
        return scatter_density(XP, kind, one | {"sigma": np.array([[sigma]])}, inputs)[0, 0]

    near = [density(expected, TRUTH["sigma"] * f) for f in (0.9995, 1.0, 1.0005)]
    assert near[1] > max(near[0], near[2]), "the density is highest where the scatter is what is expected"
    assert density(-1.0, 0.3) == 0, "of an unknown scatter nothing is said"


def test_thinned_checkpoints_have_the_posterior_of_all():
    frame = one_run()
    spec, rows = encode(OU, frame)
    thinned = thin(frame, knots=KNOTS)
    assert len(thinned) < len(frame) / 4
    settled, few = encode(OU, thinned)
    assert settled == spec
    found = importance_draws(spec, few, 1500, 1)
    assert isinstance(found, Weighted)
    weight = Posterior(spec, rows).log_density(found.theta) - Posterior(spec, few).log_density(found.theta)
    assert effective(weight) > 0.6 * len(weight)
    share = np.exp(weight - weight.max())
    share /= share.sum()
    moved = share @ found.theta - found.theta.mean(axis=0)
    assert np.abs(moved / found.theta.std(axis=0)).max() < 0.4  # and less on longer runs (benchmarks/README.md)


def planted(frame):
    """Return a fit whose draws are all the truth."""
    return simulated.fit_of(OU, frame, simulated.constant(2000, **TRUTH), chains=2, draws=1000)


def test_a_forecast_is_of_one_checkpoint():
    points = pd.DataFrame({"run": ["r"], "compute": [1e25]})
    tables = (one_run(), thin(one_run(), knots=KNOTS))
    whole, few = (forecast(planted(t), points, kind="response", random_seed=1).draws for t in tables)
    apart = np.sqrt(TRUTH["sigma"] ** 2 + TRUTH["discrepancy_sd"] ** 2)  # four lengths beyond what was seen
    for draws in (whole, few):
        assert np.log(draws).std() == pytest.approx(apart, rel=4 / np.sqrt(2 * 2000))
    assert abs(np.log(whole).mean() - np.log(few).mean()) < 4 * apart * np.sqrt(2 / 2000)


def test_a_fit_says_that_rows_were_gathered_and_whether_too_far():
    frame = one_run()
    fit = planted(thin(frame, knots=KNOTS))
    told = [n for n in fit.meta["notices"] if "stand for 400 checkpoints" in n]
    assert len(told) == 1
    checks = {c.name: c for c in fit.diagnose().checks if "gathered" in c.name}
    assert len(checks) == 2
    assert all(c.ok for c in checks.values())
    coarse = planted(thin(frame, knots=6))
    checks = [c for c in coarse.diagnose().checks if "gathered" in c.name]
    assert not any(c.ok for c in checks)
    assert not coarse.diagnose().ok
    assert "more knots" in checks[0].advice
    assert not [c for c in planted(frame).diagnose().checks if "gathered" in c.name]


def test_what_gathered_rows_cannot_stand_for_is_refused():
    frame = thin(one_run(), knots=KNOTS)
    with pytest.raises(CardError, match="enough for normal noise alone"):
        encode(make_spec("power_law", noise={"observation": "student_t"}), frame)
    with pytest.raises(CardError, match="gathered along runs"):
        encode(make_spec("power_law", noise={"discrepancy": {"kind": "ou", "by": "all"}}), frame)
    with pytest.raises(DataError, match="'averaged', their number, is missing"):
        encode(OU, frame.drop(columns="averaged"))
