"""The next run: what each candidate is expected to tell against what it costs; and two recipes compared."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from bayes_scaling.forecasts import words
from bayes_scaling.plan import NextRun, Recipes
from bayes_scaling.plots import style

NAMED = 8  # runs of a set that are numbered


def next_run(found: NextRun, *, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Draw the share of the variance (or entropy) that each run is expected to settle, against its cost.

    The set to buy is numbered in its order; the line is the best that a run or a set of those tried settles up to each
    cost. Bars are Monte-Carlo intervals.

    Returns
    -------
    (Figure, Axes)
        Tables: ``found.table`` and ``found.sets``.
    """
    style.expect(found, NextRun, "plots.next_run(next_run(fit, candidates, target={...}))")
    table = found.table
    sets = pd.concat([table[["cost", "share"]], found.sets[["cost", "share"]]]).sort_values("cost")
    now = found.now or 1.0
    with style.context():
        figure, axes = style.canvas(ax)
        one, two = style.SERIES[0], style.SERIES[1]
        best = np.maximum.accumulate(sets["share"].to_numpy(dtype=float))
        axes.step(sets["cost"], best, where="post", color=two.color, linestyle=two.line, linewidth=1.8,
                  label="best run or set found up to a cost")  # fmt: skip
        axes.vlines(table["cost"], table["lower"] / now, table["upper"] / now, color=style.GREY, linewidth=0.8)
        axes.plot(table["cost"], table["share"], one.marker, color=one.color, markersize=3.5, linestyle="none",
                  label=f"one run, {100 * found.level:g} % Monte-Carlo interval")  # fmt: skip
        _numbered(axes, found)
        axes.set_ylim(0, None)
        style.log_axis(axes)
        axes.set_xlabel(f"cost ({found.unit})")
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))
        axes.set_ylabel(f"expected share of the {found.measure} settled")
        title = f"What runs would tell: {found.question.yes or found.question.name}"
        style.finish(axes, own=ax is None, title=title, warning=style.warning_of("", found))
    return figure, axes


def _numbered(axes: Axes, found: NextRun) -> None:
    """Ring the runs of the set to buy, and number the first of them."""
    if not found.buy:
        return
    three, chosen = style.SERIES[2], list(found.buy)
    share = found.single.value / (found.now or 1.0)
    label = f"set to buy ({words.counted(len(chosen), 'run')})"
    axes.plot(found.cost[chosen], share[chosen], "o", markersize=9, markerfacecolor="none", linestyle="none",
              markeredgecolor=three.color, markeredgewidth=1.6, label=label)  # fmt: skip
    for step, i in enumerate(chosen[:NAMED]):
        axes.annotate(str(step + 1), (found.cost[i], share[i]), xytext=(0, 7), textcoords="offset points",
                      ha="center", fontsize=style.SMALL, color=three.color)  # fmt: skip


def recipes(found: Recipes, *, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Draw the laws of two recipes from where both were run to the budget, with their bands.

    Returns
    -------
    (Figure, Axes)
        Table: ``found.curves``.
    """
    style.expect(found, Recipes, "plots.recipes(compare_recipes(fit, names, at={'compute': 1e22}))")
    with style.context():
        figure, axes = style.canvas(ax)
        for look, (name, part) in zip(style.SERIES, found.curves.groupby("recipe", sort=False), strict=False):
            level = float(part["level"].iloc[0])
            axes.fill_between(part["compute"], part["lower"], part["upper"], color=look.color, alpha=0.18, linewidth=0)
            axes.plot(part["compute"], part["median"], color=look.color, linestyle=look.line,
                      label=f"{name}, median and {100 * level:g} % equal-tailed band")  # fmt: skip
        style.log_axis(axes)
        axes.set_xlabel(style.label("compute"))
        style.outcome_axis(axes, found.outcome, unit=found.unit)
        title = f"{words.p_equals(found.p_a_better, f'{found.names[0]} beats {found.names[1]} at the budget')}, "
        title += words.p_equals(found.p_reverses, "the ranking reverses")
        style.finish(axes, own=ax is None, title=title, warning=style.warning_of("", found))
    return figure, axes
