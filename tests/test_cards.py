"""Cards: every shipped one is read and written without loss; what does not belong is refused."""

import copy
import tomllib
from pathlib import Path

import pytest

from bayes_scaling.errors import CardError
from bayes_scaling.model.card import card_from_dict, find_card, read_card, shipped_cards

SHIPPED = shipped_cards()
CARD = {
    "name": "mine",
    "title": "A study",
    "question": "What now?",
    "notes": ["a choice"],
    "data": {"path": "runs.csv", "columns": {"n": "params"}, "exclude_flags": ["diverged"]},
    "model": {
        "law": "chinchilla",
        "groups": ["family"],
        "pooling": {"alpha": {"family": "partial"}},
        "priors": {"alpha": {"dist": "lognormal", "median": 0.3, "upper95": 0.6}},
        "noise": {"observation": "student_t", "run_effect": False},
    },
    "fit": {"draws": 500, "random_seed": 3},
    "forecast": [{"title": "far", "points": {"family": ["a"], "params": [1e11], "tokens": [2e12]}}],
    "compare": [{"title": "near", "at": {"compute": 1e22}, "tokens_per_param": 20}],
}


def card(**changes):
    """Return the card with parts replaced."""
    return {**copy.deepcopy(CARD), **changes}


def test_the_four_cards_are_shipped():
    assert {"chinchilla", "overtraining", "published_families", "published_loss"} <= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_cards_round_trip(name):
    read = read_card(name)
    assert read.name == name, "a card is found by its name"
    assert read.title
    assert read.question
    again = card_from_dict(tomllib.loads(read.to_toml()))
    assert again.as_dict() == read.as_dict()
    assert again.to_toml() == read.to_toml()
    assert again.model.law.reference == read.model.law.reference
    assert list(again.model.all_effects()) == list(read.model.all_effects())


@pytest.mark.parametrize("name", SHIPPED)
def test_what_a_shipped_card_writes_survives(name):
    """Every line of the file is in the card that was read."""
    written = tomllib.loads(find_card(name).read_text())
    told = read_card(name).as_dict()

    def holds(part, whole, where):
        if isinstance(part, dict):
            for key, value in part.items():
                assert key in whole, f"{where}.{key} is lost"
                holds(value, whole[key], f"{where}.{key}")
        elif isinstance(part, list) and part and isinstance(part[0], dict):
            for i, value in enumerate(part):
                holds(value, whole[i], f"{where}[{i}]")
        else:
            assert whole == part, where

    holds(written, told, name)


def test_a_full_card_round_trips():
    read = card_from_dict(CARD)
    assert card_from_dict(read.as_dict()).as_dict() == read.as_dict()
    assert card_from_dict(tomllib.loads(read.to_toml())).as_dict() == read.as_dict()
    assert read.fit.draws == 500
    assert read.fit.chains == 4
    assert read.forecast[0].points["params"] == [1e11]
    assert read.model.priors["alpha"].numbers["median"] == 0.3


def test_what_is_not_the_default_survives():
    parts = {
        "forecast": [
            {"title": "t", "points": {"params": [1e9]}, "levels": [0.8], "kind": "law", "new_groups": "population"}
        ],
        "compare": [{"title": "t", "target": 0.0, "hold": {"model": "m"}}],
        "constants": ["besiroglu2024"],
        "fit": {"draws": 7, "tune": 8, "chains": 1, "target_accept": 0.99, "maxdepth": 12, "random_seed": 0},
    }
    told = card_from_dict(card(**parts)).as_dict()
    assert told["constants"] == parts.pop("constants")
    for key, part in parts.items():
        found = told[key] if key == "fit" else told[key][0]
        wanted = part if key == "fit" else part[0]
        assert {k: found.get(k) for k in wanted} == wanted


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"modle": {}}, r"unknown key 'modle' in \[card\].*Did you mean 'model'"),
        ({"data": {"datset": "chinchilla"}}, r"'datset' in \[data\].*Did you mean 'dataset'"),
        ({"model": {"law": "chinchilla", "grups": []}}, r"'grups' in \[model\].*Did you mean 'groups'"),
        ({"model": {"law": "chinchilla", "noise": {"run_efect": True}}}, r"'run_efect' in \[noise\].*'run_effect'"),
        ({"model": {"law": "chinchilla", "pooling": {"alfa": "partial"}}}, "Did you mean 'alpha'"),
        ({"fit": {"draw": 10}}, r"'draw' in \[fit\].*Did you mean 'draws'"),
        ({"forecast": [{"title": "t", "point": {}}]}, r"'point' in \[forecast\].*Did you mean 'points'"),
        ({"compare": [{"title": "t", "familys": []}]}, r"'familys' in \[compare\].*Did you mean 'families'"),
    ],
)
def test_unknown_keys_at_every_level(changes, message):
    with pytest.raises(CardError, match=message):
        card_from_dict(card(**changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": {}}, "exactly one of `dataset`.*`path`"),
        ({"data": {"dataset": "chinchilla", "path": "runs.csv"}}, "exactly one of"),
        ({"forecast": [{"title": "t"}]}, "needs `points`.*or `target`"),
        ({"forecast": [{"points": {"n": [1]}}]}, "title"),
        ({"compare": [{"title": "t"}]}, "exactly one of `target` and `at`"),
        ({"compare": [{"title": "t", "target": 0.7, "at": {"compute": 1e22}}]}, "exactly one of"),
        ({"forecast": {"title": "t", "points": {"n": [1]}}}, r"\[\[forecast\]\]"),
        ({"data": "runs.csv"}, r"\[data\]"),
        ({"fit": {"draws": "many"}}, "fit.draws"),
        ({"data": {"path": "runs.csv", "exclude_flags": "diverged"}}, "exclude_flags"),
        ({"model": {"groups": ["family"]}}, "law"),
        ({"model": "chinchilla"}, r"\[model\]"),
        ({"model": {"law": "chinchilla", "outcome": "accuracy"}}, "describes loss"),
        ({"data": {"path": "r.csv", "columns": ["a"]}}, r"data.columns = \['a'\]; expected a table"),
        ({"notes": "one"}, "notes = 'one'; expected a list"),
        ({"data": {"path": "r.csv", "thin": {}}}, "needs `over`"),
        ({"data": {"path": "r.csv", "thin": "compute"}}, r"\[data.thin\] is 'compute'"),
        ({"data": {"path": "r.csv", "thin": {"ovr": "compute"}}}, r"'ovr' in \[data.thin\].*Did you mean 'over'"),
        ({"constants": ["hofmann2022"]}, "Did you mean 'hoffmann2022'"),
        ({"model": {"law": "chinchilla", "pooling": {"alpha": {"family": "partial"}}}}, 'Add "family" to groups'),
    ],
)
def test_contradictory_and_missing_parts(changes, message):
    with pytest.raises(CardError, match=message):
        card_from_dict(card(**changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"forecast": [{"title": "t", "points": {"comptue": 1e24}}]}, r"'t', points names 'comptue'.*mean 'compute'"),
        ({"forecast": [{"title": "t", "points": {"compute": "abc"}}]}, "compute='abc' is not a number"),
        ({"forecast": [{"title": "t", "points": {"compute": [1e24, -1.0]}}]}, "compute=-1.0; expected .* above zero"),
        ({"forecast": [{"title": "t", "points": {"task": "mmlu"}}]}, "no effects of task .*groups are family"),
        ({"compare": [{"title": "t", "at": {"comptue": 1e24}}]}, "Did you mean 'compute'"),
        ({"compare": [{"title": "t", "at": {"compute": [1e21, 1e22]}}]}, r"compute = \[.*expected one value"),
        ({"compare": [{"title": "t", "at": 1e21}]}, "compare.at = 1e\\+21; expected names"),
        ({"compare": [{"title": "t", "target": [2.0, 1.9]}]}, "target = .*expected one value"),
        ({"compare": [{"title": "t", "target": 2.0, "group": "task"}]}, r'add groups = \["task"\]'),
        ({"model": {"law": "chinchilla"}, "forecast": []}, r'has no groups; add groups = \["family"\] to compare fam'),
    ],
)
def test_questions_are_checked_when_the_card_is_read(changes, message):
    with pytest.raises(CardError, match=message):
        card_from_dict(card(**changes))


@pytest.mark.parametrize("missing", ["name", "data", "model"])
def test_needed_parts(missing):
    table = card()
    del table[missing]
    with pytest.raises(CardError, match=f"lacks '{missing}'"):
        card_from_dict(table)


@pytest.mark.parametrize(
    "changes",
    [
        {"fit": {"draws": 0}},
        {"fit": {"adaptation": "lowrank"}},
        {"forecast": [{"title": "t", "points": {"n": [1]}, "kind": "respons"}]},
        {"forecast": [{"title": "t", "points": {"n": [1]}, "levels": [90]}]},
        {"forecast": [{"title": "t", "points": {"n": [1]}, "new_groups": "pop"}]},
        {"forecast": [{"title": "t", "points": [1, 2]}]},
    ],
    ids=str,
)
def test_values_that_can_never_work_are_refused_before_the_fit(changes):
    with pytest.raises(CardError):
        card_from_dict(card(**changes))


def test_a_card_is_found_by_name_or_path(tmp_path, monkeypatch):
    path = tmp_path / "own.toml"
    path.write_text(card_from_dict(CARD).to_toml())
    assert read_card(path).folder == tmp_path
    assert read_card(str(path)).name == "mine"
    monkeypatch.chdir(tmp_path)
    assert read_card("own.toml").name == "mine"
    assert find_card("chinchilla").stem == "chinchilla"


def test_an_unknown_card_suggests_a_shipped_one(tmp_path):
    with pytest.raises(CardError, match=r"no card named 'chinchila'.*Did you mean 'chinchilla'"):
        read_card("chinchila")
    with pytest.raises(CardError, match=r"no card at .*nowhere\.toml"):
        read_card(tmp_path / "nowhere.toml")


def test_errors_name_the_file(tmp_path):
    broken = tmp_path / "broken.toml"
    broken.write_text("name = [")
    with pytest.raises(CardError, match=r"broken\.toml is not valid TOML"):
        read_card(broken)
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('name = "w"\nmodle = {}\n')
    with pytest.raises(CardError, match=r"wrong\.toml: unknown key 'modle'"):
        read_card(wrong)


def test_binary_files_are_no_cards(tmp_path):
    path = Path(tmp_path / "binary.toml")
    path.write_bytes(bytes(range(128, 256)))
    with pytest.raises(CardError, match=r"binary\.toml"):
        read_card(path)
