"""Points say which fitted run, level and path they are of, or that they are new; a slip is never a new run."""

import numpy as np
import pandas as pd
import pytest
import simulated

import bayes_scaling as bs
from bayes_scaling.compare import by_group, contrasts, score
from bayes_scaling.compare.backtest import score_fold
from bayes_scaling.compare.folds import Split, make_folds
from bayes_scaling.errors import FitError, ForecastError
from bayes_scaling.fit import Job, SamplerSettings, assemble, load
from bayes_scaling.fit.subset import fitted_levels, subset
from bayes_scaling.forecasts import forecast
from bayes_scaling.model import encode, make_spec
from bayes_scaling.model.questions import check_points
from bayes_scaling.plots.tables import curve_table

EFFECTS = np.array([-1.0, 0.0, 1.0])
EXACT = {"E": 1.5, "A_ref": 0.7, "alpha": 0.15, "sigma": 0.01}
DRAWS = 100


def curves(*, family=True):
    """Return three exact curves of ten rows whose amplitudes differ."""
    scale = np.geomspace(1e8, 1e10, 10)
    spec = make_spec("m2", inputs={"scale": "tokens"})
    parts = []
    for (name, run), effect in zip((("A", "r0"), ("A", "r1"), ("B", "r0")), EFFECTS, strict=True):
        law = 1.5 + 0.7 * np.exp(effect) * (scale / spec.law.reference["scale"]) ** -0.15
        parts.append(pd.DataFrame({"family": name, "run": run if family else f"{name}{run}", "tokens": scale,
                                   "step": np.arange(1.0, 11), "loss": law}))  # fmt: skip
    frame = pd.concat(parts, ignore_index=True)
    return frame if family else frame.drop(columns="family")


def grouped(frame):
    """Return a fit with a known effect of each run."""
    spec = make_spec(
        "m2", inputs={"scale": "tokens"}, groups=["run"], noise={"run_effect": False, "observation": "normal"},
        pooling={"A_ref": "partial", "E": "complete"},
    )  # fmt: skip
    known = simulated.constant(DRAWS, **EXACT, A_ref_run_sd=1.0)
    jitter = 1e-12 * np.random.default_rng(1).standard_normal((DRAWS, 3))
    known["A_ref_run_effect"] = EFFECTS + jitter
    return simulated.fit_of(spec, frame, known, draws=DRAWS // 2)


@pytest.fixture(scope="module", params=[True, False], ids=["family", "no family"])
def by_run(request):
    """A fit with effects of runs, in a table with and without families."""
    return grouped(curves(family=request.param))


def departing(frame, **discrepancy):
    """Return a fit with a discrepancy."""
    spec = make_spec("m2", inputs={"scale": "tokens"}, noise={"discrepancy": {"kind": "ou", **discrepancy}})
    return simulated.fit_of(spec, frame, simulated.constant(DRAWS, **EXACT), draws=DRAWS // 2)


# ---- groups by run -------------------------------------------------------------------------------


def test_a_fitted_run_is_not_forecast_as_a_new_one(by_run, tmp_path):
    rows = by_run.frame
    made = forecast(by_run, rows.drop(columns="loss"), kind="law")
    np.testing.assert_allclose(made.draws, np.broadcast_to(rows["loss"], made.draws.shape), rtol=1e-9)
    assert "new_levels" not in made.points
    assert made.points["run"].tolist() == rows["run"].tolist()
    again = load(by_run.save(tmp_path / "fit.nc"))
    np.testing.assert_array_equal(forecast(again, rows.drop(columns="loss"), kind="law").draws, made.draws)
    np.testing.assert_array_equal(again.rows.index["run"], np.repeat([0, 1, 2], 10))


def test_a_backtest_scores_seen_curves_as_seen(by_run):
    settled, rows = encode(by_run.spec, by_run.frame)
    (fold,) = make_folds(settled, rows, Split("tokens", (10.0,), (), "run")).folds
    job = Job(fold.name, settled, rows, SamplerSettings(), 1, chosen=fold.train, about={"levels": [0.9]})
    part, draws = fitted_levels(settled, subset(rows, fold.train), by_run.idata["posterior"].to_dataset())
    tree = type(by_run.idata).from_dict({"posterior": draws, "sample_stats": by_run.idata["sample_stats"].to_dataset()})
    scores = score_fold(assemble(settled, part, tree, settings=SamplerSettings(), seed=1), job)
    assert "new_levels" not in scores
    np.testing.assert_allclose(scores["median"], scores["observed"], rtol=0.01)


def test_levels_of_runs_are_compared_and_drawn():
    fit = grouped(curves())
    table = contrasts(fit, group="run", at={"tokens": 1e10})
    assert table[["a", "b"]].to_numpy().tolist() == [["A|r0", "A|r1"], ["A|r0", "B|r0"], ["A|r1", "B|r0"]]
    one = fit.frame.groupby(["family", "run"])["loss"].last()
    assert table["median"].iloc[1] == pytest.approx(one["A", "r0"] - one["B", "r0"])
    assert by_group(fit, "A_ref", group="run")["runs"].tolist()[1:] == [1, 1, 1]
    drawn = curve_table(fit, points=3)
    assert {"family", "run"} <= set(drawn.columns)


def test_a_new_run_of_a_known_name_is_none_of_the_fitted_ones():
    fit = grouped(curves())
    point = {"family": "B", "run": "r1", "tokens": 1e10}
    with pytest.raises(ForecastError, match=r"run 'B\|r1' was not fitted; fitted are A\|r0, A\|r1, B\|r0"):
        forecast(fit, point)
    assert forecast(fit, point, new_groups="population").points["new_levels"].tolist() == ["run"]
    with pytest.raises(ForecastError, match="points 0 name no run, a group of this model"):
        forecast(fit, {**point, "run": None})
    assert forecast(fit, {**point, "run": None}, new_groups="population").points["new_levels"].tolist() == ["run"]


def test_a_saved_fit_with_other_names_of_runs_is_refused(tmp_path):
    fit = grouped(curves())
    fit.meta["coords"]["run"] = ["r0", "r1", "r2"]  # as an earlier version had them
    with pytest.raises(FitError, match="written by an earlier version"):
        load(fit.save(tmp_path / "old.nc"))


def test_curves_of_the_catalogue_with_effects_of_runs(mirror, tmp_path):
    frame = bs.load_dataset("curves")
    runs = frame["run"].unique()[::30]
    frame = frame[frame["run"].isin(runs)].groupby("run").head(30)
    spec = make_spec("m2", inputs={"scale": "seen"}, reference={"scale": 1e9}, groups=["run"])
    fit = simulated.fit_of(spec, frame, draws=20)
    assert len(fit.coords["run"]) == len(runs)
    rows = fit.frame.drop(columns=["loss"])
    made = forecast(load(fit.save(tmp_path / "fit.nc")), rows, kind="law")
    assert "new_levels" not in made.points
    values = fit.values()
    first = np.log(values["E"]) + values["E_run_effect"][:, fit.rows.index["run"][0]]
    assert (made.draws[:, 0] > np.exp(first)).all(), "above its own floor"
    assert "new_levels" not in score(fit, fit.frame)


# ---- runs of paths and run effects ------------------------------------------------------------------


@pytest.mark.parametrize("noise", [{"discrepancy": {"kind": "ou", "by": "run"}}, {"run_effect": True}])
def test_a_slip_in_the_name_of_a_run_is_told(noise):
    spec = make_spec("m2", inputs={"scale": "tokens"}, noise=noise)
    fit = simulated.fit_of(spec, curves(), draws=20)
    point = {"family": "A", "run": "r1", "tokens": 1e11}
    forecast(fit, point)
    with pytest.raises(ForecastError, match=r"name runs \(r1\) but not their family.*A\|r1.*Add column 'family'"):
        forecast(fit, {"run": "r1", "tokens": 1e11})
    with pytest.raises(ForecastError, match=r"run 'A\|r11' was not fitted.*Did you mean 'A\|r1'.*leave 'run' out"):
        forecast(fit, {**point, "run": "r11"})
    for new in ({"tokens": 1e11}, {"family": "A", "tokens": 1e11}, {**point, "run": None}, {**point, "run": ""}):
        forecast(fit, new)
    forecast(fit, {**point, "run": "planned"}, new_groups="population")
    without = simulated.fit_of(spec, curves(family=False), draws=20)
    forecast(without, {"run": "Ar1", "tokens": 1e11})
    with pytest.raises(ForecastError, match="Leave 'family' out"):
        forecast(without, {"family": "A", "run": "Ar1", "tokens": 1e11})


def test_a_run_that_matters_for_nothing_may_have_any_name():
    fit = simulated.fit_of(make_spec("m2", inputs={"scale": "tokens"}, noise={"run_effect": False}), curves(), draws=20)
    assert forecast(fit, {"run": "any", "tokens": 1e11}).note == ""


def test_the_family_of_a_named_run_is_read():
    fit = departing(curves(), by="run")
    assert forecast(fit, {"family": "A", "run": "r1", "tokens": 1e11}).note == ""
    assert "no effects of family" in forecast(fit, {"family": "A", "tokens": 1e11}).note
    check_points(fit.spec, {"family": "A", "run": "r1", "tokens": 1e11}, "--at")


# ---- what a discrepancy reads of points ----------------------------------------------------------------


def test_points_say_where_on_which_path_they_lie():
    fit = departing(curves(), over="step", by="family")
    point = {"family": "A", "tokens": 1e11, "step": 20}
    forecast(fit, point)
    for name, hint in (("family", "need column 'family', which says whose"), ("step", "need column 'step', over")):
        less = {k: v for k, v in point.items() if k != name}
        with pytest.raises(ForecastError, match=hint):
            forecast(fit, less)
        assert forecast(fit, less, kind="law").draws.shape == (DRAWS, 1)
    for wrong in (0, np.nan):
        with pytest.raises(ForecastError, match=r"points 0 have step = .*expected finite numbers above zero"):
            forecast(fit, {**point, "step": wrong})
    with pytest.raises(ForecastError, match="family 'C' was not fitted; fitted are A, B"):
        forecast(fit, {**point, "family": "C"})
    forecast(fit, {**point, "family": "C"}, new_groups="population")


def test_one_path_for_all_needs_no_name():
    fit = departing(curves(), over="tokens", by="all")
    point = {"tokens": [1e9, 1e9]}
    both = forecast(fit, point, kind="mean").draws
    np.testing.assert_allclose(both[:, 0], both[:, 1])
    assert not np.allclose(both, forecast(fit, point, kind="law").draws)


def test_points_of_one_path_share_what_moves_the_discrepancy():
    frame = curves().assign(task=np.repeat(["x", "y", "y"], 10))
    pooling = {"E": "complete", "A_ref": "complete", "discrepancy_sd": {"task": "partial"}}
    noise = {"observation": "normal", "discrepancy": {"kind": "ou", "by": "run"}}
    spec = make_spec("m2", inputs={"scale": "tokens"}, groups=["task"], pooling=pooling, noise=noise)
    fit = simulated.fit_of(spec, frame, draws=20)
    forecast(fit, {"family": "A", "run": "r0", "task": "x", "tokens": 1e11})
    with pytest.raises(ForecastError, match=r"discrepancy_sd has effects of task.*'A\|r0'.*several task"):
        forecast(fit, {"family": "A", "run": "r0", "task": "y", "tokens": 1e11})
    forecast(fit, {"task": ["x", "y"], "tokens": 1e11})


# ---- measured rows --------------------------------------------------------------------------------------


def test_rows_with_an_odd_compute_are_scored_as_they_are_fitted():
    compute = np.geomspace(1e19, 1e22, 8)
    size = np.sqrt(compute / 120)
    frame = pd.DataFrame({"compute": compute, "params": 0.2 * size, "tokens": 20 * size,
                          "loss": 1.5 + 0.7 * (compute / 1e21) ** -0.15})  # fmt: skip
    fit = simulated.fit_of(make_spec("power_law"), frame[:5], simulated.constant(DRAWS, **EXACT, nu=20.0), draws=50)
    held = score(fit, frame[5:])
    np.testing.assert_allclose(held["median"], held["observed"], rtol=0.02)
    np.testing.assert_array_equal(held["compute"], compute[5:])
    with pytest.raises(ForecastError, match="points 0, 1, 2 give a compute that is not 6 x params x tokens"):
        forecast(fit, frame[5:].drop(columns="loss"))
