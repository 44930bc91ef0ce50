"""What the rows of smoothed curves are means of: evaluations in bins, and along curves that were made to fall."""

from __future__ import annotations

import numpy as np

from bayes_scaling.errors import DataError, listed

_SAME = 1e-6  # positions that agree so far are one
_TWICE = 0.1  # of the spacing: the first evaluation and the next one on the even grid are one
_FALLING = 1 / (0.26355964 * 4 ** (2 / 3))  # of the variance of Chernoff's distribution (Groeneboom and Wellner 2001)
_NEAR = np.log(2.0)  # half-width, in log position, of the stretch that a slope is taken over
_LEAST_ROWS = 5  # of that stretch
_LEAST_SLOPE = 1e-3  # of log loss in log position
_MEDIAN_SQUARE = 0.4549  # of a standard normal variable


def evaluations(edges: np.ndarray, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Return how many evaluations each bin holds and their mean position, shape (bin,).

    Parameters
    ----------
    edges : ndarray, shape (bin,)
        Lower edges, ascending, of bins of one ratio; bins without an evaluation are not among them. The upper
        edge of the last bin is the last evaluation and belongs to that bin; the others stand before it at even
        distances. One that lies within a tenth of the spacing above the first edge is taken to be at that edge.
    spacing : float
        Distance between evaluations, in the unit of the edges.

    Raises
    ------
    DataError
        The edges are not of one ratio, or a bin holds no evaluation.
    """
    upper = edges * _ratio(edges)
    even = upper[-1] - spacing * np.arange(int((upper[-1] - edges[0]) / spacing + _SAME), -1, -1.0)
    if even[0] < edges[0] + _TWICE * spacing:
        even[0] = edges[0]
    bin_of = np.searchsorted(edges * (1 - _SAME), even, side="right") - 1
    inside = even <= upper[bin_of] * (1 + _SAME)
    held = np.bincount(bin_of[inside], minlength=len(edges))
    if not held.all():
        raise DataError(
            f"bins {listed(np.flatnonzero(held == 0))} hold no evaluation at a spacing of {spacing:g}; expected "
            "one in each. Check edges and spacing."
        )
    return held.astype(float), np.bincount(bin_of[inside], even[inside], minlength=len(edges)) / held


def _ratio(edges: np.ndarray) -> float:
    """Return the ratio of the bins: every step between edges is a whole power of it."""
    steps = np.diff(np.log(edges))
    for parts in range(1, 10):
        powers = steps / (steps.min() / parts)
        if np.abs(powers - np.round(powers)).max() < 0.02:
            return float(np.exp(steps.sum() / np.round(powers).sum()))
    raise DataError("the edges are not those of bins of one ratio; expected steps that are whole powers of it.")


def pooled(position: np.ndarray, loss: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the first row of every stretch of one loss, and the stretches' mean positions and counts.

    Parameters
    ----------
    position, loss, count : ndarray, shape (row,)
        Rows of one curve in order; a loss made to fall is one mean wherever it stays the same.

    Returns
    -------
    first : ndarray of int, shape (stretch,)
    mean, total : ndarray, shape (stretch,)
        Mean position of the evaluations of a stretch, and their number.
    """
    first = np.flatnonzero(np.concatenate([[True], np.diff(loss) != 0]))
    total = np.add.reduceat(count, first)
    return first, np.add.reduceat(count * position, first) / total, total


def fallen(position: np.ndarray, loss: np.ndarray, count: np.ndarray, spacing: float) -> np.ndarray:
    r"""Return how many evaluations the rows of a curve that was made to fall are in effect the means of, shape (row,).

    Isotonic regression of evaluations with noise :math:`\sigma` along a curve that falls by s from one to the next has
    variance :math:`0.2636\,(4\sigma^2 s)^{2/3}` (Brunk 1970; Groeneboom and Wellner 2001), that of a mean of
    :math:`1.505\,(\sigma/s)^{2/3}`. This is added to the rows' own counts. Slopes are those of the rows within a factor
    of two; :math:`\sigma` is found from the scatter of rows about the line through their neighbours. All in log loss.

    Neighbours' errors are alike, which these numbers do not say (they add up to about twice the evaluations there are):
    a law alone comes out too sure by up to half. A model with a discrepancy takes them for part of it, and simulated
    coverage and noise are right (``benchmarks/averages.py``).

    Parameters
    ----------
    position, loss, count : ndarray, shape (row,)
        Ascending positions, losses, and the evaluations that were averaged after they were made to fall.
    spacing : float
        Distance between evaluations, in the unit of the positions.
    """
    from scipy import optimize

    if len(loss) < _LEAST_ROWS:
        return count
    t, y = np.log(position), np.log(loss)
    fall = np.maximum(-_slopes(t, y), _LEAST_SLOPE) * spacing / position
    share = (t[1:-1] - t[:-2]) / (t[2:] - t[:-2])
    scatter = y[1:-1] - (1 - share) * y[:-2] - share * y[2:]

    def number(log_sigma: float) -> np.ndarray:
        return count + _FALLING * (np.exp(log_sigma) / fall) ** (2 / 3)

    def excess(log_sigma: float) -> float:
        one = 1 / number(log_sigma)
        unit = one[1:-1] + (1 - share) ** 2 * one[:-2] + share**2 * one[2:]
        return float(np.median(scatter**2 / unit) / _MEDIAN_SQUARE - np.exp(2 * log_sigma))

    low, high = np.log(1e-7), np.log(10.0)
    return number(optimize.brentq(excess, low, high)) if excess(low) > 0 > excess(high) else count


def _slopes(t: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the slope of y in t about each row, over the rows that are near, shape (row,)."""
    away = np.abs(t - t[:, None])
    reach = np.maximum(_NEAR, np.sort(away, axis=1)[:, min(_LEAST_ROWS, len(t)) - 1])
    near = away <= reach[:, None]
    return np.array([np.polyfit(t[n], y[n], 1)[0] for n in near])
