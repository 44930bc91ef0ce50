"""The report of a capability model tells skills, loadings and what benchmarks tell, and shows the formula it fitted."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import simulated

from bayes_scaling.api.models import evaluations
from bayes_scaling.check import prior_predictive
from bayes_scaling.model.card import card_from_dict
from bayes_scaling.report import Study
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
    table = next(b for b in blocks if isinstance(b, Table))
    assert {row[0] for row in table.rows} == {"alpha_qa", "beta_qa"}
    assert "log-odds of beta_qa" in blocks[0].text
    assert "tenfold compute" in blocks[0].text


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
