"""Loader of the dataset hitchhiker (Choshen et al. 2024, arXiv:2410.11840)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayes_scaling.data.columns import COLUMNS
from bayes_scaling.data.flags import add_flag
from bayes_scaling.data.registry import fetch
from bayes_scaling.data.validate import check_runs

UNITS = {
    "OPT": "perplexity",
    "Pile-T5": "masked-token measure",
    "BiMix Pile": "unstated",
    "BiMix SlimPajama": "unstated",
    "language-model curves of the vision-and-language benchmark": "normalised loss",
}
"""Unit of upstream's second row where it is not nats per token."""


def load_hitchhiker() -> pd.DataFrame:
    """Load the points of 192 training curves.

    Returns
    -------
    pandas.DataFrame
        A row per curve and tokens: family, run (the curve), params (where the curve's name states them), detail,
        tokens, loss, value (upstream's number), unit and points. loss is the value but for OPT (logarithm of its
        perplexity); values above 20 nats, untrained models of Pythia, have no loss and are flagged ``above_range``.
        Levels of different families are on different scales: see the notes. Where a curve has several points at the
        same tokens (read from a figure), the row is their mean, ``points`` their number, flagged ``repeated_x``.
    """
    index = pd.read_csv(fetch("hitchhiker", "index.csv"))
    with np.load(fetch("hitchhiker", "colpret.npz")) as arrays:
        curves = [arrays[name] for name in index["curve"]]
    raw = index.loc[np.repeat(index.index, [c.shape[1] for c in curves])].reset_index(drop=True)
    tokens, value = np.concatenate(curves, axis=1)
    unit = raw["family"].map(UNITS).fillna("nats per token")
    loss = pd.Series(value).where(unit.ne("perplexity"), np.log(value))
    frame = pd.DataFrame(
        {
            "family": raw["family"],
            "run": raw["curve"].str.strip(),
            **{name: raw[name] for name in ("params", "detail")},
            "tokens": tokens,
            "unit": unit,
            "loss": loss,
            "value": value,
        }
    )
    keys = list(frame.columns[:6])
    same = frame.assign(points=1.0).groupby(keys, sort=False, dropna=False, as_index=False)
    table = same.agg({"loss": "mean", "value": "mean", "points": "sum"})
    above = table["loss"] > COLUMNS["loss"].high
    table["loss"] = table["loss"].mask(above)
    table = add_flag(add_flag(table, above, "above_range"), table["points"] > 1, "repeated_x")
    return check_runs(table, require=("family", "run", "tokens"))
