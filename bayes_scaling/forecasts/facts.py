"""What fitted rows and the registry of benchmarks add to points: chance, number of items, and which run a model is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from bayes_scaling.data.benchmarks import facts_by_row
from bayes_scaling.errors import ForecastError, listed
from bayes_scaling.model.labels import labels

if TYPE_CHECKING:
    from bayes_scaling.fit import Fit


def add_benchmark(fit: Fit, column: str) -> str:
    """Return a sentence on how skills forecast a benchmark that was not fitted, else an empty text."""
    if column != "task" or fit.spec.law.name != "capability":
        return ""
    return (
        " A benchmark that few models took can be fitted too: add their scores to the table. Or link it from the "
        "skills: bs.downstream(fit, scores)."
    )


def named_models(fit: Fit, frame: pd.DataFrame) -> pd.DataFrame:
    """Return points in which the name of a fitted model is that of its run, where models are runs."""
    here, there = frame.columns, fit.frame.columns
    if "run" not in fit.spec.law.new_where_unnamed or "run" in here or "model" not in here:
        return frame
    if not {"model", "run"} <= set(there):
        return frame
    names, runs = fit.frame["model"].astype(str), fit.frame["run"].astype(str)
    pairs = set(zip(names, runs, strict=True))  # named by `model_names`, of a table that may have had more rows
    if not all(run == name or ("tuned" in there and run.startswith(f"{name}, ")) for name, run in pairs):
        return frame
    group = "model:tuned" if "tuned" in here and "tuned" in there else "model"
    fitted, given = runs.groupby(labels(fit.frame, group)).unique(), labels(frame, group)
    if vague := [name for name in given.unique() if len(fitted.get(name, ())) > 1]:
        kinds = fit.frame.loc[names == vague[0], "tuned"].astype(str).unique()
        raise ForecastError(
            f"points name model {vague[0]!r}, of which several were fitted; say which by column 'tuned' "
            f"({listed(sorted(kinds))})."
        )
    return frame.assign(run=given.map(fitted.str[0]))


def with_task_facts(fit: Fit, frame: pd.DataFrame) -> pd.DataFrame:
    """Return points with chance and n_items filled in from fitted rows or the registry."""
    if fit.spec.outcome != "accuracy":
        return frame
    filled = frame.copy()
    for column in ("chance", "n_items"):
        if column in filled.columns or column not in fit.frame.columns:
            continue
        if "task" in filled.columns and "task" in fit.frame.columns:
            known = {str(k): float(v) for k, v in fit.frame.groupby("task")[column].median().items()}
            fitted = filled["task"].map(known).astype(float)  # what is missing there, the fit did without
            filled[column] = fitted.where(filled["task"].isin(known), facts_by_row(filled["task"], column))
        elif fit.frame[column].nunique() == 1:
            filled[column] = fit.frame[column].iloc[0]
    return filled
