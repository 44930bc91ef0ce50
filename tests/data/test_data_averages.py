"""What rows of smoothed curves are means of."""

import numpy as np
import pytest
from scipy.optimize import isotonic_regression

from bayes_scaling.data.averages import evaluations, fallen, pooled
from bayes_scaling.errors import DataError


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


@pytest.mark.parametrize("sigma", [0.01, 0.03])
def test_rows_of_curves_made_to_fall_have_the_noise_of_that_many_evaluations(sigma):
    # Noise outweighs the fall of 0.001 a step; ends of isotonic regressions are biased and left out.
    position, inner = np.arange(200.0, 600.0), slice(10, -10)
    truth = 0.5 * (position / 200) ** -0.3
    rng = np.random.default_rng(4)
    z = {"effective": [], "counts": []}
    for _ in range(60):
        falling = isotonic_regression(truth * np.exp(sigma * rng.standard_normal(400)), increasing=False).x
        means = falling.reshape(-1, 5).mean(axis=1)
        first, mean, total = pooled(position.reshape(-1, 5).mean(axis=1), means, np.full(80, 5.0))
        error = np.log(means[first] / np.interp(mean, position, truth))
        for name, number in (("effective", fallen(mean, means[first], total, 1.0)), ("counts", total)):
            z[name].append((error * np.sqrt(number))[inner] / sigma)
    spread = {name: np.std(np.concatenate(values)) for name, values in z.items()}
    assert 0.8 < spread["effective"] < 1.25, "the theory is of long curves"
    assert spread["counts"] < 0.75


def test_a_curve_without_scatter_keeps_its_counts():
    position = np.geomspace(1, 100, 30)
    np.testing.assert_array_equal(fallen(position, position**-0.5, np.full(30, 2.0), 1.0), 2.0)
    np.testing.assert_array_equal(fallen(position[:3], position[:3] ** -0.5, np.ones(3), 1.0), 1.0)


def test_what_are_no_bins_is_refused():
    with pytest.raises(DataError, match="bins of one ratio"):
        evaluations(np.array([1.0, 2.0, 2.1, 5.77, 6.0, 9.9]), 1.0)
    with pytest.raises(DataError, match="hold no evaluation"):
        evaluations(np.geomspace(1.0, 2.0, 30), 1.0)
