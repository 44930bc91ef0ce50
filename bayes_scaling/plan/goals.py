"""Accuracies that a chain is to reach, as losses: at which loss, per draw, its map gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_scaling.errors import ForecastError, listed
from bayes_scaling.fit.evaluate import fitted_draws, law
from bayes_scaling.forecasts.chain import at_tasks, map_points, runs_and_tasks
from bayes_scaling.forecasts.levels import extend
from bayes_scaling.forecasts.reach import check_above_chance, check_targets, search
from bayes_scaling.model import Rows

if TYPE_CHECKING:
    from bayes_scaling.fit import ChainFit

LOG10_INVERSE_LOSS = (-2.0, 6.0)  # searched range: losses of 100 down to 1e-6 nats
COMPUTE = 1e21  # of points that stand for any


@dataclass(frozen=True)
class Goals:
    """Accuracies to reach at levels of the groups of both stages.

    Attributes
    ----------
    points : DataFrame
        A row per level and target: the groups as given, ``task`` where the map has effects of it, ``target``.
    runs : DataFrame
        Of the same rows, the columns that the law of loss reads.
    rows : Rows
        As the map reads them.
    new : dict
        Levels of the map that were not fitted.
    """

    points: pd.DataFrame
    runs: pd.DataFrame
    rows: Rows
    new: dict[str, list[str]]

    def losses(self, chain: ChainFit, *, limit: int | None = None, seed: int = 0) -> np.ndarray:
        """Return the loss at which the map gives each accuracy, shape (draw, point).

        Zero where no loss gives it (the map's ceiling is lower), infinite where any does.
        """
        fit, rng = chain.accuracy, np.random.default_rng(seed)
        count = min(fitted_draws(stage, limit=limit).count for stage in chain.stages.values())
        draws = extend(fit, fitted_draws(fit, limit=count), self.new, rng, law_at=self.rows)

        def accuracy(log10_inverse: np.ndarray) -> np.ndarray:
            passed = replace(self.rows, inputs={**self.rows.inputs, "loss": 10.0**-log10_inverse})
            return law(draws, passed)[0]

        target, shape = self.points["target"].to_numpy(dtype=float), (draws.count, len(self.points))
        found = search(accuracy, target, "accuracy", shape, span=LOG10_INVERSE_LOSS)
        with np.errstate(divide="ignore"):
            return np.asarray(1 / found)


def each(where: pd.DataFrame, targets: Sequence[float]) -> pd.DataFrame:
    """Return each target at each level."""
    levels = where.iloc[np.repeat(np.arange(len(where)), len(targets))].reset_index(drop=True)
    return levels.assign(target=np.tile(targets, len(where)))


def goals(chain: ChainFit, targets: Sequence[float], groups: pd.DataFrame, *, new_groups: str = "error") -> Goals:
    """Return accuracies at levels of the groups, checked; no draw is read. Every fitted task where none is named.

    Raises
    ------
    ForecastError
        A map that reads more than the loss, targets that are no accuracies above chance, an unknown level.
    """
    read = [i.column for i in chain.accuracy.spec.law.inputs if i.column not in ("loss", "chance")]
    if read:
        raise ForecastError(
            f"the map {chain.accuracy.spec.law.name} reads {listed(read)} beside the loss, so that no one loss gives "
            'an accuracy. Ask for a loss (outcome="loss"), or forecast accuracy at a grid of scales.'
        )
    try:
        check_targets(chain.accuracy, targets)
    except ForecastError as error:
        raise ForecastError(f'{error} For a loss of a chain, ask with outcome="loss" (--outcome loss).') from error
    told = groups.assign(compute=COMPUTE)
    runs, tasks, position = runs_and_tasks(chain, told)
    where = at_tasks(runs, tasks, position)
    points = each(where, targets)
    frame, rows, new = map_points(chain, points, 1.0, kind="law", new_groups=new_groups)
    check_above_chance(chain.accuracy, frame)
    own = [c for c in runs if c != "compute"]
    return Goals(points.drop(columns="compute"), points[own], rows, new)
