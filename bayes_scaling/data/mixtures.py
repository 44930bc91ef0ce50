"""Loaders of runs on mixtures of three and of five domains (Ye et al. 2024, arXiv:2403.16952)."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from bayes_scaling.data.columns import Column
from bayes_scaling.data.flags import add_flag
from bayes_scaling.data.registry import fetch
from bayes_scaling.data.validate import check_runs

DOMAINS = {"Github": "github", "Books3": "books3", "Pile-CC": "pile_cc"}
TOKENS_PER_STEP = 4096 * 256
FIVE = ("academic", "prose", "dialogue", "symbolic", "internet")
DESIGNED = 900  # mixtures from this number on are no part of the design


def _shares(domains: Mapping[str, str]) -> tuple[Column, ...]:
    """Return the columns of proportions, from upstream's names to ours."""
    return tuple(
        Column(f"p_{ours}", f"proportion of {theirs} in training", "fraction", "fraction", 0.0, 1.0)
        for theirs, ours in domains.items()
    )


def _long(raw: pd.DataFrame, shares: Mapping[str, str], losses: Mapping[str, str]) -> pd.DataFrame:
    """Return a row per checkpoint and validation set; `shares` and `losses` are from upstream's columns to ours."""
    wide = raw.rename(columns={**shares, **losses, "size": "model"})
    known = ["model", "params", "mixture", "step", *shares.values()]
    frame = wide.melt(known, list(losses.values()), var_name="task", value_name="loss").dropna(subset=["loss"])
    frame["run"] = frame["model"] + "/mixture " + frame["mixture"].astype(str)
    frame["tokens"] = frame["step"] * float(TOKENS_PER_STEP)
    return frame.sort_values(["model", "mixture", "task", "step"], ignore_index=True)


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
    frame = _long(raw, shares, {f"loss_{theirs}": ours for theirs, ours in DOMAINS.items()})
    own = pd.Series(0.0, index=frame.index)
    for domain in DOMAINS.values():
        own = own.mask(frame["task"] == domain, frame[f"p_{domain}"])
    return _checked(add_flag(frame, own == 0, "untrained_domain"), _shares(DOMAINS))


def load_mixtures_five() -> pd.DataFrame:
    """Load losses on 22 sets of the Pile of models trained on mixtures of five domains, at several steps.

    Returns
    -------
    pandas.DataFrame
        31262 rows, one per checkpoint and validation set: model (70M, 160M, 305M, 410M, 1B), mixture, run
        (model/mixture), params (without embedding), step, tokens, p_academic, p_prose, p_dialogue, p_symbolic,
        p_internet (training proportions), task (validation set, such as github or wikipedia_en), loss (nats). Flagged
        ``other_design``: mixtures that were chosen afterwards, not those of the design.
    """
    raw = pd.read_csv(fetch("mixtures_five", "five_domains.csv"))
    losses = [c for c in raw.columns if c.startswith("loss_")]
    names = {c: c.removeprefix("loss_").lower().replace("-", "_") for c in losses}
    frame = _long(raw, {f"p_{d}": f"p_{d}" for d in FIVE}, names)
    return _checked(add_flag(frame, frame["mixture"] >= DESIGNED, "other_design"), _shares({d: d for d in FIVE}))


def _checked(frame: pd.DataFrame, further: tuple[Column, ...]) -> pd.DataFrame:
    return check_runs(frame, require=("model", "run", "task", "step", "params", "tokens", "loss"), further=further)
