"""Importance sampling: its density is the graph's, its draws are those of NUTS, and what is not trusted is refused."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import simulated
from scipy import stats

from bayes_scaling.errors import FitError
from bayes_scaling.fit import Job, SamplerSettings, importance, load, many_fits, proposals, sample
from bayes_scaling.fit.engine import draw_posterior
from bayes_scaling.fit.many import fit_job
from bayes_scaling.fit.particles import IMPOSSIBLE
from bayes_scaling.fit.straight import Straight, order_of
from bayes_scaling.laws.backend import link, log_jacobian, numpy_backend, unlink
from bayes_scaling.model import build, encode, make_spec, simulate
from bayes_scaling.model.priors import draw
from bayes_scaling.report.results import provenance_section

SETTINGS = SamplerSettings(draws=500, tune=500, chains=4)
LADDER = simulated.ladder()
SPECS = {
    "chinchilla": make_spec("chinchilla"),
    "normal": make_spec("power_law", noise={"observation": "normal"}),
    "departure": make_spec(
        "power_law",
        noise={
            "discrepancy": {"kind": "ou", "over": "compute", "by": "family"},
            "observation": "normal",
            "run_effect": False,
        },
    ),
}


def refuse():
    raise AssertionError("NUTS was called")


ACCURACY = LADDER.drop(columns="loss").assign(
    chance=0.25, n_items=400, accuracy=np.r_[0.0, 0.0, np.linspace(100, 390, len(LADDER) - 4).round() / 400, 1.0, 1.0]
)
PRIORS = {  # inside their support, of kinds that PyMC transforms in other ways
    "E": {"dist": "uniform", "lower": 0.5, "upper": 3.0},
    "A_ref": {"dist": "exponential", "mean": 1.0},
    "alpha": {"dist": "beta", "alpha": 2, "beta": 4},
    "sigma": {"dist": "halfnormal", "upper95": 0.2},
}
DENSITIES = {
    **{name: (spec, LADDER) for name, spec in SPECS.items()},
    "priors": (make_spec("chinchilla", priors=PRIORS), LADDER),
    "averaged": (SPECS["normal"], LADDER.assign(averaged=np.arange(1, len(LADDER) + 1))),
    **{
        kind: (make_spec("sigmoid", outcome="accuracy", noise={"observation": kind, "run_effect": False}), ACCURACY)
        for kind in ("beta_binomial", "beta", "logistic", "log_odds")
    },
}


@pytest.mark.parametrize("name", DENSITIES)
def test_density_is_that_of_the_graph(name):
    spec, rows = encode(*DENSITIES[name])
    assert importance.applies(spec, rows)
    xp, rng = numpy_backend(), np.random.default_rng(1)
    theta = np.stack([link(xp, p.support, draw(spec.prior(p), rng, 10)) for p in spec.parameters()], axis=1)
    ours, model = importance.Posterior(spec, rows).log_density(theta), build(spec, rows)
    logp = model.compile_logp(jacobian=False, mode="FAST_COMPILE")  # PyMC's own transforms have other Jacobians
    graph = np.zeros(len(theta))
    for row, point in enumerate(theta):
        at = {}
        for p, x in zip(spec.parameters(), point, strict=True):
            variable, value = model[p.name], unlink(xp, p.support, x)
            change = model.rvs_to_transforms[variable]
            moved = value if change is None else change.forward(value, *variable.owner.inputs).eval()
            at[model.rvs_to_values[variable].name] = moved
            graph[row] += log_jacobian(xp, p.support, x)
        graph[row] += logp(at)
    assert np.isfinite(graph).all()
    assert ours - ours[0] == pytest.approx(graph - graph[0], rel=1e-9, abs=1e-7)


@pytest.mark.parametrize("support", ["positive", "unit", "real"])
def test_log_jacobian_is_the_log_derivative(support):
    xp, x, step = numpy_backend(), np.linspace(-4, 4, 9), 1e-5
    slope = (unlink(xp, support, x + step) - unlink(xp, support, x - step)) / (2 * step)
    assert np.exp(log_jacobian(xp, support, x)) == pytest.approx(slope, rel=1e-7)


def test_priors_with_ends_are_drawn_within_them():
    prior = {"E": {"dist": "uniform", "lower": 1.0, "upper": 1.6}}
    spec, rows = encode(make_spec("power_law", noise={"observation": "normal"}, priors=prior), LADDER)
    found = importance.importance_draws(spec, rows, 1000, 1)
    assert isinstance(found, importance.Weighted)
    floor = np.exp(found.theta[:, [p.name for p in spec.parameters()].index("E")])
    assert 1.0 <= floor.min() < floor.max() <= 1.6


def test_mixture_is_a_density_with_the_moments_of_the_points():
    rng = np.random.default_rng(2)
    points = rng.multivariate_normal([1.0, -2.0], [[1.0, 0.9], [0.9, 2.0]], 4000)
    mixture = proposals.Mixture.about(points, rng)
    drawn = mixture.draw(40_000, rng)
    assert drawn.mean(axis=0) == pytest.approx(points.mean(axis=0), abs=0.1)
    assert np.corrcoef(drawn.T)[0, 1] == pytest.approx(0.9 / np.sqrt(2), abs=0.06)
    grid = np.stack(np.meshgrid(np.linspace(-9, 11, 250), np.linspace(-14, 10, 250)), axis=-1).reshape(-1, 2)
    cell = (20 / 249) * (24 / 249)
    assert np.exp(mixture.log_density(grid)).sum() * cell == pytest.approx(1, abs=5e-3)


def bent(rng, count):
    """Return points on a ridge whose second coordinate follows the square of the first, and the third both."""
    first = rng.standard_normal(count)
    second = first**2 + 0.1 * rng.standard_normal(count)
    return np.stack([second * first + 0.1 * rng.standard_normal(count), first, second], axis=1)


def test_a_bent_ridge_is_straight_in_its_coordinates():
    points = bent(np.random.default_rng(1), 2000)
    straight = Straight.about(points, [1, 2, 0])
    there = straight.straighten(points)
    np.testing.assert_allclose(straight.bend(there), points, atol=1e-10)
    assert there[:, 1].std() * straight.scale[1] == pytest.approx(0.1, rel=0.1)
    assert there[:, 2].std() * straight.scale[2] < 0.5 * points[:, 0].std()


def test_the_volume_of_straight_coordinates_is_as_stated():
    """By finite differences, inside the points' range and beyond it."""
    straight, step = Straight.about(bent(np.random.default_rng(2), 500), [1, 2, 0]), 1e-5
    for theta in (np.array([0.2, 0.5, 0.3]), np.array([30.0, -9.0, 40.0])):
        moved = [straight.straighten((theta + step * e)[None])[0] for e in np.eye(3)]
        back = [straight.straighten((theta - step * e)[None])[0] for e in np.eye(3)]
        jacobian = (np.array(moved) - np.array(back)).T / (2 * step)
        assert np.log(abs(np.linalg.det(jacobian))) == pytest.approx(straight.log_jacobian, abs=1e-6)


def test_exponents_come_first_and_the_floor_last():
    spec, _ = encode(SPECS["normal"], LADDER)
    names = [p.name for p in spec.parameters()]
    ordered = [names[i] for i in order_of(spec)]
    assert ordered[0].startswith(("alpha", "beta"))
    assert ordered[-1] == "E"
    assert sorted(ordered) == sorted(names)


def test_rounds_are_pooled_by_their_common_density():
    """Draws of two proposals of other sizes, weighted together, give the mean of a known target."""
    rng, tried = np.random.default_rng(5), proposals.Tried()
    for center, count in ((-1.0, 4000), (1.5, 12000)):
        proposal = proposals.Proposal.about(center + 1.5 * rng.standard_normal((500, 2)), rng)
        theta = proposal.draw(count, rng)
        tried = tried.and_of(proposal, theta, -0.5 * (theta**2).sum(axis=1))
    theta = np.concatenate(tried.theta)
    log_weight = np.concatenate(tried.density) - np.concatenate(tried.common)
    weight = np.exp(log_weight)
    assert weight.sum() == pytest.approx(2 * np.pi, rel=0.05)  # the target's mass
    error = 4 / np.sqrt(importance.effective(log_weight))
    assert np.abs(weight @ theta / weight.sum()).max() < error


def test_draws_are_those_of_a_known_posterior():
    """A normal target of 3 dimensions: moments within four standard errors."""
    mean, factor = np.array([0.5, -1.0, 2.0]), np.array([[1.0, 0, 0], [0.9, 0.2, 0], [0.0, 0.5, 3.0]])

    class Known:
        def log_density(self, theta):
            return -0.5 * (np.linalg.solve(factor, (theta - mean).T) ** 2).sum(axis=0)

    rng = np.random.default_rng(3)
    points = mean + 0.4 + 0.5 * rng.standard_normal((400, 3)) @ factor.T  # too narrow and beside it: rounds mend that
    found = importance.from_points(Known(), points, 4000, rng)
    assert found is not None
    assert found.pareto_k < importance.PARETO_K_MAX
    assert found.effective > 6000
    z = np.linalg.solve(factor, (found.theta - mean).T)
    assert np.abs(z.mean(axis=1)).max() < 4 / np.sqrt(4000)
    assert np.abs(z.var(axis=1) - 1).max() < 4 * np.sqrt(2 / 4000)
    assert len(np.unique(found.theta[:, 0])) > 3500
    mass = 1.5 * np.log(2 * np.pi) + np.log(np.linalg.det(factor))
    assert found.log_evidence == pytest.approx(mass, abs=4 / np.sqrt(found.effective))


def test_weights_without_a_variance_are_refused():
    class Funnel:
        """Its neck is too narrow for parts that cover its mouth (Neal 2003)."""

        def log_density(self, theta):
            neck, wide = theta[:, 0], theta[:, 1:]
            return -(neck**2) / 18 - 0.5 * (wide**2).sum(axis=1) * np.exp(-neck) - 4 * neck

    rng = np.random.default_rng(4)
    neck = 3 * rng.standard_normal((400, 1))
    points = np.hstack([neck, np.exp(neck / 2) * rng.standard_normal((400, 8))])
    assert importance.from_points(Funnel(), points, 4000, rng) is None


@pytest.fixture(scope="module")
def both():
    """Return the fit of one table by each engine."""
    return {
        engine: sample(
            SPECS["chinchilla"], LADDER, settings=replace(SETTINGS, engine=engine), random_seed=5, progressbar=False
        )
        for engine in ("auto", "nuts")
    }


def test_a_small_model_says_how_it_was_drawn(both, tmp_path):
    auto, nuts = both["auto"], both["nuts"]
    assert nuts.meta["engine"] == {"name": "nuts"}
    assert auto.meta["engine"]["name"] == "importance"
    assert auto.meta["engine"]["effective"] > 1.8 * 2000
    checks = auto.diagnose().table().set_index("name")
    assert checks["ok"]["Pareto k of importance sampling"]
    assert checks["found"]["largest R-hat"] < 1.01
    assert load(auto.save(tmp_path / "fit.nc")).meta["engine"] == auto.meta["engine"]
    assert auto.meta["seconds"]["compile"] == 0


def test_a_report_says_how_the_draws_were_made(both):
    card = SimpleNamespace(to_toml=str)
    told = {}
    for engine, fit in both.items():
        section = provenance_section(SimpleNamespace(fit=fit, whole=None, card=card))
        told[engine] = dict(section.blocks[1].rows)
    assert told["auto"]["engine: name"] == "importance"
    assert "engine: pareto_k" in told["auto"]
    assert "sampler: tune" not in told["auto"]
    assert told["nuts"]["engine: name"] == "nuts"
    assert told["nuts"]["sampler: tune"] == "500"


def test_both_engines_give_one_posterior(both):
    """Means, spreads and quantiles agree within four Monte-Carlo standard errors."""
    table = {k: v.summary() for k, v in both.items()}
    for name in ("E", "A_ref", "alpha", "B_ref", "beta", "sigma", "nu"):
        a, n = table["auto"].loc[name], table["nuts"].loc[name]
        error = np.hypot(a["mcse_mean"], n["mcse_mean"])
        assert abs(a["mean"] - n["mean"]) < 4 * error, name
        ranks = np.searchsorted(np.sort(both["nuts"].values()[name]), [a["lower"], a["median"], a["upper"]]) / 2000
        share = np.sqrt(np.array([0.05, 0.5, 0.95]) * np.array([0.95, 0.5, 0.05]))
        error = share * np.sqrt(1 / a["ess_bulk"] + 1 / n["ess_tail"])
        assert (np.abs(ranks - [0.05, 0.5, 0.95]) < 4 * error).all(), name


def test_the_same_seed_gives_the_same_draws(both):
    again = sample(SPECS["chinchilla"], LADDER, settings=SETTINGS, random_seed=5, progressbar=False)
    other = sample(SPECS["chinchilla"], LADDER, settings=SETTINGS, random_seed=6, progressbar=False)
    assert (again.values()["alpha"] == both["auto"].values()["alpha"]).all()
    assert (other.values()["alpha"] != both["auto"].values()["alpha"]).any()


def test_a_departure_that_is_integrated_out_is_drawn_too():
    spec, rows = encode(SPECS["departure"], LADDER)
    assert spec.marginal
    tree, engine = draw_posterior(spec, rows, SETTINGS, 1, refuse)
    assert engine["name"] == "importance"
    assert tree["posterior"]["discrepancy_sd"].shape == (4, 500)


def test_models_with_effects_or_constants_are_left_to_nuts():
    fixed = make_spec("power_law", priors={"alpha": {"dist": "constant", "value": 0.3}})
    for spec in (make_spec("power_law", groups=["family"]), fixed):
        settled, rows = encode(spec, LADDER)
        assert not importance.applies(settled, rows)
        assert draw_posterior(settled, rows, SETTINGS, 1, lambda: "drawn") == ("drawn", {"name": "nuts"})


def test_what_is_not_trusted_goes_to_nuts_and_says_why(monkeypatch):
    spec, rows = encode(SPECS["normal"], LADDER)
    monkeypatch.setattr("bayes_scaling.fit.engine.importance_draws", lambda *a: importance.Refused(2))
    drawn, engine = draw_posterior(spec, rows, SETTINGS, 1, lambda: "drawn")
    assert drawn == "drawn"
    assert "Pareto k" in engine["why"]
    assert engine["modes_found"] == 2


def test_a_density_that_is_nowhere_possible_is_refused(monkeypatch):
    spec, rows = encode(SPECS["normal"], LADDER)
    monkeypatch.setattr(importance.Target, "_of_few", lambda self, theta: np.full(len(theta), IMPOSSIBLE))
    assert importance.importance_draws(spec, rows, 100, 1) == importance.Refused()


def tail_of(fit, job):
    return {"engine": fit.meta["engine"]["name"], "alpha": float(np.median(fit.values()["alpha"]))}


def test_many_fits_use_it_too():
    spec, rows = encode(SPECS["normal"], LADDER)
    jobs = [Job(f"job {i}", spec, rows, SETTINGS, i, chosen=np.arange(len(rows)) != i) for i in range(6)]
    found = list(many_fits(jobs, tail_of, workers=0, progressbar=False))
    assert sum(r.value["engine"] == "importance" for r in found) >= 4


def test_some_rows_of_a_large_table_do_not_begin_with_all_of_it(monkeypatch):
    spec, rows = encode(SPECS["normal"], LADDER)
    monkeypatch.setattr("bayes_scaling.fit.many.ROWS_MAX", len(rows) - 1)
    monkeypatch.setattr("bayes_scaling.fit.many.shared_ladder", None)
    fit = fit_job(Job("some", spec, rows, SETTINGS, 1, chosen=np.arange(len(rows)) > 0))
    assert fit.meta["engine"]["name"] == "importance"


def test_an_unknown_engine_is_refused():
    with pytest.raises(FitError, match="Did you mean 'nuts'"):
        SamplerSettings(engine="nut")


@pytest.mark.statistical
def test_monte_carlo_errors_are_as_stated():
    """The spread of posterior means over seeds is the error that each states, with the noise of the weights in it."""
    found = []
    for seed in range(60):
        fit = sample(SPECS["normal"], LADDER, settings=SETTINGS, random_seed=seed, progressbar=False)
        if fit.meta["engine"]["name"] == "importance":
            found.append(fit.summary(var_names=["E", "alpha", "sigma"])[["mean", "mcse_mean", "ess_bulk"]])
    means, errors, ess = (np.array([f[c] for f in found]) for c in ("mean", "mcse_mean", "ess_bulk"))
    assert len(found) > 40
    assert (ess < 2000).all()
    ratio = means.var(axis=0, ddof=1) / (errors**2).mean(axis=0)
    tail = stats.chi2(len(found) - 1).ppf([1e-3, 1 - 1e-3]) / (len(found) - 1)
    assert (ratio < tail[1]).all(), ratio
    assert (ratio > 0.3).all(), ratio


def test_weights_with_a_tail_of_one_value_are_not_trusted():
    weights = np.minimum(np.linspace(-3, 0, 500), -1.0)
    smooth, k = importance.pareto(weights)
    assert k == np.inf
    np.testing.assert_array_equal(smooth, weights)


@pytest.mark.statistical
def test_intervals_cover_planted_parameters():
    """Ranks of planted parameters under their posteriors are uniform (simulation-based calibration)."""
    spec, rows = encode(SPECS["normal"], LADDER)
    rng, ranks, refused = np.random.default_rng(7), [], 0
    while len(ranks) < 150:
        planted = simulate.prior_values(spec, {}, 1, rng)
        mean, at_row = simulate.law_values(spec, rows.inputs, planted, rows.index)
        loss = simulate.response(spec, rng, mean, at_row, {})[0]
        if loss.max() > 20 or loss.min() < 0.05:  # no table of losses; what is seen may choose, what is planted may not
            continue
        own, encoded = encode(SPECS["normal"], LADDER.assign(loss=loss))
        found = importance.importance_draws(own, encoded, 400, len(ranks))
        if isinstance(found, importance.Refused):
            refused += 1
            continue
        at = [float(link(numpy_backend(), p.support, planted[p.name][0])) for p in spec.parameters()]
        ranks.append((found.theta < at).mean(axis=0))
    for column in np.array(ranks).T:
        assert stats.kstest(column, "uniform").pvalue > 1e-3
    assert refused < 75
