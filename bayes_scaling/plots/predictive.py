"""Prior and posterior predictive beside the data; residuals against scale."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayes_scaling.check import Predictive, as_predictive
from bayes_scaling.check import prior_predictive as simulate_prior
from bayes_scaling.check import residuals as residual_table
from bayes_scaling.data.columns import on_log
from bayes_scaling.errors import ForecastError, listed
from bayes_scaling.fit import Fit, failure_banner
from bayes_scaling.plots import style
from bayes_scaling.plots.tables import binned

HIGHLIGHTED = 4  # groups that get a colour and a marker of their own; the rest is grey


def prior_predictive(
    predictive: Predictive | Fit, *, x: str = "compute", bins: int = 12, warning: str = "", ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Draw what the priors imply beside the data: bands of simulated outcomes and the observed ones.

    Parameters
    ----------
    predictive : Predictive or Fit
        Of ``prior_predictive`` (one of ``posterior_predictive`` works too); of a fit, that of its rows.
    x : str
        Column on the log axis; without it in the table the outcome is drawn as one distribution.
    bins : int
        Bins of equal row count in which the simulated outcomes of all rows are pooled.
    warning : str
        Banner of a failed fit, drawn on top.

    Returns
    -------
    (Figure, Axes)
        Table: ``plots.tables.binned`` and ``check.range_table``.
    """
    warning = warning or _banner(predictive)
    if isinstance(predictive, Fit):
        predictive = simulate_prior(predictive.spec, predictive.frame)
    predictive = as_predictive(predictive)
    with style.context():
        figure, axes = style.canvas(ax)
        source = f"{predictive.source} predictive"
        if x in predictive.frame.columns and predictive.frame[x].nunique() > 1:
            _bands(axes, predictive, x, bins, source)
        else:
            _histograms(axes, predictive, source)
        style.finish(axes, own=ax is None, title=f"{source.capitalize()} beside the data",
                     warning=style.warning_of(warning, predictive), columns=2)  # fmt: skip
    return figure, axes


def _banner(source: object) -> str:
    return failure_banner(source) if isinstance(source, Fit) else ""


def _bands(axes: Axes, predictive: Predictive, x: str, bins: int, source: str) -> None:
    table = binned(predictive, x=x, bins=bins)
    edges = np.append(table["x_low"], table["x_high"].iloc[-1])

    def steps(column: str) -> np.ndarray:
        return np.append(table[column], table[column].iloc[-1])

    for low, high, alpha, name in (("q05", "q95", 0.22, "90 %"), ("q25", "q75", 0.4, "50 %")):
        axes.fill_between(edges, steps(low), steps(high), step="post", color=style.BAND, alpha=alpha, linewidth=0,
                          label=f"{source}, {name} equal-tailed")  # fmt: skip
    axes.step(edges, steps("q50"), where="post", color=style.BAND, linewidth=1.6, label=f"{source}, median")
    axes.plot(predictive.frame[x], predictive.observed, "o", color="black", markersize=3, alpha=0.6,
              markeredgewidth=0, label="data")  # fmt: skip
    style.log_axis(axes)
    axes.set_xlabel(style.label(x))
    style.outcome_axis(axes, predictive.outcome, unit=predictive.unit)
    if on_log(predictive.outcome) and table["q95"].max() > 3 * table["q05"].min():
        style.log_axis(axes, "y")


def _histograms(axes: Axes, predictive: Predictive, source: str) -> None:
    """Without a scale: the spread of what is simulated, and of the data."""
    for height, values, name in ((1, predictive.draws, source), (0, predictive.observed, "data")):
        low, q25, middle, q75, high = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95])
        axes.plot([low, high], [height, height], color=style.BAND if height else "black", linewidth=1.5)
        axes.plot([q25, q75], [height, height], color=style.BAND if height else "black", linewidth=5,
                  solid_capstyle="butt")  # fmt: skip
        axes.plot(
            [middle], [height], "o", color="white", markeredgecolor="black", label=f"{name}: median, 50 % and 90 %"
        )
    axes.set_yticks([0, 1], ["data", source])
    axes.set_ylim(-0.6, 1.6)
    style.outcome_axis(axes, predictive.outcome, "x", unit=predictive.unit)


def posterior_predictive(
    predictive: Predictive | Fit,
    *,
    by: str | None = None,
    level: float = 0.9,
    warning: str = "",
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw observed outcomes against the median of their replicates, with intervals.

    Parameters
    ----------
    predictive : Predictive or Fit
        Of ``posterior_predictive``; of a fit, that of its rows.
    by : str, optional
        Column whose largest groups get a colour and a marker; the others stay grey.
    level : float
        Probability of the equal-tailed intervals.
    warning : str
        Banner of a failed fit.

    Returns
    -------
    (Figure, Axes)
        Table: ``check.residuals``.
    """
    warning, predictive = warning or _banner(predictive), as_predictive(predictive)
    table = residual_table(predictive, level=level)
    with style.context():
        figure, axes = style.canvas(ax, size=(5.2, 4.2))
        axes.vlines(table["observed"], table["lower"], table["upper"], color="#b8b8b8", linewidth=0.7, zorder=1,
                    label=f"{level:.0%} equal-tailed predictive interval")  # fmt: skip
        for mask, look, name in _marked(table, by, _largest(table, by)):
            axes.plot(table.loc[mask, "observed"], table.loc[mask, "median"], look.marker, color=look.color,
                      markersize=3.4, linestyle="none", markeredgewidth=0, label=name, zorder=3)  # fmt: skip
        out = ~table["covered"]
        axes.plot(table.loc[out, "observed"], table.loc[out, "median"], "x", color=style.RED, markersize=6, zorder=4,
                  linestyle="none", label=f"outside its interval: {int(out.sum())} of {len(table)} rows")  # fmt: skip
        ends = style.limits_of(table["observed"], table["median"])
        axes.plot(ends, ends, color="black", linewidth=0.8, zorder=0)
        style.outcome_axis(axes, predictive.outcome, "x", unit=predictive.unit)
        style.outcome_axis(axes, predictive.outcome, "y", unit=predictive.unit)
        axes.set_xlabel(f"observed {axes.get_xlabel()}")
        axes.set_ylabel(f"{predictive.source} predictive median")
        title = f"Observed and replicated, {predictive.source} predictive"
        style.finish(axes, own=ax is None, title=title, warning=style.warning_of(warning, predictive))
    return figure, axes


def residuals(
    predictive: Predictive | Fit,
    *,
    against: str = "compute",
    by: str | None = "family",
    level: float = 0.9,
    warning: str = "",
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw residuals against scale; a trend means that the law does not follow the data.

    Parameters
    ----------
    predictive : Predictive or Fit
        Of ``posterior_predictive``; of a fit, that of its rows.
    against : str
        Numeric column on the log axis.
    by : str, optional
        Column whose groups with the most unusual mean residual are marked; the rest is grey.
    level : float
        Rows outside this equal-tailed interval are circled.
    warning : str
        Banner of a failed fit.

    Returns
    -------
    (Figure, Axes)
        Table: ``check.residuals`` and, per group, ``check.predictive_table``.

    Raises
    ------
    ForecastError
        No column `against`.
    """
    warning, predictive = warning or _banner(predictive), as_predictive(predictive)
    table = residual_table(predictive, level=level)
    if against not in table.columns:
        raise ForecastError(f"no column {against!r} in the rows; found {listed(table.columns, 30)}.")
    with style.context():
        figure, axes = style.canvas(ax, size=(5.2, 4.0))
        axes.axhline(0, color="black", linewidth=0.8)
        for mask, look, name in _marked(table, by, _unusual(table, by)):
            axes.plot(table.loc[mask, against], table.loc[mask, "residual"], look.marker, color=look.color,
                      markersize=4, linestyle="none", markeredgewidth=0, label=name, zorder=3)  # fmt: skip
        out = table[~table["covered"]]
        axes.plot(out[against], out["residual"], "o", markerfacecolor="none", markeredgecolor=style.RED, markersize=7,
                  linestyle="none", label=f"outside the {level:.0%} interval", zorder=2)  # fmt: skip
        _running_median(axes, table, against)
        style.log_axis(axes)
        axes.set_xlabel(style.label(against))
        of = f"log {predictive.outcome}" if on_log(predictive.outcome) else "points of accuracy"
        axes.set_ylabel(f"residual ({of})")
        style.finish(axes, own=ax is None, title=f"Residual against {style.label(against).split(' (')[0]}",
                     warning=style.warning_of(warning, predictive), columns=2)  # fmt: skip
    return figure, axes


def _running_median(axes: Axes, table: pd.DataFrame, against: str) -> None:
    """Add the median residual in bins of equal count, to show a trend."""
    count = min(8, len(table) // 8)
    if count < 2:
        return
    bins = pd.qcut(np.log(table[against]), count, duplicates="drop")
    middle = table.groupby(bins, observed=True).agg({against: "median", "residual": "median"})
    axes.plot(
        middle[against],
        middle["residual"],
        color="black",
        linewidth=1.6,
        label="median in bins of equal size",
        zorder=4,
    )


def _largest(table: pd.DataFrame, by: str | None) -> list[str]:
    return [] if by is None or by not in table else list(table[by].value_counts().index[:HIGHLIGHTED])


def _unusual(table: pd.DataFrame, by: str | None) -> list[str]:
    """Return the groups whose mean residual is furthest from zero in standard errors."""
    if by is None or by not in table:
        return []
    parts = table.groupby(by)["residual"].agg(["mean", "std", "count"])
    parts = parts[parts["count"] > 2]
    z = (parts["mean"] / (parts["std"] / np.sqrt(parts["count"]))).abs().sort_values(ascending=False)
    return list(z.index[:HIGHLIGHTED])


def _marked(table: pd.DataFrame, by: str | None, chosen: list[str]) -> list[tuple[pd.Series, style.Series, str]]:
    """Return (mask, look, label) of the grey rest and of each marked group."""
    everything = pd.Series(True, index=table.index)
    if not chosen or by is None:
        return [(everything, style.SERIES[0], "rows")]
    rest = ~table[by].isin(chosen)
    grey = style.Series("#a8a8a8", ".", "-")
    others = table.loc[rest, by].nunique()
    parts = [(rest, grey, f"{others} others" if others != 1 else "one other")] if others else []
    return parts + [(table[by] == n, style.SERIES[i], str(n)) for i, n in enumerate(chosen)]
