r"""Neighbouring checkpoints of a run gathered into one row that says nearly as much of a smooth curve.

A row stands for n checkpoints that are so near to each other along a scale that the law is straight between them and a
departure changes little: its log loss is their mean, at the mean of the log scale, and ``averaged`` is n. What they say
of the noise is kept as their variance about a straight line of their own (``averaged_scatter``, n - 2 degrees of
freedom). How far they are spread (``averaged_span``) tells what a rough departure does between them: of positions
:math:`t_i` on the scale, in decades, three times their mean distance :math:`\sum_{ij} |t_i - t_j| / n^2`, which is the
stretch itself where they are even. Of what n losses say, their slope is lost (:mod:`bayes_scaling.model.gathered`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayes_scaling.data.columns import COLUMNS, SCALES
from bayes_scaling.data.validate import check_runs
from bayes_scaling.errors import DataError, did_you_mean, listed

WIDTH = 0.05  # decades: the longest stretch, so that a law is straight on it
LEAST = 4  # checkpoints of a row that stands for several
SHARE = 0.5  # of the noise of a mean: the most that a departure may add within a stretch
_BLURRED = 0.1  # of a stretch: how far another scale may stray from the one that is thinned along
_MOVING = (*SCALES, "active_params", "matmul_params", "unique_tokens")
ALONE = {"averaged": 1.0, "averaged_span": 0.0, "averaged_scatter": np.nan}  # a row that stands for itself


def thin(frame: pd.DataFrame, *, over: str = "compute", knots: int | None = None) -> pd.DataFrame:
    """Gather checkpoints of each run that are near to each other along a scale.

    Parameters
    ----------
    frame : DataFrame
        A row per checkpoint with columns ``run``, `over` and ``loss``, in the package's vocabulary. Only rows that
        agree in all texts (family, task, flags ...) are gathered.
    over : str
        Scale along which they are gathered; that of the model's discrepancy, or one in proportion to it.
    knots : int, optional
        About so many stretches of one length for the run with the longest path. When left out, stretches are at most
        0.05 decades long, and shorter where the checkpoints show that their departures change within them.

    Returns
    -------
    DataFrame
        The gathered rows, with ``averaged``, ``averaged_span`` and ``averaged_scatter``, and, as they were, rows
        without a loss, scale or run and stretches of fewer than 4 checkpoints. Index 0 to n - 1. Scales are geometric
        means (a step is rounded). Other numbers are kept where they do not change within a stretch, else left out.

    Raises
    ------
    DataError
        Missing columns, rows that are means already, accuracies, another scale that moves otherwise than `over`.
    """
    _check_options(over, knots)
    table = check_runs(frame)
    _check_table(table, over)
    order, t, run = _in_order(table, over)
    if not len(order):
        return table.assign(**ALONE)
    y = np.log(table["loss"].to_numpy()[order])
    if knots is None:
        first = _cuts(t, run, WIDTH, _most(t, y, run))
    else:
        first = _cuts(t, run, max(np.ptp(t[run == r]) for r in np.unique(run)) / knots, np.inf)
    stretches = Stretches.of(t, y, first)
    return _table(table, order, stretches, over)


def line_distance(count: Any, span: Any) -> Any:
    """Return the distance at which a rough path scatters as much as about its own straight line, in decades.

    The variance of a path about the line through `count` even positions is that of half its squared change over this
    distance; over a third of the span it is the variance that the mean of the positions has less than one of them.
    """
    return 2 / 15 * span * count * (count + 2) / (count**2 - 1)


@dataclass(frozen=True)
class Stretches:
    """Stretches of ordered checkpoints; arrays of shape (stretch,).

    Attributes
    ----------
    first : ndarray of int
        Position of the first checkpoint of each.
    count : ndarray
    log_scale, log_loss : ndarray
        Means, of decimal and natural logarithms.
    span : ndarray
        Decades.
    scatter : ndarray
        Variance about a straight line; not a number below 4 checkpoints.
    """

    first: np.ndarray
    count: np.ndarray
    log_scale: np.ndarray
    log_loss: np.ndarray
    span: np.ndarray
    scatter: np.ndarray

    @classmethod
    def of(cls, t: np.ndarray, y: np.ndarray, first: np.ndarray) -> Stretches:
        """Return the stretches that begin at `first`, of positions t and log losses y in order."""
        count = np.diff(np.append(first, len(t))).astype(float)
        each = np.repeat(np.arange(len(first)), count.astype(int))
        mean_t, mean_y = (np.add.reduceat(x, first) / count for x in (t, y))
        away_t, away_y = t - mean_t[each], y - mean_y[each]
        rank = np.arange(len(t)) - first[each]
        distance = np.add.reduceat(2 * (2 * rank + 1 - count[each]) * away_t, first) / count**2
        tt, ty, yy = (np.add.reduceat(a, first) for a in (away_t**2, away_t * away_y, away_y**2))
        several = (count >= LEAST) & (tt > 0)
        left = yy - np.divide(ty**2, tt, out=np.zeros_like(tt), where=several)
        scatter = np.divide(np.maximum(left, 0), count - 2, out=np.full_like(tt, np.nan), where=several)
        return cls(first, count, mean_t, mean_y, 3 * distance, scatter)


def _check_options(over: str, knots: int | None) -> None:
    if over not in SCALES:
        raise DataError(f"thin over {over!r}; expected one of {listed(SCALES)}." + did_you_mean(str(over), SCALES))
    if knots is not None and (isinstance(knots, bool) or not isinstance(knots, int) or knots < 2):
        raise DataError(f"knots = {knots!r}; expected a whole number of at least 2, or none for stretches by the data.")


def _check_table(table: pd.DataFrame, over: str) -> None:
    """Raise where rows cannot be gathered."""
    absent = [c for c in ("run", over, "loss") if c not in table.columns]
    if absent:
        raise DataError(
            f"thin gathers the checkpoints of a run along {over!r} and needs columns run, {over} and loss; the table "
            f"lacks {listed(absent)}. It has {listed(table.columns, 30)}."
        )
    if "averaged" in table.columns and bool((table["averaged"] > 1).any()):
        raise DataError(
            f"{int((table['averaged'] > 1).sum())} of {len(table)} rows are means already (column averaged); thin "
            "takes single checkpoints. Give the table as it was before."
        )
    if "accuracy" in table.columns and bool(table["accuracy"].notna().any()):
        raise DataError(
            f"{int(table['accuracy'].notna().sum())} rows have an accuracy; thin gathers losses alone. Take these "
            "rows or the column out."
        )


def _in_order(table: pd.DataFrame, over: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the rows that can be gathered, run by run along the scale: positions, decades and run, shape (row,)."""
    texts = [c for c in table.columns if not pd.api.types.is_numeric_dtype(table[c]) or table[c].dtype == bool]
    usable = table["run"].notna() & table["run"].ne("") & (table[over] > 0) & table["loss"].notna()
    chosen = np.flatnonzero(usable)
    run = np.zeros(len(chosen), dtype=np.int64)
    for name in texts:
        code, levels = pd.factorize(table[name].to_numpy()[chosen])
        run = pd.factorize(run * (len(levels) + 1) + code)[0]
    t = np.log10(table[over].to_numpy()[chosen])
    order = np.lexsort((t, run))
    return chosen[order], t[order], run[order]


def _cuts(t: np.ndarray, run: np.ndarray, width: float, most: float) -> np.ndarray:
    """Return where stretches begin, shape (stretch,): at most so long, and count times length at most `most`.

    From the left; what would hold fewer than 4 checkpoints is left as single ones.
    """
    first: list[int] = []
    ends = np.append(np.flatnonzero(np.diff(run)) + 1, len(t))
    near = np.searchsorted(t + (t.max() - t.min() + 2 * width) * run, t + (t.max() - t.min() + 2 * width) * run + width)
    for start, end in zip(np.concatenate([[0], ends[:-1]]), ends, strict=True):
        i = int(start)
        while i < end:
            first.append(i)
            held = min(int(near[i]), int(end)) - i
            if held >= LEAST and np.isfinite(most):
                grown = np.arange(1, held + 1) * (t[i : i + held] - t[i])
                held = int(np.searchsorted(grown, most, side="right"))
            i += held if held >= LEAST else 1
    return np.array(first, dtype=np.int64)


def _most(t: np.ndarray, y: np.ndarray, run: np.ndarray) -> float:
    """Return how large count times length of a stretch may be; a departure then adds little to the noise of its mean.

    A rough path scatters about straight lines in proportion to their length, noise by itself does not: lines of two
    lengths tell both, two standard errors on the side of roughness.
    """
    variance, distance, freedom = np.empty(2), np.empty(2), np.empty(2)
    for i, width in enumerate((WIDTH / 2, 2 * WIDTH)):
        made = Stretches.of(t, y, _cuts(t, run, width, np.inf))
        known = np.isfinite(made.scatter)
        weight = (made.count - 2)[known]
        freedom[i] = weight.sum()
        if not freedom[i]:
            return np.inf
        variance[i] = weight @ made.scatter[known] / freedom[i]
        distance[i] = weight @ line_distance(made.count[known], made.span[known]) / freedom[i]
    if not distance[1] > distance[0]:  # every run is shorter than the shorter stretch: nothing tells both apart
        return np.inf
    error = variance[0] * np.sqrt(2 / freedom[0])
    rough = (variance[1] - variance[0] + 2 * error) / (distance[1] - distance[0])
    return 3 * SHARE * variance[0] / rough if rough > 0 else np.inf


def _table(table: pd.DataFrame, order: np.ndarray, made: Stretches, over: str) -> pd.DataFrame:
    """Return the thinned table."""
    head = order[made.first]
    several = made.count > 1
    kept = table.iloc[head].copy()
    for name in [c for c in table.columns if pd.api.types.is_numeric_dtype(table[c]) and table[c].dtype != bool]:
        if name == "loss" or name in ALONE:
            continue
        values = table[name].to_numpy(dtype=float)[order]
        if name in _MOVING:
            kept[name] = np.where(several, _moved(name, values, table, order, made, over), kept[name])
        elif _changes(values, made).any():
            kept = kept.drop(columns=name)
    kept["loss"] = np.where(several, np.exp(made.log_loss), kept["loss"])
    kept["averaged"] = made.count
    kept["averaged_span"] = np.where(several, made.span, 0.0)
    kept["averaged_scatter"] = np.where(several, made.scatter, np.nan)
    alone = np.setdiff1d(np.arange(len(table)), order)
    rest = table.iloc[alone].assign(**ALONE)[list(kept.columns)]
    kept = pd.concat([kept, rest]) if len(rest) else kept
    place = np.concatenate([np.minimum.reduceat(order, made.first), alone])
    return kept.iloc[np.argsort(place, kind="stable")].reset_index(drop=True)


def _changes(values: np.ndarray, made: Stretches) -> np.ndarray:
    """Return which stretches do not hold one value, shape (stretch,); all gaps are one value."""
    gap = np.isnan(values)
    filled = np.where(gap, np.inf, values)
    same = np.maximum.reduceat(filled, made.first) == np.minimum.reduceat(filled, made.first)
    return ~same


def _moved(
    name: str, values: np.ndarray, table: pd.DataFrame, order: np.ndarray, made: Stretches, over: str
) -> np.ndarray:
    """Return a scale's geometric means, shape (stretch,), or raise where it moves otherwise than `over`."""
    changes = _changes(values, made)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log10(values)
        off = logs - np.log10(table[over].to_numpy()[order])
        blur = np.maximum.reduceat(off, made.first) - np.minimum.reduceat(off, made.first)
        bad = changes & ~(blur <= _BLURRED * made.span)
    if bad.any():
        where = table.iloc[order[made.first[np.flatnonzero(bad)[0]]]]
        raise DataError(
            f"column {name!r} changes otherwise than {over!r} among neighbouring checkpoints ({int(bad.sum())} "
            f"stretches, the first in run {where['run']!r} at {over} = {where[over]:g}), and its mean would stand for "
            "none of them. Take the column out, thin over it, or give rows before and after a change another run."
        )
    mean = np.where(changes, 10 ** (np.add.reduceat(logs, made.first) / made.count), values[made.first])
    return np.round(mean) if COLUMNS[name].kind == "integer" else mean
