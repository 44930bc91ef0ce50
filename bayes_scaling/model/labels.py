"""Names of levels, runs and paths, row by row."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from bayes_scaling.data.columns import COLUMNS
from bayes_scaling.data.naming import TAKERS, nearest_column
from bayes_scaling.errors import DataError, did_you_mean, listed

NAMELESS = ("", "nan", "None", "<NA>")  # texts of a run's name that say there is none
ONE_PATH = ("", "all")  # of a discrepancy's `by`: one path for the whole table


def labels(frame: pd.DataFrame, group: str, *, nameless: str = "row") -> pd.Series:
    """Return the level of each row in a group; an interaction joins its parts with ``|``.

    A run is known by its identity (:func:`run_labels`), which has its family in it.
    """
    parts = group.split(":")
    if "run" in parts:
        parts = [part for part in parts if part != "family"]
    return _joined([run_labels(frame, nameless=nameless) if p == "run" else frame[p].astype(str) for p in parts])


def _joined(parts: list[pd.Series]) -> pd.Series:
    joined = parts[0]
    for part in parts[1:]:
        joined = joined + "|" + part
    return joined


def run_labels(frame: pd.DataFrame, *, nameless: str = "row") -> pd.Series:
    """Return the identity of each row's run: its name within its family; a row without one is its own."""
    own = pd.Series([f"{nameless} {i}" for i in range(len(frame))], index=frame.index)
    if "run" not in frame.columns:
        return own
    named = _joined([frame[c].astype(str) for c in ("family", "run") if c in frame.columns])
    return named.where(names_run(frame), own)


def names_run(frame: pd.DataFrame) -> pd.Series:
    """Return whether each row names its run."""
    if "run" not in frame.columns:
        return pd.Series(False, index=frame.index)
    return frame["run"].notna() & ~frame["run"].astype(str).isin(NAMELESS)


def path_names(frame: pd.DataFrame, by: str) -> pd.Series:
    """Return the path of each row: its run, its level of another column, or one path for all."""
    if by in ONE_PATH:
        return pd.Series(["all"] * len(frame), index=frame.index)
    if by == "run":
        return run_labels(frame)
    return frame[by].astype(str)


def has_repeats(frame: pd.DataFrame) -> bool:
    """Return whether any run has several rows."""
    return "run" in frame.columns and bool(run_labels(frame).duplicated().any())


def check_groups(needed: Iterable[str], columns: Iterable[str]) -> None:
    """Raise DataError where groups name what is no column of the table, with the nearest one."""
    columns, lines = [str(c) for c in columns], []
    for name in [n for n in needed if n not in columns]:
        theirs = nearest_column(name, [c for c in columns if c not in COLUMNS]) if name in COLUMNS else None
        if theirs is not None:
            hint = f" Did you mean {theirs!r}? Then pass columns={{{theirs!r}: {name!r}}} to {TAKERS}."
        else:
            names = [c for c in columns if c not in COLUMNS or not COLUMNS[c].numeric]  # levels are names, not sizes
            near = "" if name in COLUMNS else did_you_mean(name, names)
            hint = near or " Add that column, or take it out of groups."
        lines.append(f"groups names {name!r}, which is no column of the table.{hint}")
    if lines:
        raise DataError("\n".join([*lines, f"Columns found: {listed(columns, 30)}"]))
