"""Least functions over shares that sum to 1, for many functions at once. Imports NumPy in functions only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bayes_scaling.laws.parts import PRIMES, radical_inverse

BARRIERS = tuple(10.0**-i for i in range(1, 11))  # 0.1 to 1e-10 of the start's value
STEPS = 5  # of Newton's method at each barrier
KEPT = 0.9  # of the way to the nearest edge that a step goes at most
TRIED = 96  # mixtures, besides the corners, of which the best is followed down where functions are not convex
TURNS = 200  # of mirror descent
DIFFERENCE = 1e-4  # of a share, relative, that slopes are taken over
SMALLEST = 1e-12  # share


def least(value: Callable[[Any], tuple[Any, Any, Any]], count: int, parts: int) -> Any:
    """Return the shares at which convex functions are least, by Newton steps inside a log barrier.

    Parameters
    ----------
    value : callable
        Returns values (function,), gradients (function, part) and Hessians (function, part, part) at shares
        (function, part).
    count, parts : int
        Number of functions and of shares.

    Returns
    -------
    ndarray, shape (function, part)
        Non-negative shares that sum to 1.
    """
    import numpy as np

    share = np.full((count, parts), 1 / parts)
    scale = np.maximum(np.abs(value(share)[0]), 1e-300)[:, None]
    ones = np.ones((count, 1, parts))
    corner = np.zeros((count, 1, 1))
    for barrier in BARRIERS:
        for _ in range(STEPS):
            _, slope, curved = value(share)
            slope = slope / scale - barrier / share
            curved = curved / scale[..., None] + barrier * np.eye(parts) / share[:, None, :] ** 2
            system = np.concatenate(
                [np.concatenate([curved, ones.swapaxes(1, 2)], 2), np.concatenate([ones, corner], 2)], 1
            )
            right = np.concatenate([-slope, np.zeros((count, 1))], 1)
            step = np.linalg.solve(system, right[..., None])[:, :parts, 0]
            room = np.where(step < 0, share / np.maximum(-step, 1e-300), np.inf).min(axis=1)
            share = share + np.minimum(1.0, KEPT * room)[:, None] * step
            share = share / share.sum(axis=1, keepdims=True)
    return share


def lowest(loss: Callable[[Any], Any], count: int, parts: int) -> Any:
    """Return the shares at which functions that need not be convex are least, by mirror descent from several starts.

    Parameters
    ----------
    loss : callable
        Shares of shape (1 or function, mixture, part) to values of shape (function, mixture).
    count, parts : int
        Number of functions and of shares.

    Returns
    -------
    ndarray, shape (function, part)
        Non-negative shares that sum to 1: the lowest of the minima below a start for every part, the best of a hundred
        spread mixtures in which that part is the largest.
    """
    import numpy as np

    spread = -np.log([[radical_inverse(i + 1, base) for base in PRIMES[:parts]] for i in range(TRIED)])
    corners = np.full((parts, parts), 0.05 / parts) + 0.95 * np.eye(parts)
    tried = np.concatenate([corners, spread / spread.sum(axis=1, keepdims=True)])
    value = np.broadcast_to(loss(tried[None]), (count, len(tried)))
    largest = tried.argmax(axis=1) == np.arange(parts)[:, None]
    best = np.stack([np.where(own, value, np.inf).argmin(axis=1) for own in largest], axis=1)
    share, value = _descend(loss, tried[best], TURNS // 4)
    winner = value.argmin(axis=1)[:, None]
    return _descend(loss, np.take_along_axis(share, winner[..., None], axis=1), TURNS)[0][:, 0]


def _descend(loss: Callable[[Any], Any], share: Any, turns: int) -> tuple[Any, Any]:
    """Return shares below their starts, of shape (function, start, part), and their values.

    Every start has a step size of its own; slopes are differences.
    """
    import numpy as np

    count, starts, parts = share.shape
    at, size = loss(share), np.full((count, starts, 1), 0.3)
    nudge = 1 + DIFFERENCE * np.concatenate([np.eye(parts), -np.eye(parts)])
    for _ in range(turns):
        around = _to_one(share[:, :, None, :] * nudge).reshape(count, -1, parts)
        around = loss(around).reshape(count, starts, -1)
        slope = (around[..., :parts] - around[..., parts:]) / (2 * DIFFERENCE * share)
        steepest = (np.abs(slope) * share).sum(axis=-1, keepdims=True)
        move = np.clip(-size * slope / np.maximum(steepest, 1e-300), -1.0, 1.0)
        tried = _to_one(share * np.exp(move))
        value = loss(tried)
        better = value < at
        share, at = np.where(better[..., None], tried, share), np.where(better, value, at)
        size = size * np.where(better, 1.5, 0.5)[..., None]
    return share, at


def _to_one(share: Any) -> Any:
    """Return shares that sum to 1, none below the smallest that still counts."""
    import numpy as np

    share = np.maximum(share, SMALLEST)
    return share / share.sum(axis=-1, keepdims=True)
