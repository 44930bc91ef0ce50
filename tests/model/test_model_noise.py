"""Noise in NumPy: what is simulated has the density that is stated, which integrates to one."""

import numpy as np
import pytest
from scipy import integrate, stats

from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.model.noise import CENSOR, MANY, OBSERVATIONS, location, student_t

CENTER = {"loss": 2.3, "accuracy": 0.7}
VALUES = {"sigma": 0.05, "nu": 5.0, "overdispersion": 0.15, "precision": 40.0, "scatter": 0.04, "floor_scatter": 0.01}
VALUES |= {"odds_scatter": 0.8, "floor_width": 0.01}
N = 60
DATA = {"n_items": np.array([N]), "chance": np.array([0.25]), "inverse_items": np.array([1 / N])}
DRAWS = 40_000


def density(kind, y, center):
    """Return the density of y, one center for all, shape as y."""
    y = np.atleast_1d(np.asarray(y, dtype=float))
    centers = np.full((1, y.size), center)
    data = {k: np.broadcast_to(v, y.shape) for k, v in DATA.items()}
    return np.exp(kind.log_density(y, centers, VALUES, data))[0]


def simulated(kind, center, seed=0):
    return kind.simulate(np.random.default_rng(seed), np.full((DRAWS, 1), center), VALUES, DATA)[:, 0]


@pytest.mark.parametrize("name", ["student_t", "normal"])
def test_loss_density_is_that_of_the_loss_itself(name):
    kind = OBSERVATIONS[name]
    total, _ = integrate.quad(lambda y: density(kind, y, 2.3)[0], 0.3, 15, points=[2, 2.3, 2.6], limit=200)
    assert total == pytest.approx(1, abs=1e-4)  # without the Jacobian it would be about 2.3
    y = simulated(kind, 2.3)
    assert (y < 2.3).mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(DRAWS)), "the center is the median"
    cdf = {"student_t": stats.t(5, np.log(2.3), 0.05), "normal": stats.norm(np.log(2.3), 0.05)}[name].cdf
    assert stats.kstest(np.log(y), cdf).pvalue > 1e-4


@pytest.mark.parametrize("nu", [0.8, 3.0, 40.0])
def test_many_student_t_numbers_have_their_distribution_and_are_independent(nu):
    rng, shape = np.random.default_rng(5), (2, MANY // 2)
    found = student_t(rng, np.full((2, 1), nu), shape)
    assert not np.array_equal(found, np.random.default_rng(5).standard_t(nu, shape)), "not by NumPy"
    assert stats.kstest(found.ravel(), stats.t(nu).cdf).pvalue > 1e-4
    ranks = stats.t(nu).cdf(found)
    size = np.abs(ranks - 0.5)
    for a, b in ((ranks[0], ranks[1]), (size[0], size[1]), (size[0, 1:], size[0, :-1])):
        assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(a.size)


def test_counts_have_the_stated_probabilities_and_scatter():
    kind, counts = OBSERVATIONS["beta_binomial"], np.arange(N + 1)
    pmf = density(kind, counts / N, 0.7) / N  # density per unit of accuracy -> probability of a count
    assert pmf.sum() == pytest.approx(1, rel=1e-9)
    found = np.bincount(np.round(simulated(kind, 0.7) * N).astype(int), minlength=N + 1)
    merged = pmf * DRAWS >= 10
    expected = np.append(pmf[merged], pmf[~merged].sum()) * DRAWS
    observed = np.append(found[merged], found[~merged].sum())
    assert stats.chisquare(observed, expected).pvalue > 1e-4
    w2 = VALUES["overdispersion"] ** 2
    shape_variance = 0.7 * 0.3 * w2 / (1 + w2)  # as the docstring states
    expected_variance = 0.7 * 0.3 / N + shape_variance * (1 - 1 / N)
    variance = (pmf * (counts / N - 0.7) ** 2).sum()
    assert variance == pytest.approx(expected_variance, rel=1e-9)


@pytest.mark.parametrize("center", [0.7, 0.01, 0.99])
def test_beta_noise_has_point_masses_at_the_ends(center):
    kind = OBSERVATIONS["beta"]
    inner, _ = integrate.quad(lambda y: density(kind, y, center)[0], CENSOR, 1 - CENSOR, limit=400, points=[0.01, 0.99])
    ends = density(kind, [0.0, 1.0], center)
    assert inner + ends.sum() == pytest.approx(1, abs=1e-6)
    y = simulated(kind, center)
    for value, p in zip((0.0, 1.0), ends, strict=True):
        assert (y == value).mean() == pytest.approx(p, abs=4 * np.sqrt(max(p * (1 - p), 1e-9) / DRAWS) + 1e-9)
    assert np.isin(y[(y <= CENSOR) | (y >= 1 - CENSOR)], (0.0, 1.0)).all()
    assert y.mean() == pytest.approx(center, abs=4 * y.std() / np.sqrt(DRAWS) + CENSOR * ends.sum())


@pytest.mark.parametrize("name", ["logistic", "log_odds"])
@pytest.mark.parametrize("center", [0.7, 0.26, 0.02, 0.98])
def test_censored_noise_has_point_masses_at_0_and_1(name, center):
    kind = OBSERVATIONS[name]
    inner, _ = integrate.quad(lambda y: density(kind, y, center)[0], 0, 1, limit=400, points=[center])
    ends = density(kind, [0.0, 1.0], center)
    assert inner + ends.sum() == pytest.approx(1, abs=1e-6)
    y = simulated(kind, center)
    for value, p in zip((0.0, 1.0), ends, strict=True):
        assert (y == value).mean() == pytest.approx(p, abs=4 * np.sqrt(max(p * (1 - p), 1e-9) / DRAWS) + 1e-9)


def test_censored_logistic_noise_is_small_at_the_floor_and_counts_the_items():
    kind, xp = OBSERVATIONS["logistic"], numpy_backend()
    data = {"chance": np.full(4, 0.25), "inverse_items": np.array([0.0, 1 / 100, 0.0, 0.0])}
    center = np.array([0.25, 0.25, 0.625, 0.2])
    variance = kind.scale(xp, center, VALUES, data) ** 2 * np.pi**2 / 3
    binomial = 0.25 * 0.75 / 100
    np.testing.assert_allclose(variance, [1e-4, 1e-4 + binomial, 1e-4 + 0.04**2, 1e-4], rtol=1e-12)


def test_noise_in_log_odds_is_a_factor_inside_and_a_width_at_the_floor():
    kind, data = OBSERVATIONS["log_odds"], {"chance": np.array([0.0])}
    rng, values = np.random.default_rng(3), {"odds_scatter": 0.8, "floor_width": 1e-4}
    inside = kind.simulate(rng, np.full((DRAWS, 1), 0.1), values, data)
    odds = np.log(inside / (1 - inside))
    assert odds.std() == pytest.approx(0.8, rel=0.03)
    assert odds.mean() == pytest.approx(np.log(0.1 / 0.9), abs=4 * 0.8 / np.sqrt(DRAWS) + 1e-3)
    at_chance = {"odds_scatter": 0.1, "floor_width": 0.01}
    floor = kind.simulate(rng, np.full((DRAWS, 1), 0.25), at_chance, {"chance": np.array([0.25])})
    assert floor.std() == pytest.approx(0.75 * 0.01, rel=0.1)
    assert (floor < 0.25).mean() == pytest.approx(0.5, abs=0.02), "scores below chance are possible"


@pytest.mark.parametrize(("name", "outcome"), [(n, k.outcome) for n, k in OBSERVATIONS.items()])
def test_shapes_are_draw_by_row(name, outcome):
    rng, kind = np.random.default_rng(0), OBSERVATIONS[name]
    centers = np.full((7, 3), CENTER[outcome])
    values = {p.name: np.full((7, 1), VALUES[p.name]) for p in kind.parameters}
    data = {"n_items": np.array([10, 20, 30]), "chance": np.zeros(3), "inverse_items": np.full(3, 0.01)}
    y = kind.simulate(rng, centers, values, data)
    assert y.shape == (7, 3)
    logs = kind.log_density(y[0], centers, values, data)
    assert logs.shape == (7, 3)
    assert np.isfinite(logs).all()
    np.testing.assert_allclose(logs, np.broadcast_to(logs[0], (7, 3)), err_msg="equal draws, equal density")


def test_a_run_effect_moves_log_loss():
    xp = numpy_backend()
    moved = location(xp, "loss", np.array([[2.0, 3.0]]), np.array([[0.1, -0.1]]), None)
    np.testing.assert_allclose(np.log(moved / np.array([[2.0, 3.0]])), [[0.1, -0.1]])


def test_a_run_effect_moves_the_log_odds_above_chance():
    xp, chance = numpy_backend(), 0.25
    mean = chance + 0.75 * np.array([[0.2, 0.6]])
    moved = location(xp, "accuracy", mean, np.array([[1.0, -1.0]]), chance)
    share = (moved - chance) / (1 - chance)
    expected = np.log([[0.2 / 0.8, 0.6 / 0.4]]) + np.array([[1.0, -1.0]])
    np.testing.assert_allclose(np.log(share / (1 - share)), expected)
    extreme = location(xp, "accuracy", np.array([[chance, 1.0]]), np.array([[5.0, 5.0]]), chance)
    assert ((extreme >= chance) & (extreme <= 1)).all()


def test_no_run_effect_leaves_the_law():
    mean = np.array([[2.0]])
    assert location(numpy_backend(), "loss", mean, None, None) is mean


def test_beta_noise_has_a_gradient_where_success_is_next_to_impossible():
    """That of the censored tails, once not a number, is the slope of their log probability."""
    import pymc as pm

    with pm.Model() as model:
        x, log_phi = pm.Flat("x"), pm.Flat("log_phi")
        center = pm.math.sigmoid(x) * np.ones(3)
        OBSERVATIONS["beta"].observe(center, {"precision": pm.math.exp(log_phi)}, {"accuracy": [0.0, 1.0, 0.3]})
    logp, slope = model.compile_logp(mode="FAST_COMPILE"), model.compile_dlogp(mode="FAST_COMPILE")
    for at in ([-16.0, 0.0], [-12.0, 1.5], [-7.0, 5.0], [0.0, 2.0], [6.0, 4.0], [14.0, 0.5]):
        point, step = dict(zip(("x", "log_phi"), at, strict=True)), 1e-5
        ahead, behind = ([{**point, k: v + s} for k, v in point.items()] for s in (step, -step))
        numeric = [(logp(a) - logp(b)) / (2 * step) for a, b in zip(ahead, behind, strict=True)]
        np.testing.assert_allclose(slope(point), numeric, rtol=1e-4, atol=1e-4)
