"""Rankings of runs agree with nested simulation and with what was planted."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import simulated

import bayes_scaling as bs
from bayes_scaling import plots
from bayes_scaling.errors import ForecastError
from bayes_scaling.fit.evaluate import law
from bayes_scaling.forecasts import words
from bayes_scaling.model import make_spec
from bayes_scaling.plan import next_run
from bayes_scaling.plan.next_run import rank
from bayes_scaling.plan.preposterior import Joint, entropy
from bayes_scaling.plan.question import Question
from bayes_scaling.plan.responses import responses

TARGET = {"family": "ant", "params": 7e10, "tokens": 1.4e12}
AT = {"params": 1e11, "tokens": 2e12}
SIZES = {"params": [3e7, 3e8, 3e9], "tokens": [1e9, 1e10, 1e11]}


@pytest.fixture(scope="module")
def ranked(fit):
    """The loss of a large run of family ant, asked with runs of all three families."""
    return next_run(fit, bs.grid(family=["ant", "bee", "cat"], **SIZES), target=TARGET, draws=3000)


def test_the_joint_draws_are_those_of_law_and_noise(fit):
    found = responses(fit, {"family": "ant", "params": [1e9, 1e10], "tokens": [2e10, 2e11]}, TARGET)
    np.testing.assert_allclose(found.mean, law(found.draws, found.rows)[0])
    sigma, nu = fit.values()["sigma"], fit.values()["nu"]
    noise = np.mean(sigma**2 * (nu + 3) / (nu + 1))
    assert np.diagonal(found.noise) == pytest.approx(np.full(3, noise))
    assert found.noise[0, 1] == 0


def test_a_ranking_says_what_it_ranks(ranked):
    table = ranked.table
    assert len(table) == 27
    assert (table["per_cost"].diff().dropna() <= 0).all()
    np.testing.assert_allclose(table["cost"], 6 * table["params"] * table["tokens"])
    np.testing.assert_allclose(table["per_cost"], table["reduction"] / table["cost"])
    assert table["as_good"].iloc[0]
    assert (table["lower"] <= table["reduction"]).all()
    assert (table["interval"].str.contains("Monte-Carlo")).all()
    assert table["level"].eq(0.9).all()
    steps = table["step"].dropna()
    assert sorted(steps) == list(range(1, len(ranked.buy) + 1))
    assert ranked.best == ranked.buy[0] == min(ranked.buy, key=lambda i: ranked.cost[i])
    assert set(ranked.buy) <= set(ranked.chosen)
    lost = ranked.reduction(ranked.chosen) - ranked.reduction(ranked.buy)
    assert lost <= ranked.whole.mcse[0]
    spare = len(ranked.chosen) - len(ranked.buy)
    assert (f"{words.counted(spare, 'further run')} would add less than that error" in ranked.sentence) == (spare > 0)
    assert not ranked.stop


def test_runs_of_a_family_tell_most_of_its_floor(fit):
    points = bs.grid(family=["ant", "bee", "cat"], params=1e11, tokens=2e12)
    found = next_run(fit, points, parameter="E", at={"family": "ant"}, check=0)
    by_family = found.table.set_index("family")["reduction"]
    assert by_family["ant"] > by_family["bee"]
    assert by_family["ant"] > by_family["cat"]


def test_the_linear_estimate_agrees_with_nested_simulation(ranked):
    checked = {i: c for i, c in ranked.check.items() if c.usable}
    assert len(checked) >= 3
    for i, again in checked.items():
        error = np.hypot(3 * again.mcse, 3 * ranked.single.mcse[i]) + 0.1 * ranked.now  # and what linear misses
        assert abs(again.reduction - ranked.single.value[i]) < error
    assert ranked.table["nested"].notna().sum() == len(checked)


def test_the_set_reaches_the_share_that_was_promised(ranked):
    all_ = ranked.moments.question - ranked.moments.left_of_all()
    assert ranked.reduction(ranked.chosen) >= 0.75 * all_ * (1 - 1e-6)
    sets = ranked.sets
    assert set(ranked.chosen) in [set(s) for s in sets["runs"]]
    assert (sets["per_cost"].diff().dropna() <= 0).all()
    assert sets["cost"].iloc[0] == pytest.approx(ranked.cost[list(sets["runs"].iloc[0])].sum())


def test_the_sentence_holds_interval_and_run(ranked):
    low, high = np.quantile(ranked.answer, [0.05, 0.95])
    assert f"{low:.4g} to {high:.4g}" in ranked.sentence
    assert f"candidate {ranked.best}" in ranked.sentence
    assert "90\u00a0% equal-tailed interval" in ranked.sentence
    assert ranked.sentence == " ".join(ranked.sentences)
    assert ranked.sentence in repr(ranked)


def test_a_wanted_sd_that_is_reached_stops(fit):
    found = next_run(fit, {"family": "ant", "params": [1e9], "tokens": [2e10]}, target=TARGET, wanted_sd=10.0, check=0)
    assert found.stop
    assert found.best is None
    assert found.chosen == ()
    assert "Stop: the standard deviation" in found.sentence


def test_a_wanted_sd_beyond_all_candidates_is_said(fit):
    found = next_run(fit, bs.grid(family="ant", **SIZES), target=TARGET, wanted_sd=1e-6, check=0)
    assert not found.reachable
    assert not found.stop
    assert "above the one wanted" in found.sentence


def test_a_value_stops_where_no_set_is_worth_its_cost(fit):
    points = bs.grid(family="ant", **SIZES)
    poor = next_run(fit, points, target=TARGET, value=1.0, check=0)
    assert poor.stop
    assert "Stop: the best set costs" in poor.sentence
    rich = next_run(fit, points, target=TARGET, value=1e40, check=0)
    assert not rich.stop
    table = rich.sets
    np.testing.assert_allclose(table["worth"], 1e40 * table["reduction"] - table["cost"])
    assert rich.best in table.sort_values("worth")["runs"].iloc[-1]


def test_a_parameter_is_asked_for_by_name_and_level(fit):
    alpha = next_run(fit, bs.grid(family="ant", **SIZES), parameter="alpha", check=2)
    np.testing.assert_allclose(alpha.answer, fit.values()["alpha"])
    floor = next_run(fit, bs.grid(family="ant", **SIZES), parameter="E", at={"family": "cat"}, check=0)
    values = fit.values()
    at_cat = np.exp(np.log(values["E"]) + values["E_family_effect"][:, fit.coords["family"].index("cat")])
    np.testing.assert_allclose(floor.answer, at_cat, rtol=1e-9)


def test_who_wins_is_answered_by_a_probability(fit):
    at = {"params": 1e11, "tokens": 2e12}
    found = next_run(fit, bs.grid(family=["ant", "bee"], **SIZES), families=["ant", "bee"], at=at)
    draws = bs.forecast(fit, {"family": ["ant", "bee"], **at}, kind="law").draws
    assert found.p_yes == pytest.approx((draws[:, 0] < draws[:, 1]).mean())
    assert found.now == pytest.approx(float(entropy(found.p_yes)))
    assert found.sentence.startswith(words.p_equals(found.p_yes, "ant beats bee") + ";")
    assert (found.table["reduction"] <= found.now + 1e-9).all()


def test_a_crossover_is_read_along_compute(fit):
    at = {"params": [3e8, 3e9], "tokens": [6e9, 6e10]}
    points = pd.concat([pd.DataFrame({"family": f, **at}) for f in ("ant", "cat")])
    found = next_run(fit, points, families=["ant", "cat"], before=1e24, tokens_per_param=20, check=0)
    assert 0 <= found.p_yes < 0.5, "floors of 1.6 and 1.85 and one law: no crossing was planted"


def test_a_departure_at_the_target_is_learnt_only_near_it():
    spec = make_spec(
        "power_law", noise={"observation": "normal", "run_effect": False, "discrepancy": {"kind": "ou"}},
        priors={"discrepancy_sd": {"dist": "lognormal", "median": 0.03, "upper95": 0.06}},
    )  # fmt: skip
    frame = pd.DataFrame({"compute": np.geomspace(1e18, 1e20, 8), "loss": np.linspace(4, 3, 8)})
    known = {"E": 1.7, "A_ref": 1.0, "alpha": 0.3, "discrepancy_sd": 0.03, "discrepancy_length": 0.3, "sigma": 0.002}
    names = {p.name for p in spec.parameters()}
    values = simulated.constant(600, **{k: v for k, v in known.items() if k in names})
    fit = simulated.fit_of(spec, frame, values, draws=300)
    found = next_run(fit, {"compute": [1e18, 1e20, 5e21]}, target={"compute": 1e22}, cost="compute", check=0)
    far, end, near = found.single.value / found.now
    gap = np.log10(2)
    correlation = np.exp(-gap / 0.3) ** 2 / (1 + (0.002 / 0.03) ** 2)
    assert near == pytest.approx(correlation, abs=4 * 2 / np.sqrt(600))
    assert far < 0.05
    assert end < 0.05


def test_a_run_goes_on_with_its_own_effect():
    spec = make_spec("power_law", noise={"observation": "normal", "run_effect": True})
    frame = pd.DataFrame(
        {"run": np.repeat(["a", "b"], 6), "compute": np.tile(np.geomspace(1e18, 1e20, 6), 2), "loss": 3.0}
    )
    fit = simulated.fit_of(spec, frame, draws=100)
    new = responses(fit, {"compute": [1e21, 1e22]})
    old = responses(fit, {"run": ["a", "a"], "compute": [1e21, 1e22]})
    effect = fit.values()["run_effect"][:, 0]
    np.testing.assert_allclose(old.known, np.log(old.mean) + effect[:, None])
    assert new.noise[0, 0] > old.noise[0, 0], "a new run adds its own effect"
    assert new.noise[0, 1] == 0, "two new runs do not share one"


def test_accuracy_is_planned_on_its_own_scale(crossed_fit):
    points = bs.grid(family="ant", task="alpha_qa", protocol="0-shot", compute=[1e21, 1e23])
    target = {"family": "ant", "task": "alpha_qa", "protocol": "0-shot", "compute": 1e25}
    found = next_run(crossed_fit, points, target=target, check=2)
    assert found.question.unit == "fraction"
    assert ((found.answer > 0) & (found.answer < 1)).all()
    assert len(found.check) == 2


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({}, "exactly one question"),
        ({"target": TARGET, "parameter": "alpha"}, "exactly one question"),
        ({"parameter": "alpa"}, "Did you mean 'alpha'"),
        ({"parameter": "E", "at": {"family": "cut"}}, "Did you mean 'cat'"),
        ({"parameter": "alpha", "at": {"family": "cat"}}, "one value for all"),
        ({"families": ["ant", "bees"], "at": AT}, "Did you mean 'bee'"),
        ({"families": ["ant"], "at": AT}, "two different levels"),
        ({"families": ["ant", "bee"]}, "exactly one of at"),
        ({"families": ["ant", "bee"], "before": 1e15, "tokens_per_param": 20}, "not above the smallest"),
        ({"target": {"family": ["ant", "bee"], "params": 1e10, "tokens": 1e12}}, "ask of one run"),
        ({"target": TARGET, "cost": "price"}, "have no cost"),
        ({"target": TARGET, "value": -1.0}, "above zero"),
        ({"target": TARGET, "value": 1.0, "wanted_sd": 1.0}, "not both"),
        ({"families": ["ant", "bee"], "at": AT, "wanted_sd": 0.1}, "no standard deviation"),
    ],
)  # fmt: skip
def test_bad_questions_say_what_was_expected(fit, options, match):
    with pytest.raises(ForecastError, match=match):
        next_run(fit, {"family": "ant", "params": [1e9], "tokens": [2e10]}, check=0, **options)


def test_bad_candidates_say_what_was_expected(fit):
    with pytest.raises(ForecastError, match="no points"):
        next_run(fit, pd.DataFrame({"family": [], "params": [], "tokens": []}), target=TARGET)
    bad = {"family": "ant", "params": [1e9, 2e9], "tokens": [2e10, 2e10], "price": [1.0, float("nan")]}
    with pytest.raises(ForecastError, match="candidates 1 have price = nan"):
        next_run(fit, bad, target=TARGET, cost="price")
    with pytest.raises(ForecastError, match="dog"):
        next_run(fit, {"family": "dog", "params": [1e9], "tokens": [2e10]}, target=TARGET)


def test_nothing_open_is_nothing_to_learn():
    question = Question("a constant", "", None, lambda v: v[:, 0], np.asarray)
    joint = Joint(np.ones(100), np.random.default_rng(0).standard_normal((100, 2)), np.eye(2))
    found = rank(joint, question, pd.DataFrame({"params": [1.0, 2.0]}), np.ones(2))
    assert found.stop
    assert "no candidate is expected to tell anything" in found.sentence
    assert np.isfinite(found.table["share"]).all()


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_an_answer_that_all_draws_share_stops(spread):
    rng = np.random.default_rng(0)
    question = Question("a lead", "log loss", None, lambda v: v[:, 0], np.asarray, "a beats b")
    margin = 1 + spread * rng.uniform(size=200)
    joint = Joint(margin, np.stack([margin, margin], axis=1), 0.1 * np.eye(2))
    found = rank(joint, question, pd.DataFrame({"params": [1.0, 2.0]}), np.ones(2))
    assert found.stop
    assert found.sentences[-1] == "Stop: all draws answer it alike."
    assert found.sentences[0].startswith("P(a beats b) > 0.99;")
    assert found.chosen == ()
    assert not found.table["reduction"].any()
    assert not found.sets["reduction"].any()


def test_the_picture_shows_what_the_table_holds(ranked):
    figure, axes = plots.next_run(ranked)
    found = next(line for line in axes.lines if len(line.get_xdata()) == 27)
    np.testing.assert_allclose(np.sort(found.get_ydata()), np.sort(ranked.table["share"]))
    assert "set to buy" in " ".join(axes.get_legend_handles_labels()[1])
    plt.close(figure)
    with pytest.raises(ForecastError, match="expected a NextRun"):
        plots.next_run(ranked.table)
