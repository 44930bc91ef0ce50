"""A fitted model at any points: law, run effects, observations and density, in NumPy on draws.

The fitted PyMC model is never touched. Checks, forecasts and comparisons all go through here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_scaling.errors import ForecastError
from bayes_scaling.fit.crew import in_threads
from bayes_scaling.fit.departure import departure, left_out_moments, path_codes
from bayes_scaling.model import Rows, simulate
from bayes_scaling.model.discrepancy import Paths
from bayes_scaling.model.noise import both_shifts
from bayes_scaling.model.rows import inverse_items, observed
from bayes_scaling.model.spec import ModelSpec

if TYPE_CHECKING:
    from bayes_scaling.fit.result import Fit

CHUNK_VALUES = 2_000_000  # draws x rows held at once, 16 MB per array
BLOCK_VALUES = 2**17  # of predictive draws where these are more: 1 MB per array, which stays in a processor's cache


@dataclass(frozen=True)
class Draws:
    """A specification with draws of its variables, levels extended where points need it."""

    spec: ModelSpec
    values: simulate.Values
    coords: Mapping[str, list[str]]
    paths: Paths | None = None
    fitted: Rows | None = None  # rows that a discrepancy is conditioned on, where it is integrated out

    @property
    def count(self) -> int:
        """Number of draws."""
        return int(next(iter(self.values.values())).shape[0])


def fitted_draws(fit: Fit, *, limit: int | None = None) -> Draws:
    """Return the posterior draws of a fit."""
    return Draws(fit.spec, fit.values(limit), fit.coords, fit.paths, fit.rows if fit.spec.marginal else None)


def chunks(draws: int, rows: int, limit: int | None = None) -> Iterator[slice]:
    """Yield slices of rows such that draws x rows stays under a limit, that of memory where none is given."""
    step = max(1, (limit or CHUNK_VALUES) // max(draws, 1))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def take(rows: Rows, part: slice | np.ndarray) -> Rows:
    """Return some of the rows."""
    return replace(
        rows,
        frame=rows.frame.iloc[part],
        index={g: code[part] for g, code in rows.index.items()},
        inputs={name: value[..., part] for name, value in rows.inputs.items()},  # (row,), or (draw, row) in a chain
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
    if spec.noise.observation == "logistic":
        data["inverse_items"] = inverse_items(rows)
    return data


def predict(draws: Draws, rows: Rows, *, kind: str, runs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return predictive draws at the rows, shape (draw, row).

    Where they are many, blocks of rows are worked out in threads, each with a stream of random numbers of its own,
    so that the number of threads changes nothing; draws of a row then lie side by side.

    Parameters
    ----------
    kind : str
        ``law``, ``mean`` (law and discrepancy, given what was fitted of the row's path) or
        ``response`` (also run effect and observation noise).
    runs : ndarray of str
        Identity of each row's run, shape (row,).
    """
    shift = None
    if kind != "law" and draws.spec.noise.discrepancy:
        shift = departure(draws, rows, path_codes(draws, rows, runs), rng).path
    if kind == "response":
        shift = both_shifts(run_effects(draws, rows, runs, rng), shift)

    def at(part: slice, stream: np.random.Generator) -> np.ndarray:
        piece = take(rows, part)
        centered, at_row = law(draws, piece)
        data = data_at(draws.spec, piece) if kind == "response" else {"chance": piece.column("chance", 0.0)}
        if shift is not None:
            centered = simulate.center(draws.spec, centered, shift[:, part], data["chance"])
        return simulate.response(draws.spec, stream, centered, at_row, data) if kind == "response" else centered

    if draws.count * len(rows) <= CHUNK_VALUES:
        return np.array(at(slice(None), rng))
    out = np.empty((len(rows), draws.count)).T
    parts = list(chunks(draws.count, len(rows), BLOCK_VALUES))

    def fill(part: slice, stream: np.random.Generator) -> None:
        out[:, part] = at(part, stream)

    in_threads(fill, parts, rng.spawn(len(parts)))
    return out


def log_density(
    draws: Draws,
    rows: Rows,
    shift: Any,
    *,
    runs: np.ndarray | None = None,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """Return the log density of the rows' outcomes given run effects, shape (draw, row).

    A discrepancy that is integrated out is so here too, given the fitted rows of the row's path; one
    that is sampled is drawn, given its knots. Fitted rows of the first kind have no density here: it would
    use their own outcome (see :func:`left_out_log_density`).

    Parameters
    ----------
    shift : ndarray (draw, row) or None
        Run effects.
    runs : ndarray of str, optional
        Identity of each row's run, for discrepancies by run; read from the rows when left out.
    rng : numpy Generator, optional
        For discrepancies that are drawn.
    """
    y = rows.column(draws.spec.outcome)
    data = observed(draws.spec, rows)
    spread = None
    if draws.spec.noise.discrepancy:
        rng = None if draws.spec.marginal else rng or np.random.default_rng(0)
        found = departure(draws, rows, path_codes(draws, rows, runs), rng)
        shift = both_shifts(shift, found.mean if found.path is None else found.path)
        spread = found.variance if draws.spec.marginal else None
    out = np.empty((draws.count, len(rows)))
    for part in chunks(draws.count, len(rows)):
        piece = take(rows, part)
        mean, at_row = law(draws, piece)
        local = {k: v[part] for k, v in data.items()}
        moved = None if shift is None else shift[:, part]
        centered = simulate.center(draws.spec, mean, moved, local["chance"])
        if spread is not None:
            at_row = {**at_row, "sigma": np.sqrt(at_row["sigma"] ** 2 + spread[:, part])}
        out[:, part] = simulate.log_density(draws.spec, y[part], centered, at_row, local)
    return out


def left_out_log_density(draws: Draws, rows: Rows) -> np.ndarray:
    """Return each fitted row's log density given every other row of its path, shape (draw, row).

    The discrepancy is integrated out (Buerkner, Gabry and Vehtari 2021, leave-one-out for
    multivariate normal models).
    """
    residual, variance = left_out_moments(draws, rows)
    return -0.5 * (np.log(2 * np.pi * variance) + residual**2 / variance) - np.log(rows.column("loss"))


def marginal_log_density(
    draws: Draws, rows: Rows, runs: np.ndarray, *, nodes: int = 15
) -> tuple[np.ndarray, list[str]]:
    """Return the log density of each run with its run effect integrated out, shape (draw, run).

    The integral over the run effect is a Gauss-Hermite quadrature per draw, centred and scaled
    per draw and run where the rows put it. Without a run effect each row is a unit of its own; where a
    discrepancy is integrated out, a row given every other one.
    """
    if draws.spec.marginal:
        return left_out_log_density(draws, rows), [str(i) for i in range(len(rows))]
    if not draws.spec.noise.run_effect:
        return log_density(draws, rows, None), [str(i) for i in range(len(rows))]
    units = list(dict.fromkeys(runs))
    position = {u: i for i, u in enumerate(units)}
    codes = np.array([position[r] for r in runs])
    sd = draws.values["run_sd"][:, None]

    def joint(u: np.ndarray) -> np.ndarray:
        """Return log density of rows and run effect at run effects u, shape (draw, run)."""
        by_run = np.zeros((draws.count, len(units)))
        np.add.at(by_run.T, codes, log_density(draws, rows, u[:, codes]).T)
        return by_run - 0.5 * (u / sd) ** 2 - np.log(sd) - 0.5 * np.log(2 * np.pi)

    where, width = _run_effect_place(joint, sd, len(units))
    points, weights = np.polynomial.hermite.hermgauss(nodes)
    total = np.full(where.shape, -np.inf)
    for point, weight in zip(points, weights, strict=True):
        term = joint(where + np.sqrt(2.0) * width * point) + np.log(weight) + point**2
        total = np.logaddexp(total, term + 0.5 * np.log(2.0) + np.log(width))
    return total, units


def _run_effect_place(joint: Any, sd: np.ndarray, count: int, *, rounds: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Return centre and scale of the quadrature per draw and run, shape (draw, run).

    Moments on a coarse grid, refined around themselves; a round shrinks the scale at most threefold,
    so that a narrow peak between two grid points is not lost.
    """
    where = np.zeros((sd.shape[0], count))
    width = np.broadcast_to(sd, where.shape).copy()
    for _ in range(rounds):
        grid = where + np.linspace(-4, 4, 9)[:, None, None] * width
        logs = np.array([joint(u) for u in grid])
        weight = np.exp(logs - logs.max(axis=0))
        weight /= weight.sum(axis=0)
        where = (weight * grid).sum(axis=0)
        width = np.maximum(np.sqrt((weight * (grid - where) ** 2).sum(axis=0)), width / 3)
    return where, 1.2 * width
