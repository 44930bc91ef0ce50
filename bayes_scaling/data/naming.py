"""Column names: the user's mapping to our vocabulary, and help when a name is missing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

import pandas as pd

from bayes_scaling.data.columns import Column
from bayes_scaling.errors import DataError, did_you_mean, listed

# Names that people give to our columns and that spelling alone does not reveal.
ALIASES: dict[str, tuple[str, ...]] = {
    "family": ("model family", "series", "group"),
    "model": ("model name", "name"),
    "run": ("run id", "run name"),
    "params": ("n", "n params", "num params", "parameters", "num parameters", "model size", "size"),
    "tokens": ("d", "n tokens", "num tokens", "data", "training tokens", "dataset size"),
    "compute": ("c", "flop", "flops", "training flop", "training flops", "train flop", "train flops"),
    "loss": ("val loss", "test loss", "validation loss", "eval loss", "train loss", "nll", "cross entropy"),
    "accuracy": ("acc", "score", "accuracies"),
    "n_items": ("n", "n questions", "num questions", "items"),
    "task": ("benchmark", "dataset", "eval"),
    "step": ("iteration", "iter", "steps"),
    "seen": ("seen examples", "examples seen", "examples", "samples"),
}
DERIVED_FROM = {
    "params": ("tokens", "compute"),
    "tokens": ("params", "compute"),
    "compute": ("params", "tokens"),
}


TAKERS = "read_table, check_runs or check_evaluations ([data] columns = {...} in a card)"
"""What takes a mapping of columns; models are fitted to tables under our names."""


def _plain(name: object) -> str:
    return " ".join(str(name).lower().replace("_", " ").replace("-", " ").split())


def nearest_column(expected: str, found: Iterable[str]) -> str | None:
    """Return the found name that most likely means the expected column.

    Parameters
    ----------
    expected : str
        Column of our vocabulary, or of a law.
    found : iterable of str
        Names of the table that are not ours.

    Returns
    -------
    str or None
        One of the found names, or None where none is near.
    """
    plain = {_plain(name): str(name) for name in reversed(list(found))}
    exact = _other_spelling(expected, plain)
    if exact is not None:
        return exact
    near = difflib.get_close_matches(_plain(expected), plain, n=1, cutoff=0.6)
    near = near or [name for name in plain if _plain(expected) in name.split()][:1]
    return plain[near[0]] if near else None


def _other_spelling(expected: str, plain: Mapping[str, str]) -> str | None:
    return next((plain[a] for a in (_plain(expected), *ALIASES.get(expected, ())) if a in plain), None)


def _separated(names: list[str]) -> str:
    """Say how to read a file whose one column is a line with another separator, else return an empty text."""
    separator = next((s for s in ";\t|" if len(names) == 1 and s in names[0]), "")
    return separator and (
        f"The columns look separated by {separator!r}: read the file with pandas.read_csv(path, sep={separator!r}) "
        "and pass the table to check_runs."
    )


def nothing_known(names: Iterable[str], known: Iterable[str]) -> str:
    """Describe a table without any column of ours, and how to read it."""
    names = [str(name) for name in names]
    line = f"- no column of the vocabulary was found, only: {listed(names)}. "
    if separated := _separated(names):
        return line + separated
    plain = {_plain(name): name for name in reversed(names)}
    guess = {found: ours for ours in known if (found := _other_spelling(ours, plain)) is not None}
    advice = f"Did you mean columns={guess}? Pass it" if guess else "Pass columns={'yours': 'ours'}"
    return f"{line}{advice} to {TAKERS}."


def rename(frame: pd.DataFrame, columns: Mapping[str, str] | None, known: Iterable[str]) -> pd.DataFrame:
    """Return the table under our names.

    Parameters
    ----------
    frame : pandas.DataFrame
        The user's table.
    columns : mapping of str to str or None
        ``{"theirs": "ours"}``.
    known : iterable of str
        Valid targets.

    Returns
    -------
    pandas.DataFrame
        Table with renamed columns.

    Raises
    ------
    DataError
        If a source is not in the table, a target is not in the vocabulary, or
        two columns would get one name.
    """
    known, names = list(known), [str(name) for name in frame.columns]
    if columns is not None and not isinstance(columns, Mapping):
        raise DataError(
            f"columns = {columns!r}; expected a table {{'yours': 'ours'}}, such as {{'n_params': 'params'}}."
        )
    mapping = {str(theirs): str(ours) for theirs, ours in (columns or {}).items()}
    problems = [
        f"- columns={{{theirs!r}: {ours!r}}}: the table has no column {theirs!r}."
        f"{did_you_mean(theirs, names)} Its columns are: {listed(names)}"
        for theirs, ours in mapping.items()
        if theirs not in names
    ] + [
        f"- columns={{{theirs!r}: {ours!r}}}: {ours!r} is no column of the vocabulary."
        f"{did_you_mean(ours, known)} Valid names: {listed(known, 30)}"
        for theirs, ours in mapping.items()
        if ours not in known
    ]
    if problems:
        turned = {ours: theirs for theirs, ours in mapping.items()}
        if all(theirs in names and ours in known for theirs, ours in turned.items()):
            problems = [f"- it is the wrong way round: write columns={turned}, {{'yours': 'ours'}}."]
        problems += [f"- {separated}" for separated in [_separated(names)] if separated]
        raise DataError("The mapping of columns cannot be used:\n" + "\n".join(problems))
    renamed = [mapping.get(name, name) for name in names]
    twice = sorted({name for name in renamed if renamed.count(name) > 1})
    if twice:
        raise DataError(
            f"Two columns of the table have the name {listed(repr(t) for t in twice)}"
            f"{' after the mapping' if mapping else ''}; expected one each. Rename or drop one of them."
        )
    return frame.set_axis(renamed, axis=1)


def described(column: Column) -> str:
    """Return what a column means, with its unit where it has one."""
    return column.meaning + (f"; {column.unit}" if column.unit not in ("", "1", "label") else "")


def missing_columns(frame: pd.DataFrame, require: Iterable[str], known: Mapping[str, Column]) -> list[str]:
    """Describe required columns that are absent and cannot be derived.

    Parameters
    ----------
    frame : pandas.DataFrame
        Table under our names.
    require : iterable of str
        Columns that must be there.
    known : mapping of str to Column
        The vocabulary; other columns are candidates for a misnamed one.

    Returns
    -------
    list of str
        One line for each missing column, with what it means and the likely misnamed one.
    """
    present = [str(name) for name in frame.columns]
    lines = []
    for name in require:
        parts = DERIVED_FROM.get(name, ())
        if name in present or (parts and all(part in present for part in parts)):
            continue
        line = f"- column {name!r} is missing{f' ({described(known[name])})' if name in known else ''}."
        near = nearest_column(name, [c for c in present if c not in known])
        if near is not None:
            line += f" Did you mean {near!r}? Then pass columns={{{near!r}: {name!r}}}."
        else:
            line += f" If the table has it under another name, pass columns={{'your name': {name!r}}}."
        if parts:
            line += f" It can also be derived from {parts[0]!r} and {parts[1]!r}"
            spare = [c for c in present if c not in known]
            found = {c: p for p in parts if p not in present and (c := nearest_column(p, spare)) is not None}
            line += f" (columns={found}?)." if found else "."
        lines.append(line + f" Columns found: {listed(present, 30)}")
    if lines:
        lines[-1] += f"\n  Pass columns={{...}} to {TAKERS}."
    return lines
