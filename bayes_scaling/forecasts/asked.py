"""Questions checked against rows before anything is sampled, by the checks that forecasts make themselves."""

from __future__ import annotations

from bayes_scaling.fit import ChainFit, Fit
from bayes_scaling.fit.evaluate import data_at
from bayes_scaling.forecasts.chain import at_tasks, map_points, runs_and_tasks
from bayes_scaling.forecasts.points import Points, prepare


def check_points_of(
    fit: Fit | ChainFit,
    points: Points,
    *,
    outcome: str = "",
    kind: str = "response",
    new_groups: str = "error",
    tokens_per_param: float | None = None,
) -> None:
    """Raise where a forecast would; no draw is read.

    Parameters
    ----------
    fit : Fit or ChainFit
        With draws, or without (:func:`bayes_scaling.fit.unsampled`).
    points, outcome, kind, new_groups, tokens_per_param :
        As of :func:`bayes_scaling.forecasts.forecast`.

    Raises
    ------
    ForecastError
        Missing columns, levels that were not fitted, scales that are no numbers.
    """
    if isinstance(fit, ChainFit) and outcome != "loss":
        runs, tasks, position = runs_and_tasks(fit, points)
        frame, _, _ = prepare(fit.loss, runs, new_groups=new_groups, tokens_per_param=tokens_per_param, kind=kind)
        middle = float(fit.accuracy.frame["loss"].median())
        _, rows, _ = map_points(fit, at_tasks(frame, tasks, position), middle, kind=kind, new_groups=new_groups)
        last = fit.accuracy
    else:
        last = fit.loss if isinstance(fit, ChainFit) else fit
        _, rows, _ = prepare(last, points, new_groups=new_groups, tokens_per_param=tokens_per_param, kind=kind)
    if kind == "response":
        data_at(last.spec, rows)
