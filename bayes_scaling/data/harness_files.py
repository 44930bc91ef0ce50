"""Result files of the LM evaluation harness, of either layout, in one form."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bayes_scaling.data.harness_tasks import OLD_SUBJECT, SUBJECTS
from bayes_scaling.errors import DataError, listed

Scores = dict[str, dict[tuple[str, str], tuple[float, float]]]
"""Score and standard error by task, then by metric and filter."""


@dataclass(frozen=True)
class Report:
    """One result file.

    Parameters
    ----------
    facts : dict
        Columns that all its rows share: model, run, step, harness_version, git_hash, source, limit, counted_params.
    scores : dict
        Score and standard error by task, then by metric and filter.
    groups : dict of str to list of str
        Parts of each group, tasks or groups again.
    shots, samples : dict of str to float
        Examples in the prompt and number of items by task, where the file says so.
    versions : dict of str to str
        Version of the task.
    """

    facts: dict[str, Any]
    scores: Scores
    groups: dict[str, list[str]]
    shots: dict[str, float]
    samples: dict[str, float]
    versions: dict[str, str]


def read_reports(paths: str | Path | Sequence[str | Path]) -> list[Report]:
    """Read result files.

    Parameters
    ----------
    paths : str, pathlib.Path or sequence of them
        Files or folders.

    Returns
    -------
    list of Report
        One for each file.

    Raises
    ------
    DataError
        If there is no file, or one is no result file of the harness.
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    files = [file for path in given for file in _files(Path(path).expanduser())]
    if not files:
        raise DataError("paths is empty; expected result files of lm-eval, or a folder that holds some.")
    return [_report(file) for file in dict.fromkeys(files)]


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(path.rglob("results*.json")) or sorted(path.rglob("*.json"))
        if not found:
            raise DataError(f"The folder {path} holds no .json file; expected results*.json, as lm-eval writes them.")
        return found
    if not path.is_file():
        raise DataError(f"There is no file or folder {path}. Check the path.")
    return [path]


def _report(path: Path) -> Report:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # wrong encodings are ValueErrors too
        raise DataError(
            f"{path} could not be read as JSON ({error}). Expected a result file of lm-eval, results*.json; the "
            "samples_*.jsonl beside it hold single answers and are not read."
        ) from error
    newer = _is_newer(content, path)
    scores: Scores = {}
    tables = [content["results"], content.get("groups") or {}] if newer else [content["results"]]
    for table in tables:
        for name, entry in table.items():
            scores[name] = _scores(entry) | scores.get(name, {})
    config, own = content.get("config") or {}, content.get("configs") or {}
    if newer:
        told = {name: own[name].get("num_fewshot") for name in own}
        shots = _counts(told) | _counts(content.get("n-shot") or {})
        samples = _counts({n: (s or {}).get("effective") for n, s in (content.get("n-samples") or {}).items()})
        groups = {name: list(parts) for name, parts in (content.get("group_subtasks") or {}).items() if parts}
    else:
        shots = _counts(dict.fromkeys(scores, config.get("num_fewshot")))
        samples, groups = {}, _old_mmlu(scores)
        shots |= _counts(dict.fromkeys(groups, config.get("num_fewshot")))
    versions = {name: str(version) for name, version in (content.get("versions") or {}).items()}
    return Report(_facts(content, config, newer, path), scores, groups, shots, samples, versions)


def _is_newer(content: Any, path: Path) -> bool:
    """Tell the layout of a file: True from 0.4, False up to 0.3, an error where it is neither."""
    expected = (
        "Expected a result file of lm-eval 0.3 ('results' with 'acc', 'versions', 'config') or 0.4 ('results' with "
        "'acc,none', 'configs', 'n-shot')."
    )
    keys = listed(content) if isinstance(content, dict) else type(content).__name__
    if isinstance(content, dict) and "config_general" in content:
        raise DataError(
            f"{path} is a file of lighteval or of the Open LLM Leaderboard v1 (found 'config_general'), which has "
            f"other names and metrics. {expected} Make a table of it (model, task, protocol, accuracy) and pass that "
            "to check_evaluations."
        )
    results = content.get("results") if isinstance(content, dict) else None
    if not isinstance(results, dict) or not results or not all(isinstance(entry, dict) for entry in results.values()):
        raise DataError(
            f"{path} has no scores by task under 'results'; found {keys}. {expected} Pass results*.json files, or "
            "make a table and pass that to check_evaluations."
        )
    metrics = {key for entry in results.values() for key, value in entry.items() if not math.isnan(_number(value))}
    if any("," in key for key in metrics):
        return True
    if isinstance(content.get("config"), dict) and isinstance(content.get("versions"), dict) and metrics:
        return False
    raise DataError(
        f"{path} has an unknown layout: found {keys}, metrics {listed(sorted(metrics))}. {expected} "
        "If it was changed after the harness wrote it, pass the original."
    )


def _number(value: object) -> float:
    """Return a number as float, NaN for anything else, such as the ``"N/A"`` of a missing standard error."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def _scores(entry: Mapping[str, Any]) -> dict[tuple[str, str], tuple[float, float]]:
    """Return the scores of a task; names, counts and standard errors are no metrics."""
    scores = {}
    for key, value in entry.items():
        metric, _, answers = key.partition(",")
        if math.isnan(_number(value)) or metric.endswith("_stderr") or metric.startswith("sample_"):
            continue
        error = entry.get(f"{metric}_stderr,{answers}" if answers else f"{metric}_stderr")
        scores[metric, answers or "none"] = (_number(value), _number(error))
    return scores


def _counts(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: _number(value) for name, value in values.items() if not math.isnan(_number(value))}


def _old_mmlu(scores: Scores) -> dict[str, list[str]]:
    """Give MMLU a score where a file of 0.3 has all its subjects, and return them as a group.

    The score is the mean over subjects, whatever their size, as the Open LLM Leaderboard v1 took it.
    """
    names = [f"{OLD_SUBJECT}{subject}" for subject in SUBJECTS]
    if not all(name in scores for name in names):
        return {}
    shared = [key for key in scores[names[0]] if all(key in scores[name] for name in names)]
    scores["mmlu"] = {
        key: (
            sum(scores[name][key][0] for name in names) / len(names),
            math.sqrt(sum(scores[name][key][1] ** 2 for name in names)) / len(names),
        )
        for key in shared
    }
    return {"mmlu": names}


def _facts(content: Mapping[str, Any], config: Mapping[str, Any], newer: bool, path: Path) -> dict[str, Any]:
    """Return the columns that all rows of a file share."""
    arguments = _arguments(config.get("model_args"))
    named = (content.get("model_name"), *(arguments.get(k) for k in ("pretrained", "model", "engine", "path")))
    model = _first(named) or str(config.get("model") or "")
    if not model:
        raise DataError(
            f"{path} does not name its model: found neither 'model_name' nor 'pretrained' among the model arguments "
            f'{config.get("model_args")!r}. Add "model_name": "..." to the file.'
        )
    revision = _first((arguments.get("revision"), config.get("model_revision"))) or "main"
    step = re.fullmatch(r"step[_-]?(\d+)", revision)
    counted = _number(config.get("model_num_parameters"))
    return {
        "model": model,
        "run": model if step or revision == "main" else f"{model}@{revision}",
        "step": float(step.group(1)) if step else math.nan,
        "harness_version": str(content.get("lm_eval_version") or ("0.4" if newer else "0.3")),
        "git_hash": str(content.get("git_hash") or ""),
        "source": path.name,
        "limit": config.get("limit"),
        "counted_params": counted if counted > 0 else math.nan,
    }


def _first(values: Iterable[Any]) -> str:
    return next((value.strip() for value in values if isinstance(value, str) and value.strip()), "")


def _arguments(given: Any) -> dict[str, str]:
    """Return the arguments of the model, a mapping or text such as ``"pretrained=gpt2,revision=main"``."""
    if isinstance(given, Mapping):
        return {str(name): str(value) for name, value in given.items()}
    return dict(part.split("=", 1) for part in str(given or "").split(",") if "=" in part)
