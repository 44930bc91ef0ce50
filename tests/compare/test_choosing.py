"""Laws compared on one table: the true one wins, weights add up, what is left out says why, rows are the same."""

from dataclasses import replace
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import simulated

import bayes_scaling as bs
from bayes_scaling import compare, plots
from bayes_scaling.compare import candidates as room
from bayes_scaling.compare import choosing
from bayes_scaling.compare.choice import apart
from bayes_scaling.compare.stacking import LEAST_UNITS
from bayes_scaling.errors import CardError, DataError, FitError, ForecastError
from bayes_scaling.model import encode, make_spec

NAMES = ["chinchilla", "power_law", "kaplan"]
SHORT = bs.SamplerSettings(draws=250)


@pytest.fixture(scope="module")
def runs():
    """Runs under Chinchilla's law on a grid of sizes and tokens per parameter; the index is not 0 to n - 1."""
    t, rng = simulated.TRUTH, np.random.default_rng(4)
    grid = bs.grid(params=np.geomspace(3e7, 1e10, 10), ratio=np.geomspace(1, 1000, 6))
    params, tokens = grid["params"], grid["params"] * grid["ratio"]
    law = simulated.FLOORS["ant"] + t["A_ref"] * (params / 1e9) ** -t["alpha"]
    law += t["B_ref"] * (tokens / 2e10) ** -t["beta"]
    loss = law * np.exp(0.005 * rng.standard_normal(60))
    return pd.DataFrame({"params": params, "tokens": tokens, "loss": loss}).rename(lambda i: 10 * i + 3)


@pytest.fixture(scope="module")
def found(runs):
    """Three laws that the table allows and two that it does not."""
    return compare.laws(runs, [*NAMES, "routed", "sigmoid"], settings=SHORT, random_seed=1, progressbar=False)


def allowed(runs, laws, **changed):
    flags = changed.pop("exclude_flags", ())
    return room.candidates(runs, laws, options=room.Options(**changed), exclude_flags=flags)


# ---- what is found --------------------------------------------------------------------------


def test_the_true_law_wins(found):
    ranked = found.ranking.set_index("law")
    assert ranked["usable"].all()
    assert ranked["elpd_diff"].idxmin() == "chinchilla"
    assert ranked["lpd_diff"].idxmin() == "chinchilla"
    assert apart(ranked.loc["power_law", "elpd_diff"], ranked.loc["power_law", "elpd_diff_se"])
    assert ranked.index[0] == "chinchilla"
    assert ranked.loc["chinchilla", "loo_weight"] > 0.9
    assert ranked["backtest_weight"].idxmax() == "chinchilla"
    assert (ranked["engine"] == "importance").all()


def test_weights_add_up_and_differences_are_of_the_densities(found):
    ranked = found.ranking.set_index("law")
    for by in ("loo", "backtest"):
        assert sum(found.stack_weights(by).values()) == pytest.approx(1, abs=1e-9)
    each = np.column_stack([found.loos[n].pointwise["elpd"] for n in NAMES])
    behind = each[:, [0]] - each
    np.testing.assert_allclose(ranked.loc[NAMES, "elpd_diff"], behind.sum(axis=0), atol=1e-9)
    np.testing.assert_allclose(ranked.loc[NAMES, "elpd_diff_se"], np.sqrt(60) * behind.std(axis=0, ddof=1), atol=1e-9)
    np.testing.assert_allclose(ranked.loc[NAMES, "elpd_loo"], each.sum(axis=0))
    for name, one in found.backtests.items():
        assert ranked.loc[name, "lpd"] == pytest.approx(one.frame["lpd"].mean())
        assert ranked.loc[name, "median_error"] == pytest.approx(one.frame["relative_error"].median())
        assert ranked.loc[name, "coverage90"] == pytest.approx(one.frame["covered_90"].mean())
        assert set(one.frame["table_row"]) <= set(range(3, 603, 10)), "rows of the table that was given"


def test_a_comparison_is_the_fits_and_backtests_one_would_make(found, runs):
    alone = bs.ScalingModel("kaplan").fit(runs, draws=250, random_seed=1, progressbar=False)
    np.testing.assert_array_equal(alone.values()["alpha_N"], found.fits["kaplan"].values()["alpha_N"])
    again = compare.backtest(
        make_spec("kaplan"), runs, over="compute", settings=SHORT, random_seed=1, workers=0, progressbar=False
    )
    pd.testing.assert_series_equal(again.frame["lpd"], found.backtests["kaplan"].frame["lpd"])


def test_what_is_left_out_names_the_columns_and_what_they_mean(found):
    left = found.table.set_index("law")
    assert left.loc["routed", "left_out"] == "missing columns"
    reason = left.loc["routed", "reason"]
    assert "no column 'active_params' (parameters used per token" in reason
    assert "no column 'experts' (experts per routed layer E" in reason
    assert left.loc["sigmoid", "left_out"] == "other outcome"
    assert left.loc["sigmoid", "reason"] == "it describes accuracy, not loss"
    assert left.loc[["routed", "sigmoid"], "elpd_loo"].isna().all()
    assert "left out: routed (missing columns): no column 'active_params'" in found.text()
    assert "cov90_lo, cov90_hi: 90" in found.text()


def test_words(found):
    told = " ".join(found.sentences)
    assert "3 of 5 laws were fitted to the same 60 rows of loss; 3 fits are usable." in told
    assert "Another run like these (leave-one-out): chinchilla predicts best;" in told
    assert "Larger runs (compute above max/10;" in told
    assert "Stack for larger runs, by the backtest: chinchilla 0." in told
    assert "<LawComparison of 3 laws of loss>" in repr(found)
    assert found.weights.units < LEAST_UNITS
    assert "those of the backtest are equal" in told
    many = replace(found, weights=replace(found.weights, units=LEAST_UNITS))
    assert "those of the backtest have a prior towards equal ones" in " ".join(many.sentences)
    one = replace(found, table=found.table[found.table["law"] == "kaplan"])
    assert one.sentences[0] == "1 of 1 law was fitted to the same 60 rows of loss; 1 fit is usable."
    assert "chinchilla" in found._repr_html_()


def test_intervals_that_are_too_narrow_for_larger_runs_are_named(found):
    def told(**kaplan):
        table = found.table.set_index("law")
        table.loc[["kaplan"], list(kaplan)] = list(kaplan.values())
        return " ".join(replace(found, table=table.reset_index()).sentences).replace("\u00a0", " ")

    share = found.ranking.set_index("law").loc["chinchilla", "coverage90"]
    wide, narrow = told(coverage90=0.8, coverage90_hi=0.95), told(coverage90=0.5, coverage90_hi=0.8)
    assert f"equal-tailed intervals of chinchilla hold {100 * share:.0f} % of the held-out rows (90 % equal" in wide
    assert "Too narrow" not in wide
    assert "Too narrow for larger runs are those of kaplan (50 %): a discrepancy (noise=) widens them." in narrow


def test_the_stack_forecasts(found):
    points = bs.grid(params=[1e10, 1e11], tokens=[1e12])
    made = found.forecast(points, weights="loo", levels=(0.9,))
    assert made.title.startswith("mixture of chinchilla 1.00")
    assert set(made.table["level"]) == {0.9}
    assert set(made.table["interval"]) == {"eti"}
    t = simulated.TRUTH
    size, data = t["A_ref"] * (points["params"] / 1e9) ** -t["alpha"], t["B_ref"] * 50 ** -t["beta"]
    truth = simulated.FLOORS["ant"] + size + data
    assert ((made.table["lower"] < truth) & (truth < made.table["upper"])).all()
    only = found.forecast(points, weights={"kaplan": 1.0})
    assert sorted(only.draws[:, 0]) == sorted(bs.forecast(found.fits["kaplan"], points).draws[:, 0])


def test_the_picture_shows_the_table(found):
    figure, axes = plots.law_comparison(found)
    assert len(axes) == 3
    ranked = found.ranking
    np.testing.assert_allclose(axes[1].lines[-2].get_xdata(), ranked["lpd_diff"])
    assert [t.get_text() for t in axes[0].get_yticklabels()] == ranked["law"].tolist()
    plt.close(figure)
    with pytest.raises(ForecastError, match="Did you mean 'weights'"):
        plots.law_comparison(found, show=["weight"])


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda c: c.stack_weights("looo"), "Did you mean 'loo'"),
        (lambda c: c.forecast({"params": [1e9]}), "law chinchilla of the stack: .*tokens"),
        (lambda c: c.forecast({"params": [1e9]}, weights={"chinchila": 1.0}), "Did you mean 'chinchilla'"),
        (lambda c: c.forecast({"params": [1e9], "tokens": [1e10]}, weights={"kaplan": 0.5}), "add up to 1"),
    ],
)
def test_a_stack_that_cannot_be_made_says_why(found, ask, told):
    with pytest.raises(ForecastError, match=told):
        ask(found)


@pytest.mark.parametrize(
    ("difference", "se", "expected"),
    [(3.9, 0.1, False), (4.1, 1.0, True), (30.0, 20.0, False), (30.0, 14.0, True), (5.0, np.nan, False)],
)
def test_when_laws_are_told_apart(difference, se, expected):
    assert apart(difference, se) is expected


# ---- which laws a table allows --------------------------------------------------------------


def test_all_laws_that_the_columns_allow(runs):
    unique = np.where(np.arange(60) < 20, runs["tokens"] / 2, np.nan)
    found = allowed(runs.assign(unique_tokens=unique), None)
    assert {*NAMES, "m2", "over_training"} <= set(found.specs)
    assert all(i.column in ("params", "tokens", "compute") for s in found.specs.values() for i in s.law.inputs)
    left = {o.law: o for o in found.left_out}
    assert left["sigmoid"].kind == room.OTHER
    assert left["routed"].kind == room.MISSING
    assert set(left) | set(found.specs) == set(bs.laws.available())
    assert left["data_constrained"].kind == room.SPARSE, "a law that nobody named does not cost the others most rows"
    assert "unique_tokens is missing in 40 of 60 rows" in left["data_constrained"].reason
    assert len(found.frame) == 60


def test_laws_are_compared_on_the_rows_that_all_can_use(runs):
    frame = runs.assign(unique_tokens=np.where(np.arange(60) < 25, runs["tokens"] / 2, np.nan))
    frame.loc[frame.index[:2], "loss"] = np.nan
    found = allowed(frame, ["chinchilla", "data_constrained"])
    assert found.frame.index.tolist() == list(range(23, 253, 10))
    told = " ".join(found.notes)
    assert "data_constrained: unique_tokens is missing in 35 of 58 rows." in told
    assert "all laws are compared on the 23 of 58 rows that each can use." in told
    assert "2 of 60 rows have no loss" in told
    settled = [encode(s, found.frame)[1].frame["params"] for s in found.specs.values()]
    pd.testing.assert_series_equal(*settled)


def test_flagged_rows_that_are_compared_are_told(runs):
    flags = np.where(np.arange(60) < 4, "high_loss_outlier", np.where(np.arange(60) < 9, "derived_tokens", ""))
    told = "bear the flags high_loss_outlier (4); exclude_flags leaves"
    assert told in " ".join(allowed(runs.assign(flags=flags), ["chinchilla"]).notes)
    left_out = allowed(runs.assign(flags=flags), ["chinchilla"], exclude_flags=["high_loss_outlier"])
    assert "flags" not in " ".join(left_out.notes), "derived values are no doubt"


def test_a_law_that_the_shared_rows_do_not_identify_costs_no_rows(runs):
    place = np.arange(60)
    frame = runs.assign(
        unique_tokens=np.where(place < 25, runs["tokens"] / 2, np.nan), experts=8.0,
        active_params=np.select([place < 10, place < 25], [np.nan, 1e9], runs["params"]),
    )  # fmt: skip
    found = allowed(frame, ["chinchilla", "data_constrained", "routed"])
    assert list(found.specs) == ["chinchilla", "data_constrained"]
    assert {o.law: o.kind for o in found.left_out} == {"routed": room.UNIDENTIFIED}
    assert found.frame.index.tolist() == list(range(3, 253, 10)), "10 of them have no active_params"
    assert not any("routed" in note for note in found.notes)


def test_values_outside_the_domain_and_one_size_only_are_reasons(runs):
    frame = runs.assign(streams=0.5, experts=8.0, active_params=1e9, unique_tokens=2 * runs["tokens"])
    found = allowed(frame, ["chinchilla", "parallel_streams", "data_constrained", "routed"])
    left = {o.law: o for o in found.left_out}
    assert list(found.specs) == ["chinchilla"]
    assert left["parallel_streams"].kind == room.DOMAIN
    assert "column 'streams', rows 3, 13" in left["parallel_streams"].reason
    assert left["data_constrained"].kind == room.DOMAIN
    assert "row 3 with" in left["data_constrained"].reason
    assert left["routed"].kind == room.UNIDENTIFIED
    assert "takes one value" in left["routed"].reason


def test_settings_are_shared_where_they_apply(runs):
    frame = runs.assign(family=["a", "b"] * 30)
    found = allowed(
        frame, ["chinchilla", "kaplan", "m2"], groups=("family",), pooling={"E": "partial", "alpha": "none"},
        noise={"observation": "normal"}, inputs={"scale": "tokens"},
    )  # fmt: skip
    assert all(s.noise.observation == "normal" and s.groups == ("family",) for s in found.specs.values())
    assert found.specs["chinchilla"].pooling["alpha"] == {"family": "none"}
    assert "alpha" not in found.specs["kaplan"].pooling
    assert found.specs["m2"].law.scales == {"scale": "tokens"}
    assert "pooling of E applies to chinchilla, m2 only: the other laws have no E." in found.notes


def test_a_model_of_ones_own_stands_for_its_law(runs):
    frame = runs.assign(family=["a", "b"] * 30)
    own = bs.ScalingModel("chinchilla", groups=["family"], priors={"E": bs.Prior("lognormal", median=1.6, upper95=2.0)})
    found = room.candidates(frame, ["chinchilla", "kaplan"], options=room.Options.like(own.spec))
    assert found.specs["chinchilla"] is own.spec
    assert found.specs["kaplan"].groups == ("family",)
    none = bs.ScalingModel("chinchilla", groups=["family"], pooling={"A_ref": "none"})
    without = room.candidates(frame, ["kaplan", "log_compute"], options=room.Options.like(none.spec))
    assert list(without.specs) == ["kaplan", "log_compute"], "what only the model's own law has is no typo"
    two = allowed(frame, {"plain": "chinchilla", "mine": own})
    assert [s.law.name for s in two.specs.values()] == ["chinchilla", "chinchilla"]
    assert two.specs["mine"] is own.spec


def test_rows_with_a_flag_are_used_by_no_law(runs):
    frame = runs.assign(flags=["doubtful", *[""] * 59])
    found = allowed(frame, NAMES, exclude_flags=["doubtful"])
    sizes = {len(encode(s, found.frame, exclude_flags=["doubtful"])[1]) for s in found.specs.values()}
    assert sizes == {59}


@pytest.mark.parametrize(
    ("ask", "error", "told"),
    [
        (lambda t: compare.laws(t, ["chinchila"]), CardError, "Did you mean 'chinchilla'"),
        (lambda t: compare.laws(t, []), CardError, "laws is empty"),
        (lambda t: compare.laws(t, ["kaplan", "kaplan"]), CardError, "kaplan is given twice"),
        (lambda t: compare.laws(t, ["kaplan"], pooling={"EE": "partial"}), CardError, "pooling names 'EE'"),
        (lambda t: compare.laws(t, ["kaplan"], groups=["famly"]), DataError, "groups names 'famly'"),
        (lambda t: compare.laws(t, ["kaplan"], outcome="los"), CardError, "Did you mean 'loss'"),
        (lambda t: compare.laws(t, ["sigmoid"]), DataError, r"no accuracy \(share of items answered right; fraction\)"),
        (lambda t: compare.laws(t, ["routed"]), DataError, "none of the laws.*routed: no column 'active_params'"),
        (lambda t: compare.laws(t.assign(loss=-1.0)), DataError, "above 0"),
        (lambda t: compare.laws("runs.csv"), DataError, "pandas.DataFrame"),
        (lambda t: compare.laws(t, ["kaplan"], exclude_flags=["odd"]), CardError, "exclude_flags names 'odd'"),
        (lambda t: compare.laws(t, ["kaplan"], like="chinchilla"), CardError, "expected a ScalingModel"),
        (lambda t: compare.laws(t, ["kaplan"], beyond=0.5), ForecastError, "expected a factor above 1"),
        (lambda t: compare.laws(t, ["kaplan"], over="toknes"), ForecastError, "Did you mean 'tokens'"),
    ],
)  # fmt: skip
def test_bad_input_is_explained_before_anything_is_fitted(runs, monkeypatch, ask, error, told):
    def sampled(*args, **kwargs):
        raise AssertionError("it is sampled")

    monkeypatch.setattr("bayes_scaling.compare.choosing.sample", sampled)
    with pytest.raises(error, match=f"(?s){told}"):
        ask(runs)


# ---- fits that fail -------------------------------------------------------------------------


def prior_fits(monkeypatch, diverging=(), failing=()):
    """Give laws draws of their prior in place of fits; some have divergences, some cannot be fitted."""

    def made(spec, frame, **_):
        if spec.law.name in failing:
            raise FitError("the sampler stopped.")
        return simulated.fit_of(spec, frame, chains=4, draws=250, diverging=int(spec.law.name in diverging))

    monkeypatch.setattr("bayes_scaling.compare.choosing.sample", made)


def test_fits_that_are_not_usable_come_last_without_weight(runs, monkeypatch):
    prior_fits(monkeypatch, diverging=["chinchilla"], failing=["m2"])
    found = compare.laws(runs, [*NAMES, "m2"], backtest=False, progressbar=False)
    ranked = found.ranking.set_index("law")
    assert ranked.index[-1] == "chinchilla"
    assert ranked.loc["chinchilla", ["elpd_diff"]].notna().all()
    assert set(found.stack_weights()) == {"power_law", "kaplan"}
    assert "FIT NOT USABLE of chinchilla" in found.banner
    assert "divergences" in ranked.loc["chinchilla", "warning"]
    assert {o.law: o.kind for o in found.left_out} == {"m2": "could not be fitted"}
    assert found.weights is None
    with pytest.raises(ForecastError, match="no weights by backtest"):
        found.stack_weights("backtest")
    prior_fits(monkeypatch, diverging=["power_law", "kaplan"])
    none = compare.laws(runs, ["power_law", "kaplan"], backtest=False, progressbar=False)
    assert sum(none.stack_weights().values()) == pytest.approx(1)
    assert "0 fits are usable." in none.text()
    assert none.banner == "FIT NOT USABLE of kaplan, power_law: do not quote their figures"
    prior_fits(monkeypatch, failing=NAMES)
    with pytest.raises(FitError, match="none of chinchilla, power_law, kaplan could be fitted"):
        compare.laws(runs, NAMES, backtest=False, progressbar=False)


def test_scores_that_are_no_densities_of_one_kind_are_told():
    def fit(observation, *accuracy):
        spec = SimpleNamespace(noise=SimpleNamespace(observation=observation))
        return SimpleNamespace(spec=spec, frame=pd.DataFrame({"accuracy": accuracy}))

    one, other = fit("beta_binomial", 0.0, 0.5, 1.0), fit("logistic", 0.0, 0.5, 1.0)
    note = choosing._of_ends({"sigmoid": one, "capability": other})
    assert "2 rows have an accuracy of 0 or 1, where capability tell a probability and sigmoid a density" in note[0]
    assert choosing._of_ends({"sigmoid": one, "turning": one}) == []
    within = {"sigmoid": fit("beta_binomial", 0.1), "capability": fit("logistic", 0.1)}
    assert choosing._of_ends(within) == []


def test_one_usable_law_has_the_whole_weight_and_the_others_their_scores(found):
    table, weights, _ = choosing._backtest_scores(found.backtests, ["power_law"])
    ranked = found.ranking.set_index("law")
    pd.testing.assert_series_equal(table["lpd"], ranked["lpd"], check_index=False, check_names=False)
    assert weights.table[["law", "weight"]].to_numpy().tolist() == [["power_law", 1.0]]
    assert weights.units == found.weights.units
    assert table["backtest_weight"].dropna().to_dict() == {"power_law": 1.0}
    assert table["lpd_diff"].notna().all()
    assert table.loc["chinchilla", "lpd_diff"] < 0 == table.loc["power_law", "lpd_diff"], "behind the usable one's"


def test_held_out_rows_without_density_cost_no_fits(found):
    one = found.backtests["kaplan"]
    odd = {**found.backtests, "kaplan": replace(one, frame=one.frame.assign(lpd=np.nan))}
    table, weights, notes = choosing._backtest_scores(odd, list(odd))
    assert weights is None
    assert "log density that is missing" in notes[-1]
    assert table["lpd_diff"].isna().all(), "ranked by leave-one-out then"
    assert table.loc["chinchilla", "crps"] == found.ranking.set_index("law").loc["chinchilla", "crps"]


def test_a_table_that_cannot_be_split_is_ranked_by_leave_one_out(runs, monkeypatch):
    prior_fits(monkeypatch)
    narrow = runs.assign(tokens=1e19 / runs["params"] * np.linspace(1, 3, 60))
    found = compare.laws(narrow, ["chinchilla", "power_law"], progressbar=False)
    assert found.backtests == {}
    assert "there is no backtest: compute above max/10: no row is left to train on" in " ".join(found.notes)
    assert sum(found.stack_weights().values()) == pytest.approx(1)
    one = compare.laws(narrow, "power_law", progressbar=False)
    assert one.stack_weights() == {"power_law": 1.0}
    assert "predicts best" not in one.text()
