"""Data: everything between a table of runs and a model.

A newcomer reads these files in this order:

- ``columns.py``      the vocabulary: names, units, ranges (imports nothing heavy)
- ``validate.py``     ``check_runs``, the gate that every table passes; with ``naming.py`` (column names), ``sizes.py``
  (cells such as 7B), ``derive.py`` (C = 6 N D and what follows from it), ``flags.py`` (remarks on rows), ``hashing.py``
- ``evaluations.py``  ``check_evaluations``, the gate of tables of benchmark scores
- ``harness.py``      ``read_harness``, result files of lm-eval; with ``harness_files.py`` and ``harness_tasks.py``
- ``thinning.py``      ``thin``: neighbouring checkpoints gathered into rows that are means
- ``tasks.py``         ``task_table``: a column per benchmark becomes a row per run and task
- ``registry.py``     the catalogue of public datasets (``registry.toml``), mirror, cache and download
- ``benchmarks.py``   chance level and item count of benchmarks (``benchmarks.toml``)
- ``loaders.py``      ``load_dataset`` and ``read_table``; with a file for each dataset that needs more:
  ``leaderboards.py``, ``observational.py``, ``epoch.py``, ``learning_curves.py``, ``overtraining.py``,
  ``published.py``, ``discrepancies.py``, ``gemstones.py``, ``steplaw.py``, ``hitchhiker.py``
- ``schedules.py``    ``areas`` of a schedule of learning rates, which a law of loss curves reads

The names that need pandas are imported on first use, so that the command line can
list datasets without waiting for it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from bayes_scaling.data.benchmarks import BENCHMARKS, Benchmark, benchmark
from bayes_scaling.data.columns import COLUMNS, LOSS_UNITS, Column
from bayes_scaling.data.registry import Dataset, catalogue, dataset, fetch, list_datasets

if TYPE_CHECKING:
    from bayes_scaling.data.derive import active_params, compute_ratio
    from bayes_scaling.data.evaluations import check_evaluations
    from bayes_scaling.data.flags import add_flag, flag_counts, has_flag
    from bayes_scaling.data.harness import read_harness
    from bayes_scaling.data.hashing import data_hash
    from bayes_scaling.data.loaders import load_dataset, read_table
    from bayes_scaling.data.schedules import areas
    from bayes_scaling.data.tasks import task_table
    from bayes_scaling.data.thinning import thin
    from bayes_scaling.data.validate import check_runs

_LATER = {
    "active_params": "derive",
    "add_flag": "flags",
    "areas": "schedules",
    "check_evaluations": "evaluations",
    "check_runs": "validate",
    "compute_ratio": "derive",
    "data_hash": "hashing",
    "flag_counts": "flags",
    "has_flag": "flags",
    "load_dataset": "loaders",
    "read_harness": "harness",
    "read_table": "loaders",
    "task_table": "tasks",
    "thin": "thinning",
}

__all__ = [
    "BENCHMARKS",
    "COLUMNS",
    "LOSS_UNITS",
    "Benchmark",
    "Column",
    "Dataset",
    "active_params",
    "add_flag",
    "areas",
    "benchmark",
    "catalogue",
    "check_evaluations",
    "check_runs",
    "compute_ratio",
    "data_hash",
    "dataset",
    "fetch",
    "flag_counts",
    "has_flag",
    "list_datasets",
    "load_dataset",
    "read_harness",
    "read_table",
    "task_table",
    "thin",
]


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
