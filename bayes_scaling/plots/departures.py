"""The law discrepancy along the scale, a small panel per path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from bayes_scaling.check import departures as departure_table
from bayes_scaling.check import law_residuals, spread_paths
from bayes_scaling.data.columns import on_log
from bayes_scaling.errors import ForecastError
from bayes_scaling.fit import failure_banner
from bayes_scaling.plots import style

if TYPE_CHECKING:
    from bayes_scaling.fit import Fit

MOST = 12  # panels
COLUMNS = 3
LETTERS = 22  # of a panel's title


def departures(
    fit: Fit,
    *,
    paths: Sequence[str] | None = None,
    level: float = 0.9,
    warning: str | None = None,
    ax: Any = None,
) -> tuple[Figure, np.ndarray]:
    """Draw rows and fitted discrepancy against the law along the scale, a panel per path.

    Parameters
    ----------
    fit : Fit
        Of a model with a discrepancy.
    paths : sequence of str, optional
        Names of paths (``fit.paths.levels``), at most 12; by default 12 from the one whose rows depart least from
        the law to the one whose rows depart most.
    level : float
        Probability of the equal-tailed band.
    warning : str, optional
        Banner of a failed fit; found from the fit when left out.
    ax : array of Axes, optional
        One per path.

    Returns
    -------
    (Figure, ndarray of Axes)
        Tables: ``check.departures`` (band) and ``check.law_residuals`` (rows). Panels of one line share their
        vertical axis.

    Raises
    ------
    ForecastError
        The model has no discrepancy, a path was not fitted, or there are too many paths.
    """
    if paths is not None and not 1 <= len(paths) <= MOST:
        raise ForecastError(f"{len(paths)} paths; expected 1 to {MOST}, a panel each.")
    names = list(paths) if paths is not None else spread_paths(fit, MOST)
    band, rows = departure_table(fit, paths=names, level=level), law_residuals(fit, paths=names)
    over = fit.spec.noise.discrepancy.over
    with style.context():
        tall = 1.6 if len(names) > COLUMNS else 2.0
        figure, axes = style.canvases(ax, len(names), columns=COLUMNS, panel=(1.74, tall))
        for one, name, title in zip(axes, names, _short(names), strict=True):
            _panel(one, band[band["path"] == name], rows[rows["path"] == name], over, level)
            one.set_title(title, loc="left", fontsize=style.SMALL)
        _share(axes, rows, band, over, own=ax is None)
        unit = f"log {fit.spec.outcome}" if on_log(fit.spec.outcome) else "log-odds"
        if ax is None:
            bottom = axes[(len(names) - 1) // COLUMNS * COLUMNS :]
            bottom[min(1, len(bottom) - 1)].set_xlabel(style.label(over))
            for first in axes[::COLUMNS]:
                first.set_ylabel(unit)
        text = failure_banner(fit) if warning is None else warning
        titles = [one.get_title(loc="left") for one in axes]
        style.finish(axes[0], own=ax is None, title=titles[0], warning=text)
        axes[0].set_title(titles[0], loc="left", fontsize=style.SMALL)
    return figure, axes


def _panel(axes: Axes, band: pd.DataFrame, rows: pd.DataFrame, over: str, level: float) -> None:
    look = style.SERIES[0]
    axes.axhline(0, color="black", linewidth=0.8, zorder=1)
    axes.fill_between(band[over], band["lower"], band["upper"], color=look.color, alpha=0.28, linewidth=0, zorder=2,
                      label=f"departure given the rows, {100 * level:g} % equal-tailed")  # fmt: skip
    axes.plot(band[over], band["median"], color=look.color, linewidth=1.3, zorder=3, label="departure, median")
    axes.plot(rows[over], rows["residual"], ".", color=style.SERIES[1].color, markersize=3.5, markeredgewidth=0,
              zorder=4, label="rows against the law's median")  # fmt: skip


def _share(axes: np.ndarray, rows: pd.DataFrame, band: pd.DataFrame, over: str, *, own: bool) -> None:
    """Give all panels one scale, and those of one line one vertical axis; only outer panels keep their labels."""
    ends = style.limits_of(rows[over], log=True)
    names = list(dict.fromkeys(band["path"]))
    for first in range(0, len(names), COLUMNS):
        line = names[first : first + COLUMNS]
        here, shown = band[band["path"].isin(line)], rows[rows["path"].isin(line)]
        low, high = _reach(shown["residual"], here)
        for i, (one, name) in enumerate(zip(axes[first : first + COLUMNS], line, strict=True)):
            one.set_xlim(ends)
            one.set_ylim(low, high)
            style.log_axis(one)
            one.xaxis.set_major_locator(LogLocator(numticks=4))
            one.yaxis.set_major_locator(MaxNLocator(4))
            one.tick_params(labelsize=style.SMALL)
            _at_edges(one, shown[shown["path"] == name], over, low, high)
            if own:
                one.tick_params(labelleft=i == 0, labelbottom=first + i + COLUMNS >= len(names))


def _reach(residual: pd.Series, band: pd.DataFrame) -> tuple[float, float]:
    """Return vertical limits: the band and most rows, so that a few far ones do not flatten the rest."""
    return style.limits_of(band["lower"], band["upper"], residual.quantile([0.01, 0.99]), [0.0])


def _at_edges(axes: Axes, rows: pd.DataFrame, over: str, low: float, high: float) -> None:
    """Mark rows that lie beyond the panel at its edge."""
    for beyond, place, marker in ((rows["residual"] > high, high, "^"), (rows["residual"] < low, low, "v")):
        at = rows.loc[beyond, over]
        if len(at):
            axes.plot(at, np.full(len(at), place), marker, color=style.SERIES[1].color, markersize=5, linestyle="none",
                      clip_on=False, zorder=5)  # fmt: skip


def _short(names: Sequence[str]) -> list[str]:
    """Return names of paths cut to a panel's width; the end tells them apart."""
    told = ["whole table" if name == "all" else name for name in style.level_names(names)]
    return [text if len(text) <= LETTERS else "…" + text[1 - LETTERS :] for text in told]
