"""The gate of evaluation tables: a row per model, benchmark and protocol.

:func:`check_runs` looks at rows one by one. What only shows across the rows of evaluations is looked at here: scores
given twice, chance levels that nobody stated, benchmarks and families that say nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from bayes_scaling.data.benchmarks import BENCHMARKS, facts_by_row, other_spellings
from bayes_scaling.data.columns import COLUMNS, Column
from bayes_scaling.data.flags import add_flag, drop_flag, joined_flags
from bayes_scaling.data.naming import missing_columns, rename
from bayes_scaling.data.sizes import COLUMNS_WITH_SIZES, read_sizes
from bayes_scaling.data.validate import SHOWN, check_runs
from bayes_scaling.errors import DataError, did_you_mean, listed

KEY = ("model", "run", "step", "seen", "task", "protocol", "tuned")
"""Columns, as far as a table has them, of which every combination has one score."""

MODEL_KEY = ("model", "run", "step", "seen", "tuned")
"""Those of them that say which model it is."""

NEEDED = ("model", "task", "accuracy")
FACTS = ("params", "active_params", "tokens", "unique_tokens", "compute", "accuracy", "n_items", "chance")


def check_evaluations(
    frame: pd.DataFrame,
    *,
    columns: Mapping[str, str] | None = None,
    chance: Mapping[str, float] | None = None,
    require: Iterable[str] = (),
    further: Iterable[Column] = (),
    chance_needed: bool = True,
) -> pd.DataFrame:
    """Check a table of benchmark scores of models.

    Parameters
    ----------
    frame : pandas.DataFrame
        A row per model, benchmark (``task``) and, where there are several, ``protocol``; ``accuracy`` from 0 to 1.
        Base and instruct models of one name are told apart by a column ``tuned``.
    columns : mapping of str to str, optional
        Names, as ``{"theirs": "ours"}``.
    chance : mapping of str to float, optional
        Accuracy of guessing by benchmark, for rows that have none. What is still missing is taken from the benchmark
        registry (flag ``registry_chance``); it is never guessed.
    require : iterable of str, optional
        Further columns that must be there without a gap.
    further : iterable of Column, optional
        Further columns, as a law declares them.
    chance_needed : bool, optional
        Whether a benchmark without chance is an error.

    Returns
    -------
    pandas.DataFrame
        Table that has passed :func:`~bayes_scaling.data.check_runs`. Rows given several times with one score are one
        row, flagged ``repeated_score``. Rows without a score stay, flagged ``no_outcome``; those of a benchmark
        scored on one model are flagged ``single_model_benchmark``, those of a family without any score
        ``empty_family``. Checking it again changes nothing.

    Raises
    ------
    DataError
        If a model has different scores for one benchmark and protocol, its family or size differs from row to row,
        a chance level is not known, or the table does not pass ``check_runs``.
    """
    if not isinstance(frame, pd.DataFrame) or frame.empty:
        return check_runs(frame)  # which says what is wrong with it
    further = tuple(further)
    known = {**COLUMNS, **{column.name: column for column in further}}
    table = rename(frame, columns, known)
    _refuse_wide(table)
    if missing := missing_columns(table, NEEDED, known):
        raise DataError("The table is none of evaluations:\n" + "\n".join(missing))
    table = _with_chance(_merge_repeated(table), chance or {})
    checked = check_runs(table, require=("model", "task", *require), further=further)
    _refuse_changing_models(checked)
    _check_chance(checked, chance_needed)
    return _mark(checked)


def model_names(frame: pd.DataFrame) -> pd.Series:
    """Return the name of each row's model, shape (row,), with ``tuned`` where that tells models of one name apart."""
    names = frame["model"].astype("str")
    if "tuned" not in frame.columns:
        return names
    kinds = frame["tuned"].astype("str").fillna("")  # a gap is a kind of its own, as where rows are told apart
    shared = kinds.groupby(names).transform("nunique") > 1
    return names.where(~shared | kinds.eq(""), names + ", " + kinds)


def _refuse_wide(table: pd.DataFrame) -> None:
    """Raise where benchmarks are columns: there has to be a row for each of them."""
    if "task" in table.columns:
        return
    columns = [str(name) for name in table.columns]
    found = {name: name for name in columns if name in BENCHMARKS}
    found = other_spellings(columns) | found
    if not found:
        return
    found = dict(sorted(found.items(), key=lambda pair: columns.index(pair[1])))
    raise DataError(
        f"The table seems to have a column per benchmark ({listed(found.values())}); expected a row per model and "
        f"benchmark, with columns 'task' and 'accuracy'. bs.task_table(frame, accuracies={found}) makes these; name "
        "there, as {'task': 'column'}, whatever other columns hold scores."
    )


def _numbers(column: pd.Series) -> pd.Series:
    """Return a column as numbers, as the check of runs will read it."""
    numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    return numbers.fillna(read_sizes(column)) if column.name in COLUMNS_WITH_SIZES else numbers


def _merge_repeated(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row for rows of one score, with gaps filled from each other, and refuse different scores."""
    key = [name for name in KEY if name in table.columns]
    repeated = table.duplicated(key, keep=False)
    if not repeated.any():
        return table
    labels = table.index
    table, repeated = table.reset_index(drop=True), repeated.reset_index(drop=True)
    facts = [name for name in FACTS if name in table.columns]
    group = table.groupby(key, dropna=False, sort=False).ngroup()
    # Scores that differ in the last digits of float64 are one score.
    numbers = table.loc[repeated, facts].apply(_numbers).map(lambda value: float(f"{value:.12g}"))
    different = numbers.groupby(group[repeated]).nunique() > 1
    if different.any(axis=None):
        _refuse_different(table.assign(_label=labels), key, numbers, group, different)
    filled = table[facts].groupby(group).transform("first")
    table[facts] = table[facts].where(table[facts].notna(), filled)
    if "family" in table.columns:
        table["family"] = table["family"].where(
            table["family"].notna(), table.groupby(group)["family"].transform("first")
        )
    if "flags" in table.columns:
        table.loc[repeated, "flags"] = table.loc[repeated, "flags"].groupby(group[repeated]).transform(joined_flags)
    first = ~table.duplicated(key)
    return add_flag(table, repeated & first, "repeated_score").set_axis(labels)[first.to_numpy()]


def _refuse_different(
    table: pd.DataFrame, key: list[str], numbers: pd.DataFrame, group: pd.Series, different: pd.DataFrame
) -> None:
    """Raise with the evaluations that were given several times with different figures."""
    wrong = different[different.any(axis=1)]
    lines = []
    for number, columns in wrong.head(SHOWN).iterrows():
        rows = numbers[group[numbers.index] == number]
        names = table.loc[rows.index[0]]
        who = ", ".join(f"{name} {names[name]!r}" for name in key if not pd.isna(names[name]))
        found = "; ".join(
            f"{name} {', '.join(f'{v:g}' for v in rows[name].dropna().unique())}" for name in columns.index[columns]
        )
        shown = ", ".join(map(str, table.loc[rows.index[:SHOWN], "_label"]))
        lines.append(f"- {who}: found {found} (rows {shown})")
    more = f"\n- ... {len(wrong)} in all" if len(wrong) > len(lines) else ""
    raise DataError(
        f"{len(wrong)} evaluation{'s are' if len(wrong) > 1 else ' is'} given several times with different figures; "
        "expected one row per model, task and protocol. Remove the wrong rows, or tell them apart by 'protocol' "
        "(shots, metric), 'tuned' (base, instruct), 'run' or 'step':\n" + "\n".join(lines) + more
    )


def _with_chance(table: pd.DataFrame, given: Mapping[str, float]) -> pd.DataFrame:
    """Return the table with gaps of chance filled: from what is given, then from the benchmark registry."""
    tasks = table["task"].astype("str")
    if unknown := [task for task in given if task not in set(tasks)]:
        raise DataError(
            f"chance names {listed(unknown)}, which no row has as its task.{did_you_mean(unknown[0], tasks.unique())} "
            f"Tasks: {listed(tasks.unique(), 40)}"
        )
    have = table["chance"] if "chance" in table.columns else pd.Series(float("nan"), index=table.index)
    have = have.where(have.astype("str").str.strip().ne(""))
    told = have.where(have.notna(), tasks.map(dict(given)))
    facts = facts_by_row(tasks, "chance")
    table = table.assign(chance=told.where(told.notna(), facts))
    return add_flag(table, told.isna() & facts.notna(), "registry_chance")


def _refuse_changing_models(checked: pd.DataFrame) -> None:
    """Raise where rows of one model differ in what is said of the model itself."""
    key = [name for name in MODEL_KEY if name in checked.columns]
    sizes = [name for name in ("params", "active_params", "tokens", "compute") if name in checked.columns]
    said = checked[sizes].map(lambda value: float(f"{value:.6g}"))  # derived ones differ in the last digits
    said = said.join(checked[[name for name in ("family",) if name in checked.columns]])
    group = checked.groupby(key, dropna=False, sort=False).ngroup()
    different = said.groupby(group).nunique() > 1
    wrong = different[different.any(axis=1)]
    if wrong.empty:
        return
    lines = []
    for number, columns in wrong.head(SHOWN).iterrows():
        rows = said[group == number]
        found = [f"{name} {listed(rows[name].dropna().unique())}" for name in columns.index[columns]]
        lines.append(f"- model {checked['model'][rows.index[0]]!r}: found {'; '.join(found)}")
    raise DataError(
        f"{len(wrong)} model{'s differ' if len(wrong) > 1 else ' differs'} from row to row; expected one family and "
        "size of a model. Correct them, or tell apart what are several models by 'model', 'tuned' or 'run', and "
        "checkpoints by 'step':\n"
        + "\n".join(lines)
        + (f"\n- ... {len(wrong)} in all" if len(wrong) > len(lines) else "")
    )


def _check_chance(checked: pd.DataFrame, needed: bool) -> None:
    """Raise where chance is 1, which leaves nothing to measure, or where it is needed and not known."""
    certain = checked.loc[checked["chance"] >= 1, "task"].unique()
    if len(certain):
        raise DataError(f"Column 'chance' is 1 for {listed(certain)}; expected the accuracy of guessing, below 1.")
    unknown = checked[checked["accuracy"].notna() & checked["chance"].isna()]
    if unknown.empty or not needed:
        return
    tasks = list(dict.fromkeys(unknown["task"]))
    example = f"chance={{{tasks[0]!r}: 0.25}}"
    raise DataError(
        f"The accuracy of guessing is not known for {len(tasks)} task{'s' if len(tasks) > 1 else ''} "
        f"({len(unknown)} rows): {listed(tasks, 40)}. Expected a value in the column 'chance': one over the number of "
        f"choices, 0 where answers are free. Give it, for instance {example}, or leave these tasks out."
        + registered_as(tasks)
    )


def registered_as(tasks: Iterable[object]) -> str:
    """Return `` Did you mean 'mmlu'? ...`` for tasks that the registry spells otherwise, or an empty string."""
    found = other_spellings(tasks)
    if not found:
        return ""
    return (
        f" Did you mean {listed(repr(name) for name in found)}? So the registry, which knows chance, spells "
        f"{listed(found.values())}: rename {'it' if len(found) == 1 else 'them'} in the column 'task'."
    )


def _mark(checked: pd.DataFrame) -> pd.DataFrame:
    """Return the table with the flags that follow from all its rows, worked out anew."""
    scored = checked["accuracy"].notna()
    models = model_names(checked)[scored].groupby(checked["task"]).nunique()
    marks = {"no_outcome": ~scored, "single_model_benchmark": scored & checked["task"].map(models).eq(1)}
    if "family" in checked.columns:
        empty = checked["family"].notna() & ~checked["family"].isin(checked.loc[scored, "family"])
        marks["empty_family"] = empty
    if "loss" in checked.columns:
        marks["no_outcome"] &= checked["loss"].isna()
    for flag, rows in marks.items():
        checked = add_flag(drop_flag(checked, flag), rows, flag)
    return checked
