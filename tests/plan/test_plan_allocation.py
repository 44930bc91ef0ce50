"""The best split of a budget: closed forms against a search, the Bayes choice, regret of rules, bad input."""

import numpy as np
import pytest
import simulated

from bayes_scaling import laws, plan
from bayes_scaling.errors import ForecastError
from bayes_scaling.laws import Law
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.laws.optimum import minimum
from bayes_scaling.model import make_spec
from bayes_scaling.model.priors import draw
from bayes_scaling.plan.rules import bayes_choice, published

BUDGETS = np.array([1e18, 1e21, 1e24])
XP = numpy_backend()


@pytest.fixture(scope="module")
def made_up():
    """Chinchilla's law with a floor and amplitudes per family; draws of the prior."""
    return simulated.fit_of(make_spec("chinchilla", groups=["family"]), simulated.ladder(), draws=150)


@pytest.fixture(scope="module")
def narrow():
    """One family's law, drawn close around the planted truth."""
    rng = np.random.default_rng(3)
    t = simulated.TRUTH
    values = {k: t[k] * np.exp(0.05 * rng.standard_normal(400)) for k in ("A_ref", "alpha", "B_ref", "beta")}
    frame = simulated.ladder().drop(columns="family")
    values["E"] = 1.7 * np.exp(0.02 * rng.standard_normal(400))
    return simulated.fit_of(make_spec("chinchilla"), frame, values)


@pytest.mark.parametrize("name", ["chinchilla", "kaplan"])
def test_closed_forms_are_where_a_search_finds_the_minimum(name):
    law, rng = laws.get(name), np.random.default_rng(1)
    sampled = {p.name: draw(p.prior, rng, (200, 1)) for p in law.parameters}
    product = BUDGETS / 6
    found = law.allocation(XP, product=product, **sampled)

    def loss(log_params):
        return law.mean(XP, params=np.exp(log_params), tokens=product / np.exp(log_params), **sampled)

    middle = np.log(found["params"])
    searched = minimum(loss, middle - 9, middle + 8)
    # a flat minimum is found to the root of the rounding error of the loss over its curvature
    curvature = (loss(middle + 0.01) - 2 * loss(middle) + loss(middle - 0.01)) / 1e-4
    error = np.sqrt(1e-15 * loss(middle) / np.maximum(curvature, 1e-12))
    assert (np.abs(searched - middle) < 1e-6 + 10 * error).all()
    up = law.allocation(XP, product=product * 1.01, **sampled)["params"]
    slope = np.log(up / found["params"]) / np.log(1.01)
    np.testing.assert_allclose(slope, found["exponent"] + np.zeros(3), rtol=1e-9)


def test_a_search_stops_at_the_end_where_a_function_falls():
    low, high = np.zeros((2, 1)), np.full((2, 1), 3.0)
    np.testing.assert_allclose(minimum(lambda x: x * np.array([[1.0], [-1.0]]), low, high), [[0.0], [3.0]])


def test_hoffmanns_formula_in_its_own_constants():
    v = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}
    G = (v["alpha"] * v["A"] / (v["beta"] * v["B"])) ** (1 / (v["alpha"] + v["beta"]))
    a = v["beta"] / (v["alpha"] + v["beta"])
    np.testing.assert_allclose(published()["hoffmann2022"].params(BUDGETS), G * (BUDGETS / 6) ** a, rtol=1e-9)
    assert published()["kaplan"].params(np.array([8.64e19])) == pytest.approx(1.3e9)


def test_a_law_without_a_closed_form_is_searched(narrow, monkeypatch):
    exact = plan.allocation(narrow, BUDGETS)
    monkeypatch.setattr(type(narrow.spec.law), "allocation", Law.allocation)
    searched = plan.allocation(narrow, BUDGETS)
    np.testing.assert_allclose(np.log(searched.params), np.log(exact.params), atol=1e-5)
    np.testing.assert_allclose(searched.exponent, exact.exponent, atol=1e-3)
    np.testing.assert_allclose(searched.loss, exact.loss, rtol=1e-12)


def test_table_draws_and_budget_agree(made_up):
    made = plan.allocation(made_up, BUDGETS, groups={"family": "bee"}, levels=(0.8,))
    np.testing.assert_allclose(6 * made.params * made.tokens, BUDGETS + 0 * made.params)
    row = made.table.query("quantity == 'params' and compute == 1e21").iloc[0]
    assert (row["kind"], row["interval"], row["level"], row["family"]) == ("law", "eti", 0.8, "bee")
    np.testing.assert_allclose(row[["lower", "median", "upper"]].astype(float),
                               np.quantile(made.params[:, 1], [0.1, 0.5, 0.9]))  # fmt: skip
    assert set(made.table["quantity"]) == {"params", "tokens", "tokens_per_param", "loss", "a", "b"}
    assert "80" in made.sentences[0]
    assert made.sentences[0].startswith("bee, ")


def test_families_have_their_own_optimum(made_up):
    v, coords = made_up.values(), made_up.coords["family"]
    made = plan.allocation(made_up, 1e21, groups={"family": "cat"})
    i = coords.index("cat")
    A, B = (v[n] * np.exp(v[f"{n}_family_effect"][:, i]) for n in ("A_ref", "B_ref"))
    ratio = v["alpha"] * A / (v["beta"] * B)
    expected = 1e9 * (ratio * (1e21 / 6 / 2e19) ** v["beta"]) ** (1 / (v["alpha"] + v["beta"]))
    np.testing.assert_allclose(made.params[:, 0], expected, rtol=1e-9)


def test_the_bayes_choice_has_the_smallest_expected_loss(made_up):
    made = plan.allocation(made_up, BUDGETS, groups={"family": "ant"})
    for factor in (0.7, 0.97, 1.03, 1.4):
        other = made.surface.loss_of_split(made.bayes_params * factor, BUDGETS).mean(axis=0)
        assert (other > made.choice["expected_loss"]).all()
    assert (made.choice["expected_regret"] > 0).all()
    np.testing.assert_allclose(bayes_choice(made.surface, BUDGETS), made.bayes_params, rtol=1e-5)


def test_regret_is_an_expectation_over_draws(narrow):
    made = plan.allocation(narrow, BUDGETS)
    found = plan.regret(made, {"mine": lambda c: 1e8 + 0 * c, "twenty": 20, "median": "median", "bayes": "bayes"})
    table = found.choice.set_index(["rule", "compute"])
    direct = made.surface.loss_of_split(1e8 + 0 * BUDGETS, BUDGETS) - made.loss
    np.testing.assert_allclose(table.loc["mine", "expected_regret"], direct.mean(axis=0))
    for rule in ("mine", "twenty", "median"):
        assert (table.loc[rule, "expected_regret"] >= table.loc["bayes", "expected_regret"] * (1 - 1e-9)).all()
    assert "smallest expected regret of 4 rules" in found.headline
    wide = found.table.query("quantity == 'regret' and rule == 'mine' and level == 0.9").iloc[0]
    assert wide["lower"] < wide["expected"] < wide["upper"]


def test_wasted_compute_is_what_the_best_split_does_not_need(narrow):
    made = plan.allocation(narrow, BUDGETS)
    found = plan.regret(made, [2.0])
    needed = (1 - found.wasted) * BUDGETS
    loss = made.surface.loss_of_split(np.sqrt(BUDGETS / 12), BUDGETS)
    np.testing.assert_allclose(made.surface.best(needed), loss, rtol=1e-7)
    assert ((found.wasted > 0) & (found.wasted < 1)).all()
    for alone in (2.0, "kaplan"):
        np.testing.assert_array_equal(plan.regret(made, alone).wasted, plan.regret(made, [alone]).wasted)
    with pytest.raises(ForecastError, match=r"unknown rule 'kaplann'.*Did you mean 'kaplan'"):
        plan.regret(made, "kaplann")


def test_the_choice_of_another_family(made_up):
    made = plan.allocation(made_up, BUDGETS, groups={"family": "ant"})
    other = plan.allocation(made_up, BUDGETS, groups={"family": "cat"})
    found = plan.regret(made, [{"family": "cat"}])
    np.testing.assert_allclose(found.points["params"], np.exp(np.median(np.log(other.params), axis=0)))
    assert found.points["rule"].iloc[0] == "choice of cat"


def test_budgets_outside_the_runs_are_marked(narrow):
    spent = 6 * narrow.frame["params"] * narrow.frame["tokens"]
    made = plan.allocation(narrow, [spent.min() / 10, spent.median(), spent.max() * 30])
    assert made.points["extrapolation"].tolist() == [
        "extrapolation downward", "inside the runs", "30 times the largest run"
    ]  # fmt: skip
    assert "extrapolation downward" in made.sentences[0]


def test_a_failed_fit_is_told_everywhere(made_up):
    bad = simulated.fit_of(make_spec("chinchilla"), simulated.ladder().drop(columns="family"), draws=30, diverging=2)
    made = plan.allocation(bad, 1e21)
    for table in (made.table, made.choice, plan.regret(made).table, plan.frontier(bad, 1e21).table):
        assert table["warning"].str.contains("NOT USABLE").all()
    assert "NOT USABLE" in repr(made)


@pytest.mark.parametrize(
    ("law", "options", "message"),
    [
        ("power_law", {}, "every split of a compute has the same loss"),
        ("m1", {"inputs": {"scale": "params"}}, "no tokens, so that a larger model is better"),
        ("m1", {"inputs": {"scale": "tokens"}}, "no column that counts parameters"),
    ],
)
def test_laws_without_an_allocation_say_why(law, options, message):
    frame = simulated.ladder().assign(compute=lambda t: 6 * t["params"] * t["tokens"])
    fit = simulated.fit_of(make_spec(law, **options), frame, draws=20)
    with pytest.raises(ForecastError, match=message):
        plan.allocation(fit, 1e21)


def test_an_accuracy_has_no_allocation(crossed_fit):
    with pytest.raises(ForecastError, match="it describes accuracy"):
        plan.allocation(crossed_fit, 1e21)


@pytest.mark.parametrize("budget", [0, -1e21, np.inf, np.nan, [], ["much"]])
def test_budgets_are_positive_numbers(narrow, budget):
    with pytest.raises(ForecastError, match="budgets = "):
        plan.allocation(narrow, budget)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("kaplann", "Did you mean 'kaplan'"),
        (-20, "positive number of tokens per parameter"),
        (lambda c: -c, "above zero"),
    ],
)
def test_rules_that_are_none(narrow, rule, message):
    with pytest.raises(ForecastError, match=message):
        plan.regret(plan.allocation(narrow, 1e21), [rule])


def test_groups_are_asked_one_level_at_a_time(made_up):
    with pytest.raises(ForecastError, match="2 levels"):
        plan.allocation(made_up, 1e21, groups={"family": ["ant", "bee"]})
    with pytest.raises(ForecastError, match="'dog' was not fitted"):
        plan.allocation(made_up, 1e21, groups={"family": "dog"})
    with pytest.raises(ForecastError, match=r"groups=\{'family': 'ant'\} \(--group family=ant\)"):
        plan.allocation(made_up, 1e21)
    new = plan.allocation(made_up, 1e21, groups={"family": "dog"}, new_groups="population")
    assert new.params.shape == (300, 1)


@pytest.mark.parametrize("exponent", [0.3, 1.0, 1.5])
def test_compute_for_a_loss_far_from_the_optimum_has_that_loss(exponent):
    t, rng = simulated.TRUTH, np.random.default_rng(3)
    values = {k: t[k] * np.exp(0.05 * rng.standard_normal(50)) for k in ("A_ref", "B_ref")}
    values |= {k: exponent * np.exp(0.05 * rng.standard_normal(50)) for k in ("alpha", "beta")}
    values["E"] = 1.7 * np.exp(0.02 * rng.standard_normal(50))
    on = plan.surface(
        simulated.fit_of(make_spec("chinchilla"), simulated.ladder().drop(columns="family"), values, draws=25)
    )
    for tokens_per_param in (1e-3, 1e3, 1e7):
        loss = on.loss_of_split(np.sqrt(BUDGETS / (6 * tokens_per_param)), BUDGETS)
        np.testing.assert_allclose(on.best(on.compute_for(loss, BUDGETS)), loss, rtol=1e-6)
