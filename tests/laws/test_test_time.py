"""Repeated samples: coverage as the paper has it, and what an imperfect verifier leaves of it."""

import numpy as np
import pandas as pd
import pytest

from bayes_scaling import laws
from bayes_scaling.data import check_runs
from bayes_scaling.data.repeated import pass_at_k
from bayes_scaling.errors import DataError
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.model.priors import draw

XP = numpy_backend()
COVERAGE, VERIFIER = laws.get("coverage"), laws.get("imperfect_verifier")
EXAMPLE = VERIFIER.constants("stroebl2024_example")


def prior_draws(law, draws, seed):
    """Return draws of a law's parameters, shape (draw, 1)."""
    rng = np.random.default_rng(seed)
    return {p.name: draw(p.prior, rng, (draws, 1)) for p in law.parameters}


def test_coverage_is_the_exponentiated_power_law_of_the_paper():
    samples = np.array([1.0, 100, 10000])
    expected = np.exp(-7.59 * samples**-0.18)
    found = COVERAGE.at_constants("brown2024_pythia_70m_math", samples=samples)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_coverage_rises_to_one_and_the_samples_needed_give_it_back():
    sampled = prior_draws(COVERAGE, 300, 1)
    found = COVERAGE.mean(XP, samples=np.logspace(0, 8, 50), **sampled)
    assert (np.diff(found, axis=1) >= 0).all()
    assert COVERAGE.mean(XP, samples=1e300, coverage_ref=0.1, exponent=0.25) == pytest.approx(1)
    target = np.array([0.05, 0.5, 0.99, 1.0])
    needed = COVERAGE.samples_needed(XP, target=target, **sampled)
    assert np.isinf(needed[:, 3]).all()
    assert (needed >= 1).all()
    part = (needed[:, :3] > 1) & np.isfinite(needed[:, :3])
    again = COVERAGE.mean(XP, samples=needed[:, :3], **sampled)
    np.testing.assert_allclose(again[part], np.broadcast_to(target[:3], part.shape)[part], rtol=1e-9)
    assert part.mean() > 0.5


def by_hand(samples, easy_share, easy, hard_ratio, soundness):
    """Return the share of right answers, adding up the attempts at which sampling may stop."""
    total = 0.0
    for share, right in ((easy_share, easy), (1 - easy_share, easy * hard_ratio)):
        rejected = soundness * (1 - right)
        total += share * sum(rejected**k * right for k in range(samples))
    return total


@pytest.mark.parametrize("samples", [1, 2, 7])
def test_accuracy_is_the_sum_over_the_attempts_that_stop(samples):
    found = VERIFIER.mean(XP, samples=samples, **EXAMPLE)
    assert found == pytest.approx(by_hand(samples, **EXAMPLE), rel=1e-12)


def test_rejection_of_the_example_is_that_of_the_notebook():
    """One sample solves the mean of both kinds; the second adds what the first rejected (0.0975 and 0.6525)."""
    one, two = VERIFIER.mean(XP, samples=np.array([1, 2]), **EXAMPLE)
    assert one == pytest.approx(0.58 * 0.87 + 0.42 * 0.13)
    assert two - one == pytest.approx(0.58 * 0.0975 * 0.87 + 0.42 * 0.6525 * 0.13)


def test_no_number_of_samples_goes_beyond_the_ceiling():
    sampled = prior_draws(VERIFIER, 300, 2)
    found = VERIFIER.mean(XP, samples=np.logspace(0, 6, 40), **sampled)
    ceiling = VERIFIER.ceiling(XP, **sampled)
    assert (np.diff(found, axis=1) >= -1e-15).all()
    assert (found <= ceiling + 1e-12).all()
    assert (ceiling < 1).all()
    far = VERIFIER.mean(XP, samples=1e15, **sampled)
    np.testing.assert_allclose(far, ceiling, rtol=1e-9)
    assert VERIFIER.ceiling(XP, **{**EXAMPLE, "soundness": 1 - 1e-12}) == pytest.approx(1)


@pytest.mark.parametrize("cost", [0.0, 0.3, 1.0, 2.0, 8.0])
def test_optimal_samples_against_every_number_of_samples(cost):
    sampled = prior_draws(VERIFIER, 200, 3)
    found = VERIFIER.optimal_samples(XP, cost=np.array([cost]), **sampled)[:, 0]
    tried = np.arange(0, 400)
    right = VERIFIER.mean(XP, samples=tried, **sampled)
    # of all that are accepted, right or wrong, the rest is wrong
    accepted = sum(
        share * (1 - (sampled["soundness"] * (1 - r)) ** tried)
        for share, r in VERIFIER._kinds(sampled["easy_share"], sampled["easy"], sampled["hard_ratio"])
    )
    value = right - cost * (accepted - right)
    few = found < tried[-1]
    np.testing.assert_array_equal(found[few], value.argmax(axis=1)[few])
    assert (value[~few].argmax(axis=1) > 0).all()
    assert np.isinf(found).all() == (cost == 0)


@pytest.mark.parametrize("wrong", [0, 2.5])
def test_samples_are_whole_and_at_least_one(wrong):
    frame = pd.DataFrame({"samples": [1, wrong], "accuracy": [0.1, 0.2]})
    with pytest.raises(DataError, match=r"column 'samples', row 1"):
        check_runs(frame, further=COVERAGE.columns)


def test_pass_at_k_counts_the_draws_without_a_right_one():
    found = pass_at_k(np.array([0, 2, 5]), np.array([5, 5, 5]), 2)
    np.testing.assert_allclose(found, [0, 1 - 3 / 10, 1], rtol=1e-12)  # 3 of 10 pairs are both wrong


@pytest.mark.real
def test_real_coverage_is_what_the_published_constants_say(mirror):
    import bayes_scaling as bs

    frame = bs.load_dataset("repeated")
    assert len(frame) == 63
    assert (frame.groupby("model")["accuracy"].diff().dropna() > 0).all()
    last = frame[frame["samples"] == 10000].set_index("model")["accuracy"]
    assert last["Pythia 70M"] == 34 / 128  # problems with any right answer
    assert last["Pythia 12B"] == 112 / 128
    part = frame[frame["model"] == "Pythia 70M"]
    found = COVERAGE.at_constants("brown2024_pythia_70m_math", samples=part["samples"].to_numpy())
    assert np.abs(found - part["accuracy"]).max() < 0.04
