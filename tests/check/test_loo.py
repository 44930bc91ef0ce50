"""Leave-one-out: against ArviZ and against integrals done by brute force."""

import warnings

import numpy as np
import pandas as pd
import pytest
import simulated
import xarray as xr
from scipy import stats

from bayes_scaling.check import loo, loo_pit, posterior_predictive, residuals
from bayes_scaling.errors import FitError
from bayes_scaling.fit.evaluate import fitted_draws, log_density, marginal_log_density
from bayes_scaling.model import make_spec


def test_loo_is_that_of_arviz_on_the_density_of_the_loss(fit):
    import arviz as az

    v, frame = fit.values(), fit.frame
    code = frame["family"].map({f: i for i, f in enumerate(fit.coords["family"])}).to_numpy()
    size = v["A_ref"][:, None] * (frame["params"].to_numpy() / 1e9) ** -v["alpha"][:, None]
    data = v["B_ref"][:, None] * (frame["tokens"].to_numpy() / 2e10) ** -v["beta"][:, None]
    law = v["E"][:, None] * np.exp(v["E_family_effect"][:, code]) + size + data
    logs = np.log(frame["loss"].to_numpy())
    density = stats.t.logpdf(logs, v["nu"][:, None], np.log(law), v["sigma"][:, None]) - logs
    sizes = fit.idata["posterior"].sizes
    likelihood = xr.Dataset({"y": (("chain", "draw", "row"), density.reshape(sizes["chain"], sizes["draw"], -1))})
    tree = xr.DataTree.from_dict({"posterior": fit.idata["posterior"].to_dataset(), "log_likelihood": likelihood})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = az.loo(tree, pointwise=True)
    found = loo(fit)
    assert repr(found).startswith(f"<Loo: elpd {found.table['elpd'].iloc[0]:.4g} (standard error ")
    assert "\n" not in repr(found), "no table of a table"
    row = found.table.iloc[0]
    assert row["elpd"] == pytest.approx(expected.elpd, rel=1e-6)
    assert row["se"] == pytest.approx(expected.se, rel=1e-6)
    assert (row["units"], row["unit"]) == (36, "row")
    np.testing.assert_allclose(found.pointwise["elpd"], np.asarray(expected.elpd_i), rtol=1e-6)
    assert found.pointwise["elpd"].sum() == pytest.approx(row["elpd"])
    assert row["bad_k"] == (found.pointwise["pareto_k"] > row["good_k"]).sum()


def test_loo_warns_in_its_table_not_on_the_screen(spec, ladder):
    wild = simulated.fit_of(spec, ladder)  # prior draws as a posterior: every Pareto k is bad
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert loo(wild).table["bad_k"].iloc[0] > 10


def test_loo_pit_is_roughly_uniform(fit):
    table = loo_pit(fit)
    assert len(table) == 36
    assert table["loo_pit"].between(0, 1, inclusive="neither").all()
    assert stats.kstest(table["loo_pit"], "uniform").pvalue > 1e-3


def test_leaving_a_row_out_makes_it_more_surprising(fit):
    left_out = loo_pit(fit)
    kept = residuals(posterior_predictive(fit, draws=None))["pit"]
    further = (left_out["loo_pit"] - 0.5).abs() > (kept - 0.5).abs()
    assert further.mean() > 0.8, "weights must be one over the likelihood, not the likelihood"
    k = loo(fit).pointwise["pareto_k"]  # ArviZ corrects the tail's length for correlated draws
    assert np.corrcoef(left_out["pareto_k"], k)[0, 1] > 0.8


def runs_of(rows_per_run, *, sigma, run_sd, draws=60, seed=0):
    """Return a fit of six runs whose parameters are nearly known."""
    rng = np.random.default_rng(seed)
    frame = simulated.ladder(per_family=2 * rows_per_run, seed=seed)
    frame["run"] = [f"r{i // rows_per_run}" for i in range(len(frame))]
    effects = dict(zip(sorted(frame["run"].unique()), run_sd * rng.standard_normal(6), strict=True))
    frame["loss"] *= np.exp(frame["run"].map(effects) + sigma * rng.standard_normal(len(frame)))
    values = {
        "E": np.full(2 * draws, 1.7) + 0.003 * rng.standard_normal(2 * draws),
        "run_sd": run_sd * np.exp(0.3 * rng.standard_normal(2 * draws)),
        "sigma": sigma * np.exp(0.1 * rng.standard_normal(2 * draws)),
        **simulated.constant(2 * draws, A_ref=0.4, alpha=0.33, B_ref=0.45, beta=0.36, nu=20.0),
    }
    return simulated.fit_of(make_spec("chinchilla"), frame, values, draws=draws)


def brute_force(fit, points=20_001, reach=6.0):
    """Return the log marginal density per draw and run on a fine grid of run effects."""
    draws, rows = fitted_draws(fit), fit.rows
    codes, count = rows.index["run"], len(fit.coords["run"])
    v = fit.values()
    law = np.exp(log_law(fit))
    out = np.empty((draws.count, count))
    logs = np.log(fit.frame["loss"].to_numpy())
    for i in range(draws.count):
        u = np.linspace(-reach, reach, points) * v["run_sd"][i]
        prior = stats.norm.logpdf(u, 0, v["run_sd"][i])
        for k in range(count):
            chosen = np.flatnonzero(codes == k)
            z = logs[chosen][:, None] - np.log(law[i, chosen])[:, None] - u
            by_row = stats.t.logpdf(z, v["nu"][i], 0, v["sigma"][i]).sum(axis=0) - logs[chosen].sum()
            out[i, k] = np.logaddexp.reduce(by_row + prior) + np.log(u[1] - u[0])
    return out


def log_law(fit):
    from bayes_scaling.model.simulate import law_values

    return np.log(law_values(fit.spec, fit.rows.inputs, fit.values(), fit.rows.index)[0])


@pytest.mark.parametrize(
    ("rows_per_run", "sigma", "run_sd"),
    [(3, 0.02, 0.03), (3, 0.03, 0.005), (8, 0.02, 0.1), (20, 0.005, 0.1)],
    ids=["even", "no run effect to speak of", "strong", "long smooth runs"],
)
def test_run_effects_are_integrated_out(rows_per_run, sigma, run_sd):
    fit = runs_of(rows_per_run, sigma=sigma, run_sd=run_sd, draws=4)
    assert fit.spec.noise.run_effect
    names = fit.frame["family"] + "|" + fit.frame["run"]
    found, units = marginal_log_density(fitted_draws(fit), fit.rows, names.to_numpy(dtype=object))
    exact = brute_force(fit)[:, [fit.coords["run"].index(u) for u in units]]
    np.testing.assert_allclose(found, exact, atol=0.02)


def test_loo_leaves_out_whole_runs():
    fit = runs_of(4, sigma=0.02, run_sd=0.03, draws=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = loo(fit)
    assert found.table["unit"].iloc[0] == "run"
    assert len(found.pointwise) == fit.frame[["family", "run"]].drop_duplicates().shape[0]
    assert len(loo_pit(fit)) == len(fit.frame)


def test_without_a_run_effect_the_rows_are_the_units(fit):
    density, units = marginal_log_density(fitted_draws(fit), fit.rows, np.arange(36).astype(str))
    np.testing.assert_array_equal(density, log_density(fitted_draws(fit), fit.rows, None))
    assert len(units) == 36


def test_departures_that_were_sampled_by_run_are_told():
    rng, tokens = np.random.default_rng(0), np.tile(np.geomspace(1e8, 1e10, 6), 6)
    residual = 0.03 * rng.standard_normal((6, 6))
    law = 1.5 + 0.7 * (tokens / 2e10) ** -0.15
    frame = pd.DataFrame(
        {"run": np.repeat(list("abcdef"), 6), "tokens": tokens, "loss": law * np.exp(residual.ravel())}
    )
    noise = {"observation": "student_t", "discrepancy": {"kind": "ou", "over": "tokens", "by": "run"}}
    spec = make_spec("m2", inputs={"scale": "tokens"}, noise=noise)
    known = {"E": 1.5, "A_ref": 0.7, "alpha": 0.15, "sigma": 0.01, "nu": 1e3, "discrepancy_sd": 0.03}
    seen = residual + 0.01 * rng.standard_normal((400, 6, 6))  # the posterior of departures that follow the rows
    values = simulated.constant(400, **known, discrepancy_length=0.1)
    wild = simulated.fit_of(spec, frame, {**values, "discrepancy": seen})
    found = loo(wild)
    assert found.table["bad_k"].iloc[0] > 0
    assert "does not integrate it out, and elpd is too high" in found.note
    assert found.unit_of_row.tolist() == np.repeat(np.arange(6), 6).tolist()
    assert not loo(runs_of(4, sigma=0.02, run_sd=0.03, draws=200)).note


def test_draws_that_do_not_differ_are_refused():
    values = {"E": 1.5, "A_ref": 0.4, "alpha": 0.33, "B_ref": 0.45, "beta": 0.36, "sigma": 0.02, "nu": 20.0}
    stuck = {name: np.full(400, value) for name, value in values.items()}
    fit = simulated.fit_of(make_spec("chinchilla"), simulated.ladder(), stuck)
    with pytest.raises(FitError, match="a chain that does not move"):
        loo(fit)
