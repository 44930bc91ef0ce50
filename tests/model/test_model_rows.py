"""From a table to rows: what is left out is counted, what cannot be identified is switched off."""

import numpy as np
import pandas as pd
import pytest
import simulated

from bayes_scaling.data import check_runs
from bayes_scaling.errors import CardError, DataError
from bayes_scaling.model import encode, make_spec
from bayes_scaling.model.rows import kept_rows, locate, observed

LADDER = simulated.ladder(per_family=5)


def test_a_group_with_one_level_is_switched_off_with_a_notice():
    frame = LADDER[LADDER["family"] == "bee"]
    spec, rows = encode(make_spec("chinchilla", groups=["family"]), frame)
    assert spec.groups == ()
    assert not list(spec.all_effects())
    assert rows.coords == {}
    assert any("family" in n and "one level" in n for n in rows.notices)


def test_the_run_effect_needs_repeats():
    spec, rows = encode(make_spec("chinchilla"), LADDER)
    assert not spec.noise.run_effect
    assert any("run effect" in n for n in rows.notices)
    single = LADDER.assign(run=[f"r{i}" for i in range(len(LADDER))])
    assert not encode(make_spec("chinchilla"), single)[0].noise.run_effect
    double = LADDER.assign(run=[f"r{i // 2}" for i in range(len(LADDER))])
    spec, rows = encode(make_spec("chinchilla"), double)
    assert spec.noise.run_effect
    assert len(rows.coords["run"]) == len(rows.frame[["family", "run"]].drop_duplicates())
    assert not encode(make_spec("chinchilla", noise={"run_effect": False}), double)[0].noise.run_effect


def test_runs_of_two_families_with_one_name_are_two_runs():
    frame = LADDER.assign(run=[f"r{i % 5 // 2}" for i in range(len(LADDER))])
    _, rows = encode(make_spec("chinchilla"), frame)
    assert len(rows.coords["run"]) == 3 * 3


@pytest.mark.parametrize("missing", [slice(0, None), slice(0, 6)], ids=["all", "some"])
def test_rows_without_a_run_do_not_share_one(missing):
    run = np.array([f"r{i}" for i in range(len(LADDER))], dtype=object)
    run[missing] = None
    spec, rows = encode(make_spec("chinchilla"), LADDER.assign(run=run))
    assert not spec.noise.run_effect, "no run is known to have two rows"
    assert "run" not in rows.index


@pytest.mark.parametrize("column", ["params", "tokens"])
def test_all_runs_at_one_size_are_refused(column):
    with pytest.raises(DataError, match=rf"column '{column}' takes one value \(1e\+09\) in all 15 rows"):
        encode(make_spec("chinchilla"), LADDER.assign(**{column: 1e9}))


def test_beta_binomial_needs_items():
    frame = simulated.benchmarks(n_items=False)
    with pytest.raises(DataError, match=r"needs column 'n_items'.*missing in 36 rows.*alpha_qa"):
        encode(simulated.crossed_spec(observation="beta_binomial"), frame)


def test_auto_noise_settles_on_what_the_rows_allow():
    assert encode(make_spec("chinchilla"), LADDER)[0].noise.observation == "student_t"
    frame = simulated.benchmarks()
    assert encode(simulated.crossed_spec(), frame)[0].noise.observation == "beta_binomial"
    frame.loc[3, "n_items"] = np.nan
    spec, rows = encode(simulated.crossed_spec(), frame)
    assert spec.noise.observation == "beta"
    assert any("n_items is unknown in 1 of 36 rows" in n for n in rows.notices)


def test_what_is_left_out_is_counted_by_reason():
    frame = LADDER.copy()
    frame.loc[0, "loss"] = np.nan
    frame.loc[[1, 2], "params"] = np.nan
    frame["flags"] = ""
    frame.loc[[3, 4, 5], "flags"] = "diverged"
    _, rows = encode(make_spec("chinchilla"), frame, exclude_flags=["diverged"])
    assert rows.left_out == {"no loss": 1, "flag diverged": 3, "no params": 2}
    assert len(rows) == len(LADDER) - 6
    assert len(frame) == len(LADDER), "the user's table is not changed"


def test_flags_to_exclude_are_checked():
    frame = LADDER.assign(flags=["diverged", *[""] * (len(LADDER) - 1)])
    spec = make_spec("chinchilla")
    with pytest.raises(CardError, match=r"names 'divreged', which no row bears.*Did you mean 'diverged'"):
        encode(spec, frame, exclude_flags=["divreged"])
    with pytest.raises(CardError, match=r"Did you mean 'doubtful'"):
        encode(spec, frame, exclude_flags=["doubtfull"])
    with pytest.raises(CardError, match=r"expected a list of flags: \['diverged'\]"):
        encode(spec, frame, exclude_flags="diverged")
    _, rows = encode(spec, frame, exclude_flags=["doubtful", "diverged"])
    assert rows.left_out == {"flag diverged": 1}
    assert any("no row bears flag doubtful" in n for n in rows.notices)


def test_kept_rows_are_those_a_model_uses():
    frame = LADDER.assign(flags=["diverged", *[""] * (len(LADDER) - 1)])
    frame.loc[3, "loss"] = np.nan
    kept, left_out = kept_rows(check_runs(frame), make_spec("chinchilla"), ["diverged"])
    assert list(np.flatnonzero(~kept)) == [0, 3]
    assert left_out == {"no loss": 1, "flag diverged": 1}


def test_a_compute_in_another_unit_is_told():
    frame = LADDER.assign(compute=6 * LADDER["params"] * LADDER["tokens"])
    frame.loc[:3, "compute"] *= 1000
    _, rows = encode(make_spec("power_law"), frame)
    assert any("4 of 15 rows have a compute" in n and "1000 times" in n for n in rows.notices)


def test_a_path_is_no_table():
    with pytest.raises(DataError, match=r"read_table\('ladder.csv'\)"):
        encode(make_spec("chinchilla"), "ladder.csv")


def test_no_row_left_says_why():
    frame = LADDER.assign(flags="diverged")
    with pytest.raises(DataError, match=r"no row is left.*15 \(flag diverged\)"):
        encode(make_spec("chinchilla"), frame, exclude_flags=["diverged"])


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (LADDER.drop(columns="loss"), "loss"),
        (LADDER.drop(columns="loss").assign(los=2.0), r"Did you mean"),
        (LADDER.drop(columns="tokens"), "tokens"),
        (LADDER.drop(columns="family"), "family"),
        (LADDER.assign(params=LADDER["params"] / 1e9), "1e9|billions"),
        (LADDER.assign(loss=-1.0), "loss"),
        (LADDER.assign(loss=np.inf), "finite"),
    ],
    ids=["no loss", "misnamed loss", "no tokens", "no family", "billions", "negative", "infinite"],
)
def test_a_table_that_cannot_be_used_is_refused_by_column(frame, message):
    with pytest.raises(DataError, match=message):
        encode(make_spec("chinchilla", groups=["family"]), frame)


def test_index_points_at_the_row_s_own_level():
    shuffled = simulated.benchmarks().sample(frac=1, random_state=1)
    spec, rows = encode(simulated.crossed_spec(), shuffled)
    for group, code in rows.index.items():
        parts = ["family", "run"] if group == "run" else group.split(":")
        expected = rows.frame[parts].agg("|".join, axis=1)
        assert [rows.coords[group][c] for c in code] == list(expected), group
    assert rows.coords["family"] == sorted(rows.coords["family"])
    np.testing.assert_array_equal(rows.inputs["compute"], rows.frame["compute"])
    assert {g for _, g, _ in spec.all_effects()} | {"run"} == set(rows.index)


def test_what_the_likelihood_reads():
    spec, rows = encode(simulated.crossed_spec(), simulated.benchmarks())
    data = observed(spec, rows)
    np.testing.assert_allclose(data["y"] / data["n_items"], rows.frame["accuracy"], atol=1e-12)
    assert data["y"].dtype == data["n_items"].dtype == np.int64
    spec, rows = encode(make_spec("chinchilla"), LADDER)
    np.testing.assert_allclose(np.exp(observed(spec, rows)["y"]), LADDER["loss"])


def test_rows_below_chance_are_used_and_told():
    frame = simulated.benchmarks()
    frame.loc[[0, 1], "accuracy"] = 0.1
    _, rows = encode(simulated.crossed_spec(), frame)
    assert len(rows) == len(frame)
    assert any("2 of 36 rows lie below chance" in n for n in rows.notices)


def test_new_levels_are_placed_after_the_fitted_ones():
    spec, rows = encode(make_spec("chinchilla", groups=["family"]), LADDER)
    points = pd.DataFrame({"family": ["dog", "ant", "elk", "dog"]})
    index, new = locate(spec, rows.coords, points)
    assert new == {"family": ["dog", "elk"]}
    np.testing.assert_array_equal(index["family"], [3, 0, 4, 3])
