"""The discrepancy's chain agrees with dense normal distributions, and its gradient with differences."""

import numpy as np
import pandas as pd
import pytensor
import pytensor.tensor as pt
import pytest
from scipy import stats

from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.model.discrepancy import Discrepancy, Paths, knot_factor, make_paths, transitions
from bayes_scaling.model.markov_op import markov_density
from bayes_scaling.model.state_space import path_density, smooth

XP = numpy_backend()
SD, LENGTH = 0.3, 0.7


@pytest.fixture(params=["ou", "wiener"])
def problem(request):
    """Two paths of uneven rows: the chain's inputs and the dense covariance they stand for."""
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"compute": 10 ** rng.uniform(18, 21, 12), "run": ["b", "a"] * 6})
    frame.loc[3, "compute"] = frame.loc[1, "compute"]  # two rows of one path at one scale
    paths = make_paths(Discrepancy(request.param, "compute", "run"), frame["run"], frame, sampled=False)
    code, t = paths.codes(frame), paths.coordinate(frame)
    order, gap, start = paths.steps(code, t)
    decay, innovation = transitions(XP, request.param, gap, start, SD, LENGTH)
    same = code[order][:, None] == code[order]
    t = t[order]
    since = np.abs(t[:, None] - t)
    grown = 1 + np.minimum(t[:, None], t) - paths.origin
    dense = SD**2 * same * (np.exp(-since / LENGTH) if request.param == "ou" else grown)
    return {
        "residual": 0.3 * rng.standard_normal(12), "decay": decay + 0 * gap, "innovation": innovation + 0 * gap,
        "noise": rng.uniform(0.01, 0.05, 12), "dense": dense,
    }  # fmt: skip


def chain(problem):
    return [problem[k] for k in ("residual", "decay", "innovation", "noise")]


@pytest.mark.parametrize("mode", ["NUMBA", "FAST_COMPILE"])
def test_density_and_gradient(problem, mode):
    inputs = [pt.dvector() for _ in range(4)]
    density = markov_density(*inputs)[0]
    compiled = pytensor.function(inputs, [density, *pytensor.grad(density, inputs)], mode=mode)
    value, *gradients = compiled(*chain(problem))
    dense = stats.multivariate_normal(np.zeros(12), problem["dense"] + np.diag(problem["noise"]))
    assert value == pytest.approx(dense.logpdf(problem["residual"]), abs=1e-9)
    step = 1e-6
    for i, gradient in enumerate(gradients):
        for row in range(12):
            ends = []
            for sign in (1, -1):
                moved = [v.copy() for v in chain(problem)]
                moved[i][row] += sign * step
                ends.append(path_density(*moved).sum())
            assert gradient[row] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5, abs=1e-6)


def test_rows_densities_add_up_to_the_path(problem):
    dense = stats.multivariate_normal(np.zeros(12), problem["dense"] + np.diag(problem["noise"]))
    assert path_density(*chain(problem)).sum() == pytest.approx(dense.logpdf(problem["residual"]), abs=1e-9)


def test_smoothed_moments_and_joint_draws(problem):
    residual, decay, innovation, noise = chain(problem)
    seen = np.ones(12, dtype=bool)
    seen[[2, 5, 11]] = False
    noise = np.where(seen, noise, np.inf)
    dense = problem["dense"]
    weights = dense[:, seen] @ np.linalg.inv(dense[np.ix_(seen, seen)] + np.diag(noise[seen]))
    mean, covariance = weights @ residual[seen], dense - weights @ dense[seen]
    found = smooth(residual, decay, innovation, noise)
    np.testing.assert_allclose(found.mean, mean, atol=1e-10)
    np.testing.assert_allclose(found.variance, np.diag(covariance), atol=1e-10)
    draws = 20_000
    inputs = [np.broadcast_to(v, (draws, 12)) for v in (residual, decay, innovation, noise)]
    path = smooth(*inputs, rng=np.random.default_rng(1)).path
    z = (path.mean(axis=0) - mean) / np.sqrt(np.diag(covariance) / draws)
    assert np.abs(z).max() < 4
    np.testing.assert_allclose(np.cov(path.T), covariance, atol=6 * np.diag(covariance).max() / np.sqrt(draws))


@pytest.mark.parametrize("kind", ["ou", "wiener"])
def test_factor_at_knots_is_that_of_the_covariance(kind):
    knots = np.array([[18.0, 18.4, 20.0, 20.0], [17.0, 17.1, 19.0, 20.5]])
    paths = Paths(Discrepancy(kind, "compute", "run"), ["a", "b"], 17.0, knots)
    factor = knot_factor(XP, kind, knots, paths.knot_gap(), np.full((2, 1), SD), np.full((2, 1), LENGTH))
    since = np.abs(knots[:, :, None] - knots[:, None, :])
    grown = 1 + np.minimum(knots[:, :, None], knots[:, None, :]) - 17.0
    dense = SD**2 * (np.exp(-since / LENGTH) if kind == "ou" else grown)
    np.testing.assert_allclose(factor @ factor.transpose(0, 2, 1), dense, atol=1e-12)


def test_rows_between_knots():
    knots = np.array([[18.0, 19.0, 20.0], [17.0, 17.0, 17.0]])
    paths = Paths(Discrepancy("ou", "compute", "run"), ["a", "b"], 17.0, knots)
    low, share = paths.between(np.array([0, 0, 0, 0, 1]), np.array([18.0, 18.25, 20.0, 21.0, 17.0]))
    assert low.tolist() == [0, 0, 2, 2, 2]
    np.testing.assert_allclose(share, [0, 0.25, 0, 0, 0])


def test_many_scales_are_thinned_to_forty_knots():
    frame = pd.DataFrame({"compute": np.geomspace(1e18, 1e22, 100)})
    paths = make_paths(Discrepancy("ou", "compute", ""), ["all"] * 100, frame, sampled=True)
    assert paths.knots.shape == (1, 40)
    assert paths.knots[0, [0, -1]] == pytest.approx([18, 22])
    assert Paths.from_dict(paths.as_dict()).knots == pytest.approx(paths.knots)
