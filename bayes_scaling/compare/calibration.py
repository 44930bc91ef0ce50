"""Widths of intervals learned from other, finished curves: a separate option, always labelled.

A factor stretches the predictive distribution of log loss (or accuracy) about its median, so that intervals
of finished curves of other groups cover as often as they say. It uses what those curves turned out to be:
never report its results as those of training rows only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from bayes_scaling.errors import ForecastError, listed
from bayes_scaling.forecasts import Forecast

LABEL = "width factor {factor:.3g}, learned from finished curves of other {by}"


def _needed_factor(scores: pd.DataFrame, logarithmic: bool) -> np.ndarray:
    """Return by how much each interval must be stretched about its median to reach the observation, shape (row,)."""
    scale: Callable[..., np.ndarray] = np.log if logarithmic else np.asarray
    y, median = scale(scores["observed"].to_numpy(float)), scale(scores["median"].to_numpy(float))
    low, high = scale(scores["lower"].to_numpy(float)), scale(scores["upper"].to_numpy(float))
    side = np.where(y > median, high - median, median - low)
    return np.abs(y - median) / np.maximum(side, 1e-300)


def _quantile_by_unit(values: np.ndarray, units: np.ndarray, level: float) -> float:
    """Return the smallest value that a share `level` of rows does not exceed, each unit counting once."""
    codes = np.asarray(pd.factorize(units)[0])
    weight = 1.0 / np.bincount(codes)[codes]
    order = np.argsort(values)
    reached = np.cumsum(weight[order]) / weight.sum()
    place = min(int(np.searchsorted(reached, level - 1e-12)), len(values) - 1)
    return float(np.sort(values)[place])


def calibrate_width(
    scores: pd.DataFrame, *, by: str, unit: str = "run", level: float = 0.9, outcome: str = "loss"
) -> pd.DataFrame:
    """Stretch each group's intervals by a factor learned from the other groups.

    Parameters
    ----------
    scores : DataFrame
        From :func:`bayes_scaling.compare.score`, with intervals of `level`.
    by : str
        Column of the groups of which one at a time is calibrated by the others, such as a task family.
    unit : str
        Column of the curves; each counts once.
    level : float
        Level of the intervals in the table.
    outcome : str
        ``loss`` (stretched in log loss) or ``accuracy``.

    Returns
    -------
    DataFrame
        The scores with ``lower``, ``upper``, ``covered`` and ``width`` stretched, ``width_factor`` and
        ``calibration``, a label that says what was used; ``lpd``, ``crps`` and ``pit``, which are not those
        of the stretched distribution, are taken out.

    Raises
    ------
    ForecastError
        A missing column, another level, fewer than two groups.
    """
    for column in (by, unit, "observed", "median", "lower", "upper"):
        if column not in scores.columns:
            raise ForecastError(f"scores lack column {column!r}; they have {listed(scores.columns, 30)}.")
    if "level" in scores and not np.allclose(scores["level"], level):
        raise ForecastError(f"the intervals are of level {listed(scores['level'].unique())}, not {level}.")
    if scores[by].nunique() < 2:
        raise ForecastError(
            f"column {by!r} has one value; a factor is learned from other groups, so at least two are needed."
        )
    needed = _needed_factor(scores, outcome == "loss")
    factor = np.empty(len(scores))
    groups = scores[by].to_numpy()
    for group in pd.unique(groups):
        others = groups != group
        factor[~others] = _quantile_by_unit(needed[others], scores.loc[others, unit].to_numpy(), level)
    return _stretched(scores, factor, by, outcome)


def _stretched(scores: pd.DataFrame, factor: np.ndarray, by: str, outcome: str) -> pd.DataFrame:
    scale: Callable[..., np.ndarray] = np.log if outcome == "loss" else np.asarray
    back: Callable[..., np.ndarray] = np.exp if outcome == "loss" else np.asarray
    median = scale(scores["median"].to_numpy(float))
    low, high = (back(median + factor * (scale(scores[c].to_numpy(float)) - median)) for c in ("lower", "upper"))
    y = scores["observed"].to_numpy(float)
    kept = scores.drop(columns=["lpd", "crps", "pit"], errors="ignore")
    return kept.assign(
        lower=low, upper=high, covered=(y >= low) & (y <= high), width=high - low, width_factor=factor,
        calibration=[LABEL.format(factor=f, by=by) for f in factor],
    )  # fmt: skip


def widen(forecast: Forecast, factor: float, *, source: str) -> Forecast:
    """Return a forecast of loss whose draws are stretched about their median in log loss.

    Parameters
    ----------
    factor : float
    source : str
        What the factor was learned from; it stays in the title.

    Raises
    ------
    ForecastError
        A factor that is not positive, or a forecast of accuracy.
    """
    if not factor > 0 or forecast.outcome != "loss":
        raise ForecastError(
            f"factor = {factor!r} for {forecast.outcome}; expected a positive number and a forecast of loss."
        )
    median = np.log(np.median(forecast.draws, axis=0))
    draws = np.exp(median + factor * (np.log(forecast.draws) - median))
    title = f"{forecast.title} ({LABEL.format(factor=factor, by=source)})"
    return replace(forecast, draws=draws, mcse_median=np.full(draws.shape[1], np.nan), title=title)
