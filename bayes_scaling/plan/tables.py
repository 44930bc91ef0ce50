"""Draws of what was asked as a tidy table, and values of it in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling.fit.summary import check_interval
from bayes_scaling.forecasts import words
from bayes_scaling.forecasts.predict import mcse_of_median, quantiles

if TYPE_CHECKING:
    from bayes_scaling.fit import ChainFit, Fit
    from bayes_scaling.plan.next_run import NextRun

INTERVAL = "eti"
KIND = "law"
_COUNTS = ("params", "tokens")


def ends(draws: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """Return quantiles over draws (draw, point), shape (share, point); missing where a quantile is infinite."""
    if np.isinf(draws).any():  # no mixing of a number with infinity
        found = np.quantile(draws, shares, axis=0, method="inverted_cdf")
        return np.where(np.isinf(found), np.nan, found)
    return quantiles(draws, shares)


def tidy(
    points: pd.DataFrame, quantities: Mapping[str, np.ndarray], levels: Sequence[float], *, fit: Fit | ChainFit,
    banner: str = "",
) -> pd.DataFrame:  # fmt: skip
    """Return a row per point, quantity and level.

    Parameters
    ----------
    points : DataFrame
        One row per point.
    quantities : dict of str to ndarray
        Draws by name, shape (draw, point).
    levels : sequence of float
        Probabilities of the equal-tailed intervals.
    fit : Fit or ChainFit
        Whose draws they are: their Monte-Carlo errors depend on how its chains are correlated.
    banner : str
        Of a fit that failed its diagnostics: column ``warning``.

    Returns
    -------
    DataFrame
        The points' columns, then ``quantity``, ``kind`` (``law``), ``median``, its Monte-Carlo standard error
        ``mcse_median`` (missing where some draws were left out), ``level``, ``interval``, ``lower``, ``upper``; a
        quantile that is infinite is missing.
    """
    for level in levels:
        check_interval(level, INTERVAL)
    shares = [0.5, *(s for level in levels for s in ((1 - level) / 2, (1 + level) / 2))]
    parts = []
    for place, (name, draws) in enumerate(quantities.items()):
        found, error = ends(draws, shares), median_error(fit, draws)
        for i, level in enumerate(levels):
            part = points.assign(quantity=name, kind=KIND, median=found[0], mcse_median=error, level=level,
                                 interval=INTERVAL, lower=found[1 + 2 * i], upper=found[2 + 2 * i])  # fmt: skip
            parts.append(part.assign(_point=np.arange(len(points)), _quantity=place))
    table = pd.concat(parts).sort_values(["_point", "_quantity", "level"], kind="stable")
    table = table.drop(columns=["_point", "_quantity"]).reset_index(drop=True)
    return table.assign(warning=banner) if banner else table


def median_error(fit: Fit | ChainFit, draws: np.ndarray) -> np.ndarray:
    """Return the Monte-Carlo standard error of medians of draws (draw, point), shape (point,).

    Missing where the median, or what lies an error above it, is infinite, and for some of a fit's draws only.
    """
    lost, found = np.isinf(draws), np.full(draws.shape[1], np.nan)
    some = lost.mean(axis=0) < 0.5
    if not some.any():
        return found
    held, stage = np.where(lost, np.finfo(float).max, draws)[:, some], next(iter(fit.stages.values()))
    with np.errstate(invalid="ignore"):  # most draws are at a limit: their error is not a number, or zero
        found[some] = mcse_of_median(stage, held, fit.chosen_noise)
    return np.where(found <= np.abs(np.where(lost, 0.0, draws)).max(axis=0), found, np.nan)


def best_rows(found: NextRun, count: int) -> pd.DataFrame:
    """Return `count` candidates at most, cheapest first: the first to buy (or best per cost), and those that tell most.

    Columns: those of the candidates that differ (but a compute that is the cost), then ``cost``; ``share`` of what is
    open that a run settles, with ``lower`` and ``upper`` of its Monte-Carlo error and ``nested``, the same by
    simulation (where it was checked); ``as_good``; ``step`` in the set. The index is the position of the candidate.
    """
    most = np.argsort(-found.single.value, kind="stable").tolist()
    some = list(dict.fromkeys([*found.first((count + 1) // 2), *most]))[:count]
    chosen = found.table.loc[sorted(some, key=lambda i: found.cost[i])]
    differ = [c for c in found.candidates if found.candidates[c].nunique(dropna=False) > 1]
    names = [c for c in differ if not (c == "compute" and np.array_equal(found.candidates[c], found.cost))]
    shares = {c: chosen[c] / found.now if found.now > 0 else 0.0 for c in ("lower", "upper", "nested") if c in chosen}
    return chosen[[*names, "cost", "share"]].assign(**shares, as_good=chosen["as_good"], step=chosen["step"])


def widest(table: pd.DataFrame, quantity: str, levels: Sequence[float]) -> list[dict[str, Any]]:
    """Return the rows of one quantity at the widest level, one per point."""
    rows = table[(table["quantity"] == quantity) & (table["level"] == max(levels))]
    return [{str(k): v for k, v in row.items()} for row in rows.to_dict("records")]


def budget(compute: float) -> str:
    """Return a compute in words, with three digits: 5.76 x 10^23 FLOP."""
    return f"{words.power(float(compute), 2)}{words.GAP}FLOP"


def value(number: float, quantity: str) -> str:
    """Return a value of a quantity in words; a missing one is beyond reach."""
    if not np.isfinite(number):
        return "not reached"
    if number == 0 and quantity in (*_COUNTS, "compute"):
        return "next to nothing"
    if quantity in _COUNTS:
        return words.count(number)
    return budget(number) if quantity == "compute" else words.number(number, 4 if quantity == "loss" else 3)


def told(row: Mapping[str, Any], *, unit: str = "") -> str:
    """Return median and interval of a row in words: ``67 billion (90 % equal-tailed interval 60 to 75 billion)``."""
    middle, low, high = (value(float(row[k]), str(row["quantity"])) for k in ("median", "lower", "upper"))
    return f"{middle}{unit} ({words.interval(low, high, float(row['level']), str(row['interval']))})"
