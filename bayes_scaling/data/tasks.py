"""Runs with a column per benchmark become a row per run and task, with its accuracy."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from bayes_scaling.data.benchmarks import facts_by_row
from bayes_scaling.data.validate import check_runs
from bayes_scaling.errors import DataError, did_you_mean, listed


def task_table(
    runs: pd.DataFrame, *, errors: Mapping[str, str] | None = None, accuracies: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Return a row per run and task from a table with a column per task.

    Parameters
    ----------
    runs : pandas.DataFrame
        A row per run.
    errors, accuracies : mapping of str to str, optional
        Task -> column that holds its top-1 error, or its accuracy, as a fraction.

    Returns
    -------
    pandas.DataFrame
        The columns of the vocabulary that `runs` has, with ``task`` and ``accuracy``; rows without a value are
        left out. ``chance`` is filled in where every task is a benchmark that the package knows. Where no task is
        named, `runs` with its own accuracy.

    Raises
    ------
    DataError
        Nothing named, a missing column, a task named twice, values that are no fractions.
    """
    errors, accuracies = dict(errors or {}), dict(accuracies or {})
    if twice := sorted(set(errors) & set(accuracies)):
        raise DataError(f"tasks {listed(twice)} are named in errors and in accuracies; name each once.")
    columns = {**errors, **accuracies}
    if not columns:
        if "accuracy" not in runs.columns:
            raise DataError(
                "the table has no column 'accuracy'. Name columns by task: errors = { hellaswag = \"err_hellaswag\" } "
                "or accuracies = { ... }."
            )
        return runs
    for task, column in columns.items():
        if column not in runs.columns:
            raise DataError(
                f"task {task!r} reads column {column!r}, which the table lacks." + did_you_mean(column, runs.columns)
            )
    kept = [c for c in runs.columns if c not in ("task", "accuracy", "chance", "n_items", *columns.values())]
    parts = [runs[kept].assign(task=task, accuracy=_accuracy(runs, task, errors, accuracies)) for task in columns]
    table = pd.concat(parts, ignore_index=True).dropna(subset=["accuracy"])
    known = facts_by_row(pd.Series(list(columns)), "chance")
    if known.notna().all():
        table["chance"] = facts_by_row(table["task"], "chance")
    return check_runs(table, require=("task", "accuracy"))


def _accuracy(runs: pd.DataFrame, task: str, errors: Mapping[str, str], accuracies: Mapping[str, str]) -> pd.Series:
    """Return the accuracy of a task; raise where its column holds no fractions."""
    values = pd.to_numeric(runs[errors.get(task) or accuracies[task]], errors="coerce")
    outside = values[(values < 0) | (values > 1)]
    if len(outside):
        raise DataError(
            f"column {errors.get(task) or accuracies[task]!r} of task {task!r} holds {outside.iloc[0]:g}; expected "
            f"fractions from 0 to 1{' (these look like percent: divide by 100)' if outside.max() > 1 else ''}."
        )
    return 1 - values if task in errors else values
