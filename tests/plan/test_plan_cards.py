"""[plan] in cards, on the command line and in the report."""

import json
import tomllib

import pytest
import simulated

from bayes_scaling import cli
from bayes_scaling.api import Card
from bayes_scaling.api.plans import check_plan_of, plan_answers
from bayes_scaling.errors import CardError, ForecastError
from bayes_scaling.model.card import card_from_dict
from bayes_scaling.report import Study, words
from bayes_scaling.report.plan import plan_sections, plan_sentences

TITLES = [
    "Compute-optimal allocation", "Regret of rules", "Loss against cost", "Reaching a target",
    "What is left, and how fast it goes", "The next run", "Two recipes compared",
]  # fmt: skip
RUNS = {"family": ["ant", "bee"], "params": [1e8, 1e9], "tokens": [2e9, 2e10, 2e11, 2e12]}
NEXT = {"candidates": RUNS, "target": {"family": "ant", "params": 7e10, "tokens": 1.4e12}}
BEATS = {"candidates": RUNS, "families": ["ant", "bee"], "at": {"compute": 1e24}, "tokens_per_param": 20.0}
RECIPES = {"names": ["ant", "bee"], "at": {"compute": 1e24}, "tokens_per_param": 20.0, "candidates": RUNS}
PLAN = {
    "budgets": [1e18, 1e22], "rules": [20, "kaplan", {"family": "bee"}], "costs": [1e4], "targets": [2.2, 1.0],
    "groups": {"family": "ant"}, "levels": [0.9],
    "prices": {"per_flop": 1e-18, "inference_tokens": 1e11, "currency": "USD"},
    "limits": {"max_params": 1e11, "gpus": 8, "peak_flops": 1e15},
    "growth": {"doubling_months": 6.0, "upper95": 9.0, "compute": 1e23, "date": "2025-01-01"},
    "next": NEXT, "recipes": RECIPES,
}  # fmt: skip
CARD = {
    "name": "made_up", "title": "Made-up runs", "question": "How to spend it?", "data": {"path": "runs.csv"},
    "model": {"law": "chinchilla", "groups": ["family"]}, "plan": PLAN,
}  # fmt: skip
SMALL = """
name = "small"
[data]
path = "runs.csv"
[model]
law = "chinchilla"
[fit]
random_seed = 1
[plan]
budgets = [1e21]
targets = [2.2]
[plan.next]
parameter = "alpha"
wanted_sd = 1e-4
candidates = { params = [1e8, 1e9], tokens = [2e9, 2e10, 2e11, 2e12] }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A card without groups (importance sampling: nothing is compiled) and its table."""
    here = tmp_path_factory.mktemp("plan")
    frame = simulated.ladder(per_family=20)
    frame["loss"] *= 1.7 / frame["family"].map(simulated.FLOORS)
    frame.drop(columns="family").to_csv(here / "runs.csv", index=False)
    (here / "small.toml").write_text(SMALL)
    (here / "plain.toml").write_text(SMALL.split("[plan]")[0])
    return here


def run(folder, monkeypatch, capsys, *words):
    monkeypatch.chdir(folder)
    code = cli.main([*words, "--quiet", "--fits", "fits"])
    return code, capsys.readouterr()


def test_a_card_round_trips():
    read = card_from_dict(CARD)
    assert card_from_dict(tomllib.loads(read.to_toml())).as_dict() == read.as_dict()
    assert read.as_dict()["plan"] == PLAN
    assert read.plan.priced().inference_tokens == 1e11
    assert read.plan.limited().flop_per_day == pytest.approx(8 * 0.4e15 * 86400)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budget": [1e21]}, "Did you mean 'budgets'"),
        ({"prices": {"per_flops": 1e-18}}, "Did you mean 'per_flop'"),
        ({"prices": {"per_flop": -1e-18}}, "prices.per_flop = -1e-18"),
        ({"limits": {"max_param": 1e9}}, "Did you mean 'max_params'"),
        ({"growth": {"dataset": "epoch", "doubling_months": 6.0}}, "exactly one"),
        ({"budgets": [-1e21]}, "plan.budgets = -1e"),
        ({"budgets": 1e21}, "expected a list"),
        ({"budgets": [], "costs": [], "targets": [], "next": {}, "recipes": {}}, "needs budgets"),
        ({"levels": [90]}, "plan.levels"),
        ({"groups": {"familie": "ant"}}, "names familie"),
        ({"new_groups": "populatoin"}, "Did you mean 'population'"),
        ({"next": {**NEXT, "candidate": RUNS}}, "Did you mean 'candidates'"),
        ({"next": {"candidates": RUNS}}, "exactly one question"),
        ({"next": {**NEXT, "parameter": "alpha"}}, "exactly one question"),
        ({"next": {"candidates": RUNS, "parameter": "alpa"}}, "Did you mean 'alpha'"),
        ({"next": {"target": NEXT["target"]}}, "no candidates"),
        ({"next": {**NEXT, "candidates": {"params": [], "tokens": [1e9]}}}, "params has no values"),
        ({"next": {**NEXT, "candidates": {"param": [1e9]}}}, "Did you mean 'params'"),
        ({"next": {**NEXT, "target": {"params": [1e9, 1e10]}}}, "expected one value"),
        ({"next": {**NEXT, "before": 1e24}}, "belongs to a question of families"),
        ({"next": {**NEXT, "wanted_sd": -1.0}}, "plan.next.wanted_sd = -1"),
        ({"next": {**NEXT, "wanted_sd": 0.1, "value": 1.0}}, "give one"),
        ({"next": {**NEXT, "cost": "price"}}, "no column of the candidates"),
        ({"next": {**NEXT, "cost": "price", "candidates": {**RUNS, "price": [-1.0]}}}, "price = -1"),
        ({"next": {**BEATS, "families": ["ant"]}}, "two different levels"),
        ({"next": {**BEATS, "before": 1e24}}, "exactly one of at"),
        ({"next": {**BEATS, "group": "task"}}, "has groups family"),
        ({"recipes": {**RECIPES, "names": ["ant", "ant"]}}, "two different levels"),
        ({"recipes": {"names": ["ant", "bee"]}}, "needs at"),
        ({"recipes": {**RECIPES, "at": {"compute": [1e23, 1e24]}}}, "expected one value"),
    ],
)
def test_plans_are_read_strictly(changes, message):
    with pytest.raises(CardError, match=message):
        card_from_dict({**CARD, "plan": {**PLAN, **changes}})


def test_a_law_without_an_allocation_is_said_before_sampling():
    model = {"law": "power_law"}
    with pytest.raises(CardError, match="every split of a compute has the same loss"):
        card_from_dict({**CARD, "model": model, "plan": {"budgets": [1e21]}})
    assert card_from_dict({**CARD, "model": model, "plan": {"targets": [2.0]}}).plan.targets == [2.0]


def test_a_level_that_was_not_fitted_is_drawn_from_the_population():
    new = {"budgets": [1e22], "targets": [2.2], "costs": [1e22], "rules": [20], "groups": {"family": "new"}}
    spec = card_from_dict({**CARD, "plan": new})
    fit = simulated.fit_of(spec.model, simulated.ladder(per_family=6), draws=60)
    with pytest.raises(ForecastError, match=r"'new' was not fitted.*--new-groups population"):
        check_plan_of(fit, spec.plan)
    asked = card_from_dict({**CARD, "plan": {**new, "new_groups": "population"}}).plan
    check_plan_of(fit, asked)
    assert all(found.points["family"].tolist() == ["new"] for found in plan_answers(fit, asked))


def test_every_answer_gets_a_section_of_the_report():
    spec = card_from_dict(CARD)
    data = simulated.ladder(per_family=6)
    fit = simulated.fit_of(spec.model, data, draws=60, diverging=1)
    check_plan_of(fit, spec.plan)
    study = Study(spec, fit, None, data, [], [], plan=plan_answers(fit, spec.plan))
    sections = plan_sections(study)
    assert [s.title for s in sections] == TITLES
    for section in sections:
        kinds = [block.kind for block in section.blocks]
        assert {"text", "bullets", "figure", "table"} <= set(kinds)
        cells = [c for block in section.blocks if block.kind == "table" for row in block.rows for c in row]
        assert not {"nan", "inf", "\u221e", ""} & {c.lower() for c in cells}
    told = " ".join(plan_sentences(study))
    assert all(f"{title}: " in told for title in TITLES)
    assert "choice of bee" in str(sections[1].blocks)
    assert "90\u00a0% equal-tailed interval" in told


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"groups": {"family": "dog"}}, "family 'dog' was not fitted"),
        ({"next": {**NEXT, "candidates": {**RUNS, "family": ["bees"]}}}, "Did you mean 'bee'"),
        ({"next": {**NEXT, "target": {**NEXT["target"], "family": "bees"}}}, "Did you mean 'bee'"),
        ({"next": {**BEATS, "families": ["ant", "bees"]}}, "Did you mean 'bee'"),
        ({"next": {**BEATS, "at": {}, "before": 1e15}}, "not above the smallest"),
        ({"next": {"candidates": RUNS, "parameter": "E", "at": {"family": "cut"}}}, "Did you mean 'cat'"),
        ({"recipes": {**RECIPES, "names": ["ant", "bees"]}}, "Did you mean 'bee'"),
        ({"recipes": {**RECIPES, "candidates": {**RUNS, "family": ["bees"]}}}, "Did you mean 'bee'"),
    ],
)
def test_what_the_rows_lack_is_said_before_sampling(changes, message):
    spec = card_from_dict({**CARD, "plan": {**PLAN, **changes}})
    with pytest.raises(ForecastError, match=rf"\[plan\]: .*{message}"):
        Card(spec).check_questions(simulated.ladder())


def test_the_section_of_the_next_run_shows_the_best_and_says_how_many_there_are():
    spec = card_from_dict({**CARD, "plan": {"next": NEXT, "levels": [0.5, 0.8]}})
    fit = simulated.fit_of(spec.model, simulated.ladder(per_family=6), draws=60)
    (made,) = plan_answers(fit, spec.plan)
    assert made.levels == (0.8,)
    (section,) = plan_sections(Study(spec, fit, None, fit.frame, [], [], plan=[made]))
    shown = section.blocks[-1]
    assert "12 of 16 candidates" in shown.caption
    assert len(shown.rows) == 12
    steps = [row[shown.head.index("place in the set to buy")] for row in shown.rows]
    assert {str(k + 1) for k in range(min(len(made.buy), 6))} <= set(steps)
    most = words.percent(made.table["share"].max())
    assert most in [row[shown.head.index("variance settled")] for row in shown.rows]
    assert "compute" not in shown.head, "it is the cost"


def test_the_next_run_is_asked_by_card_or_command(folder, monkeypatch, capsys):
    code, out = run(folder, monkeypatch, capsys, "plan", "next", "small.toml", "--json")
    assert code == 0, out.err
    (found,) = json.loads(out.out)["answers"]
    assert found["title"] == "The next run"
    assert found["sentences"][0].startswith("alpha: ")
    assert len(found["table"]) == 8
    assert set(found["sets"][0]["runs"]) <= set(range(8))
    code, out = run(folder, monkeypatch, capsys, "plan", "next", "plain.toml", "--candidate", "params=1e8,1e9",
                    "--candidate", "tokens=2e10,2e11", "--of-target", "params=7e10", "tokens=1.4e12",
                    "--wanted-sd", "10", "--level", "0.8")  # fmt: skip
    assert code == 0, out.err
    assert "loss of the target run (70 billion parameters, 1.4 trillion tokens): " in out.out
    assert "80\u00a0% equal-tailed interval" in out.out
    assert "Stop: the standard deviation" in out.out
    assert "4 of 4 candidates" in out.out
    code, out = run(folder, monkeypatch, capsys, "plan", "next", "small.toml", "--of-parameter", "beta", "--value", "1",
                    "--candidate", "params=1e8", "tokens=2e10,2e12")  # fmt: skip
    assert code == 0, out.err
    assert "beta: " in out.out, "the card's question and its wanted_sd are replaced"
    assert "Stop: the best set costs " in out.out


def test_commands_answer_the_card_or_their_own_question(folder, monkeypatch, capsys):
    code, out = run(folder, monkeypatch, capsys, "plan", "allocation", "small.toml", "--json")
    result = json.loads(out.out)
    assert code == 0, out.err
    assert [a["title"] for a in result["answers"]] == ["Compute-optimal allocation", "Regret of rules"]
    assert result["answers"][0]["choice"][0]["compute"] == 1e21
    code, out = run(folder, monkeypatch, capsys, "plan", "allocation", "plain.toml", "--budget", "1e20", "1e24",
                    "--rule", "20", "kaplan", "--level", "0.8", "--new-groups", "error")  # fmt: skip
    assert code == 0, out.err
    assert "80\u00a0% equal-tailed interval" in out.out
    assert "kaplan (" in out.out
    code, out = run(folder, monkeypatch, capsys, "plan", "cost", "plain.toml", "--cost", "1e6", "--per-flop", "1e-18",
                    "--inference-tokens", "1e12", "--currency", "USD", "--max-params", "1e10")  # fmt: skip
    assert code == 0, out.err
    assert "USD" in out.out
    code, out = run(folder, monkeypatch, capsys, "plan", "reach", "small.toml", "--json")
    assert json.loads(out.out)["answers"][0]["table"][0]["target"] == 2.2
    code, out = run(folder, monkeypatch, capsys, "plan", "when", "small.toml", "--doubling-months", "6", "9",
                    "--from-compute", "1e22", "--from-date", "2025-01-01")  # fmt: skip
    assert code == 0, out.err
    assert "What is left" in out.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("allocation", "plain.toml"), "has no budgets under [plan]"),
        (("when", "small.toml"), "dates need a growth"),
        (("allocation", "plain.toml", "--budget", "-1e21"), "plan.budgets = -1e+21; expected a finite number above"),
        (("reach", "plain.toml", "--target", "2.0", "-.5E-1"), "plan.targets = -0.05"),
        (("reach", "plain.toml", "--target", "0.5", "--outcome", "accuracy"), "this fit describes loss"),
        (("cost", "plain.toml", "--cost", "1e6"), "--per-flop 1.4e-18"),
        (("cost", "plain.toml", "--cost", "1e6", "--currency", "USD"), "'USD' without per_flop"),
        (("cost", "plain.toml", "--cost", "1e6", "--per-flop", "-1"), "prices.per_flop = -1"),
        (("cost", "plain.toml", "--cost", "1e22", "--max-params", "1e5", "--min-params", "1e9"), "max_params"),
        (("allocation", "small.toml", "--rule", "kaplann"), "Did you mean 'kaplan'"),
        (("allocation", "small.toml", "--group", "family"), "expected NAME=VALUE"),
        (("next", "plain.toml"), "has no [plan.next]"),
        (("next", "plain.toml", "--candidate", "params"), "--candidate 'params'; expected NAME=VALUE"),
        (("next", "plain.toml", "--candidate", "params=1e8", "tokens=2e9"), "exactly one question"),
        (("next", "small.toml", "--of-target", "params=7e10", "token=1e12"), "Did you mean 'tokens'"),
        (("recipes", "plain.toml"), "has no [plan.recipes]"),
        (("recipes", "plain.toml", "--names", "A", "B", "--at", "compute=1e23"), "this card's model has no groups"),
    ],
)
def test_wrong_questions_are_explained(folder, monkeypatch, capsys, words, message):
    code, out = run(folder, monkeypatch, capsys, "plan", *words)
    assert code == cli.EXIT_ERROR
    assert message in out.err
