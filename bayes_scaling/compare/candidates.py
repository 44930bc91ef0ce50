"""Which laws a table allows, and the rows that all of them can use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayes_scaling import laws as laws_room
from bayes_scaling.data import check_runs, has_flag
from bayes_scaling.data.columns import COLUMNS, Column
from bayes_scaling.data.flags import flag_counts
from bayes_scaling.data.naming import described, nearest_column
from bayes_scaling.errors import CardError, DataError, did_you_mean, listed
from bayes_scaling.laws import Law
from bayes_scaling.model import ModelSpec, encode, make_spec
from bayes_scaling.model.labels import check_groups
from bayes_scaling.model.rows import choose_rows, read_inputs
from bayes_scaling.model.spec import OUTCOMES

OTHER, MISSING, SPARSE = "other outcome", "missing columns", "missing in most rows"
DOMAIN, UNIDENTIFIED, FAILED = "values outside its domain", "not identified by these rows", "could not be fitted"
DERIVED = "derived_"  # begins flags that say where a value comes from, not that a row is odd
LEAST_SHARE = 0.5  # of the rows; a law that nobody asked for by name may not cost all others more

Given = str | Law | ModelSpec


@dataclass(frozen=True)
class LeftOut:
    """A law that is not compared: which, why in a few words (``kind``), and in a sentence (``reason``)."""

    law: str
    kind: str
    reason: str


@dataclass(frozen=True)
class Candidates:
    """The laws that a table allows.

    Attributes
    ----------
    specs : dict of str to ModelSpec
        By name of the law.
    frame : DataFrame
        The rows that every one of them can use, with the index of the table that was given.
    left_out : tuple of LeftOut
    notes : tuple of str
    outcome : str
    """

    specs: dict[str, ModelSpec]
    frame: pd.DataFrame
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]
    outcome: str


@dataclass(frozen=True)
class Options:
    """What all laws share: as of :func:`bayes_scaling.model.make_spec`; keys that a law lacks do not apply to it.

    ``own`` is a specification that stands for its law as it is.
    """

    groups: tuple[str, ...] = ()
    pooling: Mapping[str, Any] | None = None
    noise: Any = None
    inputs: Mapping[str, str] | None = None
    reference: Mapping[str, float] | None = None
    own: ModelSpec | None = None

    @classmethod
    def like(cls, spec: ModelSpec) -> Options:
        """Return the groups, pooling, noise and readings of a model, which stands for its own law with its priors.

        Reference scales are not shared but where another column is read: a law's priors hold at its own.
        """
        read = spec.law.readings()
        reference = {name: scale for name, scale in spec.law.reference.items() if name in read}
        return cls(spec.groups, spec.pooling, spec.noise, read, reference, spec)

    def spec(self, law: Law) -> ModelSpec:
        """Return the specification of a law with what applies to it."""
        if self.own is not None and law.name == self.own.law.name:
            return self.own
        names = {i.name for i in law.inputs}
        shared: dict[str, Any] = {"groups": self.groups, "noise": self.noise}
        shared |= {
            k: {i: v for i, v in (given or {}).items() if i in names}
            for k, given in (("inputs", self.inputs), ("reference", self.reference))
        }
        parameters = {p.name for p in make_spec(law, **shared).possible_parameters()}
        return make_spec(law, **shared, pooling={k: v for k, v in (self.pooling or {}).items() if k in parameters})

    def check(self, specs: Mapping[str, ModelSpec]) -> list[str]:
        """Raise where a key applies to no law, a typo unless it is a model's; return notes on keys that some lack."""
        notes = []
        inputs = {n: {i.name for i in s.law.inputs} for n, s in specs.items()}
        parameters = {n: {p.name for p in s.possible_parameters()} for n, s in specs.items()}
        shared = (("inputs", self.inputs, inputs), ("reference", self.reference, inputs))
        for what, given, known in (*shared, ("pooling", self.pooling, parameters)):
            for key in given or {}:
                has = [name for name, keys in known.items() if key in keys]
                if not has and self.own is not None:
                    continue  # a key of the model that was given, which is not among these laws
                if not has:
                    every = sorted(set().union(*known.values()))
                    raise CardError(
                        f"{what} names {key!r}, which none of the laws {listed(known)} has; they have "
                        f"{listed(every, 20)}." + did_you_mean(key, every)
                    )
                if len(has) < len(known):
                    notes.append(f"{what} of {key} applies to {listed(has)} only: the other laws have no {key}.")
        return notes


def candidates(
    data: pd.DataFrame,
    laws: Sequence[Any] | Mapping[str, Any] | None,
    *,
    outcome: str | None = None,
    options: Options,
    exclude_flags: Sequence[str] = (),
) -> Candidates:
    """Return the laws that the columns and values of a table allow, and why the others are left out.

    Parameters
    ----------
    data : DataFrame
        Runs in the package's vocabulary.
    laws : sequence, mapping by name, or None
        Names, laws, or models and specifications with settings of their own; None stands for all known laws.
    outcome : str, optional
        That of the laws that are named, else the one that the table has, ``loss`` first.
    options : Options
        Of laws that come without settings of their own.
    exclude_flags : sequence of str

    Returns
    -------
    Candidates

    Raises
    ------
    DataError
        A table that no law could use, or rows that not all laws share.
    CardError
        Unknown law, group or parameter, with the nearest one; a law that is named twice.
    """
    given, asked = named(laws), laws is not None
    checked = check_runs(data, further=declared(given))  # what spoils the table for every law
    check_groups([part for g in options.groups for part in g.split(":")], checked.columns)
    outcome, notes = _outcome(given if asked else {}, checked, outcome)
    left_out = [
        LeftOut(n, OTHER, f"it describes {_law(g).outcome}, not {outcome}")
        for n, g in given.items() if _law(g).outcome != outcome
    ]  # fmt: skip
    specs = {
        n: g if isinstance(g, ModelSpec) else options.spec(g) for n, g in given.items() if _law(g).outcome == outcome
    }
    plain = {n: s for n, s in specs.items() if not isinstance(given[n], ModelSpec)}
    notes += options.check(plain) if plain else []
    table = _Table(data, checked, outcome, exclude_flags)
    usable: dict[str, np.ndarray] = {}
    for name, spec in specs.items():
        rows, why = table.rows_of(spec, asked=asked)
        if why is None:
            usable[name] = rows
        else:
            left_out.append(LeftOut(name, *why))
    return _shared(table, {n: specs[n] for n in usable}, usable, left_out, notes)


def declared(laws: Mapping[str, Law | ModelSpec]) -> list[Column]:
    """Return the columns that laws declare beside the vocabulary, as labels: their values are each law's own affair."""
    found = {c.name: c for item in laws.values() for c in _law(item).columns}
    return [Column(c.name, c.meaning, "", "text") for c in found.values()]


def named(laws: Sequence[Any] | Mapping[str, Any] | None) -> dict[str, Law | ModelSpec]:
    """Return laws, or models of laws with settings of their own, by name.

    Raises
    ------
    CardError
        Unknown law, one name for two, or nothing at all.
    """
    if laws is None:
        return {name: laws_room.get(name) for name in laws_room.available()}
    if isinstance(laws, str | Law | ModelSpec) or hasattr(laws, "spec"):
        laws = [laws]
    if not laws:
        raise CardError(f"laws is empty; name some of {listed(laws_room.available(), 40)}, or leave it out for all.")
    if isinstance(laws, Mapping):
        return {str(name): _read(item) for name, item in laws.items()}
    found: dict[str, Law | ModelSpec] = {}
    for item in (_read(item) for item in laws):
        name = _law(item).name
        if name in found:
            raise CardError(f"law {name} is given twice; give a dict to name its variants: {{'a name': ...}}.")
        found[name] = item
    return found


def _read(item: Any) -> Law | ModelSpec:
    spec = spec_of(item)
    return laws_room.get(item) if spec is None else spec


def spec_of(item: Any) -> ModelSpec | None:
    """Return the specification of a model (a ``ScalingModel`` lives above this room), or None of anything else."""
    spec = getattr(item, "spec", item)
    return spec if isinstance(spec, ModelSpec) else None


def _law(item: Law | ModelSpec) -> Law:
    return item.law if isinstance(item, ModelSpec) else item


def _outcome(given: Mapping[str, Law | ModelSpec], checked: pd.DataFrame, outcome: str | None) -> tuple[str, list[str]]:
    """Return the outcome that laws are compared on, and a note where the table has another one too."""
    there = [o for o in OUTCOMES if o in checked.columns and checked[o].notna().any()]
    if outcome is None:
        of_laws = {_law(g).outcome for g in given.values()}
        wanted = [o for o in OUTCOMES if o in (of_laws or OUTCOMES)]
        outcome = next((o for o in wanted if o in there), wanted[0])
        further = [o for o in there if o != outcome and (not of_laws or o in of_laws)]
    else:
        further = []
    if outcome not in OUTCOMES:
        raise CardError(f"outcome = {outcome!r}; expected {listed(OUTCOMES)}." + did_you_mean(outcome, OUTCOMES))
    if outcome not in there:
        near = nearest_column(outcome, [c for c in checked.columns if c not in COLUMNS])
        hint = f" Did you mean {near!r}? Then pass columns={{{near!r}: {outcome!r}}} to read_table." if near else ""
        raise DataError(
            f"the table has no {outcome} ({described(COLUMNS[outcome])}); found {listed(checked.columns, 30)}.{hint}"
        )
    return outcome, [f"laws of {o} are left out; outcome={o!r} compares them." for o in further]


@dataclass(frozen=True)
class _Table:
    """A table as it was given and as it was checked, row by row the same."""

    data: pd.DataFrame
    checked: pd.DataFrame
    outcome: str
    exclude_flags: Sequence[str]

    @property
    def measured(self) -> np.ndarray:
        """Rows with the outcome, shape (row,)."""
        return self.checked[self.outcome].notna().to_numpy()

    @property
    def flagged(self) -> np.ndarray:
        """Rows that a flag excludes, shape (row,)."""
        return has_flag(self.checked, list(self.exclude_flags)).to_numpy()

    def filled(self, column: str) -> np.ndarray:
        """Return which rows have a value, derived ones too, shape (row,)."""
        if column not in self.checked.columns:
            return np.zeros(len(self.data), dtype=bool)
        cells = self.checked[column] if column in COLUMNS else self.data[column]
        return (cells.notna() & cells.astype("str").str.strip().ne("")).to_numpy()

    def rows_of(self, spec: ModelSpec, *, asked: bool) -> tuple[np.ndarray, tuple[str, str] | None]:
        """Return the rows that a law can use, shape (row,), and kind and reason where it can use none of them."""
        known = {**COLUMNS, **{c.name: c for c in spec.law.columns}}
        columns = [i.column for i in spec.law.inputs]
        wanted = self.measured & ~self.flagged
        absent = [c for c in columns if not (self.filled(c) & wanted).any()]
        if absent:
            return wanted, (MISSING, "; ".join(self._absent(c, known) for c in absent))
        rows = wanted & np.all([self.filled(c) for c in columns], axis=0)
        if not asked and rows.sum() < LEAST_SHARE * wanted.sum():
            return rows, (SPARSE, f"{self.gaps(spec, wanted)}; name the law to compare all of them on the other rows")
        return rows, self.refused(spec, rows)

    def _absent(self, column: str, known: Mapping[str, Column]) -> str:
        empty = column in self.checked.columns
        near = None if empty else nearest_column(column, [c for c in self.checked.columns if c not in known])
        hint = f", did you mean {near!r}?" if near else ""
        return f"{'empty' if empty else 'no'} column {column!r} ({described(known[column])}){hint}"

    def gaps(self, spec: ModelSpec, among: np.ndarray) -> str:
        """Return which columns of a law have gaps among some rows."""
        columns = [i.column for i in spec.law.inputs]
        lack = {c: int((~self.filled(c) & among).sum()) for c in columns}
        return ", ".join(f"{c} is missing in {n} of {int(among.sum())} rows" for c, n in lack.items() if n)

    def refused(self, spec: ModelSpec, rows: np.ndarray) -> tuple[str, str] | None:
        """Return kind and reason where a law cannot be fitted to some rows, else None."""
        try:
            encode(spec, self.frame(rows), exclude_flags=self.exclude_flags)
        except DataError as error:
            return (DOMAIN if self._strange(spec, rows) else UNIDENTIFIED), str(error)
        return None

    def _strange(self, spec: ModelSpec, rows: np.ndarray) -> bool:
        """Return whether it is the values of some rows that a law refuses, not all of them together."""
        try:
            read_inputs(spec, choose_rows(self.frame(rows), spec, self.exclude_flags)[0])
        except DataError:
            return True
        return False

    def frame(self, rows: np.ndarray) -> pd.DataFrame:
        """Return rows of the table that was given; flagged ones stay, for every law leaves them out itself."""
        return self.data[rows | self.flagged]


def _shared(
    table: _Table, specs: dict[str, ModelSpec], usable: Mapping[str, np.ndarray], left_out: list[LeftOut],
    notes: list[str],
) -> Candidates:  # fmt: skip
    """Return the laws on the rows that all of them can use."""
    reasons = "; ".join(f"{o.law}: {o.reason}" for o in left_out if o.kind != OTHER)
    if not specs:
        raise DataError(f"none of the laws of {table.outcome} can be fitted to the {len(table.data)} rows. {reasons}")
    wanted, rows = table.measured & ~table.flagged, np.all([usable[n] for n in specs], axis=0)
    refused = {n: why for n, s in specs.items() if rows.any() and (why := table.refused(s, rows)) is not None}
    if refused:  # what it reads costs the others no row any more
        left_out += [LeftOut(name, *why) for name, why in refused.items()]
        return _shared(table, {n: s for n, s in specs.items() if n not in refused}, usable, left_out, notes)
    for name, spec in specs.items():
        if not rows.any() or usable[name].sum() < wanted.sum():
            notes.append(f"{name}: {table.gaps(spec, wanted)}.")
    if not rows.any():
        raise DataError(f"no row has what all of {listed(specs)} read. {' '.join(notes)} Name fewer laws.")
    if rows.sum() < wanted.sum():
        notes.append(f"all laws are compared on the {int(rows.sum())} of {int(wanted.sum())} rows that each can use.")
    if unmeasured := int((~table.measured).sum()):
        verbs = ("has", "is") if unmeasured == 1 else ("have", "are")
        notes.append(f"{unmeasured} of {len(table.data)} rows {verbs[0]} no {table.outcome} and {verbs[1]} left out.")
    borne = {flag: n for flag, n in flag_counts(table.checked[rows]).items() if not flag.startswith(DERIVED)}
    if borne:
        told = ", ".join(f"{flag} ({n})" for flag, n in borne.items())
        notes.append(f"rows that are compared bear the flags {told}; exclude_flags leaves such rows out.")
    return Candidates(specs, table.frame(rows), tuple(left_out), tuple(notes), table.outcome)
