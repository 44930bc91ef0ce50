"""Sizes in words: cells such as ``"7B"``, ``"350M"`` or ``"2T"`` in columns of parameters and tokens."""

from __future__ import annotations

import pandas as pd

COLUMNS_WITH_SIZES = ("params", "active_params", "tokens", "unique_tokens")
UNITS = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
EXPERTS = r"\d+\s*[x×]\s*\d+(?:\.\d+)?\s*[mbt]"
_SIZE = r"(?P<number>\d+(?:\.\d*)?|\.\d+)\s*(?P<unit>k|m|bn?|t|thousand|million|billion|trillion)"


def read_sizes(cells: pd.Series) -> pd.Series:
    """Return cells as counts, where they are a number and K, M, B, T or the word for it.

    Parameters
    ----------
    cells : pandas.Series
        Cells of any kind.

    Returns
    -------
    pandas.Series
        Counts as float64, NaN where a cell is no such size.
    """
    parts = cells.astype("str").str.strip().str.lower().str.extract(f"^{_SIZE}$")
    return parts["number"].astype("float64") * parts["unit"].str[:1].map(UNITS).astype("float64")


def experts(cells: pd.Series) -> pd.Series:
    """Tell which cells are the size of a mixture of experts, such as ``"8x7B"``.

    Parameters
    ----------
    cells : pandas.Series
        Cells of any kind.

    Returns
    -------
    pandas.Series
        Boolean.
    """
    return cells.astype("str").str.strip().str.fullmatch(EXPERTS, case=False).fillna(False).astype(bool)


def size_in_name(names: pd.Series) -> pd.Series:
    """Return the size that a model's name states, such as 7e9 of ``"llama-7b-chat"``.

    Parameters
    ----------
    names : pandas.Series
        Names of models.

    Returns
    -------
    pandas.Series
        Parameters as float64. NaN where a name states none, several, or that of a mixture of experts.
    """
    text = names.astype("str").str.lower()
    # A letter or a digit before or after makes it part of another word, as in "v1.5b2" or "8x7b".
    found = text.str.findall(r"(?<![a-z0-9.])(\d+(?:\.\d+)?[mb])(?![a-z0-9])").map(set)
    single = found.map(lambda sizes: next(iter(sizes)) if len(sizes) == 1 else "")
    sparse = text.str.contains(EXPERTS) | text.str.contains(r"\ba\d+(?:\.\d+)?b\b")
    return read_sizes(single).mask(sparse.fillna(False).astype(bool))
