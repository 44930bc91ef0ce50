"""Observational scaling law, re-implemented from Ruan, Maddison, Hashimoto (2024), arXiv:2405.10938.

Benchmark scores of a model are summarised by their first principal components, and a sigmoid of these gives the
normalised score of a downstream task (equations 3 to 6):

    y = floor + (1 - floor) sigmoid(w . PC + c),      least squares of y,      K = 3 components

- Gaps in the benchmark scores (appendix B.3): scores are standardised, gaps start at the mean and are replaced by what
  one component reconstructs until nothing moves (at most 1000 times), then cut to [0, 1]. Components: centred, not
  scaled. Both are learned from the training rows and applied to the tested ones.
- Least squares starts at zero intercept and weights of 0.01, as the authors' released code does.
- The paper writes a height h = 1 - floor and says that it is fitted. The published coefficients (Table C.1) have h = 1
  in the emergent tasks and are met with the floor fixed at zero; in AgentBench h is 0.99, and the floor is free in
  [0, 0.2] as in the released code. ``floor`` says which.

Reached, and published
----------------------
Coefficients of Table C.1 are met to two decimals or nearly (0.01 to 0.02) in word unscrambling, 3-digit subtraction,
2-digit multiplication and AgentBench; in Persian QA they differ (weight of the third component -1.29, there -0.19),
although the training error is the published one: all 40 models trained on lie within 0.07 of chance there. The errors
of the later models are higher than published in this task (see ``python -m benchmarks.peers.capability``).

Testing on models of known score but unknown training compute too (the released split would) raises the geometric mean
of the four test errors from 0.0059 to 0.0064. 3-digit subtraction is on a knife's edge: at 21e21 FLOP (a quarter of
84e21) in place of 22e21, or with its floor free (which fits the training rows better), its test error rises from 0.017
to 0.042.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares
from scipy.special import expit

from benchmarks.peers.interface import Floats
from benchmarks.peers.observational import Split

COMPONENTS = 3
ITERATIONS, TOLERANCE = 1000, 1e-9
HIGHEST_FLOOR = 0.2


def _components(X: Floats, count: int) -> tuple[Floats, Floats]:
    """Return the mean, shape (column,), and the first principal directions, shape (component, column)."""
    centre = X.mean(axis=0)
    return centre, np.linalg.svd(X - centre, full_matrices=False)[2][:count]


@dataclass(frozen=True)
class Imputation:
    """What fills gaps: standardisation of the training rows, and their first principal component."""

    mean: Floats
    scale: Floats
    centre: Floats
    direction: Floats

    def fill(self, X: Floats) -> Floats:
        """Return scores, shape (row, column), with gaps filled and all values within [0, 1]."""
        Z = _settle((X - self.mean) / self.scale, lambda _: (self.centre, self.direction))
        return np.clip(Z * self.scale + self.mean, 0, 1)


def _settle(Z: Floats, directions: Callable[[Floats], tuple[Floats, Floats]]) -> Floats:
    """Replace gaps by their reconstruction until nothing moves; ``directions`` gives centre and components."""
    gaps = np.isnan(Z)
    Z = np.where(gaps, 0.0, Z)
    for _ in range(ITERATIONS if gaps.any() else 0):
        centre, V = directions(Z)
        new = ((Z - centre) @ V.T @ V + centre)[gaps]
        moved = np.abs(new - Z[gaps]).max()
        Z[gaps] = new
        if moved < TOLERANCE:
            break
    return Z


def impute(X: Floats) -> tuple[Floats, Imputation]:
    """Return training scores with gaps filled, shape (row, column), and what fills those of other rows.

    Raises
    ------
    ValueError
        Where a column is constant or has fewer than two scores.
    """
    if (np.isfinite(X).sum(axis=0) < 2).any():
        raise ValueError("expected two or more scores in every column")
    mean, scale = np.nanmean(X, axis=0), np.nanstd(X, axis=0)
    if (scale == 0).any():
        raise ValueError("a column of constant scores has no principal component")
    Z = _settle((X - mean) / scale, lambda Z: _components(Z, 1))
    learned = Imputation(mean, scale, *_components(Z, 1))
    return np.clip(Z * scale + mean, 0, 1), learned


@dataclass(frozen=True)
class PcaLink:
    """A fitted law.

    Attributes
    ----------
    imputation : Imputation
        What fills gaps.
    centre, directions : numpy.ndarray
        Shapes (column,) and (component, column).
    intercept, weights : float, numpy.ndarray
        Of the components, shape (component,).
    floor : float
        Lowest normalised score.
    """

    imputation: Imputation
    centre: Floats
    directions: Floats
    intercept: float
    weights: Floats
    floor: float

    def predict(self, X: Floats) -> Floats:
        """Return normalised scores, shape (row,), from benchmark scores with gaps, shape (row, column)."""
        components = (self.imputation.fill(np.asarray(X, dtype=float)) - self.centre) @ self.directions.T
        return self.floor + (1 - self.floor) * expit(self.intercept + components @ self.weights)

    def of_benchmarks(self) -> tuple[Floats, float]:
        """Return weights of the benchmark scores themselves, shape (column,), and their intercept (Table C.1)."""
        weights = self.weights @ self.directions
        return weights, float(self.intercept - weights @ self.centre)


def fit(X: Floats, y: Floats, *, components: int = COMPONENTS, floor: bool = False) -> PcaLink:
    """Fit components and link.

    Parameters
    ----------
    X : numpy.ndarray
        Benchmark scores from 0 to 1, with gaps, shape (row, column).
    y : numpy.ndarray
        Normalised scores of the task, shape (row,).
    components : int
        Number of principal components.
    floor : bool
        Learn the floor, within [0, 0.2]; otherwise it is 0.
    """
    filled, imputation = impute(np.asarray(X, dtype=float))
    centre, directions = _components(filled, components)
    P = (filled - centre) @ directions.T

    def residual(p: Floats) -> Floats:
        return p[-1] + (1 - p[-1]) * expit(p[0] + P @ p[1:-1]) - y

    start, free = np.r_[0.0, np.full(components, 0.01)], np.full(components + 1, np.inf)
    if floor:
        bounds = (np.r_[-free, 0.0], np.r_[free, HIGHEST_FLOOR])
        p = least_squares(residual, np.r_[start, 0.0], bounds=bounds, max_nfev=10_000).x
    else:
        p = np.r_[least_squares(lambda q: residual(np.r_[q, 0.0]), start, method="lm", max_nfev=10_000).x, 0.0]
    return PcaLink(imputation, centre, directions, float(p[0]), p[1:-1], float(p[-1]))


def errors(split: Split, **options: object) -> dict[str, float]:
    """Return mean squared errors of a split's trained and tested models, fitted with ``options`` of ``fit``."""
    X, y = split.features.to_numpy(dtype=float), split.target
    law = fit(X[split.train], y[split.train], **options)  # type: ignore[arg-type]
    rows = {"train": split.train, "test": split.test, "later": split.later}
    return {name: float(np.mean((law.predict(X[m]) - y[m]) ** 2)) for name, m in rows.items() if m.any()}
