"""Roots of increasing functions, for every draw and row at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bayes_scaling.laws.backend import Backend

HALVINGS = 64  # of the bracket: to the last digit of a float


def increasing_root(xp: Backend, function: Callable[[Any], Any], low: float, high: float) -> Any:
    """Return where a function that increases is zero, by bisection.

    Parameters
    ----------
    xp : Backend
    function : callable
        Of an array, elementwise.
    low, high : float
        Bracket; where the function is positive at ``low`` or negative at ``high`` that end is returned.

    Returns
    -------
    ndarray
        Of the shape that ``function`` returns.
    """
    left = low + 0.0 * function(low)  # of the shape of the result
    right = high + 0.0 * left
    for _ in range(HALVINGS):
        middle = (left + right) / 2
        below = function(middle) < 0
        left, right = xp.where(below, middle, left), xp.where(below, right, middle)
    return (left + right) / 2
