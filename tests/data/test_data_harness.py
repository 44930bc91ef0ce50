"""Result files of the LM evaluation harness."""

import json

import numpy as np
import pandas as pd
import pytest
from harness_samples import share, version_3, version_4, written

from bayes_scaling.data import check_evaluations, flag_counts, has_flag, read_harness
from bayes_scaling.data.harness_tasks import SUBJECTS, items_from_error, our_task
from bayes_scaling.errors import DataError


def refused(*arguments, **options) -> str:
    with pytest.raises(DataError) as caught:
        read_harness(*arguments, **options)
    return str(caught.value)


def row(frame, **where) -> pd.Series:
    for name, value in where.items():
        frame = frame[frame[name] == value]
    assert len(frame) == 1
    return frame.iloc[0]


# Version 0.3


def test_a_file_of_version_3(tmp_path):
    frame = read_harness(version_3(tmp_path))
    arc = row(frame, task="arc_challenge", protocol="5-shot acc_norm")
    assert arc["accuracy"] == 293 / 1172
    assert arc["stderr"] == pytest.approx(share(293, 1172)[1])
    assert (arc["n_items"], arc["chance"], arc["shots"]) == (1172, 0.25, 5)
    assert (arc["model"], arc["run"], arc["params"]) == ("lab/tiny-160m", "lab/tiny-160m", 1.6e8)
    assert (arc["harness_version"], arc["task_version"], arc["metric"]) == ("0.3", "0", "acc_norm")
    assert arc["source"] == "tiny-160m_main_5shot.json"
    anatomy = row(frame, harness_task="hendrycksTest-anatomy", metric="acc")
    assert (anatomy["task"], anatomy["chance"], anatomy["n_items"]) == ("mmlu_anatomy", 0.25, 135)
    assert has_flag(frame, "params_from_name").all()
    assert np.isnan(row(frame, task="lambada_openai")["chance"]), "not in the registry: not guessed"
    assert row(frame, task="wikitext")["flags"].count("no_outcome") == 1
    pd.testing.assert_frame_equal(check_evaluations(frame, chance_needed=False), frame)


def test_old_subjects_of_mmlu_are_pooled_where_all_are_there(tmp_path):
    path = version_3(tmp_path, mmlu=True)
    pooled = read_harness(path, metric="acc")
    mmlu = row(pooled, task="mmlu")
    each = [share(25 + i % 3, 100 + i)[0] for i in range(len(SUBJECTS))]
    assert mmlu["accuracy"] == pytest.approx(np.mean(each))
    assert mmlu["n_items"] == sum(100 + i for i in range(len(SUBJECTS)))
    assert (mmlu["protocol"], mmlu["chance"]) == ("5-shot acc", 0.25)
    assert "approximate" in mmlu["flags"]
    assert not pooled["harness_task"].str.startswith("hendrycksTest").any()
    single = read_harness(path, metric="acc", subtasks=True)
    assert single["harness_task"].str.startswith("hendrycksTest").sum() == 57
    assert "mmlu" not in set(single["task"])


def test_checkpoints_of_one_run(tmp_path):
    paths = [version_3(tmp_path, revision=revision) for revision in ("step1000", "step23000", "main")]
    frame = read_harness(paths, metric="acc_norm")
    arc = frame[frame["task"] == "arc_challenge"]
    assert list(arc["step"][:2]) == [1000, 23000]
    assert np.isnan(arc["step"].iloc[2])
    assert set(arc["run"]) == {"lab/tiny-160m"}
    other = read_harness(version_3(tmp_path, revision="long-context"))
    assert set(other["run"]) == {"lab/tiny-160m@long-context"}


# Version 0.4


def test_a_file_of_version_4(tmp_path):
    frame = read_harness(version_4(tmp_path))
    arc = row(frame, task="arc_challenge", metric="acc_norm")
    assert (arc["protocol"], arc["accuracy"], arc["n_items"]) == ("25-shot acc_norm", 540 / 1172, 1172)
    assert (arc["harness_version"], arc["git_hash"], arc["task_version"]) == ("0.4.5", "8e1bd48d", "1.0")
    assert arc["params"] == 7_241_732_096, "what the harness counted"
    assert set(frame.loc[frame["task"] == "gsm8k", "protocol"]) == {
        "5-shot exact_match strict-match",
        "5-shot exact_match flexible-extract",
    }
    truthful = row(frame, task="truthfulqa")
    assert (truthful["protocol"], truthful["n_items"]) == ("0-shot acc", 817)
    assert np.isnan(truthful["chance"])
    assert "approximate" in truthful["flags"]
    instructions = row(frame, metric="inst_level_strict_acc")
    assert (instructions["task"], instructions["n_items"]) == ("ifeval", 541)
    assert "approximate" in instructions["flags"]
    assert np.isnan(instructions["stderr"])
    assert flag_counts(frame)["no_outcome"] == 1
    assert frame.loc[has_flag(frame, "approximate"), "flag_reason"].ne("").all()


def test_groups_or_their_subtasks(tmp_path):
    path = version_4(tmp_path)
    mmlu = row(read_harness(path), task="mmlu")
    assert (mmlu["accuracy"], mmlu["n_items"], mmlu["protocol"]) == (250 / 502, 135 + 166 + 201, "5-shot acc")
    assert "approximate" not in mmlu["flags"]
    names = set(read_harness(path)["harness_task"])
    assert not {"mmlu_stem", "mmlu_anatomy"} & names
    names = set(read_harness(path, subtasks=True)["harness_task"])
    assert {"mmlu_anatomy", "mmlu_virology", "mmlu_sociology"} <= names
    assert not {"mmlu", "mmlu_stem"} & names
    content = json.loads(path.read_text())
    content["results"]["mmlu"] = content["groups"]["mmlu"] = {"alias": "mmlu", " ": " "}
    del content["results"]["mmlu_stem"], content["groups"]["mmlu_stem"]
    names = set(read_harness(written(tmp_path / "results_x.json", content))["harness_task"])
    assert {"mmlu_social_sciences", "mmlu_anatomy", "mmlu_virology"} <= names, "parts of groups without a score"


def test_items_from_the_standard_error_where_the_file_does_not_say(tmp_path):
    frame = read_harness(version_4(tmp_path, samples=False))
    assert row(frame, task="arc_challenge", metric="acc")["n_items"] == 1172
    assert row(frame, task="mmlu")["n_items"] == 502
    assert np.isnan(row(frame, task="truthfulqa")["n_items"]), "no share of items"


def test_number_of_items_is_told_only_where_score_and_error_agree():
    assert items_from_error(*share(293, 1172)) == 1172
    assert items_from_error(*share(7000, 14042)) == 14042
    # As 0.3 and 0.4 print them: arc_challenge, arc_easy, hellaswag, gsm8k of published files.
    published = [
        (0.23890784982935154, 0.012461071376316621, 1172),
        (0.5601851851851852, 0.010185185185185316, 2376),
        (0.2562238598888867, 0.004356547185846709, 10042),
        (0.000758150113722517, 0.0007581501137225367, 1319),
    ]
    for accuracy, error, items in published:
        assert items_from_error(accuracy, error) == items
    for accuracy, error in ((0.25, 0.0126), (0.0, 0.0), (1.0, 0.0), (0.3, np.nan), (0.4123, 0.0141)):
        assert np.isnan(items_from_error(accuracy, error))


def test_a_limit_is_told(tmp_path):
    frame = read_harness(version_4(tmp_path, limit=100))
    assert has_flag(frame, "limited").all()
    assert frame["flag_reason"].str.contains("limit").all()


def test_choice_of_metric(tmp_path):
    path = version_4(tmp_path)
    frame = read_harness(path, metric=["acc_norm", "exact_match,strict-match", "acc"])
    assert row(frame, task="arc_challenge")["metric"] == "acc_norm"
    assert row(frame, task="gsm8k")["filter"] == "strict-match"
    assert row(frame, task="mmlu")["metric"] == "acc"
    only = read_harness(path, metric="acc_norm")
    assert has_flag(only, "no_outcome")[only["task"] != "arc_challenge"].all()
    message = refused(path, metric="acc_norms")
    assert "metric='acc_norms' is in none of the 1 files. Did you mean 'acc_norm'?" in message
    assert "exact_match,strict-match" in message


# Models


def test_models_are_joined(tmp_path):
    paths = [version_3(tmp_path), version_4(tmp_path)]
    models = pd.DataFrame(
        {"model": ["lab/large-7b", "lab/tiny-160m"], "family": "lab", "params": ["7B", None], "tokens": ["2T", "300B"]}
    )
    frame = read_harness(paths, models=models)
    by_model = frame.drop_duplicates("model").set_index("model")
    assert list(by_model["params"]) == [1.6e8, 7e9]
    assert by_model.loc["lab/large-7b", "compute"] == 6 * 7e9 * 2e12
    assert set(frame["family"]) == {"lab"}
    named = frame.loc[has_flag(frame, "params_from_name"), "model"]
    assert set(named) == {"lab/tiny-160m"}
    as_mapping = read_harness(paths, models={"lab/large-7b": {"family": "lab", "params": 7e9, "tokens": 2e12}})
    assert as_mapping.loc[as_mapping["model"] == "lab/large-7b", "compute"].iloc[0] == 6 * 7e9 * 2e12
    assert as_mapping.loc[as_mapping["model"] == "lab/tiny-160m", "family"].isna().all()


def test_tokens_of_checkpoints(tmp_path):
    paths = [version_3(tmp_path, revision=revision) for revision in ("step1000", "step2000")]
    models = pd.DataFrame({"model": "lab/tiny-160m", "step": [1000, 2000], "tokens": ["2B", "4B"]})
    frame = read_harness(paths, models=models)
    assert list(frame[frame["task"] == "winogrande"]["tokens"]) == [2e9, 4e9]


def test_models_that_do_not_fit(tmp_path):
    path = version_4(tmp_path)
    assert "Did you mean 'lab/large-7b'?" in refused(path, models={"large-7b": {"params": "7B"}})
    table = pd.DataFrame({"model": ["lab/large-7b"] * 2, "params": [7e9, 8e9]})
    assert "several rows for lab/large-7b; expected one row per model" in refused(path, models=table)
    assert "no column 'model', found name" in refused(path, models=pd.DataFrame({"name": ["a"]}))
    assert "the columns accuracy" in refused(path, models=table.iloc[:1].assign(accuracy=0.5))
    assert "found 'large'" in refused(path, models={"lab/large-7b": {"params": "large"}})
    assert "found '8x7B'" in refused(path, models={"lab/large-7b": {"params": "8x7B"}})


# Files


def test_folders_are_searched(tmp_path):
    version_4(tmp_path / "a")
    version_4(tmp_path / "a", model="lab/other-1b")
    written(tmp_path / "a" / "notes.json", {"note": "no result"})
    assert read_harness(tmp_path)["model"].nunique() == 2
    folder = tmp_path / "old"
    folder.mkdir()
    version_3(folder)
    assert read_harness([tmp_path / "a", folder])["model"].nunique() == 3


def test_runs_repeated_with_other_scores_are_named(tmp_path):
    version_4(tmp_path)
    assert len(read_harness(tmp_path)) == len(read_harness([tmp_path, tmp_path]))
    copy = version_4(tmp_path)
    copy.with_name("results_again.json").write_text(copy.read_text())
    frame = read_harness(tmp_path)
    assert has_flag(frame, "repeated_score").all()
    version_4(tmp_path, better=5)
    message = refused(tmp_path)
    assert "2 evaluations are given several times" in message
    assert "model 'lab/large-7b'" in message
    assert "task 'arc_challenge', protocol '25-shot acc'" in message


def test_other_files_are_refused_with_the_reason(tmp_path):
    def says(content) -> str:
        return refused(written(tmp_path / "f.json", content))

    light = {"config_general": {"model_name": "m"}, "results": {"harness|arc:challenge|25": {"acc": 0.5}}}
    assert "a file of lighteval or of the Open LLM Leaderboard v1 (found 'config_general')" in says(light)
    assert "no scores by task under 'results'; found list" in says([1])
    assert "found scores. Expected a result file of lm-eval 0.3" in says({"scores": {}})
    assert "no scores by task under 'results'" in says({"results": {"arc": 0.5}})
    assert "unknown layout: found results, metrics acc." in says({"results": {"arc": {"acc": 0.5}}})
    nameless = {"results": {"arc": {"acc": 0.5}}, "versions": {}, "config": {}}
    assert "does not name its model" in says(nameless)
    (tmp_path / "f.json").write_text("{")
    assert "could not be read as JSON" in refused(tmp_path / "f.json")
    assert "There is no file or folder" in refused(tmp_path / "absent.json")
    (tmp_path / "empty").mkdir()
    assert "holds no .json file" in refused(tmp_path / "empty")
    assert "paths is empty" in refused([])
    percent = {"results": {"arc": {"acc": 50.0}}, "versions": {}, "config": {"model_args": {"pretrained": "m"}}}
    assert "look like percent" in says(percent)


@pytest.mark.parametrize(
    ("name", "metric", "expected"),
    [
        ("hendrycksTest-virology", "acc", ("mmlu_virology", "", 0.25)),
        ("mmlu_virology", "acc", ("mmlu_virology", "", 0.25)),
        ("mmlu_virology", "exact_match", ("mmlu_virology", "", np.nan)),
        ("mmlu_pro", "exact_match", ("mmlu_pro", "", 0.1)),
        ("mmlu_redux", "acc", ("mmlu_redux", "", np.nan)),
        ("gsm8k_cot", "exact_match", ("gsm8k", "cot", 0.0)),
        ("truthfulqa_mc", "mc1", ("truthfulqa_mc1", "", np.nan)),
        ("truthfulqa_mc", "mc2", ("truthfulqa", "", np.nan)),
        ("leaderboard_bbh", "acc_norm", ("bbh", "", 0.2885)),
        ("bbh_cot_fewshot", "exact_match", ("bbh_27", "cot", np.nan)),
        ("boolq", "acc", ("boolq", "", np.nan)),
    ],
)
def test_names_of_tasks(name, metric, expected):
    found = our_task(name, metric)
    assert found[:2] == expected[:2]
    np.testing.assert_equal(found[2], expected[2])
