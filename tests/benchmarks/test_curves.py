"""The benchmark of curves: its figures by hand, and what its cards may read."""

import numpy as np
import pandas as pd
import pytest

import bayes_scaling as bs
from benchmarks import curves
from benchmarks.scored import SCORED

SCORES = pd.DataFrame({
    "run": ["a", "a", "b"], "median": [1.0, 2.0, 1.1], "observed": [1.0, 2.2, 1.0], "lpd": [3.0, 1.0, 4.0],
    "covered": [True, False, True], "width": [0.2, 0.4, 0.1],
})  # fmt: skip


def test_every_curve_counts_once():
    found = {f["figure"]: f for f in curves.figures_of("LM", SCORES)}
    errors = [np.log(1.1) / np.sqrt(2), np.log(1.1)]
    assert found["curves/LM/rmsle_mean"]["value"] == pytest.approx(np.mean(errors))
    assert found["curves/LM/rmsle_median"]["value"] == pytest.approx(np.median(errors))
    assert found["curves/LM/lpd"]["value"] == pytest.approx((2.0 + 4.0) / 2)
    assert found["curves/LM/coverage90"]["value"] == pytest.approx((0.5 + 1.0) / 2)
    assert found["curves/LM/width90"]["value"] == pytest.approx((0.3 + 0.1) / 2)
    assert found["curves/LM/coverage90_lo"]["value"] <= found["curves/LM/coverage90_hi"]["value"]
    assert found["curves/LM/rmsle_mean"]["peer_value"] == 0.0009


def test_widths_of_other_tasks_are_told_apart():
    rows = pd.DataFrame({"run": list("abcd"), "dataset": list("xxyy"), "median": 1.0, "lower": 0.9, "upper": 1.1,
                         "observed": [1.05, 1.2, 1.02, 1.3]}).assign(
        covered=lambda f: f["observed"].between(f["lower"], f["upper"]), width=0.2, lpd=1.0, crps=0.1, pit=0.5,
        log_error=0.0)  # fmt: skip
    found = {f["figure"]: f for f in curves.calibrated("IC", rows)}
    assert set(found) == {f"calibrated/IC/{k}" for k in ("coverage90", "coverage90_lo", "coverage90_hi", "width90")}
    # To hold both curves of the others, intervals are stretched to 1.3 (for x) and 1.2 (for y): three of four are held.
    assert found["calibrated/IC/coverage90"]["value"] == pytest.approx(0.75)
    assert found["calibrated/IC/width90"]["value"] > 0.2
    assert "other tasks" in found["calibrated/IC/width90"]["unit"]
    assert curves.calibrated("LM", rows.assign(dataset="x")) == []


def test_the_best_published_figures_stand_beside_ours():
    assert curves._best_published("IC") == {"rmsle_mean": ("NSL-PFN (published)", 0.028),
                                            "lpd": ("NSL-PFN (published)", 3.33)}  # fmt: skip


def test_what_was_scored_is_listed():
    assert len(SCORED) >= 3
    assert all(line.strip() for line in SCORED)


@pytest.mark.real
@pytest.mark.parametrize("domain", curves.DOMAINS)
def test_cards_read_training_rows_only(mirror, domain):
    card = curves.card_of(domain)
    table = card.data()
    assert table["training"].all()
    assert set(table["family"]) == {domain}
    every = bs.load_dataset("curves")
    of_domain = every[every["family"] == domain]
    assert len(table) == of_domain["training"].sum() < len(of_domain)
    assert set(of_domain.loc[~of_domain["training"], "run"]) == set(table["run"])
