"""Loader of runs on mixtures of three domains (Ye et al. 2024, arXiv:2403.16952)."""

from __future__ import annotations

import pandas as pd

from bayes_scaling.data.columns import Column
from bayes_scaling.data.flags import add_flag
from bayes_scaling.data.registry import fetch
from bayes_scaling.data.validate import check_runs

DOMAINS = {"Github": "github", "Books3": "books3", "Pile-CC": "pile_cc"}
TOKENS_PER_STEP = 4096 * 256
FURTHER = tuple(
    Column(f"p_{ours}", f"proportion of {theirs} in training", "fraction", "fraction", 0.0, 1.0)
    for theirs, ours in DOMAINS.items()
)


def load_mixtures() -> pd.DataFrame:
    """Load losses on three domains of models trained on mixtures of them, at several steps.

    Returns
    -------
    pandas.DataFrame
        3227 rows, one per checkpoint and validation domain: model (70M, 160M, 410M), mixture, run (model/mixture),
        params (without embedding), step, tokens, p_github, p_books3, p_pile_cc (training proportions), task (validation
        domain: github, books3, pile_cc), loss (nats). Flagged ``untrained_domain``: rows whose validation domain has no
        share in training.
    """
    raw = pd.read_csv(fetch("mixtures", "three_domains.csv"))
    shares = {f"p_{theirs}": f"p_{ours}" for theirs, ours in DOMAINS.items()}
    losses = {f"loss_{theirs}": ours for theirs, ours in DOMAINS.items()}
    wide = raw.rename(columns={**shares, **losses, "size": "model"})
    known = ["model", "params", "mixture", "step", *shares.values()]
    frame = wide.melt(known, list(losses.values()), var_name="task", value_name="loss").dropna(subset=["loss"])
    frame["run"] = frame["model"] + "/mixture " + frame["mixture"].astype(str)
    frame["tokens"] = frame["step"] * float(TOKENS_PER_STEP)
    frame = frame.sort_values(["model", "mixture", "task", "step"], ignore_index=True)
    own = pd.Series(0.0, index=frame.index)
    for domain in DOMAINS.values():
        own = own.mask(frame["task"] == domain, frame[f"p_{domain}"])
    frame = add_flag(frame, own == 0, "untrained_domain")
    return check_runs(frame, require=("model", "run", "task", "step", "params", "tokens", "loss"), further=FURTHER)
