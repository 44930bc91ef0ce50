"""Datasets of training conditions, shapes, hyper-parameters and curves."""

import numpy as np
import pytest

from bayes_scaling.data import has_flag, load_dataset

pytestmark = pytest.mark.real


def test_discrepancies_has_the_conditions_of_the_paper(mirror):
    frame = load_dataset("discrepancies")
    assert len(frame) == 1745
    assert frame["family"].nunique() == 15
    assert (
        frame.groupby("family")[["corpus", "hparams", "warmup", "decay", "param_count"]].nunique().eq(1).all(axis=None)
    )
    np.testing.assert_allclose(frame["compute"], 6 * frame["params"] * frame["tokens"], rtol=1e-12)
    own = frame["decay"] == "chinchilla"
    assert not frame[own].duplicated(["family", "run"]).any()
    assert frame[~own].groupby(["family", "params"])["run"].nunique().eq(1).all()
    assert frame.loc[has_flag(frame, "hardly_trained"), "loss"].min() >= 7


def test_gemstones_count_of_parameters_follows_from_the_shape(mirror):
    frame = load_dataset("gemstones")
    assert frame.groupby("schedule").size().to_dict() == {"hot": 770, "cooldown": 199, "half_lr": 200}
    width, depth = frame["width"], frame["depth"]
    usual = width % 256 == 0  # an even number of heads of 128
    made = 15 * depth * width**2 + 2 * depth * width + width + 2 * 50304 * width
    np.testing.assert_array_equal(frame.loc[usual, "params"], made[usual])
    assert frame["loss_dclm"].notna().sum() == (frame["schedule"] == "hot").sum()
    cool = frame[frame["schedule"] == "cooldown"].set_index("model")["loss"].groupby("model").min()
    hot = frame[(frame["schedule"] == "hot") & (frame["tokens"] <= 1.0004e11)].groupby("model")["loss"].min()
    assert (cool < hot[cool.index]).all()


def test_steplaw_has_a_minimum_inside_its_grids(mirror):
    frame = load_dataset("steplaw")
    assert frame["family"].value_counts().to_dict() == {
        "dense": 1911,
        "1in89": 180,
        "2in88": 180,
        "1in8": 174,
        "3in8": 174,
    }
    assert frame["cell"].nunique() == 33
    np.testing.assert_array_equal(frame["batch"], 2048 * frame["sequences"])
    diverged = has_flag(frame, "diverged")
    assert diverged.sum() == 182
    assert set(frame.loc[diverged, "family"]) == {"dense"}
    assert (~has_flag(frame, "not_best")).sum() == 33
    best = frame[frame["family"] == "dense"].groupby(["params", "tokens"])["loss"].min()
    assert all(part.is_monotonic_decreasing for _, part in best.groupby("params"))


def test_overtraining_losses_pairs_sets_of_the_same_model(mirror):
    frame, wide = load_dataset("overtraining_losses"), load_dataset("overtraining").set_index("run")
    assert len(frame) == 7 * 104
    code = frame[frame["task"] == "paloma_dolma_100_programing_languages"].set_index("run")
    np.testing.assert_array_equal(code["loss"], wide.loc[code.index, "loss_paloma_dolma_100_programing_languages"])
    np.testing.assert_array_equal(code["source_loss"], wide.loc[code.index, "loss"])
    assert set(frame.loc[has_flag(frame, "approximate"), "task"]) == {"openlm", "paloma_redpajama"}


def test_hitchhiker_is_one_row_per_curve_and_tokens(mirror):
    frame = load_dataset("hitchhiker")
    assert frame["run"].nunique() == 192
    assert frame["points"].sum() == 35876
    assert not frame.duplicated(["run", "tokens"]).any()
    assert frame.loc[frame["loss"].isna(), "family"].unique().tolist() == ["Pythia"]
    opt = frame[frame["family"] == "OPT"]
    np.testing.assert_allclose(opt["loss"], np.log(opt["value"]), rtol=1e-3)
