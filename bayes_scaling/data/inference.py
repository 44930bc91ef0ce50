"""Loader of the accuracy of o1-mini on AIME 2024 by the tokens that it spends."""

from __future__ import annotations

import json

import pandas as pd

from bayes_scaling.data.columns import Column
from bayes_scaling.data.registry import fetch
from bayes_scaling.data.validate import check_runs

PROBLEMS = 30
VOTED_ABOVE = 2048  # tokens asked for; above it several answers are voted over
FURTHER = (Column("test_tokens", "tokens spent on a problem, all samples together", "tokens", "positive"),)


def load_inference() -> pd.DataFrame:
    """Load the accuracy of o1-mini on the 30 problems of AIME 2024 at eleven budgets of test-time tokens.

    Returns
    -------
    pandas.DataFrame
        11 rows: model, run (the budget that was asked for), task, test_tokens (spent per problem on average, about
        eight times what was asked for), accuracy (ties of a vote count in part), n_items 30, chance 0 (answers are
        numbers from 0 to 999), ``votes`` (answers voted over).
    """
    records = json.loads(fetch("inference", "results_log_majority_vote.json").read_text())
    raw = pd.DataFrame(records).rename(columns={"avg_tokens_used": "test_tokens"})
    asked = raw.pop("token_limit")
    frame = raw.assign(
        model="o1-mini", task="AIME 2024", n_items=PROBLEMS, chance=0.0,
        votes=(asked / VOTED_ABOVE).clip(lower=1).round(),
    )  # fmt: skip
    frame["run"] = "asked for " + asked.astype(int).astype(str) + " tokens"
    return check_runs(frame, require=("model", "run", "task", "accuracy", "n_items"), further=FURTHER)
