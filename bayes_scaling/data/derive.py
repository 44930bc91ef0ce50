"""What follows from the columns of a checked table: compute, tokens, parameters, and flags.

One rule: C = 6 * active_params * tokens (Kaplan et al. 2020, arXiv:2001.08361, section 2.1),
with ``active_params`` equal to ``params`` unless given.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayes_scaling.data.columns import FLOP_PER_PARAM_TOKEN
from bayes_scaling.data.flags import add_flag, drop_flag, tidy_flags

MISMATCH_FACTOR = 3.0
"""Given and derived compute that differ by more than this are flagged."""


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    if name in frame.columns:
        return frame[name].astype("float64")
    return pd.Series(np.nan, index=frame.index, dtype="float64")


def active_params(frame: pd.DataFrame) -> pd.Series:
    """Return the parameters used per token, which are all of them unless stated.

    Parameters
    ----------
    frame : pandas.DataFrame
        Table of runs.

    Returns
    -------
    pandas.Series
        Count as float64, NaN where unknown.
    """
    return _column(frame, "active_params").fillna(_column(frame, "params"))


def derived_columns(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """Work out what is missing of params, tokens and compute, row by row.

    Parameters
    ----------
    frame : pandas.DataFrame
        Table of runs with numeric columns.

    Returns
    -------
    dict of str to pandas.Series
        For each of the three, the derived value where it is missing and the
        other two are known, NaN elsewhere.
    """
    params, tokens, compute = (_column(frame, name) for name in ("params", "tokens", "compute"))
    active = active_params(frame)
    # Total parameters of a sparse model cannot be derived: the rule gives the active ones only.
    dense = params.isna() & _column(frame, "active_params").isna()
    with np.errstate(all="ignore"):
        return {
            "params": (compute / (FLOP_PER_PARAM_TOKEN * tokens)).where(dense),
            "tokens": (compute / (FLOP_PER_PARAM_TOKEN * active)).where(tokens.isna()),
            "compute": (FLOP_PER_PARAM_TOKEN * active * tokens).where(compute.isna()),
        }


def fill_derived(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a copy with params, tokens and compute filled in and flagged.

    Parameters
    ----------
    frame : pandas.DataFrame
        Table of runs with numeric columns.

    Returns
    -------
    pandas.DataFrame
        Copy; rows filled in carry ``derived_params``, ``derived_tokens`` or
        ``derived_compute``. A column of which nothing is known is not added.
    """
    found = derived_columns(frame)
    frame = tidy_flags(frame)
    for name, values in found.items():
        filled = values.notna()
        if filled.any():
            frame[name] = _column(frame, name).fillna(values)
            frame = add_flag(frame, filled, f"derived_{name}")
    return frame


def compute_ratio(frame: pd.DataFrame) -> pd.Series:
    """Return compute over 6 * active_params * tokens by row, NaN where one of them is unknown.

    Parameters
    ----------
    frame : pandas.DataFrame
        Table of runs.

    Returns
    -------
    pandas.Series
        1 where compute follows the rule.
    """
    with np.errstate(all="ignore"):
        return _column(frame, "compute") / (FLOP_PER_PARAM_TOKEN * active_params(frame) * _column(frame, "tokens"))


def mark_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a copy with the flags that follow from the values.

    They are worked out anew each time, so that a subset of a checked table
    does not keep a flag that was true of the whole table only.

    Parameters
    ----------
    frame : pandas.DataFrame
        Table of runs after :func:`fill_derived`.

    Returns
    -------
    pandas.DataFrame
        Copy with ``below_chance``, ``compute_mismatch`` and ``single_point_family``.
    """
    ratio = compute_ratio(frame)
    marks = {
        "below_chance": _column(frame, "accuracy") < _column(frame, "chance"),
        "compute_mismatch": (ratio > MISMATCH_FACTOR) | (ratio < 1 / MISMATCH_FACTOR),
        "single_point_family": _single_point(frame),
    }
    for flag, mask in marks.items():
        frame = add_flag(drop_flag(frame, flag), mask, flag)
    return frame


def _single_point(frame: pd.DataFrame) -> pd.Series:
    """Mark the rows of families seen at one scale only: nothing can be said about their slope."""
    if "family" not in frame.columns:
        return pd.Series(False, index=frame.index)
    # A long table has a row per model and benchmark, so that rows are not points.
    scale = [name for name in ("params", "active_params", "tokens", "compute", "seen") if name in frame.columns]
    if not scale:
        return frame["family"].notna() & ~frame["family"].duplicated(keep=False)
    points = frame[["family", *scale]].drop_duplicates()["family"].value_counts()
    return frame["family"].map(points).eq(1)
