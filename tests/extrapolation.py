"""Coverage beyond the data: truth and discrepancy from the prior, forecasts at ten times the largest scale.

Used by the test suite (few simulations) and by benchmarks.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from bayes_scaling.compare import score
from bayes_scaling.fit import Sampler, SamplerSettings, assemble
from bayes_scaling.fit.evaluate import Draws, predict
from bayes_scaling.model import ModelSpec, encode, make_spec, simulate
from bayes_scaling.model.labels import run_labels

BEYOND = 10.0
LEVEL = 0.9
PRIORS = {"discrepancy_sd": {"dist": "lognormal", "median": 0.03, "upper95": 0.06}}
MODELS = {
    "ou": {"law": "power_law", "noise": {"discrepancy": "ou"}, "priors": PRIORS},
    "wiener": {"law": "power_law", "noise": {"discrepancy": "wiener"}, "priors": PRIORS},
}
NONE = {"law": "power_law", "noise": {"observation": "normal", "run_effect": False}}


def table(runs: int = 1, rows: int = 40) -> pd.DataFrame:
    """Return curves over two decades of compute, each with one point ten times beyond; losses are placeholders."""
    compute = np.geomspace(1e19, 1e21, rows)
    parts = [
        pd.DataFrame({"run": f"run {i}", "compute": np.r_[compute, BEYOND * compute[-1]] * 1.3**i, "loss": 2.5})
        for i in range(runs)
    ]
    return pd.concat(parts, ignore_index=True).assign(beyond=np.tile(np.r_[np.zeros(rows), 1], runs) == 1)


def simulated(spec: ModelSpec, simulations: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the table and its losses under draws from the prior, shape (simulation, row)."""
    settled, rows = encode(spec, table())
    rng = np.random.default_rng(seed)
    levels = {g: len(v) for g, v in rows.coords.items()}
    draws = Draws(settled, simulate.prior_values(settled, levels, simulations, rng), rows.coords, rows.paths)
    runs = run_labels(rows.frame).to_numpy(dtype=object)
    return rows.frame, predict(draws, rows, kind="response", runs=runs, rng=rng)


def scores(truth: str, fitted: ModelSpec, simulations: int, settings: SamplerSettings, *, seed: int) -> pd.DataFrame:
    """Return the scores of forecasts at ten times beyond, a row per simulation and run.

    Parameters
    ----------
    truth : str
        Key of MODELS from whose prior losses are drawn.
    fitted : ModelSpec
        The model that is fitted to them.
    """
    frame, losses = simulated(make_spec(**MODELS[truth]), simulations, seed)
    train, test = frame[~frame["beyond"]], frame[frame["beyond"]]
    settled, rows = encode(fitted, train)
    sampler = Sampler(settled, rows)
    parts = []
    for i in range(simulations):
        here = replace(rows, frame=rows.frame.assign(loss=losses[i][train.index]))
        tree = sampler.sample(settings, seed=seed + i, rows=here)
        fit = assemble(settled, here, tree, settings=settings, seed=seed + i)
        parts.append(score(fit, test.assign(loss=losses[i][test.index]), level=LEVEL).assign(simulation=i))
    return pd.concat(parts, ignore_index=True)
