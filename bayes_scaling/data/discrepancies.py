"""Loader of the dataset discrepancies (Porian et al. 2024, arXiv:2406.19146)."""

from __future__ import annotations

import pandas as pd

from bayes_scaling.data.flags import add_flag
from bayes_scaling.data.registry import fetch
from bayes_scaling.data.validate import check_runs

CORPORA = {"rw": "RefinedWeb", "owt2": "OpenWebText2"}
STEPS = {
    ("summary_df", 0): "Kaplan", ("summary_df", 1): "last layer counted", ("summary_df", 2): "short warm-up",
    ("summary_df", 3): "cosine to budget", ("summary_df", 4): "tuned",
    ("summary_df_att", 0): "attention, long warm-up", ("summary_df_att", 1): "attention, short warm-up",
    ("summary_df_att", 2): "attention, cosine to budget", ("summary_df_att", 3): "attention, tuned",
    ("summary_df_kaplan_tuned_hparams", 0): "Kaplan's counting, tuned",
}  # fmt: skip
"""Steps from Kaplan's settings to Chinchilla's, by upstream's table and row (OpenWebText2: those of the first)."""
SHORT = 7.0
"""Loss (nats) above which a run saw a few million tokens only and is hardly trained."""


def load_discrepancies() -> pd.DataFrame:
    """Load 1745 points on lines of equal compute in 15 training conditions.

    Returns
    -------
    pandas.DataFrame
        A row per condition, compute and size: family (corpus and step, such as ``RefinedWeb: tuned``), run, corpus,
        hparams, warmup, decay, param_count, val (upstream's words), params (as the condition counts them), tokens,
        compute (6 * params * tokens exactly), loss (nats). Rows of one size share a run, but where the schedule is
        matched to each budget (decay ``chinchilla``). A loss of 7 or more is flagged ``hardly_trained``.
    """
    raw = pd.read_csv(fetch("discrepancies", "isoflop_points.csv"))
    table = raw["summary_file"].str.replace("_owt2", "")
    steps = [STEPS[key] for key in zip(table, raw["condition"], strict=True)]
    corpus = raw["dataset"].map(CORPORA)
    own = raw["decay"].eq("chinchilla")
    size = raw["params"].map("{:.4g}".format)
    frame = pd.DataFrame(
        {
            "family": corpus + ": " + pd.Series(steps, index=raw.index),
            "run": (size + " parameters").where(~own, size + " parameters, " + raw["flops"].map("{:.4g}".format)),
            "corpus": corpus,
            **{name: raw[name] for name in ("hparams", "warmup", "decay", "param_count", "val", "params", "tokens")},
            "compute": raw["flops"],
            "loss": raw["loss"],
        }
    )
    frame = add_flag(frame, frame["loss"] >= SHORT, "hardly_trained")
    return check_runs(frame, require=("family", "run", "params", "tokens", "compute", "loss"))
