"""Reader of result files of the EleutherAI LM evaluation harness.

Two layouts exist. Up to 0.3 a file has ``results``, ``versions`` and ``config``, with metrics such as ``"acc"`` and
``"acc_stderr"``. From 0.4 a metric bears the filter that its answers went through (``"acc,none"``), and ``configs``,
``n-shot``, ``n-samples`` and ``group_subtasks`` say more. ``harness_files.py`` brings both into one form.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayes_scaling.data.evaluations import check_evaluations
from bayes_scaling.data.flags import add_flag
from bayes_scaling.data.harness_files import Report, read_reports
from bayes_scaling.data.harness_tasks import ACCURACIES, is_share, items_from_error, our_task
from bayes_scaling.data.sizes import size_in_name
from bayes_scaling.errors import DataError, did_you_mean, listed

PARTS = "n_items is the number of items, of which the score is no whole share (a mean over subtasks or instructions)"
LIMITED = "run with a limit, on the first items only"


def read_harness(
    paths: str | Path | Sequence[str | Path],
    *,
    models: pd.DataFrame | Mapping[str, Mapping[str, Any]] | None = None,
    metric: str | Sequence[str] | None = None,
    subtasks: bool = False,
) -> pd.DataFrame:
    """Read benchmark scores from result files of the LM evaluation harness (lm-eval), versions 0.3 and 0.4.

    Parameters
    ----------
    paths : str, pathlib.Path or sequence of them
        Files, or folders that are searched for ``results*.json`` (for ``*.json`` where there is none).
    models : pandas.DataFrame or mapping, optional
        What the files do not know: a table with ``model`` (and ``run`` or ``step`` for checkpoints), ``family``,
        ``params``, ``tokens`` and the like, or ``{model: {"family": ..., "params": "7B", "tokens": "2T"}}``.
    metric : str or sequence of str, optional
        ``"acc_norm"``, or with its filter ``"exact_match,strict-match"``. Of several, a task gives the first that it
        has. Default: every accuracy of a task (acc, acc_norm, exact_match ...), a row each.
    subtasks : bool, optional
        Whether groups such as mmlu are read as their subtasks. Either the group or its subtasks is read, never both.

    Returns
    -------
    pandas.DataFrame
        A row per model, task and protocol: model, run (with the revision, if any), step (of a checkpoint), task,
        protocol (shots, metric, filter), accuracy, stderr, n_items, chance (NaN where the benchmark registry does not
        know the task: nothing is guessed), params, what ``models`` adds, and as the file has them harness_task, metric,
        filter, shots, task_version, harness_version, git_hash and source (name of the file).

        params is what ``models`` says, else what the harness counted, else the size in the name of the model
        (``params_from_name``). n_items is what the file says, else what the standard error implies, if it implies a
        whole number. Flags: ``approximate`` and ``limited`` (with ``flag_reason``), ``no_outcome`` for tasks without
        an accuracy, and those of :func:`~bayes_scaling.data.check_evaluations`.

    Raises
    ------
    DataError
        If a file is none of the harness, a metric is in no file, ``models`` fits no model, or a model has different
        scores for one task and protocol.
    """
    reports = read_reports(paths)
    wanted = (metric,) if isinstance(metric, str) else None if metric is None else tuple(metric)
    _check_metrics(reports, wanted)
    frame = pd.DataFrame([row for report in reports for row in _rows(report, wanted, subtasks)])
    frame = _flagged(_with_models(frame, models))
    return check_evaluations(frame, chance_needed=False)


def _check_metrics(reports: Sequence[Report], wanted: tuple[str, ...] | None) -> None:
    found = {name for report in reports for task in report.scores for name in _names(report, task)}
    for name in wanted or ():
        if name not in found:
            raise DataError(
                f"metric={name!r} is in none of the {len(reports)} files.{did_you_mean(name, found)} "
                f"Metrics found: {listed(sorted(found), 30)}"
            )


def _names(report: Report, task: str) -> Iterator[str]:
    for metric, answers in report.scores[task]:
        yield from (metric, f"{metric},{answers}")


def _chosen(report: Report, task: str, wanted: tuple[str, ...] | None) -> list[tuple[str, str]]:
    """Return metric and filter of the scores of a task that are read."""
    scores = report.scores.get(task, {})
    if wanted is None:
        return [key for key in scores if key[0] in ACCURACIES]
    for name in wanted:
        if found := [key for key in scores if name in (key[0], ",".join(key))]:
            return found
    return []


def _tasks(report: Report, wanted: tuple[str, ...] | None, subtasks: bool) -> list[str]:
    """Return the tasks and groups to read, none of them part of another."""
    parts = {part for group in report.groups.values() for part in group}
    found: dict[str, None] = {}

    def walk(name: str) -> None:
        inside = report.groups.get(name)
        # A group may have no score of its own: then its parts are read.
        if inside and (subtasks or not _chosen(report, name, wanted)):
            for part in inside:
                walk(part)
        elif name in report.scores:
            found[name] = None

    for name in (*report.groups, *report.scores):
        if name not in parts:
            walk(name)
    return list(found)


def _leaves(report: Report, name: str) -> list[str]:
    inside = report.groups.get(name)
    return [leaf for part in inside for leaf in _leaves(report, part)] if inside else [name]


def _rows(report: Report, wanted: tuple[str, ...] | None, subtasks: bool) -> Iterator[dict[str, Any]]:
    """Yield a row per score that is read; a task without one has a row too, so that it is not lost silently."""
    for name in _tasks(report, wanted, subtasks):
        leaves = _leaves(report, name)
        shots = {report.shots.get(leaf, math.nan) for leaf in leaves}
        for metric, answers in _chosen(report, name, wanted) or [("", "")]:
            accuracy, stderr = report.scores[name].get((metric, answers), (math.nan, math.nan))
            task, way, chance = our_task(name, metric)
            told = "mixed shots" if len(shots) > 1 else _shots(next(iter(shots)))
            yield {
                **report.facts,
                "harness_task": name,
                "task": task,
                "protocol": " ".join(part for part in (told, way, metric, answers) if part not in ("", "none")),
                "accuracy": accuracy,
                "stderr": stderr,
                "n_items": sum(_items(report, leaf, (metric, answers)) for leaf in leaves),
                "chance": chance,
                "metric": metric,
                "filter": answers,
                "shots": next(iter(shots)) if len(shots) == 1 else math.nan,
                "task_version": report.versions.get(name, ""),
            }


def _items(report: Report, leaf: str, key: tuple[str, str]) -> float:
    if leaf in report.samples:
        return report.samples[leaf]
    return items_from_error(*report.scores.get(leaf, {}).get(key, (math.nan, math.nan)))


def _shots(shots: float) -> str:
    return "shots unstated" if math.isnan(shots) else f"{shots:.0f}-shot"


def _with_models(frame: pd.DataFrame, models: pd.DataFrame | Mapping[str, Mapping[str, Any]] | None) -> pd.DataFrame:
    """Return the table with what the user knows of its models, and params from elsewhere where they do not."""
    counted = frame.pop("counted_params")
    if models is not None:
        frame = frame.merge(_models_table(frame, models), how="left", validate="m:1")
    if "params" not in frame.columns:
        frame["params"] = np.nan
    stated = frame["params"].notna() & frame["params"].astype("str").str.strip().ne("")
    named = size_in_name(frame["model"])
    frame["params"] = frame["params"].where(stated, counted.where(counted.notna(), named))
    return add_flag(frame, ~stated & counted.isna() & named.notna(), "params_from_name")


def _models_table(frame: pd.DataFrame, models: pd.DataFrame | Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return the user's models as a table that can be joined, or say why it cannot."""
    if not isinstance(models, pd.DataFrame):
        models = pd.DataFrame.from_dict(dict(models), orient="index").rename_axis("model").reset_index()
    if "model" not in models.columns:
        raise DataError(
            f"models has no column 'model', found {listed(models.columns)}; expected a row per model with its name as "
            "the harness has it, 'family', 'params' and 'tokens'."
        )
    key = [name for name in ("model", "run", "step") if name in models.columns]
    if clash := [name for name in models.columns if name in frame.columns and name not in key]:
        raise DataError(f"models has the columns {listed(clash)}, which come from the result files; leave them out.")
    if models.duplicated(key).any():
        twice = models.loc[models.duplicated(key), "model"].unique()
        raise DataError(f"models has several rows for {listed(twice)}; expected one row per {' and '.join(key)}.")
    names = frame["model"].unique()
    if not models["model"].isin(names).any():
        raise DataError(
            f"models names none of the models in the files. Found {listed(models['model'].unique())}; the files have "
            f"{listed(names, 30)}.{did_you_mean(models['model'].iloc[0], names)}"
        )
    return models


def _flagged(frame: pd.DataFrame) -> pd.DataFrame:
    """Flag scores of parts of a benchmark, and those that are no share of their items."""
    limited = frame.pop("limit").notna()
    known = frame["accuracy"].notna() & frame["n_items"].notna()
    shares = [is_share(a, n) if k else True for a, n, k in zip(frame["accuracy"], frame["n_items"], known, strict=True)]
    mean = ~pd.Series(shares, index=frame.index)
    reasons = pd.DataFrame({LIMITED: limited, PARTS: mean})
    frame["flag_reason"] = ["; ".join(reasons.columns[row]) for row in reasons.to_numpy()]
    return add_flag(add_flag(frame, limited, "limited"), mean, "approximate")
