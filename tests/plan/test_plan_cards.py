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
from bayes_scaling.report import Study
from bayes_scaling.report.plan import plan_sections, plan_sentences

TITLES = [
    "Compute-optimal allocation", "Regret of rules", "Loss against cost", "Reaching a target",
    "What is left, and how fast it goes",
]  # fmt: skip
PLAN = {
    "budgets": [1e18, 1e22], "rules": [20, "kaplan", {"family": "bee"}], "costs": [1e4], "targets": [2.2, 1.0],
    "groups": {"family": "ant"}, "levels": [0.9],
    "prices": {"per_flop": 1e-18, "inference_tokens": 1e11, "currency": "USD"},
    "limits": {"max_params": 1e11, "gpus": 8, "peak_flops": 1e15},
    "growth": {"doubling_months": 6.0, "upper95": 9.0, "compute": 1e23, "date": "2025-01-01"},
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
        ({"budgets": [], "costs": [], "targets": []}, "needs budgets"),
        ({"levels": [90]}, "plan.levels"),
        ({"groups": {"familie": "ant"}}, "names familie"),
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


def test_what_the_rows_lack_is_said_before_sampling():
    spec = card_from_dict({**CARD, "plan": {**PLAN, "groups": {"family": "dog"}}})
    with pytest.raises(ForecastError, match=r"\[plan\]: family 'dog' was not fitted"):
        Card(spec).check_questions(simulated.ladder())


def test_commands_answer_the_card_or_their_own_question(folder, monkeypatch, capsys):
    code, out = run(folder, monkeypatch, capsys, "plan", "allocation", "small.toml", "--json")
    result = json.loads(out.out)
    assert code == 0, out.err
    assert [a["title"] for a in result["answers"]] == ["Compute-optimal allocation", "Regret of rules"]
    assert result["answers"][0]["choice"][0]["compute"] == 1e21
    code, out = run(folder, monkeypatch, capsys, "plan", "allocation", "plain.toml", "--budget", "1e20", "1e24",
                    "--rule", "20", "kaplan", "--level", "0.8")  # fmt: skip
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
        (("cost", "plain.toml", "--cost", "1e6", "--per-flop", "-1"), "prices.per_flop = -1"),
        (("cost", "plain.toml", "--cost", "1e22", "--max-params", "1e5", "--min-params", "1e9"), "max_params"),
        (("allocation", "small.toml", "--rule", "kaplann"), "Did you mean 'kaplan'"),
        (("allocation", "small.toml", "--group", "family"), "expected NAME=VALUE"),
    ],
)
def test_wrong_questions_are_explained(folder, monkeypatch, capsys, words, message):
    code, out = run(folder, monkeypatch, capsys, "plan", *words)
    assert code == cli.EXIT_ERROR
    assert message in out.err
