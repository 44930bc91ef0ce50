"""Loader of Brier scores by difficulty of the question (Wu and Lo 2024, arXiv:2410.01692)."""

from __future__ import annotations

import re

import pandas as pd

from bayes_scaling.data.flags import add_flag
from bayes_scaling.data.registry import dataset, fetch
from bayes_scaling.data.validate import check_runs

THIRDS = ("easy third", "middle third", "hard third")
LONG_TRAINED = ("microsoft/phi-1_5", "microsoft/phi-2", "Qwen/Qwen1.5-0.5B", "Qwen/Qwen1.5-1.8B", "Qwen/Qwen1.5-4B",
                "stabilityai/stablelm-2-1_6b")  # fmt: skip


def load_emergence() -> pd.DataFrame:
    """Load the Brier score of 65 models on easy, middle and hard questions of nine tasks.

    Returns
    -------
    pandas.DataFrame
        One row per model, task and third of its questions: family, model, run, task, protocol (the third), params,
        tokens, compute (FLOP, as given), and loss: the Brier score of the right option's probability, 0 best, 1
        worst. Models without a score, or without compute, are left out. Flagged ``long_trained``: six small models
        trained far past the others, which the authors leave out.
    """
    parts = [_task(file.path) for file in dataset("emergence").files]
    frame = pd.concat(parts, ignore_index=True)
    frame = add_flag(frame, frame["model"].isin(LONG_TRAINED), "long_trained")
    return check_runs(frame, require=("family", "model", "run", "task", "protocol", "params", "tokens", "loss"))


def _task(path: str) -> pd.DataFrame:
    """Return the rows of one task."""
    raw = pd.read_csv(fetch("emergence", path)).drop_duplicates("Model")
    scores = [c for c in raw.columns if re.fullmatch(r"\d+_\d+_brier", c)]
    raw = raw[raw[scores].notna().all(axis=1) & raw["FLOPs (1E21)"].notna()]
    shared = pd.DataFrame(
        {
            "family": raw["Model Family"],
            "model": raw["Model"],
            "run": raw["Model"],
            "task": path.split("/")[0],
            "params": raw["Model Size (B)"] * 1e9,
            "tokens": raw["Pretraining Data Size (T)"] * 1e12,
            "compute": raw["FLOPs (1E21)"] * 1e21,
        }
    )
    return pd.concat([shared.assign(protocol=t, loss=raw[c]) for t, c in zip(THIRDS, scores, strict=True)])
