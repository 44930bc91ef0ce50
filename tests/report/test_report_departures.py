"""The report of a model with a discrepancy shows its size beside the prior, and departures of some paths."""

import numpy as np
import pandas as pd
import pytest
import simulated

from bayes_scaling.check import prior_predictive
from bayes_scaling.compare import contrasts, ranking
from bayes_scaling.model.card import ComparePart, card_from_dict
from bayes_scaling.report import Study, write_report
from bayes_scaling.report.blocks import Figure, Table
from bayes_scaling.report.caveats import caveats
from bayes_scaling.report.departures import discrepancy_section
from bayes_scaling.report.results import comparison_section
from bayes_scaling.report.sections import posterior_section

POOLING = {"E": "partial", "A_ref": "partial", "alpha": "complete"}
PRIOR = {"dist": "lognormal", "median": 0.02, "upper95": 0.1}


def study(kind, runs=3, *, sd="complete", draws=40):
    """Return a study of curves whose draws are the prior's."""
    compute = np.geomspace(1e19, 1e21, 8)
    frame = pd.concat([
        pd.DataFrame({"run": f"run {i:02}", "compute": compute, "loss": 2.3 * (compute / 1e21) ** -0.05 * 1.01**i})
        for i in range(runs)
    ], ignore_index=True)  # fmt: skip
    model = {"law": "power_law", "groups": ["run"], "pooling": POOLING, "noise": {"discrepancy": kind}}
    if kind != "none":
        model |= {"pooling": {**POOLING, "discrepancy_sd": sd}, "priors": {"discrepancy_sd": PRIOR}}
    card = card_from_dict({"name": "curves", "title": "Curves", "data": {"dataset": "made_up"}, "model": model})
    fit = simulated.fit_of(card.model, frame, draws=draws)
    return Study(card, fit, prior_predictive(card.model, frame, draws=20), frame, [], [])


def tables(section):
    return [b for b in section.blocks if isinstance(b, Table)]


def test_amplitude_and_length_beside_their_priors():
    section = discrepancy_section(study("ou"))
    rows = {r[0]: r for r in tables(section)[0].rows}
    assert set(rows) == {"amplitude, log loss", "length, decades"}
    assert rows["amplitude, log loss"][1:3] == ["0.020", "0.10"]  # median and 95 % quantile of the prior
    assert rows["length, decades"][1:3] == ["0.50", "2"]
    middle = float(rows["amplitude, log loss"][3])
    assert 0.005 < middle < 0.08
    low, high = rows["amplitude, log loss"][4].split(" to ")
    assert float(low) < middle < float(high)
    assert sum(isinstance(b, Figure) for b in section.blocks) == 2
    words = " ".join(getattr(b, "text", "") + getattr(b, "caption", "") for b in section.blocks)
    assert "log loss" in words
    assert "decades" in words
    assert "90 % equal-tailed" in words.replace("\u00a0", " ")
    assert "are shown" not in words


def test_units_of_a_wiener_process_and_levels():
    section = discrepancy_section(study("wiener", sd="partial"))
    rows = tables(section)[0].rows
    assert [r[0] for r in rows[:2]] == [
        "amplitude, log loss per √decade (population)", "sd of its logarithm between levels of run"
    ]  # fmt: skip
    assert [r[0].split(":")[0] for r in rows[2:]] == ["smallest of 3 levels of run", "largest of 3 levels of run"]


def test_one_decade_ahead_by_hand():
    made = study("ou", draws=400)
    values = made.fit.values()
    moved = values["discrepancy_sd"] * np.sqrt(1 - np.exp(-2 / values["discrepancy_length"]))
    text = next(b.text for b in discrepancy_section(made).blocks if "ten times" in getattr(b, "text", ""))
    assert f"{np.median(moved):.2g}"[:4] in text


@pytest.mark.parametrize("kind", ["ou", "wiener"])
def test_the_whole_report_has_the_section(kind, tmp_path):
    html = write_report([study(kind)], tmp_path / "report.html").read_text(encoding="utf-8")
    assert html.count("<h3>Law discrepancy</h3>") == 1
    assert "<h3>Differences between groups</h3>" in html


def test_none_without_a_discrepancy():
    made = study("none")
    assert discrepancy_section(made) is None
    assert "no law discrepancy" in " ".join(caveats(made))


def test_many_levels_are_not_listed_one_by_one():
    made = study("wiener", runs=72, sd="partial")
    posterior = tables(posterior_section(made))[0]
    assert len(posterior.rows) < 30
    assert not any("[" in r[0] for r in posterior.rows)
    assert {"E_run_sd", "discrepancy_sd_run_sd"} <= {r[0] for r in posterior.rows}
    assert "The 216 values that belong to one of the 72 levels of run are not listed" in posterior.note
    section = discrepancy_section(made)
    assert len(tables(section)[0].rows) == 4
    assert "12 of 72 are shown" in section.blocks[-1].caption
    part = ComparePart("At 1e21", at={"compute": 1e21}, group="run")
    pairs, ranks = (f(made.fit, group="run", at={"compute": 1e21}) for f in (contrasts, ranking))
    made = Study(made.card, made.fit, made.prior, made.data, [], [(part, pairs, ranks)])
    compared = comparison_section(made)
    assert compared.title == "Differences between groups"
    text = " ".join(str(i) for b in compared.blocks for i in getattr(b, "items", ()))
    assert "The 2556 pairs are not written out" in text
    assert "The first 60 of 72 rows are shown" in tables(compared)[0].note


def test_what_the_data_do_not_tell_of_the_discrepancy_is_a_caveat():
    assert any("discrepancy_length" in c and "say little" in c for c in caveats(study("ou", draws=400)))
