"""Names of levels, runs and paths, row by row."""

from __future__ import annotations

import pandas as pd


def labels(frame: pd.DataFrame, group: str) -> pd.Series:
    """Return the level of each row in a group; an interaction joins its parts with ``|``."""
    parts = group.split(":")
    joined = frame[parts[0]].astype(str)
    for part in parts[1:]:
        joined = joined + "|" + frame[part].astype(str)
    return joined


def run_labels(frame: pd.DataFrame, *, nameless: str = "row") -> pd.Series:
    """Return the identity of each row's run: its name within its family; a row without one is its own."""
    named = labels(frame, "family:run") if "family" in frame.columns else frame["run"].astype(str)
    missing = frame["run"].isna() | frame["run"].astype(str).isin(["", "nan", "None"])
    own = pd.Series([f"{nameless} {i}" for i in range(len(frame))], index=frame.index)
    return named.where(~missing, own)


def path_names(frame: pd.DataFrame, by: str) -> pd.Series:
    """Return the path of each row: its run, its level of another column, or one path for all (empty `by`)."""
    if not by:
        return pd.Series(["all"] * len(frame), index=frame.index)
    if by == "run":
        return run_labels(frame)
    return frame[by].astype(str)


def has_repeats(frame: pd.DataFrame) -> bool:
    """Return whether any run has several rows."""
    return "run" in frame.columns and bool(run_labels(frame).duplicated().any())
