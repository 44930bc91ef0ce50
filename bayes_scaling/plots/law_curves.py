"""A law under its priors, before any data: the outcome along each of its inputs."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayes_scaling import laws
from bayes_scaling.data.columns import on_log
from bayes_scaling.errors import ForecastError, listed
from bayes_scaling.laws import Input, Law
from bayes_scaling.plots import style
from bayes_scaling.plots.law_tables import is_scale, law_curve_table

TALL = 4.0  # a loss (or samples needed) is drawn on a log scale where the ends of its bands differ by such a factor
PANEL = (2.6, 2.5)  # inches


def law_curves(
    law: str | Law,
    table: pd.DataFrame | None = None,
    *,
    constants: Sequence[str] | None = None,
    ax: Any = None,
) -> tuple[Figure, Any]:
    """Draw a law under its priors along each of its inputs: median, 90 % band, some draws, published constants.

    Parameters
    ----------
    law : str or Law
    table : DataFrame, optional
        Of :func:`law_curve_table`; made when left out.
    constants : sequence of str, optional
        As of :func:`law_curve_table`, for a table that is made.
    ax : axes, optional
        One, or as many as the law has inputs to draw.

    Returns
    -------
    (Figure, Axes or ndarray of Axes)
        Table: ``plots.tables.law_curve_table``.

    Raises
    ------
    ForecastError
        As :func:`law_curve_table`.
    ValueError
        Another number of axes was given.
    """
    chosen = laws.get(law)
    table = law_curve_table(chosen, constants=constants) if table is None else table
    names = list(dict.fromkeys(table["input"]))
    if strange := sorted(set(names) - {i.name for i in chosen.inputs}):
        raise ForecastError(f"the table is about {listed(strange)}, which law {chosen.name} does not read.")
    with style.context():
        own = ax is None
        if own and len(names) == 1:
            figure, axes = style.canvas(None)
            flat = np.array([axes], dtype=object)
        else:
            figure, flat = style.canvases(ax, len(names), panel=PANEL)
        for panel, name in zip(flat, names, strict=True):
            item = next(i for i in chosen.inputs if i.name == name)
            _panel(panel, chosen, item, table[table["input"] == name])
        style.finish(flat[0], own=own, columns=3)
    return figure, flat[0] if len(names) == 1 else flat


def _panel(ax: Axes, law: Law, item: Input, table: pd.DataFrame) -> None:
    """Draw one input's curves; draws that leave the band by far are cut off."""
    x = table["x"].to_numpy()
    for i, name in enumerate(c for c in table.columns if c.startswith("draw_")):
        ax.plot(
            x, table[name], color=style.GREY, linewidth=0.6, alpha=0.7, label="draws of the prior" if i == 0 else None
        )
    share = f"{table['level'].iloc[0]:.0%} band".replace("%", " %")
    ax.fill_between(x, table["lower"], table["upper"], color=style.BAND, alpha=0.2, linewidth=0, label=share)
    ax.plot(x, table["median"], color=style.BAND, linewidth=1.8, label="median")
    published = [c for c in table.columns if c.startswith("constants_")]
    for look, name in zip(style.SERIES[1:], published, strict=False):
        ax.plot(
            x, table[name], color=look.color, linestyle=look.line, linewidth=1.3, label=name.removeprefix("constants_")
        )
    _axes(ax, law, item, table, published)


def _axes(ax: Axes, law: Law, item: Input, table: pd.DataFrame, published: Sequence[str]) -> None:
    """Scale and label the axes of one panel."""
    ends = table[["lower", "upper", *published[: len(style.SERIES) - 1]]].to_numpy()
    tall = on_log(law.outcome) and ends.min() > 0 and ends.max() > TALL * ends.min()
    ax.set_ylim(*style.limits_of(ends, log=tall))
    if tall:
        style.log_axis(ax, "y")
    low, high = float(table["x"].min()), float(table["x"].max())
    ax.set_xlim(low, high)
    if is_scale(item, low, high):
        style.log_axis(ax)
    style.outcome_axis(ax, law.outcome, unit=law.unit)
    told = style.label(item.column)
    ax.set_xlabel("\n".join(textwrap.wrap(item.meaning if told == item.column else told, 28)))
    ax.tick_params(labelsize=style.SMALL)
