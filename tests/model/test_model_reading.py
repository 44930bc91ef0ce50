"""A law of a scale reads the column it is told to: rows, model, forecasts, reach, plots, saved fits."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import simulated

from bayes_scaling import ScalingModel, plots
from bayes_scaling.check import posterior_predictive
from bayes_scaling.errors import DataError, ForecastError
from bayes_scaling.fit import load
from bayes_scaling.forecasts import compute_to_reach, forecast
from bayes_scaling.model import build, encode, make_spec
from bayes_scaling.model.card import card_from_dict

DRAWS = 60
READS_SEEN = {"inputs": {"scale": "seen"}, "reference": {"scale": 1e8}}


@pytest.fixture(scope="module")
def curves():
    """Three learning curves of eight points."""
    rng = np.random.default_rng(0)
    seen = np.tile(np.geomspace(1e7, 1e9, 8), 3)
    loss = (0.2 + 0.4 * (seen / 1e8) ** -0.3) * np.exp(0.01 * rng.standard_normal(24))
    return pd.DataFrame({"family": np.repeat(["IC", "LM", "BB"], 8), "run": np.repeat(["a", "b", "c"], 8),
                         "seen": seen, "loss": loss})  # fmt: skip


@pytest.fixture(scope="module")
def by_seen(curves):
    """A fit of prior draws whose scale is what was seen."""
    return simulated.fit_of(make_spec("m2", groups=["family"], **READS_SEEN), curves, draws=DRAWS)


@pytest.fixture(scope="module")
def by_tokens():
    """A fit of prior draws whose scale is tokens."""
    return simulated.fit_of(make_spec("m2", inputs={"scale": "tokens"}), simulated.ladder(), draws=DRAWS)


def test_rows_hold_the_column_under_the_name_in_the_formula(curves):
    spec, rows = encode(make_spec("m4", **READS_SEEN), curves)
    assert set(rows.inputs) == {"scale"}
    np.testing.assert_array_equal(rows.inputs["scale"], curves["seen"])
    np.testing.assert_array_equal(build(spec, rows)["scale"].get_value(), curves["seen"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: t.drop(columns="seen"),
            r"column 'seen' is missing \(training examples or tokens seen up to a checkpoint; count\)",
        ),
        (lambda t: t.rename(columns={"seen": "examples"}), r"Did you mean 'examples'"),
        (lambda t: t.drop(columns="run").assign(seen=1e8), r"column 'seen' takes one value"),
        (lambda t: t.assign(seen=-1.0), r"'seen'.*above 0"),
    ],
)
def test_a_table_that_lacks_what_the_scale_reads_is_refused(curves, change, message):
    with pytest.raises(DataError, match=message):
        encode(make_spec("m2", **READS_SEEN), change(curves))


def test_rows_without_the_scale_are_left_out_and_step_zero_is_refused(curves):
    frame = curves.assign(seen=curves["seen"].where(curves.index % 12 > 0))
    assert encode(make_spec("m2", **READS_SEEN), frame)[1].left_out == {"no seen": 2}
    steps = curves.assign(step=np.tile(np.arange(8), 3) * 100).drop(columns="seen")
    spec = make_spec("m2", inputs={"scale": "step"}, reference={"scale": 100})
    with pytest.raises(DataError, match=r"'step' is not above zero in 3 of 24 rows"):
        encode(spec, steps)
    assert len(encode(spec, steps[steps["step"] > 0])[1]) == 21


def test_points_of_one_run_that_differ_in_what_was_seen_are_no_copies(curves):
    assert len(encode(make_spec("m2", **READS_SEEN), curves.assign(loss=0.5))[1]) == 24
    with pytest.raises(DataError, match="duplicates"):
        encode(make_spec("m2", **READS_SEEN), pd.concat([curves, curves.iloc[:1]]))


def test_the_model_object_and_a_card_say_what_is_read():
    spec = ScalingModel("m2", **READS_SEEN).spec
    assert spec.law.readings() == {"scale": "seen"}
    card = card_from_dict({"name": "c", "data": {"path": "x.csv"}, "model": {"law": "m2", **READS_SEEN}})
    assert card.model.as_dict() == spec.as_dict()
    assert card_from_dict(card.as_dict()).as_dict() == card.as_dict()
    assert card.as_dict()["model"]["inputs"] == {"scale": "seen"}


def test_forecasts_are_asked_for_by_column(by_seen):
    v = by_seen.values()
    made = forecast(by_seen, {"family": "IC", "seen": [1e9, 1e10]}, kind="law")
    floor, height = (v[n] * np.exp(v[f"{n}_family_effect"][:, by_seen.coords["family"].index("IC")])
                     for n in ("E", "A_ref"))  # fmt: skip
    for i, u in enumerate((10, 100)):
        np.testing.assert_allclose(made.draws[:, i], floor + height * u ** -v["alpha"], rtol=1e-12)
    with pytest.raises(ForecastError, match=r"points lack seen, which law m2 reads"):
        forecast(by_seen, {"family": "IC", "scale": 1e9})
    with pytest.raises(ForecastError, match="above 0"):
        forecast(by_seen, {"family": "IC", "seen": 0.0})


def test_compute_to_reach_of_a_scale():
    frame = simulated.ladder().assign(compute=lambda t: 6 * t["params"] * t["tokens"])
    values = simulated.constant(2 * DRAWS, E=0.5, A_ref=0.7, alpha=0.2)
    by_compute = simulated.fit_of(make_spec("m2"), frame, values, draws=DRAWS)
    np.testing.assert_allclose(compute_to_reach(by_compute, 1.0).draws, 1e21 * (0.7 / 0.5) ** 5, rtol=1e-9)


def test_compute_to_reach_needs_a_path_or_says_that_there_is_none(by_tokens, by_seen):
    with pytest.raises(ForecastError, match=r"m2 reads tokens; say along which path.*tokens_per_param=20"):
        compute_to_reach(by_tokens, 1.0)
    reached = compute_to_reach(by_tokens, 3.0, tokens_per_param=20).draws[:, 0]
    inside = np.isfinite(reached) & (reached > 0)
    assert inside.any()
    at = forecast(by_tokens, {"tokens": np.sqrt(reached[inside] * 20 / 6)}, kind="law").draws[inside]
    np.testing.assert_allclose(np.diag(at), 3.0, rtol=1e-9)
    with pytest.raises(ForecastError, match=r"reads seen, and no path ties seen to compute.*grid of seen"):
        compute_to_reach(by_seen, 0.3, {"family": "IC"}, tokens_per_param=20)


def test_diagnostics_and_checks_of_a_law_of_a_scale(by_seen, by_tokens):
    for fit in (by_seen, by_tokens):
        assert not [c for c in fit.diagnose().checks if "not explained by" in c.name]
    assert len(posterior_predictive(by_seen, draws=10).frame) == 24


def test_plots_are_drawn_against_what_is_read(by_seen, by_tokens):
    for fit, column in ((by_seen, "seen"), (by_tokens, "tokens")):
        table = plots.tables.curve_table(fit, points=5, draws=20)
        assert table[column].max() == pytest.approx(10 * fit.frame[column].max())
        figure, axes = plots.curve(fit, draws=20)
        assert axes.get_xlabel() == plots.style.label(column)
        plt.close(figure)
    with pytest.raises(ForecastError, match=r"m2 reads tokens alone; draw it against x='tokens'"):
        plots.curve(by_tokens, x="params")
    with pytest.raises(ForecastError, match=r"x = 'sen'; expected one of seen. Did you mean 'seen'"):
        plots.curve(by_seen, x="sen")
    answer = forecast(by_seen, {"family": ["IC", "LM"], "seen": 1e10})
    for fit in (by_seen, None):
        figure, axes = plots.forecast(answer, fit=fit)
        assert axes.get_xlabel() == plots.style.label("seen")
        plt.close(figure)


def test_a_saved_fit_reads_the_same_column(by_seen, tmp_path):
    again = load(by_seen.save(tmp_path / "seen.nc"))
    assert again.spec.as_dict() == by_seen.spec.as_dict()
    points = {"family": "LM", "seen": [1e9]}
    np.testing.assert_array_equal(forecast(again, points).draws, forecast(by_seen, points).draws)
