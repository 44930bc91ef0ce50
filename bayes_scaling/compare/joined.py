"""What several laws say of the same rows.

Laws may leave different rows of one table out. A held-out row is therefore known by its index in the table
that was given, and a left-out unit by what its rows say of themselves: never by position among the used rows,
and never by what units without a name are called, which follows from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_scaling.data.validate import IDENTIFIERS
from bayes_scaling.errors import ForecastError, listed
from bayes_scaling.forecasts import words

if TYPE_CHECKING:
    from bayes_scaling.check import Loo
    from bayes_scaling.compare.backtest import Backtest
    from bayes_scaling.fit import Fit

_KEY, _CHECKED = ["fold", "table_row"], ["observed", "cut"]


def common_rows(backtests: Mapping[str, Backtest]) -> tuple[pd.DataFrame, list[str]]:
    """Return log densities of the held-out rows that every law forecast, and notes on what limits them.

    Returns
    -------
    DataFrame
        ``fold``, ``table_row``, ``unit`` (as the first backtest calls it), and a column of ``lpd`` per law.
    list of str

    Raises
    ------
    ForecastError
        One law only, no common row, rows of one index that were measured differently.
    """
    if len(backtests) < 2:
        raise ForecastError(f"weights need at least two laws; found {listed(backtests)}.")
    first = next(iter(backtests))
    notes, joined, most = [], pd.DataFrame(), 0
    for name, one in backtests.items():
        if one.banner:
            notes.append(f"{name}: {one.banner}")
        part = one.frame[[*_KEY, "unit", *_CHECKED, "lpd"]].rename(columns={"lpd": name})
        part = part.assign(table_row=part["table_row"].astype(str))
        most = max(most, len(part))
        if name == first:
            joined = part
            continue
        joined = joined.merge(part.drop(columns="unit"), on=_KEY, suffixes=("", "_too"))
        _check_same_rows(joined, first, name)
        notes += _other_cuts(joined, first, name)
        joined = joined.drop(columns=[f"{c}_too" for c in _CHECKED])
    if joined.empty:
        raise ForecastError(
            f"the backtests of {listed(backtests)} share no held-out row; make them on the same table and folds."
        )
    if len(joined) < most:
        notes.append(f"weights rest on the {len(joined)} held-out rows that every law forecast, of {most}.")
    return joined, notes


def _apart(joined: pd.DataFrame, column: str) -> np.ndarray:
    """Return which rows differ in a column between two backtests, shape (row,)."""
    one, other = (joined[c].to_numpy(dtype=float) for c in (column, f"{column}_too"))
    return ~np.isclose(one, other, rtol=1e-9, atol=0, equal_nan=True)


def _check_same_rows(joined: pd.DataFrame, first: str, name: str) -> None:
    """Raise where rows of one index in the table were measured differently: they are not the same rows."""
    apart = _apart(joined, "observed")
    if apart.any():
        row = joined[apart].iloc[0]
        raise ForecastError(
            f"{int(apart.sum())} of {len(joined)} held-out rows of {first} and {name} have the same index but another "
            f"outcome (row {row['table_row']}: {row['observed']:.6g} and {row['observed_too']:.6g}); expected "
            "backtests of one table. Give the same table, with the same index, to every law."
        )


def _other_cuts(joined: pd.DataFrame, first: str, name: str) -> list[str]:
    """Return a note on folds of one name that were cut at different scales, as laws use rows up to another largest."""
    folds = joined.loc[_apart(joined, "cut"), "fold"].unique()
    if not len(folds):
        return []
    return [
        f"{first} and {name} were cut at different scales in {listed(folds, 3)}, because they use different rows; "
        "absolute scales (cuts=) are the same for both."
    ]


def by_unit(density: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """Return log densities of :func:`common_rows`, averaged over rows, then folds: shape (unit, law)."""
    blocks = density.groupby(["unit", "fold"], sort=False)[list(names)].mean()
    return blocks.groupby("unit", sort=False).mean().to_numpy(dtype=float)


def common_units(
    fits: Mapping[str, Fit], names: Sequence[str], loos: Mapping[str, Loo] | None = None
) -> tuple[np.ndarray, list[str]]:
    """Return log densities of the left-out units that every fit has, shape (unit, law), and notes.

    Parameters
    ----------
    fits : mapping of str to Fit
    names : sequence of str
        The laws, each with a fit.
    loos : mapping of str to Loo, optional
        Leave-one-out of these fits; made here when left out.

    Raises
    ------
    ForecastError
        A law without a fit, other outcomes or kinds of unit, no common unit.
    """
    from bayes_scaling.check import loo

    missing = [n for n in names if n not in fits]
    if missing:
        raise ForecastError(f"no fit is given for {listed(missing)}; give one per law, or leave fits out.")
    found = {name: loo(fits[name]) if loos is None else loos[name] for name in names}
    kinds = {name: f"{fits[name].spec.outcome} by {one.table['unit'].iloc[0]}" for name, one in found.items()}
    if len(set(kinds.values())) > 1:
        raise ForecastError(
            f"leave-one-out of the fits has different units ({kinds}); fit the same outcome with like noise."
        )
    keys = _unit_keys(
        [fits[n].frame for n in names], [found[n].unit_of_row for n in names], fits[names[0]].spec.outcome
    )
    elpd = [pd.Series(found[n].pointwise["elpd"].to_numpy(), index=k) for n, k in zip(names, keys, strict=True)]
    joined, most = pd.concat(elpd, axis=1, join="inner"), max(len(e) for e in elpd)
    if joined.empty:
        raise ForecastError(f"the fits of {listed(names)} share no left-out unit; fit the same table.")
    notes = [] if len(joined) == most else [f"loo_weight rests on the {len(joined)} units of every fit, of {most}."]
    for name, one in found.items():
        if bad := int(one.table["bad_k"].iloc[0]):
            why = f" ({one.note})" if one.note else ""
            notes.append(
                f"{name}: {words.counted(bad, 'unit')} with a Pareto k above its limit; loo_weight is unsure{why}"
            )
    return joined.to_numpy(), notes


def _unit_keys(frames: list[pd.DataFrame], codes: list[np.ndarray], outcome: str) -> list[list[str]]:
    """Return what names each unit of each fit: all its rows, by the columns that say which they are and the outcome."""
    shared = [c for c in (*IDENTIFIERS, outcome) if all(c in frame.columns for frame in frames)]
    keys = []
    for frame, code in zip(frames, codes, strict=True):
        plain = {c: frame[c] if pd.api.types.is_numeric_dtype(frame[c]) else frame[c].astype(str) for c in shared}
        told = pd.DataFrame(plain).astype(object).apply(lambda row: repr(tuple(row)), axis=1)
        row = told + "#" + told.groupby(told).cumcount().astype(str)
        keys.append(row.groupby(code).agg(lambda rows: " ".join(sorted(rows))).tolist())
    return keys
