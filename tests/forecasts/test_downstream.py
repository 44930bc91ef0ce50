"""Downstream scores from skills: a cut whose draws are passed on, stable at the floor, clear about bad input."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import simulated

from bayes_scaling.api.models import evaluations
from bayes_scaling.data.benchmarks import benchmark
from bayes_scaling.errors import CardError, DataError, ForecastError
from bayes_scaling.fit import SamplerSettings, sample
from bayes_scaling.forecasts import forecast
from bayes_scaling.forecasts.facts import with_task_facts
from bayes_scaling.forecasts.links import downstream, skill_draws
from bayes_scaling.model import make_spec

FAMILIES, SIZES = ("ant", "bee", "cat", "dog", "eel", "fox"), 6
MODELS = [f"{family}-{size}" for family in FAMILIES for size in range(SIZES)]
SKILL = np.linspace(-2, 2, len(MODELS))[np.random.default_rng(5).permutation(len(MODELS))]
BENCHMARKS = {"qa": (0.25, 1.0, 0.0), "maths": (0.0, 1.5, -1.0)}
INTERCEPT, WEIGHT = -1.5, 2.0
QUICK = SamplerSettings(draws=100, tune=200, chains=2, target_accept=0.95, adaptation="diag")
DRAWS = 60


def spec(**options):
    options = {"scale": "none", "anchors": ["qa"], **options}
    return make_spec(
        "capability", options=options, groups=["family", "task", "run"],
        noise={"observation": "logistic", "run_effect": False},
    )  # fmt: skip


def benchmarks(seed=0):
    """Return scores of 36 models of six families on two benchmarks, made by one skill; no sizes."""
    rng, rows = np.random.default_rng(seed), []
    for task, (chance, loading, intercept) in BENCHMARKS.items():
        share = 0.9 / (1 + np.exp(-(intercept + loading * SKILL)))
        accuracy = np.clip(chance + (1 - chance) * share + 0.005 * rng.logistic(size=len(MODELS)), 0, 1)
        rows += [
            {"family": m.split("-")[0], "model": m, "run": m, "task": task, "accuracy": a, "chance": chance}
            for m, a in zip(MODELS, accuracy, strict=True)
        ]
    return pd.DataFrame(rows)


def skill_fit(scatter):
    """Return a skill fit whose draws scatter about the planted skills; nothing is sampled."""
    frame = benchmarks()
    order = sorted(range(len(MODELS)), key=lambda i: MODELS[i])
    around = SKILL + scatter * np.random.default_rng(2).standard_normal((DRAWS, len(MODELS)))
    values = {
        "efficiency_1_family_effect": 1e-9 * np.random.default_rng(3).standard_normal((DRAWS, len(FAMILIES))),
        "efficiency_1_run_effect": around[:, order],
    }
    return simulated.fit_of(spec(), frame, values, draws=DRAWS // 2)


def scores(skill, models=None, seed=1):
    """Return downstream scores of models from their skills, with a scatter of 0.3 log-odds."""
    noise = 0.3 * np.random.default_rng(seed).standard_normal(len(MODELS))
    share = 1 / (1 + np.exp(-(INTERCEPT + WEIGHT * (skill - SKILL.mean()) / SKILL.std() + noise)))
    table = pd.DataFrame({"model": MODELS, "task": "agent", "accuracy": share, "chance": 0.0})
    return table if models is None else table[table["model"].isin(models)]


WEAK = [m for m, s in zip(MODELS, SKILL, strict=True) if s < 0.7]
STRONG = [m for m in MODELS if m not in WEAK]


@pytest.fixture(scope="module")
def made():
    """Links fitted to the weaker models, for exact and for uncertain skills, and where all of them score zero."""
    options = {"settings": QUICK, "random_seed": 4, "skill_draws_used": 5}
    floor = scores(SKILL, WEAK).assign(accuracy=0.0, task="emergent")
    exact = downstream(skill_fit(1e-6), pd.concat([scores(SKILL, WEAK), floor]), **options)
    return {"exact": exact, "uncertain": downstream(skill_fit(0.5), scores(SKILL, WEAK), **options)}


def test_planted_link_is_found(made):
    values = made["exact"].links["agent"].values
    for name, true in (("intercept", INTERCEPT), ("weight_1", WEIGHT)):
        assert abs(values[name].mean() - true) < 4 * values[name].std(), name
    assert values["weight_1"].std() < 0.5


def test_stronger_models_are_forecast_with_labelled_intervals(made):
    table = made["exact"].forecast(STRONG, tasks="agent", levels=(0.9,)).table
    truth = scores(SKILL).set_index("model")["accuracy"][table["model"]].to_numpy()
    covered = (table["lower"] <= truth) & (truth <= table["upper"])
    assert covered.mean() > 0.9 - 3 * np.sqrt(0.09 / len(table))
    assert np.abs(table["median"] - truth).mean() < 0.1
    assert set(table["level"]) == {0.9}
    assert set(table["interval"]) == {"eti"}
    assert set(table["task"]) == {"agent"}


def test_draws_of_the_skills_are_passed_on(made):
    widths = {}
    for name in ("exact", "uncertain"):
        table = made[name].forecast(STRONG, tasks="agent", kind="law", levels=(0.9,)).table
        widths[name] = (table["upper"] - table["lower"]).mean()
    assert widths["uncertain"] > 1.5 * widths["exact"]
    weights = made["uncertain"].links["agent"].values["weight_1"]
    assert weights.shape == (5, 2, 100)
    assert weights.mean(axis=(1, 2)).std() > 0.02, "each link saw skills of its own"


def test_a_task_at_the_floor_gives_wide_forecasts(made):
    table = made["exact"].forecast(tasks="emergent", levels=(0.9,)).table.set_index("model")
    assert np.isfinite(table[["median", "lower", "upper"]].to_numpy()).all()
    assert (table.loc[WEAK, "median"] < 0.02).all()
    best = MODELS[int(np.argmax(SKILL))]
    assert table.loc[best, "lower"] < 0.01
    assert table.loc[best, "upper"] > 0.05, "a floor so far says little of the strongest model"
    assert table.loc[best, "upper"] > 1.5 * table.loc[WEAK, "upper"].min()


def test_one_table_tells_every_task_and_the_diagnosis_every_stage(made):
    fit = made["exact"]
    assert fit.forecast(STRONG[:2]).table.groupby("task").size().to_dict() == {"agent": 4, "emergent": 4}
    names = list(fit.diagnose().table()["name"])
    assert any(n.startswith("skills: ") for n in names)
    assert {"agent: largest R-hat of a link", "emergent: share of divergences"} <= set(names)
    assert "1 skills of 36 models" in repr(fit)
    told = set(fit.weights()["parameter"])
    assert told >= {"weight_1", "ceiling", "odds_scatter"}
    assert "intercept_family_effect" not in told, "families are not pooled into one interval"


def test_the_same_seed_gives_the_same_forecast(made):
    first, second = (made["exact"].forecast(STRONG, random_seed=3).draws for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_bad_input_is_said(made):
    fit = skill_fit(0.1)
    with pytest.raises(ForecastError, match=r"'aant-0' is not in the skill fit.*Did you mean 'ant-0'"):
        downstream(fit, scores(SKILL).replace("ant-0", "aant-0"))
    with pytest.raises(ForecastError, match="'ant-00' is not in the skill fit"):
        made["exact"].forecast(["ant-00"])
    with pytest.raises(DataError, match=r"chance is unknown of task\(s\) agent"):
        downstream(fit, scores(SKILL).drop(columns="chance"))
    with pytest.raises(DataError, match="Did you mean 'gsm8k'"):
        downstream(fit, scores(SKILL).drop(columns="chance").assign(task="GSM8K"))
    with pytest.raises(DataError, match="need column 'accuracy'"):
        downstream(fit, scores(SKILL).rename(columns={"accuracy": "score"}))
    with pytest.raises(ForecastError, match="Did you mean 'agent'"):
        made["exact"].forecast(STRONG, tasks="agents")
    with pytest.raises(ForecastError, match="Did you mean 'law'"):
        made["exact"].forecast(STRONG, kind="laws")
    with pytest.raises(ForecastError, match="law capability, not chinchilla"):
        skill_draws(simulated.fit_of(make_spec("chinchilla"), simulated.ladder()))
    with pytest.raises(CardError, match=r"no option 'skill'.*Did you mean 'skills'"):
        make_spec("skill_link", options={"skill": 2})
    with pytest.raises(CardError, match="whole number from 1 to 8"):
        make_spec("skill_link", options={"skills": 9})


def test_skills_without_a_scale_need_an_anchor_each():
    with pytest.raises(CardError, match=r"no scale and anchors = .*one benchmark per skill"):
        spec(anchors=[])
    with pytest.raises(CardError, match="Did you mean 'none'"):
        spec(scale="nome")


def test_skills_are_standardised_over_models():
    skills = skill_draws(skill_fit(0.2), 10)
    assert skills.values.shape == (10, 1, len(MODELS))
    np.testing.assert_allclose(skills.values.mean(axis=-1), 0, atol=1e-12)
    np.testing.assert_allclose(skills.values.std(axis=-1), 1)
    assert skills.labels(["dog-3"]) == {"family": ["dog"]}


def test_base_and_tuned_models_of_one_name_are_two_models():
    both = pd.concat([benchmarks(seed).assign(tuned=kind) for seed, kind in enumerate(("base", "instruct"))])
    settled = make_spec(
        "capability", options={"scale": "none", "anchors": ["qa"]}, groups=["family", "task", "run", "tuned"]
    )
    fit = simulated.fit_of(settled, evaluations(both.drop(columns="run")), draws=10)
    assert skill_draws(fit).models[:2] == ["ant-0, base", "ant-1, base"]
    assert len(skill_draws(fit).models) == 2 * len(MODELS)
    point = {"model": "ant-0", "family": "ant", "task": "qa"}
    assert "new_levels" not in forecast(fit, {**point, "tuned": "instruct"}).points, "the residual of that model"
    with pytest.raises(ForecastError, match=r"'ant-0', of which several were fitted.*'tuned' \(base, instruct\)"):
        forecast(fit, point)


@pytest.mark.parametrize("kinds", [("base", "instruct"), (0, 1), (False, True), ("", "chat")])
def test_models_are_known_by_name_where_a_namesake_has_no_score(kinds):
    """The row of the other kind is left out of the fit, whose names no longer need `tuned`."""
    frame = benchmarks().drop(columns="run").assign(tuned=kinds[0])
    namesake = frame[frame["model"] == "ant-0"].assign(tuned=kinds[1], accuracy=np.nan)
    spec = make_spec("capability", options={"scale": "none", "anchors": ["qa"]}, groups=["family", "task", "run"])
    fit = simulated.fit_of(spec, evaluations(pd.concat([frame, namesake], ignore_index=True)), draws=10)
    for model in ("ant-0", "dog-3"):
        made = forecast(fit, {"model": model, "family": model[:3], "task": "qa"}).points
        assert made["run"].tolist() == fit.frame.loc[fit.frame["model"] == model, "run"].unique().tolist()
        assert "new_levels" not in made


def test_items_are_those_that_the_fit_read():
    fit = skill_fit(0.5)
    fit = replace(fit, frame=fit.frame.assign(task="gsm8k", n_items=np.nan))
    points = with_task_facts(fit, pd.DataFrame({"task": ["gsm8k", "mmlu", "unknown"]}))
    np.testing.assert_equal(points["n_items"].to_numpy(), [np.nan, benchmark("mmlu").n_items, np.nan])


def test_a_further_scale_is_one_more_skill_of_the_models_that_have_it():
    frame = benchmarks()
    frame["compute"] = frame["model"].map({m: 10.0 ** (20 + i % 5) for i, m in enumerate(MODELS) if i})
    fit = simulated.fit_of(spec(), frame, draws=10)
    skills = skill_draws(fit, further=["compute"])
    assert skills.values.shape == (20, 2, len(MODELS) - 1)
    np.testing.assert_allclose(np.ptp(skills.values[:, 1], axis=0), 0, atol=1e-12)
    with pytest.raises(ForecastError, match=rf"'{MODELS[0]}' is not in the skill fit.*scales that the link reads"):
        skills.at(MODELS)
    with pytest.raises(ForecastError, match=r"no column 'computes'\. Did you mean 'compute'"):
        skill_draws(fit, further=["computes"])


@pytest.mark.statistical
def test_skills_without_a_scale_are_measured_by_benchmarks_alone():
    settings = SamplerSettings(draws=150, tune=300, chains=2, target_accept=0.9)
    found = skill_draws(sample(spec(), benchmarks(), settings=settings, random_seed=1, progressbar=False))
    middle = found.values[:, 0].mean(axis=0)
    truth = pd.Series(SKILL, MODELS)[found.models].to_numpy()
    assert np.corrcoef(middle, truth)[0, 1] > 0.98
