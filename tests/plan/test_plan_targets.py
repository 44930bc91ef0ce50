"""Targets, dates and what is left: against closed forms, with what is out of reach counted."""

import datetime

import numpy as np
import pandas as pd
import pytest
import simulated

from bayes_scaling import plan
from bayes_scaling.errors import CardError, ForecastError
from bayes_scaling.fit import ChainFit
from bayes_scaling.laws import Prior
from bayes_scaling.model import make_spec
from bayes_scaling.model.plan import GrowthPart, decimal_year
from bayes_scaling.plan import Limits, Prices
from bayes_scaling.plan.growth import day

DRAWS = 200
DOUBLING = Prior("lognormal", median=6.0, upper95=9.0)


@pytest.fixture(scope="module")
def fit():
    """One family's law around the planted truth; floors on both sides of 1.7."""
    rng = np.random.default_rng(3)
    t = simulated.TRUTH
    values = {k: t[k] * np.exp(0.02 * rng.standard_normal(DRAWS)) for k in ("A_ref", "alpha", "B_ref", "beta")}
    values["E"] = rng.normal(1.7, 0.05, DRAWS)
    return simulated.fit_of(make_spec("chinchilla"), simulated.ladder().drop(columns="family"), values, draws=100)


@pytest.fixture(scope="module")
def growth():
    return plan.growth_of(DOUBLING, 1e24, "2025-01-01")


def frontier_of(fit):
    """Return the parameters of L*(C) = E + K C^-gamma of each draw."""
    v = fit.values()
    g = v["alpha"] * v["beta"] / (v["alpha"] + v["beta"])
    on = plan.surface(fit)
    return v["E"], (on.best(np.array([1e21]))[:, 0] - v["E"]) * 1e21**g, g


def test_compute_at_the_best_split_in_closed_form(fit):
    E, K, g = frontier_of(fit)
    made = plan.to_reach(fit, [2.2, 1.7], prices=Prices(per_flop=3.0), limits=Limits(gpus=10, peak_flops=1e15))
    with np.errstate(invalid="ignore"):
        needed = (K / (np.array([[2.2], [1.7]]) - E)) ** (1 / g)
    never = ~(needed < 1e40)
    assert 0.2 < never[1].mean() < 0.8
    np.testing.assert_allclose(made.quantities["compute"].T[~never], needed[~never], rtol=1e-6)
    np.testing.assert_array_equal(np.isinf(made.quantities["compute"].T), never)
    np.testing.assert_allclose(made.p_unreachable, never.mean(axis=1))
    np.testing.assert_allclose(made.quantities["cost"], 3 * made.quantities["compute"])
    np.testing.assert_allclose(made.quantities["days"], made.quantities["compute"] / (10 * 0.4e15 * 86400))
    here = made.quantities["params"][:, 0] * made.quantities["tokens"][:, 0] * 6
    np.testing.assert_allclose(here, made.quantities["compute"][:, 0])
    row = made.table.query("target == 1.7 and quantity == 'compute' and level == 0.9").iloc[0]
    assert np.isnan(row["upper"])
    assert row["p_unreachable"] == pytest.approx(never[1].mean())
    told = made.sentences[1]
    assert "P = 0." in told
    assert "inf" not in told.lower()


def test_a_target_below_every_floor_has_a_probability_and_no_number(fit, growth):
    made = plan.to_reach(fit, 1.0, growth=growth)
    assert made.p_unreachable == pytest.approx([1.0])
    assert "not reached in any of the 200 draws; with P > 0.99 nothing reaches it" in made.sentences[0]
    assert made.table["median"].isna().all()
    assert made.by("2100-01-01") == pytest.approx([0.0])


def test_a_path_takes_more_than_the_best_split(fit):
    best, path = plan.to_reach(fit, 2.2), plan.to_reach(fit, 2.2, tokens_per_param=200)
    assert (path.quantities["compute"] > best.quantities["compute"]).all()
    np.testing.assert_allclose(path.quantities["tokens"] / path.quantities["params"], 200)


def test_serving_and_limits_change_what_a_target_takes(fit):
    plain = plan.to_reach(fit, 2.2, prices=Prices())
    served = plan.to_reach(fit, 2.2, prices=Prices(inference_tokens=1e12))
    assert (served.quantities["params"] < plain.quantities["params"]).all()
    assert (served.quantities["cost"] > plain.quantities["cost"]).all()
    capped = plan.to_reach(fit, [2.2], limits=Limits(max_params=1e8, unique_tokens=1e9))
    assert capped.p_unreachable == pytest.approx([1.0])
    with pytest.raises(ForecastError, match="leave it out"):
        plan.to_reach(fit, 2.2, tokens_per_param=20, limits=Limits(max_params=1e9))


def test_dates_are_compute_over_growth(fit, growth):
    made = plan.to_reach(fit, 2.0, growth=growth)
    used = growth.like(DRAWS, np.random.default_rng(0))
    decades = np.log10(made.quantities["compute"][:, 0] / 1e24)
    np.testing.assert_allclose(made.quantities["year"][:, 0], 2025 + decades * used.doubling_months / 12 / np.log10(2))
    assert made.by("2025-01-01")[0] == pytest.approx((decades <= 0).mean())
    with pytest.raises(ForecastError, match="no dates without growth"):
        plan.to_reach(fit, 2.0).by("2030-01-01")


def test_an_accuracy_of_families_with_dates(crossed_fit, growth):
    groups = {"family": ["ant", "cat"], "task": "beta_qa", "protocol": "0-shot"}
    made = plan.to_reach(crossed_fit, 0.6, groups=groups, growth=growth)
    assert made.points["family"].tolist() == ["ant", "cat"]
    years, compute = made.quantities["year"], made.quantities["compute"]
    np.testing.assert_array_equal(np.isinf(years), np.isinf(compute))
    assert "accuracy 60.0" in made.sentences[0]
    assert (years[compute == 0] < 2025).all(), "what nothing reaches already lies in the past"
    assert (compute == 0).any()


def test_growth_is_learned_from_dated_runs():
    rng = np.random.default_rng(1)
    years = np.sort(rng.uniform(2018, 2025, 60))
    dates = [f"{int(y)}-{1 + int(12 * (y % 1)):02}-01" for y in years]
    rate = 0.6
    frame = pd.DataFrame({"date": dates, "compute": 10 ** (24 + rate * (years - 2025) + 0.3 * rng.standard_normal(60))})
    made = plan.fit_growth(frame, draws=4000)
    assert abs(made.rate.mean() - rate) < 4 * made.rate.std()
    x = np.array([decimal_year(d) for d in dates])
    y = np.log10(frame["compute"])
    slope, cov = np.polyfit(x, y, 1, cov=True)  # the same line by least squares
    assert made.rate.mean() == pytest.approx(slope[0], abs=4 * made.rate.std() / np.sqrt(4000))
    free = 58
    assert made.rate.std() == pytest.approx(np.sqrt(cov[0, 0] * free / (free - 2)), rel=0.06)
    with pytest.raises(ForecastError, match="expected at least 10"):
        plan.fit_growth(frame.head(5))


def test_growth_is_not_learned_from_one_day():
    frame = pd.DataFrame({"date": ["2024-01-01"] * 12, "compute": np.geomspace(1e20, 1e22, 12)})
    with pytest.raises(ForecastError, match="of one day"):
        plan.fit_growth(frame)


def test_compute_that_does_not_grow_reaches_nothing():
    made = plan.Growth(2025.0, np.full(2, 20.0), np.array([-0.1, 0.5]), "made up")
    years = made.year_of(np.array([[1e22], [1e22]]))
    np.testing.assert_allclose(years, [[np.inf], [2029.0]])


def test_what_is_left_in_closed_form(fit, growth):
    _, K, g = frontier_of(fit)
    made = plan.outlook(fit, [1e21, 1e24], growth=growth)
    reducible = K[:, None] * np.array([1e21, 1e24]) ** -g[:, None]
    np.testing.assert_allclose(made.quantities["reducible"], reducible, rtol=1e-9)
    np.testing.assert_allclose(made.quantities["per_decade"], -np.log(10) * g[:, None] * reducible, rtol=1e-5)
    halving = np.log10(2) / g[:, None] + 0 * reducible
    np.testing.assert_allclose(made.quantities["halving_decades"], halving, rtol=1e-5)
    rate = growth.like(DRAWS, np.random.default_rng(0)).rate[:, None]
    np.testing.assert_allclose(made.quantities["per_year"], made.quantities["per_decade"] * rate)
    np.testing.assert_allclose(made.quantities["halving_years"], halving / rate, rtol=1e-5)
    path = plan.outlook(fit, 1e21, tokens_per_param=20)
    assert (path.quantities["loss"] >= made.quantities["loss"][:, :1] - 1e-12).all()


def test_an_accuracy_has_a_pace_and_no_reducible_part(crossed_fit):
    made = plan.outlook(crossed_fit, 1e23, groups={"family": "ant", "task": "beta_qa", "protocol": "0-shot"})
    assert set(made.quantities) == {"accuracy", "per_decade"}
    assert (made.quantities["per_decade"] > 0).all()


@pytest.mark.parametrize("target", [0.0, -1.0, np.nan])
def test_targets_are_positive(fit, target):
    with pytest.raises(ForecastError, match="targets = "):
        plan.to_reach(fit, target)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "exactly one of dataset"),
        ({"dataset": "epoche"}, "expected 'epoch'"),
        ({"doubling_months": 6.0, "compute": 1e25, "date": "2025-01-01"}, "needs upper95"),
        ({"doubling_months": 6.0, "upper95": 9.0}, "compute and date together"),
        ({"dataset": "epoch", "compute": 1e25, "date": "soon"}, "expected a day"),
        ({"dataset": "epoch", "compute": -1.0, "date": "2025-01-01"}, "growth.compute = -1.0"),
    ],
)
def test_growth_of_a_card_is_checked(given, message):
    with pytest.raises(CardError, match=message):
        GrowthPart(**given)


def test_days_in_words():
    assert day(decimal_year("2027-05-20")) == "May 2027"
    firsts = [datetime.date(year, month, 1) for year in (2024, 2025, 2027) for month in range(1, 13)]
    assert [day(decimal_year(str(d))) for d in firsts] == [d.strftime("%B %Y") for d in firsts]
    assert day(np.inf) == "never"
    assert day(2500.0) == "year 2.5e+03"
    assert decimal_year("2024-07-01") == pytest.approx(2024 + 182 / 366)


def test_where_targets_and_budgets_lie_beside_the_runs(fit):
    low, high = (6 * fit.frame["params"] * fit.frame["tokens"]).agg(["min", "max"])
    losses = [np.median(plan.surface(fit).best(np.array([c]))) for c in (low / 10, np.sqrt(low * high), 50 * high)]
    made = plan.to_reach(fit, [*losses, 1.0])
    assert made.extrapolation[:2] == ["extrapolation downward", "inside the runs"]
    assert made.extrapolation[2].endswith("times the largest run")
    assert made.extrapolation[3] == "not reached"
    assert list(made.table["extrapolation"].unique()) == made.extrapolation
    assert f"at the best split ({made.extrapolation[2]}): " in made.sentences[2]
    assert "at the best split: " in made.sentences[1], "nothing is said inside the runs"
    assert "at the best split: not reached" in made.sentences[3]
    ahead = plan.outlook(fit, [50 * high])
    assert ahead.points["extrapolation"].tolist() == ["50 times the largest run"]
    assert "(50 times the largest run): loss" in ahead.sentences[0]
    assert repr(ahead).startswith("<What is left, and how fast it goes, 1 budget>")


def test_medians_have_their_monte_carlo_error(fit):
    from arviz_stats.base import array_stats

    made = plan.to_reach(fit, [2.2, 1.0])
    told = made.table.query("level == 0.9 and quantity == 'compute'").set_index("target")["mcse_median"]
    draws = made.quantities["compute"][:, 0].reshape(2, 100)
    assert told[2.2] == pytest.approx(float(array_stats.mcse(draws, method="median")))
    assert np.isnan(told[1.0]), "a median that is not reached has none"
    split = plan.allocation(fit, [1e21])
    assert (split.table["mcse_median"] < split.table["upper"] - split.table["lower"]).all()
    assert plan.allocation(fit, [1e21], draws=50).table["mcse_median"].isna().all(), "unknown for some draws"


@pytest.fixture(scope="module")
def chain(fit):
    """Losses of the planted law, then accuracy 0.2 + 0.8 exp(...) of the loss, with a ceiling of its own."""
    rng = np.random.default_rng(4)
    frame = simulated.ladder().drop(columns="family")
    frame["accuracy"] = 0.2 + 0.16 * np.exp(-0.7 * (frame["loss"] - 3))
    rows = pd.concat([frame.assign(task=t, accuracy=frame["accuracy"] * s) for t, s in (("easy", 1.0), ("hard", 0.9))])
    then = make_spec("loss_exponential", groups=["task"], pooling={"share": {"task": "none"}, "floor": "complete"})
    values = {**simulated.constant(DRAWS, floor=0.2), "decay": 0.7 + 0.01 * rng.standard_normal(DRAWS)}
    values["share"] = np.array([0.2, 0.15]) * np.exp(0.02 * rng.standard_normal((DRAWS, 2)))
    second = simulated.fit_of(then, rows.assign(run=[f"r{i}" for i in range(len(frame))] * 2), values, draws=100)
    return ChainFit(fit, second, {"title": "made up", "card": None})


def test_an_accuracy_of_a_chain_is_the_loss_that_gives_it_in_each_draw(chain, growth):
    made = plan.to_reach(chain, 0.5, growth=growth, prices=Prices(per_flop=2.0))
    assert made.outcome == "accuracy"
    assert made.points["task"].tolist() == ["easy", "hard"], "every fitted task"
    v, on = chain.accuracy.values(), plan.surface(chain)
    wanted = 3 - np.log((0.5 - 0.2) / (0.8 * v["share"])) / v["decay"][:, None]
    compute = made.quantities["compute"]
    some = np.isfinite(compute) & (compute > 0)
    assert some.any()
    found = np.column_stack(
        [on.best(np.where(s, c, 1e20)[:, None])[:, 0] for s, c in zip(some.T, compute.T, strict=True)]
    )
    np.testing.assert_allclose(found[some], wanted[some], rtol=1e-5)
    assert np.isinf(compute[wanted < chain.loss.values()["E"][:, None]]).all()
    assert made.sentences[0].startswith("easy, accuracy 50.0")
    np.testing.assert_allclose(made.quantities["cost"][some], 2 * compute[some])
    by_path = plan.to_reach(chain, 0.5, groups={"task": "easy"}, tokens_per_param=20.0)
    best = made.quantities["compute"][:, :1]
    assert (by_path.quantities["compute"] >= best * (1 - 1e-6)).all()
    np.testing.assert_allclose(
        plan.to_reach(chain, 2.2, outcome="loss").quantities["compute"],
        plan.to_reach(chain.loss, 2.2).quantities["compute"],
    )


def test_wrong_targets_of_a_chain_are_explained(chain):
    with pytest.raises(ForecastError, match=r'a loss.*outcome="loss"'):
        plan.to_reach(chain, 2.2)
    with pytest.raises(ForecastError, match="Did you mean 'accuracy'"):
        plan.to_reach(chain, 0.5, outcome="acuracy")
    with pytest.raises(ForecastError, match="Did you mean 'easy'"):
        plan.to_reach(chain, 0.5, groups={"task": "esay"})
    with pytest.raises(ForecastError, match="Did you mean 'task'"):
        plan.to_reach(chain, 0.5, groups={"tsak": "easy"})
    with pytest.raises(ForecastError, match="this fit describes loss"):
        plan.to_reach(chain.loss, 0.5, outcome="accuracy")
