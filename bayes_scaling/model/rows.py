"""From a checked table to what a model reads: inputs, outcome, group indices, notices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from bayes_scaling.data import check_runs, has_flag
from bayes_scaling.errors import DataError, did_you_mean, listed
from bayes_scaling.model.spec import ModelSpec

SCALES = ("params", "tokens", "compute")  # any one is derived from the other two


@dataclass(frozen=True)
class Rows:
    """The rows a model reads.

    Attributes
    ----------
    frame : DataFrame
        The used rows, index 0..n-1.
    coords : dict of str to list
        Levels of every group and interaction, and of `run` where a run effect is modelled.
    index : dict of str to ndarray
        Position of each row's level in ``coords``, shape (row,).
    inputs : dict of str to ndarray
        The law's inputs, shape (row,).
    left_out : dict of str to int
        Number of rows left out, by reason.
    notices : tuple of str
        What was switched off or looks doubtful, in sentences.
    """

    frame: pd.DataFrame
    coords: dict[str, list[str]]
    index: dict[str, np.ndarray]
    inputs: dict[str, np.ndarray]
    left_out: dict[str, int] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.frame)

    def column(self, name: str, default: float | None = None) -> np.ndarray:
        """Return a numeric column, shape (row,), or a constant where the table lacks it."""
        if name in self.frame.columns:
            return self.frame[name].to_numpy(dtype=float)
        return np.full(len(self.frame), np.nan if default is None else default)


def labels(frame: pd.DataFrame, group: str) -> pd.Series:
    """Return the level of each row in a group; an interaction joins its parts with ``|``."""
    parts = group.split(":")
    joined = frame[parts[0]].astype(str)
    for part in parts[1:]:
        joined = joined + "|" + frame[part].astype(str)
    return joined


def group_columns(spec: ModelSpec) -> list[str]:
    """Return the columns that groups need, in order and once."""
    return list(dict.fromkeys(part for g in spec.groups for part in g.split(":")))


def choose_rows(
    frame: pd.DataFrame, spec: ModelSpec, exclude_flags: Sequence[str] = ()
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Check a table and leave out, with counts, the rows that this model does not use."""
    outcome = spec.outcome
    checked = check_runs(frame, require=[] if outcome in frame.columns else [outcome])
    left_out: dict[str, int] = {}

    def leave(mask: pd.Series, reason: str) -> pd.DataFrame:
        if mask.any():
            left_out[reason] = int(mask.sum())
        return checked[~mask]

    checked = leave(checked[outcome].isna(), f"no {outcome}")
    for flag in exclude_flags:
        checked = leave(has_flag(checked, [flag]), f"flag {flag}")
    for item in spec.law.inputs:
        if item.name in checked.columns and item.name in SCALES:
            checked = leave(checked[item.name].isna(), f"no {item.name}")
    if checked.empty:
        raise DataError(
            f"no row is left for law {spec.law.name}: of {len(frame)} rows, left out were "
            f"{', '.join(f'{n} ({why})' for why, n in left_out.items())}. Check the outcome and exclude_flags."
        )
    needed = [*group_columns(spec), *(i.name for i in spec.law.inputs)]
    return _plain(check_runs(checked, require=needed)), left_out


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with numbers as float64 and missing text as "", as a saved fit holds it."""
    plain = frame.reset_index(drop=True).copy()
    for name in plain.columns:
        column = plain[name]
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            plain[name] = column.astype(np.float64)
        elif not pd.api.types.is_bool_dtype(column):
            plain[name] = column.astype(object).where(column.notna(), "").astype("str")
    return plain


def resolve(spec: ModelSpec, frame: pd.DataFrame) -> tuple[ModelSpec, list[str]]:
    """Settle what only data can settle; return the specification and notices in sentences."""
    notices = []
    if spec.noise.observation == "auto":
        spec, notice = _settle_observation(spec, frame)
        notices += [notice] if notice else []
    for group in list(spec.groups):
        levels = labels(frame, group).nunique()
        if levels == 1:
            spec = spec.without_group(group)
            notices.append(f"group {group} has one level in these rows; its effects are switched off.")
    if spec.noise.run_effect and not _has_repeats(frame):
        spec = replace(spec, noise=replace(spec.noise, run_effect=False))
        notices.append("no run has several rows, so the run effect is switched off.")
    return spec, notices


def _settle_observation(spec: ModelSpec, frame: pd.DataFrame) -> tuple[ModelSpec, str]:
    notice = ""
    if spec.outcome == "loss":
        kind = "student_t"
    elif "n_items" in frame.columns and frame["n_items"].notna().all():
        kind = "beta_binomial"
    else:
        kind = "beta"
        named = {"overdispersion", *(k for k in spec.priors if k.startswith("overdispersion"))}
        used = sorted(named & ({*spec.pooling} | {*spec.priors}))
        if used:
            where = frame["n_items"].isna() if "n_items" in frame.columns else pd.Series(True, index=frame.index)
            raise DataError(
                f"the model sets {listed(used)} of beta-binomial noise, but {int(where.sum())} rows lack n_items, so "
                "that accuracy would get beta noise. Give n_items, leave those rows out, or set precision instead."
            )
        missing = len(frame) if "n_items" not in frame.columns else int(frame["n_items"].isna().sum())
        notice = (
            f"n_items is unknown in {missing} of {len(frame)} rows, so accuracy gets beta, not beta-binomial noise."
        )
    return replace(spec, noise=replace(spec.noise, observation=kind)), notice


def _has_repeats(frame: pd.DataFrame) -> bool:
    return "run" in frame.columns and bool(run_labels(frame).duplicated().any())


def run_labels(frame: pd.DataFrame, *, nameless: str = "row") -> pd.Series:
    """Return the identity of each row's run: its name within its family; a row without one is its own."""
    named = labels(frame, "family:run") if "family" in frame.columns else frame["run"].astype(str)
    missing = frame["run"].isna() | frame["run"].astype(str).isin(["", "nan", "None"])
    own = pd.Series([f"{nameless} {i}" for i in range(len(frame))], index=frame.index)
    return named.where(~missing, own)


def _check_variation(spec: ModelSpec, frame: pd.DataFrame) -> None:
    for item in spec.law.inputs:
        if item.reference is None:
            continue
        values = frame[item.name].to_numpy(dtype=float)
        if np.ptp(np.log(values)) < 1e-6:
            raise DataError(
                f"column {item.name!r} takes one value ({values[0]:g}) in all {len(values)} rows; law "
                f"{spec.law.name} needs runs of at least two different {item.name}, better four over a factor of "
                f"ten. Add such runs or choose a law without {item.name}."
            )


def _check_counts(spec: ModelSpec, frame: pd.DataFrame) -> None:
    if spec.noise.observation != "beta_binomial":
        return
    if "n_items" not in frame.columns or frame["n_items"].isna().any():
        where = frame["n_items"].isna() if "n_items" in frame.columns else pd.Series(True, index=frame.index)
        tasks: list[str] = list(frame.loc[where, "task"].unique()) if "task" in frame.columns else []
        raise DataError(
            f"beta_binomial noise needs column 'n_items' in every row; missing in {int(where.sum())} rows "
            f"(tasks: {listed(tasks)}). Give n_items, or use noise.observation = 'beta'."
        )


def encode(spec: ModelSpec, frame: pd.DataFrame, *, exclude_flags: Sequence[str] = ()) -> tuple[ModelSpec, Rows]:
    """Turn a table into the rows of a model, and settle the specification on them.

    Parameters
    ----------
    spec : ModelSpec
    frame : DataFrame
        Table of runs in the package's vocabulary.
    exclude_flags : sequence of str
        Rows with one of these flags are left out and counted.

    Returns
    -------
    (ModelSpec, Rows)
        The specification with `auto` settled and unidentifiable parts switched off, and the rows.

    Raises
    ------
    DataError
        Missing columns, bad values, all runs at one size, no row left.
    """
    used, left_out = choose_rows(frame, spec, exclude_flags)
    settled, notices = resolve(spec, used)
    _check_variation(settled, used)
    _check_counts(settled, used)
    notices += flag_notices(settled, used)
    coords: dict[str, list[str]] = {}
    index: dict[str, np.ndarray] = {}
    for group in dict.fromkeys(g for _, g, _ in settled.all_effects()):
        codes, levels = pd.factorize(labels(used, group), sort=True)
        coords[group], index[group] = [str(v) for v in levels], codes.astype(np.int64)
    if settled.noise.run_effect:
        codes, levels = pd.factorize(run_labels(used), sort=True)
        coords["run"], index["run"] = [str(v) for v in levels], codes.astype(np.int64)
    inputs = {i.name: used[i.name].to_numpy(dtype=float) for i in settled.law.inputs}
    return settled, Rows(used, coords, index, inputs, left_out, tuple(notices))


def flag_notices(spec: ModelSpec, frame: pd.DataFrame) -> list[str]:
    """Return sentences about rows that are used but flagged."""
    notices = []
    below = int(has_flag(frame, ["below_chance"]).sum())
    if spec.outcome == "accuracy" and below:
        notices.append(f"{below} of {len(frame)} rows lie below chance; they are used (scatter at the floor).")
    if "family" in spec.groups:
        unit = "run" if "run" in frame.columns else None
        sizes = frame.groupby("family")[unit].nunique() if unit else frame.groupby("family").size()
        single = sizes[sizes == 1]
        if len(single):
            notices.append(
                f"{len(single)} of {len(sizes)} families have one run ({listed(single.index, 4)}); "
                "their effects rest on the population."
            )
    return notices


def observed(spec: ModelSpec, rows: Rows) -> dict[str, Any]:
    """Return what the likelihood reads: y on the modelled scale, chance, and for counts n_items."""
    data: dict[str, Any] = {"chance": rows.column("chance", 0.0)}
    outcome = rows.column(spec.outcome)
    data[spec.outcome] = outcome
    if spec.noise.observation == "beta_binomial":
        data["n_items"] = np.round(rows.column("n_items")).astype(np.int64)
        data["y"] = np.round(outcome * data["n_items"]).astype(np.int64)
        data["log_choose"] = log_choose(data["n_items"], data["y"])
    else:
        data["y"] = np.log(outcome) if spec.outcome == "loss" else outcome
    return data


def log_choose(items: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Return the log binomial coefficient, shape (row,)."""
    return special.gammaln(items + 1) - special.gammaln(count + 1) - special.gammaln(items - count + 1)


def locate(
    spec: ModelSpec, coords: dict[str, list[str]], frame: pd.DataFrame
) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
    """Return each row's position among fitted levels; new levels get positions after them.

    Returns
    -------
    index : dict of str to ndarray
        Shape (row,); a position >= the number of fitted levels is a new one.
    new : dict of str to list
        The new levels by group, in order of position.
    """
    index, new = {}, {}
    for group in dict.fromkeys(g for _, g, _ in spec.all_effects()):
        found = labels(frame, group)
        fitted = coords[group]
        unseen = [v for v in dict.fromkeys(found) if v not in set(fitted)]
        position = {v: i for i, v in enumerate([*fitted, *unseen])}
        index[group] = found.map(position).to_numpy(dtype=np.int64)
        if unseen:
            new[group] = unseen
    return index, new


def unknown_level_message(group: str, level: str, fitted: list[str]) -> str:
    """Return the sentence about a level that was not fitted."""
    return f"{group} {level!r} was not fitted; fitted are {listed(fitted)}." + did_you_mean(level, fitted)
