"""Leaderboard scores and the tables beside the observational one."""

import numpy as np
import pandas as pd
import pytest

from bayes_scaling.data import benchmark, dataset, fetch, has_flag, load_dataset
from bayes_scaling.data.leaderboards import SLOTH_TASKS

V1 = ["mmlu", "arc_challenge", "hellaswag", "winogrande", "truthfulqa", "gsm8k"]
V2 = ["ifeval", "bbh", "math_lvl5", "gpqa", "musr", "mmlu_pro"]


@pytest.fixture(scope="module")
def sloth(mirror) -> pd.DataFrame:
    return load_dataset("sloth")


def test_facts_of_leaderboard_v2():
    for task in V2:
        entry = benchmark(task)
        assert entry.chance is not None
        assert entry.n_items is not None
        assert "arXiv" in entry.citation
    assert benchmark("musr").chance == pytest.approx((250 / 2 + 256 / 5 + 250 / 3) / 756, abs=5e-5)


@pytest.mark.real
def test_sloth_is_one_table_of_both_files(mirror, sloth):
    assert len(sloth) == dataset("sloth").rows == 1710
    assert sloth["model"].nunique() == 200
    assert not sloth.duplicated(["model", "task"]).any()
    assert sloth.groupby("table")["task"].unique().map(sorted).to_dict() == {"v1": sorted(V1), "v2": sorted(V2)}
    for name in ("data_v1", "data_v2"):
        raw = pd.read_csv(fetch("sloth", f"{name}.csv")).set_index("Model")
        rows = sloth[sloth["file"].isin(["both", name])].set_index(["model", "task"])
        for theirs, (_, task, _) in SLOTH_TASKS.items():
            scores = raw[theirs].dropna()
            ours = rows.xs(task, level="task")
            assert set(ours.index) == set(scores.index)
            np.testing.assert_array_equal(ours.loc[scores.index, "accuracy"], scores)
            np.testing.assert_array_equal(ours.loc[scores.index, "params"], raw.loc[scores.index, "#Params (B)"] * 1e9)


@pytest.mark.real
@pytest.mark.parametrize(("setting", "models"), [("v1", 134), ("v2", 102), ("v1+v2", 74)])
def test_settings_of_the_paper_can_be_chosen(mirror, sloth, setting, models):
    rows = sloth[(sloth["file"] != "data_v1") & ~has_flag(sloth, "no_compute")]
    rows = rows[rows["table"] == setting] if "+" not in setting else rows[rows["leaderboards"] == setting]
    assert (rows.groupby("model").size() == (12 if "+" in setting else 6)).all()
    by_family = rows.groupby("family")["model"].nunique()
    assert by_family[by_family >= 2].sum() == models


@pytest.mark.real
def test_sloth_tells_what_is_wrong_upstream(mirror, sloth):
    unknown = has_flag(sloth, "no_compute")
    assert (unknown == sloth["tokens"].isna()).all()
    assert "codellama-7b-instruct" in set(sloth.loc[unknown, "model"])
    doubtful = sloth[has_flag(sloth, "doubtful")]
    assert doubtful["flag_reason"].ne("").all()
    assert doubtful["model"].str.startswith(("pythia", "mixtral")).all()
    named_twice = doubtful[doubtful["model"].str.startswith("pythia")]
    assert named_twice["model"].nunique() == 5
    right = sloth.set_index(["model", "task"])["accuracy"]
    for row in named_twice.itertuples():
        assert right[f"{row.model}-deduped", row.task] == row.accuracy
    # Score by score no other model is copied.
    wide = sloth[~has_flag(sloth, "doubtful")].pivot_table("accuracy", "model", "task")[V1].dropna()
    assert not wide.duplicated().any()


@pytest.mark.real
def test_chance_and_lower_bound_of_sloth(mirror, sloth):
    by_task = sloth.groupby("task")[["chance", "lower_bound", "n_items"]].first()
    assert np.isnan(by_task.loc["truthfulqa", "chance"])
    assert by_task.loc["truthfulqa", "lower_bound"] == pytest.approx(0.317364)
    assert by_task.loc["gpqa", "chance"] == 0.25
    assert by_task.loc["math_lvl5", "n_items"] == 1324
    assert set(sloth["tuned"]) == {"base", "instruct"}
    assert set(sloth.loc[sloth["family"] != sloth["base_family"], "base_family"]) >= {"yi", "llama-2"}
