"""Where points lie beside the fitted rows: what is inside, and how far outside them the rest is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from bayes_scaling.data.columns import COLUMNS, OUTCOMES
from bayes_scaling.data.derive import FLOP_PER_PARAM_TOKEN
from bayes_scaling.forecasts import words
from bayes_scaling.laws import Input
from bayes_scaling.model.labels import labels
from bayes_scaling.model.plan import SIZES
from bayes_scaling.model.rows import group_columns

if TYPE_CHECKING:
    from bayes_scaling.fit import Fit
    from bayes_scaling.laws.base import Law

INSIDE, DOWNWARD, NEVER = "inside the runs", "extrapolation downward", "not reached"
FACTS = ("chance", "n_items")  # of a benchmark: no scale along which anything is extrapolated
NEAR = 1.005  # times the largest is no extrapolation: it would be told as 1 times the largest
MOST = 4  # distances that a note lists
AND = " and "


def extrapolation(fit: Fit, where: pd.DataFrame, compute: Any) -> list[str]:
    """Return where computes lie beside those of the fitted runs (of the same family, where one is named).

    Parameters
    ----------
    fit : Fit
    where : DataFrame
        Levels of groups of each compute, or one row for all.
    compute : array
        FLOP, shape (point,). One that is not finite is not reached, which is what is returned.
    """
    asked = np.atleast_1d(np.asarray(compute, dtype=float))
    if len(where) != len(asked):
        where = where.iloc[np.zeros(len(asked), dtype=int)].reset_index(drop=True)
    spent, found = _spent(fit.spec.law, fit.frame), np.empty(len(asked), dtype=object)
    for at, own in _own_rows(fit.frame, where, list(where.columns)):
        times = _times(asked[at], spent[own])
        found[at] = [_told(t) if np.isfinite(c) else NEVER for t, c in zip(times, asked[at], strict=True)]
    return [str(text) for text in found]


def beside_rows(
    fit: Fit, points: pd.DataFrame, inputs: Sequence[Input] | None = None, *, compute: bool = True
) -> tuple[str, ...]:
    """Return where points lie beside the fitted rows of their groups' levels; of a new level, beside all rows.

    Compute is told in times the largest run. Of what else is read, a column is named where the point lies outside its
    range: by the factor beyond its end, or by the range where a factor says nothing (fractions, losses, numbers that
    may be zero). Size and tokens are parts of compute, and named where they lie farther outside than it does. Each
    column is looked at by itself: a combination that no run had may still be inside.

    Parameters
    ----------
    fit : Fit
    points : DataFrame
        With the columns that are read, shape (point, column).
    inputs : sequence of Input, optional
        What is read of the points; the law's inputs when left out.
    compute : bool
        Whether compute is told of.

    Returns
    -------
    tuple of str
        ``inside the runs``, else what lies outside, joined by ``and``; empty where nothing can be compared.
    """
    frame, law = fit.frame, fit.spec.law
    spent = _spent(law, frame)
    asked = _spent(law, points) if compute else np.full(len(points), np.nan)
    read = [i for i in (law.inputs if inputs is None else inputs) if _compared(i.column, frame, points)]
    found = np.empty(len(points), dtype=object)
    for at, own in _own_rows(frame, points, group_columns(fit.spec)):
        times = _times(asked[at], spent[own])
        parts = [[t] if t else [] for t in map(_told, times)]
        for item in read:
            value, rows = points[item.column].to_numpy(dtype=float)[at], frame[item.column].to_numpy(dtype=float)[own]
            part_of_compute = item.column in (*SIZES, "tokens")
            for i, text in _outside(item, value, rows, times if part_of_compute else np.ones(len(at))):
                parts[i].append(text)
        found[at] = [_joined(texts, bool(read)) for texts in parts]
    return tuple(str(text) for text in found)


def together(parts: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return where points lie beside the rows of several fits, all of which speak of them (unless they are empty)."""
    found = []
    for texts in zip(*(p for p in parts if p), strict=True):
        told = list(dict.fromkeys(one for text in texts if text for one in text.split(AND)))
        found.append(_joined(told, False))
    return tuple(found)


def beside(where: str) -> str:
    """Return what a sentence says of a point outside the fitted runs: `` (44 times the largest run)``, else nothing."""
    return f" ({where})" if is_outside(where) else ""


def is_outside(where: str) -> bool:
    """Return whether a point lies outside the fitted runs."""
    return where not in ("", INSIDE, NEVER)


def outside_note(where: Sequence[str]) -> str:
    """Return the line under a table whose points lie outside the fitted runs; empty where none does."""
    outside = [text for text in where if is_outside(text)]
    if not outside:
        return ""
    texts = list(dict.fromkeys(outside))
    more = f" ({len(texts)} in all, column extrapolation)" if len(texts) > MOST else ""
    shown = texts if len(texts) <= MOST else [*texts[: MOST - 2], "...", texts[-1]]
    verb = "lies" if len(outside) == 1 else "lie"
    many = words.counted(len(where), "point")
    return f"{len(outside)} of {many} {verb} outside the fitted runs: {'; '.join(shown)}{more}"


def _joined(texts: list[str], any_read: bool) -> str:
    """Return what is told of a point: what lies outside, or that all that could be compared is inside."""
    outside = [text for text in texts if text != INSIDE]
    return AND.join(outside) or (INSIDE if texts or any_read else "")


def _compared(column: str, frame: pd.DataFrame, points: pd.DataFrame) -> bool:
    """Return whether a column holds numbers in rows and points, and is not told as compute."""
    known = column in frame and column in points and column not in (*FACTS, "compute")
    return known and is_numeric_dtype(frame[column]) and is_numeric_dtype(points[column])


def _own_rows(
    frame: pd.DataFrame, where: pd.DataFrame, columns: Sequence[str]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield positions of points of the same levels, and whether each fitted row has these levels, shape (row,).

    A level that no fitted row has, beside the levels before it, narrows nothing.
    """
    columns = [c for c in columns if c in where and c in frame]
    if not columns:
        yield np.arange(len(where)), np.ones(len(frame), dtype=bool)
        return
    fitted = {c: pd.factorize(labels(frame, c)) for c in columns}
    named = {c: pd.Index(fitted[c][1]).get_indexer(pd.Index(labels(where, c))) for c in columns}
    _, first, code = np.unique(np.stack([*named.values()]), axis=1, return_index=True, return_inverse=True)
    for number, one in enumerate(first):
        own = np.ones(len(frame), dtype=bool)
        for column in columns:
            same = own & (fitted[column][0] == named[column][one])
            own = same if same.any() else own
        yield np.flatnonzero(code == number), own


def _spent(law: Law, frame: pd.DataFrame) -> np.ndarray:
    """Return the compute of rows, 6 N D where the law reads both; not numbers where none is known."""
    read = [i.column for i in law.inputs]
    size = next((c for c in SIZES if c in read and c in frame), "")
    if size and "tokens" in frame:
        return np.asarray(FLOP_PER_PARAM_TOKEN * frame[size] * frame["tokens"], dtype=float)
    return np.asarray(frame["compute"], dtype=float) if "compute" in frame else np.full(len(frame), np.nan)


def _times(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return values over the largest of the rows, or over the smallest below it; 1 inside, NaN where unknown."""
    rows = rows[np.isfinite(rows)]
    if not len(rows):
        return np.full(len(values), np.nan)
    low, high = rows.min(), rows.max()
    with np.errstate(divide="ignore", invalid="ignore"):
        times = np.where(values > high, values / high, np.where(values < low, values / low, 1.0))
    times[np.isnan(values)] = np.nan
    return np.where((times < NEAR) & (times > 1 / NEAR), 1.0, times)


def _told(times: float) -> str:
    """Return where a compute lies, in words; empty where that is unknown."""
    if np.isnan(times):
        return ""
    return INSIDE if times == 1 else DOWNWARD if times < 1 else f"{_factor(times)} times the largest run"


def _factor(times: float) -> str:
    """Return a factor in words: 1.05, 2, 7.3, 44."""
    return f"{times:.3g}" if times < 2 else words.number(float(f"{times:.2g}" if times < 10 else f"{times:.3g}"), 2)


def _outside(item: Input, values: np.ndarray, rows: np.ndarray, least: np.ndarray) -> Iterator[tuple[int, str]]:
    """Yield positions and texts of values outside the range of rows, by more than a factor `least` already told."""
    rows = rows[np.isfinite(rows)]
    if not len(rows):
        return
    low, high = float(rows.min()), float(rows.max())
    kind = COLUMNS[item.column].kind if item.column in COLUMNS else item.kind
    by_factor = kind in ("count", "positive", "integer") and item.column not in OUTCOMES and low > 0
    times = _times(values, rows) if by_factor else np.where((values < low) | (values > high), np.nan, 1.0)
    told = np.fmax(np.fmax(least, 1 / least), 1.0) * NEAR
    for i in np.flatnonzero(times != 1):
        if not by_factor:
            if np.isfinite(values[i]):
                ends = f"{low:.4g} to {high:.4g}" if high > low else f"{low:.4g}"
                yield int(i), f"{item.column} {values[i]:.4g} outside the fitted {ends}"
        elif times[i] > told[i]:
            yield int(i), f"{item.column} {_factor(times[i])} times the largest"
        elif 0 < times[i] < 1 / told[i]:
            yield int(i), f"{item.column} 1/{_factor(1 / times[i])} of the smallest"
