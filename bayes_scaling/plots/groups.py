"""Families beside each other: parameters, contrasts, ranking; posterior beside prior."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bayes_scaling.compare import by_group
from bayes_scaling.errors import ForecastError, did_you_mean, listed
from bayes_scaling.fit import failure_banner
from bayes_scaling.plots import style
from bayes_scaling.plots.tables import prior_draws

if TYPE_CHECKING:
    from bayes_scaling.fit import Fit

MOST = 45  # lines of a forest plot
HEAVY = 30.0  # ratio of prior quantiles beyond which a log axis is needed


def parameters_by_group(
    fit: Fit,
    parameter: str,
    *,
    group: str = "family",
    level: float = 0.9,
    warning: str | None = None,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw a parameter by level of a group beside the population.

    Parameters
    ----------
    fit : Fit
    parameter : str
        A parameter with effects by this group.
    group : str
    level : float
        Probability of the equal-tailed intervals.
    warning : str, optional
        Banner of a failed fit; found from the fit when left out.

    Returns
    -------
    (Figure, Axes)
        Table: ``compare.by_group``.
    """
    table = by_group(fit, parameter, group=group, level=level)
    population, rest = table.iloc[0], table.iloc[1:].sort_values("median", ascending=False)
    left_out = max(len(rest) - MOST, 0)
    rest = pd.concat([rest.iloc[: MOST // 2], rest.iloc[-(MOST - MOST // 2) :]]) if left_out else rest
    place = np.arange(len(rest))[::-1]
    with style.context():
        figure, axes = style.canvas(ax, size=(5.2, 1.6 + 0.19 * len(rest)))
        axes.set_xlim(style.limits_of(rest["lower"], rest["upper"], population[["lower", "upper"]]))
        axes.axvspan(population["lower"], population["upper"], color="#dcdcdc", label="population, same interval")
        axes.axvline(population["median"], color="black", linewidth=1, label="population, median")
        style.intervals(axes, place, rest["lower"], rest["upper"], color=style.SERIES[0].color, width=1.6)
        single = (rest["runs"] == 1).to_numpy()
        dot: dict[str, Any] = {"color": style.SERIES[0].color, "linestyle": "none", "markersize": 5.5}
        axes.plot(rest["median"].to_numpy()[~single], place[~single], "o", label=f"{group}, median", **dot)
        if single.any():
            axes.plot(rest["median"].to_numpy()[single], place[single], "D", markerfacecolor="white",
                      label=f"{group} with one run: rests on the population", **dot)  # fmt: skip
        axes.set_yticks(place, style.level_names(rest[group]))
        axes.set_ylim(-0.8, len(rest) - 0.2)
        unit = next((p.unit for p in fit.spec.parameters() if p.name == parameter), "")
        axes.set_xlabel(f"{parameter}" + (f" ({unit})" if unit else ""))
        title = f"{parameter} by {group}: median, {100 * level:g} % equal-tailed"
        title += f" ({left_out} in the middle not shown)" if left_out else ""
        text = failure_banner(fit) if warning is None else warning
        style.finish(axes, own=ax is None, title=title, warning=text)
    return figure, axes


def contrasts(table: pd.DataFrame, *, warning: str = "", ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Draw pairwise contrasts: ratios of compute on a log axis, or differences of the outcome.

    Parameters
    ----------
    table : DataFrame
        Of ``compare.contrasts``; at most 45 pairs are drawn.
    warning : str
        Banner of a failed fit; the table carries it.

    Returns
    -------
    (Figure, Axes)
        Table: the one given.
    """
    style.expect(table, pd.DataFrame, "plots.contrasts(contrasts(fit, at={'compute': 1e24}))")
    shown = table.iloc[:MOST]
    ratio = str(shown["quantity"].iloc[0]).startswith("compute")
    place = np.arange(len(shown))[::-1]
    with style.context():
        figure, axes = style.canvas(ax, size=(5.2, 1.4 + 0.26 * len(shown)))
        _contrast_axis(axes, shown, ratio)
        axes.axvline(1 if ratio else 0, color="black", linewidth=1)
        style.intervals(axes, place, shown["lower"], shown["upper"], color=style.SERIES[0].color, width=1.8)
        middle = shown["median"].replace([np.inf, 0.0] if ratio else [np.inf], np.nan)
        axes.plot(middle, place, "o", color=style.SERIES[0].color, markersize=5.5)
        for y, p in zip(place, shown["p_a_better"].to_numpy(dtype=float), strict=True):
            _at_right(axes, y, _probability(p))
        names = style.level_names([*shown["a"], *shown["b"]])
        axes.set_yticks(place, [f"{a} vs {b}" for a, b in zip(names[: len(shown)], names[len(shown) :], strict=True)])
        axes.set_ylim(-0.7, len(shown) - 0.3)
        level = 100 * float(shown["level"].iloc[0])
        title = f"First against second: median, {level:g} % equal-tailed; P = probability that the first is better"
        title += f"; first {MOST} of {len(table)} pairs" if len(table) > MOST else ""
        style.finish(axes, own=ax is None, title=title, warning=style.warning_of(warning, table))
    return figure, axes


def _probability(p: float) -> str:
    """Return P in words; finitely many draws do not show 0 or 1."""
    if not np.isfinite(p):
        return "not reached"
    return f"P = {p:.2f}" if 0.005 <= p <= 0.995 else "P > 0.99" if p > 0.5 else "P < 0.01"


def _at_right(axes: Axes, y: float, text: str) -> None:
    """Write beside the axes, at a line of a forest plot."""
    axes.annotate(text, (1, y), xycoords=axes.get_yaxis_transform(), xytext=(6, 0), textcoords="offset points",
                  fontsize=style.SMALL, va="center", annotation_clip=False)  # fmt: skip


def _contrast_axis(axes: Axes, shown: pd.DataFrame, ratio: bool) -> None:
    if ratio:
        low, high = style.limits_of(shown["lower"], shown["median"], shown["upper"], [1.0], log=True)
        axes.set_xscale("log")
        axes.set_xlim(max(low, 1e-5), min(high, 1e5))
        style.log_axis(axes)
        axes.set_xlabel("compute of the second / compute of the first")
    else:
        axes.set_xlim(style.limits_of(shown["lower"], shown["upper"], [0.0]))
        outcome = str(shown["quantity"].iloc[0]).split("(")[0]
        style.outcome_axis(axes, outcome, "x", unit=_unit(shown))
        axes.set_xlabel(f"difference in {axes.get_xlabel()}, first minus second")


def _unit(table: pd.DataFrame) -> str:
    """Return the unit of the outcome that a table carries, empty without one."""
    return str(table["unit"].iloc[0]) if "unit" in table else ""


def ranking(table: pd.DataFrame, *, warning: str = "", ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Draw a ranking: the quantity with its interval, best on top, and the interval of each rank.

    Parameters
    ----------
    table : DataFrame
        Of ``compare.ranking``; at most 45 levels are drawn.
    warning : str
        Banner of a failed fit; the table carries it.

    Returns
    -------
    (Figure, Axes)
        Table: the one given.
    """
    style.expect(table, pd.DataFrame, "plots.ranking(ranking(fit, at={'compute': 1e24}))")
    shown = table.iloc[:MOST]
    group = str(shown.columns[0])
    compute = str(shown["quantity"].iloc[0]).startswith("compute")
    place = np.arange(len(shown))[::-1]
    with style.context():
        figure, axes = style.canvas(ax, size=(5.2, 1.4 + 0.26 * len(shown)))
        axes.set_xlim(style.limits_of(shown["lower"], shown["median"], shown["upper"], log=compute))
        if compute:
            style.log_axis(axes)
            axes.set_xlabel(style.label("compute") + " to the target")
        else:
            style.outcome_axis(axes, str(shown["quantity"].iloc[0]), "x", unit=_unit(shown))
        style.intervals(axes, place, shown["lower"], shown["upper"], color=style.SERIES[0].color, width=1.8)
        axes.plot(shown["median"], place, "o", color=style.SERIES[0].color, markersize=5.5)
        missing = shown["median"].isna().to_numpy()
        for y in place[missing]:
            axes.text(
                0.02, y, "median not reached", transform=axes.get_yaxis_transform(), fontsize=style.SMALL, va="bottom"
            )
        for y, ends in zip(place, shown[["rank", "rank_lower", "rank_upper"]].to_numpy(dtype=int), strict=True):
            _at_right(axes, y, f"{ends[0]} ({ends[1]} to {ends[2]})")
        axes.set_yticks(place, style.level_names(shown[group]))
        axes.set_ylim(-0.7, len(shown) - 0.3)
        title = f"Ranking: median, {100 * float(shown['level'].iloc[0]):g} % equal-tailed; right: rank and its interval"
        title += f"; first {MOST} of {len(table)}" if len(table) > MOST else ""
        style.finish(axes, own=ax is None, title=title, warning=style.warning_of(warning, table))
    return figure, axes


def posterior(
    fit: Fit,
    *,
    var_names: Sequence[str] | None = None,
    constants: Sequence[str] = (),
    warning: str | None = None,
    ax: Any = None,
) -> tuple[Figure, np.ndarray]:
    """Draw posterior beside prior density, with published constants as vertical lines where asked for.

    Parameters
    ----------
    fit : Fit
    var_names : sequence of str, optional
        Posterior variables; by default the law's published constants (of the population), or its parameters.
        A variable with levels is drawn over all its levels together.
    constants : sequence of str
        Published constants of the law to draw, for example ``("besiroglu2024",)``; they hold for their own
        data and tokenizer.
    warning : str, optional
        Banner of a failed fit; found from the fit when left out.
    ax : array of Axes, optional
        One per variable.

    Returns
    -------
    (Figure, ndarray of Axes)
        Each density is scaled to the same height. Table: ``fit.summary(var_names=...)``.
    """
    values, before = fit.values(), prior_draws(fit)
    names = list(var_names) if var_names is not None else drawn_by_default(fit)
    for name in names:
        if name not in values or name not in before:
            raise ForecastError(f"no variable {name!r}; found {listed(values, 20)}." + did_you_mean(name, list(values)))
    law = fit.spec.law
    lines = {key: {**law.constants(key), **law.published[key].values} for key in constants}
    text = failure_banner(fit) if warning is None else warning
    with style.context():
        figure, axes = style.canvases(ax, len(names))
        for i, name in enumerate(names):
            _density_panel(axes[i], {k: v.get(name) for k, v in lines.items()}, before[name], values[name])
        style.finish(axes[0], own=ax is None, warning=text, columns=2)
        for i, name in enumerate(names):
            axes[i].tick_params(labelsize=style.SMALL)
            axes[i].set_title(_symbol(fit, name, values[name]), loc="left", fontsize=10.5)
    return figure, axes


def drawn_by_default(fit: Fit) -> list[str]:
    """Return the law's published constants, or where it has none the parameters that are not held constant."""
    held = fit.spec.constants()
    named = list(fit.spec.law.published_symbols) or [p.name for p in fit.spec.law.parameters if p.name not in held]
    return [n for n in named if n in fit.idata["posterior"]]


def _symbol(fit: Fit, name: str, values: np.ndarray) -> str:
    symbol = fit.spec.law.published_symbols.get(name)
    text = f"{name}" if symbol is None else f"${symbol}$"
    return text + (" (all levels)" if values.ndim > 1 else "")


def _density_panel(axes: Axes, constants: Mapping[str, float | None], before: np.ndarray, after: np.ndarray) -> None:
    before, after = before.ravel(), after.ravel()
    ends = np.quantile(before, [0.02, 0.98])
    log = bool((before > 0).all() and (after > 0).all() and ends[1] / ends[0] > HEAVY)
    low, high = style.limits_of(ends, np.quantile(after, [0.002, 0.998]), log=log)
    for draws, look, title in (
        (before, style.Series(style.GREY, "", "--"), "prior"),
        (after, style.SERIES[0], "posterior"),
    ):
        x, y = _density(draws, low, high, log)
        axes.plot(x, y, color=look.color, linestyle=look.line, linewidth=1.6, label=title)
        if title == "posterior":
            axes.fill_between(x, 0, y, color=look.color, alpha=0.25, linewidth=0)
    for i, (key, value) in enumerate(constants.items()):
        if value is not None and low <= value <= high:
            axes.axvline(value, color=style.SERIES[1].color, linestyle=((0, (2, 1)), "-.", ":")[i % 3], linewidth=1.5)
        axes.plot(
            [], [], color=style.SERIES[1].color, linestyle=((0, (2, 1)), "-.", ":")[i % 3], label=f"published: {key}"
        )
    axes.set_xlim(low, high)
    if log:
        style.log_axis(axes)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axes.set_xlim(low, high)
    axes.set_ylim(0, 1.08)
    axes.set_yticks([])


def _density(draws: np.ndarray, low: float, high: float, log: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return a kernel density scaled to height 1; on a log axis it is the density of the log."""
    from scipy import stats

    moved = np.log10(draws) if log else draws
    ends = np.log10([low, high]) if log else np.array([low, high])
    grid = np.linspace(ends[0], ends[1], 400)
    thinned = moved[:: max(1, moved.size // 3000)]
    inside = thinned[np.isfinite(thinned)]
    height = stats.gaussian_kde(inside)(grid) if inside.std() > 0 else np.zeros_like(grid)
    return (10**grid if log else grid), height / max(height.max(), 1e-300)
