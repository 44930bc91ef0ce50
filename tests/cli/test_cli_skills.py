"""``bayes-scaling skills``: leaderboard, effective compute, loadings; what cannot be told is said before sampling."""

import json

import pytest
import simulated

from bayes_scaling import cli
from bayes_scaling.api import load_card
from bayes_scaling.compare import effective_compute, informative, loadings, skills

CARD = """
name = "wise"
title = "Skills of three families"
[data]
path = "scores.csv"
[model]
law = "capability"
options = { scale = "compute", skills = 2, anchors = ["beta_qa"] }
groups = ["family", "task", "run"]
"""
UNPOOLED = '[model.pooling]\nefficiency_1 = { family = "none" }\n'
OTHERS = {
    "plain.toml": CARD.replace('options = { scale = "compute", skills = 2, anchors = ["beta_qa"] }', "").replace(
        "capability", "sigmoid"
    ),
    "unscaled.toml": CARD.replace('"compute", skills = 2', '"none"'),
    "unpooled.toml": CARD + UNPOOLED,
    "tuned.toml": CARD.replace('"run"]', '"run", "tuned"]'),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Cards of one table of scores."""
    here = tmp_path_factory.mktemp("skills")
    scores = simulated.benchmarks().rename(columns={"run": "model"})
    scores["tuned"] = scores["family"].map(lambda family: "instruct" if family == "ant" else "base")
    scores.to_csv(here / "scores.csv", index=False)
    for name, text in {"wise.toml": CARD, **OTHERS}.items():
        (here / name).write_text(text)
    return here


@pytest.fixture
def run(folder, monkeypatch, capsys):
    """Run a command in the folder; a fit takes draws of the prior and samples nothing."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(
        "bayes_scaling.api.Card.fit", lambda card, data, **_: simulated.fit_of(card.spec.model, data, draws=30)
    )

    def words(*given):
        code = cli.main([*given, "--quiet"])
        return code, capsys.readouterr()

    return words


@pytest.fixture(scope="module")
def fit(folder):
    """The fit that the commands are given."""
    card = load_card(folder / "wise.toml")
    return simulated.fit_of(card.spec.model, card.data(), draws=30)


def records(table):
    return json.loads(table.to_json(orient="records", double_precision=15))


def test_skills_prints_the_tables_of_the_package(run, fit):
    at, level = {"compute": 1e26}, 0.8
    words = ["--at", "compute=1e26", "--family", "cat,ant", "--reference", "bee", "--level", "0.8"]
    code, out = run("skills", "wise.toml", *words, "--json")
    found = json.loads(out.out)
    assert code == (0 if found["usable"] else cli.EXIT_UNUSABLE)
    asked = {"by": "family", "at": at, "families": ["cat", "ant"], "level": level}
    assert found["skills"] == records(skills(fit, **asked))
    assert found["skills"][0]["beyond"] > 1
    assert found["effective_compute"] == records(effective_compute(fit, "bee", **asked))
    assert found["loadings"] == records(loadings(fit, level=level))
    assert found["informative"] == records(informative(fit, at=at, level=level))

    again, out = run("skills", "wise.toml", *words)
    assert again == code
    board = out.out.split("\n\n")[-4].splitlines()
    assert board[0].startswith("skill 1 of families (decades of compute): median, 80 % equal-tailed interval")
    assert board[1].split() == [
        "family", "compute", "beyond", "median", "lower", "upper", "rank", "rank_lower", "rank_upper", "p_best",
    ]  # fmt: skip
    assert [line.split()[0] for line in board[2:]] == [row["family"] for row in found["skills"]]
    assert "compute of bee / compute for the same skill 1" in out.out
    assert ("FIT NOT USABLE" in out.out) == (code != 0)


def test_skills_of_models(run, fit):
    _, out = run("skills", "wise.toml", "--by", "run", "--skill", "2", "--json")
    found = json.loads(out.out)
    assert found["skills"] == records(skills(fit, by="run", skill=2))
    assert "effective_compute" not in found
    _, out = run("skills", "wise.toml", "--by", "run", "--skill", "2")
    assert "skill 2 of models, each at its own scale (log-odds of beta_qa)" in out.out
    assert "beyond" not in out.out


def test_a_table_that_cannot_be_made_is_told(run):
    _, out = run("skills", "unpooled.toml", "--json")
    found = json.loads(out.out)
    assert "pool it partially over family" in found["notices"][0]
    assert "informative" not in found
    _, out = run("skills", "unpooled.toml")
    assert "note: there is no table of informative benchmarks: " in out.out


def test_tuned_families_are_not_compared_with_base_families(run):
    _, out = run("skills", "tuned.toml")
    assert "note: Only the priors place tuned families against base families" in out.out
    _, out = run("skills", "wise.toml", "--json")
    assert json.loads(out.out)["notices"] == []


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (
            ["skills", "plain.toml"],
            'card wise has law sigmoid, which has no skills; fit a model with law = "capability"',
        ),
        (["skills", "wise.toml", "--skill", "3"], "skill = 3; card wise has skills 1 to 2"),
        (["skills", "wise.toml", "--at", "params=1e9"], "at lacks compute"),
        (["skills", "wise.toml", "--at", "compte=1e9"], "Did you mean 'compute'"),
        (["skills", "wise.toml", "--at", "compute=1e23,1e24"], "several values of compute"),
        (["skills", "wise.toml", "--at", "compute=much"], "compute = 'much'; expected numbers above zero"),
        (["skills", "wise.toml", "--at", "compute"], "expected NAME=VALUE"),
        (["skills", "wise.toml", "--at", "compute=1e24", "--by", "run"], "told at their own"),
        (["skills", "wise.toml", "--level", "90"], "fractions between 0 and 1"),
        (["skills", "wise.toml", "--skill", "2", "--reference", "ant"], "ask for skill = 1"),
        (["skills", "unscaled.toml", "--reference", "ant"], "worth no compute"),
        (["compare", "wise.toml"], "ranked by skill with: bayes-scaling skills wise.toml"),
    ],
)
def test_errors_are_explained_before_anything_is_fitted(run, monkeypatch, words, hint):
    monkeypatch.setattr("bayes_scaling.api.Card.fit", lambda self, **_: pytest.fail("sampled"))
    code, out = run(*words)
    assert code == cli.EXIT_ERROR
    assert hint in out.err
    assert "Traceback" not in out.err


def test_other_cards_are_not_sent_to_skills(run):
    code, out = run("compare", "plain.toml")
    assert code == cli.EXIT_ERROR
    assert "give --target or --at compute=1e24." in out.err
    assert "skills" not in out.err


def test_unknown_families_are_told(run):
    for words in (["--family", "bees"], ["--reference", "bees"]):
        code, out = run("skills", "wise.toml", *words)
        assert code == cli.EXIT_ERROR
        assert "Did you mean 'bee'" in out.err
