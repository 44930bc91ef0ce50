"""Loader of the dataset gemstones (McLeish et al. 2025, arXiv:2502.06857)."""

from __future__ import annotations

import pandas as pd

from bayes_scaling.data.registry import fetch
from bayes_scaling.data.validate import check_runs

FILES = {"hot": "hot_100b+", "cooldown": "cool_end", "half_lr": "lr_ablation_hot"}
OTHERS = {"loss_fineweb_edu": "fineweb_edu", "loss_dclm": "fineweb_dclm"}
SHAPE = ["width", "depth", "step"]


def load_gemstones() -> pd.DataFrame:
    """Load 1169 checkpoints of 22 transformers of varied width and depth.

    Returns
    -------
    pandas.DataFrame
        A row per checkpoint: family (``Gemstones``), model (``WIDTHxDEPTH``), run (model and schedule), ``schedule``
        (``hot``: constant learning rate, ``cooldown``: after a decay over 10 % more tokens, ``half_lr``: half the
        learning rate), width, depth, params (with embeddings), tokens, step, compute (derived), loss (nats, on
        Dolma's validation set), and for ``hot`` ``loss_fineweb_edu`` and ``loss_dclm``, the loss of the same
        checkpoint on other corpora.
    """
    parts = [_read(f"wandb_df_for_fitting_{name}.jsonl").assign(schedule=schedule) for schedule, name in FILES.items()]
    raw = pd.concat(parts, ignore_index=True)
    hot = raw["schedule"].eq("hot")
    for ours, name in OTHERS.items():
        other = _read(f"{name}_losses_combined.jsonl").set_index(SHAPE)["final_loss"].rename(ours)
        raw = raw.join(other, on=SHAPE)
        raw[ours] = raw[ours].where(hot)
    model = raw["width"].astype(str) + "x" + raw["depth"].astype(str)
    frame = pd.DataFrame(
        {
            "family": "Gemstones",
            "model": model,
            "run": model + " " + raw["schedule"],
            **{name: raw[name] for name in ("schedule", "width", "depth")},
            "params": raw["params_active_precise"],
            **{name: raw[name] for name in ("tokens", "step")},
            "loss": raw["final_loss"],
            **{name: raw[name] for name in OTHERS},
        }
    )
    return check_runs(frame, require=("family", "model", "run", "params", "tokens", "step", "loss"))


def _read(name: str) -> pd.DataFrame:
    return pd.read_json(fetch("gemstones", name), lines=True)
