"""The capability law: skills whose scale, sign and rotation are settled; choices in the card; bad input."""

import numpy as np
import pandas as pd
import pytest
import simulated

import bayes_scaling as bs
from bayes_scaling import laws
from bayes_scaling.api.models import CapabilityModel, evaluations
from bayes_scaling.errors import CardError, DataError, ForecastError
from bayes_scaling.fit import SamplerSettings, sample
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.model import Noise, encode, make_spec, simulate
from bayes_scaling.model.spec import spec_from_dict

XP = numpy_backend()
NOISE = {"observation": "logistic", "run_effect": False}
GROUPS = ["family", "task", "run"]
TASKS = {"qa": (0.25, 1.2, -0.5, 0.9), "maths": (0.0, 2.5, -2.0, 0.8), "code": (0.0, 1.8, -1.0, 0.7)}
EFFICIENCY = {"ant": -0.6, "bee": -0.2, "cat": 0.0, "dog": 0.3, "eel": 0.5}
TOKENS_WORTH = 0.6


def leaderboard(*, seed: int = 0, sizes: tuple[float, ...] = (1e9, 3e9, 8e9, 2e10, 7e10)) -> pd.DataFrame:
    """Return scores of five families of five sizes on three benchmarks, from one planted skill; a few cells lack."""
    rng, rows = np.random.default_rng(seed), []
    for family, efficiency in EFFICIENCY.items():
        deviation = {task: 0.2 * rng.standard_normal() for task in TASKS}
        for size in sizes:
            tokens = 1e12 * rng.uniform(0.3, 5)
            skill = efficiency + np.log10(size / 1e10) + TOKENS_WORTH * np.log10(tokens / 1e12)
            skill += 0.08 * rng.standard_normal()
            for task, (chance, loading, intercept, ceiling) in TASKS.items():
                share = ceiling / (1 + np.exp(-(intercept + deviation[task] + loading * skill)))
                accuracy = np.clip(chance + (1 - chance) * share + 0.005 * rng.logistic(), 0, 1)
                rows.append((family, f"{family}-{size:.0e}", size, tokens, task, accuracy, chance))
    frame = pd.DataFrame(rows, columns=["family", "model", "params", "tokens", "task", "accuracy", "chance"])
    return frame.drop(index=[4, 11, 40]).assign(run=lambda f: f["model"])


@pytest.fixture(scope="module")
def fit():
    spec = make_spec("capability", groups=GROUPS, noise=NOISE)
    settings = SamplerSettings(draws=500, tune=500, chains=2, target_accept=0.9)
    return sample(spec, leaderboard(), settings=settings, random_seed=3, progressbar=False)


@pytest.mark.statistical
def test_planted_skills_are_found(fit):
    posterior = fit.idata["posterior"]
    truth = {f"loading_1[{t}]": v[1] for t, v in TASKS.items()} | {f"ceiling[{t}]": v[3] for t, v in TASKS.items()}
    truth["slope_tokens_1"] = TOKENS_WORTH
    for name, true in truth.items():
        variable, _, level = name.partition("[")
        draws = posterior[variable].sel(task=level[:-1]) if level else posterior[variable]
        assert abs(float(draws.mean()) - true) < 4 * float(draws.std()), name
    efficiency = posterior["efficiency_1_family_effect"]
    contrast = efficiency.sel(family="dog") - efficiency.sel(family="ant")
    assert float(contrast.mean()) == pytest.approx(0.9, abs=4 * float(contrast.std()))
    assert float(contrast.std()) < 0.2, "the data say it"
    table = fit.diagnose().table().set_index("name")["found"]
    assert table["divergences"] == 0
    assert table["largest R-hat"] < 1.05


def test_a_new_model_of_a_fitted_family_needs_no_name(fit):
    points = {"family": ["dog", "dog"], "task": ["maths", "maths"], "params": [4e11, 4e11], "tokens": [1e13, 1e13]}
    made = bs.forecast(fit, points)
    assert made.table["new_levels"].unique().tolist() == ["run"]
    assert not np.allclose(made.draws[:, 0], made.draws[:, 1]), "two models, each with a residual of its own"
    known = bs.forecast(fit, {**points, "run": "dog-7e+10", "params": 7e10, "tokens": 2e12}, kind="law")
    assert "new_levels" not in known.table or (known.table["new_levels"] == "").all()
    with pytest.raises(ForecastError, match=r"dig.*Did you mean 'dog'"):
        bs.forecast(fit, {**points, "family": "dig"})
    with pytest.raises(ForecastError, match="dog-1"):
        bs.forecast(fit, {**points, "run": "dog-1"})


def test_what_is_held_constant_is_told_nowhere_as_sampled(fit):
    assert fit.spec.constants() == {"slope_params_1", "efficiency_1", "deviation", "deviation_family:task_sd"}
    assert not {"slope_params_1", "efficiency_1"} & set(fit.summary().index)
    assert float(fit.idata["posterior"]["slope_params_1"].std()) == 0


@pytest.mark.parametrize("scale", ["params+tokens", "params", "compute"])
def test_scales_are_choices_that_a_card_keeps(scale):
    spec = make_spec("capability", options={"scale": scale}, groups=GROUPS, noise=NOISE)
    again = spec_from_dict(spec.as_dict())
    assert again.law.options == spec.law.options == ({} if scale == "params+tokens" else {"scale": scale})
    assert [i.column for i in again.law.inputs] == [*scale.split("+"), "chance"]
    assert again.as_dict() == spec.as_dict()


def test_one_skill_of_compute_is_the_sigmoid_law():
    """Without groups both have the same likelihood at the same numbers; so has a family's level."""
    frame = simulated.benchmarks(runs=4)
    noise = {"observation": "beta_binomial", "run_effect": False}
    ours = make_spec("capability", options={"scale": "compute"}, groups=["task"], noise=noise)
    theirs = make_spec(
        "sigmoid", groups=["task"], noise=noise,
        pooling={"level": {"task": "none"}, "slope": {"task": "none"}, "ceiling": {"task": "none"}},
    )  # fmt: skip
    spec, rows = encode(theirs, frame)
    values = simulate.prior_values(spec, {"task": 2}, 50, np.random.default_rng(1))
    expected, _ = simulate.law_values(spec, rows.inputs, values, rows.index)
    spec, rows = encode(ours, frame)
    values |= {"intercept": values["level"], "loading_1": values["slope"], "slope_compute_1": np.ones(50)}
    values |= {"efficiency_1": np.zeros(50), "deviation": np.zeros(50), "spread": np.ones((50, 2))}
    values["overdispersion"] = np.broadcast_to(values["overdispersion"][:, None], (50, 2))
    found, _ = simulate.law_values(spec, rows.inputs, values, rows.index)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_anchors_settle_the_rotation():
    law = laws.get("capability").with_options(skills=3, anchors=["maths", "code"])
    rank = law.prepare(pd.DataFrame({"task": ["other", "qa", "maths", "code"]}))["anchor"]
    assert rank.tolist() == [0, 0, 2, 3]
    values = {"anchor": rank, **{f"loading_{k}": np.full((1, 4), 10.0 + k) for k in (1, 2, 3)}}
    settled = np.array([np.broadcast_to(law.loading(XP, k, values), (1, 4))[0] for k in (1, 2, 3)])
    assert settled.T.tolist() == [[11, 12, 13], [11, 12, 13], [11, 1, 0], [11, 12, 1]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"skils": 2}, "Did you mean 'skills'"),
        ({"skills": 5}, "from 1 to 4"),
        ({"skills": 2}, "one benchmark for each skill"),
        ({"anchors": ["qa"]}, "needs none"),
        ({"skills": 3, "anchors": ["qa", "qa"]}, "different names"),
        ({"scale": "compue"}, "Did you mean 'compute'"),
        ({"product": 1}, "true or false"),
    ],
)
def test_options_that_cannot_be_used(options, message):
    with pytest.raises(CardError, match=message):
        make_spec("capability", options=options)


def test_a_card_without_noise_has_that_of_the_law():
    assert make_spec("capability").noise == CapabilityModel().spec.noise == Noise("logistic", run_effect=False)
    assert make_spec("capability", noise={"observation": "beta"}).noise == Noise("beta", run_effect=False)


def test_benchmarks_that_are_no_group_are_refused():
    with pytest.raises(CardError, match='add "task" to groups'):
        CapabilityModel(groups=["family"]).fit(leaderboard())


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (["family", "taks", "run"], r"groups names 'taks', which is no column of the table\. Did you mean 'task'"),
        (["family", "task", "run", "corpus"], r"names 'corpus'.*Add that column, or take it out of groups\.\nColumns"),
        (["family", "task", "run", "protocol"], r"'protocol'.*Add that column"),
    ],
)
def test_groups_that_are_no_columns_are_refused(groups, message):
    with pytest.raises(DataError, match=message):
        CapabilityModel(groups=groups).fit(leaderboard())
    with pytest.raises(DataError, match=message):
        encode(make_spec("capability", groups=groups, noise=NOISE), leaderboard())


def test_a_group_under_another_name_is_recognised():
    frame = simulated.ladder().rename(columns={"family": "series"})
    with pytest.raises(DataError, match=r"'family'.*Did you mean 'series'\? Then pass columns=\{'series': 'family'\}"):
        encode(make_spec("chinchilla", groups=["family"]), frame)


def test_an_anchor_that_is_not_there():
    spec = make_spec(
        "capability", options={"skills": 2, "anchors": ["qaa"]}, groups=["family", "task", "run"],
        noise={"observation": "logistic", "run_effect": False},
    )  # fmt: skip
    with pytest.raises(CardError, match=r"anchor 'qaa' has no row.*Did you mean"):
        encode(spec, leaderboard())


def test_other_laws_have_no_options():
    with pytest.raises(CardError, match="no options"):
        make_spec("sigmoid", options={"skills": 1})


def bad(change):
    frame = leaderboard().reset_index(drop=True).astype({"params": object})
    return change(frame)


def twice(frame):
    return pd.concat([frame, frame.iloc[:1].assign(accuracy=0.123)], ignore_index=True)


def in_percent(frame):
    return frame.assign(accuracy=100 * frame["accuracy"])


def worded(frame):
    frame.loc[0:1, "params"] = "large"
    return frame


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (twice, "ant-1e"),
        (in_percent, "divide by 100"),
        (worded, "large"),
        (lambda f: f.drop(columns="chance"), "chance"),
    ],
)
def test_bad_tables_are_refused(change, message):
    with pytest.raises(DataError, match=message):
        bs.CapabilityModel().fit(bad(change), progressbar=False)


def test_a_family_without_scores_is_told():
    frame = leaderboard().reset_index(drop=True)
    frame.loc[frame["family"] == "cat", "accuracy"] = np.nan
    _, rows = encode(make_spec("capability", groups=GROUPS, noise=NOISE), evaluations(frame))
    assert any("1 family has no row that is used (cat): no accuracy" in notice for notice in rows.notices)
    _, rows = encode(make_spec("capability", groups=GROUPS, noise=NOISE), evaluations(leaderboard()))
    assert not any("no row that is used" in notice for notice in rows.notices)


def test_a_benchmark_of_one_model_and_words_for_sizes():
    frame = leaderboard().reset_index(drop=True)
    lone = frame.iloc[:1].assign(task="rare", chance=0.5)
    told = pd.concat([frame, lone], ignore_index=True).assign(params=lambda f: [f"{v / 1e9:g}B" for v in f["params"]])
    _, rows = encode(make_spec("capability", groups=GROUPS, noise=NOISE), evaluations(told))
    np.testing.assert_allclose(rows.inputs["params"][: len(frame)], frame["params"])
    assert any("rare" in notice and "one model" in notice for notice in rows.notices)
