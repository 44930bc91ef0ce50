"""How every plot looks: one context, one palette, the banner of a failed fit.

Colours are of the Okabe-Ito set and are never the only sign: marker and line differ too, so a
plot can be read in grey. Global settings of matplotlib are not changed.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, PercentFormatter, ScalarFormatter

SIZE = (5.2, 3.6)  # inches: 10 pt stays readable where a phone shows the picture 360 px wide
SMALL = 9.0  # points, the smallest text
RED = "#b3001b"
GREY = "#8a8a8a"
BAND = "#0072B2"

_RC = {
    "font.size": 10.0, "axes.titlesize": 10.5, "axes.labelsize": 10.0, "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL, "legend.fontsize": SMALL, "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "grid.color": "#e3e3e3", "grid.linewidth": 0.6, "axes.axisbelow": True,
    "figure.facecolor": "white", "axes.facecolor": "white", "legend.frameon": False, "axes.titlelocation": "left",
}  # fmt: skip

_LABELS = {
    "compute": "training compute C (FLOP)", "params": "parameters N", "tokens": "training tokens D",
    "loss": "loss (nats per token)", "accuracy": "accuracy",
}  # fmt: skip


@dataclass(frozen=True)
class Series:
    """How one group is drawn: colour, marker and line all differ between groups."""

    color: str
    marker: str
    line: Any


SERIES = (
    Series("#0b4f8a", "o", "-"),
    Series("#D55E00", "s", (0, (5, 1.5))),
    Series("#009E73", "^", (0, (1.5, 1.5))),
    Series("#111111", "D", (0, (6, 1.5, 1.5, 1.5))),
    Series("#CC79A7", "v", (0, (3, 1, 1, 1, 1, 1))),
    Series("#56B4E9", "P", (0, (8, 2))),
)


@contextmanager
def context() -> Iterator[None]:
    """Draw with the package's settings; the caller's are back afterwards."""
    with mpl.rc_context(_RC):
        yield


def canvas(ax: Axes | None, *, size: tuple[float, float] = SIZE) -> tuple[Figure, Axes]:
    """Return a figure and axes: the caller's, or new ones."""
    if ax is None:
        figure, made = plt.subplots(figsize=size, layout="constrained")
        return figure, made
    return ax.get_figure(root=True), ax  # type: ignore[return-value]


def canvases(
    ax: Any, count: int, *, columns: int = 2, panel: tuple[float, float] = (2.6, 2.1)
) -> tuple[Figure, np.ndarray]:
    """Return a figure and `count` axes in a flat array: the caller's, or new ones.

    Raises
    ------
    ValueError
        The caller gave another number of axes.
    """
    if ax is not None:
        given = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
        if len(given) != count:
            raise ValueError(f"ax holds {len(given)} axes; this plot has {count} panels. Give as many, or leave ax out.")
        return given[0].get_figure(root=True), given
    columns = min(columns, count)
    rows = -(-count // columns)
    size = (max(panel[0] * columns, 3.2), panel[1] * rows)
    figure, made = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    for spare in made.ravel()[count:]:
        spare.remove()
    return figure, made.ravel()[:count]


def label(column: str) -> str:
    """Return the axis label of a column."""
    return _LABELS.get(column, column)


def log_axis(ax: Axes, axis: str = "x") -> None:
    """Make an axis logarithmic, with ticks that a narrow range has too."""
    (ax.set_xscale if axis == "x" else ax.set_yscale)("log")
    target = ax.xaxis if axis == "x" else ax.yaxis
    low, high = ax.get_xlim() if axis == "x" else ax.get_ylim()
    decades = np.log10(high / low) if low > 0 else 1.0
    if decades >= 1:
        target.set_major_locator(LogLocator(numticks=7))
        target.set_minor_locator(NullLocator())
    elif target.get_major_formatter().__class__ is not PercentFormatter:
        target.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 5.0, 7.0)))
        target.set_minor_locator(NullLocator())
        if high < 1e4:
            target.set_major_formatter(ScalarFormatter())


def outcome_axis(ax: Axes, outcome: str, axis: str = "y") -> None:
    """Label an axis with the outcome; accuracy is shown in percent."""
    (ax.set_xlabel if axis == "x" else ax.set_ylabel)(label(outcome))
    if outcome == "accuracy":
        (ax.xaxis if axis == "x" else ax.yaxis).set_major_formatter(PercentFormatter(1.0, decimals=None))


def warning_of(given: str, *sources: Any) -> str:
    """Return the banner of a failed fit: as given, or as objects and tables carry it."""
    if given:
        return given
    for source in sources:
        found = getattr(source, "banner", "")
        if isinstance(found, str) and found:
            return found
        if "warning" in getattr(source, "columns", ()):
            texts = [t for t in source["warning"] if isinstance(t, str) and t]
            if texts:
                return texts[0]
    return ""


def finish(ax: Axes, *, title: str = "", warning: str = "", legend: str | None = None, columns: int = 1) -> None:
    """Set title, banner and legend, and fix text sizes that ticks would else look up later."""
    ax.tick_params(labelsize=SMALL)
    if title:
        ax.set_title(_wrap(ax, title), loc="left", fontsize=10.5)
    if warning:
        lines = ax.get_title(loc="left").count("\n") + 1 if title else 0
        ax.annotate(
            _wrap(ax, f"⚠ {warning}", share=0.95), xy=(0, 1), xycoords="axes fraction", xytext=(0, 8 + 14 * lines),
            textcoords="offset points", color=RED, fontweight="bold", fontsize=SMALL, va="bottom", ha="left",
            annotation_clip=False,
        ).set_gid("fit-warning")  # fmt: skip
    handles, _ = ax.get_legend_handles_labels()
    if legend and handles:
        if legend == "below":
            ax.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.2), ncols=columns, borderaxespad=0, fontsize=SMALL,
                      handlelength=2.4, columnspacing=1.2)  # fmt: skip
        else:
            ax.legend(loc=legend, fontsize=SMALL, handlelength=2.2)


def _wrap(ax: Axes, text: str, share: float = 1.0) -> str:
    """Break text to the width of the axes (about 0.075 inch per letter of 10 pt)."""
    figure = ax.get_figure(root=True)
    inches = ax.get_position().width * figure.get_size_inches()[0] if figure is not None else SIZE[0]
    return "\n".join(textwrap.wrap(text, max(int(share * inches / 0.073), 18)))


def intervals(
    ax: Axes, at: Sequence[float] | np.ndarray, low: Any, high: Any, *, color: str, width: float, horizontal: bool = True
) -> None:
    """Draw interval bars; an end that is missing or infinite runs to the edge with an arrow head.

    The limits of the axis must be set before.
    """
    edge = ax.get_xlim() if horizontal else ax.get_ylim()
    for position, start, end in zip(at, np.asarray(low, float), np.asarray(high, float), strict=True):
        if not np.isfinite(start) and not np.isfinite(end) and np.isnan(start):
            continue  # nothing of it is reached
        first = start if np.isfinite(start) and start > edge[0] else edge[0]
        last = end if np.isfinite(end) and end < edge[1] else edge[1]
        points = ([first, last], [position, position])
        x, y = points if horizontal else points[::-1]
        ax.plot(x, y, color=color, linewidth=width, solid_capstyle="butt", zorder=2)
        for value, cut, heads in ((last, last == edge[1] and last != end, ">^"), (first, first == edge[0] and first != start, "<v")):
            if cut:
                x, y = (value, position) if horizontal else (position, value)
                ax.plot(x, y, marker=heads[0] if horizontal else heads[1], color=color, markersize=6, clip_on=False)


def limits_of(*values: Any, log: bool = False, room: float = 0.06) -> tuple[float, float]:
    """Return axis limits around all finite values, with some room."""
    flat = np.concatenate([np.asarray(v, dtype=float).ravel() for v in values])
    flat = flat[np.isfinite(flat) & ((flat > 0) | (not log))]
    if flat.size == 0:
        return (0.1, 10.0) if log else (0.0, 1.0)
    low, high = (np.log10([flat.min(), flat.max()]) if log else (flat.min(), flat.max()))
    pad = room * (high - low) or (0.3 if log else 0.1 * abs(high) or 0.1)
    return (10 ** (low - pad), 10 ** (high + pad)) if log else (low - pad, high + pad)
