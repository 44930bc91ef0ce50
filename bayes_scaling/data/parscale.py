"""Loader of the runs with parallel streams (Chen et al. 2025, arXiv:2505.10475)."""

from __future__ import annotations

import pandas as pd

from bayes_scaling.data.columns import Column
from bayes_scaling.data.registry import fetch
from bayes_scaling.data.validate import check_runs

STREAMS = Column("streams", "parallel streams P", "streams", "integer", low=1)


def load_parscale() -> pd.DataFrame:
    """Load 48 runs: six sizes with 1, 2, 4 and 8 parallel streams on each of two corpora.

    Returns
    -------
    pandas.DataFrame
        family (the corpus, of training and of the loss), model (the base size, 0 to 5), run, params (without embedding;
        prefixes of the streams add up to 1.8 percent), streams, loss (nats). Tokens are the same for all and not given.
    """
    raw = pd.read_csv(fetch("parscale", "parscale.csv")).rename(columns={"corpus": "family", "P": "streams"})
    frame = raw.drop(columns="size_index").assign(
        model="size " + raw["size_index"].astype(str),
        run=raw["family"] + "/size " + raw["size_index"].astype(str) + "/P = " + raw["streams"].astype(str),
    )
    return check_runs(frame, require=("family", "model", "run", "params", "streams", "loss"), further=(STREAMS,))
