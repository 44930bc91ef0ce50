"""How every plot looks: one context, one palette, the banner of a failed fit.

Colours are of the Okabe-Ito set and are never the only sign: marker and line differ too, so a
plot can be read in grey. Global settings of matplotlib are not changed.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator, PercentFormatter

from bayes_scaling.errors import ForecastError
from bayes_scaling.forecasts import words

SIZE = (5.2, 3.6)  # inches: 10 pt stays readable where a phone shows the picture 360 px wide
SMALL = 9.0  # points, the smallest text
RED = "#b3001b"
GREY = "#8a8a8a"
BAND = "#0072B2"

_RC: Any = {
    "font.size": 10.0, "axes.titlesize": 10.5, "axes.labelsize": 10.0, "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL, "legend.fontsize": SMALL, "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "grid.color": "#e3e3e3", "grid.linewidth": 0.6, "axes.axisbelow": True,
    "figure.facecolor": "white", "axes.facecolor": "white", "legend.frameon": False, "axes.titlelocation": "left",
}  # fmt: skip

_LABELS = {
    "compute": "training compute C (FLOP)", "params": "parameters N", "tokens": "training tokens D",
    "seen": "examples or tokens seen", "step": "optimiser step",
    "data_needed": "samples needed",
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
    """Draw with the package's settings; the caller's are back afterwards.

    Only these are put back: the first figure of a notebook turns ``interactive`` on, and with ``rc_context`` that
    would be undone, so that no later figure is shown.
    """
    before = {name: mpl.rcParams[name] for name in _RC}
    mpl.rcParams.update(_RC)
    try:
        yield
    finally:
        mpl.rcParams.update(before)


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
            raise ValueError(
                f"ax holds {len(given)} axes; this plot has {count} panels. Give as many, or leave ax out."
            )
        return given[0].get_figure(root=True), given
    columns = min(columns, count)
    rows = -(-count // columns)
    size = (max(panel[0] * columns, SIZE[0]), panel[1] * rows)  # a page shows all figures equally wide
    figure, made = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    for spare in made.ravel()[count:]:
        spare.remove()
    return figure, made.ravel()[:count]


def level_names(names: Iterable[Any]) -> list[str]:
    """Return names of levels for people: without the parts, such as one family, that all of them begin with."""
    parts = [str(name).split("|") for name in names]
    while len(parts) > 1 and all(len(p) > 1 for p in parts) and len({p[0] for p in parts}) == 1:
        parts = [p[1:] for p in parts]
    return [" ".join(p) for p in parts]


def label(column: str, unit: str = "") -> str:
    """Return the axis label of a column; the unit of an outcome or a quantity, where its name does not say it."""
    told = _LABELS.get(column, column)
    return told if column in ("accuracy", "data_needed") else told + words.within(unit)


def log_axis(ax: Axes, axis: str = "x") -> None:
    """Make an axis logarithmic, with ticks that a narrow range has too."""
    (ax.set_xscale if axis == "x" else ax.set_yscale)("log")
    target = ax.xaxis if axis == "x" else ax.yaxis
    low, high = ax.get_xlim() if axis == "x" else ax.get_ylim()
    decades = np.log10(high / low) if low > 0 else 1.0
    subs = (1.0,) if decades > 2.5 else (1.0, 3.0) if decades > 1.2 else (1.0, 2.0, 5.0) if decades > 0.6 else (
        1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)  # fmt: skip
    target.set_major_locator(LogLocator(subs=subs, numticks=7))
    target.set_minor_locator(NullLocator())
    if not isinstance(target.get_major_formatter(), PercentFormatter):
        target.set_major_formatter(FuncFormatter(_power_of_ten))


def _power_of_ten(value: float, _: Any = None) -> str:
    """Return a tick label: plain below ten thousand, else a power of ten with its factor."""
    if 1e-3 < value < 1e4:
        return f"{value:g}"
    exponent = int(np.floor(np.log10(value) + 1e-9))
    factor = value / 10.0**exponent
    return f"$10^{{{exponent}}}$" if abs(factor - 1) < 0.01 else f"${factor:.2g}{{\\times}}10^{{{exponent}}}$"


def outcome_axis(ax: Axes, outcome: str, axis: str = "y", *, unit: str = "") -> None:
    """Label an axis with the outcome and its unit; accuracy is shown in percent."""
    (ax.set_xlabel if axis == "x" else ax.set_ylabel)(label(outcome, unit))
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


def expect(found: object, kind: type, call: str) -> None:
    """Raise ForecastError where a plot was given something else than it draws, and name the call that makes it."""
    if not isinstance(found, kind):
        raise ForecastError(f"found a {type(found).__name__}, expected a {kind.__name__}: {call}")


def finish(ax: Axes, *, own: bool, title: str = "", warning: str = "", columns: int = 1) -> None:
    """Set title, banner and legend, and fix text sizes that ticks would else look up later.

    Parameters
    ----------
    own : bool
        True where the figure is ours: it grows to hold banner and legend outside the axes.
        In a caller's axes the legend takes the best free place.
    columns : int
        Most columns of the legend.
    """
    ax.tick_params(labelsize=SMALL)
    figure = ax.get_figure(root=True)
    width = figure.get_size_inches()[0] if figure is not None else SIZE[0]
    if not own:
        width = max(width * ax.get_position().width, 2.0)
    names = [text.get_text() for text in ax.get_yticklabels()]
    indent = 0.07 * max((len(n) for n in names), default=0) if own else 0.0  # long names push the axes to the right
    heading = _wrap(title, width - max(0.7, 0.4 + indent))
    ax.set_title(heading, loc="left", fontsize=10.5)
    if warning:
        _banner(ax, _wrap(f"⚠ {warning}", width - 0.5), own=own)
    handles, labels = ax.get_legend_handles_labels()
    if handles and own and figure is not None:
        letters = max(len(text) for text in labels)
        columns = max(1, min(columns, int((width - 0.1) / (0.072 * letters + 0.5))))
        figure.legend(handles, labels, loc="outside lower left", ncols=columns, fontsize=SMALL, columnspacing=1.2)
        grow(figure, 0.19 * -(-len(labels) // columns))
    elif handles:
        ax.legend(loc="lower left" if warning else "best", fontsize=SMALL)  # the banner is on top


def _banner(ax: Axes, text: str, *, own: bool) -> None:
    """Draw the banner of a failed fit above everything else, or on top of a caller's axes."""
    look: dict[str, Any] = {"color": RED, "fontweight": "bold", "fontsize": 9.5, "ha": "left", "gid": "fit-warning"}
    figure = ax.get_figure(root=True)
    if own and figure is not None:
        figure.suptitle(text, x=0.01, **look)
        grow(figure, 0.18 * (text.count("\n") + 1))
        return
    # a caller's figure may have no room above its axes, where the banner would be cut off
    box = {"facecolor": "white", "edgecolor": RED, "boxstyle": "square,pad=0.3"}
    ax.text(0.02, 0.98, text, transform=ax.transAxes, va="top", bbox=box, zorder=10, **look)


def grow(figure: Figure, inches: float) -> None:
    """Make a figure of ours taller, so that what is outside the axes does not squeeze them."""
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + inches)


def _wrap(text: str, inches: float) -> str:
    """Break text to a width (a letter of 10 pt takes about 0.078 inch)."""
    return "\n".join(textwrap.wrap(text, max(int(inches / 0.078), 20)))


def intervals(
    ax: Axes,
    at: Sequence[float] | np.ndarray,
    low: Any,
    high: Any,
    *,
    color: str,
    width: float,
    horizontal: bool = True,
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
        along, across = [first, last], [position, position]
        ax.plot(
            *((along, across) if horizontal else (across, along)), color=color, linewidth=width,
            solid_capstyle="butt", zorder=2,
        )  # fmt: skip
        for value, cut, heads in ((last, last != end, ">^"), (first, first != start, "<v")):
            if cut:
                place = (value, position) if horizontal else (position, value)
                ax.plot(*place, marker=heads[0 if horizontal else 1], color=color, markersize=6, clip_on=False)


def limits_of(*values: Any, log: bool = False, room: float = 0.06) -> tuple[float, float]:
    """Return axis limits around all finite values, with some room."""
    flat = np.concatenate([np.asarray(v, dtype=float).ravel() for v in values])
    flat = flat[np.isfinite(flat) & ((flat > 0) | (not log))]
    if flat.size == 0:
        return (0.1, 10.0) if log else (0.0, 1.0)
    low, high = np.log10([flat.min(), flat.max()]) if log else (flat.min(), flat.max())
    pad = room * (high - low) or (0.3 if log else 0.1 * abs(high) or 0.1)
    return (10 ** (low - pad), 10 ** (high + pad)) if log else (low - pad, high + pad)
