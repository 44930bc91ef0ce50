import numpy as np
import pandas as pd
import pytest

from bayes_scaling.data import COLUMNS, Column, check_runs, flag_counts
from bayes_scaling.data.naming import described
from bayes_scaling.data.sizes import size_in_name
from bayes_scaling.errors import DataError


def refused(frame, **options) -> str:
    with pytest.raises(DataError) as caught:
        check_runs(frame, **options)
    return str(caught.value)


def test_good_table_is_completed_and_the_input_left_alone(runs):
    before = runs.copy()
    checked = check_runs(runs, require=("params", "tokens", "compute", "loss"))
    pd.testing.assert_frame_equal(runs, before)
    assert list(checked.index) == [0, 1, 2]
    assert list(checked["compute"]) == [6 * 1e9 * 2e10, 6 * 2e9 * 4e10, 6 * 3e9 * 6e10]
    assert flag_counts(checked) == {"derived_compute": 3, "single_point_family": 1}


def test_checking_twice_changes_nothing(runs):
    once = check_runs(runs.assign(accuracy=[0.2, 0.3, np.nan], chance=0.25, flags=["late;early", "", None]))
    pd.testing.assert_frame_equal(check_runs(once), once)
    assert once["flags"][0] == "below_chance;derived_compute;early;late"


def test_integer_counts_do_not_overflow():
    checked = check_runs(pd.DataFrame({"params": [4 * 10**11], "tokens": [4 * 10**13], "model": ["m"]}))
    assert checked["params"].dtype == np.float64
    assert checked["compute"][0] == pytest.approx(9.6e25)


def test_nullable_and_categorical_columns_are_read():
    frame = pd.DataFrame(
        {
            "model": pd.Categorical(["a", "b"]),
            "params": pd.array([10**9, None], dtype="Int64"),
            "tokens": ["2e10", " "],
        }
    )
    checked = check_runs(frame)
    assert checked["params"].isna().tolist() == [False, True]
    assert checked["tokens"].isna().tolist() == [False, True]


def test_columns_outside_the_vocabulary_are_kept(runs):
    checked = check_runs(runs.assign(Accuracy=[35, 40, 45], comment="fine"))
    assert list(checked["Accuracy"]) == [35, 40, 45]
    assert checked["comment"].eq("fine").all()


# Names


def test_mapping_renames(runs):
    theirs = runs.rename(columns={"params": "N", "loss": "val"})
    checked = check_runs(theirs, columns={"N": "params", "val": "loss"}, require=("params", "loss"))
    pd.testing.assert_frame_equal(checked, check_runs(runs))


def test_mapping_from_an_absent_column_suggests_the_near_one(runs):
    message = refused(runs.rename(columns={"loss": "val_loss"}), columns={"vall_loss": "loss"})
    assert "the table has no column 'vall_loss'. Did you mean 'val_loss'?" in message


def test_mapping_to_an_unknown_name_suggests_the_near_one(runs):
    message = refused(runs, columns={"params": "parms"})
    assert "'parms' is no column of the vocabulary. Did you mean 'params'?" in message


def test_mapping_two_columns_to_one_name(runs):
    assert "the name 'params' after the mapping" in refused(runs, columns={"tokens": "params"})


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ("n_params", "params"),
        ("N", "params"),
        ("D", "tokens"),
        ("val_loss", "loss"),
        ("Loss", "loss"),
        ("FLOPs", "compute"),
        ("benchmark", "task"),
        ("acc", "accuracy"),
        ("famly", "family"),
    ],
)
def test_misnamed_column_is_recognised(found, expected):
    message = refused(pd.DataFrame({found: [1.0], "run": ["r"]}), require=(expected,))
    assert f"column {expected!r} is missing ({described(COLUMNS[expected])}). Did you mean {found!r}?" in message
    assert f"columns={{{found!r}: {expected!r}}}" in message


def test_other_spellings_are_recognised_where_nothing_is_required():
    frame = pd.DataFrame({"Params": [1e9], "Tokens": [2e10], "val_loss": [3.0]})
    mapping = {"Params": "params", "Tokens": "tokens", "val_loss": "loss"}
    assert f"Did you mean columns={mapping}?" in refused(frame)
    message = refused(frame.rename(columns={"val_loss": "loss"}), require=("compute",))
    assert "from 'params' and 'tokens' (columns={'Params': 'params', 'Tokens': 'tokens'}?)" in message


def test_another_separator_is_recognised():
    frame = pd.DataFrame({"params;tokens;loss": ["1e9;2e10;3.0"]})
    for mapping in (None, {"n": "params"}):
        assert "pandas.read_csv(path, sep=';')" in refused(frame, columns=mapping)


def test_a_mapping_the_wrong_way_round_is_recognised(runs):
    message = refused(runs.rename(columns={"params": "n_params"}), columns={"params": "n_params"})
    assert "the wrong way round: write columns={'n_params': 'params'}" in message
    assert "columns = ['a']; expected a table" in refused(runs, columns=["a"])


def test_missing_column_lists_what_is_there(runs):
    message = refused(runs.drop(columns="loss"), require=("loss",))
    assert "column 'loss' is missing" in message
    assert "Columns found: family, params, tokens" in message
    assert "duplicates" not in message


def test_required_column_may_be_derived(runs):
    frame = runs.assign(compute=[1e20, 2e20, 3e20]).drop(columns="tokens")
    assert check_runs(frame, require=("tokens",))["tokens"].notna().all()


def test_table_without_any_known_column():
    assert "no column of the vocabulary was found, only: a, b" in refused(pd.DataFrame({"a": [1], "b": [2]}))


def test_empty_table_and_other_objects(runs):
    assert "The table is empty (0 rows, 4 columns)" in refused(runs.iloc[:0])
    assert "Found list, expected a pandas.DataFrame" in refused([1, 2])
    assert "Read the file first: read_table('runs.csv')" in refused("runs.csv")


# Values


def test_all_problems_are_reported_at_once(runs):
    message = refused(
        runs.assign(params=[1, 2, np.nan], tokens=["many", "4e10", "6e10"], loss=[0, -1, np.inf]),
        require=("params", "tokens", "loss"),
    )
    assert "5 problems" in message
    assert (
        "column 'tokens', row x: found 'many'; expected numbers (count), such as 7e9, or sizes such as '7B'" in message
    )
    assert "column 'params', rows x, y: found 1, 2" in message
    assert "column 'params', row z: found nothing; expected a value in every row" in message
    assert "column 'loss', rows x, y: found 0, -1; expected values above 0" in message
    assert "column 'loss', row z: found inf; expected finite numbers" in message


def test_sizes_in_words_are_read(runs):
    checked = check_runs(runs.assign(params=["7B", " 1.5b", "350M"], tokens=["2T", "4e10", "1.3 billion"]))
    assert list(checked["params"]) == [7e9, 1.5e9, 3.5e8]
    assert list(checked["tokens"]) == [2e12, 4e10, 1.3e9]
    assert checked["params"].dtype == np.float64
    pd.testing.assert_frame_equal(check_runs(checked), checked)


def test_sizes_that_say_no_number_are_all_reported(runs):
    message = refused(runs.assign(params=["large", "8x7B", "1b5"], loss=["3B", 2, 1], step=["1k", 2, 3]))
    assert (
        "column 'params', rows x, z: found 'large', '1b5'; expected numbers (count), such as 7e9, or sizes" in message
    )
    assert "column 'params', row y: found '8x7B'; expected the count of all parameters" in message
    assert "give 'params' (all) and 'active_params' (used per token)" in message
    assert "column 'loss', row x: found '3B'; expected numbers (nats per token). Write" in message
    assert "column 'step', row x: found '1k'" in message
    assert "4 problems" in message


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("meta-llama/Llama-2-7b-hf", 7e9),
        ("pythia-410m-deduped", 4.1e8),
        ("facebook/opt-1.3b", 1.3e9),
        ("Mixtral-8x7B-v0.1", np.nan),
        ("Qwen3-30B-A3B", np.nan),
        ("merged-7b-13b", np.nan),
        ("rwkv-4-1b5-pile", np.nan),
        ("gpt2", np.nan),
    ],
)
def test_size_in_the_name_of_a_model(name, size):
    np.testing.assert_equal(size_in_name(pd.Series([name])).tolist(), [size])


def test_gaps_are_allowed_where_a_column_is_not_required(runs):
    gaps = runs.assign(loss=[3.0, np.nan, np.nan])
    assert check_runs(gaps)["loss"].isna().sum() == 2
    assert "column 'loss', rows y, z: found nothing" in refused(gaps, require=("loss",))


def test_gap_that_can_be_derived_is_none(runs):
    frame = runs.assign(params=[1e9, np.nan, 3e9], compute=[1.2e20, 4.8e20, 1.08e21])
    checked = check_runs(frame, require=("params",))
    assert checked["params"][1] == pytest.approx(2e9)
    message = refused(frame.assign(tokens=[2e10, np.nan, 6e10]), require=("params",))
    assert "Fill the gaps (or 'tokens' and 'compute', from which it follows)" in message


def test_required_text_may_not_be_blank(runs):
    assert "column 'family', rows x, y: found nothing" in refused(
        runs.assign(family=["", None, "b"]), require=("family",)
    )


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinity_is_refused_everywhere(runs, value):
    assert "row y: found" in refused(runs.assign(compute=[1e20, value, 1e20]))


@pytest.mark.parametrize(
    ("column", "values", "hint"),
    [
        ("params", [7, 13, 70], "look like millions or billions: multiply by 1e6 or 1e9"),
        ("active_params", [7, 13, 70], "look like millions or billions"),
        ("tokens", [20, 40, 60], "look like billions or trillions: multiply by 1e9 or 1e12"),
        ("compute", [1.2, 4.8, 10.8], "units of 1e18 or 1e21 FLOP: multiply by 1e18 or 1e21"),
        ("accuracy", [35, 40, 62.5], "look like percent: divide by 100"),
        ("chance", [25, 25, 25], "look like percent: divide by 100"),
        ("loss", [25, 30, 40], "look like perplexities: pass loss_unit='perplexity'"),
    ],
)
def test_unit_slips(runs, column, values, hint):
    message = refused(runs.assign(**{column: values}))
    assert f"column {column!r}, rows x, y, z: found" in message
    assert hint in message


@pytest.mark.parametrize("column", ["params", "active_params", "tokens", "unique_tokens", "compute", "loss"])
@pytest.mark.parametrize("value", [0, -5])
def test_zero_and_negative_values(runs, column, value):
    message = refused(runs.assign(**{column: [1e11 if column != "loss" else 2.0, value, value]}))
    assert f"column {column!r}, rows y, z: found {value}; expected values above 0" in message
    assert "multiply" not in message


def test_whole_numbers(runs):
    message = refused(runs.assign(step=[1, 2.5, 3], n_items=[0, 10, 10]))
    assert "column 'step', row y: found 2.5; expected whole numbers" in message
    assert "column 'n_items', row x: found 0; expected values of at least 1" in message


def test_many_rows_are_counted():
    frame = pd.DataFrame({"run": [f"r{i}" for i in range(25)], "loss": -1.0})
    assert "rows 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ... 25 in all: found -1;" in refused(frame)


def test_columns_of_a_law_are_checked_and_may_widen_a_range(runs):
    depth = Column("depth", "layers", "count", "count", low=2, slip="These look like blocks of layers")
    message = refused(runs.assign(depth=[1, 12, -1]), further=[depth])
    assert "column 'depth', row x: found 1; expected values of at least 2 (layers; count). These look" in message
    assert "column 'depth', row z: found -1; expected values above 0" in message
    tiny = Column("params", "weights of a linear model", "count", "count", low=1)
    assert list(check_runs(runs.assign(params=[3, 4, 5]), further=[tiny])["params"]) == [3, 4, 5]


def test_kind_of_a_column_is_checked():
    with pytest.raises(ValueError, match="has kind 'number', expected one of count"):
        Column("depth", "layers", "count", "number")


# Duplicates


def test_named_rows_are_duplicates_whatever_the_outcome(runs):
    twice = pd.concat([runs, runs.assign(loss=1.5)]).assign(model=["a", "b", "c"] * 2)
    message = refused(twice)
    assert "rows x, y, z, x, y, z: duplicates" in message
    assert "tell the rows apart by 'run'" in message
    assert len(check_runs(twice.assign(run=list("abcdef")))) == 6
    assert len(check_runs(twice.assign(task=list("aaabbb")))) == 6


def test_unnamed_rows_are_duplicates_only_with_the_same_outcome(runs):
    assert len(check_runs(pd.concat([runs, runs.assign(loss=[3.1, 2.6, 2.3])]))) == 6
    assert "rows x, x: duplicates" in refused(pd.concat([runs, runs.iloc[:1]]))
    assert len(check_runs(pd.concat([runs, runs]).drop(columns="loss"))) == 6


def test_a_column_of_the_law_tells_runs_apart(runs):
    rate = Column("lr", "learning rate", "1", "positive")
    twice = pd.concat([runs, runs]).assign(lr=[1e-3] * 3 + [2e-3] * 3)
    assert len(check_runs(twice, further=[rate])) == 6


# Units of loss


def test_loss_units(runs):
    nats = np.array([3.0, 2.5, 2.25])
    given = {
        "nats": nats,
        "bits": nats / np.log(2),
        "perplexity": np.exp(nats),
        "bits_per_byte": nats / np.log(2) / 4.5,
    }
    for unit, values in given.items():
        extra = {"bytes_per_token": 4.5} if unit == "bits_per_byte" else {}
        checked = check_runs(runs.assign(loss=values), loss_unit=unit, **extra)
        np.testing.assert_allclose(checked["loss"], nats, rtol=1e-14)


def test_loss_unit_errors(runs):
    assert "needs the mean bytes of text per token" in refused(runs, loss_unit="bits_per_byte")
    assert "loss_unit='bit' is not known. Did you mean 'bits'?" in refused(runs, loss_unit="bit")
    assert "is used with loss_unit='bits_per_byte' only" in refused(runs, bytes_per_token=4.0)
    message = refused(runs.assign(loss=[20, 1.0, 0.5]), loss_unit="perplexity")
    assert "column 'loss', rows y, z: found 1, 0.5; expected values above 1" in message
    assert "given as perplexity" in message


def test_the_vocabulary_is_complete():
    assert list(COLUMNS) == [
        "family",
        "model",
        "run",
        "params",
        "active_params",
        "matmul_params",
        "tokens",
        "unique_tokens",
        "compute",
        "step",
        "seen",
        "loss",
        "data_needed",
        "accuracy",
        "n_items",
        "chance",
        "averaged",
        "averaged_span",
        "averaged_scatter",
        "task",
        "protocol",
        "flags",
    ]
    assert all(c.meaning and c.unit for c in COLUMNS.values())
