"""Forecasts under several prior sets, beside each other."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas.api.types import is_numeric_dtype

from bayes_scaling.compare import Sensitivity
from bayes_scaling.forecasts.words import KINDS, level, number
from bayes_scaling.plots import style

ROW = 0.17  # inches of one set at one point


def sensitivity(made: Sensitivity, *, warning: str = "", ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Draw each set's medians and intervals about the base's median, in widths of the base's interval.

    Parameters
    ----------
    made : Sensitivity
        Of ``sensitivity``.
    warning : str
        Banner of a failed fit.

    Returns
    -------
    (Figure, Axes)
        Table: ``made.table``. Sets that the runs contradict are hollow.
    """
    style.expect(made, Sensitivity, "plots.sensitivity(sensitivity(fit, points))")
    names = list(made.sets["set"])
    against = set(made.sets.loc[made.sets["against"] != "", "set"])
    points = sorted(made.table["point"].unique())
    step = 0.8 / len(names)
    with style.context():
        figure, axes = style.canvas(ax, size=(5.2, 1.0 + ROW * len(points) * (len(names) + 1)))
        ends = [_scaled(made, name) for name in names]
        axes.set_xlim(*style.limits_of(*(part for end in ends for part in end[1:])))
        axes.set_ylim(len(points) - 0.45, -0.55)
        for i, (low, high) in enumerate(zip(*ends[0][1:], strict=True)):
            axes.fill_betweenx([i - 0.45, i + 0.45], low, high, color="#ececec", linewidth=0, zorder=0)
        for i, (name, (shift, low, high)) in enumerate(zip(names, ends, strict=True)):
            look = style.SERIES[(i - 1) % len(style.SERIES)] if i else style.Series(style.GREY, "X", "-")
            place = np.arange(len(points)) - 0.4 + step * (i + 0.5)
            style.intervals(axes, place, low, high, color=look.color, width=1.4)
            axes.plot(shift, place, look.marker, color=look.color, markersize=5, zorder=3, label=name,
                      markerfacecolor="white" if name in against else look.color)  # fmt: skip
        axes.axvline(0, color="black", linewidth=0.8, zorder=1)
        axes.set_yticks(range(len(points)), _point_names(made))
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(f"shift of {made.outcome} (widths of the {level(made.level)} {KINDS['eti']} interval)")
        style.finish(axes, own=ax is None, title="Forecasts under prior sets",
                     warning=style.warning_of(warning, made), columns=2)  # fmt: skip
    return figure, axes


def _scaled(made: Sensitivity, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return shift and ends of one set's intervals, in widths of the base's, shape (point,)."""
    base = made.table[made.table["set"] == made.base]
    own = made.table[made.table["set"] == name]
    width, middle = (base["upper"] - base["lower"]).to_numpy(), base["median"].to_numpy()
    low, high = ((own[c].to_numpy() - middle) / width for c in ("lower", "upper"))
    return own["shift"].to_numpy(), low, high


def _point_names(made: Sensitivity) -> list[str]:
    """Return what tells the points apart (names, and one scale), above the base's median there."""
    base = made.table[made.table["set"] == made.base]
    telling = [c for c in made.columns if base[c].nunique() > 1]
    scales = [c for c in telling if is_numeric_dtype(base[c])]
    scale = ["compute"] if "compute" in scales else scales[:1]
    shown = [c for c in telling if c not in scales or c in scale] or list(made.columns[:1])
    names = []
    for row in base.to_dict("records"):
        parts = [f"{c} {number(row[c])}" if is_numeric_dtype(base[c]) else str(row[c]) for c in shown]
        names.append(f"{', '.join(parts)}\nmedian {number(row['median'], 4)}")
    return names
