"""What rows of smoothed curves are means of."""

import numpy as np
import pytest
from scipy.optimize import isotonic_regression

from bayes_scaling.data.averages import evaluations, fallen, pooled


def test_evaluations_of_bins_are_counted():
    edges = np.geomspace(1.0, 400.0, 100)
    every = np.arange(1.0, 401.0)
    bin_of = np.minimum(np.searchsorted(edges * (1 - 1e-12), every, side="right") - 1, 98)  # the last bin holds 400
    held = np.unique(bin_of)
    count, mean = evaluations(edges[held] * 1e6, 1e6)
    np.testing.assert_array_equal(count, np.bincount(bin_of)[held])
    np.testing.assert_allclose(mean, np.array([every[bin_of == b].mean() for b in held]) * 1e6)
    assert count.sum() == 400
    assert len(held) < 99, "early bins are empty and left out"


def test_a_stretch_of_one_loss_is_one_mean():
    first, mean, total = pooled(np.array([1.0, 2, 4, 8]), np.array([0.5, 0.4, 0.4, 0.3]), np.array([1.0, 1, 3, 2]))
    np.testing.assert_array_equal(first, [0, 1, 3])
    np.testing.assert_allclose(mean, [1, (2 + 3 * 4) / 4, 8])
    np.testing.assert_allclose(total, [1, 4, 2])


@pytest.mark.parametrize("sigma", [0.02, 0.06])
def test_curves_made_to_fall_have_the_noise_of_that_many_evaluations(sigma):
    # A line of slope -0.3 in log position, so long after the start that noise outweighs the fall of 0.001 a step.
    position = np.arange(200.0, 600.0)
    truth = 0.5 * (position / 200) ** -0.3
    rng = np.random.default_rng(4)
    errors, numbers = [], []
    for _ in range(60):
        falling = isotonic_regression(truth * np.exp(sigma * rng.standard_normal(400)), increasing=False).x
        blocks = falling.reshape(-1, 8).mean(axis=1)
        first, mean, total = pooled(position.reshape(-1, 8).mean(axis=1), blocks, np.full(50, 8.0))
        inner = slice(len(first) // 4, -(len(first) // 4))  # ends of isotonic regressions are biased
        numbers.append(fallen(mean, blocks[first], total, 1.0)[inner].mean())
        at_block = np.interp(mean, position, truth)
        errors.append(np.mean(np.log(blocks[first] / at_block)[inner] ** 2))
    ratio = np.sqrt(np.mean(errors) * np.mean(numbers)) / sigma
    assert 0.7 < ratio < 1.3, "the theory is of long curves; counts alone give a ratio below 0.6 at the larger noise"


def test_a_curve_without_scatter_keeps_its_counts():
    position = np.geomspace(1, 100, 30)
    np.testing.assert_array_equal(fallen(position, position**-0.5, np.full(30, 2.0), 1.0), 2.0)
