"""Sampling: the same seed gives the same numbers, compiled once, and finds a planted truth."""

from dataclasses import replace

import numpy as np
import pytest
import simulated
import xarray as xr

from bayes_scaling.errors import FitError, ForecastError, InterruptedFitError
from bayes_scaling.fit import SamplerSettings, diagnose, sample
from bayes_scaling.fit import sampler as sampler_room
from bayes_scaling.model import encode

SHORT = SamplerSettings(draws=30, tune=60, chains=2)


def posterior(tree):
    return {str(k): v.to_numpy() for k, v in tree["posterior"].to_dataset().data_vars.items()}


def same(a, b):
    return all(np.array_equal(a[k], b[k]) for k in a) and set(a) == set(b)


def other_table(spec):
    """Return rows of another table of the same structure and another length."""
    frame = simulated.ladder(per_family=9, seed=8)
    frame["loss"] += 0.5
    return encode(spec, frame)[1]


def test_same_seed_same_numbers(sampler):
    first, again, other = (posterior(sampler.sample(SHORT, seed=s)) for s in (7, 7, 8))
    assert same(first, again)
    assert not same(first, other)


def test_other_rows_need_no_new_compilation(sampler, spec, ladder):
    before = posterior(sampler.sample(SHORT, seed=7))
    shifted = posterior(sampler.sample(SamplerSettings(100, 200, 2), seed=7, rows=other_table(spec)))
    assert shifted["E"].mean() - simulated.FLOORS["bee"] == pytest.approx(0.5, abs=0.25)
    assert same(before, posterior(sampler.sample(SHORT, seed=7))), "swapped rows must not stay behind"
    assert same(before, posterior(sampler.sample(SHORT, seed=7, rows=encode(spec, ladder)[1])))


def test_rows_with_other_levels_are_refused(sampler, spec, ladder):
    renamed = encode(spec, ladder.replace({"family": {"bee": "wasp"}}))[1]
    with pytest.raises(FitError, match=r"wasp|bee|level"):
        sampler.sample(SHORT, seed=7, rows=renamed)


def test_counts_can_be_swapped_without_compiling():
    """Every outcome the likelihood reads must be among the values that another table replaces."""
    from bayes_scaling.model import build

    spec, rows = encode(simulated.crossed_spec(observation="beta_binomial"), simulated.benchmarks())
    model = build(spec, rows)
    logp = model.compile_logp(vars=[*model.observed_RVs, *model.potentials], mode="FAST_COMPILE")
    point = model.initial_point()
    before = logp(point)
    uncompiled = object.__new__(sampler_room.Sampler)
    uncompiled.spec, uncompiled._coords, uncompiled._inputs = spec, rows.coords, set(rows.inputs)
    lower = replace(rows, frame=rows.frame.assign(accuracy=rows.frame["accuracy"] * 0.5))
    for name, value in uncompiled._updates(lower).items():  # as nutpie: cast, then set
        model[name].set_value(value.astype(model[name].dtype))
    changed = logp(point)
    assert changed != before, "the outcome is baked into the graph, a swap would be ignored"
    fresh = build(spec, lower)
    expected = fresh.compile_logp(vars=[*fresh.observed_RVs, *fresh.potentials], mode="FAST_COMPILE")(point)
    assert changed == pytest.approx(expected, rel=1e-12)


def test_beta_noise_is_compiled_anew_for_other_rows(monkeypatch):
    """Which rows are censored is part of the graph."""
    spec, rows = encode(simulated.crossed_spec(observation="beta"), simulated.benchmarks(n_items=False))
    old = object.__new__(sampler_room.Sampler)
    old.spec, old._coords = spec, rows.coords
    lower = replace(rows, frame=rows.frame.assign(accuracy=rows.frame["accuracy"] * 0.5))

    class Fresh:
        def __init__(self, spec, rows):
            self.rows = rows

        def sample(self, settings, **options):
            return self.rows

    monkeypatch.setattr(sampler_room, "Sampler", Fresh)
    assert old.sample(SHORT, seed=1, rows=lower) is lower


def test_planted_truth_is_found(fit):
    values = fit.values()
    truth = {k: v for k, v in simulated.TRUTH.items() if k != "nu"}
    for name, true in truth.items():
        z = (np.log(values[name]).mean() - np.log(true)) / np.log(values[name]).std()
        assert abs(z) < 4, (name, z)
    floors = values["E"][:, None] * np.exp(values["E_family_effect"])
    for i, family in enumerate(fit.coords["family"]):
        assert abs(floors[:, i].mean() - simulated.FLOORS[family]) < 4 * floors[:, i].std(), family
    assert values["E"].std() < 0.6, "narrower than the prior's sd"


def test_a_fit_keeps_where_it_came_from(fit, ladder, settings):
    assert fit.meta["seed"] == 1
    assert fit.meta["settings"] == vars(settings)
    assert {"pymc", "nutpie", "arviz", "numpy", "python"} <= set(fit.meta["versions"])
    assert len(fit.meta["data_hash"]) == 64
    assert len(fit.frame) == len(ladder)
    assert fit.coords == {"family": ["ant", "bee", "cat"]}
    with pytest.raises(AttributeError):
        fit.meta = {}


def test_published_names_are_in_the_posterior(fit):
    values = fit.values()
    np.testing.assert_allclose(values["A"], values["A_ref"] * 1e9 ** values["alpha"], rtol=1e-10)
    np.testing.assert_allclose(values["B"], values["B_ref"] * 2e10 ** values["beta"], rtol=1e-10)
    assert not [n for n in values if n.endswith("_z")]


def test_values_are_thinned_together(fit):
    some, whole = fit.values(50), fit.values()
    rows = [int(np.flatnonzero(whole["E"] == e)[0]) for e in some["E"]]
    assert len(rows) == 50
    for name in ("alpha", "E_family_effect"):
        np.testing.assert_array_equal(some[name], whole[name][rows])


def test_summary_columns_and_numbers(fit):
    table = fit.summary(var_names=["alpha", "E_family_effect"])
    assert list(table.columns) == [
        "mean", "sd", "median", "lower", "upper", "level", "interval", "mcse_mean", "mcse_median",
        "ess_bulk", "ess_tail", "r_hat",
    ]  # fmt: skip
    assert len(table) == 4
    alpha = fit.values()["alpha"]
    row = table.loc["alpha"]
    assert row["median"] == pytest.approx(np.median(alpha))
    assert [row["lower"], row["upper"]] == pytest.approx(list(np.quantile(alpha, [0.05, 0.95])), rel=0.01)
    assert 0 < row["mcse_mean"] < row["sd"] / 5
    half = fit.summary(var_names=["alpha"], level=0.5, interval="hdi").loc["alpha"]
    assert (half["upper"] - half["lower"]) < (row["upper"] - row["lower"])
    assert half["interval"] == "hdi"
    inside = ((alpha >= half["lower"]) & (alpha <= half["upper"])).mean()
    assert inside == pytest.approx(0.5, abs=2 / alpha.size**0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"var_names": ["alhpa"]}, r"Did you mean 'alpha'"),
        ({"level": 90}, "fraction between 0 and 1"),
        ({"interval": "hpd"}, r"expected eti, hdi.*Did you mean 'hdi'"),
    ],
)
def test_summary_refuses(fit, options, message):
    with pytest.raises(ForecastError, match=message):
        fit.summary(**options)


@pytest.mark.parametrize(
    "wrong",
    [{"draws": 0}, {"chains": 1.5}, {"tune": True}, {"target_accept": 1.0}, {"adaptation": "lowrank"}],
    ids=str,
)
def test_settings_are_checked(wrong):
    with pytest.raises(FitError, match=next(iter(wrong))):
        SamplerSettings(**wrong)


@pytest.mark.parametrize("seed", [-1, 1.5, "one", True])
def test_a_seed_is_a_whole_number(spec, ladder, seed):
    with pytest.raises(FitError, match="random_seed"):
        sample(spec, ladder, random_seed=seed, progressbar=False)


def test_an_interrupted_fit_keeps_nothing(monkeypatch, sampler, spec, ladder, settings, tmp_path):
    """Nutpie returns the draws it has when it is interrupted; those are not a fit."""
    import nutpie

    import bayes_scaling.fit.sample as sample_module  # noqa: F401

    short = sampler.sample(SHORT, seed=1)
    monkeypatch.setattr(nutpie, "sample", lambda *a, **k: short)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InterruptedFitError, match=r"interrupted after 30 of 1500 draws; nothing was kept"):
        sampler.sample(settings, seed=1)
    none = xr.DataTree.from_dict({"posterior": short["posterior"].to_dataset().isel(draw=slice(0))})
    monkeypatch.setattr(nutpie, "sample", lambda *a, **k: none)
    with pytest.raises(InterruptedFitError, match=r"interrupted during compilation or warm-up"):
        sampler.sample(settings, seed=1)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_passes_through(monkeypatch, sampler, settings):
    import nutpie

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(nutpie, "sample", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sampler.sample(settings, seed=1)


def test_a_sampler_that_cannot_start_says_what_to_look_at(monkeypatch, sampler, settings):
    import nutpie

    def failed(*args, **kwargs):
        raise RuntimeError("bad initial point")

    monkeypatch.setattr(nutpie, "sample", failed)
    with pytest.raises(FitError, match=r"bad initial point.*sample_prior_predictive"):
        sampler.sample(settings, seed=1)


def test_a_good_fit_passes(fit):
    diagnosis = diagnose(fit)
    assert diagnosis.ok, diagnosis.problems
    assert "fit usable" in repr(diagnosis)
    table = diagnosis.table()
    assert {"name", "found", "expected", "ok", "severity", "cause", "advice"} <= set(table.columns)
    assert {"largest R-hat", "divergences", "smallest bulk ESS"} <= set(table["name"])
    assert table.loc[table["ok"], ["cause", "advice"]].eq("").all(axis=None), "no alarm beside a passed check"
    assert "diagnostics passed" in repr(fit)
    assert "36 rows, 2 x" in repr(fit)
    told = replace(fit, meta={**fit.meta, "left_out": {"no loss": 2, "flag doubtful": 1}})
    assert "36 rows (3 left out: no loss: 2, flag doubtful: 1)" in repr(told)
    assert "notice" not in repr(replace(fit, meta={**fit.meta, "notices": []}))
    told = replace(fit, meta={**fit.meta, "notices": ["one thing.", "another."]})
    assert ", 2 notices in .meta['notices']>" in repr(told)
