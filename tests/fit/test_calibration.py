"""Inference is calibrated: with truth from the prior, ranks are uniform and intervals cover.

40 simulations per law, each model compiled once. Tolerances follow from the number of simulations.
"""

import numpy as np
import pandas as pd
import pytest
from sbc import LEVEL, MODELS, simulate_and_rank, table, uniformity

from bayes_scaling.fit import SamplerSettings
from bayes_scaling.model import encode

SIMULATIONS = 40
SETTINGS = SamplerSettings(draws=250, tune=300, chains=1, adaptation="diag", target_accept=0.9)
MISTAKE = 1e-3  # probability that a calibrated law fails its tests of uniformity


@pytest.mark.statistical
@pytest.mark.parametrize("law", MODELS)
def test_simulation_based_calibration(law):
    spec, rows = encode(MODELS[law], table(law))
    assert 20 <= len(rows) <= 30
    ranks = simulate_and_rank(spec, rows, SIMULATIONS, SETTINGS, seed=20)
    assert set(ranks["simulation"]) == set(range(SIMULATIONS))
    tests = uniformity(ranks)
    smallest = tests[["p_shift", "p_spread"]].min().min()
    assert smallest > MISTAKE / (2 * len(tests)), tests.to_string()  # Bonferroni
    error = np.sqrt(LEVEL * (1 - LEVEL) / SIMULATIONS)  # quantities of one simulation are not independent
    assert ranks["covered"].mean() == pytest.approx(LEVEL, abs=3 * error)
    assert (ranks["z"].abs() > 5).mean() < 0.02  # nan would fail the test of ranks; scales have long tails
    assert np.isfinite(ranks["z"]).all()
    assert (ranks.groupby("simulation")["divergences"].first() > SETTINGS.draws / 10).mean() < 0.2


@pytest.mark.parametrize(("shift", "scale", "which"), [(0.8, 1, "p_shift"), (0, 0.5, "p_spread"), (0, 2, "p_spread")])
def test_a_wrong_posterior_would_be_found(shift, scale, which):
    """The tests of uniformity have the power to see what they are for."""
    rng = np.random.default_rng(0)
    truth = rng.standard_normal(SIMULATIONS)
    ranks = [{"variable": v, "rank": 0, "draws": 50} for v in ("good", "bad") for _ in truth]
    observed = truth + rng.standard_normal(SIMULATIONS)  # posterior: normal(observed / 2, 1 / 2)
    for i, (true, seen) in enumerate(zip(truth, observed, strict=True)):
        exact = seen / 2 + np.sqrt(0.5) * rng.standard_normal(50)
        wrong = seen / 2 + np.sqrt(0.5) * (shift + scale * rng.standard_normal(50))
        ranks[i]["rank"] = int((exact < true).sum())
        ranks[SIMULATIONS + i]["rank"] = int((wrong < true).sum())
    found = uniformity(pd.DataFrame(ranks)).set_index("variable")
    assert found.loc["bad", which] < MISTAKE / 20
    assert found.loc["good", ["p_shift", "p_spread"]].min() > MISTAKE
