"""Our frozen models of the eight tasks of SLDBench: ``python -m benchmarks.sldbench`` (``--inner``, ``--task NAME``).

Forms, priors and settings were chosen on hold-outs inside the training rows (``--inner`` repeats the last of them) and
frozen. What was ever seen or scored of the test rows is listed in the output (``benchmarks/scored.py``). The score is
the benchmark's: one minus the mean over target columns of squared error over variance, not below -1; the point
forecast is the median.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from bayes_scaling.compare import coverage, score
from bayes_scaling.fit.sample import versions
from benchmarks.figures import Figure, arguments, figure, report
from benchmarks.scored import SCORED_SLDBENCH
from benchmarks.sldbench_tasks import TASKS, Task

TARGETS = {
    "parallel": (">= 0.9999", 1.0), "vocab": (">= 0.988", 0.988), "sft": (">= 0.995", 0.994),
    "domain_mixture": (">= 0.997", 0.994), "moe": (">= 0.87", 0.891), "data_constrained": (">= 0.98", 0.991),
    "lr_bsz": (">= 0.88", 0.848), "easy_question": (">= 0.60", 0.381), "mean": (">= 0.90", 0.748),
}  # fmt: skip
"""Target, and the best single run that is published, by task; of the mean over tasks, the best agent's."""
COVERAGE = {"coverage90": "lo-hi holds 0.90", "coverage90_lo": "", "coverage90_hi": ""}


def rows_of(name: str, part: str) -> pd.DataFrame:
    """Return the ``train`` or ``test`` rows of a task under this package's names, an outcome per row in ``loss``."""
    folder = os.environ.get("BAYES_SCALING_DATA")
    if not folder:
        sys.exit("the rows of SLDBench are read from $BAYES_SCALING_DATA/sldbench; BAYES_SCALING_DATA is not set.")
    return TASKS[name].read(pd.read_csv(Path(folder) / "sldbench" / f"{name}_{part}.csv"))


def forecast(task: Task, train: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Fit each part of a task, and return its test rows with their scores, and what limits the fits."""
    parts, limits = [], []
    for name in ["all rows"] if task.by is None else sorted(test[task.by].unique()):
        fitted, asked = (f if task.by is None else f[f[task.by] == name] for f in (train, test))
        fit = task.fit(fitted, name)
        if not fit.diagnose().ok:
            limits.append(f"{name}: {fit.diagnose().problems[0]}")
        parts.append(score(fit, asked, new_groups=task.new_groups))
    return pd.concat(parts, ignore_index=True), limits


def r2(scores: pd.DataFrame) -> float:
    """Return the benchmark's score: target columns are averaged, groups are pooled."""
    columns = [rows for _, rows in scores.groupby("task")] if "task" in scores else [scores]
    lost = [np.mean((c["observed"] - c["median"]) ** 2) / np.var(c["observed"]) for c in columns]
    return max(1 - float(np.mean(lost)), -1.0)


def figures_of(name: str, scores: pd.DataFrame) -> list[Figure]:
    """Return a task's score and coverage, with the interval of the coverage over independent units."""
    target, best = TARGETS[name]
    found = coverage(scores, unit=TASKS[name].unit)
    values = (found["coverage"], found["lo"], found["hi"])
    unit = f"{len(scores)} rows"
    return [
        figure(f"sldbench/{name}/r2", r2(scores), better="higher", target=target, peer="best single run",
               peer_value=best, unit=unit),
        *(figure(f"sldbench/{name}/{k}", v, better="higher", target=t, unit=unit)
          for (k, t), v in zip(COVERAGE.items(), values, strict=True)),
    ]  # fmt: skip


def all_tasks(scores: dict[str, pd.DataFrame]) -> list[Figure]:
    """Return the mean score, and the coverage of all tasks' rows together (units: those of the tasks)."""
    target, best = TARGETS["mean"]
    unit = f"{len(scores)} tasks"
    parts = []
    for name, rows in scores.items():
        column = TASKS[name].unit
        own = rows[column] if column else pd.Series(rows.index, index=rows.index)
        parts.append(rows.assign(task_unit=name + "/" + own.astype(str)))
    found = coverage(pd.concat(parts, ignore_index=True), unit="task_unit")
    values = (found["coverage"], found["lo"], found["hi"])
    mean = float(np.mean([r2(s) for s in scores.values()]))
    return [
        figure("sldbench/mean/r2", mean, better="higher", target=target, peer="best agent, mean", peer_value=best,
               unit=unit),
        *(figure(f"sldbench/mean/{k}", v, better="higher", target="0.85-0.95" if k == "coverage90" else "", unit=unit)
          for k, v in zip(COVERAGE, values, strict=True)),
    ]  # fmt: skip


def inner(name: str) -> None:
    """Print the scores of the hold-outs inside a task's training rows; no test row is read."""
    task, rows = TASKS[name], rows_of(name, "train")
    made = []
    for label, (held, left) in task.inner(rows).items():
        fitted = ~held if left is None else ~held & ~left
        scores, limits = forecast(task, rows[fitted], rows[held])
        made.append(scores)
        _print(f"{name}, {label}", scores, limits)
    if len(made) > 1:
        _print(f"{name}, together", pd.concat(made, ignore_index=True), [])


def _print(label: str, scores: pd.DataFrame, limits: list[str]) -> None:
    bias = (scores["median"] - scores["observed"]).mean()
    print(f"{label:<50} r2 {r2(scores):.5f}  covered {scores['covered'].mean():.2f} of {len(scores)}  bias {bias:+.4f}")
    for line in limits:
        print(f"    {line}")
    sys.stdout.flush()


def main() -> None:
    """Run the benchmark."""
    parser = arguments(str(__doc__))
    parser.add_argument("--inner", action="store_true", help="score hold-outs inside the training rows instead")
    parser.add_argument("--task", action="append", choices=list(TASKS), help="only this task; may be repeated")
    args = parser.parse_args()
    names = args.task or list(TASKS)
    if args.inner:
        for name in names:
            inner(name)
        return
    start, scores, figures, limits = time.monotonic(), {}, [], []
    for name in names:
        scores[name], found = forecast(TASKS[name], rows_of(name, "train"), rows_of(name, "test"))
        print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
        limits += [f"{name}, {line}" for line in found]
        figures += figures_of(name, scores[name])
    if len(names) == len(TASKS):
        figures += all_tasks(scores)
    about = {f"seen {i + 1}": told for i, told in enumerate(SCORED_SLDBENCH)}
    about |= {f"limits {i + 1}": told for i, told in enumerate(limits)}
    about |= {"seconds": round(time.monotonic() - start), "versions": versions()}
    report(figures, args.json, about=about)


if __name__ == "__main__":
    main()
