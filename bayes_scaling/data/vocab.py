"""Loader of the models with ten vocabularies (Tao et al. 2024, arXiv:2407.13623)."""

from __future__ import annotations

import pandas as pd

from bayes_scaling.data.columns import Column
from bayes_scaling.data.derive import FLOP_PER_PARAM_TOKEN
from bayes_scaling.data.flags import add_flag
from bayes_scaling.data.registry import fetch
from bayes_scaling.data.validate import check_runs

OFFSET = 7.0
"""Nats added to the unigram-normalised loss, which is negative: about the loss of a unigram model."""
FURTHER = (
    Column("non_vocab_params", "parameters outside the vocabulary", "count", "count", low=1e4),
    Column("vocab_params", "vocabulary times width", "count", "count", low=1e3),
)
FIRST_FLOP = 2.18e17  # the authors leave out checkpoints before


def load_vocab() -> pd.DataFrame:
    """Load 20 checkpoints each of 60 runs: six sizes by ten vocabularies from 4096 to 96256 entries.

    Returns
    -------
    pandas.DataFrame
        1200 checkpoints: family, model (the size), run (size and vocabulary), non_vocab_params, vocab_params, params
        (their sum), vocab_size, embed_dim, compute, tokens (compute / 6 params), characters, loss (plus 7 nats) and
        ``unigram_normalised_loss`` (as it is, negative). Flagged ``early_checkpoint``: those before 2.18e17 FLOP.
    """
    raw = pd.read_csv(fetch("vocab", "exp_data.csv"))
    size = (raw["Non_vocab_parameters"] / 1e6).round().astype(int).astype(str) + "M"
    frame = pd.DataFrame(
        {
            "family": "Llama architecture",
            "model": size,
            "run": size + "/V = " + raw["vocab_size"].astype(int).astype(str),
            "non_vocab_params": raw["Non_vocab_parameters"],
            "vocab_params": raw["vocab_size"] * raw["embed_dim"],
            "vocab_size": raw["vocab_size"],
            "embed_dim": raw["embed_dim"],
            "compute": raw["FLOPs"],
            "characters": raw["num_characters"],
            "unigram_normalised_loss": raw["Lossu"],
            "loss": raw["Lossu"] + OFFSET,
        }
    )
    frame["params"] = frame["non_vocab_params"] + frame["vocab_params"]
    frame["tokens"] = frame["compute"] / (FLOP_PER_PARAM_TOKEN * frame["params"])
    frame = add_flag(frame, frame["compute"] < FIRST_FLOP, "early_checkpoint")
    return check_runs(frame, require=("family", "model", "run", "params", "tokens", "loss"), further=FURTHER)
