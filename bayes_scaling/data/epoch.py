"""Loader of Epoch AI's notable models: sizes, data and compute, without any outcome."""

from __future__ import annotations

import pandas as pd

from bayes_scaling.data.columns import COLUMNS
from bayes_scaling.data.derive import FLOP_PER_PARAM_TOKEN
from bayes_scaling.data.flags import add_flag
from bayes_scaling.data.registry import fetch
from bayes_scaling.data.validate import check_runs


def load_epoch() -> pd.DataFrame:
    """Load 895 notable models of 1950 to 2025 (Epoch AI, 24 February 2025).

    Returns
    -------
    pandas.DataFrame
        A row per model: model, run, family (the organisations that made it, empty for 13), params, compute,
        unique_tokens, tokens, and upstream's domain, date, confidence, epochs, datapoints, flop_method, finetune_flop,
        base_model, hardware, hardware_quantity, training_hours, cost_usd_2023, accessibility, notability and frontier.

        Data are tokens for models whose only domain is ``Language``: ``unique_tokens`` is their datapoints, ``tokens``
        datapoints times epochs where both are stated. The others are flagged ``not_language``, and only ``datapoints``
        holds their data, in a unit of their own. Where params and compute are known but tokens are not, they are
        derived as everywhere (``derived_tokens``); for ``not_language`` this is a number of examples in name only.

        Models below the range of the vocabulary (mostly before 2000) keep their numbers in ``params_published`` and
        ``flop`` only, flagged ``below_range``. Further flags: ``no_compute``, ``speculative`` (so called upstream).
    """
    raw = pd.read_csv(fetch("epoch", "notable_ai_models.csv"))
    language = raw["domain"].eq("Language")
    data = raw["datapoints"].where(language)
    frame = raw.rename(columns={"organization": "family", "params": "params_published"}).assign(
        run=raw["model"],
        params=_within(raw["params"], "params"),
        compute=_within(raw["flop"], "compute"),
        unique_tokens=_within(data, "unique_tokens"),
        tokens=_within(data * raw["epochs"], "tokens"),
        frontier=raw["frontier"].eq(True),
        confidence=raw["confidence"].fillna("Unknown"),
    )
    # What would be derived must lie within the range too, or the table would not pass the check again.
    derived = frame["compute"] / (FLOP_PER_PARAM_TOKEN * frame["params"])
    frame["compute"] = frame["compute"].mask(frame["tokens"].isna() & (derived < COLUMNS["tokens"].low))
    small = (frame["params_published"].notna() & frame["params"].isna()) | (
        frame["flop"].notna() & frame["compute"].isna()
    )
    flags = {
        "below_range": small,
        "not_language": ~language,
        "speculative": frame["confidence"].eq("Speculative"),
    }
    for flag, rows in flags.items():
        frame = add_flag(frame, rows, flag)
    checked = check_runs(frame, require=("model",))
    return add_flag(checked, checked["compute"].isna(), "no_compute")


def _within(values: pd.Series, column: str) -> pd.Series:
    """Return the values that the vocabulary allows in a column, the others as missing."""
    return values.where(values >= COLUMNS[column].low)
