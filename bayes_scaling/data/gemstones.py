"""Loader of the dataset gemstones (McLeish et al. 2025, arXiv:2502.06857)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayes_scaling.data.registry import fetch
from bayes_scaling.data.schedules import areas
from bayes_scaling.data.validate import check_runs

FILES = {"hot": "hot_100b+", "cooldown": "cool_end", "half_lr": "lr_ablation_hot"}
OTHERS = {"loss_fineweb_edu": "fineweb_edu", "loss_dclm": "fineweb_dclm"}
SHAPE = ["width", "depth", "step"]
BASE_RATES = {"hot": 5.0, "cooldown": 5.0, "half_lr": 2.5}
"""Learning rate times width times the root of depth (appendix A.1); extreme shapes deviate a little."""
COOLING = 0.1
"""Length of a cooldown over the steps before it; linear, to 0."""


def load_gemstones() -> pd.DataFrame:
    """Load 1169 checkpoints of 22 transformers of varied width and depth.

    Returns
    -------
    pandas.DataFrame
        A row per checkpoint: family (``Gemstones``), model (``WIDTHxDEPTH``), run (model and schedule), ``schedule``
        (``hot``: constant learning rate, ``cooldown``: after a decay over 10 % more tokens, ``half_lr``: half the
        learning rate), width, depth, params (with embeddings), tokens, step, compute (derived), loss (nats, on
        Dolma's validation set), and for ``hot`` ``loss_fineweb_edu`` and ``loss_dclm``, the loss of the same
        checkpoint on other corpora. From the paper's rule: ``lr`` (peak), ``forward_area`` and ``annealing_area``, see
        :func:`~bayes_scaling.data.schedules.areas`; the warm-up of 20 steps is taken at the peak.
    """
    parts = [_read(f"wandb_df_for_fitting_{name}.jsonl").assign(schedule=schedule) for schedule, name in FILES.items()]
    raw = pd.concat(parts, ignore_index=True)
    hot = raw["schedule"].eq("hot")
    for ours, name in OTHERS.items():
        other = _read(f"{name}_losses_combined.jsonl").set_index(SHAPE)["final_loss"].rename(ours)
        raw = raw.join(other, on=SHAPE)
        raw[ours] = raw[ours].where(hot)
    model = raw["width"].astype(str) + "x" + raw["depth"].astype(str)
    raw["lr"] = raw["schedule"].map(BASE_RATES) / (raw["width"] * np.sqrt(raw["depth"]))
    walked = [_areas(step, schedule) for step, schedule in zip(raw["step"], raw["schedule"], strict=True)]
    raw["forward_area"], raw["annealing_area"] = np.transpose(walked) * raw["lr"].to_numpy()
    frame = pd.DataFrame(
        {
            "family": "Gemstones",
            "model": model,
            "run": model + " " + raw["schedule"],
            **{name: raw[name] for name in ("schedule", "width", "depth")},
            "params": raw["params_active_precise"],
            **{name: raw[name] for name in ("tokens", "step")},
            "loss": raw["final_loss"],
            **{name: raw[name] for name in (*OTHERS, "lr", "forward_area", "annealing_area")},
        }
    )
    return check_runs(frame, require=("family", "model", "run", "params", "tokens", "step", "loss"))


def _areas(step: int, schedule: str) -> tuple[float, float]:
    """Return both areas of a checkpoint in units of its peak learning rate."""
    if schedule != "cooldown":
        return float(step), 0.0
    cooling = round(step * COOLING / (1 + COOLING))
    forward, annealed = areas(np.concatenate([[1.0], np.linspace(1, 0, cooling + 1)[1:]]))
    return step - cooling - 1 + forward[-1], annealed[-1]


def _read(name: str) -> pd.DataFrame:
    return pd.read_json(fetch("gemstones", name), lines=True)
