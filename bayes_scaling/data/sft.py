"""Loader of fine-tuning curves of 30 models on three tasks (Lin et al. 2024, arXiv:2402.02314)."""

from __future__ import annotations

import pandas as pd

from bayes_scaling.data.flags import add_flag
from bayes_scaling.data.registry import fetch
from bayes_scaling.data.validate import check_runs

TASKS = ("flan", "gigaword", "wmt19")
COPIED = ("LaMini-GPT-1.5B", "phi-2")  # one and the same loss on gigaword at 819200 examples


def load_sft() -> pd.DataFrame:
    """Load the test loss of 30 models fine-tuned on 200 to 1638400 examples of three tasks.

    Returns
    -------
    pandas.DataFrame
        1260 rows: task, family, model (without the name of its owner), run (task/model), params, seen (examples), loss,
        and ``loss_zero_shot`` (without fine-tuning). Losses compare within a model only: tokenizers differ. Two rows
        with one and the same loss are flagged ``doubtful``.
    """
    tables = []
    for task in TASKS:
        raw = pd.read_csv(fetch("sft", f"{task}.csv"))
        about = {"config name": "model", "size": "params", "family": "family", "0": "loss_zero_shot"}
        long = raw.rename(columns=about).melt(list(about.values()), var_name="seen", value_name="loss")
        tables.append(long.assign(task=task))
    frame = pd.concat(tables, ignore_index=True)
    frame["model"] = frame["model"].str.split("/").str[-1]
    frame["run"] = frame["task"] + "/" + frame["model"]
    frame["seen"] = frame["seen"].astype(float)
    frame = frame.sort_values(["task", "family", "model", "seen"], ignore_index=True)
    copied = frame["task"].eq("gigaword") & frame["seen"].eq(819200) & frame["model"].isin(COPIED)
    frame = add_flag(frame, copied, "doubtful")
    return check_runs(frame, require=("family", "model", "task", "run", "seen", "loss"))
