"""Tables of runs with a known truth, and fits made of chosen draws instead of sampled ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from bayes_scaling.fit import Fit, SamplerSettings, assemble
from bayes_scaling.model import ModelSpec, encode, make_spec, simulate

TRUTH = {"A_ref": 0.4, "alpha": 0.33, "B_ref": 0.45, "beta": 0.36, "sigma": 0.02, "nu": 20.0}
FLOORS = {"ant": 1.6, "bee": 1.7, "cat": 1.85}


def ladder(*, per_family: int = 12, seed: int = 0, tokens_per_param: float | None = None) -> pd.DataFrame:
    """Return runs of three families under Chinchilla's law with the planted truth."""
    rng = np.random.default_rng(seed)
    family = np.repeat(list(FLOORS), per_family)
    params = 10 ** rng.uniform(7.5, 10, family.size)
    ratio = 10 ** rng.uniform(0.5, 2.5, family.size) if tokens_per_param is None else tokens_per_param
    tokens = params * ratio
    t = TRUTH
    floor = np.array([FLOORS[f] for f in family])
    law = floor + t["A_ref"] * (params / 1e9) ** -t["alpha"] + t["B_ref"] * (tokens / 2e10) ** -t["beta"]
    loss = law * np.exp(t["sigma"] * rng.standard_t(t["nu"], family.size))
    return pd.DataFrame({"family": family, "params": params, "tokens": tokens, "loss": loss})


def benchmarks(*, runs: int = 6, n_items: bool = True, seed: int = 0) -> pd.DataFrame:
    """Return accuracies of three families on two tasks and two protocols, each run on both tasks."""
    rng = np.random.default_rng(seed)
    rows = []
    for i, family in enumerate(FLOORS):
        for j in range(runs):
            compute = 10 ** rng.uniform(20, 25)
            protocol = ("0-shot", "5-shot")[j % 2]
            for task, chance, items in (("alpha_qa", 0.25, 1000), ("beta_qa", 0.5, 400)):
                share = 0.9 / (1 + np.exp(-(0.3 * i + 0.9 * np.log10(compute / 1e23))))
                right = rng.binomial(items, chance + (1 - chance) * share)
                rows.append((family, f"{family}-{j}", compute, task, protocol, chance, right / items, items))
    names = ["family", "run", "compute", "task", "protocol", "chance", "accuracy", "n_items"]
    frame = pd.DataFrame(rows, columns=names)
    return frame if n_items else frame.drop(columns="n_items")


def crossed_spec(**noise: object) -> ModelSpec:
    """Return a sigmoid with crossed groups, an interaction and a group with levels of its own."""
    return make_spec(
        "sigmoid",
        groups=["family", "task", "protocol"],
        pooling={
            "level": {"family": "partial", "task": "none", "task:protocol": "partial"},
            "slope": {"family": "partial"},
            "ceiling": {"task": "partial"},
        },
        noise=noise,
    )


def fit_of(
    spec: ModelSpec,
    frame: pd.DataFrame,
    values: simulate.Values | None = None,
    *,
    chains: int = 2,
    draws: int = 200,
    seed: int = 0,
    diverging: int = 0,
) -> Fit:
    """Return a Fit whose posterior holds the given draws, or draws of the prior; nothing is sampled.

    ``values`` may replace only some variables; draws are on the first axis, chain after chain.
    """
    settled, rows = encode(spec, frame)
    levels = {g: len(v) for g, v in rows.coords.items()}
    prior = simulate.prior_values(settled, levels, chains * draws, np.random.default_rng(seed))
    dims = _level_dims(settled)
    variables = {}
    for name, value in {**prior, **(values or {})}.items():
        shaped = np.asarray(value, dtype=float).reshape(chains, draws, *np.shape(value)[1:])
        variables[name] = (("chain", "draw", *dims.get(name, ())), shaped)
    posterior = xr.Dataset(variables, coords={g: rows.coords[g] for g in rows.coords})
    flags = np.zeros((chains, draws), dtype=bool)
    flags[0, :diverging] = True
    stats = xr.Dataset({"diverging": (("chain", "draw"), flags)})
    tree = xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats})
    return assemble(settled, rows, tree, settings=SamplerSettings(draws, 1, chains), seed=seed, title="made up")


def _level_dims(spec: ModelSpec) -> dict[str, tuple[str, ...]]:
    dims = {"run_effect": ("run",), "discrepancy": ("path", "knot")}
    for parameter, group, kind in spec.all_effects():
        dims[parameter.name if kind == "none" else f"{parameter.name}_{group}_effect"] = (group,)
    return dims


def constant(draws: int, **values: float) -> simulate.Values:
    """Return nearly the same value in every draw, for posteriors without uncertainty.

    The draws differ in the twelfth digit, because R-hat of a constant is undefined.
    """
    jitter = 1 + 1e-12 * np.random.default_rng(0).standard_normal(draws)
    return {name: value * jitter for name, value in values.items()}


def fixed(count: int, **values: object) -> simulate.Values:
    """Return nearly the same values in every draw, shape (draw,) or (draw, level); R-hat needs some difference."""
    rng = np.random.default_rng(9)
    return {name: np.asarray(v) + 1e-10 * rng.standard_normal((count, *np.shape(v))) for name, v in values.items()}
