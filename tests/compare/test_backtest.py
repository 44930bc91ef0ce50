"""Backtests: what is held out, scores against hand-computed values, gaps that are always named."""

import sys
import zlib

import numpy as np
import pandas as pd
import pytest
import simulated
from scipy import stats

import bayes_scaling as bs
from bayes_scaling.compare import Backtest, backtest, coverage, score
from bayes_scaling.compare.backtest import rows_of_table
from bayes_scaling.compare.folds import Split, make_folds, scale_of
from bayes_scaling.errors import CardError, FitError, ForecastError
from bayes_scaling.fit import Job, SamplerSettings, kept, many
from bayes_scaling.model import encode, make_spec

SHORT = SamplerSettings(draws=40, tune=80, chains=2)


# ---- what is held out -----------------------------------------------------------------------


def curves(lengths=(6, 9), **columns):
    """Return learning curves in factors of two of the steps, the second one longer."""
    rows = [
        {"family": "f", "run": f"curve {i}", "step": 100.0 * 2**k, "compute": 1e18 * 2**k, "loss": 3.0 - 0.1 * k}
        for i, length in enumerate(lengths)
        for k in range(length)
    ]
    return pd.DataFrame(rows).assign(**columns)


def folds_of(spec, frame, **split):
    return make_folds(*encode(spec, frame), Split(**split))


PLAIN = make_spec("power_law", noise={"run_effect": False})


def test_cuts_in_every_curve_separately():
    made = folds_of(PLAIN, curves(), over="step", beyond=[4], within="run")
    (fold,) = made.folds
    assert fold.name == "step above max/4 of each run"
    np.testing.assert_array_equal(fold.train, [True] * 4 + [False] * 2 + [True] * 7 + [False] * 2)
    np.testing.assert_allclose(fold.cut, [800.0] * 6 + [6400.0] * 9)
    np.testing.assert_allclose(fold.horizon[~fold.train], [2, 4, 2, 4])
    assert set(made.unit) == {"f|curve 0", "f|curve 1"}
    assert made.unit_name == "run"


def test_a_run_that_a_cut_over_all_rows_takes_whole_is_told():
    frame = curves()
    frame.loc[frame["run"] == "curve 0", "compute"] *= 1e6
    grouped = make_spec("power_law", groups=["run"], pooling={"E": {"run": "partial"}}, noise={"run_effect": False})
    made = folds_of(grouped, frame, cuts=[1e20])
    assert "1 run have no training row (f|curve 0); they are forecast as new ones." in made.notices[0]


def test_cuts_over_all_rows():
    made = folds_of(PLAIN, curves(), beyond=[16, 2], cuts=[1e19])
    assert [f.name for f in made.folds] == ["compute above 1e+19", "compute above max/16", "compute above max/2"]
    absolute, far, _ = made.folds
    assert absolute.train.sum() == 8, "1e18 to 8e18 in both"
    np.testing.assert_array_equal(far.train, [True] * 5 + [False] + [True] * 5 + [False] * 4)
    np.testing.assert_allclose(far.horizon[~far.train], [2, 2, 4, 8, 16])
    assert made.over == "compute", "the law's own scale"


def test_a_curve_without_training_rows_is_told():
    frame = curves()
    frame.loc[frame["run"] == "curve 0", "step"] *= 1000
    made = folds_of(PLAIN, frame, over="step", cuts=[6400], within="run")
    assert "1 run have no training row (f|curve 0)" in made.notices[0]
    assert made.folds[0].horizon[5] == pytest.approx(3200 * 1000 / 6400), "over all training rows"


def test_families_but_their_smallest_member():
    frame = simulated.ladder(per_family=4).assign(compute=lambda t: 6 * t["params"] * t["tokens"])
    alone = frame.iloc[[0]].assign(family="dog")
    made = folds_of(make_spec("power_law", groups=["family"]), pd.concat([frame, alone]), families=True, over="params")
    assert [f.name for f in made.folds] == ["family ant", "family bee", "family cat"]
    assert "1 families have one member and are never held out: dog" in made.notices[0]
    for i, fold in enumerate(made.folds):
        own = frame["params"].to_numpy()[4 * i : 4 * i + 4]
        assert (~fold.train).sum() == 3
        assert fold.train[4 * i + np.argmin(own)], "the smallest is kept"
        np.testing.assert_allclose(fold.horizon[4 * i : 4 * i + 4], own / own.min())


def big_and_small(**columns):
    """Return families with a large and a small run of the same steps, the large one first in the table."""
    frame = pd.concat([curves((4, 4)).assign(family=f) for f in ("ant", "bee")], ignore_index=True)
    frame["compute"] *= np.where(frame["run"] == "curve 0", 10.0, 1.0)
    return frame.assign(**columns)


@pytest.mark.parametrize("over", ["step", "compute"])
def test_the_smallest_member_is_that_of_the_smallest_largest_scale(over):
    made = folds_of(PLAIN, big_and_small(), families=True, over=over)
    small = big_and_small()["run"].eq("curve 1")
    for fold, family in zip(made.folds, ("ant", "bee"), strict=True):
        np.testing.assert_array_equal(~fold.train, big_and_small()["family"].eq(family) & ~small)
    assert not made.notices
    early = big_and_small(compute=lambda t: t["compute"] * np.where(t["step"].eq(100) & ~small, 1e-3, 1.0))
    made = folds_of(PLAIN, early, families=True, over="compute")
    assert not made.folds[0].train[:4].any(), "an early checkpoint does not make a member small"


def test_members_of_one_size_are_told():
    made = folds_of(PLAIN, big_and_small(compute=lambda t: t["step"] * 1e16), families=True, over="step")
    assert made.folds[0].train[:4].all()
    assert "the first in the table is kept: ant (ant|curve 0, ant|curve 1)" in made.notices[0]


def big_cats():
    """Return a table in which every run of family cat is far larger than all others."""
    frame = simulated.ladder().assign(compute=lambda t: 6 * t["params"] * t["tokens"])
    frame.loc[frame["family"] == "cat", "compute"] = np.geomspace(1e27, 5e27, 12)
    return frame


@pytest.mark.parametrize(
    ("split", "hint"),
    [
        ({"cuts": [1e40]}, "nothing is held out; compute goes from"),
        ({"cuts": [1.0]}, "no row is left to train on"),
        ({"beyond": [1.0]}, "expected a factor above 1"),
        ({"cuts": [-1.0]}, "expected a positive scale"),
        ({"over": "tokenz"}, "not in the table.*Did you mean 'tokens'"),
        ({"over": "family"}, "'family' is not a column of numbers"),
        ({"within": "runn"}, "no column 'runn'"),
        ({"families": True, "beyond": [10]}, "leave beyond"),
        ({"over": "compute", "beyond": [10]}, "family cat would have no training row, but E has an effect"),
    ],
)
def test_splits_that_cannot_be_are_refused(split, hint):
    spec = make_spec("power_law", groups=["family"])
    with pytest.raises(ForecastError, match=hint):
        folds_of(spec, big_cats(), **split)


def test_a_family_may_vanish_where_it_is_pooled_completely():
    made = folds_of(make_spec("power_law"), big_cats(), beyond=[10])
    assert not made.folds[0].train[-12:].any()


def test_levels_of_their_own_need_training_rows():
    frame = simulated.benchmarks()
    frame.loc[frame["task"] == "beta_qa", "compute"] *= 1e6
    with pytest.raises(ForecastError, match=r"task beta_qa would have no training row, but level has its own value"):
        folds_of(simulated.crossed_spec(), frame, cuts=[2e25])
    frame = simulated.benchmarks()
    frame.loc[frame["protocol"] == "5-shot", "compute"] *= 1e6  # pooled partially: a draw of its population
    assert folds_of(simulated.crossed_spec(), frame, cuts=[2e25]).folds


def test_training_rows_at_one_scale_are_refused():
    with pytest.raises(ForecastError, match=r"compute above 1e\+18: its 2 training rows cannot be fitted: .*one value"):
        folds_of(PLAIN, curves(), cuts=[1e18])


def test_a_table_without_a_scale():
    frame = curves()
    spec = make_spec("m1", inputs={"scale": "step"}, reference={"scale": 1e3})
    assert scale_of(spec, frame)[0] == "step"
    with pytest.raises(ForecastError, match="no column of scale"):
        scale_of(make_spec("chinchilla"), frame[["family", "run", "loss"]])
    with pytest.raises(ForecastError, match="'step' is missing or not positive in 2 of 15 rows"):
        scale_of(spec, frame.replace({"step": {100.0: 0.0}}))


# ---- scores ---------------------------------------------------------------------------------


def test_levels_and_errors_of_a_known_law():
    frame = simulated.ladder().assign(compute=lambda t: 6 * t["params"] * t["tokens"])
    values = simulated.constant(4000, E=1.7, A_ref=0.5, alpha=0.2, sigma=0.05)
    known = simulated.fit_of(make_spec("power_law", noise={"observation": "normal"}), frame, values, draws=2000)
    law = 1.7 + 0.5 * (1e23 / 1e21) ** -0.2
    held_out = pd.DataFrame({"compute": [1e23, 1e23], "loss": [law * 1.02, law * 0.9]})
    table = score(known, held_out, levels=(0.5, 0.9, 0.975), random_seed=3)
    error = 4 * 0.05 * 1.25 / np.sqrt(4000)  # of a median
    np.testing.assert_allclose(table["log_error"], [-np.log(1.02), -np.log(0.9)], atol=error)
    np.testing.assert_allclose(table["absolute_error"], [0.02 * law, 0.1 * law], atol=law * error)
    for level, end in ((0.5, "50"), (0.9, "90"), (0.975, "97.5")):
        half = stats.norm.ppf((1 + level) / 2) * 0.05
        np.testing.assert_allclose(table[f"lower_{end}"], law * np.exp(-half), rtol=4 * error)
        np.testing.assert_allclose(table[f"width_{end}"], law * 2 * np.sinh(half), rtol=0.1)
    assert table["covered_50"].tolist() == [True, False]
    assert table["covered_97.5"].tolist() == [True, True]
    np.testing.assert_allclose(table["lower"], table["lower_90"])
    np.testing.assert_allclose(table["pit"], stats.norm.cdf(np.log([1.02, 0.9]) / 0.05), atol=4 * 0.5 / np.sqrt(4000))


def made_up(gaps=()):
    """Return a backtest of hand-made scores: curve a in two folds, curve b in one."""
    frame = pd.DataFrame(
        {"fold": ["one", "one", "two"], "unit": ["a", "b", "a"], "family": ["x", "y", "x"], "horizon": [1.5, 4.0, 40.0],
         "log_error": [0.3, 0.0, -0.4], "absolute_error": [0.1, 0.2, 0.6], "relative_error": [0.05, 0.1, 0.3],
         "crps": [0.01, 0.02, 0.06], "lpd": [1.0, 4.0, 3.0], "pit": [0.01, 0.5, 0.99],
         "covered_90": [True, True, False], "width_90": [1.0, 2.0, 3.0], "ok": [True, True, False],
         "warning": ["", "", "FIT NOT USABLE"]}
    )  # fmt: skip
    names = ["one", "two", *gaps]
    folds = pd.DataFrame(
        {"fold": names, "ok": [True, False] + [False] * len(gaps), "gap": ["", ""] + ["died"] * len(gaps)}
    )
    return Backtest(frame, folds, "loss", "compute", "run", (0.9,), dict.fromkeys(gaps, "died"), title="made up")


def test_summary_by_hand():
    line = made_up().summary().iloc[0]
    assert (line["rows"], line["units"], line["failed"], line["gaps"]) == (3, 2, 1, 0)
    assert line["rmsle"] == pytest.approx(np.sqrt((0.09 + 0 + 0.16) / 3))
    assert line["rmsle_mean"] == pytest.approx((np.sqrt(0.125) + 0) / 2)
    assert line["rmsle_median"] == pytest.approx(np.sqrt(0.125) / 2)
    assert line["lpd"] == pytest.approx(((1 + 3) / 2 + 4) / 2), "over a unit's rows, then over units"
    assert line["relative_error"] == pytest.approx(0.15)
    assert line["crps"] == pytest.approx(0.03)
    assert line["coverage90"] == pytest.approx(2 / 3)
    assert line["width90"] == pytest.approx(2.0)
    assert line["coverage90_lo"] == 0.5
    assert line["coverage90_hi"] == 1.0, "resampled units: b alone"


def test_printed_coverage_says_what_its_interval_is():
    told = made_up().text().replace("\u00a0", " ")
    assert "coverage90: share of held-out rows inside their 90 % equal-tailed interval" in told
    assert "coverage90_hi: 90 % equal-tailed interval of that share, bootstrapped over units (run;" in told


def test_summary_by_columns():
    made = made_up()
    assert made.summary("family").set_index("family")["rows"].to_dict() == {"x": 2, "y": 1}
    assert made.summary("horizon")["horizon"].tolist() == ["1-2", "2-5", "20-50"]
    by_fold = made.summary("fold").set_index("fold")
    assert by_fold["failed"].to_dict() == {"one": 0, "two": 1}
    assert np.isnan(by_fold.loc["two", "coverage90_lo"]), "one unit says nothing of others"
    assert "FIT NOT USABLE in 1 of 2 folds (two)" in made.summary("family")["warning"].iloc[0]
    with pytest.raises(ForecastError, match=r"no column 'famly'.*Did you mean 'family'"):
        made.summary("famly")


def test_a_gap_is_in_every_table_and_text():
    made = made_up(gaps=("three",))
    assert made.summary()["gaps"].tolist() == [1]
    by_fold = made.summary("fold").set_index("fold")
    assert by_fold["gaps"].to_dict() == {"one": 0, "two": 0, "three": 1}
    assert by_fold.loc["three", "rows"] == 0
    assert np.isnan(by_fold.loc["three", "lpd"])
    for text in (made.banner, repr(made), made._repr_html_(), made.summary("family")["warning"].iloc[0]):
        assert "1 OF 3 FOLDS MISSING (three)" in text
    assert "MISSING three: died" in repr(made)


def test_coverage_of_a_level():
    table = pd.DataFrame({"covered_50": [True, False], "width_50": [1.0, 3.0]})
    found = coverage(table, of=0.5)
    assert (found["coverage"], found["width"]) == (0.5, 2.0)


# ---- the whole way --------------------------------------------------------------------------


@pytest.fixture
def compiled(monkeypatch, spec, ladder, sampler):
    """The session's compiled model, where many fits look for it."""
    settled, rows = encode(spec, ladder)
    monkeypatch.setattr(kept, "_SAMPLERS", {kept.structure(settled, rows): sampler})
    return settled, rows


def run(spec, ladder, **options):
    return backtest(spec, ladder, over="params", settings=SHORT, workers=0, progressbar=False, **options)


def test_a_backtest_scores_what_it_held_out(compiled, spec, ladder):
    made = run(spec, ladder, beyond=[3, 10], random_seed=7, levels=(0.5, 0.9), title="ladder")
    largest = ladder["params"].max()
    assert made.folds["fold"].tolist() == ["params above max/3", "params above max/10"]
    for name, factor in zip(made.folds["fold"], (3, 10), strict=True):
        part = made.frame[made.frame["fold"] == name]
        held = np.flatnonzero(ladder["params"] > largest / factor)
        np.testing.assert_array_equal(part["row"], held)
        np.testing.assert_allclose(part["observed"], ladder["loss"].to_numpy()[held])
        np.testing.assert_allclose(part["cut"], largest / factor)
        trained = ladder["params"][ladder["params"] <= largest / factor].max()
        np.testing.assert_allclose(part["horizon"], ladder["params"].to_numpy()[held] / trained)
    assert (made.unit, made.over, set(made.frame["unit"])) == ("row", "params", {f"row {i}" for i in made.frame["row"]})
    assert {"rhat", "divergences", "ok", "warning", "covered_50", "width_90", "lpd", "crps"} <= set(made.frame.columns)
    assert not made.frame["ok"].any(), "40 draws fail the diagnostics"
    assert "FIT NOT USABLE in 2 of 2 folds" in made.banner

    settled, rows = compiled
    train = (ladder["params"] <= largest / 3).to_numpy()
    job = Job("x", settled, rows, SHORT, made_seed("params above max/3", 7), chosen=train)
    direct = score(many.fit_job(job), rows.frame[~train], level=0.9, random_seed=job.seed)
    ours = made.frame[made.frame["fold"] == "params above max/3"]
    for ours_name, name in (("lpd", "lpd"), ("crps", "crps"), ("lower_90", "lower"), ("median", "median")):
        np.testing.assert_allclose(ours[ours_name], direct[name], rtol=1e-12)


def test_rows_are_known_by_their_index_in_the_table(compiled, spec, ladder):
    table = pd.concat([ladder.iloc[[0]].assign(loss=np.nan), ladder], ignore_index=True)
    table.index = [f"row of mine {i}" for i in range(len(table))]
    made = run(spec, table, beyond=[3])
    assert made.frame["table_row"].tolist() == [f"row of mine {i + 1}" for i in made.frame["row"]]
    np.testing.assert_allclose(made.frame["observed"], table.loc[made.frame["table_row"], "loss"])
    repeated = rows_of_table(spec, table.set_axis([0] * len(table)), ())
    np.testing.assert_array_equal(repeated, np.arange(1, len(table)))


def made_seed(name, seed):
    return (seed + zlib.crc32(name.encode())) % 2**31


def test_a_rerun_resumes_and_gives_the_same(compiled, spec, ladder, tmp_path, monkeypatch):
    first = run(spec, ladder, beyond=[3], folder=tmp_path / "out")
    monkeypatch.setattr(many, "fit_job", lambda *a, **k: pytest.fail("sampled again"))
    again = run(spec, ladder, beyond=[3], folder=tmp_path / "out")
    pd.testing.assert_frame_equal(first.frame, again.frame)
    with pytest.raises(FitError, match="results of another card or other data"):
        run(spec, ladder.assign(loss=ladder["loss"] * 1.01), beyond=[3], folder=tmp_path / "out")


def test_a_fold_that_fails_is_a_named_gap(compiled, spec, ladder, monkeypatch):
    module = sys.modules["bayes_scaling.compare.backtest"]
    whole = module.score_fold

    def score_fold(fit, job):
        if job.name.endswith("max/3"):
            raise ValueError("out of luck")
        return whole(fit, job)

    monkeypatch.setattr(module, "score_fold", score_fold)
    made = run(spec, ladder, beyond=[3, 10])
    assert list(made.gaps) == ["params above max/3"]
    assert "out of luck" in made.gaps["params above max/3"]
    assert made.folds.set_index("fold")["gap"]["params above max/3"] == made.gaps["params above max/3"]
    assert set(made.frame["fold"]) == {"params above max/10"}
    with pytest.raises(FitError, match="none of 1 folds could be fitted"):
        run(spec, ladder, beyond=[3])


def test_families_end_to_end(compiled, spec, ladder):
    made = run(spec, ladder, families=True)
    assert made.unit == "family"
    assert len(made.frame) == 33
    assert made.frame.groupby("fold")["family"].nunique().eq(1).all()
    assert made.summary("family")["units"].tolist() == [1, 1, 1]
    assert made.frame["horizon"].gt(1).all()


def test_from_a_model_and_a_card(compiled, spec, ladder, tmp_path):
    model = bs.ScalingModel.from_spec(spec)
    short = {"settings": SHORT, "workers": 0, "progressbar": False, "over": "params"}
    made = model.backtest(ladder, beyond=3, **short)
    assert len(made.folds) == 1
    pd.testing.assert_frame_equal(made.frame, bs.backtest(model, ladder, beyond=3, **short).frame)
    ladder.to_csv(tmp_path / "runs.csv", index=False)
    (tmp_path / "small.toml").write_text(
        'name = "small"\n[data]\npath = "runs.csv"\n[model]\nlaw = "chinchilla"\ngroups = ["family"]\n'
        '[model.pooling]\nE = { family = "partial" }\nA_ref = "complete"\nB_ref = "complete"\n'
        "[fit]\ndraws = 40\ntune = 80\nchains = 2\nrandom_seed = 4\n"
    )
    of_card = bs.backtest(tmp_path / "small.toml", over="params", beyond=3, workers=0, progressbar=False)
    assert of_card.title == "small"
    assert of_card.frame["row"].tolist() == made.frame["row"].tolist()
    with pytest.raises(CardError, match="needs data"):
        bs.backtest(model)
    with pytest.raises(CardError, match="backtest of a DataFrame"):
        bs.backtest(ladder)
