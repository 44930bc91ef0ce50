"""Diagnostics name the cause: each failure is made on purpose and must be found, and only it."""

from dataclasses import replace

import numpy as np
import pytest
import simulated
import xarray as xr

from bayes_scaling.fit import diagnose, failure_banner
from bayes_scaling.forecasts import forecast
from bayes_scaling.model import make_spec


def changed(fit, **variables):
    """Return the fit with posterior variables replaced by functions of their values."""
    posterior = fit.idata["posterior"].to_dataset().copy(deep=True)
    for name, change in variables.items():
        posterior[name] = posterior[name].copy(data=change(posterior[name].to_numpy()))
    stats = fit.idata["sample_stats"].to_dataset()
    return replace(fit, idata=xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats}))


def failed(fit):
    return {c.name: c for c in diagnose(fit).checks if not c.ok}


def shift_one_chain(values):
    return values + np.array([0.0, 3 * values.std()])[:, None]


def test_a_shifted_chain_is_found_and_named(fit):
    bad = changed(fit, beta=shift_one_chain)
    found = failed(bad)["largest R-hat"]
    assert found.severity == "fail"
    assert "beta" in found.cause
    assert found.found > 1.5
    assert not diagnose(bad).ok


def test_one_level_of_an_effect_is_enough(fit):
    def shift_last(values):
        values = values.copy()
        values[1, :, -1] += 3 * values[..., -1].std()
        return values

    assert "E_family_effect" in failed(changed(fit, E_family_effect=shift_last))["largest R-hat"].cause


def test_slow_mixing_is_found(fit):
    slow = changed(fit, alpha=lambda v: np.sort(v, axis=1))
    assert {"smallest bulk ESS", "largest R-hat"} & set(failed(slow))
    assert not diagnose(slow).ok


def test_advice_names_settings_above_those_of_the_fit(fit):
    apart = np.array([0.0, 0.5])[:, None]  # of standard deviations: R-hat about 1.04, wherever the chains were
    narrow = changed(fit, alpha=lambda v: v - v.mean(axis=1, keepdims=True) + v.mean() + apart * v.std())
    found = failed(narrow)["largest R-hat"]
    assert found.found < 1.1
    assert found.advice == "Fit again with draws=3000, tune=2000, target_accept=0.98."
    longer = replace(narrow, meta={**fit.meta, "settings": {"draws": 3000, "tune": 2000, "target_accept": 0.99}})
    assert "draws=6000, tune=4000, target_accept=0.99" in failed(longer)["largest R-hat"].advice
    assert "Two modes" in failed(changed(fit, beta=shift_one_chain))["largest R-hat"].advice


def test_divergences_are_counted(ladder, spec):
    made = simulated.fit_of(spec, ladder, diverging=3)
    found = failed(made)["divergences"]
    assert found.found == 3
    assert "target_accept" in found.advice
    assert "divergences" not in failed(simulated.fit_of(spec, ladder))


def test_a_failed_fit_says_so_in_what_is_made_of_it(fit):
    bad = changed(fit, beta=shift_one_chain)
    assert failure_banner(fit) == ""
    assert "FIT NOT USABLE" in failure_banner(bad)
    assert "largest R-hat" in failure_banner(bad)
    assert "DIAGNOSTICS FAILED" in repr(bad)
    made = forecast(bad, {"family": ["ant"], "params": 1e10, "tokens": 2e11})
    assert made.table["warning"].str.contains("FIT NOT USABLE").all()
    assert "FIT NOT USABLE" in repr(made)
    assert "warning" not in forecast(fit, {"family": ["ant"], "params": 1e10, "tokens": 2e11}).table


def ridge_values(draws, *, noise, sd):
    """Return draws in which the floor is an exact function of amplitude and exponent, plus noise."""
    rng = np.random.default_rng(0)
    amplitude, exponent = rng.normal(size=(2, draws))
    log_floor = np.log(1.5) - sd * (0.8 * amplitude - 0.6 * exponent + noise * rng.normal(size=draws))
    return {
        "E": np.exp(log_floor), "A_ref": 0.7 * np.exp(0.2 * amplitude), "alpha": 0.15 * np.exp(0.2 * exponent),
    }  # fmt: skip


def test_the_ridge_is_named():
    frame = simulated.ladder().assign(compute=lambda t: 6 * t["params"] * t["tokens"])
    spec, name = make_spec("power_law"), "ridge of floor, amplitude and exponent (R2)"
    ridge = simulated.fit_of(spec, frame, ridge_values(400, noise=0.05, sd=0.3))
    found = failed(ridge)[name]
    assert found.severity == "warn"
    assert "E, A_ref, alpha" in found.cause
    assert name not in failed(simulated.fit_of(spec, frame, ridge_values(400, noise=2.0, sd=0.3)))
    narrow = simulated.fit_of(spec, frame, ridge_values(400, noise=0.05, sd=0.02))
    assert name not in failed(narrow), "correlated but well known is no problem"


def test_laws_without_a_floor_have_no_ridge(ladder):
    kaplan = simulated.fit_of(make_spec("kaplan"), ladder)
    assert not [c for c in diagnose(kaplan).checks if c.name.startswith("ridge")]


def test_tokens_tied_to_params_are_named(spec, ladder):
    tied = simulated.fit_of(spec, simulated.ladder(tokens_per_param=20.0))
    name = "spread of log10 tokens not explained by params"
    assert failed(tied)[name].found == pytest.approx(0, abs=1e-6)
    assert name not in failed(simulated.fit_of(spec, ladder))


def test_a_posterior_that_is_its_prior_is_named(fit, spec, ladder):
    prior_only = simulated.fit_of(spec, ladder, draws=2000)
    assert "its posterior is its prior" in failed(prior_only)["largest posterior to prior sd"].cause
    assert "largest posterior to prior sd" not in failed(fit)


def test_one_chain_cannot_be_checked(spec, ladder):
    one = simulated.fit_of(spec, ladder, chains=1, draws=1000)
    assert "one chain" in failed(one)["largest R-hat"].cause
    assert not diagnose(one).ok
