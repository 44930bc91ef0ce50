"""A law under its priors: the numbers are the law's own, and what cannot be drawn says why."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from bayes_scaling import laws, plots
from bayes_scaling.errors import ForecastError
from bayes_scaling.model.priors import quantile
from bayes_scaling.plots.tables import law_curve_table


def table_or_reason(law):
    """Return a small table, or the reason why there is none."""
    try:
        return law_curve_table(law, draws=20, points=5, lines=2), ""
    except ForecastError as error:
        return None, str(error)


@pytest.mark.parametrize("name", laws.available())
def test_every_law_has_curves_or_says_why(name):
    law = laws.get(name)
    made, reason = table_or_reason(law)
    if made is None:
        assert "expected" in reason or "reads no number" in reason
        return
    assert set(made["input"]) <= {i.name for i in law.inputs}
    assert (made.groupby("input").size() >= 2).all()
    numbers = made[["x", "median", "lower", "upper", "draw_1", "draw_2"]].to_numpy()
    assert np.isfinite(numbers).all()
    assert (made["lower"] <= made["median"]).all()
    assert (made["median"] <= made["upper"]).all()
    moved = made.groupby("input")[["median", "lower", "upper"]].agg(np.ptp).max(axis=1)
    assert (moved > 0).all(), f"a panel without a curve: {moved}"
    if law.outcome == "accuracy":
        assert made[["lower", "upper"]].to_numpy().min() >= 0
        assert made[["lower", "upper"]].to_numpy().max() <= 1


def test_the_median_at_the_reference_is_that_of_the_priors():
    """At its reference the power law is E + A_ref, whose quantiles follow from draws of the two priors."""
    law = laws.get("power_law")
    made = law_curve_table(law, draws=20000, points=3, lines=3)
    at = law.reference["compute"]
    rng = np.random.default_rng(5)
    z = rng.standard_normal((2, 200_000))
    total = 0.0
    for p, unit in zip((law.parameter("E"), law.parameter("A_ref")), z, strict=True):
        middle, upper = quantile(p.prior, 0.5), quantile(p.prior, 0.95)
        total = total + middle * (upper / middle) ** (unit / 1.6448536)
    found = np.interp(np.log(at), np.log(made["x"]), made["median"])
    draws = np.sort(total)
    below = np.searchsorted(draws, found) / draws.size
    # interpolated over a convex curve, so a little above the median; 4 standard errors of 20,000 draws below
    assert 0.5 - 4 * np.sqrt(0.25 / 20000) < below < 0.6


def test_published_curves_and_what_is_held():
    law = laws.get("chinchilla")
    made = law_curve_table(law, draws=50, points=5)
    along = made[made["input"] == "tokens"]
    assert set(along["held"]) == {"params = 1e+09"}
    expected = law.at_constants("hoffmann2022", params=np.full(5, 1e9), tokens=along["x"].to_numpy())
    np.testing.assert_allclose(along["constants_hoffmann2022"], expected, rtol=1e-12)
    assert [c for c in made if c.startswith("draw_")] == [f"draw_{i}" for i in range(1, 13)]


def test_only_values_that_go_together_are_drawn():
    law = laws.get("data_constrained")
    made = law_curve_table(law, draws=20, points=9)
    assert made[made["input"] == "unique_tokens"]["x"].max() <= law.reference["tokens"] * (1 + 1e-9)
    with pytest.raises(ForecastError, match=r"law mixing has no curve along one input alone: .*sum to 1"):
        law_curve_table("mixing", draws=20, points=5)


def test_constants_that_state_only_some_parameters_are_not_drawn():
    assert laws.get("step_law").published
    assert not [c for c in law_curve_table("step_law", draws=20, points=5) if c.startswith("constants_")]


def test_a_table_of_another_law_is_refused():
    made = law_curve_table("step_law", draws=20, points=5, lines=2)
    with pytest.raises(ForecastError, match="does not read"):
        plots.law_curves("power_law", made)
    assert plt.get_fignums() == []


def test_a_panel_per_input():
    law = laws.get("chinchilla")
    figure, axes = plots.law_curves(law, law_curve_table(law, draws=20, points=5, lines=2))
    assert [a.get_xlabel() for a in axes] == ["parameters N", "training tokens D"]
    assert all(a.get_ylabel().startswith("loss") for a in axes)
    band = axes[0].collections[0].get_paths()[0].vertices
    assert np.isfinite(band).all()
    plt.close(figure)
