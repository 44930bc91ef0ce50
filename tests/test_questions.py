"""Questions of a card are checked against its rows before anything is sampled, with the words of the forecast."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import simulated

from bayes_scaling.api import Card
from bayes_scaling.api.cards import load_card
from bayes_scaling.errors import ForecastError
from bayes_scaling.fit import sample
from bayes_scaling.model.card import ForecastPart, card_from_dict, shipped_cards

HEAD = {"name": "mine", "data": {"path": "runs.csv"}}
LOSS = {"law": "chinchilla", "groups": ["family"]}
TASKS = {"law": "capability", "groups": ["family", "task", "run"], "options": {"scale": "compute"}}
THEN = {"law": "loss_sigmoid", "groups": ["task"], "errors": {"near": "err_near", "far": "err_far"}}
LARGE = {"params": 1e11, "tokens": 2e12}


class SampledError(Exception):
    """Sampling was reached."""


@pytest.fixture(autouse=True)
def nothing_is_sampled(monkeypatch):
    def reached(*args, **kwargs):
        raise SampledError

    for name in ("sample", "sample_chain"):
        monkeypatch.setattr(f"bayes_scaling.api.cards.{name}", reached)


def card(model=LOSS, *, forecast=None, compare=None, **parts):
    """Return a card with one question."""
    asked = {"forecast": [{"title": "Q", **forecast}]} if forecast else {"compare": [{"title": "Q", **compare}]}
    return Card(card_from_dict({**HEAD, "model": model, **asked, **parts}))


def ladder():
    frame = simulated.ladder()
    share = 1 / (1 + 4 * frame["loss"] ** -3)
    return frame.assign(err_near=share, err_far=0.9 * share)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"forecast": {"points": {"family": "ants", **LARGE}}}, "Did you mean 'ant'"),
        ({"forecast": {"points": {"family": ["ant", "elk"], **LARGE}}}, "family 'elk' was not fitted"),
        ({"forecast": {"points": LARGE}}, "points need column 'family'"),
        ({"forecast": {"points": {"family": "bees"}, "target": [2.0], "tokens_per_param": 20}}, "Did you mean 'bee'"),
        ({"forecast": {"points": {"family": "ant"}, "target": [2.0]}}, "say along which path compute grows"),
        ({"compare": {"at": {"compute": 1e22}, "tokens_per_param": 20, "families": ["ant", "bea"]}}, "mean 'bee'"),
        ({"compare": {"at": {"compute": 1e22}, "tokens_per_param": 20, "families": ["ant"]}}, "needs two levels"),
        ({"compare": {"target": 2.0}}, "say along which path compute grows"),
    ],
)
def test_what_the_rows_do_not_have_is_said_before_sampling(asked, message):
    study = card(**asked)
    kind = next(iter(asked))
    with pytest.raises(ForecastError, match=message) as before:
        study.fit(ladder())
    assert str(before.value).startswith(f"[[{kind}]] 'Q': ")
    fit = simulated.fit_of(study.spec.model, ladder(), draws=10)
    ask = study.forecasts if kind == "forecast" else study.comparisons
    with pytest.raises(ForecastError) as after:
        ask(fit)
    assert str(before.value) == f"[[{kind}]] 'Q': {after.value}"


@pytest.mark.parametrize(
    ("model", "asked", "message"),
    [
        (TASKS, {"forecast": {"points": {"family": "ant", "task": "agieval", "compute": 1e25}}},
         r"task 'agieval' was not fitted.*add their scores to the table.*bs\.downstream\(fit, scores\)"),
        (TASKS, {"forecast": {"points": {"family": "ant", "task": "alpha_qa", "compute": 1e25, "run": "ant-9"}}},
         "run 'ant|ant-9' was not fitted"),
        (TASKS, {"compare": {"at": {"compute": 1e22}, "hold": {"task": "gamma_qa"}}}, "task 'gamma_qa' was not fitted"),
        (TASKS, {"compare": {"at": {"compute": 1e22}}}, "points need column 'task'"),
        ({**TASKS, "noise": {"observation": "beta_binomial"}},
         {"forecast": {"points": {"family": "ant", "task": "new", "chance": 0.5, "compute": 1e25},
                       "new_groups": "population"}},
         "needs column 'n_items' at every point"),
    ],
)  # fmt: skip
def test_levels_of_every_group_are_checked(model, asked, message):
    frame = simulated.benchmarks().assign(model=lambda f: f["run"])
    with pytest.raises(ForecastError, match=message):
        card(model, **asked).fit(frame)


@pytest.mark.parametrize(
    ("points", "more", "message"),
    [
        ({"family": "ants", **LARGE}, {}, "Did you mean 'ant'"),
        ({"family": "ant", "task": "nearer", **LARGE}, {}, "Did you mean 'near'"),
        ({"family": "ants", **LARGE}, {"outcome": "loss"}, "Did you mean 'ant'"),
    ],
)
def test_both_stages_of_a_chain_are_checked(points, more, message):
    with pytest.raises(ForecastError, match=message):
        card(forecast={"points": points, **more}, then=THEN).fit(ladder())
    for good in ({"points": {"family": "ant", **LARGE}}, {"points": {"family": "ant", "task": "far", **LARGE}}):
        with pytest.raises(SampledError):
            card(forecast=good, then=THEN).fit(ladder())


def test_a_question_from_elsewhere_is_not_called_one_of_the_card():
    asked = ForecastPart("asked on the command line", {"family": "ants", **LARGE})
    with pytest.raises(ForecastError, match=r"^asked on the command line: .*Did you mean 'ant'"):
        card(forecast={"points": {"family": "ant", **LARGE}}).fit(ladder(), asked=[asked])


@pytest.mark.parametrize(
    "asked",
    [
        {"forecast": {"points": {"family": ["ant", "cat"], **LARGE}}},
        {"forecast": {"points": {"family": "elk", **LARGE}, "new_groups": "population"}},
        {"forecast": {"points": {"family": "ant"}, "target": [2.0], "tokens_per_param": 20}},
        {"compare": {"at": {"compute": 1e22}, "tokens_per_param": 20}},
    ],
)
def test_good_questions_are_sampled(asked):
    with pytest.raises(SampledError):
        card(**asked).fit(ladder())


def test_a_level_whose_rows_are_left_out_is_not_there():
    frame = ladder()
    frame["flags"] = ["doubtful" if f == "cat" else "" for f in frame["family"]]
    asked = {"forecast": {"points": {"family": "cat", **LARGE}}}
    with pytest.raises(ForecastError, match="family 'cat' was not fitted; fitted are ant, bee"):
        card(**asked, data={**HEAD["data"], "exclude_flags": ["doubtful"]}).fit(frame)


@pytest.mark.real
@pytest.mark.parametrize("name", shipped_cards())
def test_questions_of_shipped_cards_can_be_answered(mirror, name):
    study = load_card(name)
    study.check_questions(study.data())


def scores():
    """Return a table as the README describes one, of two families."""
    rng, rows = np.random.default_rng(1), []
    for family, gain in (("A", 0.0), ("B", 0.4)):
        for size in (1e9, 3e9, 1e10, 3e10):
            for task, chance in (("mmlu", 0.25), ("my_task", 0.25), ("gsm8k", 0.0)):
                share = 0.9 / (1 + np.exp(-(gain + np.log10(size / 5e9) + 0.1 * rng.standard_normal())))
                accuracy = chance + (1 - chance) * share
                rows.append((family, f"{family}-{size:g}", size, 2e12, task, accuracy))
    frame = pd.DataFrame(rows, columns=["family", "model", "params", "tokens", "task", "accuracy"])
    return frame.assign(tokens=frame["tokens"] * np.tile(np.repeat([1.0, 2.0, 1.0, 4.0], 3), 2))


def test_the_card_of_the_readme_is_fitted_and_answered(tmp_path, monkeypatch):
    text = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    (written,) = re.findall(r"```toml\n(.*?)```", text, flags=re.DOTALL)
    (tmp_path / "skills.toml").write_text(written)
    scores().to_csv(tmp_path / "scores.csv", index=False)
    study = load_card(tmp_path / "skills.toml")
    with pytest.raises(SampledError):
        study.fit()
    monkeypatch.setattr("bayes_scaling.api.cards.sample", sample)
    fit = study.fit(draws=20, tune=30, chains=1, progressbar=False)
    ((_, made),) = study.forecasts(fit)
    assert made.points["task"].tolist() == ["mmlu", "my_task"]
    assert np.isfinite(made.draws).all()
