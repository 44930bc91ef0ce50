"""Forecasts of a chain: every draw of the loss goes through the map, and whether a task is within reach at all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_scaling.errors import ForecastError, did_you_mean, listed
from bayes_scaling.fit.evaluate import fitted_draws, predict
from bayes_scaling.forecasts.levels import extend
from bayes_scaling.forecasts.points import Points, as_frame, prepare
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.model import Rows, simulate
from bayes_scaling.model.rows import group_columns, labels

if TYPE_CHECKING:
    from bayes_scaling.fit import ChainFit, Fit

OUTCOMES = ("accuracy", "loss")


def check_outcome(outcome: str) -> None:
    """Raise ForecastError where a chain does not forecast an outcome."""
    if outcome not in OUTCOMES:
        raise ForecastError(f"outcome = {outcome!r}; expected {listed(OUTCOMES)}." + did_you_mean(outcome, OUTCOMES))


def through_map(
    chain: ChainFit, points: pd.DataFrame, losses: np.ndarray, *, runs: np.ndarray, kind: str, new_groups: str,
    rng: np.random.Generator,
) -> tuple[pd.DataFrame, np.ndarray]:  # fmt: skip
    """Return points with their median loss, and accuracy draws, shape (draw, point).

    Parameters
    ----------
    points : DataFrame
        As the loss stage forecast them.
    losses : ndarray, shape (draw, point)
        Draws of the loss: of the law, with departure, or of what would be measured, as `kind` says. The map was
        fitted to measured losses, so that a response passes the measured ones.
    runs : ndarray of str
        Identity of each point's run, shape (point,).
    """
    fit = chain.accuracy
    frame, rows, new = map_points(chain, points, np.median(losses, axis=0), kind=kind, new_groups=new_groups)
    draws = fitted_draws(fit)
    count = min(draws.count, len(losses))  # independent posteriors: any pairing of draws is a draw of both
    chosen, given = (np.linspace(0, n - 1, count).astype(int) for n in (draws.count, len(losses)))
    draws = replace(draws, values={name: value[chosen] for name, value in draws.values.items()})
    extended = extend(fit, draws, new, rng)
    passed = replace(rows, inputs={**rows.inputs, "loss": losses[given]})
    return frame, predict(extended, passed, kind=kind, runs=runs, rng=rng)


def map_points(
    chain: ChainFit, points: pd.DataFrame, loss: np.ndarray | float, *, kind: str, new_groups: str
) -> tuple[pd.DataFrame, Rows, dict[str, list[str]]]:
    """Return points of the loss stage as the map reads them, at a loss each, shape (point,), or one for all."""
    middle = points.drop(columns="new_levels", errors="ignore").assign(loss=loss)
    return prepare(chain.accuracy, middle, new_groups=new_groups, kind=kind, scored=True)


def at_tasks(runs: pd.DataFrame, tasks: pd.DataFrame, position: np.ndarray) -> pd.DataFrame:
    """Return points of the loss stage, one per run, as points of each run's tasks."""
    return pd.concat([runs.iloc[position].reset_index(drop=True), tasks], axis=1)


def runs_and_tasks(chain: ChainFit, points: Points) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Return the runs that points are of, what only the map reads of each point, and each point's run.

    Points that differ in nothing but the task are of one run and share its loss. Where the map has effects of task
    and the points name none, every fitted task is forecast.
    """
    frame, fitted = as_frame(points), chain.accuracy
    groups = group_columns(fitted.spec)
    if "task" in groups and "task" not in frame.columns:
        tasks = pd.DataFrame({"task": sorted(labels(fitted.frame, "task").unique())})
        frame = frame.merge(tasks, how="cross")
    second = {"task", "chance", "n_items", *groups} - set(group_columns(chain.loss.spec))
    only = [c for c in frame.columns if c in second]
    if not only:
        return frame, frame[[]], np.arange(len(frame))
    run = frame.drop(columns=only).assign(_same=frame.groupby(list(frame.columns), dropna=False).cumcount())
    position = run.groupby(list(run.columns), dropna=False, sort=False).ngroup().to_numpy()
    first = ~pd.Series(position).duplicated().to_numpy()
    return run[first].drop(columns="_same").reset_index(drop=True), frame[only], position


def reachable(chain: ChainFit) -> pd.DataFrame:
    r"""Say whether a task is within reach of a corpus at all: its inflection lies above the irreducible loss.

    With a sigmoid map, accuracy is half way between floor and ceiling at the inflection loss :math:`L_0`. A corpus
    (a level of the groups) whose irreducible loss E is higher never gets there, whatever the compute.

    Parameters
    ----------
    chain : ChainFit
        Its map has the published constant ``L_0`` and its law of loss a floor ``E``.

    Returns
    -------
    DataFrame
        Per level of the groups of both stages: medians and 90 % equal-tailed intervals of ``L_0`` and ``E``
        (nats), ``p_reachable``, the probability that L_0 > E, and its Monte-Carlo error ``mcse``.

    Raises
    ------
    ForecastError
        A map without inflection or a law of loss without floor.
    """
    _check_reachable(chain)
    levels = _levels(chain)
    floor = _constant(chain.loss, "E", levels)
    inflection = _constant(chain.accuracy, "L_0", levels)
    count = min(len(floor), len(inflection))
    floor, inflection = (v[np.linspace(0, len(v) - 1, count).astype(int)] for v in (floor, inflection))
    hit = inflection > floor
    table = levels.copy()
    for name, draws in (("L_0", inflection), ("E", floor)):
        low, middle, high = np.quantile(draws, [0.05, 0.5, 0.95], axis=0)
        table[name], table[f"{name}_lower"], table[f"{name}_upper"] = middle, low, high
    table["p_reachable"] = hit.mean(axis=0)
    chains = int(chain.loss.idata["posterior"].sizes["chain"])
    table["mcse"] = [chain.chosen_noise**0.5 * probability_mcse(hit[:, i], chains) for i in range(hit.shape[1])]
    return chain.marked(table.assign(level=0.9, interval="eti"))


def _check_reachable(chain: ChainFit) -> None:
    """Raise where the question cannot be asked of these laws."""
    if "L_0" not in chain.accuracy.spec.law.published_symbols:
        raise ForecastError(
            f"law {chain.accuracy.spec.law.name} has no inflection loss L_0; the question needs law loss_sigmoid."
        )
    if "E" not in chain.loss.spec.law.published_symbols:
        raise ForecastError(f"law {chain.loss.spec.law.name} has no irreducible loss E.")


def _levels(chain: ChainFit) -> pd.DataFrame:
    """Return every combination of levels that move L_0 or E, as it occurs in the fitted rows."""
    frame = chain.accuracy.frame
    used = [part for fit in chain.stages.values() for _, g, _ in fit.spec.all_effects() for part in g.split(":")]
    columns = [c for c in dict.fromkeys(["task", *used]) if c in frame.columns]
    if not columns:
        return pd.DataFrame(index=[0])
    return frame[columns].drop_duplicates().sort_values(columns, ignore_index=True)


def _constant(fit: Fit, name: str, levels: pd.DataFrame) -> np.ndarray:
    """Return draws of a published constant at levels of the groups, shape (draw, level)."""
    index = {}
    for group in dict.fromkeys(g for _, g, _ in fit.spec.all_effects()):
        position = {v: i for i, v in enumerate(fit.coords[group])}
        index[group] = labels(levels, group).map(position).to_numpy(dtype=np.int64)
    values, law = fit.values(), fit.spec.law
    at = {p.name: simulate.parameter_at(fit.spec, p, values, index) for p in law.parameters}
    draws = law.to_published(numpy_backend(), **at)[name]
    return np.broadcast_to(draws, (len(draws), len(levels)))


def probability_mcse(hit: np.ndarray, chains: int) -> float:
    """Return the Monte-Carlo error of a probability; of 0 and 1, that of one draw in the other half."""
    from arviz_stats.base import array_stats

    if hit.all() or not hit.any():
        return 1 / len(hit)
    per = len(hit) // chains
    return float(array_stats.mcse(hit[: chains * per].reshape(chains, per).astype(float), method="mean"))
