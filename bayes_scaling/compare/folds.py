"""What a backtest holds out: the largest scales, or whole families but their smallest member."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from bayes_scaling.errors import DataError, ForecastError, did_you_mean, listed
from bayes_scaling.forecasts import words
from bayes_scaling.model import Rows, encode
from bayes_scaling.model.labels import labels, run_labels
from bayes_scaling.model.spec import ModelSpec

BEYOND = (10.0,)  # held out by default: what is more than a tenth of the largest scale
SCALES = ("compute", "params", "tokens", "seen", "step")
_ROUND = 1 + 1e-9  # a cut that is a row's own scale keeps that row for training


@dataclass(frozen=True)
class Fold:
    """One split of the used rows.

    Attributes
    ----------
    name : str
    train : ndarray of bool, shape (row,)
        The rows to fit; the others are held out.
    cut : ndarray, shape (row,)
        Largest scale allowed into training, for the row's curve; NaN where a family is held out.
    horizon : ndarray, shape (row,)
        Scale over the largest training scale of the row's curve or family, or of all rows where there is none.
    """

    name: str
    train: np.ndarray
    cut: np.ndarray
    horizon: np.ndarray


@dataclass(frozen=True)
class Split:
    """How a backtest splits a table.

    Attributes
    ----------
    over : str
        Column of the scale.
    beyond : sequence of float
        Factors: a fold each, trained on rows up to the largest scale over the factor.
    cuts : sequence of float
        Absolute scales: a fold each, trained on rows up to the scale.
    within : str
        Column (or interaction such as ``family:task``) whose levels are cut separately by ``beyond``.
    families : bool
        Hold out each family but its smallest member instead, one fold per family. A member (run, else model, else
        row) is as large as its largest scale; compute decides between equal ones, then the order of the table,
        with a notice.
    """

    over: str = ""
    beyond: Sequence[float] = ()
    cuts: Sequence[float] = ()
    within: str = ""
    families: bool = False

    def __post_init__(self) -> None:
        if self.families and (self.beyond or self.cuts or self.within):
            raise ForecastError("families=True holds out families; leave beyond, cuts and within out.")
        for factor in self.beyond:
            if not factor > 1:
                raise ForecastError(f"beyond = {factor!r}; expected a factor above 1, such as 10 (train below max/10).")
        for cut in self.cuts:
            if not cut > 0:
                raise ForecastError(f"cuts holds {cut!r}; expected a positive scale, such as 1e21.")


@dataclass(frozen=True)
class Folds:
    """The folds of a table, with the scale, the independent unit of each row, and notices in sentences."""

    folds: tuple[Fold, ...]
    over: str
    scale: np.ndarray
    unit: np.ndarray
    unit_name: str
    notices: tuple[str, ...] = field(default=())


def make_folds(spec: ModelSpec, rows: Rows, split: Split) -> Folds:
    """Return the folds of an encoded table, each checked.

    Raises
    ------
    ForecastError
        No scale column, a cut that holds out nothing or leaves nothing, a family without training rows.
    """
    over, scale = scale_of(spec, rows.frame, split.over)
    curve: np.ndarray | None = None
    if split.families:
        curve = _column(rows.frame, "family")
        folds, notices = _family_folds(rows.frame, scale, curve)
        unit, unit_name = curve, "family"
    else:
        curve = _column(rows.frame, split.within) if split.within else None
        folds, notices = list(_scale_folds(split, over, scale, curve)), []
        unit, unit_name = (curve, split.within) if curve is not None else _runs(rows.frame)
    for fold in folds:
        _check_fold(fold, over, scale)
        _check_levels(spec, rows, fold, split)
        _check_encodes(spec, rows, fold)
        if not split.families:
            named = {g: np.array(rows.coords[g], dtype=object)[rows.index[g]] for g in spec.groups if g in rows.coords}
            notices += _new_levels(fold, named if curve is None else {**named, split.within: curve})
    return Folds(tuple(folds), over, scale, unit, unit_name, tuple(notices))


def scale_of(spec: ModelSpec, frame: pd.DataFrame, over: str = "") -> tuple[str, np.ndarray]:
    """Return the scale's column and values: the one asked for, the law's own, or compute.

    Raises
    ------
    ForecastError
        The table lacks it, or it is not a positive number in every row.
    """
    numeric = [c for c in frame.columns if pd.api.types.is_numeric_dtype(frame[c]) and c != spec.outcome]
    own = list(spec.law.scales.values())
    usual = [*(own if len(own) == 1 else ()), *SCALES, *own]
    chosen = over or next((c for c in usual if c in numeric), "")
    if not chosen:
        raise ForecastError(
            f"the table has no column of scale ({listed(SCALES)}); it has {listed(frame.columns)}. Add one of these, "
            "or name another positive column with over=."
        )
    if chosen not in numeric:
        found = "is not a column of numbers" if chosen in frame.columns else "is not in the table"
        raise ForecastError(
            f"over = {chosen!r} {found}; expected one of {listed(numeric)}." + did_you_mean(chosen, numeric)
        )
    scale = frame[chosen].to_numpy(dtype=float)
    bad = int((~(scale > 0) | ~np.isfinite(scale)).sum())
    if bad:
        raise ForecastError(
            f"column {chosen!r} is missing or not positive in {bad} of {len(scale)} rows, which can be neither below "
            "nor beyond a cut. Complete it, leave these rows out, or choose another scale with over=."
        )
    return chosen, scale


def _column(frame: pd.DataFrame, group: str) -> np.ndarray:
    for part in group.split(":"):
        if part not in frame.columns:
            raise ForecastError(
                f"the table has no column {part!r}; it has {listed(frame.columns)}." + did_you_mean(part, frame.columns)
            )
    return (run_labels(frame) if group == "run" else labels(frame, group)).to_numpy(dtype=object)


def _runs(frame: pd.DataFrame) -> tuple[np.ndarray, str]:
    """Return what is independent where nothing else is said: runs, else rows."""
    if "run" in frame.columns:
        return run_labels(frame).to_numpy(dtype=object), "run"
    return np.array([f"row {i}" for i in range(len(frame))], dtype=object), "row"


def _scale_folds(split: Split, over: str, scale: np.ndarray, curve: np.ndarray | None) -> Iterator[Fold]:
    """Yield a fold per cut, absolute ones first."""
    each = f" of each {split.within}" if curve is not None else ""
    largest = _largest(scale, np.ones(len(scale), dtype=bool), curve)
    limits = [(f"{over} above {c:g}", np.full(len(scale), float(c))) for c in split.cuts]
    factors = split.beyond or (() if split.cuts else BEYOND)
    limits += [(f"{over} above max/{f:g}{each}", largest / f) for f in factors]
    for name, cut in limits:
        train = scale <= cut * _ROUND
        yield Fold(name, train, cut, _horizon(scale, train, curve))


def _largest(scale: np.ndarray, among: np.ndarray, curve: np.ndarray | None) -> np.ndarray:
    """Return the largest scale among some rows of each row's curve (of all where it has none), shape (row,)."""
    overall = scale[among].max() if among.any() else np.nan
    if curve is None:
        return np.full(len(scale), overall)
    by_curve = pd.Series(scale[among]).groupby(curve[among]).max()
    return pd.Series(curve).map(by_curve).fillna(overall).to_numpy(dtype=float)


def _horizon(scale: np.ndarray, train: np.ndarray, curve: np.ndarray | None) -> np.ndarray:
    return scale / _largest(scale, train, curve)


def _family_folds(frame: pd.DataFrame, scale: np.ndarray, family: np.ndarray) -> tuple[list[Fold], list[str]]:
    """Return a fold per family with several members: all rows but those of its smallest member."""
    member = next((c for c in ("run", "model") if c in frame.columns), "")
    names = run_labels(frame) if member == "run" else frame[member] if member else pd.Series(range(len(frame)))
    named = names.astype(str).to_numpy(dtype=object)
    compute = frame["compute"].to_numpy(dtype=float) if "compute" in frame.columns else np.full(len(frame), np.nan)
    folds, single, tied = [], [], []
    for level in dict.fromkeys(family):
        own = family == level
        smallest = _smallest(named[own], scale[own], compute[own])
        held = own & (named != smallest[0])
        if not held.any():
            single.append(level)
            continue
        if len(smallest) > 1:
            tied.append(f"{level} ({listed(smallest, 3)})")
        nowhere = np.full(len(scale), np.nan)
        folds.append(Fold(f"family {level}", ~held, nowhere, _horizon(scale, ~held, family)))
    if not folds:
        raise ForecastError(f"no family has two members ({listed(single)}), so none can be held out but its smallest.")
    alone = f"{len(single)} families have one member and are never held out: {listed(single, 6)}."
    equal = f"in {len(tied)} families several members are the smallest; the first in the table is kept: {listed(tied)}."
    return folds, [*([alone] if single else []), *([equal] if tied else [])]


def _smallest(members: np.ndarray, scale: np.ndarray, compute: np.ndarray) -> list[str]:
    """Return the smallest members of a family, in the order of the table: several where they are equally large.

    A member is as large as its largest scale, not its first checkpoint; compute decides between equal ones.
    """
    sizes = pd.DataFrame({"scale": scale, "compute": compute}).groupby(members, sort=False).max()
    for column in ("scale", "compute"):
        if sizes[column].notna().all():
            sizes = sizes[sizes[column] <= sizes[column].min() * _ROUND]
    return [str(name) for name in sizes.index]


# ---- checks ---------------------------------------------------------------------------------


def _check_fold(fold: Fold, over: str, scale: np.ndarray) -> None:
    if fold.train.all():
        raise ForecastError(
            f"{fold.name}: nothing is held out; {over} goes from {scale.min():g} to {scale.max():g}. Choose a cut "
            "below the largest, or a factor (beyond=) above 1."
        )
    if not fold.train.any():
        raise ForecastError(
            f"{fold.name}: no row is left to train on; {over} goes from {scale.min():g} to {scale.max():g}. Choose a "
            "higher cut, or a smaller factor (beyond=)."
        )


def _check_levels(spec: ModelSpec, rows: Rows, fold: Fold, split: Split) -> None:
    """Raise where a level that has to be fitted keeps no training row.

    Runs and cells are forecast as new draws of their population; a family, or a level that is pooled
    with no other, would be forecast from its prior alone.
    """
    for parameter, group, kind in spec.all_effects():
        if kind != "none" and group not in ("family", split.within):
            continue
        code = rows.index[group]
        lost = np.setdiff1d(code[~fold.train], code[fold.train])
        if len(lost):
            names = listed([rows.coords[group][i] for i in lost], 6)
            why = "its own value" if kind == "none" else "an effect"
            raise ForecastError(
                f"{fold.name}: {group} {names} would have no training row, but {parameter.name} has {why} for each "
                f"{group} (pooling {kind}). Choose a higher cut or a smaller factor, cut within={group!r}, leave these "
                "rows out, or families=True, which keeps the smallest member."
            )


def _new_levels(fold: Fold, named: Mapping[str, np.ndarray]) -> list[str]:
    """Return a sentence per group of which held-out rows have levels without a training row."""
    told = []
    for group, level in named.items():
        new = sorted(set(level[~fold.train]) - set(level[fold.train]))
        if new:
            told.append(f"{fold.name}: {len(new)} {group} have no training row ({listed(new, 3)}); "
                        "they are forecast as new ones.")  # fmt: skip
    return told


def _check_encodes(spec: ModelSpec, rows: Rows, fold: Fold) -> None:
    """Raise where the training rows alone could not be fitted, for example all at one scale."""
    try:
        encode(spec, rows.frame[fold.train])
    except DataError as error:
        raise ForecastError(
            f"{fold.name}: its {words.counted(int(fold.train.sum()), 'training row')} cannot be fitted: {error}"
        ) from error
