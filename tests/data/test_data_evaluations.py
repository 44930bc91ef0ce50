"""Tables of benchmark scores: what only shows across rows."""

import numpy as np
import pandas as pd
import pytest

from bayes_scaling.data import check_evaluations, flag_counts, has_flag, load_dataset, task_table
from bayes_scaling.data.evaluations import model_names
from bayes_scaling.errors import DataError


@pytest.fixture
def scores() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "family": ["a", "a", "a", "b", "b"],
            "model": ["a-1", "a-1", "a-2", "b-1", "b-1"],
            "params": ["1B", "1B", "2B", "7B", "7B"],
            "task": ["mmlu", "gsm8k", "mmlu", "mmlu", "gsm8k"],
            "protocol": ["5-shot", "8-shot", "5-shot", "5-shot", "8-shot"],
            "accuracy": [0.3, 0.1, 0.4, 0.5, 0.2],
        },
        index=list("vwxyz"),
    )


def refused(frame, **options) -> str:
    with pytest.raises(DataError) as caught:
        check_evaluations(frame, **options)
    return str(caught.value)


def test_good_table(scores):
    before = scores.copy()
    checked = check_evaluations(scores)
    pd.testing.assert_frame_equal(scores, before)
    assert list(checked["chance"]) == [0.25, 0, 0.25, 0.25, 0]
    assert list(checked["params"]) == [1e9, 1e9, 2e9, 7e9, 7e9]
    assert flag_counts(checked) == {"registry_chance": 5, "single_point_family": 2}
    pd.testing.assert_frame_equal(check_evaluations(checked), checked)


def test_rows_that_become_one_keep_what_each_said(scores):
    twice = pd.concat([scores.assign(family=None, flags="approximate"), scores.assign(flags="doubtful")])
    checked = check_evaluations(twice)
    assert has_flag(checked, ["approximate"]).all()
    assert has_flag(checked, ["doubtful"]).all()
    assert checked["family"].notna().all()


def test_repeated_score_is_one_row_with_gaps_filled(scores):
    twice = pd.concat([scores.assign(n_items=np.nan), scores.iloc[:2].assign(params=1e9, n_items=100.0)])
    twice.iloc[5, twice.columns.get_loc("accuracy")] += 1e-16
    checked = check_evaluations(twice)
    assert len(checked) == 5
    assert has_flag(checked, "repeated_score").tolist() == [True, True, False, False, False]
    assert list(checked["n_items"][:2]) == [100, 100]
    assert checked["n_items"][2:].isna().all()
    pd.testing.assert_frame_equal(check_evaluations(checked), checked)


def test_different_scores_are_all_named(scores):
    other = scores.assign(accuracy=scores["accuracy"] + 0.05, params=["1B", "1B", "2B", "8B", "7B"]).iloc[[1, 3]]
    message = refused(pd.concat([scores, other]))
    assert "2 evaluations are given several times with different figures" in message
    assert "model 'a-1', task 'gsm8k', protocol '8-shot': found accuracy 0.1, 0.15 (rows w, w)" in message
    assert "model 'b-1', task 'mmlu', protocol '5-shot': found params 7e+09, 8e+09; accuracy 0.5, 0.55" in message
    assert "tell them apart by 'protocol'" in message
    assert len(check_evaluations(pd.concat([scores, scores.iloc[[1, 3]].assign(protocol="0-shot")]))) == 7


def test_different_scores_without_a_protocol(scores):
    frame = scores.assign(protocol=None)
    message = refused(pd.concat([frame, frame.iloc[:1].assign(accuracy=0.9)]))
    assert "- model 'a-1', task 'mmlu': found accuracy 0.3, 0.9" in message


def test_unknown_chance_is_an_error_that_lists_the_tasks(scores):
    frame = scores.assign(task=["truthfulqa", "boolq", "truthfulqa", "mmlu", "boolq"])
    message = refused(frame)
    assert "not known for 2 tasks (4 rows): truthfulqa, boolq" in message
    assert "chance={'truthfulqa': 0.25}" in message
    checked = check_evaluations(frame, chance={"truthfulqa": 0.2, "boolq": 0.5})
    assert list(checked["chance"]) == [0.2, 0.5, 0.2, 0.25, 0.5]
    assert has_flag(checked, "registry_chance").tolist() == [False, False, False, True, False]
    assert check_evaluations(frame, chance_needed=False)["chance"].isna().sum() == 4
    assert "chance names boolqq, which no row has as its task. Did you mean 'boolq'?" in refused(
        frame, chance={"boolqq": 0.5}
    )


def test_chance_of_the_table_comes_first(scores):
    given = scores.assign(chance=[0.2, "", None, 0.2, 0.05])
    checked = check_evaluations(given, chance={"mmlu": 0.24})
    assert list(checked["chance"]) == [0.2, 0, 0.24, 0.2, 0.05]
    assert flag_counts(checked)["registry_chance"] == 1


def test_benchmarks_and_families_that_say_nothing(scores):
    frame = scores.assign(accuracy=[0.3, 0.1, 0.4, None, None])
    checked = check_evaluations(frame)
    assert has_flag(checked, "no_outcome").tolist() == [False, False, False, True, True]
    assert has_flag(checked, "empty_family").tolist() == [False, False, False, True, True]
    assert has_flag(checked, "single_model_benchmark").tolist() == [False, True, False, False, False]
    # Worked out anew when scores are added.
    full = check_evaluations(checked.assign(accuracy=scores["accuracy"].to_numpy()))
    assert not {"no_outcome", "empty_family", "single_model_benchmark"} & set(flag_counts(full))


def test_models_that_change_from_row_to_row(scores):
    message = refused(scores.assign(params=["1B", "3B", "2B", "7B", "7B"], family=["a", "a", "a", "b", "c"]))
    assert "2 models differ from row to row" in message
    assert "- model 'a-1': found params 1000000000.0, 3000000000.0" in message
    assert "- model 'b-1': found family b, c" in message
    steps = scores.assign(params=["1B", "3B", "2B", "7B", "7B"], step=[1, 2, 1, 1, 1])
    assert len(check_evaluations(steps)) == 5
    derived = scores.assign(tokens=[1e10 / 3] * 5, compute=[6 * 1e9 * 1e10 / 3, None, None, None, None])
    assert len(check_evaluations(derived)) == 5


def test_chance_of_one_leaves_nothing_to_measure(scores):
    assert "Column 'chance' is 1 for mmlu" in refused(scores.assign(chance=1.0, task="mmlu", model=list("abcde")))


def test_what_check_runs_refuses_is_refused(scores):
    assert "look like percent" in refused(scores.assign(accuracy=[30, 10, 40, 50, 20]))
    assert "found '8x7B'" in refused(scores.assign(params="8x7B"))
    assert (
        "column 'task' is missing (benchmark or validation set of the outcome). Did you mean 'benchmark'?"
        in refused(scores.rename(columns={"task": "benchmark"}))
    )
    assert "column 'model', row v: found nothing" in refused(scores.assign(model=[None, *scores["model"][1:]]))
    assert "The table is empty" in refused(scores.iloc[:0])
    assert "expected a pandas.DataFrame" in refused("scores.csv")


def test_base_and_tuned_models_may_share_a_name(scores):
    both = pd.concat([scores.assign(tuned="base"), scores.assign(tuned="instruct", accuracy=scores["accuracy"] + 0.1)])
    checked = check_evaluations(both)
    assert len(checked) == 10
    assert model_names(checked).nunique() == 6
    assert model_names(checked).iloc[0] == "a-1, base"
    other_family = both.assign(family=both["family"] + both["tuned"])
    assert len(check_evaluations(other_family)) == 10
    assert model_names(scores.assign(tuned="base")).equals(scores["model"]), "names that are one model's stay"
    gaps = check_evaluations(both.assign(tuned=both["tuned"].where(both["tuned"] != "base")))
    assert set(model_names(gaps)[gaps["model"] == "a-1"]) == {"a-1", "a-1, instruct"}, "a gap tells apart too"
    one = check_evaluations(pd.concat([both, both.iloc[[0, 5]].assign(task="arc_challenge")], ignore_index=True))
    assert not has_flag(one, ["single_model_benchmark"])[one["task"] == "arc_challenge"].any(), "two took it"
    wrong = pd.concat([both, both.iloc[:1].assign(accuracy=0.9)])
    message = refused(wrong)
    assert "- model 'a-1', task 'mmlu', protocol '5-shot', tuned 'base': found accuracy 0.3, 0.9" in message
    assert "'tuned' (base, instruct)" in refused(wrong.drop(columns="tuned"))


def test_a_column_per_benchmark_is_recognised(scores):
    wide = pd.DataFrame({"model": ["a", "b"], "params": [1e9, 2e9], "MMLU": [0.3, 0.4], "gsm8k": [0.1, 0.2],
                         "ARC-Challenge": [0.4, 0.5], "secret": [0.2, 0.3]})  # fmt: skip
    message = refused(wide)
    named = {"mmlu": "MMLU", "gsm8k": "gsm8k", "arc_challenge": "ARC-Challenge"}
    assert "seems to have a column per benchmark (MMLU, gsm8k, ARC-Challenge)" in message
    assert f"bs.task_table(frame, accuracies={named})" in message
    assert "Did you mean" not in message
    long = task_table(wide, accuracies={**named, "secret": "secret"})
    assert len(check_evaluations(long, chance={"secret": 0.25})) == 8, "what is advised works"
    assert "column 'task' is missing" in refused(scores.drop(columns="task"))


def test_other_spellings_of_benchmarks_are_suggested_and_never_renamed(scores):
    message = refused(scores.replace({"mmlu": "MMLU", "gsm8k": "boolq"}))
    assert "Did you mean 'mmlu'? So the registry, which knows chance, spells MMLU: rename it" in message
    both = refused(scores.replace({"mmlu": "MMLU", "gsm8k": "GSM-8k"}))
    assert "Did you mean 'mmlu', 'gsm8k'? So the registry, which knows chance, spells MMLU, GSM-8k: rename them" in both
    assert "Did you mean" not in refused(scores.replace({"gsm8k": "boolq"}))
    assert "MMLU" in set(check_evaluations(scores.replace({"mmlu": "MMLU"}), chance={"MMLU": 0.25})["task"])


def test_the_advice_on_names_says_who_takes_a_mapping(scores):
    for name, theirs in (("task", "benchmark"), ("accuracy", "qqq")):
        message = refused(scores.rename(columns={name: theirs}))
        assert (
            "\n  Pass columns={...} to read_table, check_runs or check_evaluations ([data] columns = {...} in"
            in message
        )
    assert refused(scores[["params"]]).count("read_table") == 1


@pytest.mark.real
def test_datasets_are_evaluations(mirror):
    sloth = load_dataset("sloth")
    assert len(check_evaluations(sloth, chance={"truthfulqa": 0.25})) == len(sloth)
    published = load_dataset("published_models")
    published = published[published["accuracy"].notna()]
    assert len(check_evaluations(published)) == len(published)
    agents = load_dataset("observational_agents")
    assert "agentboard_progress" in refused(agents)
    assert len(check_evaluations(agents, chance={"agentboard_progress": 0.0})) == len(agents)
