"""Parametric fit of Hoffmann et al. (2022), approach 3, with intervals bootstrapped as by Besiroglu et al. (2024).

Huber loss of log loss, L-BFGS from a grid of starts, then from the best point for every bootstrap sample.
Re-implemented from the papers.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass

import numpy as np
from scipy import optimize
from scipy.special import logsumexp, softmax

DELTA = 1e-3
TIGHT = {"maxiter": 2000, "ftol": 1e-13, "gtol": 1e-9}  # losses are small numbers: the defaults stop where they start
GRID = {
    "a": np.arange(0, 30, 5.0), "b": np.arange(0, 30, 5.0), "e": np.arange(-1, 1.5, 0.5),
    "alpha": np.arange(0, 2.5, 0.5), "beta": np.arange(0, 2.5, 0.5),
}  # fmt: skip
"""Starts of Hoffmann et al. (2022), section D.2: 4,500 of them."""


@dataclass(frozen=True)
class Table:
    """Logarithms of parameters, tokens and loss, shape (run,) each."""

    params: np.ndarray
    tokens: np.ndarray
    loss: np.ndarray

    @classmethod
    def of(cls, params: np.ndarray, tokens: np.ndarray, loss: np.ndarray) -> Table:
        """Return the logarithms."""
        return cls(np.log(params), np.log(tokens), np.log(loss))

    def take(self, rows: np.ndarray) -> Table:
        """Return some runs, which may repeat."""
        return Table(self.params[rows], self.tokens[rows], self.loss[rows])


def objective(theta: np.ndarray, table: Table) -> tuple[float, np.ndarray]:
    """Return the sum of Huber losses and its gradient in (a, b, e, alpha, beta)."""
    a, b, e, alpha, beta = theta
    terms = np.stack([a - alpha * table.params, b - beta * table.tokens, np.full_like(table.loss, e)])
    gap, share = logsumexp(terms, axis=0) - table.loss, softmax(terms, axis=0)
    near = np.abs(gap) <= DELTA
    value = np.where(near, gap**2 / 2, DELTA * (np.abs(gap) - DELTA / 2)).sum()
    slope = np.clip(gap, -DELTA, DELTA) * share
    return float(value), np.array([
        slope[0].sum(), slope[1].sum(), slope[2].sum(), -(slope[0] @ table.params), -(slope[1] @ table.tokens),
    ])  # fmt: skip


def from_start(start: np.ndarray, table: Table) -> optimize.OptimizeResult:
    """Return the optimum that a start leads to."""
    return optimize.minimize(objective, start, (table,), jac=True, method="L-BFGS-B", options=TIGHT)


def seconds(table: Table, *, bootstraps: int, timed_starts: int, seed: int) -> tuple[float, np.ndarray]:
    """Return the seconds of all starts and bootstraps, and the bootstrapped parameters, shape (bootstrap, 5).

    A random part of the starts is timed and multiplied; the others are as long.
    """
    rng = np.random.default_rng(seed)
    starts = np.array(list(itertools.product(*GRID.values())))
    begun = time.perf_counter()
    found = [from_start(s, table) for s in rng.permutation(starts)[:timed_starts]]
    searched = (time.perf_counter() - begun) * len(starts) / timed_starts
    best = min(found, key=lambda f: f.fun).x
    begun = time.perf_counter()
    rows = len(table.loss)
    drawn = np.stack([from_start(best, table.take(rng.integers(0, rows, rows))).x for _ in range(bootstraps)])
    return searched + time.perf_counter() - begun, drawn
