"""Forecasts: kinds, levels, new families, points, and the same seed gives the same draws."""

import numpy as np
import pandas as pd
import pytest
import simulated
from scipy import stats

from bayes_scaling.errors import ForecastError
from bayes_scaling.fit import crew, evaluate
from bayes_scaling.forecasts import bounds, forecast, grid
from bayes_scaling.forecasts.predict import quantiles
from bayes_scaling.model import make_spec

POINTS = {"family": ["ant", "bee", "cat"], "params": [1e11], "tokens": [2e12]}
CROSSED = {"family": ["ant", "cat"], "task": "alpha_qa", "protocol": "5-shot", "compute": 1e25}


def width(made, level=0.9):
    table = made.tabulate([level])
    return (table["upper"] - table["lower"]).to_numpy()


def test_the_law_at_points_is_the_formula_on_the_draws(fit):
    made, v = forecast(fit, POINTS, kind="law"), fit.values()
    size, data = v["A_ref"] * (1e11 / 1e9) ** -v["alpha"], v["B_ref"] * (2e12 / 2e10) ** -v["beta"]
    for i in range(3):
        floor = v["E"] * np.exp(v["E_family_effect"][:, i])
        np.testing.assert_allclose(made.draws[:, i], floor + size + data, rtol=1e-10)
    np.testing.assert_allclose(made.median, np.median(made.draws, axis=0))


def test_kinds_are_nested(fit, crossed_fit):
    law, mean, response = (forecast(fit, POINTS, kind=k) for k in ("law", "mean", "response"))
    np.testing.assert_array_equal(law.draws, mean.draws)  # no discrepancy in this version
    assert (width(response) > width(law)).all()
    np.testing.assert_allclose(response.median, law.median, atol=0.01)
    noise_only = np.log(response.draws / law.draws)
    values = fit.values()
    expected = np.median(np.abs(noise_only))
    assert 0.4 * np.median(values["sigma"]) < expected < 1.2 * np.median(values["sigma"])  # MAD of a t is 0.7 sigma
    accuracy = forecast(crossed_fit, CROSSED)
    assert (width(accuracy) > width(forecast(crossed_fit, CROSSED, kind="law"))).all()
    assert ((accuracy.draws >= 0) & (accuracy.draws <= 1)).all()


def test_table_is_tidy_and_levels_are_nested(fit):
    table = forecast(fit, POINTS, levels=[0.9, 0.5]).table
    assert list(table["level"]) == [0.5, 0.9] * 3
    assert {"family", "params", "tokens", "compute", "outcome", "kind", "median", "mcse_median", "level",
            "interval", "lower", "upper"} <= set(table.columns)  # fmt: skip
    half, most = table[table["level"] == 0.5], table[table["level"] == 0.9]
    assert (half["lower"].to_numpy() > most["lower"].to_numpy()).all()
    assert (half["upper"].to_numpy() < most["upper"].to_numpy()).all()
    assert (table["outcome"] == "loss").all()
    assert (table["interval"] == "eti").all()
    np.testing.assert_allclose(table["compute"], 6 * 1e11 * 2e12)


def test_equal_tailed_and_highest_density():
    skewed = np.random.default_rng(0).lognormal(0, 1, (20_000, 2))
    low, high = bounds(skewed, 0.9, "eti")
    assert (skewed < low).mean() == pytest.approx(0.05, abs=1e-3)
    assert (skewed > high).mean() == pytest.approx(0.05, abs=1e-3)
    dense_low, dense_high = bounds(skewed, 0.9, "hdi")
    assert dense_low.shape == dense_high.shape == (2,)
    assert ((skewed >= dense_low) & (skewed <= dense_high)).mean() == pytest.approx(0.9, abs=1e-3)
    assert (dense_high - dense_low < high - low).all()


@pytest.mark.parametrize(
    ("points", "options", "message"),
    [
        ({**POINTS, "family": ["anr"] * 3}, {}, r"'anr' was not fitted; fitted are ant, bee, cat. Did you mean 'ant'"),
        ({"params": 1e11, "tokens": 2e12}, {}, "need column 'family'"),
        ({"family": "ant", "params": 1e11}, {}, "lack tokens"),
        ({"family": "ant", "compute": 1e24}, {}, r"lack params, tokens.*tokens_per_param=20"),
        (POINTS, {"kind": "respons"}, r"Did you mean 'response'"),
        (POINTS, {"levels": [90]}, "fraction between 0 and 1"),
        (POINTS, {"interval": "hpd"}, "expected eti, hdi"),
        (POINTS, {"new_groups": "pop"}, "expected error, population"),
        (POINTS, {"tokens_per_param": -20}, "positive"),
        ({**POINTS, "params": 70}, {}, "1e9|billions"),
        ({**POINTS, "params": np.nan}, {}, "params"),
        ({**POINTS, "tokens": [1e12, 2e12]}, {}, "different lengths"),
        ([1, 2], {}, "DataFrame or a dict"),
        ({}, {}, "."),
    ],
)
def test_what_cannot_be_forecast_is_refused(fit, points, options, message):
    with pytest.raises(ForecastError, match=message):
        forecast(fit, points, **options)


@pytest.mark.parametrize(
    ("points", "options", "message"),
    [
        (
            {"family": "ant", "compute": "abc"},
            {"tokens_per_param": 20},
            r"compute = .abc.; expected numbers above",
        ),
        ({"family": "ant", "compute": -1.0}, {"tokens_per_param": 20}, r"compute = -1.0; expected"),
        ({"family": "ant", "compute": [1e24, np.nan]}, {"tokens_per_param": 20}, "compute is missing in point 1[.]"),
        ({"family": "ant", "compute": np.inf}, {}, "compute = inf"),
        ({"family": "ant", "compute": 1e24, "tokens_per_param": 20}, {"tokens_per_param": 20}, "give it once"),
        ({"family": "ant", "compute": 1e24, "tokens_per_param": 0}, {}, "tokens_per_param = 0"),
        ({"family": "ant", "compute": 1e24}, {}, r"beside the points \(--tokens-per-param 20\)"),
        ({"family": "ant", "params": 1e9, "token": 1e12}, {}, "lack tokens"),
        ({"family": "dog", "params": 1e9, "tokens": 1e12}, {}, "--new-groups population"),
    ],
)
def test_scales_that_are_no_scales_are_named_first(fit, points, options, message):
    with pytest.raises(ForecastError, match=message):
        forecast(fit, points, **options)


def test_tokens_per_param_may_be_a_column(fit):
    made = forecast(fit, grid(family="ant", compute=[1e23, 1e24], tokens_per_param=[20, 100]), kind="law")
    for ratio in (20, 100):
        alone = forecast(fit, {"family": "ant", "compute": [1e23, 1e24]}, kind="law", tokens_per_param=ratio)
        np.testing.assert_array_equal(made.draws[:, made.points["tokens_per_param"] == ratio], alone.draws)


def test_columns_that_change_nothing_are_told(fit):
    made = forecast(fit, {**POINTS, "task": "mmlu"}, draws=20)
    assert made.note == "this fit has no effects of task: forecasts are the same at every value."
    assert made.note in repr(made)
    plain = forecast(fit, {**POINTS, "run": "new", "model": "m", "seen": 1.0}, draws=20)
    assert plain.note == ""


def test_a_forecast_is_printed_in_80_columns(fit):
    made = forecast(fit, grid(family=["ant", "bee"], compute=[1e23, 1e24]), tokens_per_param=20)
    lines = repr(made).splitlines()
    assert lines[0] == f"<Forecast of loss (nats per token), kind response, 4 points, {len(made.draws)} draws>"
    assert max(len(line) for line in lines) <= 80
    middle = f"{made.median[3]:.4g}"
    last = lines[lines.index(next(line for line in lines if line.startswith("note: "))) - 1]
    assert last.split()[0] == "bee"
    assert middle in last, "the median is shown"
    assert "50 % eti" in repr(made)
    one = repr(forecast(fit, {"family": "ant", "params": 1e10, "tokens": 2e11}))
    assert "at family = ant, params = 1e+10, tokens = 2e+11" in one
    many = repr(forecast(fit, grid(family="ant", params=np.geomspace(1e8, 1e10, 30), tokens=1e11), draws=20))
    assert "30 points in all" in many


def test_points_say_how_far_outside_the_runs_of_their_family_they_lie(fit):
    runs = fit.frame.groupby("family")[["params", "tokens", "compute"]].agg(["min", "max"])
    bee, cat = runs.loc["bee"], runs.loc["cat"]
    params = [3 * bee["params", "max"], cat["params", "min"], cat["params", "min"] / 4]
    tokens = [10 * bee["compute", "max"] / 6 / params[0], 2 * cat["tokens", "max"], cat["tokens", "min"]]
    points = pd.DataFrame({"family": ["bee", "cat", "cat"], "params": params, "tokens": tokens})
    made = forecast(fit, points, draws=20)
    assert made.extrapolation[0].startswith("10 times the largest run")
    assert made.extrapolation[1] == "tokens 2 times the largest"  # a size and a compute that were run
    assert made.extrapolation[2].startswith("extrapolation downward")
    assert made.table["extrapolation"].tolist() == [w for w in made.extrapolation for _ in range(2)]
    assert "3 of 3 points lie outside the fitted runs: 10 times the largest run" in repr(made).replace("\n", " ")
    row = fit.frame.iloc[[4]]
    inside = forecast(fit, row[["family", "params", "tokens"]], draws=20)
    assert inside.extrapolation == ("inside the runs",)
    assert "outside" not in repr(inside)
    strange = forecast(fit, {"family": "new", "params": 1e9, "tokens": 2e10}, new_groups="population", draws=20)
    assert strange.extrapolation == ("inside the runs",)  # beside all runs


def test_accuracy_needs_what_its_noise_needs(crossed_fit):
    with pytest.raises(ForecastError, match=r"'gamma_qa' was not fitted"):
        forecast(crossed_fit, {**CROSSED, "task": "gamma_qa"})
    unknown = {**CROSSED, "task": "gamma_qa", "chance": 0.2}
    with pytest.raises(ForecastError, match="n_items"):
        forecast(crossed_fit, unknown, new_groups="population")
    assert forecast(crossed_fit, unknown, new_groups="population", kind="law").draws.shape[1] == 2
    full = {**unknown, "n_items": 10}
    draws = forecast(crossed_fit, full, new_groups="population").draws
    np.testing.assert_allclose(draws * 10, np.round(draws * 10), atol=1e-9)


def test_a_new_family_is_drawn_from_the_population(fit):
    new = forecast(fit, {**POINTS, "family": "dog"}, kind="law", new_groups="population")
    assert width(new)[0] > 1.5 * width(forecast(fit, POINTS, kind="law")).max()
    ratio = np.log(
        (new.draws[:, 0] - forecast(fit, POINTS, kind="law").draws[:, 0]) / fit.values()["E"]
        + np.exp(fit.values()["E_family_effect"][:, 0])
    )
    z = ratio / fit.values()["E_family_sd"]
    assert z.mean() == pytest.approx(0, abs=4 / np.sqrt(z.size))
    assert z.std() == pytest.approx(1, abs=4 / np.sqrt(2 * z.size))


def test_points_of_one_new_family_share_its_draw(fit):
    points = pd.DataFrame({"family": ["dog", "dog", "elk"], "params": 1e11, "tokens": 2e12})
    draws = forecast(fit, points, kind="law", new_groups="population").draws
    np.testing.assert_array_equal(draws[:, 0], draws[:, 1])
    assert np.isclose(draws[:, 0], draws[:, 2]).mean() < 0.05


def test_fitted_levels_are_unmoved_by_new_ones(fit):
    mixed = forecast(fit, {**POINTS, "family": ["ant", "dog", "cat"]}, kind="law", new_groups="population").draws
    known = forecast(fit, POINTS, kind="law").draws
    np.testing.assert_array_equal(mixed[:, [0, 2]], known[:, [0, 2]])


def test_interactions_find_their_level(crossed_fit):
    v = crossed_fit.values()
    made = forecast(crossed_fit, CROSSED, kind="law").draws
    cell = crossed_fit.coords["task:protocol"].index("alpha_qa|5-shot")
    task = crossed_fit.coords["task"].index("alpha_qa")
    for i, family in enumerate(CROSSED["family"]):
        f = crossed_fit.coords["family"].index(family)
        level = v["level"][:, task] + v["level_family_effect"][:, f] + v["level_task:protocol_effect"][:, cell]
        slope = v["slope"] * np.exp(v["slope_family_effect"][:, f])
        logit = np.log(v["ceiling"] / (1 - v["ceiling"])) + v["ceiling_task_effect"][:, task]
        law = 0.25 + 0.75 / (1 + np.exp(-logit)) / (1 + np.exp(-(level + slope * np.log10(1e25 / 1e23))))
        np.testing.assert_allclose(made[:, i], law, rtol=1e-10)


def test_a_new_cell_of_known_levels_is_drawn_from_the_population(crossed_fit):
    kept = crossed_fit.frame[~((crossed_fit.frame.task == "alpha_qa") & (crossed_fit.frame.protocol == "5-shot"))]
    less = simulated.fit_of(simulated.crossed_spec(), kept, draws=500)
    assert "alpha_qa|5-shot" not in less.coords["task:protocol"]
    point = {**CROSSED, "family": "ant", "compute": [1e23]}  # at the reference the slope has no say
    law, v = forecast(less, point, kind="law", new_groups="population").draws[:, 0], less.values()
    share = (law - 0.25) / 0.75 * (1 + (1 / v["ceiling"] - 1) * np.exp(-v["ceiling_task_effect"][:, 0]))
    logit = np.log(share) - np.log1p(-share)
    cell = (logit - v["level"][:, 0] - v["level_family_effect"][:, 0]) / v["level_task:protocol_sd"]
    assert cell.mean() == pytest.approx(0, abs=4 / np.sqrt(cell.size))
    assert cell.std() == pytest.approx(1, abs=4 / np.sqrt(2 * cell.size))


def test_task_facts_are_filled_in_from_the_fitted_rows(crossed_fit):
    made = forecast(crossed_fit, grid(**{**CROSSED, "task": ["alpha_qa", "beta_qa"]}))
    facts = made.points.drop_duplicates("task").set_index("task")
    assert facts["chance"].to_dict() == {"alpha_qa": 0.25, "beta_qa": 0.5}
    assert facts["n_items"].to_dict() == {"alpha_qa": 1000, "beta_qa": 400}


def test_a_path_gives_params_and_tokens_from_compute(fit):
    made = forecast(fit, {"family": "ant", "compute": [1e23, 1e25]}, kind="law", tokens_per_param=20)
    n, d = made.points["params"].to_numpy(), made.points["tokens"].to_numpy()
    np.testing.assert_allclose(d / n, 20)
    np.testing.assert_allclose(6 * n * d, [1e23, 1e25])
    given = {"family": "ant", "params": n, "tokens": d}
    np.testing.assert_allclose(made.draws, forecast(fit, given, kind="law").draws, rtol=1e-9)


def test_any_two_of_params_tokens_compute_will_do(fit):
    base = {"family": "ant", "params": 1e10, "tokens": 2e11, "compute": 1.2e22}
    expected = forecast(fit, {k: base[k] for k in ("family", "params", "tokens")}, kind="law").draws
    for left_out in ("params", "tokens"):
        points = {k: v for k, v in base.items() if k != left_out}
        np.testing.assert_allclose(forecast(fit, points, kind="law").draws, expected, rtol=1e-9)


def test_memory_chunks_give_the_same_law(fit, monkeypatch):
    points = grid(family=["ant", "bee"], params=np.logspace(8, 12, 7), tokens=[1e11, 1e13])
    whole = forecast(fit, points, kind="law").draws
    monkeypatch.setattr(evaluate, "CHUNK_VALUES", 3 * len(whole))
    np.testing.assert_array_equal(forecast(fit, points, kind="law").draws, whole)
    response = forecast(fit, points).draws
    assert np.isfinite(response).all()
    assert np.median(response, axis=0) == pytest.approx(np.median(whole, axis=0), rel=0.01)


def test_blocks_of_points_do_not_depend_on_the_number_of_threads(fit, monkeypatch):
    points = grid(family=["ant", "bee"], params=np.logspace(8, 12, 7), tokens=[1e11, 1e13])
    monkeypatch.setattr(evaluate, "CHUNK_VALUES", 1)
    monkeypatch.setattr(evaluate, "BLOCK_VALUES", 3 * fit.values()["E"].shape[0])
    tables = []
    for count in (1, 2, 3):
        monkeypatch.setattr(crew, "cpus", lambda count=count: count)
        made = forecast(fit, points)
        tables.append(made.table)
        noise = np.log(made.draws / forecast(fit, points, kind="law").draws)
        # a stream for each block: points of different blocks share no noise, and those of one block neither
        between = np.corrcoef(stats.rankdata(noise, axis=0).T)[np.triu_indices(len(points), 1)]
        assert np.abs(between).max() < 4.5 / np.sqrt(len(noise))
    pd.testing.assert_frame_equal(tables[0], tables[1])
    pd.testing.assert_frame_equal(tables[0], tables[2])


def test_same_seed_same_draws(fit):
    first, again, other = (forecast(fit, POINTS, random_seed=s).draws for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.isclose(first, other).all()
    assert forecast(fit, POINTS, draws=100).draws.shape == (100, 3)


def test_monte_carlo_error_of_the_median(fit):
    made = forecast(fit, POINTS)
    rough = 1.2533 * made.draws.std(axis=0) / np.sqrt(len(made.draws))  # independent normal draws
    assert (made.mcse_median > 0.5 * rough).all()
    assert (made.mcse_median < 5 * rough).all()
    assert np.isnan(forecast(fit, POINTS, draws=100).mcse_median).all()


def test_probability_is_the_share_of_draws(fit):
    made = forecast(fit, POINTS)
    at = float(np.quantile(made.draws[:, 1], 0.3))
    assert made.probability(below=at)[1] == pytest.approx(0.3, abs=0.01)
    np.testing.assert_allclose(made.probability(below=at) + made.probability(above=at), 1, atol=0.01)
    with pytest.raises(ForecastError, match="exactly one"):
        made.probability()


def test_a_fitted_run_keeps_its_effect_and_a_new_one_shares_a_draw():
    frame = simulated.ladder(per_family=6)
    frame["run"] = [f"r{i // 3}" for i in range(len(frame))]
    draws = 400
    silent = simulated.constant(draws, sigma=1e-9, nu=1e3)
    fit = simulated.fit_of(make_spec("chinchilla", groups=["family"]), frame, silent)
    name = fit.coords["run"][0].split("|")
    points = pd.DataFrame({"family": name[0], "run": [name[1], "new", "new", "newer"], "params": 1e10, "tokens": 2e11})
    response, law = (forecast(fit, points, kind=k, new_groups="population").draws for k in ("response", "law"))
    shift = np.log(response / law)
    np.testing.assert_allclose(shift[:, 0], fit.values()["run_effect"][:, 0], atol=1e-6)
    np.testing.assert_allclose(shift[:, 1], shift[:, 2], atol=1e-6)
    assert np.abs(shift[:, 1] - shift[:, 3]).mean() > 1e-3
    nameless = points.assign(run=[None, None, None, None])
    free = np.log(forecast(fit, nameless).draws / law)
    assert np.abs(free[:, 0] - free[:, 1]).mean() > 1e-3, "points without a run are runs of their own"


def test_grid_is_every_combination():
    table = grid(family=["a", "b"], compute=[1e20, 1e21, 1e22], task="mmlu")
    assert table.shape == (6, 3)
    assert list(table["compute"][:3]) == [1e20, 1e21, 1e22], "the last listed varies fastest"
    assert not table.duplicated().any()
    assert grid(compute=np.array([1.0, 2.0]), level=pd.Series([3, 4])).shape == (4, 2)
    assert grid(n=range(3)).shape == (3, 1)


@pytest.mark.parametrize("shape", [(1, 3), (7, 1), (401, 620)])
def test_quantiles_are_those_of_numpy(shape):
    draws, shares = np.random.default_rng(3).standard_normal(shape), [0.05, 0.5, 0.975, 1.0, 0.0]
    draws[0, 0] = np.nan
    wanted = np.quantile(draws, shares, axis=0)
    assert quantiles(draws, shares) == pytest.approx(wanted, rel=1e-12, abs=1e-12, nan_ok=True)
