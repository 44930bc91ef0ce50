"""From a checked table to what a model reads: inputs, outcome, group indices, notices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from bayes_scaling.data import check_runs, flag_counts, has_flag
from bayes_scaling.data.columns import COLUMNS
from bayes_scaling.data.flags import KNOWN
from bayes_scaling.data.naming import DERIVED_FROM
from bayes_scaling.errors import CardError, DataError, did_you_mean, listed
from bayes_scaling.model.along import encode_paths, settle_discrepancy
from bayes_scaling.model.discrepancy import Paths
from bayes_scaling.model.gathered import AVERAGED, check_gathered, read_averages
from bayes_scaling.model.labels import check_groups, has_repeats, labels, run_labels
from bayes_scaling.model.notices import flag_notices, lost_families
from bayes_scaling.model.spec import ModelSpec


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
        The law's inputs by their name in the formula, shape (row,); also ``averaged``, ``averaged_span`` and
        ``averaged_scatter``, of a loss, where the table has these columns.
    left_out : dict of str to int
        Number of rows left out, by reason.
    notices : tuple of str
        What was switched off or looks doubtful, in sentences.
    paths : Paths or None
        Paths of the discrepancy; each row's position among them is ``index["path"]``.
    """

    frame: pd.DataFrame
    coords: dict[str, list[str]]
    index: dict[str, np.ndarray]
    inputs: dict[str, np.ndarray]
    left_out: dict[str, int] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    paths: Paths | None = None

    def __len__(self) -> int:
        return len(self.frame)

    def path_data(self) -> dict[str, np.ndarray]:
        """Return what a discrepancy reads of the rows, by data container; empty without one."""
        return {} if self.paths is None else self.paths.containers(self.frame, self.index["path"])

    def column(self, name: str, default: float | None = None) -> np.ndarray:
        """Return a numeric column, shape (row,), or a constant where the table lacks it."""
        if name in self.frame.columns:
            return self.frame[name].to_numpy(dtype=float)
        return np.full(len(self.frame), np.nan if default is None else default)


def group_columns(spec: ModelSpec) -> list[str]:
    """Return the columns that groups need, in order and once."""
    return list(dict.fromkeys(part for g in spec.groups for part in g.split(":")))


def choose_rows(
    frame: pd.DataFrame, spec: ModelSpec, exclude_flags: Sequence[str] = ()
) -> tuple[pd.DataFrame, dict[str, int], list[str]]:
    """Check a table and leave out, with counts, the rows that this model does not use; return notices too."""
    given = set(frame.columns) if isinstance(frame, pd.DataFrame) else set(COLUMNS)
    read = (spec.outcome, *(i.column for i in spec.law.inputs))
    absent = [c for c in read if c not in given and not (c in DERIVED_FROM and set(DERIVED_FROM[c]) <= given)]
    try:
        checked = check_runs(frame, require=absent, further=spec.law.columns)  # before rows look alike
    except DataError as error:
        if not absent:
            raise
        raise DataError(f"{error}\n  Law {spec.law.name} reads {listed(read[1:])} and describes {read[0]}.") from error
    notices = _check_flags(checked, exclude_flags)
    needed = group_columns(spec)
    check_groups(needed, checked.columns)
    kept, left_out = kept_rows(checked, spec, exclude_flags)
    notices += lost_families(spec, checked, kept)
    checked = checked[kept]
    if checked.empty:
        raise DataError(
            f"no row is left for law {spec.law.name}: of {len(frame)} rows, left out were "
            f"{', '.join(f'{n} ({why})' for why, n in left_out.items())}. Check the outcome and exclude_flags."
        )
    needed += [i.column for i in spec.law.inputs]
    return _plain(check_runs(checked, require=needed, further=spec.law.columns)), left_out, notices


def kept_rows(
    checked: pd.DataFrame, spec: ModelSpec, exclude_flags: Sequence[str] = ()
) -> tuple[np.ndarray, dict[str, int]]:
    """Return which rows of a checked table a model uses, shape (row,), and the number left out by reason."""
    reasons = {f"no {spec.outcome}": checked[spec.outcome].isna()}
    reasons |= {f"flag {flag}": has_flag(checked, [flag]) for flag in exclude_flags}
    scales = [c for c in spec.law.scales.values() if c in checked.columns]
    reasons |= {f"no {column}": checked[column].isna() for column in scales}
    kept, left_out = np.ones(len(checked), dtype=bool), {}
    for reason, mask in reasons.items():
        if count := int((mask & kept).sum()):
            left_out[reason] = count
        kept &= ~mask.to_numpy()
    return kept, left_out


def _check_flags(checked: pd.DataFrame, exclude_flags: Sequence[str]) -> list[str]:
    """Raise where a flag to exclude is a typo; return notices about flags that no row bears."""
    if isinstance(exclude_flags, str):
        raise CardError(f"exclude_flags = {exclude_flags!r}; expected a list of flags: [{exclude_flags!r}].")
    borne, notices = flag_counts(checked), []
    for flag in [f for f in exclude_flags if f not in borne]:
        if flag not in KNOWN:
            raise CardError(
                f"exclude_flags names {flag!r}, which no row bears; the rows bear {listed(borne, 20)}."
                + did_you_mean(flag, {**borne, **dict.fromkeys(KNOWN)})
                + " Take it out where no row can bear it."
            )
        notices.append(f"no row bears flag {flag}, so exclude_flags leaves out none for it.")
    return notices


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
    spec, notices = settle_discrepancy(spec, frame)
    if spec.noise.observation == "auto":
        spec, notice = _settle_observation(spec, frame)
        notices += [notice] if notice else []
    for group in list(spec.groups):
        levels = labels(frame, group).nunique()
        if levels == 1:
            spec = spec.without_group(group)
            notices.append(f"group {group} has one level in these rows; its effects are switched off.")
    if spec.noise.run_effect and spec.noise.discrepancy.by == "run":
        spec = replace(spec, noise=replace(spec.noise, run_effect=False))
        notices.append("every run has a discrepancy of its own, so the run effect is switched off.")
    if spec.noise.run_effect and not has_repeats(frame):
        spec = replace(spec, noise=replace(spec.noise, run_effect=False))
        notices.append("no run has several rows, so the run effect is switched off.")
    return spec, notices


def _settle_observation(spec: ModelSpec, frame: pd.DataFrame) -> tuple[ModelSpec, str]:
    notice = ""
    if spec.outcome == "loss":
        means = AVERAGED in frame.columns and bool((frame[AVERAGED] > 1).any())
        kind = "normal" if spec.noise.discrepancy.by == "run" or means else "student_t"
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


def read_inputs(spec: ModelSpec, frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the law's inputs by their name in the formula, each from the column it reads, and those of means.

    Arrays have shape (row,).

    Raises
    ------
    DataError
        A scale that is not above zero: laws read its logarithm.
    """
    spec.law.check_values(frame)
    made = spec.law.prepare(frame)
    inputs: dict[str, np.ndarray] = {
        i.name: made[i.name] if i.name in made else frame[i.column].to_numpy(dtype=float) for i in spec.law.inputs
    }
    for name, column in spec.law.scales.items():
        low = ~(inputs[name] > 0)
        if low.any():
            raise DataError(
                f"column {column!r} is not above zero in {int(low.sum())} of {len(low)} rows; law {spec.law.name} "
                "reads its logarithm. Leave these rows out (an untrained model says nothing about a slope)."
            )
    return inputs | read_averages(frame) if spec.outcome == "loss" else inputs


def _check_variation(spec: ModelSpec, frame: pd.DataFrame) -> None:
    for name in spec.law.scales.values():
        values = frame[name].to_numpy(dtype=float)
        if np.ptp(np.log(values)) < 1e-6:
            raise DataError(
                f"column {name!r} takes one value ({values[0]:g}) in all {len(values)} rows; law "
                f"{spec.law.name} needs runs of at least two different {name}, better four over a factor of "
                f"ten. Add such runs or choose a law without {name}."
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
    CardError
        A flag to exclude that neither a row bears nor the package knows.
    """
    used, left_out, told = choose_rows(frame, spec, exclude_flags)
    settled, notices = resolve(spec, used)
    notices = [*told, *notices]
    settled.law.check_table(used)
    check_gathered(settled, used)
    inputs = read_inputs(settled, used)
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
    paths = encode_paths(settled, used, index)
    if paths is not None:
        coords["path"], index["path"] = paths.levels, paths.codes(used)
    return settled, Rows(used, coords, index, inputs, left_out, tuple(notices), paths)


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
    if spec.noise.observation == "logistic":
        data["inverse_items"] = inverse_items(rows)
    return data


def inverse_items(rows: Rows) -> np.ndarray:
    """Return one over the number of items, 0 where that is unknown, shape (row,)."""
    return np.nan_to_num(1.0 / rows.column("n_items"))


def log_choose(items: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Return the log binomial coefficient, shape (row,)."""
    return special.gammaln(items + 1) - special.gammaln(count + 1) - special.gammaln(items - count + 1)


def locate(
    spec: ModelSpec, coords: dict[str, list[str]], frame: pd.DataFrame, *, nameless: str = "row"
) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
    """Return each row's position among fitted levels; new levels get positions after them.

    Parameters
    ----------
    nameless : str
        How rows without the name of a run are called, with their number.

    Returns
    -------
    index : dict of str to ndarray
        Shape (row,); a position >= the number of fitted levels is a new one.
    new : dict of str to list
        The new levels by group, in order of position.
    """
    index, new = {}, {}
    for group in dict.fromkeys(g for _, g, _ in spec.all_effects()):
        found = labels(frame, group, nameless=nameless)
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
