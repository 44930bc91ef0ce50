"""Particles reach known posteriors, their likelihood is the model's, and coordinates do not depend on threads."""

import numpy as np
import pandas as pd
import pytest

from bayes_scaling.fit import coordinates as learning
from bayes_scaling.fit.particles import Ladder, Population, Target, follow, temper
from bayes_scaling.laws.backend import link, numpy_backend
from bayes_scaling.model import build, encode, make_spec
from bayes_scaling.model.priors import draw
from bayes_scaling.model.state_space import path_density, path_totals

RUNS, ROWS = 4, 10
ACCURACY = {"level": {"run": "partial"}, "slope": {"run": "partial"}, "ceiling": {"run": "complete"}}
LOSS = {"E": {"run": "partial"}, "A_ref": {"run": "partial"}, "alpha": {"run": "complete"}}
OWN_NOISE = {**LOSS, "sigma": {"run": "partial"}}
CASES = {
    "ou": make_spec("power_law", groups=["run"], pooling=OWN_NOISE, noise={"discrepancy": "ou"}),
    "ou, own length": make_spec(
        "power_law", groups=["run"], pooling={**LOSS, "discrepancy_length": {"run": "partial"}},
        noise={"discrepancy": "ou"},
    ),
    "wiener": make_spec("power_law", groups=["run"], pooling=LOSS, noise={"discrepancy": "wiener"}),
    "student_t": make_spec(
        "power_law", groups=["run"], pooling=OWN_NOISE, noise={"observation": "student_t", "run_effect": False}
    ),
    "parameters from 0 to 1": make_spec(
        "m4", groups=["run"], pooling={"E_share": "partial", "left_ref": "partial", "alpha": "complete"},
        noise={"observation": "normal", "run_effect": False},
    ),
    "beta_binomial": make_spec("sigmoid", groups=["run"], pooling=ACCURACY, noise={"run_effect": False}),
    "beta": make_spec(
        "sigmoid", groups=["run"], pooling=ACCURACY, noise={"observation": "beta", "run_effect": False}
    ),
}  # fmt: skip


def curves(outcome="loss"):
    """Return runs of many rows, out of order along the scale."""
    rng = np.random.default_rng(2)
    run = np.repeat(np.arange(RUNS), ROWS)
    compute = np.tile(np.geomspace(1e20, 1e23, ROWS), RUNS) * 1.2**run
    frame = pd.DataFrame({"run": [f"r{i}" for i in run], "compute": compute})
    if outcome == "loss":
        floor = 1.5 * np.exp(0.1 * rng.standard_normal(RUNS))[run]
        frame["loss"] = (floor + 0.7 * (compute / 1e21) ** -0.15) * np.exp(0.01 * rng.standard_normal(run.size))
    else:
        share = 1 / (1 + np.exp(-np.log10(compute / 1e22)))
        frame = frame.assign(chance=0.25, n_items=500, task="made_up")
        frame["accuracy"] = rng.binomial(500, 0.25 + 0.7 * share) / 500
        frame.loc[3, "accuracy"] = 1.0  # censored by beta noise
    return frame.sample(frac=1, random_state=1).reset_index(drop=True)


# ---- likelihood ----------------------------------------------------------------------------


def test_totals_are_the_sum_of_row_densities():
    rng = np.random.default_rng(0)
    residual, decay, innovation, noise = rng.uniform(0.1, 0.9, (4, 7, 12))
    decay[:, [0, 5]] = 0.0
    found = path_totals(residual - 0.5, decay, innovation, noise)
    np.testing.assert_allclose(found, path_density(residual - 0.5, decay, innovation, noise).sum(axis=1), rtol=1e-12)
    turned = [np.asfortranarray(x) for x in (residual - 0.5, decay, innovation, noise)]
    np.testing.assert_array_equal(found, path_totals(*turned))


def gathered(table):
    """Return a table whose rows are said to stand for 1 to 7 checkpoints, of some of which the scatter is known."""
    count = 1.0 + np.arange(len(table)) % 7
    scatter = np.where(count >= 4, 1e-4 * (1 + np.arange(len(table)) % 3), np.nan)
    return table.assign(averaged=count, averaged_span=0.01 * (count - 1), averaged_scatter=scatter)


MEANS = [(case, means) for means in ("count", "gathered") for case in ("ou", "wiener")]
MEANS += [("parameters from 0 to 1", "gathered")]


@pytest.mark.parametrize(("case", "means"), [*((case, "") for case in CASES), *MEANS])
def test_likelihood_is_that_of_the_model_but_for_a_constant(case, means):
    table = curves(CASES[case].outcome)
    if means:
        table = gathered(table) if means == "gathered" else table.assign(averaged=1.0 + np.arange(len(table)) % 4)
    spec, rows = encode(CASES[case], table)
    model = build(spec, rows)
    assert {rv.name for rv in model.free_RVs if rv.name.endswith("_curve_z")}, "the rows are curves"
    logp = model.compile_logp(vars=[*model.observed_RVs, *model.potentials])
    targets = [Target(spec, rows, np.flatnonzero(rows.index["run"] == i)) for i in range(RUNS)]
    differences = []
    for theta in _curve_parameters(spec, 6):
        ours = sum(t.log_likelihood(one[None])[0] for t, one in zip(targets, theta, strict=True))
        differences.append(ours - logp(_point(spec, model, theta)))
    np.testing.assert_allclose(differences, differences[0], rtol=1e-9, atol=1e-7)


def _curve_parameters(spec, count):
    """Yield parameters of every curve around the truth, shape (run, parameter), shared ones the same in all."""
    rng, xp = np.random.default_rng(3), numpy_backend()
    shared = [i for i, p in enumerate(spec.parameters()) if not spec.effects(p)]
    middle = [np.median(link(xp, p.support, draw(spec.prior(p), rng, 500))) for p in spec.parameters()]
    for _ in range(count):
        theta = middle + 0.3 * rng.standard_normal((RUNS, len(middle)))
        theta[:, shared] = theta[0, shared]
        yield theta


def _point(spec, model, theta):
    """Return the model's point at which its curves have these parameters."""
    point = {k: np.zeros_like(v) for k, v in model.initial_point().items()}
    for i, p in enumerate(spec.parameters()):
        if spec.effects(p):
            point[f"{p.name}_run_effect_curve_z"] = theta[:, i]
        else:
            name = next(k for k in point if k in (p.name, f"{p.name}_log__", f"{p.name}_logodds__"))
            point[name] = np.array(theta[0, i])
    return point


def test_impossible_parameters_have_the_least_likelihood():
    spec, rows = encode(CASES["ou"], curves())
    target = Target(spec, rows, np.flatnonzero(rows.index["run"] == 0))
    theta = np.zeros((2, len(spec.parameters())))
    theta[1] = 1e4  # beyond what a float holds
    found = target.log_likelihood(theta)
    assert np.isfinite(found).all()
    assert found[1] < -1e200


# ---- posteriors ----------------------------------------------------------------------------


class Ellipse:
    """A normal likelihood: a narrow ridge far from the population's centre."""

    mean = np.array([1.5, -1.0, 0.3])
    factor = np.array([[1.0, 0.0, 0.0], [0.97, 0.1, 0.0], [-0.5, 0.2, 0.3]]) * 0.3

    def log_likelihood(self, theta):
        z = np.linalg.solve(self.factor, (theta - self.mean).T)
        return -0.5 * (z**2).sum(axis=0)

    def posterior(self, population):
        """Return mean and covariance of the posterior under a population."""
        precision, prior = np.linalg.inv(self.factor @ self.factor.T), np.diag(population.sd**-2.0)
        covariance = np.linalg.inv(precision + prior)
        return covariance @ (precision @ self.mean + prior @ population.mean), covariance


WIDE = Population(np.zeros(3), np.array([1.0, 2.0, 0.8]))
TIGHT = Population(np.array([1.2, -0.5, 0.1]), np.array([0.15, 0.3, 0.2]))
REPEATS, COUNT = 30, 400


def agree(found, expected):
    """Assert that independent runs scatter around mean and covariance of a known posterior."""
    mean, covariance = expected
    scale = np.sqrt(np.diag(covariance))
    means = (np.array([p.theta.mean(axis=0) for p in found]) - mean) / scale
    covariances = np.array([np.cov(p.theta.T) for p in found]) / np.outer(scale, scale)
    correlation = covariance / np.outer(scale, scale)
    for values, target, slack in ((means, 0.0, 0.02), (covariances, correlation, 0.05)):
        error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
        assert (np.abs(values.mean(axis=0) - target) < 4 * error + slack).all()
        assert (error < 0.05).all()  # the particles hold information


def test_tempering_reaches_a_known_posterior():
    found = [temper(Ellipse(), WIDE, COUNT, np.random.default_rng(i)) for i in range(REPEATS)]
    agree(found, Ellipse().posterior(WIDE))
    np.testing.assert_allclose(found[0].log_likelihood, Ellipse().log_likelihood(found[0].theta))


def test_following_a_population_reaches_its_posterior():
    found = []
    for i in range(REPEATS):
        rng = np.random.default_rng(i)
        particles = temper(Ellipse(), WIDE, COUNT, rng)
        found.append(follow(Ellipse(), WIDE, TIGHT, particles, rng))
    agree(found, Ellipse().posterior(TIGHT))


def test_posterior_of_a_curve_is_that_of_quadrature():
    """A bent posterior: noise, exponent and amplitude of a pure power law on ten rows."""
    frame = curves().query("run == 'r1'")
    spec, rows = encode(make_spec("m1", noise={"observation": "normal"}), frame)
    target = Target(spec, rows, np.arange(ROWS))
    population = Population(np.array([0.5, np.log(0.1), np.log(0.02)]), np.array([0.5, 0.5, 0.7]))
    rough = temper(target, population, COUNT, np.random.default_rng(0)).theta
    sides = [np.linspace(m - 6 * s, m + 6 * s, 61) for m, s in zip(rough.mean(axis=0), rough.std(axis=0), strict=True)]
    grid = np.stack([g.ravel() for g in np.meshgrid(*sides, indexing="ij")], axis=1)
    logs = target.log_likelihood(grid) + population.log_density(grid)
    weight = np.exp(logs - logs.max())
    mean = weight @ grid / weight.sum()
    covariance = (grid - mean).T @ ((grid - mean) * weight[:, None]) / weight.sum()
    found = [temper(target, population, COUNT, np.random.default_rng(i)) for i in range(REPEATS)]
    agree(found, (mean, covariance))


class Half(Ellipse):
    """Half the rows of the ellipse, with another centre: what is left out says otherwise."""

    def __init__(self, rows, shift=0.0):
        self.rows, self.shift = rows, np.array([shift, -shift, 0.0])

    def __len__(self):
        return self.rows

    def log_likelihood(self, theta):
        return super().log_likelihood(theta - self.shift) * self.rows / 100

    def posterior(self, population):
        precision = np.linalg.inv(self.factor @ self.factor.T) * self.rows / 100
        prior = np.diag(population.sd**-2.0)
        covariance = np.linalg.inv(precision + prior)
        return covariance @ (precision @ (self.mean + self.shift) + prior @ population.mean), covariance


@pytest.mark.parametrize(("rows", "shift"), [(90, 0.0), (30, 0.2), (4, 0.0), (60, 2.5)])
def test_fits_to_some_rows_go_on_from_their_table(rows, shift):
    """Also from few rows, and from rows that contradict the table."""
    part, found = Half(rows, shift), []
    for i in range(REPEATS):
        ladder = Ladder.up(Half(100), WIDE, COUNT, np.random.default_rng(100 + i))
        assert ladder.rungs[0][0] == 0
        assert 0.125 < ladder.rungs[-1][0] <= 1
        found.append(ladder.temper(part, np.random.default_rng(i)))
    agree(found, part.posterior(WIDE))


# ---- coordinates ---------------------------------------------------------------------------


def test_coordinates_do_not_depend_on_the_number_of_threads(monkeypatch):
    spec, rows = encode(CASES["ou"], curves())
    found = []
    for threads in (1, 3, 3):
        monkeypatch.setattr(learning, "THREADS", threads)
        found.append(learning.find_coordinates(spec, rows)["run"])
    assert found[0].parameters == ("E", "A_ref", "sigma")
    for other in found[1:]:
        for name, value in found[0].containers("run").items():
            np.testing.assert_array_equal(value, other.containers("run")[name])


def test_coordinates_start_where_the_curves_are():
    spec, rows = encode(CASES["student_t"], curves())
    known = learning.find_coordinates(spec, rows)["run"]
    floor = np.exp(known.center[:, list(known.parameters).index("E")])
    width = np.linalg.norm(known.factor[:, 0], axis=1)
    truth = 1.5 * np.exp(0.1 * np.random.default_rng(2).standard_normal(RUNS))
    assert (np.abs(np.log(floor / truth)) < 4 * width).all()
    assert (width < 0.6).all()
