"""What rows of smoothed curves are means of."""

import numpy as np
import pytest
from scipy.optimize import isotonic_regression

from bayes_scaling.data.averages import evaluations, independent, pooled
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


@pytest.mark.parametrize("sigma", [0.04, 0.06])
def test_stretches_of_curves_made_to_fall_have_the_errors_of_plain_means(sigma):
    # Level at twice the curve's length by weighted least squares, 150 times; noise outweighs the fall of 0.001 a step.
    position, repeats = np.arange(1.0, 401.0), 150
    truth = 0.8 * position**-0.3
    edges = np.geomspace(1, 400, 100)
    bin_of = np.minimum(np.searchsorted(edges * (1 - 1e-9), position, side="right") - 1, 98)
    held = np.bincount(bin_of)
    rng = np.random.default_rng(4)
    z = {"stretches": [], "rows": []}
    for _ in range(repeats):
        falling = isotonic_regression(truth * np.exp(sigma * rng.standard_normal(400)), increasing=False).x
        means = (np.bincount(bin_of, position)[held > 0] / held[held > 0],
                 np.bincount(bin_of, falling)[held > 0] / held[held > 0], held[held > 0].astype(float))  # fmt: skip
        first, *stretches = independent(*means, 1.0)
        assert stretches[2].sum() == 400, "every evaluation once"
        assert first[0] == 0
        for name, rows in (("stretches", stretches), ("rows", means)):
            z[name].append(_level_z(*rows, truth=np.log(0.8 * 800**-0.3)))
    # A standard deviation of 150 standard normal numbers has an error of 0.06; that of its own noise is about as large.
    print(np.std(z["stretches"]), np.std(z["rows"]))
    assert 0.75 < np.std(z["stretches"]) < 1.3
    assert np.std(z["rows"]) > 1.35


def _level_z(position, loss, count, *, truth):
    """Return the error of the level at 800, in the errors that least squares gives it."""
    design = np.column_stack([np.ones(len(position)), np.log(position / 800)])
    inverse = np.linalg.inv(design.T @ (count[:, None] * design))
    estimate = inverse @ design.T @ (count * np.log(loss))
    away = np.log(loss) - design @ estimate
    sigma = np.sqrt((count * away**2).sum() / (len(loss) - 2))
    return (estimate[0] - truth) / (sigma * np.sqrt(inverse[0, 0]))


def test_a_curve_without_scatter_keeps_its_rows():
    position = np.geomspace(1, 100, 30)
    first, *rows = independent(position, position**-0.5, np.full(30, 2.0), 1.0)
    np.testing.assert_array_equal(first, np.arange(30))
    np.testing.assert_allclose(rows, [position, position**-0.5, np.full(30, 2.0)])


def test_what_are_no_bins_is_refused():
    with pytest.raises(DataError, match="bins of one ratio"):
        evaluations(np.array([1.0, 2.0, 2.1, 5.77, 6.0, 9.9]), 1.0)
    with pytest.raises(DataError, match="hold no evaluation"):
        evaluations(np.geomspace(1.0, 2.0, 30), 1.0)
