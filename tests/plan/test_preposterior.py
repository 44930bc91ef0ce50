"""What sets of runs would tell agrees with exact conjugate results and with repetition."""

import numpy as np
import pytest
from scipy.stats import norm

from bayes_scaling.plan.preposterior import (
    Joint,
    Moments,
    cheapest,
    entropy,
    expected_entropy,
    gain_of_set,
    gains,
    greedy,
    normal_scores,
    telling,
)  # fmt: skip


def conjugate(seed=0, parameters=3, candidates=6):
    """Return design, prior covariance, noise and the weights of the question of a linear model with normal noise."""
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((parameters, parameters))
    return rng.standard_normal((candidates, parameters)), root @ root.T, 0.3, rng.standard_normal(parameters)


def exact_left(design, prior, noise, weights, chosen):
    """Return the posterior variance of the question of a linear model with normal noise (no preposterior formula)."""
    x = design[list(chosen)]
    posterior = np.linalg.inv(np.linalg.inv(prior) + x.T @ x / noise**2)
    return weights @ posterior @ weights


def exact_moments(design, prior, noise, weights):
    response = design @ prior @ design.T + noise**2 * np.eye(len(design))
    return Moments(weights @ prior @ weights, design @ prior @ weights, response)


def joint_draws(count, seed=1):
    design, prior, noise, weights = conjugate()
    theta = np.random.default_rng(seed).multivariate_normal(np.zeros(len(prior)), prior, count)
    return Joint(theta @ weights, theta @ design.T, noise**2 * np.eye(len(design)))


@pytest.mark.parametrize("chosen", [(), (2,), (0, 3), (5, 1, 4), (0, 1, 2, 3, 4, 5)])
def test_sets_of_runs_leave_the_conjugate_posterior_variance(chosen):
    model = conjugate()
    assert exact_moments(*model).left(chosen) == pytest.approx(exact_left(*model, chosen))
    assert exact_moments(*model).left(chosen[::-1]) == pytest.approx(exact_left(*model, chosen))


def test_a_run_that_was_made_tells_nothing_twice():
    moments = exact_moments(*conjugate())
    assert moments.left([2, 2]) == pytest.approx(moments.left([2]), rel=1e-9)


def test_gains_over_draws_lie_within_their_monte_carlo_error():
    model = conjugate()
    exact = np.array([model[3] @ model[1] @ model[3] - exact_left(*model, [i]) for i in range(6)])
    found = gains(joint_draws(4000))
    assert (np.abs(found.value - exact) < 4.5 * found.mcse).all()
    assert (found.mcse < 0.1 * exact.max()).all(), "an error that covers anything would make the test void"


@pytest.mark.statistical
def test_monte_carlo_errors_are_those_of_repetition():
    made = [gains(joint_draws(400, seed)) for seed in range(150)]
    scatter = np.std([g.value for g in made], axis=0)
    told = np.sqrt(np.mean([g.mcse**2 for g in made], axis=0))
    exact = np.mean([g.value for g in made], axis=0)
    clear = exact > 5 * scatter  # a gain near zero is cut off there, which no error by its slope tells of
    assert clear.sum() >= 3
    assert (told / scatter)[clear] == pytest.approx(np.ones(clear.sum()), rel=0.3)  # 4 standard errors are 0.24
    assert (told > 0.7 * scatter).all()


@pytest.mark.parametrize("chosen", [[2], [0, 3], [0, 1, 2, 4]])
def test_what_a_set_tells_and_its_monte_carlo_error(chosen):
    joint, model = joint_draws(4000), conjugate()
    found = gain_of_set(joint, chosen)
    if len(chosen) == 1:
        assert found.value[0] == pytest.approx(gains(joint).value[chosen[0]])
        assert found.mcse[0] == pytest.approx(gains(joint).mcse[chosen[0]])
    exact = model[3] @ model[1] @ model[3] - exact_left(*model, chosen)
    assert abs(found.value[0] - exact) < 4.5 * found.mcse[0] < exact
    made = [gain_of_set(joint_draws(400, seed), chosen) for seed in range(80)]
    told = np.sqrt(np.mean([g.mcse**2 for g in made]))
    assert told / np.std([g.value for g in made]) == pytest.approx(1.0, rel=0.35)  # 4 standard errors are 0.32


def test_runs_that_add_less_than_an_error_are_left_out():
    moments = exact_moments(*conjugate())
    every = list(range(6))
    assert telling(moments, every, 0.0) == every, "all of them tell something"
    for error in (0.01, 0.1, 1.0):
        kept = telling(moments, every, error)
        assert kept == sorted(kept)
        assert moments.left(kept) <= moments.left(every) + error
        assert len(kept) == 1 or all(
            moments.left([j for j in kept if j != i]) > moments.left(every) + error for i in kept
        )
    assert len(telling(moments, every, moments.question)) == 1


def test_a_run_that_tells_nothing_gains_nothing_on_average():
    rng = np.random.default_rng(3)
    q, f = rng.standard_normal(500), rng.standard_normal((500, 2000))
    joint = Joint(q, f, 0.01 * np.eye(2000))
    seen = joint.moments().cross ** 2 / np.diagonal(joint.moments().response)
    assert seen.mean() == pytest.approx(1 / 500, rel=0.2), "what finite draws feign"
    left = Joint(q, f[:, :100], 0.01 * np.eye(100)).moments().left_of_all()
    assert left == pytest.approx(q.var(), rel=0.12), "100 runs without information would feign a fifth"


def test_greedy_takes_the_best_given_those_before():
    model = conjugate()
    moments, cost = exact_moments(*model), np.array([1.0, 2, 4, 8, 16, 32])
    first, second = greedy(moments, cost, count=2)
    assert first == min(range(6), key=lambda i: exact_left(*model, [i]))
    assert second == min(set(range(6)) - {first}, key=lambda i: exact_left(*model, [first, i]))
    per_cost = greedy(moments, cost, count=1, per_cost=True)[0]
    gain = [(moments.question - exact_left(*model, [i])) / cost[i] for i in range(6)]
    assert per_cost == int(np.argmax(gain))
    assert 5 not in greedy(moments, cost, cap=16.0)


def test_the_cheap_set_reaches_the_goal_and_is_no_dearer_than_greedy_ones():
    moments = exact_moments(*conjugate(seed=5, parameters=4, candidates=12))
    cost = np.geomspace(1, 100, 12)
    goal = moments.question - 0.75 * (moments.question - moments.left_of_all())
    chosen = cheapest(moments, cost, goal)
    assert moments.left(chosen) <= goal * (1 + 1e-6)
    assert list(cost[chosen]) == sorted(cost[chosen])
    for per_cost in (False, True):
        other = greedy(moments, cost, goal=goal, per_cost=per_cost)
        assert cost[chosen].sum() <= cost[other].sum()
    assert all(moments.left([i for i in chosen if i != out]) > goal for out in chosen), "none of them is idle"
    assert cheapest(moments, cost, 0.5 * moments.left_of_all()) == [], "more than all of them could tell"


def test_expected_entropy_is_that_of_a_normal_margin():
    rng = np.random.default_rng(2)
    threshold, share = 0.4, 0.6
    known = np.sqrt(share) * rng.standard_normal(200_000)
    exact = entropy(norm.cdf((known - threshold) / np.sqrt(1 - share))).mean()
    assert expected_entropy(np.array([share]), threshold)[0] == pytest.approx(exact, abs=0.004)
    assert expected_entropy(np.array([0.0]), threshold)[0] == pytest.approx(entropy(norm.sf(threshold)))
    assert expected_entropy(np.array([1.0]), threshold)[0] == pytest.approx(0, abs=0.01)


def test_normal_scores_keep_the_share_of_yes():
    margin = np.random.default_rng(0).exponential(size=4000) - 1.2
    scores, threshold = normal_scores(margin)
    assert (scores > threshold).mean() == pytest.approx((margin > 0).mean(), abs=1e-3)
    assert np.isfinite(normal_scores(np.ones(10))[1]), "always yes"
