"""Loader of the pilot results of the Inverse Scaling Prize (McKenzie et al. 2023, arXiv:2306.09479)."""

from __future__ import annotations

import pandas as pd

from bayes_scaling.data.flags import add_flag
from bayes_scaling.data.registry import fetch
from bayes_scaling.data.validate import check_runs

ONE_ANSWER = ("scope_neglect", "syllogism")  # the right answer is the second class in every question


def load_inverse() -> pd.DataFrame:
    """Load the accuracy of four GPT-2 and four GPT-3 models on five tasks, with 0 and 1 example in the prompt.

    Returns
    -------
    pandas.DataFrame
        80 rows: task, protocol (examples in the prompt), family, model, run, params (of GPT-3: unofficial), accuracy,
        n_items (questions with a result), chance (1/2) and ``mean_loss`` (nats, of the two classes rescaled). Flagged
        ``one_answer``: tasks in which accuracy says how often a model gives the second answer.
    """
    raw = pd.read_csv(fetch("inverse", "inverse_scaling_pilot.csv"))
    frame = pd.DataFrame(
        {
            "task": raw["task"],
            "protocol": raw["shots"].astype(str) + "-shot",
            "family": raw["family"],
            "model": raw["model"],
            "run": raw["model"],
            "params": raw["params"].astype(float),
            "accuracy": raw["correct"] / raw["questions"],
            "n_items": raw["questions"],
            "chance": 0.5,
            "mean_loss": raw["mean_loss"],
        }
    )
    frame = add_flag(frame, frame["task"].isin(ONE_ANSWER), "one_answer")
    needed = ("task", "protocol", "family", "model", "run", "params", "accuracy", "n_items", "chance")
    return check_runs(frame, require=needed)
