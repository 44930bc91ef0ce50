"""The report is one HTML file that says what was found, how sure it is, and when not to use it."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import simulated
from pages import Outline

from bayes_scaling import plots
from bayes_scaling.check import prior_predictive
from bayes_scaling.compare import contrasts, ranking
from bayes_scaling.data import check_runs, flag_counts
from bayes_scaling.forecasts import compute_to_reach, forecast, grid
from bayes_scaling.laws import Prior
from bayes_scaling.model import encode, make_spec
from bayes_scaling.model.card import ComparePart, ForecastPart, card_from_dict
from bayes_scaling.report import Study, figures, sentences, words, write_report
from bayes_scaling.report.blocks import Table
from bayes_scaling.report.caveats import caveats, distances, identified
from bayes_scaling.report.results import forecast_section
from bayes_scaling.report.sections import data_section, posterior_section, prior_section

SECTIONS = (
    "Data", "Model", "Prior predictive", "Diagnostics", "Posterior", "Posterior predictive checks", "Leave-one-out",
    "Forecasts", "Comparison of families", "What would change the conclusion", "Reproduce",
)  # fmt: skip
EVIL = "ant <script>alert(1)</script> & co"


def card(**parts):
    model = {"law": "chinchilla", "groups": ["family"]}
    head = {"name": "made_up", "title": "Made-up runs", "question": "What loss, at what scale?"}
    return card_from_dict({**head, "data": {"dataset": "made_up"}, "model": model, **parts})


def loss_study(*, diverging=0, title="Made-up runs", values=None):
    data = simulated.ladder(per_family=6)
    data["family"] = data["family"].replace({"ant": EVIL})
    data["compute"] = 6 * data["params"] * data["tokens"]
    data["flags"] = ["odd", *[""] * (len(data) - 1)]
    spec = card(title=title)
    fit = simulated.fit_of(spec.model, data, values, draws=60, diverging=diverging)
    points = ForecastPart("Larger runs", points={"compute": [1e24]}, tokens_per_param=20)
    target = ForecastPart("Compute to a loss", target=[1.0, 3.0], tokens_per_param=20)
    where = {"family": [EVIL, "bee"]}
    answers = [
        (points, forecast(fit, grid(**where, compute=[1e24]), tokens_per_param=20)),
        (target, compute_to_reach(fit, [1.0, 3.0], where, tokens_per_param=20, draws=30)),
    ]
    part = ComparePart("At 1e22 FLOP", at={"compute": 1e22}, tokens_per_param=20)
    pair = {"at": part.at, "tokens_per_param": 20}
    compared = [(part, contrasts(fit, **pair), ranking(fit, **pair))]
    return Study(spec, fit, prior_predictive(spec.model, data, draws=40), data, answers, compared)


@pytest.fixture(scope="module")
def studies():
    return [loss_study(), loss_study(diverging=3, title="A second study")]


@pytest.fixture(scope="module")
def html(studies, tmp_path_factory):
    path = write_report(studies, tmp_path_factory.mktemp("report") / "new" / "report.html", title="Two studies")
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]  # no temporary file is left
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def outline(html):
    return Outline(html)


def test_needs_nothing_from_outside(html, outline):
    links = [a[k] for _, a in outline.found for k in ("src", "href", "xlink:href", "data", "action") if k in a]
    assert all(link.startswith(("data:", "#")) for link in links)
    assert not re.search(r"url\((?!#)|@import|@font-face", html)
    assert not outline.all("script")
    assert not outline.all("link")


def test_can_be_read_by_everyone(outline):
    assert outline.all("html")[0]["lang"] == "en"
    assert any(m.get("name") == "viewport" for m in outline.all("meta"))
    images = outline.all("img")
    assert len(images) > 15
    assert all(len(i["alt"]) > 15 for i in images)
    levels = [int(t[1]) for t, _ in outline.found if re.fullmatch(r"h[1-6]", t)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert max(np.diff(levels)) <= 1
    ids = [a["id"] for _, a in outline.found if "id" in a]
    assert len(ids) == len(set(ids))
    targets = [a["href"][1:] for a in outline.all("a")]
    assert set(targets) <= set(ids)


def test_every_table_scrolls_in_its_own_box(html):
    assert html.count("<table") == html.count('<div class="scroll"')


def test_names_are_escaped(html):
    assert "<script>alert" not in html
    assert "ant &lt;script&gt;alert(1)&lt;/script&gt; &amp; co" in html


def test_only_the_failed_fit_is_named_in_the_contents(studies, html):
    assert studies[1].banner
    contents = html[html.index("<nav") : html.index("</nav>")]
    assert contents.count("<li>") == 2
    assert contents.count("fit not usable") == sum(bool(s.banner) for s in studies)


def test_failed_fit_has_a_banner(html):
    assert re.search(r'class="banner" role="alert">.*FIT NOT USABLE \(.*divergences', html)
    assert "From a fit that failed its diagnostics" in html


def test_numbers_of_forecast_and_reach_appear(studies, html):
    table = studies[0].forecasts[0][1].table
    for column in ("median", "lower", "upper"):
        for value in table[column]:
            assert f"{value:.3f}" in html
    assert "not reached" in html  # no compute reaches loss 1.0
    assert studies[0].fit.meta["data_hash"] in html
    assert "90\u00a0% equal-tailed interval" in html


def test_every_section_is_there(html):
    for title in SECTIONS:
        assert html.count(f"<h3>{title}</h3>") == 2
    assert "odd" in html
    assert "law = &#34;chinchilla&#34;" in html


def test_an_interrupted_report_leaves_nothing(studies, tmp_path, monkeypatch):
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    from bayes_scaling.report import html as html_room

    with pytest.raises(KeyboardInterrupt):
        html_room._write_whole(tmp_path / "r.html", "text")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="at least one"):
        write_report([], tmp_path / "r.html")


def test_flags_are_counted_on_one_table():
    """Flags of the used rows are not worked out anew: none can be on more used rows than there are rows."""
    data = check_runs(simulated.ladder(per_family=2).assign(flags=["odd", *[""] * 5]))
    spec = card(data={"dataset": "made_up", "exclude_flags": ["odd"]})
    _, rows = encode(spec.model, data, exclude_flags=["odd"])
    assert flag_counts(data).get("single_point_family", 0) < flag_counts(rows.frame)["single_point_family"]
    study = loss_study()
    fit = replace(study.fit, frame=rows.frame, meta={**study.fit.meta, "exclude_flags": ["odd"]})
    shown = [b for b in data_section(Study(spec, fit, study.prior, data, [], [])).blocks if isinstance(b, Table)][-1]
    assert shown.head == ["flag", "rows", "among used rows", "by the card"]
    assert [list(r) for r in shown.rows] == [["derived_compute", "6", "5", "kept"], ["odd", "1", "0", "left out"]]


def test_points_are_told_apart_by_every_input_of_the_law():
    """Answers of the same size and tokens once read alike."""
    spec = make_spec("data_constrained")
    frame = simulated.ladder(per_family=4).assign(unique_tokens=lambda t: t["tokens"] / 4)
    study = replace(loss_study(), fit=simulated.fit_of(spec, frame.drop(columns="family")))
    points = {"params": [1e9], "tokens": [1e11], "unique_tokens": [1e11, 2.5e10]}
    first, second = (s.replace("\u00a0", " ") for s in sentences.forecast(study, forecast(study.fit, points)))
    assert "100 billion tokens, unique_tokens 10¹¹" in first
    assert "100 billion tokens, unique_tokens 2.5 × 10¹⁰" in second
    alone = sentences.forecast(study, forecast(study.fit, {**points, "unique_tokens": [1e11]}))
    assert "unique_tokens" not in alone[0], "what all points share is in the question"


@pytest.mark.parametrize(("stated", "told"), [("", "nats per token"), ("Brier score", "Brier score")])
def test_the_unit_of_the_loss_is_that_of_the_runs(stated, told):
    made = loss_study()
    fit = replace(made.fit, spec=replace(made.fit.spec, outcome_unit=stated))
    answer = forecast(fit, grid(family="bee", compute=[1e24]), tokens_per_param=20)
    pair = contrasts(fit, at={"compute": 1e22}, tokens_per_param=20)
    study = replace(
        made, fit=fit, prior=prior_predictive(fit.spec, made.data, draws=20), forecasts=[(made.forecasts[0][0], answer)]
    )
    assert f" {told} (90" in sentences.forecast(study, answer)[0]
    assert f" {told} " in sentences.contrast(study, made.comparisons[0][0], pair.iloc[0])
    assert f"Quantiles of the loss in {told}" in [
        b.caption for b in prior_section(study).blocks if isinstance(b, Table)
    ]
    assert f"loss ({told})" == plots.forecast(answer)[1].get_ylabel() == plots.curve(fit, draws=20)[1].get_ylabel()
    assert plots.contrasts(pair)[1].get_xlabel() == f"difference in loss ({told}), first minus second"


def test_constants_are_drawn_where_the_card_asks():
    study = loss_study()
    assert "vertical lines" not in posterior_section(study).blocks[0].caption
    asked = replace(study, card=replace(study.card, constants=["besiroglu2024"]))
    assert "vertical lines" in posterior_section(asked).blocks[0].caption


def test_caveats_are_facts(studies):
    said = " ".join(caveats(studies[1]))
    assert "unusable" in said
    assert "no law discrepancy" in said
    far = distances(studies[1])
    largest = studies[1].fit.frame["compute"].max()
    np.testing.assert_allclose(far["times"], 1e24 / largest)
    assert "beyond the fitted runs" in said
    assert "say little about" in said  # posterior and prior are the same draws here


def test_a_family_is_spoken_of_only_where_points_name_one():
    study = loss_study()
    part = study.forecasts[0][0]
    for spec, point, of_family in (
        (make_spec("chinchilla"), {}, False),
        (study.fit.spec, {"family": "bee"}, True),
    ):
        rows = study.fit.frame[(study.fit.frame["family"] != "bee") | (study.fit.frame["compute"] < 1e20)]
        fit = simulated.fit_of(spec, rows, draws=60)
        answer = forecast(fit, {**point, "compute": 1e24}, tokens_per_param=20)
        said = " ".join(caveats(replace(study, fit=fit, forecasts=[(part, answer)])))
        assert "1 of 1 forecast point lies beyond the fitted runs" in said
        assert (" of its family (" in said) == of_family
        assert "times the largest fitted compute" in said


def test_the_picture_of_a_law_of_one_scale_speaks_of_no_ratio():
    study = loss_study()
    for law, told in (("power_law", False), ("chinchilla", True)):
        fit = simulated.fit_of(make_spec(law), study.fit.frame, draws=60)
        drawn = forecast_section(replace(study, fit=fit, forecasts=[])).blocks[-1]
        assert ("ratio of tokens to parameters" in drawn.caption) == told


def test_identification_in_words(crossed_fit):
    study = loss_study()
    crossed = Study(study.card, crossed_fit, study.prior, study.data, [], [])
    said = " ".join(identified(crossed))
    assert "protocol within task" in said
    assert "pairs of family and task" in said


def contrast_row(**changes):
    row = {
        "a": "A",
        "b": "B",
        "median": 2.0,
        "lower": 1.2,
        "upper": 3.5,
        "level": 0.9,
        "p_a_better": 0.97,
        "p_undefined": 0.0,
    }
    return pd.Series({**row, **changes})


def test_short_answers_say_what_they_leave_out(studies):
    fit = studies[0].fit
    part = ForecastPart("Larger runs", points={"compute": [1e24]}, tokens_per_param=20)
    points = grid(family=["bee"], compute=[1e22, 2e22, 4e22, 8e22, 1e23, 2e23])
    study = replace(studies[0], forecasts=[(part, forecast(fit, points, tokens_per_param=20))], comparisons=[])
    said = sentences.answers(study)
    assert len(said) == sentences.SHORT + 1
    assert said[-1] == f"Larger runs: {6 - sentences.SHORT} further points are in the table of forecasts."


def test_contrast_sentences(studies):
    part = ComparePart("t", target=2.0, hold={"task": "mmlu"})
    said = sentences.contrast(studies[0], part, contrast_row())
    assert said.startswith(
        "A needs 2 times less compute than B to reach loss 2 on mmlu, 90\u00a0% equal-tailed interval 1.20 to 3.50"
    )
    assert "P = 0.97 that A needs less" in said
    turned = sentences.contrast(studies[0], part, contrast_row(median=0.5, lower=0.0, upper=0.8, p_a_better=0.03))
    assert turned.startswith("B needs 2 times less compute than A")
    assert "1.25 to no limit" in turned
    assert "P = 0.97 that B needs less" in turned
    neither = sentences.contrast(studies[0], part, contrast_row(median=np.nan, p_a_better=np.nan))
    assert neither.startswith("Neither A nor B")
    at = ComparePart("t", at={"compute": 1e22})
    lower = sentences.contrast(studies[0], at, contrast_row(median=-0.1, lower=-0.2, upper=0.05))
    assert "A has 0.10 nats per token lower loss than B" in lower
    assert "−0.05" in lower
    assert "0.20" in lower


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.2e24, "1.2\u00a0×\u00a010²⁴"), (1e26, "10²⁶"), (3.04e-5, "3\u00a0×\u00a010⁻⁵")],
)
def test_powers_of_ten(value, text):
    assert words.power(value) == text


def test_numbers_for_people():
    assert words.number(0.34781) == "0.348"
    assert words.number(-12.345) == "−12.3"
    assert words.number(float("nan")) == "–"
    assert [words.hundredths(v) for v in (-0.004, -0.126, 1.5)] == ["0.00", "−0.13", "1.50"]
    assert words.number(1234567.0) == "1.23\u00a0×\u00a010⁶"
    assert words.outcome(0.7132, "accuracy") == "71.3\u00a0%"
    assert words.outcome(1.98765, "loss") == "1.988"
    assert words.flop(float("nan")) == "not reached"
    assert words.probability(1.0) == "> 0.99"
    assert words.p_equals(0.001) == "P < 0.01"
    assert words.count(6.9e9) == "6.9 billion"
    assert [words.count(v) for v in (999.7e9, 999_999, 440_400, 12)] == ["1 trillion", "1 million", "440,000", "12"]
    assert words.count(1e18) == "10¹⁸"


@pytest.mark.parametrize("dist", list(Prior.FORMS))
def test_every_prior_has_words(dist):
    numbers = dict(zip(Prior.FORMS[dist], (0.3, 0.6), strict=False))
    assert words.prior(Prior(dist, **numbers))


def test_formulas_of_all_laws_are_drawn():
    from bayes_scaling import laws

    for name in laws.available():
        made = figures.formula(laws.get(name).formula)
        assert made.svg.startswith("<svg")
        assert "http" not in made.svg
