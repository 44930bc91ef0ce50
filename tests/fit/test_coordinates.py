"""Coordinates of curves change the sampler's steps, not the posterior."""

import numpy as np
import pandas as pd
import pytest

from bayes_scaling.fit import Sampler, SamplerSettings, assemble
from bayes_scaling.fit.coordinates import find_coordinates
from bayes_scaling.model import build, encode, make_spec
from bayes_scaling.model.curves import curves

RUNS, ROWS = 10, 15
SPEC = make_spec(
    "power_law",
    groups=["family", "run"],
    pooling={"E": {"family": "partial", "run": "partial"}, "A_ref": {"run": "partial"}, "alpha": {"run": "partial"}},
    noise={"observation": "normal", "run_effect": False},
    priors={"sigma": {"dist": "lognormal", "median": 0.003, "upper95": 0.01}},
)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(5)
    run = np.repeat(np.arange(RUNS), ROWS)
    compute = np.tile(np.geomspace(1e19, 1e22, ROWS), RUNS)
    floor = 1.5 * np.exp(0.1 * rng.standard_normal(RUNS))[run]
    alpha = 0.15 * np.exp(0.1 * rng.standard_normal(RUNS))[run]
    amplitude = 0.7 * np.exp(0.2 * rng.standard_normal(RUNS))[run]  # where it hardly varied, chains would be caught
    loss = (floor + amplitude * (compute / 1e21) ** -alpha) * np.exp(0.003 * rng.standard_normal(run.size))
    family = np.where(run < RUNS // 2, "ant", "bee")
    return pd.DataFrame({"family": family, "run": [f"r{i}" for i in run], "compute": compute, "loss": loss})


def test_only_runs_with_many_rows_are_curves(table):
    spec, rows = encode(SPEC, table)
    assert {g: [p.name for p in ps] for g, ps in curves(spec, rows).items()} == {"run": ["E", "A_ref", "alpha"]}
    few = table[table.groupby("run").cumcount() < 5]
    assert curves(*encode(SPEC, few)) == {}
    assert find_coordinates(*encode(SPEC, few)) == {}
    by_family = make_spec("power_law", groups=["family"], pooling={"E": {"family": "partial"}})
    final_runs = table.assign(run=[f"run {i}" for i in range(len(table))])
    assert curves(*encode(by_family, final_runs)) == {}  # many rows per family, but none is a curve


def test_log_density_is_the_same_but_for_a_constant(table):
    spec, rows = encode(SPEC, table)
    known = find_coordinates(spec, rows)["run"]
    plain, moved = build(spec, rows), build(spec, rows, coordinates={"run": known})
    logp = [model.compile_logp() for model in (plain, moved)]
    rng, constants = np.random.default_rng(0), []
    shared = {k: v for k, v in plain.initial_point().items() if not k.endswith("_curve_z")}
    for _ in range(4):
        z = rng.standard_normal(known.center.shape)
        rest = {k: v + 0.3 * rng.standard_normal(np.shape(v)) for k, v in shared.items()}
        population = known.population * 0 + [rest[f"{n}_log__"] for n in known.parameters]
        family = np.exp(rest["E_family_sd_log__"]) * rest["E_family_effect_z"]
        population[:, 0] += family[(np.arange(RUNS) >= RUNS // 2).astype(int)]
        together = np.array([rest[f"{n}_log__"] for n in known.shared])
        value = known.values(population, together, z)
        own = {f"{name}_run_effect_curve_z": value[:, i] for i, name in enumerate(known.parameters)}
        constants.append(logp[0]({**rest, **own}) - logp[1]({**rest, "run_curve_z": z}))
    np.testing.assert_allclose(constants, constants[0], atol=1e-8)


def test_curves_are_sampled_in_few_steps_and_recovered(table):
    spec, rows = encode(SPEC, table)
    settings = SamplerSettings(draws=600, tune=600, chains=2)
    tree = Sampler(spec, rows).sample(settings, seed=1)
    fit = assemble(spec, rows, tree, settings=settings, seed=1)
    assert fit.idata["sample_stats"]["n_steps"].mean() < 100
    assert fit.summary(var_names=["E_run_effect", "sigma"])["r_hat"].max() < 1.06
    assert "run_curve_z" not in fit.idata["posterior"]
    assert fit.summary(var_names=["sigma"])["median"].iloc[0] == pytest.approx(0.003, rel=0.25)
