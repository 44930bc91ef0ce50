"""Optima that have no closed form, solved for every draw and row at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

GOLDEN = 0.6180339887498949


def minimum(loss: Callable[[Any], Any], low: Any, high: Any, *, points: int = 41, steps: int = 45) -> Any:
    """Return where a function of one number is smallest between two ends, elementwise.

    A grid finds the valley, golden sections its bottom: the smallest of several minima, unless two lie
    between neighbouring points of the grid.

    Parameters
    ----------
    loss : callable
        Of an array; it may be infinite, and is never NaN.
    low, high : array_like
        Ends, of the shape of the answer (or broadcast to it).
    points, steps : int
        Of the grid, and golden sections.

    Returns
    -------
    ndarray
        An end where the function falls towards it.
    """
    import numpy as np

    best, value = low, loss(low)
    for i in range(1, points):
        at = low + (high - low) * (i / (points - 1))
        found = loss(at)
        best, value = np.where(found < value, at, best), np.minimum(found, value)
    width = (high - low) / (points - 1)
    left, right = np.maximum(best - width, low), np.minimum(best + width, high)
    for _ in range(steps):
        a, b = right - GOLDEN * (right - left), left + GOLDEN * (right - left)
        nearer = loss(a) < loss(b)
        left, right = np.where(nearer, left, a), np.where(nearer, b, right)
    return (left + right) / 2
