"""Skills of a capability model: models and families with intervals, and what benchmarks measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayes_scaling.compare import loadings, skills
from bayes_scaling.compare.latent import FAR
from bayes_scaling.errors import ForecastError
from bayes_scaling.fit import failure_banner
from bayes_scaling.plots import style

if TYPE_CHECKING:
    from bayes_scaling.fit import Fit

_LINE, _TASK = 0.19, 0.24  # inches a line, and a line of a benchmark with one skill


def plot_skills(
    fit: Fit,
    *,
    skill: int = 1,
    by: str = "run",
    at: Mapping[str, Any] | None = None,
    families: Sequence[str] | None = None,
    level: float = 0.9,
    top: int | None = 30,
    draws: int | None = None,
    warning: str | None = None,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw the skill of models or families with intervals, the best on top, and the interval of each rank.

    Parameters
    ----------
    fit : Fit
        Of a capability model.
    skill, by, at, families, level, draws
        As of :func:`bayes_scaling.compare.skills`.
    top : int, optional
        Only so many, from the best; all of them with None.
    warning : str, optional
        Banner of a failed fit; found from the fit when left out.

    Returns
    -------
    (Figure, Axes)
        Hollow where the point lies more than half a decade outside the scales of a family's own models. Table:
        ``compare.skills``.

    Raises
    ------
    ForecastError
        As ``compare.skills``; ``top`` below 1.
    """
    if top is not None and (isinstance(top, bool) or top < 1):
        raise ForecastError(f"top = {top!r}; expected a number of at least 1, or None for all.")
    table = skills(fit, skill=skill, by=by, at=at, families=families, level=level, draws=draws)
    shown = table.iloc[:top]
    place = np.arange(len(shown))[::-1]
    look: dict[str, Any] = {"color": style.SERIES[0].color, "linestyle": "none", "marker": "o", "markersize": 4.5}
    with style.context():
        figure, axes = style.canvas(ax, size=(5.2, 1.4 + _LINE * len(shown)))
        axes.set_xlim(style.limits_of(shown["lower"], shown["upper"]))
        style.intervals(axes, place, shown["lower"], shown["upper"], color=style.SERIES[0].color, width=1.6)
        axes.plot(shown["median"], place, **look)
        far = (shown["beyond"] > FAR).to_numpy() if by == "family" else np.zeros(len(shown), dtype=bool)
        axes.plot(shown["median"][far], place[far], **look, markerfacecolor="white")
        for y, ends in zip(place, shown[["rank", "rank_lower", "rank_upper"]].to_numpy(dtype=int), strict=True):
            axes.annotate(
                f"{ends[0]} ({ends[1]} to {ends[2]})", (1, y), xycoords=axes.get_yaxis_transform(), xytext=(6, 0),
                textcoords="offset points", fontsize=style.SMALL, va="center", annotation_clip=False,
            )  # fmt: skip
        axes.set_yticks(place, _names(shown, by))
        axes.set_ylim(-0.8, len(shown) - 0.2)
        axes.set_xlabel(f"skill {skill} ({shown['unit'].iloc[0]})")
        title = _title(fit, table, len(shown), by, at, level)
        title += f"; hollow: over {FAR:g} decades outside its models' scales" if far.any() else ""
        text = failure_banner(fit) if warning is None else warning
        style.finish(axes, own=ax is None, title=title, warning=text)
    return figure, axes


def _names(shown: pd.DataFrame, by: str) -> list[str]:
    """Return names of models or families; a model trained for several sizes of data is told apart by its tokens."""
    if by == "family":
        return [str(name) for name in shown["family"]]
    names = shown["run"].astype(str)
    if "family" in shown:
        twice = shown.groupby("run")["family"].transform("nunique") > 1
        names = names.where(~twice, shown["family"].astype(str) + " " + names)
    for column in ("params", "tokens", "compute"):
        again = names.duplicated(keep=False)
        if column in shown and again.any():
            names = names.where(~again, names + [f", {column} {value:.3g}" for value in shown[column]])
    return names.tolist()


def _title(fit: Fit, table: pd.DataFrame, shown: int, by: str, at: Mapping[str, Any] | None, level: float) -> str:
    columns = [c for c in fit.spec.law.scales.values() if c in table]
    told = [f"{table[c].iloc[0]:.3g} {c if c != 'compute' else 'FLOP'}" for c in columns]
    scale = " and ".join(told).replace("e+", "e").replace("e0", "e")
    if by == "run":
        where = "Models at their own scale"
    else:
        where = f"Families at {scale}" if scale else "Families"
        where += " (reference scale)" if at is None and scale else ""
    title = f"{where}: median, {100 * level:g} % equal-tailed; right: rank and its interval"
    return title + (f"; first {shown} of {len(table)}" if shown < len(table) else "")


def plot_loadings(
    fit: Fit,
    *,
    level: float = 0.9,
    draws: int | None = None,
    warning: str | None = None,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw the loadings of every benchmark on every skill, with intervals.

    Parameters
    ----------
    fit : Fit
        Of a capability model.
    level : float
        Probability of the equal-tailed intervals.
    draws : int, optional
        Use at most this many posterior draws.
    warning : str, optional
        Banner of a failed fit; found from the fit when left out.

    Returns
    -------
    (Figure, Axes)
        Hollow where an anchor settles the loading. Table: ``compare.loadings``.
    """
    table = loadings(fit, level=level, draws=draws).query("parameter == 'loading'")
    if "tuned" in table:
        table = table.assign(task=table["task"].astype(str) + ", " + table["tuned"])
    order = table[table["skill"] == 1].sort_values("median", kind="stable")["task"].tolist()
    count = int(table["skill"].max())
    with style.context():
        figure, axes = style.canvas(ax, size=(5.2, 1.4 + (0.1 + (_TASK if count == 1 else 0.17 * count)) * len(order)))
        axes.set_xlim(style.limits_of(table["lower"], table["upper"], [0.0]))
        axes.axvline(0, color="black", linewidth=1)
        for k in range(1, count + 1):
            part = table[table["skill"] == k].set_index("task").loc[order].reset_index()
            place = np.arange(len(order)) + 0.7 * ((count + 1) / 2 - k) / count
            _loadings_of_a_skill(axes, part, place, style.SERIES[k - 1])
        axes.set_yticks(np.arange(len(order)), [str(task) for task in order])
        axes.set_ylim(-0.7, len(order) - 0.3)
        axes.set_xlabel("loading: log-odds per unit of the skill")
        title = f"What benchmarks measure: median, {100 * level:g} % equal-tailed"
        title += "; hollow: settled by an anchor" if table["settled"].any() else ""
        text = failure_banner(fit) if warning is None else warning
        style.finish(axes, own=ax is None, title=title, warning=text)
    return figure, axes


def _loadings_of_a_skill(axes: Axes, part: pd.DataFrame, place: np.ndarray, look: style.Series) -> None:
    style.intervals(axes, place, part["lower"], part["upper"], color=look.color, width=1.6)
    settled = part["settled"].to_numpy(dtype=bool)
    unit = str(part["unit"].iloc[0]).removeprefix("log-odds per ")
    dot: dict[str, Any] = {"color": look.color, "linestyle": "none", "marker": look.marker, "markersize": 5}
    middle = part["median"].to_numpy()
    axes.plot(middle[~settled], place[~settled], label=f"skill {part['skill'].iloc[0]}, per {unit}", **dot)
    axes.plot(middle[settled], place[settled], markerfacecolor="white", **dot)
