"""What every peer is: a name, a citation, its published figures, and one function that fits a curve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Predictor = Callable[[Floats], Floats]
"""Takes scales, shape (point,), and returns losses, shape (point,)."""

Fit = Callable[[Floats, Floats], Predictor]
"""Takes scales and losses of the rows to fit, both of shape (point,)."""


@dataclass(frozen=True)
class Published:
    """A figure of a paper: mean RMSLE over the curves of a domain, and log density per row where given."""

    rmsle: float
    source: str
    lpd: float | None = None


@dataclass(frozen=True)
class Peer:
    """An estimator that we compare with.

    Attributes
    ----------
    name : str
        Key in ``PEERS`` and in tables.
    citation : str
        Paper, year and arXiv id.
    fit : Callable or None
        ``fit(x, y)`` returns the predictor; None where only published figures are quoted.
    published : dict
        Published figures by domain (IC, NMT, LM, BB).
    """

    name: str
    citation: str
    fit: Fit | None = None
    published: dict[str, Published] = field(default_factory=dict)


def checked(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return the points of a curve as float arrays, ordered by scale.

    Raises
    ------
    ValueError
        Where shapes differ, there are fewer than three points, or a value is not positive and finite.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if x.ndim != 1 or x.shape != y.shape or len(x) < 3:
        raise ValueError(f"expected three or more points (x, y) in one dimension, found {x.shape} and {y.shape}")
    if not (np.isfinite(x) & np.isfinite(y) & (x > 0) & (y > 0)).all():
        raise ValueError("expected positive, finite scales and losses")
    order = np.argsort(x, kind="stable")
    return x[order], y[order]
