"""What runs would measure, on joint draws of a fit: law, discrepancy, effects and noise, where it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling.data.columns import on_log
from bayes_scaling.errors import ForecastError, did_you_mean, listed
from bayes_scaling.fit.evaluate import Draws, data_at, fitted_draws, law, predict, run_effects, take
from bayes_scaling.forecasts.levels import extend
from bayes_scaling.forecasts.points import PATH, Points, as_frame, prepare, run_identity
from bayes_scaling.model import Rows, simulate
from bayes_scaling.model.rows import group_columns

if TYPE_CHECKING:
    from bayes_scaling.fit import Fit

DRAWS = 4000


@dataclass(frozen=True)
class Responses:
    """Joint draws at points: candidates first, then those of a question.

    Attributes
    ----------
    frame : DataFrame
        The points as the fit reads them.
    rows : Rows
    draws : Draws
        Levels extended where points need it.
    mean : ndarray, shape (draw, point)
        Law and discrepancy, on the scale of the outcome.
    center : ndarray, shape (draw, point)
        With the effect of each point's run, fitted or new.
    noise : ndarray, shape (point, point)
        Covariance of what only the runs add, on the scale of :func:`modelled`.
    known : ndarray, shape (draw, point)
        What is forecast of a measurement but for its own noise, on that scale.
    """

    frame: pd.DataFrame
    rows: Rows
    draws: Draws
    mean: np.ndarray
    center: np.ndarray
    noise: np.ndarray
    known: np.ndarray

    def simulate(self, point: int, draws: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return measurements simulated at a point from chosen draws, shape (chosen,)."""
        at_row, data = self._at(point)
        chosen = {k: v[draws] if v.shape[0] > 1 else v for k, v in at_row.items()}
        return simulate.response(self.draws.spec, rng, self.center[draws, point, None], chosen, data)[:, 0]

    def log_likelihood(self, point: int, outcome: np.ndarray) -> np.ndarray:
        """Return the log density of measurements at a point under every draw, shape (draw, measurement)."""
        at_row, data = self._at(point)
        return simulate.log_density(self.draws.spec, outcome, self.center[:, point, None], at_row, data)

    def _at(self, point: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        piece = take(self.rows, np.array([point]))
        _, at_row = law(self.draws, piece)
        return {k: np.asarray(v) for k, v in at_row.items()}, data_at(self.draws.spec, piece)


def modelled(outcome: str, value: np.ndarray) -> np.ndarray:
    """Return an outcome on the scale on which planning takes it as nearly normal: log loss, or accuracy itself."""
    return np.log(value) if on_log(outcome) else value


def joined(fit: Fit, parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Return points that were prepared apart as one table: the columns that this fit reads."""
    over = {fit.spec.noise.discrepancy.over, fit.spec.noise.discrepancy.by} - {""}
    read = {i.column for i in fit.spec.law.inputs} | set(group_columns(fit.spec)) | over
    read |= {*PATH, "run", "family", "task", "chance", "n_items"}
    shared = [c for c in parts[0].columns if c in read and all(c in p.columns for p in parts)]
    return pd.concat([p[shared] for p in parts], ignore_index=True)


def responses(
    fit: Fit, candidates: Points, asked: Points | None = None, *, new_groups: str = "error",
    tokens_per_param: float | None = None, draws: int = DRAWS, random_seed: int = 0,
) -> Responses:  # fmt: skip
    """Return joint draws of what runs would measure, and of what is asked of.

    Parameters
    ----------
    candidates, asked : DataFrame or dict of columns
        As points of :func:`bayes_scaling.forecasts.forecast`.
    new_groups, tokens_per_param :
        As there.
    draws : int
        At most so many posterior draws.

    Raises
    ------
    ForecastError
        As :func:`bayes_scaling.forecasts.forecast`.
    """
    options: dict[str, Any] = {"new_groups": new_groups, "kind": "response"}
    frame, rows, new = prepare(fit, candidates, tokens_per_param=_path(candidates, tokens_per_param), **options)
    if asked is not None:
        further, _, _ = prepare(fit, asked, tokens_per_param=_path(asked, tokens_per_param), **options)
        frame, rows, new = prepare(fit, joined(fit, [frame, further]), scored=True, **options)
    rng = np.random.default_rng(random_seed)
    extended = extend(fit, fitted_draws(fit, limit=draws), new, rng)
    runs = run_identity(frame)
    mean = predict(extended, rows, kind="mean", runs=runs, rng=rng)
    center, known, scatter = _with_runs(extended, rows, mean, runs, rng)
    noise = scatter + np.diag(_observation(extended, rows, center, rng))
    return Responses(frame, rows, extended, mean, center, noise, known)


def check_runs_of(
    fit: Fit, runs: Points, *, cost: str = "", new_groups: str = "error", tokens_per_param: float | None = None
) -> None:
    """Raise ForecastError where :func:`responses` would, or where a run has no `cost`; no draw is read."""
    given = as_frame(runs)
    frame, _, _ = prepare(
        fit, given, new_groups=new_groups, tokens_per_param=_path(given, tokens_per_param), kind="response"
    )
    if cost:
        priced(given, frame, cost)


def _path(points: Points, tokens_per_param: float | None) -> float | None:
    """Return the path where points need one: candidates may give params and tokens where a question gives compute."""
    return tokens_per_param if sum(name in points for name in PATH) < 2 else None


def _with_runs(
    draws: Draws, rows: Rows, mean: np.ndarray, runs: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return draws with effects of runs, those with effects of fitted runs alone, and the covariance of the rest."""
    outcome = draws.spec.outcome
    effects = run_effects(draws, rows, runs, rng)
    if effects is None:
        return mean, modelled(outcome, mean), np.zeros((len(rows), len(rows)))
    chance = rows.column("chance", 0.0)
    fitted = np.isin(runs, draws.coords["run"])
    center = simulate.center(draws.spec, mean, effects, chance)
    known = modelled(outcome, simulate.center(draws.spec, mean, np.where(fitted, effects, 0.0), chance))
    own = modelled(outcome, center) - known
    same = (runs[:, None] == runs[None, :]) & ~fitted
    return center, known, np.where(same, own.T @ own / draws.count, 0.0)


def _observation(draws: Draws, rows: Rows, center: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the variance of the observation noise at each row, shape (row,).

    That of Student-t noise is the inverse of what one measurement tells of its location, which exists for any degrees
    of freedom: sigma^2 (nu + 3) / (nu + 1).
    """
    spec, found = draws.spec, np.empty(len(rows))
    for i in range(len(rows)):
        piece = take(rows, np.array([i]))
        _, at_row = law(draws, piece)
        if on_log(spec.outcome) and "sigma" in at_row:
            nu = at_row.get("nu", np.inf)
            heavier = np.where(np.isinf(nu), 1.0, (nu + 3) / (nu + 1))
            found[i] = np.mean(at_row["sigma"] ** 2 * heavier)
        else:
            made = simulate.response(spec, rng, center[:, i, None], at_row, data_at(spec, piece))
            found[i] = np.mean((made[:, 0] - center[:, i]) ** 2)
    return found


def priced(given: pd.DataFrame, frame: pd.DataFrame, column: str) -> np.ndarray:
    """Return the cost of every candidate, shape (candidate,), as it was given or as the fit reads it.

    Raises
    ------
    ForecastError
        No such column, or costs that are not finite and above zero.
    """
    table = given if column in given.columns else frame
    if column not in table.columns:
        raise ForecastError(
            f"candidates have no cost: column {column!r} is missing and does not follow from params and tokens; found "
            f"{listed(given.columns)}." + did_you_mean(column, given.columns)
        )
    costs = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=float)
    bad = np.flatnonzero(~(np.isfinite(costs) & (costs > 0)))
    if len(bad):
        found = listed([repr(v) for v in table[column].iloc[bad].unique().tolist()])
        raise ForecastError(f"candidates {listed(bad)} have {column} = {found}; expected finite costs above zero.")
    return costs


def effective_draws(fit: Fit, draws: np.ndarray) -> float:
    """Return the effective number of draws of a quantity; a random part of them counts as independent."""
    from arviz_stats.base import array_stats

    sizes: Any = fit.idata["posterior"].sizes
    if len(draws) != sizes["chain"] * sizes["draw"] or not np.ptp(draws):
        return len(draws) / fit.chosen_noise
    shaped = draws.reshape(sizes["chain"], sizes["draw"])
    return min(float(array_stats.ess(shaped, method="mean")), len(draws)) / fit.chosen_noise
