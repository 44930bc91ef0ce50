"""Least convex functions over shares that sum to 1, for many functions at once. Imports NumPy in the function only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

BARRIERS = tuple(10.0**-i for i in range(1, 11))  # 0.1 to 1e-10 of the start's value
STEPS = 5  # of Newton's method at each barrier
KEPT = 0.9  # of the way to the nearest edge that a step goes at most


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
