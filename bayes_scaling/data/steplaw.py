"""Loader of the dataset steplaw (Li et al. 2025, arXiv:2503.04715)."""

from __future__ import annotations

import pandas as pd

from bayes_scaling.data.columns import Column
from bayes_scaling.data.flags import add_flag
from bayes_scaling.data.registry import fetch
from bayes_scaling.data.validate import check_runs

SEQUENCE = 2048
"""Tokens of a sequence."""
DIVERGED = 0.5
"""Nats above the best run of the same size and tokens beyond which a run is taken to have diverged."""
NEAR = 1.02
"""Loss over the best run of the same size and tokens up to which a run is near it, as in the paper's figures."""
LR = Column("lr", "peak learning rate", "1", "positive", high=1.0)
BATCH = Column("batch", "batch size", "tokens", "count")
SPARSITY = Column(
    "sparsity", "share of the parameters that are not active (0: dense)", "fraction", "fraction", 0.0, 1.0
)


def load_steplaw() -> pd.DataFrame:
    """Load 2619 runs over grids of learning rate and batch size.

    Returns
    -------
    pandas.DataFrame
        A row per run: family (``dense``, or the sparse setting ``1in89`` ...), run, params and active_params (without
        embeddings), sparsity (1 - active_params / params), tokens, compute (derived), lr (peak), batch (tokens),
        sequences (of 2048 tokens), layers, width, loss (nats: training loss smoothed over the last steps), last_loss
        (of the last step alone) and ``cell`` (family, size and tokens). Runs more than 0.5 nats above the best of their
        cell are flagged ``diverged``, more than 2 % above it ``far_from_best``, all but the best one ``not_best``.
    """
    dense = pd.read_csv(fetch("steplaw", "dense_lr_bs_loss.csv")).assign(moe_name="dense")
    sparse = pd.read_csv(fetch("steplaw", "moe_lr_bs_loss.csv"))
    raw = pd.concat([dense.assign(Na=dense["N"]), sparse], ignore_index=True)
    frame = pd.DataFrame(
        {
            "family": raw["moe_name"],
            "run": raw["exp_name"],
            "params": raw["N"],
            "active_params": raw["Na"],
            "sparsity": 1 - raw["Na"] / raw["N"],
            "tokens": raw["D"],
            "lr": raw["lr"],
            "batch": raw["bs"] * SEQUENCE,
            "sequences": raw["bs"],
            "layers": raw["numl"],
            "width": raw["h"],
            "loss": raw["smooth loss"],
            "last_loss": raw["loss"],
            "cell": raw["moe_name"] + raw["N"].map(" {:.4g}".format) + raw["D"].map(" {:.4g}".format),
        }
    )
    best = frame.groupby("cell")["loss"].transform("min")
    flags = {
        "diverged": frame["loss"] > best + DIVERGED,
        "far_from_best": frame["loss"] > NEAR * best,
        "not_best": frame["loss"] > best,
    }
    for flag, rows in flags.items():
        frame = add_flag(frame, rows, flag)
    return check_runs(frame, require=("family", "run", "params", "tokens", "loss"), further=(LR, BATCH, SPARSITY))
