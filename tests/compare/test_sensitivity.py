"""Sensitivity to prior sets: many runs hold a forecast, few do not, and what runs contradict is said."""

import json
from dataclasses import replace
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayes_scaling as bs
from bayes_scaling import plots
from bayes_scaling.api.prior_sets import asked_of, card_sensitivity
from bayes_scaling.check import log_likelihood, log_prior, power_scaling
from bayes_scaling.cli import main
from bayes_scaling.compare import sensitivity
from bayes_scaling.errors import CardError, FitError, ForecastError
from bayes_scaling.fit.importance import Posterior
from bayes_scaling.fit.particles import Target
from bayes_scaling.laws.backend import link, log_jacobian, numpy_backend
from bayes_scaling.model import make_spec
from bayes_scaling.model.priors import log_density
from bayes_scaling.report.sensitivity import sensitivity_section

FAR = {"params": [7e10], "tokens": [1.4e12]}
TRUTH = {"E": 1.8, "A_ref": 0.35, "alpha": 0.35, "B_ref": 0.45, "beta": 0.36}
MODEL = {"law": "chinchilla", "noise": {"observation": "normal"}}


def runs(count, *, sigma=0.01, seed=0):
    rng = np.random.default_rng(seed)
    params = 10 ** rng.uniform(7.7, 10, count)
    tokens = params * 10 ** rng.uniform(0.3, 2.5, count)
    law = bs.laws.get("chinchilla")
    loss = law.mean(numpy_backend(), params=params, tokens=tokens, **TRUTH) * np.exp(rng.normal(0, sigma, count))
    return pd.DataFrame({"params": params, "tokens": tokens, "loss": loss})


def fitted(frame, **model):
    made = bs.ScalingModel(**MODEL, **model)
    fit = made.fit(frame, draws=500, random_seed=1, progressbar=False)
    assert fit.meta["engine"]["name"] == "importance", "the tests are to be fast"
    return fit


@pytest.fixture(scope="module")
def many():
    return fitted(runs(120))


@pytest.fixture(scope="module")
def few():
    return fitted(runs(8, sigma=0.02))


@pytest.fixture(scope="module")
def of_many(many):
    return bs.sensitivity(many, FAR, prior_sets=["symmetric", "quanta", "superposition"], kind="law")


@pytest.fixture(scope="module")
def of_few(few):
    return bs.sensitivity(few, FAR, prior_sets=["one_half", {"intrinsic_dimension": 100}], kind="law")


def test_many_runs_hold_the_forecast(of_many):
    kept = of_many.table[of_many.table["set"].isin(["symmetric", "superposition = 2.52"])]
    assert (kept["shift"].abs() < 0.25).all()
    own = of_many.power[(of_many.power["set"] == "declared") & (of_many.power["variable"] == "forecast 1")].iloc[0]
    assert own["prior"] < 0.05 < own["likelihood"]
    assert own["diagnosis"] == ""


def test_few_runs_do_not(of_few):
    shift = of_few.table.set_index("set")["shift"]
    assert shift["declared"] == 0
    assert abs(shift["intrinsic_dimension = 100"]) > 1
    assert abs(shift["one_half"]) > 0.1
    own = of_few.power[of_few.power["set"] == "declared"].set_index("variable")["prior"]
    assert own.drop("sigma").max() > 0.05


def test_what_the_runs_contradict_is_said(of_few, of_many):
    against = of_few.sets.set_index("set")["against"]
    assert "standard deviations away" in against["intrinsic_dimension = 100"]
    assert against["declared"] == against["one_half"] == ""
    tied = of_many.sets.set_index("set")["against"]
    assert "left-out rows are less likely" in tied["quanta"], "a tie states no prior; leave-one-out tells"
    assert tied["symmetric"] == tied["superposition = 2.52"] == ""
    assert any(s.startswith("The runs contradict quanta") for s in of_many.sentences)
    assert "that the runs do not contradict" in of_many.sentences[0]


def test_bayes_factors_are_those_of_the_priors_at_the_draws_of_the_base(few, of_few):
    """The evidence of a set over that of the base is the mean over its draws of one prior over the other."""
    sets = of_few.sets.set_index("set")
    spec, values = make_spec("chinchilla", prior_set="one_half"), few.values()
    ratio = sum(
        log_density(spec.prior(p), values[p.name]) - log_density(few.spec.prior(p), values[p.name])
        for p in few.spec.law.parameters
    )
    weight = np.exp(ratio)
    error = np.hypot(weight.std() / weight.mean() / np.sqrt(len(weight)), sets.loc["one_half", "mcse"])
    assert sets.loc["one_half", "log_bayes_factor"] == pytest.approx(np.log(weight.mean()), abs=4 * error)
    assert sets.loc["declared", ["log_bayes_factor", "mcse"]].tolist() == [0, 0]
    both = of_few.probability(["declared", "one_half"])
    assert both.sum() == pytest.approx(1)
    assert both["one_half"] / both["declared"] == pytest.approx(np.exp(sets.loc["one_half", "log_bayes_factor"]))
    assert any(s.startswith("Had the sets been equally likely") for s in of_few.sentences)
    with pytest.raises(CardError, match="no prior set one was compared"):
        of_few.probability(["one"])
    for none in ("one_half", []):
        with pytest.raises(CardError, match="expected a list of prior sets, of declared, "):
            of_few.probability(none)


def test_a_tie_has_a_bayes_factor_and_a_fit_by_nuts_none(of_many):
    assert of_many.probability()["quanta"] < 0.01, "planted are exponents that are nearly alike"
    by_nuts = replace(of_many, sets=of_many.sets.assign(log_bayes_factor=np.nan))
    with pytest.raises(FitError, match="no Bayes factor of symmetric"):
        by_nuts.probability(["symmetric"])
    assert not any("equally likely" in s for s in by_nuts.sentences)


def test_one_curve_tells_which_regime_it_is_in():
    """A curve in data with an exponent of 0.3, or of 1: the runs tell variance- from resolution-limited."""
    law, rng = bs.laws.get("m2").at(scale=1e9), np.random.default_rng(2)
    tokens, chosen = np.logspace(8.7, 11.2, 25), ["variance_limited", "resolution_limited"]
    for alpha, sure in ((0.3, "resolution_limited"), (1.0, "variance_limited")):
        loss = law.mean(numpy_backend(), scale=tokens, E=1.5, A_ref=1.0, alpha=alpha)
        frame = pd.DataFrame({"run": "a", "tokens": tokens, "loss": loss * np.exp(rng.normal(0, 0.01, len(tokens)))})
        noise = {"observation": "normal", "run_effect": False}
        model = bs.ScalingModel("m2", inputs={"scale": "tokens"}, reference={"scale": 1e9}, noise=noise)
        fit = model.fit(frame, draws=500, random_seed=1, progressbar=False)
        found = bs.sensitivity(fit, {"tokens": [1e12]}, prior_sets=chosen, kind="law")
        assert found.probability(chosen)[sure] > 0.9
        assert np.isnan(found.sets["se"]).all(), "one curve is one unit of leave-one-out"
        against = found.sets.set_index("set")["against"]
        assert ("alpha near 1" in against["variance_limited"]) == (alpha < 1)
        d = bs.quantity(fit, "intrinsic_dimension").draws[:, 0]
        np.testing.assert_allclose(d, 4 / fit.values()["alpha"])


def test_a_shift_is_in_widths_of_the_interval_of_the_base(of_few):
    table = of_few.table.set_index("set")
    base, other = table.loc["declared"], table.loc["one_half"]
    width = base["upper"] - base["lower"]
    assert other["shift"] == pytest.approx((other["median"] - base["median"]) / width)
    assert other["mcse_shift"] == pytest.approx(np.hypot(other["mcse_median"], base["mcse_median"]) / width)


def test_what_runs_say_has_the_prior_of_the_base_taken_out(many, of_many):
    row = of_many.parameters.iloc[0]
    alpha = np.log(many.values()["alpha"])
    assert row["parameter"] == "alpha"
    assert row["runs"] == pytest.approx(np.exp(alpha.mean()), rel=0.02), "so many runs leave little of the prior"
    assert row["upper"] / row["lower"] == pytest.approx(np.exp(2 * 1.645 * alpha.std()), rel=0.05)


def test_a_fit_under_a_set_is_that_of_a_model_with_it(few, of_few):
    again = fitted(few.frame, prior_set="one_half")
    assert again.spec.prior(again.spec.law.parameter("beta")).numbers["median"] == 0.5
    made = bs.forecast(again, FAR, kind="law", levels=[0.9])
    told = of_few.table.set_index("set").loc["one_half"]
    assert told["median"] == pytest.approx(made.median[0], abs=5 * made.mcse_median[0])


def test_log_prior_and_likelihood_are_those_of_the_posterior(few):
    posterior, xp, v = Posterior(few.spec, few.rows), numpy_backend(), few.values()
    theta = np.stack([link(xp, p.support, v[p.name]) for p in few.spec.parameters()], axis=1)
    jacobian = sum(log_jacobian(xp, p.support, theta[:, i]) for i, p in enumerate(few.spec.parameters()))
    np.testing.assert_allclose(sum(log_prior(few).values()), posterior.log_prior(theta) - jacobian, rtol=1e-9)
    expected = Target(few.spec, few.rows, np.arange(len(few.rows))).log_likelihood(theta)
    np.testing.assert_allclose(np.ptp(log_likelihood(few) - expected), 0, atol=1e-7)


def test_power_scaling_is_that_of_arviz_on_the_stated_density(few):
    import arviz_stats
    import xarray as xr

    draws = few.idata["posterior"]["alpha"]
    sigma = np.log(0.7 / 0.35) / 1.6448536269514722  # of the declared prior
    density = draws.copy(data=stats.lognorm(sigma, scale=0.35).logpdf(draws.to_numpy()))
    tree = xr.DataTree.from_dict(
        {"posterior": draws.to_dataset(name="alpha"), "log_prior": density.to_dataset(name="alpha")}
    )
    expected = float(arviz_stats.psense(tree, group="prior")["alpha"])
    told = power_scaling(few, {"twice": 2 * few.values()["alpha"]}, scaled=["alpha"]).set_index("variable")["prior"]
    assert told["alpha"] == pytest.approx(expected, rel=1e-9)
    assert told["twice"] == pytest.approx(expected, rel=1e-9), "a unit changes nothing"
    assert told["alpha"] < power_scaling(few).set_index("variable")["prior"].max()


def test_a_prior_that_is_held_is_not_scaled(few):
    import simulated

    held = {"dist": "constant", "value": 0.36}
    fit = simulated.fit_of(make_spec(**MODEL, priors={"beta": held}), few.frame, draws=100)
    names = [p.name for p in fit.spec.law.parameters]
    told = power_scaling(fit, scaled=names)
    assert "beta" not in set(told["variable"])
    pd.testing.assert_frame_equal(told, power_scaling(fit, scaled=[n for n in names if n != "beta"]))
    assert (power_scaling(fit, scaled=["beta"])["prior"] == 0).all()
    with pytest.raises(CardError, match="Did you mean 'alpha'"):
        power_scaling(fit, scaled=["alfa"])


@pytest.mark.parametrize(("level", "how"), [(0.9, "moves from"), (0.5, "moves a little from")])
def test_how_far_is_far_does_not_depend_on_the_level(of_many, level, how):
    found = replace(of_many, table=of_many.table.assign(shift=0.3), level=level)
    assert f"the median forecast {how}" in found.sentences[0]


def test_groups_and_run_effects_have_priors_too(crossed_fit):
    names = set(log_prior(crossed_fit))
    assert {"level", "slope", "level_family_sd", "run_sd"} <= names
    assert not any("effect" in name for name in names)
    assert np.isfinite(log_likelihood(crossed_fit)).all()


def test_a_likelihood_that_is_not_at_hand_is_refused(few):
    import simulated

    noise = {"observation": "normal", "discrepancy": {"kind": "ou", "over": "compute", "by": "family"}}
    frame = simulated.ladder(per_family=4).assign(compute=lambda d: 6 * d["params"] * d["tokens"])
    fit = simulated.fit_of(make_spec("chinchilla", groups=["family"], noise=noise), frame, draws=20)
    with pytest.raises(FitError, match="integrated out"):
        log_likelihood(fit)


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (["symetric"], "Did you mean 'symmetric'"),
        ("symmetric", "expected a list"),
        (["declared"], "which is the model's own"),
        (["quanta", "quanta"], "twice"),
        ([], "no prior set to compare with"),
    ],
)
def test_wrong_sets_are_refused_before_anything_is_fitted(few, sets, message):
    with pytest.raises(CardError, match=message):
        sensitivity(few, FAR, prior_sets=sets)


def test_wrong_questions_are_refused(few):
    with pytest.raises(CardError, match=r"needs points.* law chinchilla reads \(params, tokens\)"):
        bs.sensitivity(few)
    with pytest.raises(ForecastError):
        sensitivity(few, {"params": [1e9]}, prior_sets=["symmetric"])
    with pytest.raises(CardError, match="expected a Fit, a Card"):
        bs.sensitivity(3)


def test_picture_and_section_show_it(of_few):
    figure, axes = plots.sensitivity(of_few)
    assert axes.get_title(loc="left") == "Forecasts under prior sets"
    shown = {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}
    assert set(shown) == set(of_few.sets["set"])
    assert shown["intrinsic_dimension = 100"].get_markerfacecolor() == "white"
    plt.close(figure)
    section = sensitivity_section(SimpleNamespace(sensitivity=of_few))
    text = str(section.blocks)
    assert "arXiv:2004.10802" in text
    assert "The runs contradict intrinsic_dimension = 100" in text
    assert sensitivity_section(SimpleNamespace(sensitivity=None)) is None


def card(folder, **parts):
    from bayes_scaling.model.card import card_from_dict

    runs(8, sigma=0.02).to_csv(folder / "runs.csv", index=False)
    forecast = {"title": "far", "points": {"params": [7e10], "tokens": [1.4e12]}, "kind": "law"}
    check = {"prior_sets": ["symmetric", {"superposition": 3.0}]}
    data, fit = {"path": "runs.csv"}, {"draws": 300}
    table = {"name": "mine", "data": data, "model": MODEL, "fit": fit, "forecast": [forecast], "check": check, **parts}
    return card_from_dict(table, folder=folder)


def test_a_card_asks_for_it_and_is_read_back(tmp_path):
    import tomllib

    spec = card(tmp_path)
    again = tomllib.loads(spec.to_toml())
    assert again["check"] == {"prior_sets": ["symmetric", {"superposition": 3.0}]}
    study = bs.Card(spec)
    assert asked_of(study).title == "far"
    found = card_sensitivity(study, study.fit(progressbar=False))
    assert list(found.sets["set"]) == ["declared", "symmetric", "superposition = 3"]
    assert found.kind == "law"


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"check": {"prior_sets": ["symetric"]}}, "Did you mean 'symmetric'"),
        ({"check": {"prior_set": ["symmetric"]}}, "Did you mean 'prior_sets'"),
        ({"check": {"prior_sets": "symmetric"}}, "expected list"),
        ({"check": {"prior_sets": ["symmetric"], "forecast": "fat"}}, "Did you mean 'far'"),
        ({"forecast": []}, r"needs a \[\[forecast\]\] with points"),
    ],
)
def test_a_card_that_cannot_be_checked_is_refused(tmp_path, parts, message):
    with pytest.raises(CardError, match=message):
        card(tmp_path, **parts)


def test_the_command_line_prints_it(tmp_path, capsys):
    spec = card(tmp_path)
    (tmp_path / "mine.toml").write_text(spec.to_toml())
    command = ["sensitivity", str(tmp_path / "mine.toml"), "--fits", str(tmp_path), "--quiet"]
    assert main([*command, "--json", "--sets", "one_half", "superposition=3"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [s["set"] for s in told["sets"]] == ["declared", "one_half", "superposition = 3"]
    assert told["base"] == "declared"
    assert main([*command, "--sets", "superposition=wide"]) == 1
    assert "expected NAME or NAME=NUMBER" in capsys.readouterr().err
    assert main([*command, "--sets", "one_half", "--at", "params=7e10", "tokens=1.4e12", "--level", "0.5"]) == 0
    out = capsys.readouterr().out.replace("\u00a0", " ")
    assert "lower and upper: 50 % equal-tailed interval; shift: in widths of that of declared" in out
