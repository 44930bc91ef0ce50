"""Loader of the runs with repeated data (Muennighoff et al. 2023, arXiv:2305.16264)."""

from __future__ import annotations

import pandas as pd

from bayes_scaling.data.flags import add_flag
from bayes_scaling.data.registry import fetch
from bayes_scaling.data.validate import check_runs

VARIANTS = {"seed repeat": "seed_repeat", "deduplicated data": "deduplicated", "different shape": "other_shape"}
"""Flags of runs that are not of the standard series, by upstream's variant."""


def load_datablations() -> pd.DataFrame:
    """Load 308 runs on C4 that see 100 million to 178 billion unique tokens up to 9000 times.

    Returns
    -------
    pandas.DataFrame
        family (C4), run (upstream's name: parameters, tokens, unique tokens), params, tokens (repeats included),
        unique_tokens, loss (nats, C4 validation), variant and seed. Flags: ``not_in_published_fit`` (all but 182 runs),
        ``seed_repeat``, ``deduplicated``, ``other_shape``, and ``doubtful`` for two runs with one and the same loss.
    """
    raw = pd.read_csv(fetch("datablations", "datablations.csv"))
    frame = raw.drop(columns=["epochs", "in_fit"]).assign(family="C4")
    frame = add_flag(frame, ~raw["in_fit"], "not_in_published_fit")
    frame = add_flag(frame, raw["run"].isin(["83m32b100m", "83m60b100m"]), "doubtful")
    for variant, flag in VARIANTS.items():
        frame = add_flag(frame, raw["variant"] == variant, flag)
    return check_runs(frame, require=("family", "run", "params", "tokens", "unique_tokens", "loss"))
