"""Flags: remarks on rows, kept in one text column, never a reason to drop a row.

A table may carry flags of its own; ``KNOWN`` are those that this package gives.
``flags`` holds names joined by ``";"``, sorted, without repeats; ``""`` is none.
What to leave out is decided later, by name (``exclude_flags`` of a model card).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd

KNOWN = (
    "derived_params", "derived_tokens", "derived_compute", "below_chance", "compute_mismatch", "single_point_family",
    "high_loss_outlier", "corrected_tokens", "doubtful", "approximate", "third_party", "no_compute", "no_outcome",
    "repeated_score", "registry_chance", "single_model_benchmark", "empty_family", "params_from_name", "limited",
    "below_range", "not_language", "speculative", "pooled", "special_continued", "special_distilled",
    "special_multilingual", "special_multimodal", "special_synthetic", "special_upcycled", "hardly_trained", "diverged",
    "far_from_best", "not_best", "one_answer", "long_trained",
    "above_range", "repeated_x",
    "not_in_published_fit",
    "seed_repeat", "deduplicated", "other_shape", "other_design", "early_checkpoint", "untrained_domain",
)  # fmt: skip
"""Flags that the checks and loaders of this package give."""


def _split(text: object) -> set[str]:
    # A missing cell (NaN) is not a str and means: no flags.
    return {name.strip() for name in text.split(";") if name.strip()} if isinstance(text, str) else set()


def _join(names: Iterable[str]) -> str:
    return ";".join(sorted(names))


def _each(frame: pd.DataFrame, change: Callable[[set[str]], set[str]]) -> np.ndarray:
    """Return what `change` makes of each row's flags; rows with the same text are worked out once."""
    if "flags" not in frame.columns:
        return np.full(len(frame), _join(change(set())), dtype=object)
    codes, texts = pd.factorize(frame["flags"], use_na_sentinel=False)
    return np.array([_join(change(_split(text))) for text in texts], dtype=object)[codes]


def _with_flags(frame: pd.DataFrame, values: np.ndarray) -> pd.DataFrame:
    return frame.assign(flags=pd.Series(values, index=frame.index, dtype="str"))


def joined_flags(texts: pd.Series) -> str:
    """Return the flags of several rows as those of one."""
    return _join({name for text in texts for name in _split(text)})


def tidy_flags(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a copy with a ``flags`` column in its normal form.

    Parameters
    ----------
    frame : pandas.DataFrame
        Table of runs, with or without ``flags``.

    Returns
    -------
    pandas.DataFrame
        Copy whose ``flags`` are text, sorted, without repeats or gaps.
    """
    return _with_flags(frame, _each(frame, lambda names: names))


def add_flag(frame: pd.DataFrame, mask: Any, flag: str) -> pd.DataFrame:
    """Return a copy in which the marked rows carry a flag.

    Parameters
    ----------
    frame : pandas.DataFrame
        Table of runs.
    mask : array_like of bool, shape (row,)
        Rows to mark, in the order of the table.
    flag : str
        Name of the flag, without ``";"``.

    Returns
    -------
    pandas.DataFrame
        Copy with the flag added.

    Raises
    ------
    ValueError
        If the flag's name is empty or contains ``";"``, or the mask has another length.
    """
    if not flag.strip() or ";" in flag:
        raise ValueError(f"flag {flag!r} is no valid name: expected text without ';'")
    marked = np.array([bool(m) for m in mask], dtype=bool)
    if len(marked) != len(frame):
        raise ValueError(f"mask has {len(marked)} values, expected one per row ({len(frame)})")
    flagged, plain = _each(frame, lambda names: names | {flag}), _each(frame, lambda names: names)
    return _with_flags(frame, np.where(marked, flagged, plain))


def drop_flag(frame: pd.DataFrame, flag: str) -> pd.DataFrame:
    """Return a copy in which no row carries the flag; the rows stay.

    Parameters
    ----------
    frame : pandas.DataFrame
        Table of runs.
    flag : str
        Name of the flag.

    Returns
    -------
    pandas.DataFrame
        Copy without that flag.
    """
    return _with_flags(frame, _each(frame, lambda names: names - {flag}))


def has_flag(frame: pd.DataFrame, flags: str | Iterable[str]) -> pd.Series:
    """Tell which rows carry at least one of the flags.

    Parameters
    ----------
    frame : pandas.DataFrame
        Table of runs; without a ``flags`` column no row carries any.
    flags : str or iterable of str
        One name or several.

    Returns
    -------
    pandas.Series
        Boolean, with the index of the table.
    """
    wanted = {flags} if isinstance(flags, str) else set(flags)
    texts = frame["flags"] if "flags" in frame.columns else [""] * len(frame)
    return pd.Series([bool(_split(text) & wanted) for text in texts], index=frame.index, dtype=bool)


def flag_counts(frame: pd.DataFrame) -> dict[str, int]:
    """Count the rows that carry each flag.

    Parameters
    ----------
    frame : pandas.DataFrame
        Table of runs.

    Returns
    -------
    dict of str to int
        Number of rows by flag, sorted by name.
    """
    counts: Counter[str] = Counter()
    for text in frame["flags"] if "flags" in frame.columns else ():
        counts.update(_split(text))
    return dict(sorted(counts.items()))
