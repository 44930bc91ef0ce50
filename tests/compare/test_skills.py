"""Skills, loadings, effective compute and what benchmarks tell: worked out by hand, and of a sampled planted truth."""

import numpy as np
import pandas as pd
import pytest
import simulated
from simulated import fixed

from bayes_scaling.compare import effective_compute, informative, latent, loadings, skills
from bayes_scaling.errors import ForecastError
from bayes_scaling.fit import SamplerSettings, sample
from bayes_scaling.forecasts import forecast
from bayes_scaling.forecasts.skills import skill_draws as standardised
from bayes_scaling.model import make_spec

FAMILIES = {"ant": 0.0, "bee": 0.3, "cat": -0.3, "dog": 0.1, "elk": -0.1, "fox": 0.0}
TASKS = {"arith": 1.2, "code": 0.8, "quiz": 2.0}
SETTINGS = {"groups": ["family", "task", "run"], "noise": {"observation": "logistic", "run_effect": False}}
AT = {"params": 3e10, "tokens": 4e12}


def evaluations(*, per_family=4, seed=0):
    """Return accuracies of three benchmarks that measure one skill of compute; the truth is in FAMILIES and TASKS."""
    rng, rows = np.random.default_rng(seed), []
    for family, efficiency in FAMILIES.items():
        for j, params in enumerate(10 ** rng.uniform(8.8, 11, per_family)):
            tokens = params * 10 ** rng.uniform(1.2, 2.2)
            compute = 6 * params * tokens
            skill = efficiency + np.log10(compute / 1e23)
            for i, (task, loading) in enumerate(TASKS.items()):
                odds = -0.5 + 0.5 * i + loading * skill
                accuracy = 0.1 + 0.9 * 0.85 / (1 + np.exp(-odds)) + 0.01 * rng.standard_normal()
                rows.append((family, f"{family}-{j}", params, tokens, compute, task, 0.1, np.clip(accuracy, 0, 1)))
    columns = ["family", "run", "params", "tokens", "compute", "task", "chance", "accuracy"]
    return pd.DataFrame(rows, columns=columns)


def capability(**options):
    return make_spec("capability", options=options, **SETTINGS)


@pytest.fixture(scope="module")
def one_skill():
    """Draws of the prior, params and tokens with a product."""
    return simulated.fit_of(capability(), evaluations(), draws=100)


@pytest.fixture(scope="module")
def two_skills():
    return simulated.fit_of(capability(skills=2, anchors=["code"]), evaluations(), draws=100)


@pytest.fixture(scope="module")
def planted():
    """Skills of compute alone in which bee is worth 0.3 decades more than ant in every draw."""
    effects = fixed(200, efficiency_1_family_effect=list(FAMILIES.values()), slope_compute_1_family_effect=[0.0] * 6)
    return simulated.fit_of(capability(scale="compute"), evaluations(), effects, draws=100)


@pytest.fixture(scope="module")
def sampled():
    """One short sampled fit of the planted truth."""
    settings = SamplerSettings(draws=150, tune=250, chains=2)
    return sample(
        capability(scale="compute"), evaluations(per_family=5), settings=settings, random_seed=3, progressbar=False
    )


def by_hand(fit, family, run=None, *, scale, k=1):
    """Return skill k from the draws, the formula written out."""
    v, level = fit.values(), fit.coords["family"].index(family)
    skill = v[f"efficiency_{k}"] + v[f"efficiency_{k}_family_effect"][:, level]
    if run:
        skill = skill + v[f"efficiency_{k}_run_effect"][:, fit.coords["run"].index(f"{family}|{run}")]
    params, tokens = np.log10(scale["params"] / 1e10), np.log10(scale["tokens"] / 1e12)
    skill = skill + v[f"slope_tokens_{k}"] * tokens
    if k > 1:  # size moves skill 1 alone
        return skill
    slope = v["slope_params_1"] + v["slope_params_1_family_effect"][:, level]
    return skill + slope * params + v["slope_product_1"] * params * tokens


@pytest.mark.parametrize("k", [1, 2])
def test_skill_of_families_at_a_scale(two_skills, k):
    table = skills(two_skills, by="family", at=AT, skill=k, level=0.8).set_index("family")
    own = by_hand(two_skills, "cat", scale=AT, k=k)
    expected = [np.median(own), *np.quantile(own, [0.1, 0.9])]
    assert table.loc["cat", ["median", "lower", "upper"]].tolist() == pytest.approx(expected)
    assert set(table["unit"]) == {"decades of params" if k == 1 else "log-odds of code"}
    assert set(table["level"]) == {0.8}
    assert table["params"].eq(3e10).all()


def test_skill_of_models_has_their_residual_and_scale(one_skill):
    table = skills(one_skill)
    assert len(table) == one_skill.frame["run"].nunique()
    row = table[table["run"] == "bee-2"].iloc[0]
    own = by_hand(one_skill, "bee", "bee-2", scale=row)
    assert [row["median"], row["lower"]] == pytest.approx([np.median(own), np.quantile(own, 0.05)])
    assert table["median"].is_monotonic_decreasing
    assert table["p_best"].sum() == pytest.approx(1.0)


def test_reference_scale_is_the_default_and_compute_gives_a_path(one_skill):
    table = skills(one_skill, by="family", families=["dog", "ant"])
    assert table[["params", "tokens"]].iloc[0].tolist() == [1e10, 1e12]
    assert set(table["family"]) == {"dog", "ant"}
    along = skills(one_skill, by="family", at={"compute": 6e22, "tokens_per_param": 100})
    np.testing.assert_allclose(along[["params", "tokens"]].iloc[0], [1e10, 1e12])


def test_standardised_skills_are_those_of_a_typical_benchmark(one_skill):
    where = latent.places(one_skill, "run")
    own = latent.skill_draws(one_skill, 1, where, one_skill.values())
    own = (own - own.mean(axis=1, keepdims=True)) / own.std(axis=1, keepdims=True)
    found = standardised(one_skill)
    order = [found.models.index(name) for name in where.frame["run"]]
    np.testing.assert_allclose(found.values[:, 0][:, order], own)


def test_families_far_from_their_own_models_are_told(two_skills):
    frame = two_skills.frame[two_skills.frame["family"] == "cat"]
    most, least = frame[["params", "tokens"]].max(), frame[["params", "tokens"]].min()

    def told(k=1, **at):
        tables = [skills(two_skills, by="family", at=at, skill=k)]
        if k == 1:
            tables.append(effective_compute(two_skills, "bee", at=at))
        found = [table.set_index("family").loc["cat", "beyond"] for table in tables]
        assert len(set(found)) == 1
        return found[0]

    assert told(**most) == 0, "the end of the range is inside"
    assert told(params=most["params"] * 10**0.7, tokens=most["tokens"]) == pytest.approx(0.7)
    assert told(params=most["params"] * 10**0.7, tokens=least["tokens"] / 100) == pytest.approx(2), "the larger one"
    assert told(k=2, params=most["params"] * 10**0.7, tokens=most["tokens"]) == 0, "size moves skill 1 alone"
    assert told(k=2, params=most["params"], tokens=most["tokens"] * 10) == pytest.approx(1)
    for table in (skills(two_skills), effective_compute(two_skills, "bee", by="run")):
        assert "beyond" not in table, "models are at their own scale"


def test_ranks_of_planted_families(planted):
    table = skills(planted, by="family").set_index("family")
    assert table.index[0] == "bee"
    assert table.loc["bee", ["rank", "rank_lower", "rank_upper", "p_best"]].tolist() == [1, 1, 1, 1.0]
    assert table.loc["cat", "rank"] == 6


def test_loadings_settle_anchors(two_skills):
    table = loadings(two_skills).set_index(["parameter", "skill", "task"])
    v, place = two_skills.values(), two_skills.coords["task"].index("arith")
    assert table.loc[("loading", 2, "code"), ["median", "lower", "settled"]].tolist() == [1.0, 1.0, True]
    assert table.loc[("loading", 2, "arith"), "median"] == pytest.approx(np.median(v["loading_2"][:, place]))
    assert not table.loc[[("loading", 1, "code"), ("loading", 2, "quiz")], "settled"].any()
    ceiling = 0.1 + 0.9 * v["ceiling"][:, place]
    assert table.loc[("ceiling", 0, "arith"), "upper"] == pytest.approx(np.quantile(ceiling, 0.95))
    assert table.loc[("loading", 1, "arith"), "unit"] == "log-odds per decade of params"
    assert len(table) == 3 * 5


def test_three_tenths_of_a_decade_are_twice_the_compute(planted):
    table = effective_compute(planted, "ant").set_index("family")
    np.testing.assert_allclose(table.loc["bee", ["median", "lower", "upper"]].astype(float), 10**0.3)
    assert table.loc["bee", "median"] == pytest.approx(2, rel=0.01)
    assert table.loc["cat", "median"] == pytest.approx(10**-0.3)
    assert table.loc["ant", ["median", "p_undefined"]].tolist() == [1.0, 0.0]
    assert table.loc["bee", "p_more"] == 1
    assert set(table["quantity"]) == {"compute of the reference / compute"}


def test_effective_compute_solves_the_law_along_the_path(one_skill):
    table = effective_compute(one_skill, "bee", at=AT, families=["cat"], quantity="params", level=0.5).iloc[0]
    target = by_hand(one_skill, "cat", scale=AT)

    def reference(decades):
        return by_hand(one_skill, "bee", scale={c: x * 10.0**decades for c, x in AT.items()})

    rises = reference(1e-4) > reference(-1e-4)
    assert table["p_undefined"] == pytest.approx(1 - rises.mean())
    for q, decades in ((0.25, np.log10(table["lower"])), (0.75, np.log10(table["upper"]))):
        inside = abs(decades) < 0.5  # where no draw's parabola has turned
        reached = (reference(decades) > target)[rises].mean()
        assert not inside or reached == pytest.approx(q, abs=0.02)
    compute = effective_compute(one_skill, "bee", at=AT, families=["cat"], level=0.5).iloc[0]
    assert compute["median"] == pytest.approx(table["median"] ** 2)


def test_a_law_forecast_of_a_family_is_that_of_a_typical_model(planted):
    v, coords = planted.values(), planted.coords
    task, family, cell = (
        coords["task"].index("quiz"),
        coords["family"].index("bee"),
        coords["family:task"].index("bee|quiz"),
    )
    skill = v["efficiency_1_family_effect"][:, family]  # at the reference scale, without a residual of a model
    odds = v["intercept"][:, task] + v["loading_1"][:, task] * skill
    odds = odds + v["spread"][:, task] * v["deviation_family:task_effect"][:, cell]
    found = forecast(planted, {"family": "bee", "task": "quiz", "compute": 1e23}, kind="law").draws[:, 0]
    np.testing.assert_allclose(found, 0.1 + 0.9 * v["ceiling"][:, task] / (1 + np.exp(-odds)))


def test_a_fitted_model_is_known_by_its_name():
    frame = evaluations().assign(model=lambda f: f["run"])
    fit = simulated.fit_of(capability(scale="compute"), frame, draws=50)
    point = {"family": "bee", "task": "quiz", "compute": 1e23}
    by_model, by_run = (forecast(fit, {**point, n: "bee-0"}, kind="law").draws for n in ("model", "run"))
    np.testing.assert_array_equal(by_model, by_run)
    unknown = forecast(fit, {**point, "model": "bee-9"}, kind="law").draws
    np.testing.assert_array_equal(unknown, forecast(fit, point, kind="law").draws)


def test_sizes_in_words_are_read_in_points(one_skill):
    words, numbers = {"params": "70B", "tokens": "15T"}, {"params": 7e10, "tokens": 1.5e13}
    tables = [skills(one_skill, by="family", at=at) for at in (words, numbers)]
    pd.testing.assert_frame_equal(*tables)
    point = {"family": "bee", "task": "quiz"}
    draws = [forecast(one_skill, {**point, **at}, kind="law").draws for at in (words, numbers)]
    np.testing.assert_array_equal(*draws)
    with pytest.raises(ForecastError, match="'parameters' what is called 'params' here"):
        forecast(one_skill, {**point, "parameters": 7e10, "tokens": 1.5e13})


def test_informative_counts_what_is_unknown_of_a_model_alone():
    frame = evaluations().assign(tuned=lambda f: np.where(f["family"].isin(["ant", "bee"]), "instruct", "base"))
    spec = make_spec(
        "capability", groups=["family", "task", "run", "tuned"], noise={"observation": "logistic", "run_effect": False}
    )
    tables = []
    for sd in (0.0, 1.0):
        fit = simulated.fit_of(spec, frame, fixed(40, **{"intercept_task:tuned_sd": sd}), draws=20)
        tables.append(informative(fit, draws=20))
    pd.testing.assert_frame_equal(*tables)
    assert set(skills(fit, by="family").query("tuned == 'instruct'")["family"]) == {"ant", "bee"}
    told = loadings(fit).query("parameter == 'loading'").set_index(["task", "tuned"])["median"]
    v, cell, task = fit.values(), fit.coords["task:tuned"].index("quiz|instruct"), fit.coords["task"].index("quiz")
    own = v["loading_1"][:, task] * np.exp(v["loading_1_task:tuned_effect"][:, cell])
    assert len(told) == 6
    assert told["quiz", "instruct"] == pytest.approx(np.median(own))


def test_a_skill_beyond_compute_is_worth_none():
    fit = simulated.fit_of(capability(scale="compute", skills=2, anchors=["code"]), evaluations(), draws=20)
    with pytest.raises(ForecastError, match="skill 2 is what families differ in beyond compute"):
        effective_compute(fit, "ant", skill=2)


def test_effective_compute_that_no_scale_gives_is_told():
    values = fixed(
        200, efficiency_1_family_effect=[0, 5.0, -9.0, 0, 0, 0], slope_params_1_family_effect=[0.0] * 6,
        slope_tokens_1=0.5, slope_product_1=-0.5,
    )  # fmt: skip
    fit = simulated.fit_of(capability(), evaluations(), values, draws=100)
    table = effective_compute(fit, "ant").set_index("family")
    assert table.index[[0, -1]].tolist() == ["bee", "cat"]
    assert table.loc["bee", ["p_unreachable", "p_undefined", "p_more"]].tolist() == [1.0, 0.0, 1.0]
    assert np.isnan(table.loc["bee", "median"])
    assert 0 < table.loc["cat", "median"] < 1e-4
    falling = effective_compute(fit, "ant", at={"params": 1e13, "tokens": 1e15}).set_index("family")
    assert falling.loc["bee", "p_undefined"] == 1
    assert np.isnan(falling.loc["bee", "p_more"])


def test_effective_compute_of_models(planted):
    table = effective_compute(planted, "ant", by="run").set_index("run")
    v, place = planted.values(), planted.coords["run"].index("bee|bee-1")
    ratio = 10 ** (0.3 + v["efficiency_1_run_effect"][:, place])
    assert table.loc["bee-1", "median"] == pytest.approx(np.median(ratio), rel=0.03)


def test_informative_is_the_variance_of_a_linear_measurement():
    tasks, count = ["arith", "code", "quiz"], 200
    values = fixed(
        count, loading_1=[1.0, 3.0, 1.0], intercept=[0.0] * 3, ceiling=[0.9] * 3, spread=[0.5, 0.5, 2.0],
        scatter=[0.02] * 3, floor_scatter=0.01, efficiency_1_family_sd=0.4, efficiency_1_run_sd=0.3,
        slope_compute_1_family_sd=0.2,
    )  # fmt: skip
    fit = simulated.fit_of(capability(scale="compute"), evaluations(), values, draws=100)
    table = informative(fit).set_index("task")
    assert table.index.tolist() == ["code", "arith", "quiz"]
    slope = 0.9 * 0.9 / 4  # accuracy per log-odds half way up
    for i, task in enumerate(tasks):
        loading, spread = values["loading_1"][0, i], values["spread"][0, i]
        variance = 0.4**2 + 2 * 0.3**2  # Student-t with 4 degrees of freedom: twice the square of its scale
        share = 0.45 * 0.55 * 4
        noise = (0.01**2 + 0.02**2 * share) / slope**2 + spread**2
        after = np.sqrt(variance * noise / (noise + loading**2 * variance))
        assert table.loc[task, "sd_before"] == pytest.approx(np.sqrt(variance), rel=1e-6)
        assert table.loc[task, "sd_after"] == pytest.approx(after, rel=0.02)
        assert table.loc[task, "median"] == pytest.approx(after / np.sqrt(variance), rel=0.02)
    assert table.loc["code", "p_best"] == 1
    far = informative(fit, at={"compute": 1e25})
    assert far["sd_before"].iloc[0] == pytest.approx(np.sqrt(variance + 0.4**2), rel=1e-6), (
        "slopes of families count away"
    )


def test_other_skills_blur_what_a_benchmark_says(two_skills):
    table = informative(two_skills, skill=2, draws=100).set_index("task")
    assert (table["median"] <= 1).all()
    assert table.loc["code", "lower"] < 0.95


def test_skills_without_a_scale_are_counted_in_log_odds_of_their_anchor():
    frame = evaluations().drop(columns=["params", "tokens", "compute"])
    fit = simulated.fit_of(capability(scale="none", anchors=["quiz"]), frame, draws=20)
    table = skills(fit, by="family")
    assert set(table["unit"]) == {"log-odds of quiz"}
    assert len(skills(fit)) == 24
    settled = loadings(fit).query("settled")
    assert settled[["task", "skill", "median"]].to_numpy().tolist() == [["quiz", 1, 1.0]]
    assert len(informative(fit, draws=20)) == 3
    with pytest.raises(ForecastError, match="worth no compute"):
        effective_compute(fit, "ant")


def test_errors_name_what_is_there(one_skill, crossed_fit):
    for ask in (skills, loadings, informative):
        with pytest.raises(ForecastError, match=r'law sigmoid, which has no skills.*law = "capability"'):
            ask(crossed_fit)
    with pytest.raises(ForecastError, match="skill = 2; this fit has skill 1 only"):
        skills(one_skill, skill=2)
    with pytest.raises(ForecastError, match="Did you mean 'bee'"):
        skills(one_skill, families=["bees"])
    with pytest.raises(ForecastError, match="Did you mean 'ant'"):
        effective_compute(one_skill, "antt")
    with pytest.raises(ForecastError, match="Did you mean 'family'"):
        skills(one_skill, by="familiy")
    with pytest.raises(ForecastError, match="Did you mean 'params'"):
        skills(one_skill, by="family", at={"param": 1e9})
    with pytest.raises(ForecastError, match="at lacks tokens"):
        skills(one_skill, by="family", at={"params": 1e9})
    with pytest.raises(ForecastError, match="told at their own"):
        skills(one_skill, at=AT)
    with pytest.raises(ForecastError, match="one point"):
        skills(one_skill, by="family", at={"params": [1e9, 1e10], "tokens": 1e12})
    with pytest.raises(ForecastError, match="expected a list of names"):
        skills(one_skill, families="bee")


def test_errors_of_effective_compute(planted):
    with pytest.raises(ForecastError, match="made of compute"):
        effective_compute(planted, "ant", quantity="params")
    with pytest.raises(ForecastError, match="Did you mean 'compute'"):
        effective_compute(planted, "ant", quantity="computes")


def test_families_that_are_not_pooled_have_no_population():
    spec = make_spec(
        "capability", options={"scale": "compute"}, pooling={"efficiency_1": {"family": "none"}}, **SETTINGS
    )
    fit = simulated.fit_of(spec, evaluations(), draws=20)
    assert len(skills(fit, by="family")) == 6
    with pytest.raises(ForecastError, match="pool it partially over family"):
        informative(fit)


def test_a_failed_fit_says_so_in_every_table():
    fit = simulated.fit_of(capability(), evaluations(), draws=20, diverging=1)
    for table in (skills(fit), loadings(fit), effective_compute(fit, "ant"), informative(fit, draws=20)):
        assert table["warning"].str.contains("NOT USABLE").all()


def test_planted_truth_is_found(sampled):
    assert sampled.diagnose() is not None
    found = skills(sampled, by="family").set_index("family")["median"]
    table = effective_compute(sampled, "ant").set_index("family")
    for family, efficiency in FAMILIES.items():
        if family == "ant":
            continue
        middle, low, high = np.log10(table.loc[family, ["median", "lower", "upper"]].astype(float))
        assert abs(middle - (efficiency - FAMILIES["ant"])) < 4 * (high - low) / (2 * 1.645)
        assert found[family] - found["ant"] == pytest.approx(middle, abs=0.02)
    runs = skills(sampled)
    truth = runs["family"].map(FAMILIES) + np.log10(runs["compute"] / 1e23)
    shift = (runs["median"] - truth).mean()  # the typical family may differ from 0
    sd = (runs["upper"] - runs["lower"]) / (2 * 1.645)
    assert (abs(runs["median"] - truth - shift) < 4 * sd).all()
    measured = loadings(sampled).query("parameter == 'loading'").set_index("task")
    for task, loading in TASKS.items():
        row = measured.loc[task]
        assert abs(row["median"] - loading) < 4 * (row["upper"] - row["lower"]) / (2 * 1.645)


def test_effective_compute_gives_equal_forecasts(planted):
    ratio = effective_compute(planted, "ant", families=["bee"]).iloc[0]["median"]
    v = planted.values()
    alike = {
        n: 1e-9 * v[n]
        for n in ("deviation_family:task_effect", "slope_compute_1_family:task_effect", "efficiency_1_run_effect")
    }
    fit = simulated.fit_of(capability(scale="compute"), evaluations(), {**v, **alike}, draws=100)
    points = {"family": ["bee", "ant"], "task": "quiz", "compute": [1e23, ratio * 1e23], "run": ["bee-0", "ant-0"]}
    bee, ant = forecast(fit, points, kind="law").draws.T
    np.testing.assert_allclose(bee, ant, rtol=1e-6)
