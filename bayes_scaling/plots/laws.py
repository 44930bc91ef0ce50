"""Laws compared on one table: how far each is behind the best, and its weight in the stack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from bayes_scaling.compare import LawComparison
from bayes_scaling.errors import ForecastError, did_you_mean, listed
from bayes_scaling.plots import style

PANELS = {
    "loo": "Runs like these (leave-one-out)",
    "backtest": "Larger runs (backtest)",
    "weights": "Weight in the stack",
}
NORMAL_90 = 1.6449  # standard errors to either side of a 90 % interval
LINEAR_TO, WIDE = 4.0, 60.0  # an axis with differences above WIDE is linear up to LINEAR_TO, logarithmic beyond


def law_comparison(
    found: LawComparison,
    *,
    show: Sequence[str] = tuple(PANELS),
    warning: str = "",
    ax: Any = None,
) -> tuple[Figure, np.ndarray]:
    """Draw compared laws: differences to the best by leave-one-out and by the backtest, and weights.

    Parameters
    ----------
    found : LawComparison
        Of ``compare.laws``.
    show : sequence of str
        Panels, of ``loo``, ``backtest`` and ``weights``; those without numbers (no backtest) are left out.
    warning : str
        Banner of fits that are not usable; the comparison carries it.
    ax : array of Axes, optional
        One per panel.

    Returns
    -------
    (Figure, ndarray of Axes)
        Intervals are of 90 %: of differences from their standard errors, of weights bootstrapped over units. Laws whose
        fit is not usable are hollow. Table: ``found.ranking``.

    Raises
    ------
    ForecastError
        An unknown panel, or none that has numbers.
    """
    style.expect(found, LawComparison, "plots.law_comparison(compare_laws(runs))")
    table = found.ranking
    draw = {"loo": ("elpd_diff",), "backtest": ("lpd_diff",), "weights": ("loo_weight", "backtest_weight")}
    for name in show:
        if name not in draw:
            raise ForecastError(f"show names {name!r}; expected {listed(draw)}." + did_you_mean(name, draw))
    panels = [name for name in show if table[list(draw[name])].notna().any(axis=None)]
    if not panels:
        raise ForecastError(f"there is nothing to draw of {listed(show)}. {' '.join(found.notes)}")
    with style.context():
        figure, axes = style.canvases(ax, len(panels), columns=1, panel=(5.2, 1.0 + 0.21 * len(table)))
        for one, name in zip(axes, panels, strict=True):
            if name == "weights":
                _weights(one, table)
            else:
                _differences(one, table, draw[name][0], "summed" if name == "loo" else "per unit")
            place = _places(table)
            one.set_yticks(place, table["law"].tolist())
            one.set_ylim(-0.7, len(table) - 0.3)
        text = style.warning_of(warning, found)
        for i, (one, name) in enumerate(zip(axes, panels, strict=True)):
            last = i == len(panels) - 1
            style.finish(one, own=ax is None and last, title=PANELS[name], warning=text if last else "", columns=2)
            if not last and (legend := one.get_legend()) is not None:
                legend.remove()
    return figure, axes


def _places(table: pd.DataFrame) -> np.ndarray:
    return np.arange(len(table))[::-1].astype(float)


def _differences(axes: Axes, table: pd.DataFrame, column: str, how: str) -> None:
    """Draw how far laws are behind the best one, with 90 % intervals."""
    behind = table[column].to_numpy(dtype=float)
    half = NORMAL_90 * np.nan_to_num(table[f"{column}_se"].to_numpy(dtype=float))
    axes.set_xlim(style.limits_of(behind - half, behind + half, [0.0]))
    if np.nanmax(behind + half) > WIDE:
        axes.set_xscale("symlog", linthresh=LINEAR_TO)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))
    axes.axvline(0, color="black", linewidth=1)
    style.intervals(axes, _places(table), behind - half, behind + half, color=style.SERIES[0].color, width=1.6)
    _dots(axes, behind, _places(table), table, style.SERIES[0])
    axes.set_xlabel(f"log density behind the best law, {how}")


def _weights(axes: Axes, table: pd.DataFrame) -> None:
    """Draw weights by both ways, with the interval of those by the backtest."""
    axes.set_xlim(-0.03, 1.03)
    low, high = (table[f"backtest_weight_{end}"].to_numpy(dtype=float) for end in ("lo", "hi"))
    up = _places(table) + 0.14
    style.intervals(axes, up, low, high, color=style.SERIES[1].color, width=1.6)
    for column, series, place, name in (
        ("backtest_weight", style.SERIES[1], up, "by the backtest (larger runs)"),
        ("loo_weight", style.SERIES[0], up - 0.28, "by leave-one-out (runs like these)"),
    ):
        if table[column].notna().any():
            _dots(axes, table[column].to_numpy(dtype=float), place, table, series, name)
    axes.set_xlabel("weight")


def _dots(
    axes: Axes, values: np.ndarray, place: np.ndarray, table: pd.DataFrame, series: style.Series, name: str = ""
) -> None:
    usable = table["usable"].to_numpy(dtype=bool)
    look: dict[str, Any] = {"color": series.color, "linestyle": "none", "markersize": 5.5}
    axes.plot(values[usable], place[usable], series.marker, label=name or None, **look)
    axes.plot(values[~usable], place[~usable], series.marker, markerfacecolor="white", **look)
