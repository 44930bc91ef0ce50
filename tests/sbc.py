"""Simulation-based calibration: truth from the prior, data from the truth, rank of truth among draws.

Talts et al. (2018), arXiv:1804.06788. Used by the test suite (few simulations) and by benchmarks.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import simulated
from scipy import stats

from bayes_scaling import laws
from bayes_scaling.fit import Sampler, SamplerSettings
from bayes_scaling.fit.sampler import posterior_values
from bayes_scaling.laws import Prior
from bayes_scaling.model import ModelSpec, Rows, make_spec, simulate
from bayes_scaling.model.rows import observed

LEVEL = 0.9


CURVES = ("broken_power_law", "broken_odds", "m1", "m2", "m3", "m4")  # their rows are one curve
OF_LOSS = ("loss_exponential", "loss_sigmoid")


def table(law: str) -> pd.DataFrame:
    """Return rows at which a law is evaluated; their outcome is a placeholder."""
    if law == "sigmoid":
        compute = np.tile(np.logspace(21, 25.5, 12), 2)
        task = np.repeat(["alpha_qa", "beta_qa"], 12)
        return pd.DataFrame(
            {"compute": compute, "task": task, "chance": np.where(task == "alpha_qa", 0.25, 0.0), "n_items": 500,
             "accuracy": 0.5}
        )  # fmt: skip
    if law == "capability":
        return evaluations()
    if law in OF_LOSS:
        return pd.DataFrame({"loss": np.linspace(2.2, 5.5, 24), "n_items": 500, "accuracy": 0.5})
    if law in CURVES:
        return pd.DataFrame({"compute": np.logspace(19.5, 22.5, 24), "loss": 2.5})
    if law not in ("chinchilla", "kaplan", "power_law"):
        outcomes = {
            "loss": {"loss": 2.5},
            "accuracy": {"accuracy": 0.5, "n_items": 500},
            "data_needed": {"data_needed": 1e6},
        }
        return pd.DataFrame({**laws.get(law).example(24), **outcomes[laws.get(law).outcome]})
    frame = simulated.ladder(per_family=8, seed=3).assign(loss=2.5)
    return frame.assign(compute=6 * frame["params"] * frame["tokens"])


def evaluations() -> pd.DataFrame:
    """Return two models of each of four families on three benchmarks; accuracies are placeholders."""
    family = np.repeat(["ant", "bee", "cat", "dog"], 6)
    large = np.tile(np.repeat([False, True], 3), 4)
    return pd.DataFrame({
        "family": family, "model": np.where(large, "large ", "small ") + family,
        "run": np.where(large, "large ", "small ") + family, "task": np.tile(["qa", "code", "maths"], 8),
        "params": np.where(large, 6e10, 2e9), "tokens": np.repeat([3e11, 2e12, 8e12, 1e12], 6),
        "chance": np.tile([0.25, 0.0, 0.0], 8), "n_items": 1000, "accuracy": 0.5,
    })  # fmt: skip


ONE_MODE = {  # under the wide default priors a floor and a break can trade places, and a chain finds only one of both
    "broken_power_law": {
        "E": Prior("lognormal", median=0.5, upper95=0.8), "alpha_0": Prior("lognormal", median=0.5, upper95=0.7),
        "alpha_1": Prior("lognormal", median=0.15, upper95=0.25),
        "break_ratio": Prior("lognormal", median=1, upper95=2),
        "smoothness": Prior("lognormal", median=0.4, upper95=0.8),
    },
    "broken_odds": {
        "e0": Prior("lognormal", median=1, upper95=1.2), "E_share": Prior("logitnormal", median=0.2, upper95=0.3),
        "odds_ref": Prior("lognormal", median=1, upper95=3), "alpha_0": Prior("lognormal", median=0.8, upper95=1.1),
        "alpha_1": Prior("lognormal", median=0.3, upper95=0.45),
        "break_ratio": Prior("lognormal", median=1, upper95=2),
        "smoothness": Prior("lognormal", median=0.4, upper95=0.8),
    },
    "m4": {
        "e0": Prior("lognormal", median=1, upper95=1.5), "E_share": Prior("logitnormal", median=0.3, upper95=0.5),
        "left_ref": Prior("logitnormal", median=0.5, upper95=0.8), "alpha": Prior("lognormal", median=0.5, upper95=0.8),
        "a": Prior("lognormal", median=1, upper95=2),
    },
}  # fmt: skip
SEEN = {  # the default priors have curves that leave the table flat, at 0 or at 1
    "loss_exponential": {
        "floor": Prior("logitnormal", median=0.2, upper95=0.3), "share": Prior("logitnormal", median=0.2, upper95=0.4),
        "decay": Prior("lognormal", median=0.8, upper95=1.2),
    },
    "loss_sigmoid": {
        "level": Prior("normal", mean=0.0, sd=0.7), "slope": Prior("lognormal", median=2, upper95=3.5),
        "floor": Prior("logitnormal", median=0.2, upper95=0.3),
        "ceiling": Prior("logitnormal", median=0.7, upper95=0.9),
    },
}  # fmt: skip
MODELS = {
    "chinchilla": make_spec("chinchilla"),
    "kaplan": make_spec("kaplan"),
    "power_law": make_spec(
        "power_law", groups=["family"], pooling={"E": {"family": "partial"}, "A_ref": {"family": "none"}}
    ),
    "sigmoid": make_spec("sigmoid", groups=["task"], pooling={"level": {"task": "partial"}}),
    "loss_exponential": make_spec("loss_exponential", priors=SEEN["loss_exponential"]),
    "loss_sigmoid": make_spec("loss_sigmoid", priors=SEEN["loss_sigmoid"]),
    "capability": make_spec(
        "capability",
        groups=["family", "task", "run"],
        noise={"observation": "logistic", "run_effect": False},
        priors={
            "intercept": Prior("normal", mean=0.0, sd=1.0),
            "loading_1": Prior("lognormal", median=1.5, upper95=3.0),
            "efficiency_1_family_sd": Prior("lognormal", median=0.3, upper95=0.6),
            "efficiency_1_run_sd": Prior("lognormal", median=0.1, upper95=0.2),
        },
    ),
    "broken_power_law": make_spec("broken_power_law", priors=ONE_MODE["broken_power_law"]),
    "broken_odds": make_spec("broken_odds", priors=ONE_MODE["broken_odds"]),
    "m1": make_spec("m1"),
    "m2": make_spec("m2"),
    "m3": make_spec("m3"),
    "m4": make_spec("m4", priors=ONE_MODE["m4"]),
}


def simulate_and_rank(
    spec: ModelSpec, rows: Rows, simulations: int, settings: SamplerSettings, seed: int, *, thin: int = 5
) -> pd.DataFrame:
    """Return rank and coverage of every sampled quantity in every simulation.

    Parameters
    ----------
    spec, rows :
        As ``encode`` settled them; the outcome in the rows is replaced by simulated ones.
    simulations : int
    settings : SamplerSettings
    seed : int
        The same seed gives the same table.
    thin : int
        Every so many draws are ranked, because ranks of correlated draws are not uniform.

    Returns
    -------
    DataFrame
        Columns ``simulation``, ``variable`` (with the level's position), ``rank`` of the truth among
        ``draws`` thinned draws (0 to draws), ``covered`` by the central 90 % interval, ``z``, and
        ``divergences`` of the simulation.
    """
    rng = np.random.default_rng(seed)
    levels = {g: len(v) for g, v in rows.coords.items()}
    truth = simulate.prior_values(spec, levels, simulations, rng)
    outcomes = _outcomes(spec, rows, truth, rng)
    sampler, fixed = Sampler(spec, rows), spec.constants()
    tables = []
    for i in range(simulations):
        simulated = replace(rows, frame=rows.frame.assign(**{spec.outcome: outcomes[i]}))
        tree = sampler.sample(settings, seed=seed + i, rows=simulated)
        posterior = tree["posterior"].to_dataset()
        divergences = int(tree["sample_stats"]["diverging"].sum())
        tables += [
            {"simulation": i, "variable": name, **row, "divergences": divergences}
            for name, row in _ranks(posterior, {k: v[i] for k, v in truth.items() if k not in fixed}, thin)
        ]
    return pd.DataFrame(tables)


def _outcomes(spec: ModelSpec, rows: Rows, truth: simulate.Values, rng: np.random.Generator) -> np.ndarray:
    """Return one simulated outcome per draw of the truth, shape (simulation, row)."""
    mean, at_row = simulate.law_values(spec, rows.inputs, truth, rows.index)
    data = observed(spec, rows)
    shift = truth["run_effect"][:, rows.index["run"]] if spec.noise.run_effect else None
    return simulate.response(spec, rng, simulate.center(spec, mean, shift, data["chance"]), at_row, data)


def _ranks(posterior, truth: dict[str, np.ndarray], thin: int):
    """Yield (variable, rank, coverage and z) of one simulation."""
    tail, sampled = (1 - LEVEL) / 2, posterior_values(posterior)
    for name, true in truth.items():
        draws, true = sampled[name].reshape(len(sampled[name]), -1), np.ravel(true)
        low, high = np.quantile(draws, [tail, 1 - tail], axis=0)
        kept = draws[thin - 1 :: thin]
        for j in range(true.size):
            yield (
                name if true.size == 1 else f"{name}[{j}]",
                {
                    "rank": int((kept[:, j] < true[j]).sum()), "draws": len(kept),
                    "covered": bool(low[j] <= true[j] <= high[j]),
                    "z": float((draws[:, j].mean() - true[j]) / draws[:, j].std()),
                },
            )  # fmt: skip


def uniformity(ranks: pd.DataFrame) -> pd.DataFrame:
    """Return, per variable, p-values of two tests that its ranks are uniform.

    ``p_shift`` is of the mean of the normal scores (posterior too high or too low), ``p_spread`` of their
    sum of squares (posterior too narrow or too wide); both are exact for independent draws.
    """
    rows = []
    for name, part in ranks.groupby("variable", sort=False):
        score = stats.norm.ppf((part["rank"] + 0.5) / (part["draws"] + 1))
        p = stats.chi2(len(score)).cdf((score**2).sum())
        p_shift = 2 * stats.norm.sf(abs(score.mean()) * np.sqrt(len(score)))
        rows.append({"variable": name, "n": len(score), "p_shift": p_shift, "p_spread": 2 * min(p, 1 - p)})
    return pd.DataFrame(rows)
