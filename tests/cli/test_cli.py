"""The command line: exit codes, JSON, saved fits, errors, and what help costs."""

import json
import re
import subprocess
import sys

import pytest

from bayes_scaling import cli
from bayes_scaling.cli.parser import make_parser
from bayes_scaling.errors import FitError, InterruptedFitError

CARD = """
name = "small"
title = "Small study"
[data]
path = "runs.csv"
[model]
law = "power_law"
groups = ["family"]
[fit]
draws = 300
tune = 400
chains = 2
random_seed = 3
[[forecast]]
title = "Ten times the compute"
points = { family = ["A"], compute = [1e23] }
[[compare]]
title = "A against B"
at = { compute = 1e22 }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A card with its table, in an empty working folder; fits stay there between tests."""
    import numpy as np

    rng = np.random.default_rng(1)
    here = tmp_path_factory.mktemp("study")
    lines = ["family,run,compute,loss"]
    for family, amplitude in (("A", 0.7), ("B", 0.8)):
        for i, compute in enumerate(np.geomspace(1e19, 1e22, 10)):
            loss = (1.5 + amplitude * (compute / 1e21) ** -0.15) * np.exp(0.005 * rng.standard_normal())
            lines.append(f"{family},{family}{i},{compute},{loss}")
    (here / "runs.csv").write_text("\n".join(lines) + "\n")
    (here / "small.toml").write_text(CARD)
    return here


def run(folder, monkeypatch, capsys, *words):
    monkeypatch.chdir(folder)
    code = cli.main([*words])
    return code, capsys.readouterr()


def test_fit_forecast_compare_check(folder, monkeypatch, capsys):
    code, out = run(folder, monkeypatch, capsys, "fit", "small.toml", "--quiet", "--json")
    result = json.loads(out.out)
    assert code in (0, cli.EXIT_UNUSABLE)
    assert result["usable"] == (code == 0)
    assert result["rows"] == 20
    assert (folder / "fits" / "small.nc").is_file()

    written = (folder / "fits" / "small.nc").stat().st_mtime_ns
    again, out = run(folder, monkeypatch, capsys, "forecast", "small.toml", "--quiet", "--json")
    assert again == code
    row = json.loads(out.out)["forecasts"][0]["table"][0]
    assert row["family"] == "A"
    assert row["lower"] < row["median"] < row["upper"]
    assert (folder / "fits" / "small.nc").stat().st_mtime_ns == written  # the saved fit was used

    _, out = run(folder, monkeypatch, capsys, "forecast", "small.toml", "--quiet", "--at", "compute=1e24",
                 "family=A,B", "--level", "0.8")  # fmt: skip
    assert "eti" in out.out
    assert "0.8" in out.out
    assert "loss (nats per token)" in out.out
    _, out = run(folder, monkeypatch, capsys, "compare", "small.toml", "--quiet", "--json")
    pair = json.loads(out.out)["comparisons"][0]["contrasts"][0]
    assert (pair["a"], pair["b"]) == ("A", "B")
    recipes = ("plan", "recipes", "small.toml", "--quiet", "--names", "A", "B", "--at", "compute=1e22")
    _, out = run(folder, monkeypatch, capsys, *recipes, "--json")
    row = json.loads(out.out)["answers"][0]["table"][0]
    assert row["median"] == pytest.approx(pair["median"])
    assert row["p"] == pytest.approx(pair["p_a_better"])
    _, out = run(folder, monkeypatch, capsys, *recipes, "--candidate", "family=A,B", "compute=1e21,1e22")
    assert "A beats B at" in out.out
    assert "4 of 4 candidates" in out.out
    assert pair["p_a_better"] > 0.9
    _, out = run(folder, monkeypatch, capsys, "check", "small.toml", "--quiet")
    assert "\nok: share of draws at the largest tree depth: 0, expected < 0.01\n" in out.out, "no cause where passed"
    _, out = run(folder, monkeypatch, capsys, "check", "small.toml", "--quiet", "--json")
    assert {"diagnostics", "loo", "posterior_predictive", "prior_predictive"} <= set(json.loads(out.out))

    code, out = run(
        folder, monkeypatch, capsys, "forecast", "small.toml", "--quiet", "--at", "compute=1e24", "family=Aa"
    )
    assert code == cli.EXIT_ERROR
    assert "Did you mean 'A'" in out.err


@pytest.mark.parametrize(
    "words", [("forecast", "--at", "compute=1e24", "family=Aa"), ("compare", "--at", "compute=1e24", "family=A,Aa")]
)
def test_what_the_rows_do_not_have_is_said_before_the_fit(folder, monkeypatch, capsys, words):
    (folder / "new.toml").write_text(CARD.replace("random_seed = 3", "random_seed = 5"))

    def sampled(*args, **kwargs):
        raise FitError("it is sampled")

    monkeypatch.setattr("bayes_scaling.api.cards.sample", sampled)
    code, out = run(folder, monkeypatch, capsys, words[0], "new.toml", "--quiet", *words[1:])
    assert code == cli.EXIT_ERROR
    assert "Did you mean 'A'" in out.err
    _, out = run(folder, monkeypatch, capsys, "forecast", "new.toml", "--quiet", "--at", "compute=1e24", "family=Aa",
                 "--new-groups", "population")  # fmt: skip
    assert "it is sampled" in out.err


def test_changed_card_is_fitted_again(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    (folder / "other.toml").write_text(CARD.replace("random_seed = 3", "random_seed = 4"))
    called = []
    monkeypatch.setattr(
        "bayes_scaling.api.Card.fit",
        lambda self, **_: called.append(1) or (_ for _ in ()).throw(KeyboardInterrupt),
    )
    before = sorted(p.name for p in folder.rglob("*"))
    code = cli.main(["forecast", "other.toml", "--quiet"])
    assert code == cli.EXIT_INTERRUPTED
    assert called
    assert "nothing unfinished was written" in capsys.readouterr().err
    assert sorted(p.name for p in folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["fit", "chinchila"], "Did you mean 'chinchilla'"),
        (["fit", "nowhere.toml"], "no card at nowhere.toml"),
        (["forecast", "small.toml", "--at", "compute"], "expected NAME=VALUE"),
        (["forecast", "small.toml", "--at", "compute=abc", "family=A"], "--at: compute='abc' is not a number"),
        (["forecast", "small.toml", "--at", "comptue=1e24", "family=A"], "Did you mean 'compute'"),
        (["forecast", "small.toml", "--at", "compute=1e24", "compute=1e25"], "--at names compute twice"),
        (["forecast", "small.toml", "--at", "compute=1e24", "task=mmlu"], "has no effects of task"),
        (["forecast", "chinchilla", "--at", "compute=1e24", "family=Foo"], "it has no groups"),
        (["forecast", "small.toml", "--at", "tokens_per_param=2", "--tokens-per-param", "3"], "give one of them"),
        (["compare", "small.toml", "--at", "compute=abc"], "compute='abc' is not a number"),
        (["compare", "small.toml", "--at", "compute=1e21,1e22"], "expected one value"),
        (["compare", "small.toml", "--at", "compute=1e21", "--level", "90"], "fractions between 0 and 1"),
        (["compare", "chinchilla", "--at", "compute=1e24"], 'has no groups; add groups = ["family"] to compare fam'),
        (["fit", "lost.toml"], "lost.csv. A relative path is taken from the card's folder"),
        (["fit", "small.toml", "--fits", "runs.csv"], "runs.csv is a file, not a folder"),
        (["fit", "small.toml", "--fits", "taken"], "small.nc is a folder"),
        (["choose", "small.toml", "--groups", "run"], "--groups of card small stand in the card"),
        (["choose", "runs.csv", "--laws", "powerlaw"], "Did you mean 'power_law'"),
        (["choose", "lost.csv"], "There is no file lost.csv"),
        (["choose", "runs.csv", "--columns", "loss"], "expected two names, such as n_params=params"),
        (["report", "small.toml", "-o", "taken"], "taken is a folder; expected the name of a file"),
    ],
)
def test_errors_are_explained_before_anything_is_fitted(folder, monkeypatch, capsys, words, hint):
    monkeypatch.setattr("bayes_scaling.api.Card.fit", lambda self, **_: pytest.fail("sampled"))
    (folder / "lost.toml").write_text(CARD.replace("runs.csv", "lost.csv"))
    (folder / "taken" / "small.nc").mkdir(parents=True, exist_ok=True)
    code, out = run(folder, monkeypatch, capsys, *words, "--quiet")
    assert code == cli.EXIT_ERROR
    assert hint in out.err
    assert "Traceback" not in out.err


def test_other_sampling_has_a_file_of_its_own(folder, monkeypatch, capsys):
    """A trial with few draws neither replaces the card's fit nor is taken for it."""
    card = folder / "trial.toml"
    card.write_text(CARD.replace('"small"', '"trial"').replace("draws = 300", "draws = 20").replace("400", "30"))
    run(folder, monkeypatch, capsys, "fit", "trial.toml", "--quiet")
    kept = (folder / "fits" / "trial.nc").read_bytes()
    run(folder, monkeypatch, capsys, "fit", "trial.toml", "--quiet", "--draws", "25", "--seed", "9", "--chains", "2")
    assert (folder / "fits" / "trial-draws25-seed9.nc").is_file()
    assert (folder / "fits" / "trial.nc").read_bytes() == kept
    monkeypatch.setattr("bayes_scaling.api.Card.fit", lambda self, **_: (_ for _ in ()).throw(stopped()))
    run(folder, monkeypatch, capsys, "fit", "trial.toml", "--quiet")  # found again
    (folder / "fits" / "trial.nc").write_bytes(b"no netCDF")
    code, out = run(folder, monkeypatch, capsys, "fit", "trial.toml", "--quiet")
    assert code == cli.EXIT_INTERRUPTED
    assert "Fitting again." in out.err, "told even with --quiet"
    assert "the fit was interrupted" in out.err


def stopped():
    return InterruptedFitError("the fit was interrupted after 3 of 20 draws; nothing was kept.")


def test_tokens_per_param_may_be_told_either_way():
    from bayes_scaling.api import load_card
    from bayes_scaling.cli import questions

    card = load_card("overtraining")
    for words in (["compute=1e24", "tokens_per_param=20"], ["compute=1e24", "--tokens-per-param", "20"]):
        asked = ["forecast", "overtraining", "--at", "family=C4", *words]
        (part,) = questions.forecasts(make_parser().parse_args(asked), card)
        assert part.tokens_per_param == 20
        assert part.points == {"family": ["C4"], "compute": [1e24]}
        (pair,) = questions.comparisons(make_parser().parse_args(["compare", *asked[1:]]), card)
        assert (pair.tokens_per_param, pair.at, pair.families) == (20, {"compute": 1e24}, ["C4"])


def test_the_reader_of_a_list_may_go_away():
    pipe = f"{sys.executable} -m bayes_scaling.cli laws | head -1"
    done = subprocess.run(pipe, shell=True, capture_output=True, text=True, check=False)
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_no_permission_is_explained(monkeypatch, capsys):
    def refused(_):
        raise PermissionError(13, "Permission denied", "fits")

    monkeypatch.setitem(cli.LISTS, "laws", refused)
    assert cli.main(["laws"]) == cli.EXIT_ERROR
    assert "Permission denied: 'fits'" in capsys.readouterr().err


def test_backtest(folder, monkeypatch, capsys):
    from bayes_scaling.fit import many

    words = ["backtest", "small.toml", "--quiet", "--workers", "0", "--beyond", "5", "20", "--draws", "60"]
    code, out = run(folder, monkeypatch, capsys, *words, "--json")
    result = json.loads(out.out)
    assert code == cli.EXIT_UNUSABLE, "60 draws are too few"
    assert result["usable"] is False
    assert "FIT NOT USABLE" in out.err
    assert [f["fold"] for f in result["folds"]] == ["compute above max/5", "compute above max/20"]
    assert result["gaps"] == {}
    assert {"horizon", "covered_90", "lpd", "pit", "run"} <= set(result["table"][0])
    assert result["summary"][0]["rows"] == len(result["table"])
    assert len(list((folder / "backtests" / "small").glob("result-*.json"))) == 2

    monkeypatch.setattr(many, "fit_job", lambda *a, **k: pytest.fail("sampled again"))
    again, out = run(folder, monkeypatch, capsys, *words)
    assert again == code
    assert "compute above max/20" in out.out
    assert "coverage90" in out.out
    for more, hint in (
        (["--over", "compote"], "Did you mean 'compute'"),
        (["--cuts", "1e30"], "nothing is held out"),
        (["--seed", "8"], "seed is"),
        (["--folder", "."], "holds other files"),
    ):
        code, out = run(folder, monkeypatch, capsys, *words, *more)
        assert code == cli.EXIT_ERROR
        assert hint in out.err


def test_choose_a_law(folder, monkeypatch, capsys):
    words = ["choose", "runs.csv", "--laws", "power_law", "m1", "chinchilla", "--draws", "250", "--quiet"]
    code, out = run(folder, monkeypatch, capsys, *words, "--at", "compute=1e23", "--level", "0.8", "--json")
    result = json.loads(out.out)
    assert code == (0 if result["usable"] else cli.EXIT_UNUSABLE)
    table = {row["law"]: row for row in result["table"]}
    assert table["power_law"]["loo_weight"] + table["m1"]["loo_weight"] == pytest.approx(1)
    assert "no column 'params' (parameters of the model (N); count)" in table["chinchilla"]["reason"]
    assert result["over"] == "compute"
    (row,) = result["forecast"]["table"]
    assert (row["level"], row["interval"]) == (0.8, "eti")
    assert row["lower"] < row["median"] < row["upper"]
    assert result["forecast"]["title"].startswith("mixture of")


def test_choose_takes_the_cards_model_and_settings(folder, monkeypatch, capsys):
    from bayes_scaling.cli import choose

    asked = {}

    def laws(data, names, **given):
        asked.update(given, rows=len(data), names=names)
        raise FitError("it is fitted")

    monkeypatch.setattr(choose, "laws", laws)
    code, out = run(folder, monkeypatch, capsys, "choose", "small.toml", "--beyond", "5", "--chains", "3")
    assert code == cli.EXIT_ERROR
    assert "it is fitted" in out.err
    assert (asked["rows"], asked["names"], asked["random_seed"], asked["beyond"]) == (20, None, 3, [5.0])
    assert asked["like"].spec.groups == ("family",)
    assert (asked["settings"].draws, asked["settings"].chains) == (300, 3)


def test_unknown_key_in_card(folder, monkeypatch, capsys):
    (folder / "bad.toml").write_text(CARD.replace("law =", "lwa ="))
    code, out = run(folder, monkeypatch, capsys, "fit", "bad.toml", "--quiet")
    assert code == cli.EXIT_ERROR
    assert "unknown key 'lwa'" in out.err
    assert "Did you mean 'law'" in out.err


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["laws", "--json"],
        ["datasets", "--json"],
        ["fit", "--help"],
        ["skills", "--help"],
        ["backtest", "--help"],
    ],
)
def test_light_commands_import_nothing_heavy(words):
    code = (
        "import sys; from bayes_scaling import cli\n"
        "try: cli.main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "heavy = {'numpy', 'pandas', 'pymc', 'arviz', 'nutpie', 'matplotlib', 'pooch'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_laws_and_datasets_as_json(capsys):
    assert cli.main(["laws", "--json"]) == 0
    laws = json.loads(capsys.readouterr().out)
    assert {"chinchilla", "kaplan", "power_law", "sigmoid"} <= {law["name"] for law in laws}
    assert all({"formula", "citation", "inputs", "parameters"} <= set(law) for law in laws)
    assert cli.main(["datasets", "--json"]) == 0
    sets = json.loads(capsys.readouterr().out)
    assert all({"name", "rows", "licence", "citation", "available_offline"} <= set(entry) for entry in sets)


def test_laws_as_text_say_what_each_is_for(capsys):
    assert cli.main(["laws"]) == 0
    told = {text.split(":")[0]: text for text in re.split(r"\n(?=\S)", capsys.readouterr().out)}
    assert "inputs: scale (column params), length\n" in told["exact_match"]
    assert "inputs: params, tokens\n" in told["chinchilla"]
    assert "use: the simplest baseline; no irreducible loss" in told["m1"]
    assert "unverified on runs" in told["languages"]
    assert "unverified" not in told["chinchilla"]


def test_laws_that_are_named_are_listed_alone(capsys):
    assert cli.main(["laws", "sparse", "private", "--json"]) == 0
    assert [law["name"] for law in json.loads(capsys.readouterr().out)] == ["sparse", "private"]
    assert cli.main(["laws", "spars"]) == cli.EXIT_ERROR
    assert "Did you mean 'sparse'?" in capsys.readouterr().err


def test_no_command_is_wrong_usage(capsys):
    assert cli.main([]) == 2
    assert "datasets" in capsys.readouterr().out


def test_catalogue(folder, monkeypatch, capsys):
    """Cards of a law are fitted, or their saved fits shown; one that cannot be fitted is named with the reason."""
    (folder / "broken.toml").write_text(CARD.replace("runs.csv", "none.csv").replace('"small"', '"broken"'))
    monkeypatch.setattr("bayes_scaling.api.catalogue.shipped_cards", lambda: ["small.toml", "broken.toml"])
    words = ("catalogue", "power_law", "-o", "laws.html", "--json", "--quiet")
    code, out = run(folder, monkeypatch, capsys, *words, "--no-fits", "--fits", "empty")
    assert code == 0
    assert set(json.loads(out.out)["without_fit"]) == {"small", "broken"}
    assert not (folder / "empty").exists()
    code, out = run(folder, monkeypatch, capsys, *words)
    result = json.loads(out.out)
    assert code == (3 if result["unusable"] else 0)
    assert list(result["without_fit"]) == ["broken"]
    assert "there is no file" in result["without_fit"]["broken"]
    text = (folder / "laws.html").read_text()
    assert "<h3>Fitted: small</h3>" in text
    assert "there is no file" in text
    code, out = run(folder, monkeypatch, capsys, *words, "--no-fits")
    assert list(json.loads(out.out)["without_fit"]) == ["broken"]
    code, out = run(folder, monkeypatch, capsys, *words, "--no-fits", "--refit")
    assert code == 1
    assert "exclude each other" in out.err
    code, out = run(folder, monkeypatch, capsys, "catalogue", "power_lew", "-o", "laws.html")
    assert code == 1
    assert "Did you mean 'power_law'" in out.err
