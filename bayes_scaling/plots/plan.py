"""Pictures of plans: IsoFLOP curves, regret of rules, loss against cost, targets, what is left of the loss."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayes_scaling.data.derive import FLOP_PER_PARAM_TOKEN
from bayes_scaling.errors import ForecastError, listed
from bayes_scaling.forecasts import words
from bayes_scaling.forecasts.points import describe_groups
from bayes_scaling.plan import Allocation, Frontier, Outlook, Regret, Target
from bayes_scaling.plan.tables import budget, ends
from bayes_scaling.plots import style
from bayes_scaling.plots.tables import CURVES, isoflop_table

NEAR = 1.25  # runs within this factor of a budget are drawn on its curve
LABELS = {
    "year": "year", "cost": "cost", "compute": style.label("compute"), "days": "days of training",
    "params": style.label("params"), "tokens": style.label("tokens"),
}  # fmt: skip


def plan_isoflop(
    made: Allocation, *, budgets: Sequence[float] | None = None, level: float = 0.9, warning: str = "",
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:  # fmt: skip
    """Draw loss against parameters at budgets: posterior band, optimum with its interval, and runs near a budget.

    Parameters
    ----------
    made : Allocation
        Of ``bs.allocation``.
    budgets : sequence of float, optional
        Of those of the allocation; at most six, spread over them, when left out.
    level : float
        Probability of band and intervals (equal-tailed).
    warning : str
        Banner of a failed fit; found from the allocation when left out.

    Returns
    -------
    (Figure, Axes)
        Table: ``plots.tables.isoflop_table`` with the same arguments, ``made.table``.
    """
    style.expect(made, Allocation, "plots.plan_isoflop(bs.allocation(fit, budgets))")
    table = isoflop_table(made, budgets=budgets, level=level)
    with style.context():
        figure, axes = style.canvas(ax, size=(5.2, 4.4))
        for i, (compute, part) in enumerate(table.groupby("compute")):
            look = style.SERIES[i % CURVES]
            _isoflop(axes, made, float(compute), part, look, level)  # type: ignore[arg-type]
        axes.set_ylim(*_near_optimum(table))
        axes.set_xlabel(style.label(made.surface.size_column))
        style.log_axis(axes)
        axes.set_ylabel(style.label("loss", made.surface.fit.spec.unit))
        title = f"Loss along equal compute: median and {100 * level:g} % equal-tailed band; optimum and its interval"
        style.finish(axes, own=ax is None, title=title, warning=style.warning_of(warning, made), columns=2)
    return figure, axes


def _isoflop(
    axes: Axes, made: Allocation, compute: float, part: pd.DataFrame, look: style.Series, level: float
) -> None:
    """Draw one budget."""
    axes.fill_between(part["params"], part["lower"], part["upper"], color=look.color, alpha=0.2, linewidth=0)
    axes.plot(
        part["params"], part["median"], color=look.color, linestyle=look.line, linewidth=1.5, label=budget(compute)
    )
    at = int(np.isclose(made.compute, compute, rtol=1e-9).argmax())
    low, middle, high = np.quantile(made.params[:, at], [(1 - level) / 2, 0.5, (1 + level) / 2])
    height = float(np.median(made.loss[:, at]))
    axes.plot([low, high], [height, height], color=look.color, linewidth=4, solid_capstyle="butt", zorder=5)
    axes.plot(middle, height, look.marker, color="white", markeredgecolor=look.color, markersize=7, markeredgewidth=1.6,
              zorder=6)  # fmt: skip
    frame, size = made.surface.fit.frame, made.surface.size_column
    for column in [c for c in made.surface.where if c in frame]:
        frame = frame[frame[column].astype(str) == str(made.surface.where[column].iloc[0])]
    ratio = FLOP_PER_PARAM_TOKEN * frame[size] * frame["tokens"] / compute
    near = frame[(ratio < NEAR) & (ratio > 1 / NEAR)]
    axes.plot(near[size], near["loss"], look.marker, color=look.color, markersize=4, linestyle="none", alpha=0.7,
              markeredgewidth=0, zorder=4)  # fmt: skip


def _near_optimum(table: pd.DataFrame) -> tuple[float, float]:
    """Return limits that show the optima: far from them curves rise without bound."""
    lows = table.groupby("compute")["median"].min()
    gap = max(float(lows.max() - lows.min()), 0.2)
    return float(table["lower"].min()) - 0.05 * gap, float(lows.max()) + 0.4 * gap


def plan_regret(made: Regret, *, warning: str = "", ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Draw the expected regret of rules against compute.

    Parameters
    ----------
    made : Regret
        Of ``bs.regret``.

    Returns
    -------
    (Figure, Axes)
        Table: ``made.table``.
    """
    style.expect(made, Regret, "plots.plan_regret(bs.regret(bs.allocation(fit, budgets)))")
    table = made.points.assign(expected=made.loss.mean(axis=0))
    with style.context():
        figure, axes = style.canvas(ax, size=(5.2, 3.9))
        for i, (name, part) in enumerate(table.groupby("rule", sort=False)):
            look, part = style.SERIES[i % CURVES], part.sort_values("compute")
            axes.plot(part["compute"], np.maximum(part["expected"], 1e-7), color=look.color, marker=look.marker,
                      linestyle=look.line, markersize=4.5, label=str(name))  # fmt: skip
        style.log_axis(axes)
        axes.set_yscale("log")
        style.log_axis(axes, "y")
        axes.set_xlabel(style.label("compute"))
        axes.set_ylabel(style.label("expected regret", made.surface.fit.spec.unit))
        title = "Regret of rules: posterior expectation"
        style.finish(axes, own=ax is None, title=title, warning=style.warning_of(warning, made), columns=2)
    return figure, axes


def plan_frontier(
    made: Frontier, *, level: float = 0.9, warning: str = "", ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Draw the smallest loss at each cost with its interval, and the size and tokens of the choice.

    Parameters
    ----------
    made : Frontier
        Of ``bs.frontier``.

    Returns
    -------
    (Figure, Axes)
        Table: ``made.table``, ``made.choice``.
    """
    style.expect(made, Frontier, "plots.plan_frontier(bs.frontier(fit, costs))")
    order = np.argsort(made.cost)
    low, middle, high = ends(made.loss, [(1 - level) / 2, 0.5, (1 + level) / 2])[:, order]
    cost, chosen = made.cost[order], made.choice.iloc[order]
    look = style.SERIES[0]
    with style.context():
        figure, axes = style.canvas(ax, size=(5.2, 4.0))
        axes.set_xlim(cost[0] / 2, cost[-1] * 2 if len(cost) == 1 else cost[-1] * (cost[-1] / cost[0]) ** 0.25)
        axes.fill_between(cost, low, high, color=look.color, alpha=0.2, linewidth=0)
        axes.vlines(cost, low, high, color=look.color, linewidth=1.4)
        axes.plot(
            cost, middle, color=look.color, marker=look.marker, linestyle=look.line, label="best choice of each draw"
        )
        axes.plot(cost, chosen["expected_loss"], "D", color="none", markeredgecolor=style.RED, markersize=8,
                  label="choice of smallest expected loss")  # fmt: skip
        for row, x, y in zip(chosen.to_dict("records"), cost, high, strict=True):
            text = f"{words.count(row['params'])}\n{words.count(row['tokens'])}"
            axes.annotate(text, (x, y), xytext=(4, 3), textcoords="offset points", fontsize=style.SMALL)
        style.log_axis(axes)
        axes.margins(y=0.2)
        axes.set_xlabel(f"total cost ({made.menu.prices.currency})")
        axes.set_ylabel(style.label("loss", made.surface.fit.spec.unit))
        title = f"Loss against cost: median, {100 * level:g} % equal-tailed; N above D of the choice"
        style.finish(axes, own=ax is None, title=title, warning=style.warning_of(warning, made))
    return figure, axes


def plan_target(
    made: Target, *, quantity: str = "", level: float = 0.9, warning: str = "", ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Draw what each target takes with its interval; a bar to the edge means that the end is not reached.

    Parameters
    ----------
    made : Target
        Of ``bs.to_reach``.
    quantity : str
        ``compute``, ``params``, ``tokens``, ``cost``, ``days`` or ``year``; when left out the year where there is
        growth, else compute.

    Returns
    -------
    (Figure, Axes)
        Table: ``made.table``.
    """
    style.expect(made, Target, "plots.plan_target(bs.to_reach(fit, target))")
    quantity = quantity or ("year" if "year" in made.quantities else "compute")
    if quantity not in made.quantities:
        raise ForecastError(f"this target has no {quantity!r}; it has {listed(made.quantities)}.")
    low, middle, high = ends(made.quantities[quantity], [(1 - level) / 2, 0.5, (1 + level) / 2])
    names = _target_names(made)
    place, log, look = np.arange(len(names))[::-1], quantity != "year", style.SERIES[0]
    with style.context():
        figure, axes = style.canvas(ax, size=(5.2, 1.5 + 0.32 * len(names)))
        axes.set_xlim(style.limits_of(low, middle, high, log=log))
        axes.set_xscale("log" if log else "linear")
        style.intervals(axes, place, low, high, color=look.color, width=2)
        axes.plot(middle, place, "o", color="white", markeredgecolor=look.color, markeredgewidth=1.6)
        for y, p, m in zip(place, made.p_unreachable, middle, strict=True):
            if not np.isfinite(m):
                axes.text(0.02, y, f"not reached (P = {p:.0%})", transform=axes.get_yaxis_transform(),
                          fontsize=style.SMALL, va="bottom")  # fmt: skip
        axes.set_yticks(place, names)
        axes.set_ylim(-0.6, len(names) - 0.4)
        unit = f" ({made.currency})" if quantity == "cost" else ""
        axes.set_xlabel(LABELS[quantity] + unit)
        if log:
            style.log_axis(axes)
        title = f"Reaching a target{made.path}: median, {100 * level:g} % equal-tailed"
        style.finish(axes, own=ax is None, title=title, warning=style.warning_of(warning, made))
    return figure, axes


def _target_names(made: Target) -> list[str]:
    """Return a label per level and target."""
    groups = [c for c in made.points.columns if c != "target" and made.points[c].nunique() > 1]
    accuracy = made.outcome == "accuracy"
    what = [f"accuracy {100 * t:g} %" if accuracy else f"loss {t:g}" for t in made.points["target"]]
    return [f"{who}, {t}".lstrip(", ") for who, t in zip(describe_groups(made.points, groups), what, strict=True)]


def plan_outlook(
    made: Outlook, *, level: float = 0.9, warning: str = "", ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Draw how much reducible loss is left (of an accuracy, the accuracy) at budgets, with its interval.

    Parameters
    ----------
    made : Outlook
        Of ``bs.outlook``.

    Returns
    -------
    (Figure, Axes)
        Table: ``made.table``.
    """
    style.expect(made, Outlook, "plots.plan_outlook(bs.outlook(fit, budgets))")
    quantity = "reducible" if "reducible" in made.quantities else "accuracy"
    compute = made.points["compute"].to_numpy(dtype=float)
    order, look = np.argsort(compute), style.SERIES[0]
    low, middle, high = ends(made.quantities[quantity], [(1 - level) / 2, 0.5, (1 + level) / 2])[:, order]
    with style.context():
        figure, axes = style.canvas(ax, size=(5.2, 3.4))
        axes.fill_between(compute[order], low, high, color=look.color, alpha=0.2, linewidth=0)
        axes.vlines(compute[order], low, high, color=look.color, linewidth=1.4)
        axes.plot(compute[order], middle, color=look.color, marker=look.marker, linestyle=look.line)
        style.log_axis(axes)
        axes.set_xlabel(style.label("compute"))
        if quantity == "accuracy":
            style.outcome_axis(axes, "accuracy")
        else:
            axes.set_ylabel(style.label("reducible loss", made.fit.spec.unit))
        title = f"What is left: median, {100 * level:g} % equal-tailed" if quantity == "reducible" else "Accuracy"
        style.finish(axes, own=ax is None, title=title, warning=style.warning_of(warning, made))
    return figure, axes
