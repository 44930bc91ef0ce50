"""A card with [then]: fitted, checked, forecast and reported as one; refused where it makes no sense."""

import copy
import json
import tomllib

import numpy as np
import pytest

from bayes_scaling import cli
from bayes_scaling.errors import CardError
from bayes_scaling.model.card import card_from_dict

CARD = """
name = "steps"
title = "Two steps"
[data]
path = "runs.csv"
[model]
law = "power_law"
groups = ["family"]
[then]
law = "loss_sigmoid"
groups = ["task"]
errors = { near = "err_near", far = "err_far" }
pooling = { level = { task = "none" } }
[then.noise]
run_effect = false
[fit]
draws = 60
tune = 120
chains = 2
random_seed = 3
[[forecast]]
title = "Ten times the compute"
points = { family = ["A", "B"], compute = [1e23] }
[[forecast]]
title = "Its loss"
points = { family = ["A"], compute = [1e23] }
outcome = "loss"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A card of a chain with its table; fits stay there between tests."""
    rng, here = np.random.default_rng(1), tmp_path_factory.mktemp("chain")
    lines = ["family,run,compute,loss,err_near,err_far"]
    for family, amplitude in (("A", 0.7), ("B", 0.8)):
        for i, compute in enumerate(np.geomspace(1e19, 1e22, 10)):
            loss = (1.5 + amplitude * (compute / 1e21) ** -0.15) * np.exp(0.005 * rng.standard_normal())
            near, far = (0.2 + 0.7 / (1 + np.exp(3 * (loss - middle))) for middle in (2.4, 1.9))
            near, far = (value + 0.02 * rng.standard_normal() for value in (near, far))
            lines.append(f"{family},{family}{i},{compute},{loss},{1 - near},{1 - far}")
    (here / "runs.csv").write_text("\n".join(lines) + "\n")
    (here / "steps.toml").write_text(CARD)
    return here


def run(folder, monkeypatch, capsys, *words):
    monkeypatch.chdir(folder)
    code = cli.main([*words])
    return code, capsys.readouterr()


def test_fit_forecast_check_report(folder, monkeypatch, capsys):
    code, out = run(folder, monkeypatch, capsys, "fit", "steps.toml", "--quiet", "--json")
    assert code in (0, cli.EXIT_UNUSABLE), out.err
    result = json.loads(out.out)
    assert {r["stage"] for r in result["summary"]} == {"loss", "accuracy"}
    assert any(c["name"] == "accuracy stage: largest R-hat" for c in result["diagnostics"])
    code, out = run(folder, monkeypatch, capsys, "forecast", "steps.toml", "--json")
    assert "fitting" not in out.err, "the saved chain is found again"
    accuracy, loss = (part["table"] for part in json.loads(out.out)["forecasts"])
    assert {(r["outcome"], r["task"]) for r in accuracy} == {("accuracy", "near"), ("accuracy", "far")}
    assert {r["outcome"] for r in loss} == {"loss"}
    code, out = run(folder, monkeypatch, capsys, "forecast", "steps.toml", "--json", "--at", "family=A", "compute=1e23",
                    "task=near", "--kind", "law")  # fmt: skip
    assert {r["task"] for r in json.loads(out.out)["forecasts"][0]["table"]} == {"near"}
    code, out = run(folder, monkeypatch, capsys, "forecast", "steps.toml", "--json", "--target", "2.0", "--outcome",
                    "loss", "--at", "family=A")  # fmt: skip
    assert json.loads(out.out)["forecasts"][0]["table"][0]["target"] == 2.0
    code, out = run(folder, monkeypatch, capsys, "plan", "reach", "steps.toml", "--json", "--target", "0.6", "--group",
                    "family=A")  # fmt: skip
    (found,) = json.loads(out.out)["answers"]
    assert {(r["family"], r["task"]) for r in found["table"]} == {("A", "far"), ("A", "near")}
    assert any(s.startswith("A, near, accuracy 60.0") for s in found["sentences"])
    code, out = run(folder, monkeypatch, capsys, "check", "steps.toml", "--json")
    assert {"loo_of_loss", "loo_of_accuracy", "prior_predictive_of_accuracy"} <= set(json.loads(out.out))
    code, out = run(folder, monkeypatch, capsys, "report", "steps.toml", "-o", "report.html")
    text = (folder / "report.html").read_text()
    for told in ("Two steps: loss from scale", "Two steps: accuracy from loss", "Within reach", "P(within reach)"):
        assert told in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("compare", "steps.toml", "--at", "compute=1e22"), "is a chain; compare families"),
        (("backtest", "steps.toml"), "is a chain, which has no backtest yet"),
        (("forecast", "steps.toml", "--target", "0.7", "--at", "family=A"), "no compute to reach an accuracy"),
        (("forecast", "steps.toml", "--at", "family=A", "comptue=1e23"), "Did you mean 'compute'"),
        (("plan", "reach", "steps.toml", "--target", "2.2", "--group", "family=A"), 'ask with outcome="loss"'),
        (("plan", "reach", "steps.toml", "--target", "0.5", "--group", "family=C"), "family 'C' was not fitted"),
        (("plan", "reach", "steps.toml", "--target", "0.5", "--group", "famly=A"), "Did you mean 'family'"),
    ],
)
def test_what_a_chain_does_not_answer(folder, monkeypatch, capsys, words, message):
    code, out = run(folder, monkeypatch, capsys, *words)
    assert code == cli.EXIT_ERROR
    assert message in out.err


def test_a_chain_card_round_trips():
    read = card_from_dict(tomllib.loads(CARD))
    again = card_from_dict(tomllib.loads(read.to_toml()))
    assert again.as_dict() == read.as_dict()
    assert again.then.errors == {"near": "err_near", "far": "err_far"}
    assert again.forecast[1].outcome == "loss"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("then", "law"), "sigmoid", "reads loss and gives accuracy; law sigmoid does not"),
        (("then", "erors"), {}, r"'erors' in \[then\].*Did you mean 'errors'"),
        (("then", "errors"), ["err_near"], "then.errors = .*expected a table"),
        (("model", "law"), "loss_sigmoid", "gives loss; law loss_sigmoid describes accuracy"),
        (("then", "groups"), ["task", "run"], "no effects of single runs"),
        (("compare",), [{"title": "t", "at": {"compute": 1e22}}], "compares nothing"),
        (("forecast",), [{"title": "t", "target": [0.5]}], "no compute to reach an accuracy"),
        (("forecast",), [{"title": "t", "points": {"tsak": "near"}}], "points names 'tsak'"),
        (("forecast",), [{"title": "t", "points": {"compute": 1e22}, "outcome": "los"}], "Did you mean 'loss'"),
    ],
)
def test_a_chain_card_that_cannot_work_is_refused(path, value, message):
    table = copy.deepcopy(tomllib.loads(CARD))
    part = table
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    with pytest.raises(CardError, match=message):
        card_from_dict(table)


def test_an_outcome_needs_a_chain():
    table = tomllib.loads(CARD)
    del table["then"]
    table["forecast"] = [{"title": "t", "points": {"family": "A", "compute": 1e22}, "outcome": "accuracy"}]
    with pytest.raises(CardError, match="the card's model describes loss"):
        card_from_dict(table)
