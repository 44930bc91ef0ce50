"""Loader of dense and routed models (Clark et al. 2022, arXiv:2202.01169)."""

from __future__ import annotations

import pandas as pd

from bayes_scaling.data.columns import Column
from bayes_scaling.data.flags import add_flag
from bayes_scaling.data.registry import fetch
from bayes_scaling.data.validate import check_runs

EXPERTS = Column("experts", "experts per routed layer, 1 for a dense model", "experts", "integer", low=1)
NAMES = {
    "router_type": "family",
    "loss_validation": "loss",
    "num_experts": "experts",
    "dense_parameter_count": "active_params",
    "total_parameter_count": "params",
    "k": "experts_per_token",
}


def load_routing() -> pd.DataFrame:
    """Load the final losses of 223 models: dense ones and three ways of routing, 1 to 512 experts.

    Returns
    -------
    pandas.DataFrame
        family (S-Base, RL-R, Hash or Dense), run, active_params (of the dense model), params (all), experts, loss (nats
        at the last step), experts_per_token, routing_frequency, flop_increase, seed. Flagged ``other_shape``: runs that
        are not of the main series (every second layer routed, one expert per token, seed 42).
    """
    raw = pd.read_csv(fetch("routing", "curves.csv.gz")).sort_values(["hyper_id", "step"])
    last = raw[raw["loss_validation"].notna()].groupby("hyper_id", as_index=False).last().rename(columns=NAMES)
    last["run"] = [f"run-{i:03d}" for i in last["hyper_id"]]
    kept = ["routing_frequency", "flop_increase", "seed", "step"]
    frame = last[["family", "run", "active_params", "params", "experts", "loss", "experts_per_token", *kept]]
    main = (last["routing_frequency"] == 0.5) & (last["experts_per_token"] == 1) & (last["seed"] == 42)
    frame = add_flag(frame, ~(main & (last["flop_increase"] == 1)), "other_shape")
    return check_runs(frame, require=("family", "run", "active_params", "experts", "loss"), further=(EXPERTS,))
