"""Leave-one-out: Pareto k per unit, and the calibration of the left-out rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayes_scaling.check import Loo
from bayes_scaling.plots import style
from bayes_scaling.plots.tables import pit_table

NAMED = 3


def loo_k(loo: Loo, *, warning: str = "", ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Draw Pareto k per left-out unit; above the threshold the approximation is not reliable.

    Parameters
    ----------
    loo : Loo
        Of ``check.loo``.
    warning : str
        Banner of a failed fit.

    Returns
    -------
    (Figure, Axes)
        Table: ``loo.pointwise``.
    """
    style.expect(loo, Loo, "plots.loo_k(loo(fit))")
    head = loo.table.iloc[0]
    k = loo.pointwise["pareto_k"].to_numpy(dtype=float)
    bad = k > head["good_k"]
    with style.context():
        figure, axes = style.canvas(ax, size=(5.2, 3.2))
        place = np.arange(len(k))
        axes.plot(place[~bad], k[~bad], "o", color=style.SERIES[0].color, markersize=3, label="reliable")
        axes.plot(
            place[bad],
            k[bad],
            "X",
            color=style.RED,
            markersize=6,
            label=f"above the threshold: {int(bad.sum())} of {len(k)}",
        )
        axes.axhline(head["good_k"], color="black", linestyle=(0, (4, 2)), linewidth=1.2,
                     label=f"threshold {head['good_k']:.2f}")  # fmt: skip
        for i in np.argsort(-k)[: min(NAMED, int(bad.sum()))]:
            side = -1 if i > 0.6 * len(k) else 1
            name = str(loo.pointwise["unit"].iloc[i]).replace("|", " ")
            axes.annotate(name, (float(i), k[i]), xytext=(6 * side, 0), textcoords="offset points", va="center",
                          fontsize=style.SMALL, ha="left" if side > 0 else "right")  # fmt: skip
        axes.set_xlabel(f"{head['unit']} in the order of the table")
        axes.set_ylabel("Pareto k")
        style.finish(axes, own=ax is None, title=f"Pareto k per left-out {head['unit']}",
                     warning=style.warning_of(warning, loo, loo.table), columns=3)  # fmt: skip
    return figure, axes


def loo_pit(
    frame: pd.DataFrame, *, level: float = 0.95, warning: str = "", ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Draw the ECDF of LOO-PIT values minus the uniform, with a simultaneous band.

    A calibrated model stays in the band. An S through zero means intervals that are too wide
    (negative, then positive) or too narrow; a bow to one side means bias.

    Parameters
    ----------
    frame : DataFrame
        Of ``check.loo_pit``.
    level : float
        Probability that the whole curve of independent uniform values stays in the band.
    warning : str
        Banner of a failed fit.

    Returns
    -------
    (Figure, Axes)
        Table: ``plots.tables.pit_table``.
    """
    style.expect(frame, pd.DataFrame, "plots.loo_pit(loo_pit(fit))")
    table = pit_table(frame["loo_pit"].to_numpy(dtype=float), level=level)
    with style.context():
        figure, axes = style.canvas(ax, size=(5.2, 3.2))
        axes.fill_between(table["z"], table["lower"], table["upper"], step="mid", color="#c9c9c9", linewidth=0,
                          label=f"{level:.0%} simultaneous band for independent rows")  # fmt: skip
        axes.step(table["z"], table["difference"], where="mid", color=style.SERIES[0].color, linewidth=1.8,
                  label=f"LOO-PIT of {len(frame)} rows")  # fmt: skip
        axes.axhline(0, color="black", linewidth=0.8)
        axes.set_xlabel("LOO-PIT value")
        axes.set_ylabel("ECDF minus uniform")
        style.finish(
            axes, own=ax is None, title="Calibration of left-out rows", warning=style.warning_of(warning, frame)
        )
    return figure, axes
