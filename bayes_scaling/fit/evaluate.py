"""A fitted model at any points: law, run effects, observations and density, in NumPy on draws.

The fitted PyMC model is never touched. Checks, forecasts and comparisons all go through here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_scaling.errors import ForecastError
from bayes_scaling.model import Rows, simulate
from bayes_scaling.model.rows import observed
from bayes_scaling.model.spec import ModelSpec

if TYPE_CHECKING:
    from bayes_scaling.fit.result import Fit

KINDS = ("law", "mean", "response")
CHUNK_VALUES = 2_000_000  # draws x rows held at once, 16 MB per array


@dataclass(frozen=True)
class Draws:
    """A specification with draws of its variables, levels extended where points need it."""

    spec: ModelSpec
    values: simulate.Values
    coords: Mapping[str, list[str]]

    @property
    def count(self) -> int:
        """Number of draws."""
        return int(next(iter(self.values.values())).shape[0])


def fitted_draws(fit: Fit, *, limit: int | None = None) -> Draws:
    """Return the posterior draws of a fit."""
    return Draws(fit.spec, fit.values(limit), fit.coords)


def chunks(draws: int, rows: int) -> Iterator[slice]:
    """Yield slices of rows such that draws x rows stays under the memory limit."""
    step = max(1, CHUNK_VALUES // max(draws, 1))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def take(rows: Rows, part: slice) -> Rows:
    """Return some of the rows."""
    return Rows(
        rows.frame.iloc[part],
        rows.coords,
        {g: code[part] for g, code in rows.index.items()},
        {name: value[part] for name, value in rows.inputs.items()},
    )


def law(draws: Draws, rows: Rows) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the law, shape (draw, row), and every parameter at the rows."""
    return simulate.law_values(draws.spec, rows.inputs, draws.values, rows.index)


def run_effects(draws: Draws, rows: Rows, runs: np.ndarray, rng: np.random.Generator) -> Any:
    """Return the run effect of each row, shape (draw, row), or None where none is modelled.

    A fitted run has its own effect; rows of one new run share a draw from the population.
    """
    if not draws.spec.noise.run_effect:
        return None
    fitted = draws.values["run_effect"]
    position = {label: i for i, label in enumerate(draws.coords["run"])}
    unseen = [r for r in dict.fromkeys(runs) if r not in position]
    position |= {label: len(draws.coords["run"]) + i for i, label in enumerate(unseen)}
    fresh = draws.values["run_sd"][:, None] * rng.standard_normal((draws.count, len(unseen)))
    return np.concatenate([fitted, fresh], axis=1)[:, [position[r] for r in runs]]


def data_at(spec: ModelSpec, rows: Rows) -> dict[str, Any]:
    """Return what noise needs at the rows: chance and, for counts, n_items."""
    data: dict[str, Any] = {"chance": rows.column("chance", 0.0)}
    if spec.noise.observation == "beta_binomial":
        items = rows.column("n_items")
        if np.isnan(items).any():
            raise ForecastError(
                "kind = 'response' needs column 'n_items' at every point (the number of questions); "
                "give n_items, or a task that was fitted."
            )
        data["n_items"] = np.round(items).astype(np.int64)
    return data


def predict(draws: Draws, rows: Rows, *, kind: str, runs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return predictive draws at the rows, shape (draw, row).

    Parameters
    ----------
    kind : str
        ``law``, ``mean`` (law and discrepancy; none in this version) or ``response``.
    runs : ndarray of str
        Identity of each row's run, shape (row,).
    """
    out = np.empty((draws.count, len(rows)))
    effects = run_effects(draws, rows, runs, rng) if kind == "response" else None
    for part in chunks(draws.count, len(rows)):
        piece = take(rows, part)
        mean, at_row = law(draws, piece)
        if kind != "response":
            out[:, part] = mean
            continue
        data = data_at(draws.spec, piece)
        shift = None if effects is None else effects[:, part]
        centered = simulate.center(draws.spec, mean, shift, data["chance"])
        out[:, part] = simulate.response(draws.spec, rng, centered, at_row, data)
    return out


def log_density(draws: Draws, rows: Rows, shift: Any) -> np.ndarray:
    """Return the log density of the rows' outcomes given run effects, shape (draw, row)."""
    y = rows.column(draws.spec.outcome)
    data = observed(draws.spec, rows)
    out = np.empty((draws.count, len(rows)))
    for part in chunks(draws.count, len(rows)):
        piece = take(rows, part)
        mean, at_row = law(draws, piece)
        local = {k: v[part] for k, v in data.items()}
        moved = None if shift is None else shift[:, part]
        centered = simulate.center(draws.spec, mean, moved, local["chance"])
        out[:, part] = simulate.log_density(draws.spec, y[part], centered, at_row, local)
    return out


def marginal_log_density(
    draws: Draws, rows: Rows, runs: np.ndarray, *, nodes: int = 15
) -> tuple[np.ndarray, list[str]]:
    """Return the log density of each run with its run effect integrated out, shape (draw, run).

    The integral over the run effect is a Gauss-Hermite quadrature per draw, centred and scaled
    per run where the rows put it. Without a run effect each row is a unit of its own.
    """
    if not draws.spec.noise.run_effect:
        return log_density(draws, rows, None), [str(i) for i in range(len(rows))]
    units = list(dict.fromkeys(runs))
    codes = np.array([units.index(r) for r in runs])
    where, width = _run_effect_guess(draws, rows, codes, len(units))
    points, weights = np.polynomial.hermite.hermgauss(nodes)
    sd = draws.values["run_sd"][:, None]
    terms = np.empty((nodes, draws.count, len(units)))
    for i, (point, weight) in enumerate(zip(points, weights, strict=True)):
        u = where + np.sqrt(2.0) * width * point  # (run,)
        shift = np.broadcast_to(u[codes], (draws.count, len(rows)))
        by_row = log_density(draws, rows, shift)
        by_run = np.zeros((draws.count, len(units)))
        np.add.at(by_run.T, codes, by_row.T)
        log_prior = -0.5 * (u / sd) ** 2 - np.log(sd) - 0.5 * np.log(2 * np.pi)
        terms[i] = by_run + log_prior + np.log(weight) + point**2 + 0.5 * np.log(2.0) + np.log(width)
    return np.logaddexp.reduce(terms, axis=0), units


def _run_effect_guess(draws: Draws, rows: Rows, codes: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return centre and scale of the quadrature per run, from a grid at a few draws."""
    few = Draws(draws.spec, {k: v[:: max(1, draws.count // 20)] for k, v in draws.values.items()}, draws.coords)
    sd = few.values["run_sd"][:, None]
    grid = np.linspace(-4, 4, 41)
    logs = np.empty((grid.size, few.count, count))
    for i, z in enumerate(grid):
        by_row = log_density(few, rows, np.broadcast_to(z * sd, (few.count, len(rows))))
        by_run = np.zeros((few.count, count))
        np.add.at(by_run.T, codes, by_row.T)
        logs[i] = by_run - 0.5 * z**2
    weight = np.exp(logs - logs.max(axis=0))
    weight /= weight.sum(axis=0)
    u = grid[:, None, None] * sd
    mean = (weight * u).sum(axis=0)
    var = (weight * (u - mean) ** 2).sum(axis=0)
    total = var.mean(axis=0) + mean.var(axis=0)
    return mean.mean(axis=0), np.sqrt(np.maximum(total, 1e-12)) * 1.3
