"""The report of a capability model tells skills, loadings and what benchmarks tell, and shows the formula it fitted."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import simulated

from bayes_scaling.api.models import evaluations
from bayes_scaling.check import prior_predictive
from bayes_scaling.compare import skills
from bayes_scaling.model import make_spec
from bayes_scaling.model.card import card_from_dict
from bayes_scaling.report import Study, sentences, words
from bayes_scaling.report import skills as report_skills
from bayes_scaling.report.blocks import Bullets, Figure, Table
from bayes_scaling.report.sections import data_section, model_section
from bayes_scaling.report.skills import skills_section


@pytest.fixture(scope="module")
def made():
    """A study of two skills of compute whose draws are the prior's."""
    frame = simulated.benchmarks()
    options = {"scale": "compute", "skills": 2, "anchors": ["beta_qa"]}
    model = {"law": "capability", "options": options, "groups": ["family", "task", "run"],
             "noise": {"observation": "logistic", "run_effect": False}}  # fmt: skip
    card = card_from_dict({"name": "c", "title": "C", "data": {"dataset": "made_up"}, "model": model})
    fit = simulated.fit_of(card.model, frame, draws=30)
    return Study(card, fit, prior_predictive(card.model, frame, draws=10), frame, [], [])


def test_skills_loadings_and_the_most_telling_benchmark(made):
    blocks = skills_section(made).blocks
    assert sum(isinstance(b, Figure) for b in blocks) == 3, "two skills and the loadings"
    table = next(b for b in blocks if isinstance(b, Table) and b.head[0] == "benchmark")
    assert {row[0] for row in table.rows} == {"alpha_qa", "beta_qa"}
    assert "log-odds of beta_qa" in blocks[0].text
    assert "tenfold compute" in blocks[0].text


def test_families_that_are_not_pooled_tell_nothing_of_new_ones(made):
    pooling = {"efficiency_1": {"family": "none"}}
    spec = make_spec("capability", options={"scale": "compute"}, groups=["family", "task", "run"], pooling=pooling)
    blocks = skills_section(replace(made, fit=simulated.fit_of(spec, made.data, draws=30))).blocks
    assert "pool it partially over family" in blocks[-1].text


def test_families_that_are_not_drawn_are_in_a_table(made, monkeypatch):
    monkeypatch.setattr(report_skills, "MOST_FAMILIES", 1)
    blocks = skills_section(made).blocks
    tables = [b for b in blocks if isinstance(b, Table) and b.head[0] == "family"]
    assert len(tables) == 2, "one for each skill"
    for k, table in enumerate(tables, start=1):
        board = skills(made.fit, skill=k, by="family")
        assert [row[0] for row in table.rows] == board["family"].tolist()
        first = dict(zip(table.head, table.rows[0], strict=True))
        best = board.iloc[0]
        assert first["median"] == words.hundredths(best["median"])
        assert first["rank"].replace(words.GAP, " ") == f"{best['rank']} ({best['rank_lower']} to {best['rank_upper']})"


def test_extrapolated_families_are_counted(made):
    def captions(shift):
        frame = made.data.assign(compute=made.data["compute"] * np.where(made.data["family"] == "ant", shift, 1))
        blocks = skills_section(replace(made, fit=simulated.fit_of(made.card.model, frame, draws=30))).blocks
        return [b.caption for b in blocks if isinstance(b, Figure)], [b for b in blocks if isinstance(b, Table)]

    (first, second, _), tables = captions(1e4)
    assert "0.5 decades outside the scales of the family's own models (1 of the 3 drawn)" in first
    assert "Hollow" not in second, "size moves skill 1 alone"
    outside = {row[0]: row[-1] for row in tables[0].rows}
    assert tables[0].head[-1] == "decades outside"
    for family, shift in (("ant", 1e4), ("bee", 1), ("cat", 1)):
        own = np.log10(made.data[made.data["family"] == family]["compute"] * shift / 1e23)
        assert outside[family] == words.hundredths(max(own.min(), -own.max(), 0))
    assert "Hollow" not in captions(1)[0][0]


def planted(made, frame, model=None, *, skill, slope=0.0):
    """Return a study in which efficiencies of families are the same in every draw; `slope` is that of the last one."""
    names = sorted(frame["family"].unique())
    slopes = [0.0] * (len(names) - 1) + [slope]
    effects = {"efficiency_1_family_effect": [skill[n] for n in names], "slope_compute_1_family_effect": slopes}
    values = simulated.fixed(60, **effects)
    return replace(made, fit=simulated.fit_of(model or made.card.model, frame, values, draws=30))


def answers(study):
    return [text.replace(words.GAP, " ") for text in sentences.answers(study)]


def test_short_answers_tell_who_leads_and_what_that_is_worth(made):
    frame = made.data[made.data["run"] != "ant-0"]
    first, worth = answers(planted(made, frame, skill={"ant": 0.0, "bee": 0.5, "cat": -0.3}))
    assert first == (
        "Skill 1 at 10²³ FLOP: bee ranks first with P > 0.99 (rank: 90 % equal-tailed interval 1 to 1) of 3 compared; "
        "next ant, first with P < 0.01."
    )
    assert worth == (  # 10^0.8
        "bee needs 6.31 times less compute than cat to reach the skill that bee has at 10²³ FLOP, 90 % equal-tailed "
        "interval 6.31 to 6.31, P > 0.99 that bee needs less. (Of the other families none has more fitted models than "
        "cat: 6.)"
    )


def test_short_answers_say_what_is_extrapolated_or_unknown(made):
    far = made.data["compute"] * np.where(made.data["family"] == "bee", 1e-3, 1)
    frame = made.data.assign(compute=far)[made.data["run"] != "ant-0"]
    skill = {"ant": 0.0, "bee": 0.5, "cat": -0.3}
    first, worth = answers(planted(made, frame, skill=skill, slope=-2.0))
    outside = np.log10(1e23 / far[made.data["family"] == "bee"].max())
    assert first.endswith(f"That scale lies {words.number(outside, 2)} decades outside those of bee's own models.")
    assert worth == "What the compute of bee is worth to cat is unknown: cat does not gain from scale at 10²³ FLOP."


def test_short_answers_compare_families_of_one_kind(made):
    half = made.data["run"].isin(["cat-3", "cat-4", "cat-5"])
    frame = made.data.assign(family=made.data["family"].mask(half, "dog"))
    frame["tuned"] = np.where(frame["family"].isin(["ant", "bee"]), "base", "instruct")
    model = make_spec("capability", options={"scale": "compute"}, groups=["family", "task", "run", "tuned"])
    skill = {"ant": 0.0, "bee": 0.5, "cat": 2.0, "dog": 2.4}
    found = answers(planted(made, frame, model, skill=skill))
    assert [text.split(" (")[0] for text in found[::2]] == [
        "Skill 1 of base families at 10²³ FLOP: bee ranks first with P > 0.99",
        "Skill 1 of instruct families at 10²³ FLOP: dog ranks first with P > 0.99",
    ]
    assert found[1].startswith("bee needs 3.16 times less compute than ant")
    assert "Of the other instruct families none has more fitted models than cat: 3." in found[3]
    alone = frame[frame["family"] != "cat"]
    assert not any("dog" in text for text in answers(planted(made, alone, model, skill=skill)))


def test_short_answers_of_skills_without_a_scale(made):
    model = make_spec("capability", options={"scale": "none", "anchors": ["beta_qa"]}, groups=["family", "task", "run"])
    (only,) = answers(replace(made, fit=simulated.fit_of(model, made.data, draws=30)))
    assert only.startswith("Skill 1: ")


def test_families_of_one_skill_are_not_ranked(made):
    model = make_spec("capability", options={"scale": "compute"}, groups=["task", "run"])
    study = replace(made, fit=simulated.fit_of(model, made.data, draws=30))
    assert answers(study) == []
    blocks = skills_section(study).blocks
    assert not any(isinstance(b, Table) and b.head[0] == "family" for b in blocks)


def test_the_formula_and_pooling_are_those_of_the_options(made):
    blocks = model_section(made).blocks
    latex = [b.latex for b in blocks if hasattr(b, "latex")]
    assert len(latex) == 3, "a line each for the accuracy and two skills"
    latex = " ".join(latex)
    assert r"\frac{C}{C_0}" in latex
    assert "s_2 = a_2" in latex
    rows = {row[0]: row for row in next(b for b in blocks if isinstance(b, Table)).rows}
    assert "Student-t with outliers" in rows["efficiency_1"][3]
    assert "slope_compute_2" not in rows


def test_benchmarks_and_families_that_say_nothing_are_told(made):
    frame = simulated.benchmarks().assign(model=lambda f: f["run"])
    frame.loc[frame["family"] == "cat", "accuracy"] = np.nan
    lone = frame.iloc[:1].assign(task="rare", chance=0.25)
    data = evaluations(pd.concat([frame, lone], ignore_index=True))
    fit = simulated.fit_of(made.card.model, data, draws=10)
    blocks = data_section(replace(made, fit=fit, data=data)).blocks
    told = " ".join(next(b for b in blocks if isinstance(b, Bullets)).items)
    assert "no row that is used (cat)" in told
    assert "benchmarks scored on one model: rare" in told
    flags = {row[0]: row[1] for b in blocks if isinstance(b, Table) and b.head[0] == "flag" for row in b.rows}
    assert flags["empty_family"] == "12"
    assert flags["single_model_benchmark"] == "1"
    assert "notices in .meta" in repr(fit)


def test_other_laws_have_no_skills(made, crossed_fit):
    assert skills_section(Study(made.card, crossed_fit, made.prior, crossed_fit.frame, [], [])) is None
