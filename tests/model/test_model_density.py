"""The PyMC graph and its NumPy twin are one model: same log density, finite everywhere in the prior."""

import numpy as np
import pandas as pd
import pytest
import simulated
from scipy import stats

from bayes_scaling import laws
from bayes_scaling.model import build, encode, make_spec, simulate
from bayes_scaling.model.priors import natural
from bayes_scaling.model.rows import observed


def point_of(model, values, i):
    """Return draw i as a point of a PyMC model: unconstrained values under PyMC's names."""
    point = {}
    for rv in model.free_RVs:
        name, value_name = rv.name, model.rvs_to_values[rv].name
        if name.endswith("_cell_z"):  # a nested cell is sampled whole: base of its parent + effect
            effect = name.removesuffix("_cell_z")
            parameter, group = effect.removesuffix("_effect").split("_", 1)
            tasks = list(model.coords["task"])
            parent = [tasks.index(cell.split("|")[0]) for cell in model.coords[group]]
            value = values[parameter][i][parent] + values[effect][i]
        elif name.endswith("_z"):
            stem = name.removesuffix("_z")
            sd = "run_sd" if stem == "run_effect" else stem.removesuffix("_effect") + "_sd"
            value = values[stem][i] / values[sd][i]
        else:
            value = values[name][i]
        if value_name.endswith("_log__"):
            value = np.log(value)
        elif value_name.endswith("_logodds__"):
            value = np.log(value) - np.log1p(-value)
        elif value_name != name:
            raise AssertionError(f"unknown transform of {value_name}")
        point[value_name] = np.asarray(value, dtype=float)
    return point


def numpy_density(spec, rows, values):
    """Return the log density of the outcomes in NumPy, shape (draw, row)."""
    mean, at_row = simulate.law_values(spec, rows.inputs, values, rows.index)
    data = observed(spec, rows)
    shift = values["run_effect"][:, rows.index["run"]] if spec.noise.run_effect else None
    centered = simulate.center(spec, mean, shift, data["chance"])
    return simulate.log_density(spec, rows.column(spec.outcome), centered, at_row, data)


def jacobian(spec, rows):
    """Return what turns the density of the likelihood's own variable into that of the outcome."""
    if spec.outcome == "loss":
        return -np.log(rows.column("loss"))
    if spec.noise.observation == "beta_binomial":
        return np.log(rows.column("n_items"))
    return np.zeros(len(rows))


LADDER = simulated.ladder(per_family=5)
TASKS = simulated.benchmarks(runs=4)
WITH_LOSS = TASKS.assign(loss=5.0 * (TASKS["compute"] / 1e20) ** -0.08)
WITH_SIZE = TASKS.assign(
    params=np.sqrt(TASKS["compute"] / 120),
    tokens=20 * np.sqrt(TASKS["compute"] / 120),
    run=TASKS["run"] + TASKS["family"],
)
CAPABILITY = {"groups": ["family", "task", "run"], "noise": {"observation": "logistic", "run_effect": False}}


def rounded_to_the_ends():
    """Return accuracies of which two are 0 and one is 1."""
    frame = simulated.benchmarks(runs=4, n_items=False)
    frame.loc[[0, 5], "accuracy"] = 0.0
    frame.loc[7, "accuracy"] = 1.0
    return frame


def repeated_runs():
    """Return the ladder with three rows to a run."""
    frame = simulated.ladder(per_family=6)
    return frame.assign(run=[f"r{i // 3}" for i in range(len(frame))])


SKILL = np.log10(TASKS["compute"] / 1e22)
FLOORED = TASKS["accuracy"].where(TASKS.index % 9 > 0, 0.0).where(TASKS.index != 7, 1.0)
CASES = {
    "student_t with run effect": (make_spec("chinchilla", groups=["family"]), repeated_runs()),
    "normal, levels of their own": (
        make_spec(
            "power_law", groups=["family"], pooling={"E": {"family": "none"}, "alpha": "partial"},
            noise={"observation": "normal"},
        ),
        LADDER,
    ),
    "normal, means of evaluations": (
        make_spec("power_law", groups=["family"], noise={"observation": "normal"}),
        LADDER.assign(averaged=1.0 + np.arange(len(LADDER)) % 7),
    ),
    "student_t, means of evaluations": (
        make_spec("power_law", noise={"observation": "student_t"}),
        LADDER.assign(averaged=1.0 + np.arange(len(LADDER)) % 7),
    ),
    "noise by family": (make_spec("kaplan", groups=["family"], pooling={"sigma": "partial"}), LADDER),
    "crossed beta_binomial with run effect": (simulated.crossed_spec(), TASKS),
    "crossed beta, censored": (simulated.crossed_spec(), rounded_to_the_ends()),
    "beta, sigmoid of loss": (
        make_spec("loss_sigmoid", groups=["family", "task"], pooling={"level": {"task": "none", "family": "partial"}}),
        WITH_LOSS.drop(columns="n_items"),
    ),
    "skills, censored logistic": (make_spec("capability", **CAPABILITY), WITH_SIZE.assign(accuracy=FLOORED)),
    "two skills, items unknown": (
        make_spec("capability", options={"skills": 2, "anchors": ["alpha_qa"]}, **CAPABILITY),
        WITH_SIZE.drop(columns="n_items"),
    ),
    "two skills without a scale": (
        make_spec(
            "capability", options={"skills": 2, "scale": "none", "anchors": ["beta_qa", "alpha_qa"]}, **CAPABILITY
        ),
        WITH_SIZE,
    ),
    "downstream score of a skill, noise in log-odds": (
        make_spec("skill_link", groups=["family"], noise={"observation": "log_odds", "run_effect": False}),
        TASKS.assign(accuracy=FLOORED, skill_1=SKILL),
    ),
    "skills of compute": (make_spec("capability", options={"scale": "compute"}, **CAPABILITY), WITH_SIZE),
    "beta_binomial, exponential of loss": (make_spec("loss_exponential", groups=["family"]), WITH_LOSS),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_likelihood_of_graph_and_numpy_agree(case):
    spec, rows = encode(*CASES[case])
    assert ("run effect" in case) <= spec.noise.run_effect
    levels = {g: len(v) for g, v in rows.coords.items()}
    values = simulate.prior_values(spec, levels, 25, np.random.default_rng(3))
    model = build(spec, rows)
    terms = [*model.observed_RVs, *model.potentials]
    logp = model.compile_logp(vars=terms, mode="FAST_COMPILE")
    by_numpy = numpy_density(spec, rows, values).sum(axis=1)
    extra = jacobian(spec, rows).sum()
    for i in range(25):
        assert logp(point_of(model, values, i)) + extra == pytest.approx(by_numpy[i], rel=1e-8, abs=1e-6)


@pytest.mark.parametrize("name", laws.available())
def test_log_density_and_gradient_are_finite_over_the_prior(name):
    law = laws.get(name)
    frame = WITH_SIZE.assign(loss=WITH_LOSS["loss"], skill_1=SKILL) if law.outcome == "accuracy" else LADDER
    if not {i.column for i in law.inputs} <= {*frame.columns, "compute"}:
        outcome = {
            "loss": {"loss": LADDER["loss"]}, "accuracy": {"accuracy": FLOORED[: len(LADDER)], "n_items": 500},
            "data_needed": {"data_needed": 1e5 * LADDER["loss"]},
        }[law.outcome]  # fmt: skip
        frame = pd.DataFrame(law.example(len(LADDER))).assign(family=LADDER["family"], **outcome)
    if law.noise.get("observation") == "beta":  # of scores that count no items, inside (0, 1)
        frame = frame.drop(columns="n_items").assign(accuracy=frame["accuracy"].clip(0.01, 0.99))
    spec, rows = encode(make_spec(law, groups=["family"]), frame)
    levels = {g: len(v) for g, v in rows.coords.items()}
    values = simulate.prior_values(spec, levels, 60, np.random.default_rng(4))
    model = build(spec, rows)
    long = len(model.value_vars) >= 16 or name == "batch_steps"  # sums of Python mode end at 32 terms
    mode = "NUMBA" if long else "FAST_COMPILE"
    logp, dlogp = model.compile_logp(mode=mode), model.compile_dlogp(mode=mode)
    for i in range(60):
        point = point_of(model, values, i)
        assert np.isfinite(logp(point)), {k: v[i] for k, v in values.items()}
        assert np.isfinite(dlogp(point)).all(), {k: v[i] for k, v in values.items()}


SCIPY = {
    "lognormal": lambda n: stats.lognorm(n["sigma"], scale=np.exp(n["mu"])),
    "normal": lambda n: stats.norm(n["mu"], n["sigma"]),
    "halfnormal": lambda n: stats.halfnorm(scale=n["sigma"]),
    "gamma": lambda n: stats.gamma(n["alpha"], scale=1 / n["beta"]),
}


def test_prior_of_the_graph_is_the_declared_one():
    spec, rows = encode(make_spec("chinchilla", groups=["family"]), repeated_runs())
    levels = {g: len(v) for g, v in rows.coords.items()}
    values = simulate.prior_values(spec, levels, 10, np.random.default_rng(5))
    model = build(spec, rows)
    free = {rv.name: rv for rv in model.free_RVs}
    priors = {p.name: spec.prior(p) for p in spec.parameters()} | {"run_sd": spec.run_sd_prior()}
    priors |= {f"{p.name}_{g}_sd": spec.sd_prior(p, g) for p, g, kind in spec.all_effects() if kind == "partial"}
    assert set(priors) == {name for name in free if not name.endswith("_z")}
    logps = model.compile_logp(vars=[free[n] for n in priors], sum=False, jacobian=False, mode="FAST_COMPILE")
    for i in range(10):
        found = dict(zip(priors, logps(point_of(model, values, i)), strict=True))
        for name, prior in priors.items():
            expected = SCIPY[prior.dist](natural(prior)).logpdf(values[name][i])
            assert found[name] == pytest.approx(expected, rel=1e-9), name


def test_effects_are_non_centred_and_named_by_their_levels():
    spec, rows = encode(simulated.crossed_spec(), TASKS)
    model = build(spec, rows)
    assert set(model.coords) >= {"row", "family", "task", "task:protocol", "run"}
    assert model.named_vars_to_dims["level"] == ("task",)
    assert model.named_vars_to_dims["level_family_effect"] == ("family",)
    assert model.named_vars_to_dims["level_task:protocol_effect"] == ("task:protocol",)
    assert model.named_vars_to_dims["run_effect"] == ("run",)
    assert list(model.coords["family"]) == rows.coords["family"] == ["ant", "bee", "cat"]
