"""The law discrepancy at any rows given what was fitted, in NumPy on draws.

What is known of a path is either the residuals of its fitted rows (discrepancy integrated out)
or its values at the knots (discrepancy sampled); both condition one and the same Gauss-Markov chain. Where
a path has more scales than knots the model puts straight lines between them, and so does this file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.model import Rows, simulate
from bayes_scaling.model.discrepancy import Paths, along_lines, transitions
from bayes_scaling.model.effects import all_at_rows, parameters_at_paths
from bayes_scaling.model.state_space import Smoothed, smooth

if TYPE_CHECKING:
    from bayes_scaling.fit.evaluate import Draws

CHUNK_VALUES = 2_000_000  # draws x rows of one path held at once


def path_codes(draws: Draws, rows: Rows, runs: np.ndarray | None) -> np.ndarray:
    """Return the position of each row's path; unfitted paths come after the fitted ones.

    Parameters
    ----------
    runs : ndarray of str or None
        Identity of each row's run, for paths that are runs; read from the rows when None.
    """
    paths = _paths(draws)
    return paths.codes(rows.frame, runs if paths.discrepancy.by == "run" else None)


def departure(draws: Draws, rows: Rows, code: np.ndarray, rng: np.random.Generator | None = None) -> Smoothed:
    """Return the discrepancy at rows, shape (draw, row), given the fitted rows or knots of their paths.

    Parameters
    ----------
    code : ndarray of int
        From :func:`path_codes`.
    rng : numpy Generator, optional
        Also draw one joint departure per posterior draw.
    """
    t = _paths(draws).coordinate(rows.frame)
    at_row = _chain_parameters(draws, rows)
    shape = (draws.count, len(rows))
    mean, variance = np.empty(shape), np.empty(shape)
    path = None if rng is None else np.empty(shape)
    for level in np.unique(code):
        here = np.flatnonzero(code == level)
        lines = here[_on_lines(draws, int(level), t[here])]
        if len(lines):
            mean[:, lines], variance[:, lines] = _line_values(draws, int(level), t[lines]), 0.0
            if path is not None:
                path[:, lines] = mean[:, lines]
        here = np.setdiff1d(here, lines)
        if not len(here):
            continue
        known = _Known(draws, int(level))
        step = max(1, CHUNK_VALUES // (known.size + len(here)))
        for start in range(0, draws.count, step):
            part = slice(start, min(start + step, draws.count))
            chosen = {k: v[part][:, here] for k, v in at_row.items()}
            found = _given(_paths(draws), known, part, t[here], chosen, rng)
            mean[part, here], variance[part, here] = found.mean, found.variance
            if path is not None and found.path is not None:
                path[part, here] = found.path
    return Smoothed(mean, variance, path)


def _on_lines(draws: Draws, level: int, t: np.ndarray) -> np.ndarray:
    """Return which rows of a path lie on straight lines between its sampled knots, shape (row,)."""
    known = "discrepancy" in draws.values  # draws of the prior have no knots
    return _paths(draws).straight(level, t) if known else np.zeros(len(t), dtype=bool)


def _line_values(draws: Draws, level: int, t: np.ndarray) -> np.ndarray:
    """Return the departure on straight lines between the knots of a path, as the model has it, shape (draw, row)."""
    low, share = _paths(draws).between(np.full(len(t), level), t)
    knots = draws.values["discrepancy"][:, level]
    return along_lines(lambda knot: knots[:, knot], low, share)


def residuals(draws: Draws, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Return log loss minus the law (and fitted run effects), and the noise variance, shape (draw, row)."""
    law, at_row = simulate.law_values(draws.spec, rows.inputs, draws.values, rows.index)
    center = np.log(law)
    if draws.spec.noise.run_effect:
        center = center + draws.values["run_effect"][:, rows.index["run"]]
    return np.log(rows.column("loss")) - center, np.broadcast_to(at_row["sigma"] ** 2, center.shape)


def left_out_moments(draws: Draws, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Return each fitted row's residual from its forecast by all other rows, and that forecast's variance.

    Shape (draw, row), in log loss; the discrepancy is integrated out. With smoothed moments m, P of
    the discrepancy and noise variance r they are (e - m) r / (r - P) and r^2 / (r - P).
    """
    code = path_codes(draws, rows, None)
    found = departure(draws, rows, code)
    residual, noise = residuals(draws, rows)
    left = np.maximum(noise - found.variance, 1e-12 * noise)
    return (residual - found.mean) * noise / left, noise**2 / left


class _Known:
    """What was fitted of one path: coordinates, values, noise variances and the chain's parameters."""

    def __init__(self, draws: Draws, level: int) -> None:
        paths = _paths(draws)
        self.t, self.value, self.noise = np.empty(0), np.empty((draws.count, 0)), np.empty((draws.count, 0))
        self.parameters: dict[str, np.ndarray] = {k: np.empty((draws.count, 0)) for k in _NAMES}
        if level >= len(paths.levels):
            return
        if "discrepancy" in draws.values and paths.knots is not None:
            self._read_knots(draws, paths, level)
        elif draws.fitted is not None:
            self._read_rows(draws, draws.fitted, level)

    @property
    def size(self) -> int:
        """Number of coordinates at which something is known."""
        return len(self.t)

    def _read_knots(self, draws: Draws, paths: Paths, level: int) -> None:
        assert paths.knots is not None
        self.t, first = np.unique(paths.knots[level], return_index=True)
        self.value = draws.values["discrepancy"][:, level, first]
        self.noise = np.zeros(self.value.shape)
        at_path = parameters_at_paths(numpy_backend(), draws.spec, draws.values, paths)
        count = draws.count
        self.parameters = {
            k: np.broadcast_to(at_path[k], (count, len(paths.levels)))[:, [level] * self.size] for k in _NAMES
        }

    def _read_rows(self, draws: Draws, fitted: Rows, level: int) -> None:
        from bayes_scaling.fit.evaluate import take

        piece = take(fitted, np.flatnonzero(fitted.index["path"] == level))
        if len(piece):
            self.t = _paths(draws).coordinate(piece.frame)
            self.value, self.noise = residuals(draws, piece)
            self.parameters = _chain_parameters(draws, piece)


_NAMES = ("discrepancy_sd", "discrepancy_length")


def _chain_parameters(draws: Draws, rows: Rows) -> dict[str, np.ndarray]:
    """Return standard deviation and length at rows, shape (draw, row)."""
    at_row = all_at_rows(numpy_backend(), draws.spec, draws.values, rows.index)
    shape = (draws.count, len(rows))
    return {k: np.broadcast_to(at_row.get(k, np.ones((1, 1))), shape) for k in _NAMES}


def _given(
    paths: Paths, known: _Known, part: slice, t: np.ndarray, at_row: dict[str, Any], rng: np.random.Generator | None
) -> Smoothed:
    """Return the departure on one path at coordinates t, for a part of the draws."""
    draws = known.value[part].shape[0]
    every = np.concatenate([known.t, t])
    order, gap, start = paths.steps(np.zeros(len(every), dtype=np.int64), every)

    def chain(before: np.ndarray, after: Any) -> np.ndarray:
        return np.concatenate([before[part], np.broadcast_to(after, (draws, len(t)))], axis=1)[:, order]

    sd, length = (chain(known.parameters[k], at_row[k]) for k in _NAMES)
    decay, innovation = transitions(numpy_backend(), paths.discrepancy.kind, gap, start, sd, length)
    found = smooth(chain(known.value, 0.0), decay, innovation, chain(known.noise, np.inf), rng)
    back = np.argsort(order)[known.size :]
    return Smoothed(found.mean[:, back], found.variance[:, back], None if found.path is None else found.path[:, back])


def _paths(draws: Draws) -> Paths:
    assert draws.paths is not None, "departures need a model with a discrepancy"
    return draws.paths
