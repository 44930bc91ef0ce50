"""What fitted rows and the registry of benchmarks add to points: chance, number of items, and which run a model is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from bayes_scaling.data.benchmarks import facts_by_row
from bayes_scaling.data.evaluations import model_names
from bayes_scaling.errors import ForecastError, listed

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
    if "run" not in fit.spec.law.new_where_unnamed or "run" in here or not {"model"} <= set(here) & set(there):
        return frame
    names = model_names(fit.frame)
    if "run" not in there or not fit.frame["run"].astype(str).equals(names):
        return frame
    fitted, given = set(names), frame["model"].astype(str)
    shared = set(fit.frame["model"].astype(str)) - fitted  # names of several models, which `tuned` tells apart
    if "tuned" in here:
        given = given.where(~given.isin(shared), given + ", " + frame["tuned"].astype(str))
    if vague := [name for name in given.unique() if name in shared]:
        kinds = fit.frame.loc[fit.frame["model"].astype(str) == vague[0], "tuned"].astype(str).unique()
        raise ForecastError(
            f"points name model {vague[0]!r}, of which several were fitted; say which by column 'tuned' "
            f"({listed(sorted(kinds))})."
        )
    return frame.assign(run=given.where(given.isin(fitted)))


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
            fitted = filled["task"].map(known).astype(float)
            filled[column] = fitted.fillna(facts_by_row(filled["task"], column))
        elif fit.frame[column].nunique() == 1:
            filled[column] = fit.frame[column].iloc[0]
    return filled
