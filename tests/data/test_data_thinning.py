"""Checkpoints gathered along runs: what a row keeps of them, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from bayes_scaling.data import thin
from bayes_scaling.data.thinning import LEAST, WIDTH, Stretches, line_distance
from bayes_scaling.errors import DataError

STEPS = np.arange(1.0, 2001.0)


def runs(*, rough=0.0, sigma=0.01, seed=0):
    """Return two runs of checkpoints at every step, shuffled, whose log loss also walks randomly."""
    rng, parts = np.random.default_rng(seed), []
    for run, params in (("a", 1e8), ("b", 2e8)):
        tokens = 1e6 * STEPS
        walk = rough * np.cumsum(rng.standard_normal(STEPS.size) * np.sqrt(np.diff(np.log10(STEPS), prepend=0)))
        loss = (1.8 + 3 * STEPS**-0.3) * np.exp(walk + sigma * rng.standard_normal(STEPS.size))
        parts.append(pd.DataFrame({"run": run, "params": params, "tokens": tokens, "step": STEPS, "loss": loss}))
    return pd.concat(parts).sample(frac=1, random_state=1).reset_index(drop=True)


def test_moments_are_those_of_the_checkpoints():
    rng = np.random.default_rng(0)
    t, y = np.sort(rng.uniform(0, 0.05, 30)), rng.standard_normal(30)
    made = Stretches.of(t, y, np.array([0, 12, 29]))
    for i, part in enumerate((slice(0, 12), slice(12, 29))):
        assert made.span[i] == pytest.approx(3 * np.abs(t[part, None] - t[part]).mean())
        left = y[part] - np.polyval(np.polyfit(t[part], y[part], 1), t[part])
        assert made.scatter[i] == pytest.approx(left @ left / (made.count[i] - 2))
        assert made.log_scale[i] == pytest.approx(t[part].mean())
        assert made.log_loss[i] == pytest.approx(y[part].mean())
    assert made.count[2] == 1
    assert made.span[2] == 0
    assert np.isnan(made.scatter[2])


def test_a_rough_path_scatters_about_its_line_as_over_the_line_distance():
    even = 0.003 * np.arange(12)
    away = np.abs(even[:, None] - even)  # the covariance of a rough path is a constant less this, times a factor
    line = np.column_stack([np.ones(12), even])
    about = np.eye(12) - line @ np.linalg.pinv(line)
    assert line_distance(12, 3 * away.mean()) == pytest.approx(-np.trace(about @ away) / 10)


def test_every_checkpoint_is_in_one_row():
    frame = runs()
    made = thin(frame, over="tokens")
    assert made["averaged"].sum() == len(frame)
    assert len(made) < len(frame) / 5
    assert set(made.loc[made["averaged"] > 1, "averaged"]) <= set(range(LEAST, 1000))
    assert made["averaged_span"].max() < 1.3 * WIDTH  # of four even ones: five quarters of what lies between
    assert (made["averaged_scatter"].notna() == (made["averaged"] > 1)).all()
    assert (made.loc[made["averaged"] == 1, "tokens"] < 1e8).all(), "early checkpoints are far apart"
    total = made["averaged"] * np.log(made["loss"])
    np.testing.assert_allclose(total.groupby(made["run"]).sum(), np.log(frame["loss"]).groupby(frame["run"]).sum())
    total = made["averaged"] * np.log(made["tokens"])
    np.testing.assert_allclose(total.groupby(made["run"]).sum(), np.log(frame["tokens"]).groupby(frame["run"]).sum())
    np.testing.assert_allclose(made["compute"], 6 * made["params"] * made["tokens"])  # derived, moves with tokens
    assert (made["step"] == made["step"].round()).all()
    assert (made["step"] / (made["tokens"] / 1e6) - 1).abs().max() < 0.5 / 20


def test_rough_curves_get_more_rows_and_knots_bound_them():
    smooth, rough = (len(thin(runs(rough=r), over="step")) for r in (0.0, 0.1))
    assert rough > 1.5 * smooth
    few = thin(runs(), over="step", knots=20)
    assert few["averaged_span"].max() > 2 * WIDTH
    assert (few[few["averaged"] > 1].groupby("run").size() <= 20).all()


def test_rows_that_differ_in_a_text_are_not_gathered_and_others_stay_as_they_are():
    frame = runs()
    frame["stage"] = np.where(frame["step"] <= 1000, "pretrain", "anneal")
    frame["seconds"], frame["layers"] = frame["step"] ** 2, 12.0
    frame.loc[frame["step"] == 1500, "loss"] = np.nan
    frame.loc[frame["step"] == 1600, "flags"] = "spike"
    made = thin(frame, over="step")
    assert made.groupby("stage")["averaged"].sum().eq(2000).all()
    assert made["averaged"][made["loss"].isna()].tolist() == [1, 1]
    assert made["averaged"][made["flags"].str.contains("spike")].tolist() == [1, 1]
    assert "seconds" not in made, "it has no one value in a row"
    assert made["layers"].eq(12).all()
    nothing = frame.assign(loss=np.nan)
    assert len(thin(nothing, over="step")) == len(nothing)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"over": "tokns"}, "Did you mean 'tokens'"),
        ({}, {"over": "seen"}, "lacks seen"),
        ({}, {"knots": 1}, "knots = 1"),
        ({"averaged": 2.0}, {}, "4000 of 4000 rows are means already"),
        ({"accuracy": 0.5}, {}, "4000 rows have an accuracy"),
        ({"unique_tokens": lambda f: 1e6 * (1 + f["step"] % 7)}, {}, "'unique_tokens' changes otherwise than 'tokens'"),
    ],
)
def test_what_cannot_be_gathered_is_refused(change, options, message):
    with pytest.raises(DataError, match=message):
        thin(runs().assign(**change), **{"over": "tokens", **options})


def test_a_table_without_runs_is_refused():
    with pytest.raises(DataError, match="lacks run"):
        thin(runs().drop(columns="run"), over="tokens")


def test_runs_shorter_than_a_stretch_are_gathered():
    t, rng = np.linspace(0, 0.02, 40), np.random.default_rng(0)
    frame = pd.DataFrame({"run": np.repeat(["a", "b"], 40), "compute": np.tile(1e20 * 10**t, 2)})
    frame["loss"] = np.exp(1 + 0.01 * rng.standard_normal(80))
    assert thin(frame)["averaged"].tolist() == [40, 40]


def test_a_table_without_a_row_to_gather_has_the_columns_too():
    made = thin(runs().head(5).assign(loss=np.nan), over="tokens")
    assert made["averaged"].tolist() == [1.0] * 5
    assert made["averaged_span"].tolist() == [0.0] * 5
    assert made["averaged_scatter"].isna().all()
