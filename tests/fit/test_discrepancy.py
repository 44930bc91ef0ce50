"""The law discrepancy: settled on tables, in the model, in forecasts, and honest beyond the data."""

import extrapolation
import numpy as np
import pandas as pd
import pytest
import simulated
from scipy import stats

from bayes_scaling.check import loo, loo_pit, posterior_predictive
from bayes_scaling.compare import score
from bayes_scaling.errors import CardError, DataError
from bayes_scaling.fit import SamplerSettings, load
from bayes_scaling.fit.departure import departure, left_out_moments, path_codes, residuals
from bayes_scaling.fit.evaluate import fitted_draws, log_density
from bayes_scaling.forecasts import forecast
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.model import build, encode, make_spec, simulate
from bayes_scaling.model.discrepancy import knot_factor
from bayes_scaling.model.spec import spec_from_dict
from bayes_scaling.model.state_space import path_density

OU = {"discrepancy": {"kind": "ou", "over": "compute"}}
TIGHT = {
    "E": {"dist": "lognormal", "median": 1.5, "upper95": 1.6},
    "A_ref": {"dist": "lognormal", "median": 0.7, "upper95": 0.75},
    "alpha": {"dist": "lognormal", "median": 0.15, "upper95": 0.16},
    "discrepancy_sd": {"dist": "lognormal", "median": 0.05, "upper95": 0.06},
}


@pytest.fixture(scope="module")
def curves():
    frame = extrapolation.table(runs=3, rows=8)
    return frame[~frame["beyond"]].assign(loss=np.linspace(2.6, 2.4, 24)).reset_index(drop=True)


@pytest.fixture(scope="module")
def ladder():
    compute = np.tile(np.geomspace(1e19, 1e21, 6), 2)
    loss = 1.5 + 0.7 * (compute / 1e21) ** -0.15
    return pd.DataFrame({"family": np.repeat(["ant", "bee"], 6), "compute": compute, "loss": loss})


def spec(**noise):
    return make_spec("power_law", noise=noise, priors={k: v for k, v in TIGHT.items() if noise or "disc" not in k})


# ---- settling ------------------------------------------------------------------------------


def test_curves_get_normal_noise_and_paths_by_run(curves):
    settled, rows = encode(spec(**OU), curves)
    assert settled.marginal
    assert not settled.noise.run_effect
    assert settled.noise.discrepancy.by == "run"
    assert rows.paths.levels == ["run 0", "run 1", "run 2"]
    assert "run effect is switched off" in " ".join(rows.notices)


def test_independent_runs_keep_student_t_and_get_knots(ladder):
    settled, rows = encode(make_spec("power_law", groups=["family"], noise=OU), ladder)
    assert settled.noise.observation == "student_t"
    assert settled.sampled_paths
    assert rows.paths.levels == ["ant", "bee"]
    assert rows.paths.knots.shape == (2, 6)


def test_too_few_scales_switch_it_off_with_a_notice(ladder):
    few = ladder[ladder["compute"] < 1e20].assign(compute=lambda f: f["compute"].where(f.index % 2 == 0, 2e19))
    settled, rows = encode(make_spec("power_law", noise={"discrepancy": "ou"}), few)
    assert not settled.noise.discrepancy
    assert rows.paths is None
    assert "the discrepancy is switched off" in " ".join(rows.notices)


def test_card_to_spec_to_card_loses_nothing():
    for noise in ({"discrepancy": "wiener"}, OU, {"discrepancy": {"kind": "ou", "over": "tokens", "by": "family"}}):
        one = make_spec("power_law", noise=noise, priors={"discrepancy_sd": {"dist": "halfnormal", "upper95": 0.1}})
        assert spec_from_dict(one.as_dict()) == one or spec_from_dict(one.as_dict()).as_dict() == one.as_dict()
        assert one.as_dict()["noise"]["discrepancy"] == noise["discrepancy"]


@pytest.mark.parametrize(
    ("noise", "error", "said"),
    [
        ({"discrepancy": "brownian"}, CardError, "expected none, ou, wiener"),
        ({"discrepancy": {"over": "compute"}}, CardError, "kind"),
        ({"discrepancy": {"kind": "ou", "over": "stepps"}}, DataError, "'stepps'"),
        ({"discrepancy": {"kind": "ou", "by": "modle"}}, DataError, "'modle'"),
    ],
)
def test_what_is_wrong_is_named(noise, error, said, curves):
    with pytest.raises(error, match=said):
        encode(make_spec("power_law", noise=noise), curves)


def test_a_missing_scale_is_said_before_its_rows_look_alike(curves):
    for frame in (curves.drop(columns="compute"), curves.drop(columns="compute").assign(step=1.0)):
        with pytest.raises(DataError, match="column 'compute' is missing"):
            encode(spec(**OU), frame)


def test_a_prior_of_a_discrepancy_that_is_off_is_refused():
    with pytest.raises(CardError, match="discrepancy_length"):
        make_spec("power_law", priors={"discrepancy_length": {"dist": "exponential", "mean": 1.0}})


def at_values(model, variable):
    """Return a function of a point, not of fresh random draws."""
    return model.compile_fn(
        model.replace_rvs_by_values([variable])[0], inputs=model.value_vars, on_unused_input="ignore"
    )


# ---- the model -----------------------------------------------------------------------------


@pytest.mark.parametrize("means", [False, True])
def test_pymc_density_is_that_of_the_numpy_simulator(curves, means):
    if means:
        curves = curves.assign(averaged=1.0 + np.arange(len(curves)) % 5)
    settled, rows = encode(spec(**OU), curves)
    model = build(settled, rows)
    values = simulate.prior_values(settled, {}, 3, np.random.default_rng(0))
    fit = simulated.fit_of(spec(**OU), curves, values, chains=1, draws=3)
    draws = fitted_draws(fit)
    residual, noise = residuals(draws, rows)
    order, gap, start = rows.paths.steps(rows.index["path"], rows.paths.coordinate(rows.frame))
    decay = np.where(start, 0.0, np.exp(-gap / values["discrepancy_length"][:, None]))
    innovation = values["discrepancy_sd"][:, None] ** 2 * (1 - decay**2)
    expected = path_density(residual[:, order], decay, innovation, noise[:, order]).sum(axis=1)
    compiled = at_values(model, model.potentials[0])
    for i in range(3):
        point = {f"{k}_log__": np.log(v[i]) for k, v in values.items()}
        assert compiled(point) == pytest.approx(expected[i], rel=1e-9)


def test_sampled_discrepancy_at_knots_moves_the_law_at_its_rows(ladder):
    sampled = make_spec("power_law", groups=["family"], pooling={"E": "complete", "A_ref": "complete"}, noise=OU)
    settled, rows = encode(sampled, ladder)
    model = build(settled, rows)
    values = {k: v[0] for k, v in simulate.prior_values(settled, {}, 1, np.random.default_rng(2)).items()}
    z = np.random.default_rng(3).standard_normal((2, 6))
    point = {f"{k}_log__": np.log(v) for k, v in values.items()} | {"discrepancy_z": z}
    found = at_values(model, model["discrepancy"])(point)
    gap = np.diff(rows.paths.knots, axis=1)
    keep = np.exp(-gap / values["discrepancy_length"])
    path = values["discrepancy_sd"] * z[:, 0]
    for k in range(5):
        np.testing.assert_allclose(found[:, k], path)
        innovation = values["discrepancy_sd"] * np.sqrt(1 - keep[:, k] ** 2)
        path = keep[:, k] * path + innovation * z[:, k + 1]
    law = values["E"] + values["A_ref"] * (ladder["compute"].to_numpy() / 1e21) ** -values["alpha"]
    here = found[rows.index["path"], np.tile(np.arange(6), 2)]
    logp = model.compile_fn(model.logp(vars=[model["log_loss"]]), inputs=model.value_vars, on_unused_input="ignore")(
        point
    )
    expected = stats.t.logpdf(np.log(ladder["loss"]), values["nu"], np.log(law) + here, values["sigma"]).sum()
    assert logp == pytest.approx(expected, rel=1e-6)


def unequal(kind):
    """Return a sampled discrepancy of two families with 4 and 8 scales."""
    compute = np.r_[np.geomspace(1e18, 1e21, 4), np.geomspace(1e18, 1e22, 8)]
    frame = pd.DataFrame({"family": ["ant"] * 4 + ["bee"] * 8, "compute": compute, "loss": np.linspace(2.6, 2.2, 12)})
    noise = {"discrepancy": {"kind": kind, "over": "compute", "by": "family"}}
    return encode(make_spec("power_law", groups=["family"], noise=noise), frame)


@pytest.mark.parametrize("kind", ["ou", "wiener"])
def test_paths_of_unequal_length_have_a_gradient(kind):
    settled, rows = unequal(kind)
    assert settled.sampled_paths
    model = build(settled, rows)
    density = model.logp_dlogp_function(ravel_inputs=True)
    density.set_extra_values({})
    initial = model.initial_point()
    point = np.concatenate([np.ravel(initial[v.name]) for v in model.value_vars])
    value, gradient = density(point + 0.1)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("kind", ["ou", "wiener"])
def test_the_covariance_at_the_knots_is_that_of_the_chain(kind):
    _, rows = unequal(kind)
    knots = rows.paths.knots
    factor = knot_factor(
        numpy_backend(), kind, knots, rows.paths.knot_gap(), np.full((2, 1), 0.05), np.full((2, 1), 0.5)
    )
    for path, count in enumerate((4, 8)):
        t = knots[path]
        apart, first = np.abs(t[:, None] - t), np.minimum(t[:, None], t)
        expected = np.exp(-apart / 0.5) if kind == "ou" else 1 + first - rows.paths.origin
        found = factor[path] @ factor[path].T
        np.testing.assert_allclose(found, 0.05**2 * expected, rtol=1e-9, err_msg="repeated knots repeat the last")
        assert (factor[path][:, count:] == 0).all()


def nearly(values, draws):
    """Return the same departures in every draw, but for 1e-12: R-hat of a constant is undefined."""
    return values + 1e-12 * np.random.default_rng(0).standard_normal((draws, *values.shape))


@pytest.fixture(scope="module")
def thinned():
    """A fit with one fixed departure at 40 knots of 120 scales, and its log likelihood by PyMC."""
    frame = pd.DataFrame({"compute": 10 ** np.random.default_rng(3).uniform(18, 22, 120)})
    frame["loss"] = 1.5 + 0.7 * (frame["compute"] / 1e21) ** -0.15
    sampled = make_spec("power_law", noise={"observation": "student_t", **OU})
    settled, rows = encode(sampled, frame)
    values = {"E": 1.5, "A_ref": 0.7, "alpha": 0.15, "sigma": 0.005, "nu": 30.0}
    values |= {"discrepancy_sd": 0.05, "discrepancy_length": 0.5}
    model = build(settled, rows)
    z = np.random.default_rng(4).standard_normal((1, 40))
    point = {f"{k}_log__": np.log(v) for k, v in values.items()} | {"discrepancy_z": z}
    at_knots = at_values(model, model["discrepancy"])(point)
    density = model.logp(vars=[model["log_loss"]], sum=False)
    by_row = model.compile_fn(density, inputs=model.value_vars, on_unused_input="ignore")(point)[0]
    made = {**simulated.constant(40, **values), "discrepancy": nearly(at_knots, 40)}
    return simulated.fit_of(sampled, frame, made, draws=20), by_row - np.log(frame["loss"].to_numpy())


def test_the_density_between_knots_is_that_of_the_model(thinned):
    fit, by_row = thinned
    found = log_density(fitted_draws(fit), fit.rows, None)
    np.testing.assert_allclose(found, np.broadcast_to(by_row, found.shape), rtol=1e-6, atol=1e-6)


def test_beyond_the_knots_it_is_the_chain(thinned):
    fit, _ = thinned
    points = {"compute": [1e17, 3e19, 1e23]}
    mean, law = (np.log(forecast(fit, points, kind=kind).draws) for kind in ("mean", "law"))
    spread = (mean - law).std(axis=0)
    assert spread[1] < 1e-9, "on a straight line between two knots that are known"
    assert (spread[[0, 2]] > 0.02).all()


def test_between_the_scales_of_a_path_that_has_a_knot_at_each_it_is_the_chain(ladder):
    sampled = make_spec("power_law", noise={"discrepancy": {"kind": "ou", "over": "compute", "by": "family"}})
    made = simulated.constant(400, discrepancy_sd=0.05, discrepancy_length=0.5)
    made["discrepancy"] = nearly(np.zeros((2, 6)), 400)
    fit = simulated.fit_of(sampled, ladder, made)
    mean, law = (np.log(forecast(fit, {"family": "ant", "compute": 10**19.2}, kind=k).draws) for k in ("mean", "law"))
    keep = np.exp(-0.2 / 0.5) ** 2  # midway between 1e19 and 10**19.4
    assert (mean - law).std() == pytest.approx(0.05 * np.sqrt((1 - keep) / (1 + keep)), rel=0.15)


# ---- what is asked of a fit ------------------------------------------------------------------


@pytest.fixture(scope="module")
def known(curves):
    """A fit with hardly any uncertainty of its parameters, and the dense covariance of its residuals."""
    exact = simulated.constant(
        40, E=1.5, A_ref=0.7, alpha=0.15, sigma=0.01, discrepancy_sd=0.05, discrepancy_length=0.5
    )
    fit = simulated.fit_of(spec(**OU), curves, exact, draws=20)
    t, run = np.log10(curves["compute"].to_numpy()), curves["run"].to_numpy()
    dense = 0.05**2 * np.exp(-np.abs(t[:, None] - t) / 0.5) * (run[:, None] == run)
    residual = np.log(curves["loss"]) - np.log(1.5 + 0.7 * (curves["compute"] / 1e21) ** -0.15)
    return fit, dense, residual.to_numpy()


def test_a_seen_curve_is_forecast_from_its_own_departure(known, curves):
    fit, dense, residual = known
    point = {"run": "run 1", "compute": 2e21, "loss": 2.3}
    t = np.log10(curves["compute"].to_numpy())
    cross = 0.05**2 * np.exp(-np.abs(np.log10(2e21) - t) / 0.5) * (curves["run"] == "run 1").to_numpy()
    weights = cross @ np.linalg.inv(dense + 1e-4 * np.eye(24))
    law = np.log(1.5 + 0.7 * 2.0**-0.15)
    mean, variance = law + weights @ residual, 0.05**2 - weights @ cross + 1e-4
    held = score(fit, pd.DataFrame([point]))
    expected = stats.norm.logpdf(np.log(2.3), mean, np.sqrt(variance)) - np.log(2.3)
    assert held["lpd"].iloc[0] == pytest.approx(expected, abs=1e-6)
    simulated_draws = np.log(forecast(fit, pd.DataFrame([point] * 400).drop(columns="loss")).draws)
    assert simulated_draws.shape == (40, 400)
    assert simulated_draws.std(axis=1).mean() < np.sqrt(variance)  # 400 points share one departure per draw
    assert simulated_draws.mean() == pytest.approx(mean, abs=4 * np.sqrt(variance / 40))


def test_a_new_run_gets_a_fresh_departure(known):
    fit, *_ = known
    code = path_codes(fitted_draws(fit), fit.rows, np.array(["unseen"] * 24, dtype=object))
    found = departure(fitted_draws(fit), fit.rows, code)
    np.testing.assert_allclose(found.mean, 0, atol=1e-12)
    np.testing.assert_allclose(found.variance, 0.05**2, rtol=1e-6)


def test_kinds_of_forecast_differ_by_their_parts(known):
    fit, dense, residual = known
    rows = fit.frame.drop(columns="loss")
    law, mean, response = (np.log(forecast(fit, rows, kind=k).draws) for k in ("law", "mean", "response"))
    smoothed = dense @ np.linalg.solve(dense + 1e-4 * np.eye(24), residual)
    assert law.std(axis=0).max() < 1e-6
    assert (mean.std(axis=0) < response.std(axis=0)).mean() > 0.9
    spread = np.sqrt(np.diag(dense - dense @ np.linalg.solve(dense + 1e-4 * np.eye(24), dense)) / 40)
    assert (np.abs((mean - law).mean(axis=0) - smoothed) < 5 * spread + 1e-6).all()


def test_leave_one_out_is_conditional_on_the_other_rows(known):
    fit, dense, residual = known
    covariance = dense + 1e-4 * np.eye(24)
    found, variance = left_out_moments(fitted_draws(fit), fit.rows)
    for i in (0, 5, 23):
        others = np.arange(24) != i
        weights = covariance[i, others] @ np.linalg.inv(covariance[np.ix_(others, others)])
        assert found[0, i] == pytest.approx(residual[i] - weights @ residual[others], rel=1e-6, abs=1e-9)
        assert variance[0, i] == pytest.approx(covariance[i, i] - weights @ covariance[others, i], rel=1e-6)
    answer = loo(fit)
    assert answer.table["unit"].iloc[0] == "row"
    one = stats.norm.logpdf(found[0], 0, np.sqrt(variance[0])) - np.log(fit.frame["loss"])
    assert answer.table["elpd"].iloc[0] == pytest.approx(one.sum(), abs=1e-3)
    pit = loo_pit(fit)["loo_pit"]
    np.testing.assert_allclose(pit, stats.norm.cdf(found[0] / np.sqrt(variance[0])), atol=1e-4)


def test_replicates_with_fitted_and_with_new_departures(known):
    fit, _, residual = known
    law = 1.5 + 0.7 * (fit.frame["compute"].to_numpy() / 1e21) ** -0.15
    new = np.log(posterior_predictive(fit, run_effects="new").draws / law)
    fitted = np.log(posterior_predictive(fit, run_effects="fitted").draws / law)
    assert new.std() == pytest.approx(np.sqrt(0.05**2 + 0.01**2), rel=0.15)
    assert np.abs(fitted.mean(axis=0) - residual).mean() < np.abs(new.mean(axis=0) - residual).mean()


def test_saved_and_loaded_it_forecasts_the_same(known, tmp_path):
    fit, *_ = known
    again = load(fit.save(tmp_path / "fit.nc"))
    points = {"run": "run 2", "compute": [2e21, 1e22]}
    np.testing.assert_array_equal(forecast(again, points).draws, forecast(fit, points).draws)
    assert again.spec.noise.discrepancy == fit.spec.noise.discrepancy


# ---- honesty beyond the data -------------------------------------------------------------------

SIMULATIONS = 40
SETTINGS = SamplerSettings(draws=400, tune=500, chains=1, target_accept=0.9)


@pytest.mark.statistical
@pytest.mark.parametrize("kind", ["ou", "wiener"])
def test_coverage_ten_times_beyond_the_data(kind):
    error = np.sqrt(0.9 * 0.1 / SIMULATIONS)  # runs of one simulation share their law: counted once
    fitted = make_spec(**extrapolation.MODELS[kind])
    honest = extrapolation.scores(kind, fitted, SIMULATIONS, SETTINGS, seed=7)
    assert honest["covered"].mean() == pytest.approx(0.9, abs=3 * error)
    without = extrapolation.scores(kind, make_spec(**extrapolation.NONE), SIMULATIONS, SETTINGS, seed=7)
    assert without["covered"].mean() < 0.9 - 3 * error
