"""Private training: the form of the paper, its limits, the best size against brute force and without noise."""

import numpy as np
import pandas as pd
import pytest

from bayes_scaling import laws
from bayes_scaling.data import check_runs
from bayes_scaling.errors import CardError, DataError
from bayes_scaling.laws.backend import numpy_backend

XP = numpy_backend()
LAW = laws.get("private")
SHAPE = {"alpha": 0.47, "beta": 0.12, "gamma": 0.95, "alpha_2": -0.07}  # figure 18
CONSTANTS = LAW.from_published(XP, **SHAPE, E=0.5, A=2000.0, B=9.0, C=1.2)  # the other constants are not printed
CHINCHILLA = laws.get("chinchilla")


def test_the_form_of_the_paper():
    m, n, noise = 1.1e8, 3e8, np.array([1e-6, np.exp(-8.0), 1e-2])
    s = 1 / (1 + np.exp(-(np.log(noise) + 8) / 1.6))
    assert s[1] == pytest.approx(0.5, rel=1e-12)
    expected = 0.5 + 2000 / m**0.47 + 9 / n**0.12 + 1.2 * s**0.95 / m**-0.07
    found = LAW.mean(XP, params=m, examples=n, noise_batch_ratio=noise, **CONSTANTS)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_noise_raises_the_loss_until_it_levels_off_and_vanishes_with_it():
    noise = np.logspace(-30, 10, 120)
    loss = LAW.mean(XP, params=1e8, examples=1e8, noise_batch_ratio=noise, **CONSTANTS)
    assert (np.diff(loss) >= 0).all()
    without = CHINCHILLA.mean(
        XP, params=1e8, tokens=1e8, **CHINCHILLA.from_published(XP, E=0.5, A=2000.0, B=9.0, alpha=0.47, beta=0.12)
    )
    assert loss[0] == pytest.approx(without, abs=1e-8), "Chinchilla's law in examples"
    assert loss[-1] == pytest.approx(without + 1.2 * 1e8**0.07, rel=1e-3)


def test_the_best_size_has_the_lowest_loss():
    compute, noise = np.array([1e19, 1e21, 1e23]), np.array([1e-6, 1e-4, 1e-3])
    best = LAW.optimal_params(XP, compute=compute, noise_batch_ratio=noise, **CONSTANTS)
    examples = LAW.optimal_examples(XP, compute=compute, noise_batch_ratio=noise, **CONSTANTS)
    np.testing.assert_allclose(6 * best * examples * 512, compute, rtol=1e-12)

    def loss(params):
        return LAW.mean(XP, params=params, examples=compute / (6 * 512 * params), noise_batch_ratio=noise, **CONSTANTS)

    every = np.array([loss(best * factor) for factor in np.logspace(-3, 3, 601)])
    assert (loss(best) <= every.min(axis=0) + 1e-12).all()


def test_without_noise_the_best_size_is_that_of_chinchilla():
    compute = np.array([1e19, 1e22])
    best = LAW.optimal_params(XP, compute=compute, noise_batch_ratio=np.full(2, 1e-40), **CONSTANTS)
    dense = CHINCHILLA.from_published(XP, E=0.5, A=2000.0, B=9.0, alpha=0.47, beta=0.12)
    expected = CHINCHILLA.allocation(XP, product=compute / (6 * 512), **dense)["params"]
    np.testing.assert_allclose(best, expected, rtol=1e-5)


def test_more_noise_asks_for_a_smaller_model_that_grows_more_slowly():
    """As in figure 19, since the exponent of parameters in the loss due to noise is below zero."""
    compute, noise = np.logspace(19, 23, 5)[:, None], np.logspace(-6, -2, 9)
    best = LAW.optimal_params(XP, compute=compute, noise_batch_ratio=noise, **CONSTANTS)
    assert (np.diff(best, axis=0) > 0).all()
    assert (np.diff(best, axis=1) < 0).all()
    slope = np.log(best[-1] / best[0]) / np.log(1e4)
    assert (np.diff(slope) < 0).all()


def test_longer_examples_leave_fewer_of_them():
    long = LAW.at(params=1e7).with_options(sequence=1024)
    assert long.reference["params"] == 1e7
    assert long.options == {"sequence": 1024}
    sampled = long.from_published(XP, **LAW.to_published(XP, **CONSTANTS))
    at = {"noise_batch_ratio": np.array([1e-4])}
    twice = long.optimal_params(XP, compute=np.array([2e21]), **at, **sampled)
    np.testing.assert_allclose(twice, LAW.optimal_params(XP, compute=np.array([1e21]), **at, **CONSTANTS), rtol=1e-5)


@pytest.mark.parametrize("wrong", [{"sequence": 0}, {"sequence": 1.5}, {"epsilon": 8}])
def test_options_that_cannot_be_used(wrong):
    with pytest.raises(CardError):
        LAW.with_options(**wrong)


@pytest.mark.parametrize("wrong", [0.0, -1e-4])
def test_a_ratio_that_is_not_positive_is_refused(wrong):
    frame = pd.DataFrame(
        {"params": [1e8, 1e8], "examples": [1e8, 1e8], "noise_batch_ratio": [1e-4, wrong], "loss": [3.0, 3.1]}
    )
    with pytest.raises(DataError, match=r"column 'noise_batch_ratio', row 1"):
        check_runs(frame, further=LAW.columns)
