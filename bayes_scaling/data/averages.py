"""What the rows of smoothed curves are means of: evaluations in bins, and along curves that were made to fall."""

from __future__ import annotations

import numpy as np

from bayes_scaling.errors import DataError, listed

_SAME = 1e-6  # positions that agree so far are one
_TWICE = 0.1  # of the spacing: the first evaluation and the next one on the even grid are one
_SPAN = 2 / (0.26355964 * 4 ** (2 / 3))  # with the variance of Chernoff's distribution (Groeneboom and Wellner 2001)
_ROUNDS, _LEAST_STRETCHES = 20, 6
_NEAR = np.log(2.0)  # half-width, in log position, of the stretch that a slope is taken over
_LEAST_ROWS = 5  # of that stretch
_LEAST_SLOPE = 1e-3  # of log loss in log position
_MEDIAN_SQUARE = 0.4549  # of a standard normal variable


def evaluations(edges: np.ndarray, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Return how many evaluations each bin holds and their mean position, shape (bin,).

    Parameters
    ----------
    edges : ndarray, shape (bin,)
        Lower edges, ascending, of bins of one ratio; bins without an evaluation are not among them. The last
        evaluation is the upper edge of the last bin, which holds it; the first edge is one where the even grid before
        it comes near.
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
        raise DataError(f"bins {listed(np.flatnonzero(held == 0))} hold no evaluation at a spacing of {spacing:g}.")
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


def independent(
    position: np.ndarray, loss: np.ndarray, count: np.ndarray, spacing: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    r"""Return a curve that was made to fall as means of stretches so long that their errors are those of plain means.

    Isotonic regression of evaluations with noise :math:`\sigma` along a curve that falls by s from one to the next has
    variance :math:`0.2636\,(4\sigma^2 s)^{2/3}` (Brunk 1970; Groeneboom and Wellner 2001), that of a mean of
    :math:`1.505\,(\sigma/s)^{2/3}` evaluations, and its errors are alike over about as many. Stretches, laid from the
    end, hold at least twice that number less one (without noise one evaluation is enough; simulated in the tests).
    Slopes are those of the rows within a factor of two; :math:`\sigma` is found from the scatter of stretches about the
    line through their neighbours. All in log loss.

    Parameters
    ----------
    position, loss, count : ndarray, shape (row,)
        Ascending positions, losses, and the evaluations that were averaged after they were made to fall.
    spacing : float
        Distance between evaluations, in the unit of the positions.

    Returns
    -------
    first : ndarray of int, shape (stretch,)
        The first row of each stretch.
    position, loss, count : ndarray, shape (stretch,)
        Means over the evaluations of a stretch, and their number.
    """
    first, rows = np.arange(len(position)), (position, loss, count)
    fall = np.maximum(-_slopes(np.log(position), np.log(loss)), _LEAST_SLOPE) * spacing / position
    sigma = _scatter(*rows)
    for _ in range(_ROUNDS):
        longer = _stretches(count, _SPAN * (sigma / fall) ** (2 / 3) - 1)
        if len(longer) < _LEAST_STRETCHES or np.array_equal(longer, first):
            break
        first, total = longer, np.add.reduceat(count, longer)
        rows = np.add.reduceat(count * position, first) / total, np.add.reduceat(count * loss, first) / total, total
        sigma = max(sigma, _scatter(*rows))
    return first, *rows


def _stretches(count: np.ndarray, need: np.ndarray) -> np.ndarray:
    """Return the first row of each stretch, laid from the end, that holds what each of its rows needs."""
    starts, end, total = [], len(count), 0.0
    for i in range(len(count) - 1, -1, -1):
        total += count[i]
        if total >= need[i:end].max():
            starts.append(i)
            end, total = i, 0.0
    if end:  # what is left at the start joins the first stretch
        starts = [*starts[:-1], 0]
    return np.array(starts[::-1])


def _scatter(position: np.ndarray, loss: np.ndarray, count: np.ndarray) -> float:
    """Return the noise of one evaluation in log loss: median scatter of rows about their neighbours' line."""
    t, y, one = np.log(position), np.log(loss), 1 / count
    share = (t[1:-1] - t[:-2]) / (t[2:] - t[:-2])
    away = y[1:-1] - (1 - share) * y[:-2] - share * y[2:]
    variance = one[1:-1] + (1 - share) ** 2 * one[:-2] + share**2 * one[2:]
    return float(np.sqrt(np.median(away**2 / variance) / _MEDIAN_SQUARE)) if len(y) > 2 else 0.0


def _slopes(t: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the slope of y in t about each row, over the rows that are near, shape (row,)."""
    away = np.abs(t - t[:, None])
    reach = np.maximum(_NEAR, np.sort(away, axis=1)[:, min(_LEAST_ROWS, len(t)) - 1])
    near = away <= reach[:, None]
    return np.array([np.polyfit(t[n], y[n], 1)[0] for n in near])
