"""Leaderboard scores and the tables beside the observational one."""

import numpy as np
import pandas as pd
import pytest

from bayes_scaling.data import BENCHMARKS, benchmark, dataset, fetch, has_flag, load_dataset
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


# Tables beside the observational one

BESIDE = ["emergent", "leaderboard_v2", "post_training", "instruct", "agents"]
WEIGHTS = {"Code_OS": 10.8, "Code_DB": 13.0, "Code_KG": 13.9, "Game_DCG": 12.0, "Game_LTP": 3.5, "Game_HH": 13.0,
           "Web_WS": 30.7, "Web_WB": 11.6}  # fmt: skip


@pytest.mark.real
@pytest.mark.parametrize("name", BESIDE)
def test_tables_beside_observational(mirror, name):
    frame = load_dataset(f"observational_{name}")
    assert len(frame) == dataset(f"observational_{name}").rows
    keys = [column for column in ("model", "task", "protocol") if column in frame.columns]
    assert not frame.duplicated(keys).any()
    assert frame["family"].notna().all()
    assert set(frame["task"]) <= set(BENCHMARKS)
    assert (has_flag(frame, "no_compute") == frame["compute"].isna()).all()
    if name not in ("instruct", "agents"):
        base = load_dataset("observational").drop_duplicates("model").set_index("model")
        for column in ("family", "params", "compute"):
            assert frame[column].equals(frame["model"].map(base[column])), column


@pytest.mark.real
@pytest.mark.parametrize("name", ["emergent", "leaderboard_v2", "post_training"])
def test_scores_are_shares_of_the_items_stated(mirror, name):
    frame = load_dataset(f"observational_{name}")
    right = frame["accuracy"] * frame["n_items"]
    whole = (right - right.round()).abs() < 1e-6
    assert (~whole[frame["n_items"].notna()]).sum() == (2 if name == "emergent" else 0)
    assert set(frame.loc[frame["n_items"].isna(), "task"]) == ({"bbh_generated"} if name == "post_training" else set())


@pytest.mark.real
def test_two_sources_of_leaderboard_v2_agree(mirror, sloth):
    other = load_dataset("observational_leaderboard_v2")
    both = other.assign(model=other["model"].str.split("/").str[-1].str.lower()).merge(sloth, on=["model", "task"])
    off = (both["accuracy_x"] - both["accuracy_y"]).abs().groupby(both["task"]).median()
    assert both["model"].nunique() == 45
    assert (off.drop("ifeval") < 0.006).all()
    assert 0.04 < off["ifeval"] < 0.07, "shares of instructions against the mean of instructions and prompts"


@pytest.mark.real
def test_agent_scores(mirror):
    frame = load_dataset("observational_agents")
    assert frame["task"].value_counts().to_dict() == {
        "agentbench": 22, "agentboard_progress": 11, "agentboard_success": 11,
    }  # fmt: skip
    raw = pd.read_csv(fetch("observational_agents", "instruct_llm_agent_eval.csv")).set_index("Model")
    overall = sum(raw[f"ABench-{column}"] / weight for column, weight in WEIGHTS.items()) / len(WEIGHTS) / 10
    ours = frame[frame["task"] == "agentbench"].set_index("model")["accuracy"]
    assert (ours - overall[ours.index]).abs().max() < 1e-3
    assert set(frame.loc[frame["params"].isna(), "family"]) == {
        "GPT-4", "Claude-2", "Claude-1", "GPT-3.5-Turbo", "Claude-Instant",
    }  # fmt: skip


@pytest.mark.real
def test_chance_of_generated_bbh_is_that_of_the_study(mirror):
    raw = pd.read_csv(fetch("observational_post_training", "base_llm_post_training_eval.csv"))
    score = "bbh_fewshot_overall_3_exact_match,flexible-extract"
    chances = []
    for column in [c for c in raw.columns if c.startswith("bbh_fewshot_") and c.endswith("flexible-extract")]:
        # normalised = (score - chance) / (1 - chance)
        normed = raw[f"{column},norm"]
        if column != score:
            known = normed < 0.99
            chances.append(((raw[column] - normed) / (1 - normed))[known].median())
    assert len(chances) == 27
    assert np.mean(chances) == pytest.approx(benchmark("bbh_generated").chance, abs=1e-4)


@pytest.mark.real
def test_epoch(mirror):
    frame = load_dataset("epoch")
    assert len(frame) == dataset("epoch").rows == 895
    assert not {"loss", "accuracy", "task"} & set(frame.columns)
    raw = pd.read_csv(fetch("epoch", "notable_ai_models.csv"))
    np.testing.assert_array_equal(frame["flop"], raw["flop"])
    np.testing.assert_array_equal(frame["params_published"], raw["params"])
    other = frame[has_flag(frame, "not_language")]
    assert other["unique_tokens"].isna().all()
    assert has_flag(other[other["tokens"].notna()], "derived_tokens").all()
    assert (frame["unique_tokens"] == frame["datapoints"]).sum() == frame["unique_tokens"].notna().sum() == 168
    known = frame["tokens"].notna() & ~has_flag(frame, "derived_tokens")
    np.testing.assert_array_equal(frame["tokens"][known], (frame["datapoints"] * frame["epochs"])[known])
    assert has_flag(frame, "speculative").sum() == 69
    assert (has_flag(frame, "no_compute") == frame["compute"].isna()).all()
    small = has_flag(frame, "below_range")
    assert (frame["params_published"].notna() & frame["params"].isna() & ~small).sum() == 0
