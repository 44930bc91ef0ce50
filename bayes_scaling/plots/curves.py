"""The law's posterior band against scale, and forecasts beyond the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from bayes_scaling.data.columns import SCALES
from bayes_scaling.errors import ForecastError, listed
from bayes_scaling.fit import failure_banner
from bayes_scaling.forecasts import Forecast, Reach
from bayes_scaling.forecasts.points import describe_groups
from bayes_scaling.plots import style
from bayes_scaling.plots.tables import CURVES, curve_scale, curve_table, level_columns, lone_scale, usual_ratio

if TYPE_CHECKING:
    from bayes_scaling.fit import Fit

NEAR = 1.5  # runs within this factor of the path's tokens per parameter count as on the path


def curve(
    fit: Fit,
    *,
    x: str | None = None,
    groups: Mapping[str, Any] | pd.DataFrame | None = None,
    up_to: float | None = None,
    tokens_per_param: float | None = None,
    constants: Sequence[str] = (),
    draws: int | None = 1000,
    warning: str | None = None,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw the data and the law's posterior median with its 50 % and 90 % bands against scale.

    Parameters
    ----------
    fit : Fit
    x : str, optional
        The one scale that the law reads; for laws in params and tokens ``compute`` (the default),
        ``params`` or ``tokens``.
    groups : dict or DataFrame, optional
        Levels to draw, every combination of a dict: ``{"family": ["A", "B"], "task": "mmlu"}``. By
        default the three largest families at the most common task and protocol.
    up_to : float, optional
        Largest x; ten times the largest fitted one by default.
    tokens_per_param : float, optional
        Laws in params and tokens are followed along this path (default: the runs' median
        ratio). Runs within a factor 1.5 of it are filled, others hollow: they belong to other paths.
    constants : sequence of str
        Published constants to draw beside the posterior, for example ``("besiroglu2024",)``.
    draws : int, optional
        At most this many posterior draws.
    warning : str, optional
        Banner of a failed fit; found from the fit when left out.

    Returns
    -------
    (Figure, Axes)
        Table: ``plots.tables.curve_table`` with the same arguments.
    """
    x = curve_scale(fit, x)
    table = curve_table(fit, x=x, groups=groups, up_to=up_to, tokens_per_param=tokens_per_param,
                        constants=constants, draws=draws)  # fmt: skip
    ratio = None if lone_scale(fit) else (tokens_per_param or usual_ratio(fit))
    with style.context():
        figure, axes = style.canvas(ax, size=(5.2, 4.2))
        _curves(axes, fit, table, x, ratio)
        for i, name in enumerate(constants):
            _constants(axes, table, x, name, i)
        path = f" along D = {ratio:g} N" if ratio is not None else ""
        _dress(axes, fit, x, f"Law{path}: median, 50 % and 90 % equal-tailed bands", warning, own=ax is None)
    return figure, axes


def forecast(
    forecasts: Forecast, *, fit: Fit | None = None, warning: str | None = None, ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Draw a forecast's medians and intervals at its points, over the data and the law's band.

    Parameters
    ----------
    forecasts : Forecast
    fit : Fit, optional
        With it the fitted rows are drawn, and the law's band where one path joins the points.
    warning : str, optional
        Banner of a failed fit; the forecast carries it.

    Returns
    -------
    (Figure, Axes)
        Table: ``forecasts.table``. Points of several groups at one scale are drawn side by side.
    """
    style.expect(forecasts, Forecast, "plots.forecast(forecast(fit, points), fit=fit)")
    points = forecasts.points
    x = lone_scale(fit) if fit is not None else None
    x = x or next((c for c in SCALES if c in points.columns), None)
    if x is None:
        raise ForecastError(f"points have none of {listed(SCALES)} to draw against; found {listed(points.columns)}.")
    groups = _group_columns(forecasts, fit)
    names = describe_groups(points, groups)
    known = list(dict.fromkeys(names))
    with style.context():
        figure, axes = style.canvas(ax, size=(5.2, 4.4))
        if fit is not None:
            _behind(axes, fit, forecasts, x, groups, known)
        _forecast_points(axes, forecasts, x, names, known, bands=fit is not None)
        kind = {"eti": "equal-tailed", "hdi": "highest-density"}[forecasts.interval]
        levels = " and ".join(f"{100 * v:g} %" for v in sorted(forecasts.levels))
        title = f"Forecast ({forecasts.kind}): median, {levels} {kind} intervals"
        if fit is not None:
            _dress(axes, fit, x, title, style.warning_of(warning or "", forecasts), own=ax is None)
        else:
            style.log_axis(axes)
            axes.set_xlabel(style.label(x))
            style.outcome_axis(axes, forecasts.outcome, unit=forecasts.unit)
            style.finish(
                axes, own=ax is None, title=title, warning=style.warning_of(warning or "", forecasts), columns=2
            )
    return figure, axes


def reach(reached: Reach, *, level: float = 0.9, warning: str = "", ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Draw the compute that reaches each target; a bar to the edge means that the end is not reached.

    Parameters
    ----------
    reached : Reach
        Of ``compute_to_reach``.
    level : float
        Probability of the equal-tailed interval.
    warning : str
        Banner of a failed fit.

    Returns
    -------
    (Figure, Axes)
        Table: ``reached.table``.
    """
    import dataclasses

    style.expect(reached, Reach, "plots.reach(compute_to_reach(fit, target))")
    table = dataclasses.replace(reached, levels=(level,)).table
    names = reach_names(reached.points, reached.outcome)
    place = np.arange(len(table))[::-1]
    with style.context():
        figure, axes = style.canvas(ax, size=(5.2, 1.5 + 0.32 * len(table)))
        axes.set_xlim(style.limits_of(table["lower"], table["median"], table["upper"], log=True))
        axes.set_xscale("log")
        style.intervals(axes, place, table["lower"], table["upper"], color=style.SERIES[0].color, width=2)
        axes.plot(
            table["median"], place, "o", color="white", markeredgecolor=style.SERIES[0].color, markeredgewidth=1.6
        )
        for y, p, middle in zip(place, table["p_unreachable"], table["median"], strict=True):
            if not np.isfinite(middle):
                axes.text(
                    0.02, y, f"not reached (P = {p:.0%})", transform=_across(axes), fontsize=style.SMALL, va="bottom"
                )
        axes.set_yticks(place, names)
        axes.set_ylim(-0.6, len(table) - 0.4)
        axes.set_xlabel(style.label("compute"))
        style.log_axis(axes)
        title = f"Compute to reach a target: median, {100 * level:g} % equal-tailed"
        style.finish(axes, own=ax is None, title=title, warning=style.warning_of(warning, reached))
    return figure, axes


def reach_names(points: pd.DataFrame, outcome: str) -> list[str]:
    """Return a label per group and target of a Reach."""
    groups = [c for c in points.columns if c != "target" and points[c].nunique() > 1]
    who = describe_groups(points, groups)
    what = [f"{outcome} {100 * t:g} %" if outcome == "accuracy" else f"{outcome} {t:g}" for t in points["target"]]
    return [f"{w}, {t}" if w else t for w, t in zip(who, what, strict=True)]


def _across(axes: Axes) -> Any:
    """Return the transform with x in shares of the axes and y in data."""
    return blended_transform_factory(axes.transAxes, axes.transData)


def _group_columns(forecasts: Forecast, fit: Fit | None) -> list[str]:
    have = level_columns(fit) if fit is not None else ["family", "task", "protocol"]
    present = [c for c in have if c in forecasts.points.columns]
    varying = [c for c in present if forecasts.points[c].nunique() > 1]
    return varying or present[:1]


def _curves(axes: Axes, fit: Fit, table: pd.DataFrame, x: str, ratio: float | None) -> None:
    """Draw rows and bands of each curve in the table."""
    groups = level_columns(fit)
    named = table.drop_duplicates("curve")
    varying = [g for g in groups if named[g].nunique() > 1] or groups[:1]
    names = describe_groups(named.reset_index(drop=True), varying)
    shown = _same_task(fit, named)
    marked = sum(len(_rows_of(shown, row, groups)) for _, row in named.iterrows())
    _grey_rows(axes, fit, shown, x, "other runs" if marked < len(shown) else "")
    for i, (number, part) in enumerate(table.groupby("curve")):
        look = style.SERIES[i % len(style.SERIES)]
        rows = _rows_of(shown, part.iloc[0], groups)
        _band(axes, part, x, look, names.iloc[int(str(number))] or "law")
        on = rows if ratio is None else rows[_near(rows, ratio)]
        axes.plot(on[x], on[fit.spec.outcome], look.marker, color=look.color, markersize=4.5, markeredgecolor="white",
                  markeredgewidth=0.4, zorder=4, linestyle="none",
                  label=None if ratio is None or i else f"runs within {NEAR:g}× of D = {ratio:g} N")  # fmt: skip
        if ratio is not None:
            off = rows[~_near(rows, ratio)]
            axes.plot(off[x], off[fit.spec.outcome], look.marker, markerfacecolor="none", markeredgecolor=look.color,
                      alpha=0.5, markersize=4, linestyle="none", zorder=3,
                      label=None if i else "runs with other tokens per parameter")  # fmt: skip


def _near(rows: pd.DataFrame, ratio: float) -> pd.Series:
    found = rows["tokens"] / rows["params"] / ratio
    return (found < NEAR) & (found > 1 / NEAR)


def _same_task(fit: Fit, named: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the drawn tasks: another task's outcome is another quantity."""
    if "task" not in named.columns or "task" not in fit.frame.columns:
        return fit.frame
    return fit.frame[fit.frame["task"].isin(named["task"].unique())]


def _rows_of(rows: pd.DataFrame, levels: pd.Series, groups: Sequence[str]) -> pd.DataFrame:
    for column in groups:
        rows = rows[rows[column].astype(str) == str(levels[column])]
    return rows


def _grey_rows(axes: Axes, fit: Fit, rows: pd.DataFrame, x: str, name: str) -> None:
    if name:
        axes.plot(
            rows[x],
            rows[fit.spec.outcome],
            ".",
            color="#bdbdbd",
            markersize=3.5,
            linestyle="none",
            label=name,
            zorder=1,
        )


def _band(axes: Axes, part: pd.DataFrame, x: str, look: style.Series, name: str) -> None:
    for level, alpha in ((0.9, 0.16), (0.5, 0.30)):
        band = part[part["level"] == level]
        axes.fill_between(band[x], band["lower"], band["upper"], color=look.color, alpha=alpha, linewidth=0, zorder=2)
    middle = part[part["level"] == part["level"].iloc[0]]
    axes.plot(middle[x], middle["median"], color=look.color, linestyle=look.line, linewidth=1.7, zorder=3)
    if name:  # the legend joins the line with the marker of the group's runs
        axes.plot([], [], color=look.color, linestyle=look.line, marker=look.marker, markersize=4.5, label=name)


def _constants(axes: Axes, table: pd.DataFrame, x: str, name: str, number: int) -> None:
    part = table[table["level"] == table["level"].iloc[0]]
    first = part[part["curve"] == part["curve"].iloc[0]]
    axes.plot(first[x], first[f"constants_{name}"], color="black", linewidth=1.4, zorder=4,
              linestyle=("--", "-.", ":")[number % 3], label=f"published: {name}")  # fmt: skip


def _behind(axes: Axes, fit: Fit, forecasts: Forecast, x: str, groups: list[str], known: list[str]) -> None:
    """Draw rows and, where one path joins the points, the law's band under a forecast."""
    points = forecasts.points
    shown = _same_task(fit, points)
    columns = level_columns(fit)
    _grey_rows(axes, fit, shown, x, "fitted runs")
    for i, name in enumerate(known[:CURVES]):
        own = points[describe_groups(points, groups) == name].iloc[0]
        match = [c for c in columns if c in points.columns]
        rows = _rows_of(shown, own, match)
        look = style.SERIES[i]
        if columns:
            axes.plot(rows[x], rows[fit.spec.outcome], look.marker, color=look.color, markersize=4, zorder=3,
                      linestyle="none", markeredgewidth=0, alpha=0.8)  # fmt: skip
    _near_points(axes, fit, points, x, groups)
    ratio = _one_ratio(fit, points)
    fitted = all(points[c].astype(str).isin(fit.frame[c].astype(str).unique()).all() for c in columns if c in points)
    if ratio is False or not fitted:
        return
    levels = points[columns].drop_duplicates() if columns else None
    if levels is not None and len(levels) > CURVES:
        return
    table = curve_table(fit, x=x, groups=levels, up_to=1.3 * float(points[x].max()), draws=500,
                        tokens_per_param=ratio if isinstance(ratio, float) else None)  # fmt: skip
    for number, part in table.groupby("curve"):
        _band(axes, part, x, style.SERIES[int(str(number)) % len(style.SERIES)], "")


def _near_points(axes: Axes, fit: Fit, points: pd.DataFrame, x: str, groups: list[str]) -> None:
    """Show the scales of the forecast groups' own runs and of the points, not those of every family."""
    own = fit.frame
    for column in groups:
        own = own[own[column].isin(points[column].unique())]
    scale = pd.concat([own[x], points[x]]) if len(own) else fit.frame[x]
    axes.set_xlim(0.5 * float(scale.min()), 2 * max(float(points[x].max()), float(fit.frame[x].max())))


def _one_ratio(fit: Fit, points: pd.DataFrame) -> float | bool:
    """Return the path that joins the points; True where none is needed, False where there is none."""
    if lone_scale(fit):
        return True
    ratios = points["tokens"] / points["params"]
    return float(ratios.iloc[0]) if ratios.max() / ratios.min() < 1.01 else False


def _forecast_points(
    axes: Axes, forecasts: Forecast, x: str, names: pd.Series, known: list[str], *, bands: bool
) -> None:
    table = forecasts.table
    count = len(forecasts.points)
    style.log_axis(axes)
    left, right = axes.get_xlim()
    step = 0.022 * np.log10(right / left)
    for i, name in enumerate(known):
        look = style.SERIES[i % len(style.SERIES)]
        # groups that share a scale would hide each other
        shift = 10 ** (step * (i - (len(known) - 1) / 2))
        mine = np.flatnonzero((names == name).to_numpy())
        at = forecasts.points[x].to_numpy(dtype=float)[mine] * shift
        for level in sorted(forecasts.levels):
            part = table[table["level"] == level].reset_index(drop=True)
            wide = level == max(forecasts.levels) and len(forecasts.levels) > 1
            axes.vlines(at, part["lower"].iloc[mine], part["upper"].iloc[mine], color=look.color,
                        linewidth=1.4 if wide else 4.5, zorder=5)  # fmt: skip
        axes.plot(at, forecasts.median[mine], look.marker, color="white", markeredgecolor=look.color, markersize=7,
                  markeredgewidth=1.6, linestyle="none", zorder=6,
                  label=f"forecast {name}".strip() if len(known) <= 2 * CURVES else None)  # fmt: skip
    if not bands and count == 1:
        axes.margins(x=0.5)


def _dress(axes: Axes, fit: Fit, x: str, title: str, warning: str | None, *, own: bool) -> None:
    """Set axes, mark where the data end, and finish."""
    style.log_axis(axes)
    end = float(fit.frame[x].max())
    left, right = axes.get_xlim()
    axes.axvline(end, color="black", linewidth=1, linestyle=(0, (2, 2)), zorder=1)
    if right > end:
        axes.axvspan(end, right, color="#f3efe2", zorder=0)
        room = np.log(right / end) > 0.25 * np.log(right / left)
        axes.text(end, 0.985, " beyond the data →", transform=axes.get_xaxis_transform(), fontsize=style.SMALL,
                  va="top", ha="left" if room else "right")  # fmt: skip
    axes.set_xlim(left, right)
    axes.set_xlabel(style.label(x))
    style.outcome_axis(axes, fit.spec.outcome, unit=fit.spec.unit)
    _limit_outcome(axes, fit)
    text = failure_banner(fit) if warning is None else warning
    style.finish(axes, own=own, title=title, warning=text, columns=2)


def _limit_outcome(axes: Axes, fit: Fit) -> None:
    """Keep the data in view: a band that widens far below them must not flatten the picture."""
    low, high = axes.get_ylim()
    y = fit.frame[fit.spec.outcome]
    if fit.spec.outcome == "accuracy":
        axes.set_ylim(max(low, 0.0), min(high, 1.02))
    else:
        axes.set_ylim(max(low, 0.0), min(high, 1.05 * float(y.max())))
