"""Widths of intervals learned from other, finished curves: a separate option, always labelled.

A factor stretches intervals of log loss (or accuracy) about their median, each level by its own, so that those
of finished curves of other groups cover as often as they say. It uses what those curves turned out to be:
never report its results as those of training rows only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from bayes_scaling.compare.scores import suffix
from bayes_scaling.data.columns import on_log
from bayes_scaling.errors import ForecastError, listed
from bayes_scaling.forecasts import Forecast

LABEL = "width factor {factor:.3g}, learned from finished curves of other {by}"


def _needed_factor(scores: pd.DataFrame, end: str, logarithmic: bool) -> np.ndarray:
    """Return by how much each interval must be stretched about its median to reach the observation, shape (row,)."""
    scale: Callable[..., np.ndarray] = np.log if logarithmic else np.asarray
    y, median = scale(scores["observed"].to_numpy(float)), scale(scores["median"].to_numpy(float))
    low, high = (scale(scores[f"{side}{end}"].to_numpy(float)) for side in ("lower", "upper"))
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
    """Stretch each group's intervals by factors learned from the other groups, one per level.

    Parameters
    ----------
    scores : DataFrame
        From :func:`bayes_scaling.compare.score`, or the ``frame`` of a :class:`bayes_scaling.compare.Backtest`.
    by : str
        Column of the groups of which one at a time is calibrated by the others, such as a task family.
    unit : str
        Column of the curves (``unit`` in a backtest); each counts once.
    level : float
        Level of the intervals without a level in their names (``lower``, ``upper``), and whose factor is told first.
    outcome : str
        ``loss`` (stretched in log loss) or ``accuracy``.

    Returns
    -------
    DataFrame
        The scores with the intervals of every level (``lower``, ``upper``, ``covered``, ``width``, and ``lower_50``,
        ... of further levels) stretched by a factor learned at that level from curves
        of other groups (and no lower level's interval sticks out), ``width_factor`` (of `level`),
        ``width_factor_50``, ... and ``calibration``, a label that says what was used; ``lpd``, ``crps`` and ``pit``,
        which are not those of the stretched distribution, are taken out.

    Raises
    ------
    ForecastError
        A missing column or value, another level, fewer than two groups.
    """
    levels = _levels(scores, level)
    _check(scores, by, unit, levels)
    groups, units = scores[by].to_numpy(), scores[unit].to_numpy()
    factors = {}
    for end, of in levels.items():
        needed, factor = _needed_factor(scores, end, on_log(outcome)), np.empty(len(scores))
        for group, others in _others(groups, units, by, unit):
            factor[groups == group] = _quantile_by_unit(needed[others], units[others], of)
        factors[end] = factor
    main = "" if "" in factors else f"_{suffix(level)}"
    stretched = scores.drop(columns=["lpd", "crps", "pit"], errors="ignore")
    for end, factor in factors.items():
        stretched = stretched.assign(**_stretched(scores, end, factor, outcome))
    told = [LABEL.format(factor=f, by=by) for f in factors[main]]
    return _nested(stretched, levels).assign(width_factor=factors[main], calibration=told)


def _others(groups: np.ndarray, units: np.ndarray, by: str, unit: str) -> Iterator[tuple[Any, np.ndarray]]:
    """Yield each group and the rows that its factor is learned from: other groups, none of its own curves."""
    for group in pd.unique(groups):
        others = ~np.isin(units, pd.unique(units[groups == group]))
        if not others.any():
            raise ForecastError(
                f"every {unit} of the other groups is in {by} {group!r} too, so that no finished curve is left to "
                f"learn from; choose a column by= that keeps each {unit} in one group."
            )
        yield group, others


def _nested(scores: pd.DataFrame, levels: Mapping[str, float]) -> pd.DataFrame:
    """Return the scores with intervals that hold those of lower levels (factors of their own need not give that).

    What they cover and their widths follow.
    """
    low, high = np.full(len(scores), np.inf), np.full(len(scores), -np.inf)
    for end in sorted(levels, key=lambda name: levels[name]):
        low, high = np.minimum(low, scores[f"lower{end}"]), np.maximum(high, scores[f"upper{end}"])
        inside = (scores["observed"] >= low) & (scores["observed"] <= high)
        ends = {f"lower{end}": low, f"upper{end}": high, f"covered{end}": inside, f"width{end}": high - low}
        scores = scores.assign(**ends)
    return scores


def _levels(scores: pd.DataFrame, level: float) -> dict[str, float]:
    """Return how the names of the intervals end, and the level of each.

    Raises
    ------
    ForecastError
        No intervals, or none of the level.
    """
    found = {"": level} if {"lower", "upper"} <= set(scores.columns) else {}
    if found and "level" in scores and not np.allclose(scores["level"], level):
        raise ForecastError(f"the intervals are of level {listed(scores['level'].unique())}, not {level}.")
    for name in map(str, scores.columns):
        matched = re.fullmatch(r"lower(_(\d+(?:\.\d+)?))", name)
        if matched and f"upper{matched[1]}" in scores.columns:
            found[matched[1]] = float(matched[2]) / 100
    if not found:
        raise ForecastError(
            "scores lack columns 'lower' and 'upper' (or 'lower_90' and 'upper_90', as a backtest has them); they have "
            f"{listed(scores.columns, 30)}."
        )
    if "" not in found and f"_{suffix(level)}" not in found:
        raise ForecastError(f"the intervals are of level {listed(found.values())}, not {level}.")
    return found


def _check(scores: pd.DataFrame, by: str, unit: str, levels: Iterable[str]) -> None:
    """Raise where a factor cannot be learned for every row."""
    needed = [by, unit, "observed", "median", *(f"{side}{end}" for end in levels for side in ("lower", "upper"))]
    for column in needed:
        if column not in scores.columns:
            raise ForecastError(f"scores lack column {column!r}; they have {listed(scores.columns, 30)}.")
        empty = int(scores[column].isna().sum())
        if empty:
            raise ForecastError(
                f"column {column!r} is missing in {empty} of {len(scores)} rows, which can neither be calibrated nor "
                "calibrate others; complete it, or leave these rows out."
            )
    if scores[by].nunique() < 2:
        raise ForecastError(
            f"column {by!r} has one value; a factor is learned from other groups, so at least two are needed."
        )


def _stretched(scores: pd.DataFrame, end: str, factor: np.ndarray, outcome: str) -> dict[str, np.ndarray]:
    """Return the ends of the intervals of one level, stretched about the median, and the factor."""
    scale: Callable[..., np.ndarray] = np.log if on_log(outcome) else np.asarray
    back: Callable[..., np.ndarray] = np.exp if on_log(outcome) else np.asarray
    median = scale(scores["median"].to_numpy(float))
    low, high = (
        back(median + factor * (scale(scores[f"{side}{end}"].to_numpy(float)) - median)) for side in ("lower", "upper")
    )
    return {f"lower{end}": low, f"upper{end}": high, f"width_factor{end}": factor}


def widen(forecast: Forecast, factor: float, *, source: str) -> Forecast:
    """Return a forecast of loss, or of data needed, whose draws are stretched about their median in its logarithm.

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
    if not factor > 0 or not on_log(forecast.outcome):
        raise ForecastError(
            f"factor = {factor!r} for {forecast.outcome}; expected a positive number and a forecast of loss or data."
        )
    median = np.log(np.median(forecast.draws, axis=0))
    draws = np.exp(median + factor * (np.log(forecast.draws) - median))
    title = f"{forecast.title} ({LABEL.format(factor=factor, by=source)})"
    return replace(forecast, draws=draws, mcse_median=np.full(draws.shape[1], np.nan), title=title)
