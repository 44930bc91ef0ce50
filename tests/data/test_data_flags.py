import numpy as np
import pandas as pd
import pytest

from bayes_scaling.data import add_flag, catalogue, check_runs, data_hash, flag_counts, has_flag, load_dataset
from bayes_scaling.data.flags import KNOWN


def test_flags_are_sorted_without_repeats(runs):
    frame = add_flag(add_flag(runs, [True, True, False], "late"), [True, False, False], "early")
    frame = add_flag(frame, [True, False, False], "late")
    assert list(frame["flags"]) == ["early;late", "late", ""]
    assert "flags" not in runs
    assert flag_counts(frame) == {"early": 1, "late": 2}
    assert has_flag(frame, "late").tolist() == [True, True, False]
    assert has_flag(frame, ["early", "absent"]).tolist() == [True, False, False]
    assert list(has_flag(frame, "late").index) == ["x", "y", "z"]


def test_one_flag_is_not_another_that_contains_it(runs):
    frame = add_flag(runs, [True, True, True], "no_compute")
    assert not has_flag(frame, "compute").any()


def test_a_table_without_flags(runs):
    assert not has_flag(runs, "late").any()
    assert flag_counts(runs) == {}


def test_flags_of_the_package_are_known():
    """A flag to exclude is checked against these; loaders that read the mirror are checked where there is one."""
    assert set(flag_counts(load_dataset("published_models"))) <= set(KNOWN)


@pytest.mark.real
@pytest.mark.parametrize("name", [name for name in catalogue() if name != "published_models"])
def test_flags_of_the_loaders_are_known(mirror, name):
    assert set(flag_counts(load_dataset(name))) <= set(KNOWN)


def test_bad_flags(runs):
    with pytest.raises(ValueError, match="without ';'"):
        add_flag(runs, [True] * 3, "a;b")
    with pytest.raises(ValueError, match="expected one per row"):
        add_flag(runs, [True], "a")


@pytest.mark.parametrize("missing", ["params", "tokens", "compute"])
def test_each_of_three_follows_from_the_others(missing):
    full = pd.DataFrame({"run": ["r"], "params": [1e9], "tokens": [2e10], "compute": [1.2e20]})
    checked = check_runs(full.drop(columns=missing))
    assert checked[missing][0] == pytest.approx(full[missing][0])
    assert flag_counts(checked) == {f"derived_{missing}": 1}


def test_compute_counts_active_parameters():
    frame = pd.DataFrame(
        {
            "run": ["dense", "sparse", "unknown"],
            "params": [1e9, 8e9, np.nan],
            "active_params": [np.nan, 2e9, 2e9],
            "tokens": [1e10, 1e10, np.nan],
            "compute": [np.nan, np.nan, 1.2e20],
        }
    )
    checked = check_runs(frame)
    assert list(checked["compute"]) == [6e19, 1.2e20, 1.2e20]
    assert checked["tokens"][2] == pytest.approx(1e10)
    assert np.isnan(checked["params"][2]), "total parameters of a sparse model do not follow"
    assert checked["flags"].tolist() == ["derived_compute", "derived_compute", "derived_tokens"]


def test_nothing_is_derived_from_one_alone():
    checked = check_runs(pd.DataFrame({"run": ["r"], "params": [1e9]}))
    assert list(checked.columns) == ["run", "params", "flags"]


def test_accuracy_below_chance_is_flagged():
    frame = pd.DataFrame({"run": list("abc"), "accuracy": [0.2, 0.25, np.nan], "chance": 0.25})
    assert has_flag(check_runs(frame), "below_chance").tolist() == [True, False, False]


def test_compute_that_does_not_fit_is_flagged():
    frame = pd.DataFrame({"run": list("abcd"), "params": 1e9, "tokens": 1e10})
    frame["compute"] = [6e19, 6e19 * 2.9, 6e19 * 3.1, 6e19 / 3.1]
    assert has_flag(check_runs(frame), "compute_mismatch").tolist() == [False, False, True, True]


def test_family_seen_at_one_scale_is_flagged():
    frame = pd.DataFrame(
        {
            "family": ["a", "a", "b", "b"],
            "model": ["a1", "a2", "b1", "b1"],
            "task": ["mmlu", "mmlu", "mmlu", "piqa"],
            "params": [1e9, 2e9, 3e9, 3e9],
        }
    )
    checked = check_runs(frame)
    assert has_flag(checked, "single_point_family").tolist() == [False, False, True, True]
    # Of a subset the flag is worked out anew.
    assert has_flag(check_runs(checked.iloc[1:]), "single_point_family").all()
    whole = check_runs(pd.DataFrame({"family": ["a", "a", "b"], "loss": [3.0, 2.0, 1.0]}))
    assert has_flag(whole, "single_point_family").tolist() == [False, False, True]


def test_hash_ignores_column_order_and_index(runs):
    checked = check_runs(runs)
    digest = data_hash(checked)
    assert len(digest) == 64
    assert data_hash(checked[sorted(checked.columns)].set_index(pd.Index([5, 7, 9]))) == digest
    assert data_hash(check_runs(checked)) == digest
    assert data_hash(checked.iloc[::-1]) != digest
    assert data_hash(checked.assign(loss=np.nextafter(checked["loss"], 9))) != digest
    assert data_hash(checked.rename(columns={"loss": "other"})) != digest


def test_hash_is_the_same_everywhere():
    frame = pd.DataFrame({"family": ["a", None], "loss": [0.1, np.nan], "step": [1, 2]})
    assert data_hash(frame) == "b5e84fcc2ca8c5f9f075e5d6dbe13095b474e6284ee2a9a92e38ee127cd43886"
    assert data_hash(frame.astype({"step": "float64"})) == data_hash(frame)
    assert data_hash(frame.assign(family=["a", "None"])) != data_hash(frame)
