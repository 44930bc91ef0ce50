"""Optima that have no closed form, solved for every draw and row at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

GOLDEN = 0.6180339887498949


def minimum(loss: Callable[[Any], Any], low: Any, high: Any, *, points: int = 17, width: float = 1e-7) -> Any:
    """Return where a function of one number is smallest between two ends, element by element.

    A grid finds the valley, golden sections its bottom: the smallest of several minima, unless two lie
    between neighbouring points of the grid.

    Parameters
    ----------
    loss : callable
        Shape of `low` -> the same shape; it may be infinite, and is never NaN.
    low, high : ndarray
        Ends, of one shape.
    points : int
        Of the grid.
    width : float
        How far the place is narrowed down.

    Returns
    -------
    ndarray
        Shape of `low`; an end where the function is smallest there.
    """
    import numpy as np

    step = (high - low) / (points - 1)
    best = np.array([loss(low + i * step) for i in range(points)]).argmin(axis=0)
    left, right = low + np.maximum(best - 1, 0) * step, low + np.minimum(best + 1, points - 1) * step
    turns = int(np.ceil(np.log(max(float(np.max(right - left)), width) / width) / -np.log(GOLDEN)))
    inner, outer = right - GOLDEN * (right - left), left + GOLDEN * (right - left)
    at_inner, at_outer = loss(inner), loss(outer)
    for _ in range(turns):
        lower = at_inner < at_outer
        left, right = np.where(lower, left, inner), np.where(lower, outer, right)
        kept, at_kept = np.where(lower, inner, outer), np.where(lower, at_inner, at_outer)
        fresh = np.where(lower, right - GOLDEN * (right - left), left + GOLDEN * (right - left))
        at_fresh = loss(fresh)
        inner, outer = np.where(lower, fresh, kept), np.where(lower, kept, fresh)
        at_inner, at_outer = np.where(lower, at_fresh, at_kept), np.where(lower, at_kept, at_fresh)
    middle = (left + right) / 2
    ends = np.array([loss(low), loss(middle), loss(high)]).argmin(axis=0)
    return np.choose(ends, [low, middle, high])
