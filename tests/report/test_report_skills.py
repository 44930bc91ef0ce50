"""The report of a capability model tells skills, loadings and what benchmarks tell, and shows the formula it fitted."""

from dataclasses import replace

import numpy as np
import pytest
import simulated

from bayes_scaling.check import prior_predictive
from bayes_scaling.compare import skills
from bayes_scaling.model.card import card_from_dict
from bayes_scaling.report import Study, words
from bayes_scaling.report import skills as report_skills
from bayes_scaling.report.blocks import Figure, Table
from bayes_scaling.report.sections import model_section
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


def test_the_formula_and_pooling_are_those_of_the_options(made):
    blocks = model_section(made, anchor="c").blocks
    latex = [b.latex for b in blocks if hasattr(b, "latex")]
    assert len(latex) == 3, "a line each for the accuracy and two skills"
    latex = " ".join(latex)
    assert r"\frac{C}{C_0}" in latex
    assert "s_2 = a_2" in latex
    rows = {row[0]: row for row in next(b for b in blocks if isinstance(b, Table)).rows}
    assert "Student-t with outliers" in rows["efficiency_1"][3]
    assert "slope_compute_2" not in rows


def test_other_laws_have_no_skills(made, crossed_fit):
    assert skills_section(Study(made.card, crossed_fit, made.prior, crossed_fit.frame, [], [])) is None
