import shutil

import pandas as pd
import pytest

from bayes_scaling.data import (
    BENCHMARKS,
    benchmark,
    catalogue,
    check_runs,
    data_hash,
    dataset,
    flag_counts,
    has_flag,
    load_dataset,
    read_table,
)
from bayes_scaling.data.averages import evaluations
from bayes_scaling.data.learning_curves import SPACING
from bayes_scaling.errors import DataError, DownloadError


@pytest.fixture(scope="module")
def published() -> pd.DataFrame:
    return load_dataset("published_models")


def cell(frame, column, **where):
    """Return the one value of a column in the row that the conditions single out."""
    for name, value in where.items():
        frame = frame[frame[name] == value]
    assert len(frame) == 1
    return frame[column].iloc[0]


# Benchmarks


def test_benchmarks_state_their_source():
    assert {
        "mmlu",
        "hellaswag",
        "arc_challenge",
        "winogrande",
        "piqa",
        "gsm8k",
        "humaneval",
        "triviaqa",
    } <= set(BENCHMARKS)
    for entry in BENCHMARKS.values():
        assert entry.citation
        assert entry.chance is None or 0 <= entry.chance < 1
        assert entry.n_items is None or entry.n_items > 0
    assert (benchmark("mmlu").chance, benchmark("mmlu").n_items) == (0.25, 14042)
    assert benchmark("triviaqa").n_items == 7993


def test_unknown_benchmark():
    with pytest.raises(DataError, match="Did you mean 'winogrande'"):
        benchmark("winogrand")


# Published models, embedded


def test_published_models_are_all_there(published, no_mirror):
    assert len(published) == dataset("published_models").rows == 806
    assert published["model"].nunique() == 157
    assert published["family"].nunique() == 43
    outcomes = published[["accuracy", "loss"]].notna().sum(axis=1)
    assert (outcomes == 1).sum() == 803
    assert published["loss"].notna().sum() == 34
    without = published[has_flag(published, "no_outcome")]
    assert set(without["model"]) == {"OPT-175B", "BLOOM-176B", "GPT-3-760M"}
    assert (outcomes[without.index] == 0).all()
    pd.testing.assert_frame_equal(check_runs(published), published)


def test_published_figures(published):
    # Typed from the papers: LLaMA Table 9, Cerebras-GPT results table, Llama 2 Table 20.
    assert cell(published, "accuracy", model="LLaMA-65B", task="mmlu") == 0.634
    assert cell(published, "loss", model="Cerebras-GPT-13B", task="pile/gpt2") == 1.572
    assert cell(published, "loss", model="Pythia-12B", task="pile/neox") == 1.582
    assert cell(published, "accuracy", model="Llama-2-7B", task="humaneval") == 0.128
    assert cell(published, "chance", model="LLaMA-65B", task="piqa") == 0.5
    assert cell(published, "n_items", model="LLaMA-65B", task="gsm8k") == 1319


def test_published_compute_is_6nd_of_active_parameters(published):
    expected = 6 * published["active_params"] * published["tokens"]
    pd.testing.assert_series_equal(published["compute"], expected, check_names=False)
    sparse = published[published["model"] == "DeepSeek-V3"]
    assert (sparse["active_params"] < sparse["params"]).all()
    assert cell(published, "published_compute", model="Llama-3.1-405B", task="mmlu") == 3.8e25
    unknown = has_flag(published, "no_compute")
    assert (unknown == published["compute"].isna()).all()
    assert published.loc[unknown, "model"].nunique() == 11


def test_published_losses_share_a_task_within_one_tokenizer_only(published):
    tasks = published[published["loss"].notna()].groupby("task")["family"].unique()
    assert set(tasks["pile/gpt2"]) == {"Cerebras-GPT", "Cerebras-GPT-muP", "GPT-Neo/J/NeoX"}
    assert set(tasks["pile/neox"]) == {"Pythia", "Pythia-deduped", "GPT-Neo/J/NeoX"}
    assert set(tasks["pile/deepseek"]) == {"DeepSeek LLM"}


def test_published_protocols(published):
    def protocol(model, task):
        return cell(published, "protocol", model=model, task=task)

    assert protocol("LLaMA-7B", "mmlu") == "5-shot"
    assert protocol("Pythia-70M", "hellaswag") == "0-shot acc"
    assert protocol("Llama-3-8B", "arc_challenge") == "25-shot multiple_choice"
    assert protocol("Llama-2-7B", "hellaswag") == "0-shot metric unstated"
    assert protocol("LLaMA-7B", "gsm8k") == "shots unstated"
    assert protocol("Mistral-7B-v0.1", "gsm8k") == "8-shot maj@8"
    assert protocol("Llama-3.1-8B", "winogrande") == "5-shot acc_char"
    assert protocol("GPT-Neo-1.3B", "pile/gpt2") == "ln of published perplexity"
    assert published.loc[~has_flag(published, "no_outcome"), "protocol"].ne("").all()


def test_published_flags(published):
    counts = flag_counts(published)
    assert counts["special_synthetic"] == 43
    assert {"special_distilled", "special_continued", "special_upcycled"} <= set(counts)
    assert {"special_multilingual", "special_multimodal"} <= set(counts)

    def flags(model, task):
        return set(cell(published, "flags", model=model, task=task).split(";"))

    assert "doubtful" in flags("Pythia-1.4B-deduped", "pile/neox")
    assert "doubtful" not in flags("Pythia-1.4B-deduped", "mmlu")
    assert "doubtful" in flags("Falcon-40B", "humaneval")
    assert "doubtful" in flags("Gemma-3-1B", "mmlu")
    assert "third_party" in flags("OPT-125M", "piqa")
    assert "third_party" in flags("Pythia-70M", "hellaswag")
    assert "third_party" not in flags("Pythia-70M", "piqa")
    assert {"special_distilled", "special_multimodal"} <= flags("Gemma-3-4B", "mmlu")
    reasons = published.loc[has_flag(published, ["doubtful", "approximate"]), "flag_reason"]
    assert reasons.ne("").all()


def test_every_remark_names_existing_rows(published):
    import tomllib

    from bayes_scaling.data.registry import HERE

    remarks = tomllib.loads((HERE / "published_models.toml").read_text(encoding="utf-8"))
    for entry in (*remarks["variant"], *remarks["remark"]):
        assert set(entry.get("models", [])) <= set(published["model"])
        assert set(entry.get("families", [])) <= set(published["family"])


# Public datasets


def test_unknown_dataset():
    with pytest.raises(DataError, match="Did you mean 'observational'"):
        load_dataset("observationl")


def test_unreachable_dataset(no_mirror):
    with pytest.raises(DownloadError, match="BAYES_SCALING_DATA"):
        load_dataset("overtraining")


@pytest.mark.real
def test_chinchilla(mirror):
    frame = load_dataset("chinchilla")
    assert len(frame) == dataset("chinchilla").rows == 245
    assert set(frame["family"]) == {"Chinchilla"}
    assert flag_counts(frame) == {"derived_tokens": 245, "high_loss_outlier": 5}
    assert frame.loc[has_flag(frame, "high_loss_outlier"), "loss"].min() == pytest.approx(3.446995, abs=1e-6)
    assert frame.loc[~has_flag(frame, "high_loss_outlier"), "loss"].max() < 3.41
    assert frame["loss"].min() == pytest.approx(2.077394, abs=1e-6)
    assert frame["run"].is_unique


@pytest.mark.real
def test_overtraining(mirror):
    frame = load_dataset("overtraining")
    assert len(frame) == dataset("overtraining").rows == 104
    assert frame["family"].value_counts().to_dict() == {"RefinedWeb": 35, "RedPajama": 35, "C4": 34}
    big = frame[(frame["family"] == "RefinedWeb") & (frame["params"] == 6889410560)]
    assert big["loss"].iloc[0] == 2.454721561962622
    assert big["tokens"].iloc[0] == 137788211200
    assert big["chinchilla_multiplier"].iloc[0] == 1
    ratio = frame["tokens"] / (20 * frame["params"] * frame["chinchilla_multiplier"])
    assert ratio.between(0.999, 1.001).all()
    blocks = frame["params"] - 2 * (frame["params"] - frame["matmul_params"])  # embedding and head are equally large
    assert (blocks / frame["params"]).groupby(frame["model"]).first().round(2).to_dict() == {
        "d=96_l=8_h=4": 0.08, "d=512_l=8_h=4": 0.35, "d=576_l=24_h=8": 0.62, "d=1024_l=24_h=8": 0.75,
        "open_lm_1b": 0.86, "open_lm_7b": 0.94,
    }  # fmt: skip
    assert {"loss_openlm", "loss_paloma_c4_en", "err_avg17", "err_avg46", "err_mmlu"} <= set(frame.columns)
    assert flag_counts(frame) == {"derived_compute": 104}


@pytest.mark.real
def test_overtraining_is_the_same_from_the_public_files(mirror, tmp_path, monkeypatch):
    from_table = load_dataset("overtraining")
    for part in ("models", "evals"):
        shutil.copytree(mirror / "overtraining" / part, tmp_path / "public" / "overtraining" / part)
    monkeypatch.setenv("BAYES_SCALING_DATA", str(tmp_path / "public"))
    from_json = load_dataset("overtraining")
    pd.testing.assert_frame_equal(from_json, from_table, check_exact=True)
    assert data_hash(from_json) == data_hash(from_table)


@pytest.mark.real
def test_observational(mirror):
    frame = load_dataset("observational")
    assert len(frame) == dataset("observational").rows == 1144
    assert frame["model"].nunique() == 148
    assert frame["family"].nunique() == 47
    assert frame["task"].value_counts().to_dict() == {
        "mmlu": 148,
        "hellaswag": 148,
        "winogrande": 148,
        "truthfulqa": 148,
        "gsm8k": 148,
        "arc_challenge": 145,
        "xwinograd": 132,
        "humaneval": 127,
    }
    llama = {"model": "meta-llama/Llama-2-70b-hf", "task": "mmlu"}
    assert cell(frame, "accuracy", **llama) == 0.6983208921288624
    assert cell(frame, "compute", **llama) == pytest.approx(840e21)
    unknown = has_flag(frame, "no_compute")
    assert (unknown == frame["compute"].isna()).all()
    assert frame.loc[unknown, "model"].nunique() == 25
    assert not has_flag(frame, "compute_mismatch").any()


@pytest.mark.real
def test_observational_corrections(mirror):
    frame = load_dataset("observational")
    btlm = frame[has_flag(frame, "corrected_tokens")]
    assert set(btlm["model"]) == {"cerebras/btlm-3b-8k-base"}
    assert btlm["tokens"].iloc[0] == pytest.approx(627e9)
    assert btlm["compute"].iloc[0] == pytest.approx(6 * 3e9 * 627e9)
    doubtful = frame[has_flag(frame, "doubtful")]
    assert doubtful["model"].nunique() == 2
    assert doubtful["flag_reason"].ne("").all()
    # The upstream column Winograd is WinoGrande: nearly all scores are multiples of 1/1267, not of 1/273.
    scores = frame.loc[frame["task"] == "winogrande", "accuracy"]
    assert ((scores * 1267 - (scores * 1267).round()).abs() < 1e-4).mean() > 0.97


@pytest.mark.real
def test_curves(mirror):
    frame = load_dataset("curves")
    assert len(frame) == dataset("curves").rows == 19595
    runs = frame.groupby("family")["run"].nunique()
    assert runs.to_dict() == {"IC": 72, "NMT": 5, "LM": 5, "BB": 10}
    assert frame["run"].nunique() == 92
    assert frame.groupby("run")[["family", "task", "model"]].nunique().eq(1).all(axis=None)
    assert set(flag_counts(frame)) == {"pooled"}
    assert (frame["family"] == "LM").sum() == 229, "each point once, not four times"
    assert not frame.duplicated(["run", "seen_upstream"]).any()
    assert frame["run"].is_monotonic_increasing
    assert frame.groupby("run")["seen_upstream"].is_monotonic_increasing.all()
    first = frame[frame["run"] == "IC/bird_5/MiX/B/16"].iloc[0]
    assert (first["seen_upstream"], first["loss"], first["training"]) == (4096000.0, 0.9830801095813513, True)
    assert frame["loss"].between(0.1, 1).all()
    fitted = frame[frame["training"]].groupby("run")["seen"].max()
    later = frame[~frame["training"]].groupby("run")["seen"].min()
    assert len(fitted) == len(later) == 92
    assert (fitted < later).all()
    raw = frame["averaged"] == 1
    assert (raw | frame["family"].isin(["IC", "BB"])).all()
    assert raw[(frame["family"] == "IC") & ~frame["training"]].all()
    standing = frame[~has_flag(frame, "pooled")]
    assert standing.groupby("run")["seen"].is_monotonic_increasing.all()
    assert (standing["seen"] >= standing["seen_upstream"]).all()
    last = frame[frame["run"] == "IC/bird_5/MiX/B/16"].query("training").iloc[-1]
    # The last bin starts at 486.309 spacings; it holds the evaluations 487 to 518.
    assert last["seen"] / 4.096e6 == pytest.approx((487 + 518) / 2)
    assert 32 < last["averaged"] < 64
    one_mean = frame[frame["run"] == "BB/('date', '1-shot')/262M"].query("training").iloc[3:9]
    assert one_mean["loss"].nunique() == 1
    assert (one_mean["flags"] == "pooled").tolist() == [False] + [True] * 5
    assert one_mean["seen"].iloc[0] / 2.62144e9 == pytest.approx((4.05 + 5.05 + 6.05 + 7.05 + 8.05 + 9.05 + 10.05) / 7)


@pytest.mark.real
def test_rows_of_curves_are_means_of_as_many_evaluations_as_said(mirror):
    frame = load_dataset("curves")
    # The error of one evaluation is a count of ImageNet's 50 000 images, so that the mean of k is a count over k.
    rows = frame[(frame["dataset"] == "inet") & frame["training"]]
    counts = rows.groupby("run")["seen_upstream"].transform(lambda s: evaluations(s.to_numpy(), SPACING["IC"])[0])
    for k, least in ((1, 0.98), (2, 0.9), (3, 0.8)):
        means = rows.loc[counts == k, "loss"] * 50_000
        whole = {n: ((means * n - (means * n).round()).abs() < 0.01 * n).mean() for n in (k - 1, k, k + 1) if n}
        assert len(means) > 90
        assert whole.pop(k) > least
        assert k == 1 or max(whole.values()) < 0.6, "means of one evaluation fewer or more are not such counts"


@pytest.mark.real
@pytest.mark.parametrize("name", [name for name in catalogue() if name != "published_models"])
def test_loaded_tables_pass_the_check_again(mirror, name):
    frame = load_dataset(name)
    pd.testing.assert_frame_equal(check_runs(frame), frame)


# Files of the user's own


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".json", ".parquet"])
def test_read_table(runs, tmp_path, suffix):
    path = tmp_path / f"runs{suffix}"
    theirs = runs.rename(columns={"params": "N"}).reset_index(drop=True)
    if suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="reading parquet needs pyarrow")
        theirs.to_parquet(path)
    elif suffix in (".csv", ".tsv"):
        theirs.to_csv(path, index=False, sep="," if suffix == ".csv" else "\t")
    else:
        theirs.to_json(path, orient="records", lines=suffix == ".jsonl")
    read = read_table(path, columns={"N": "params"}, require=("params", "loss"))
    pd.testing.assert_frame_equal(read, check_runs(runs))


def test_read_table_converts_and_refuses(runs, tmp_path):
    path = tmp_path / "runs.csv"
    runs.to_csv(path, index=False)
    assert read_table(path, loss_unit="bits")["loss"][0] == pytest.approx(3 * 0.6931472, rel=1e-6)
    with pytest.raises(DataError, match="column 'compute_hours' is missing"):
        read_table(path, require=("compute_hours",))


def test_bad_rows_of_a_file_come_with_their_line(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text("params,tokens,loss\n1e9,2e10,3\n2e9,2e10,-3\n")
    with pytest.raises(DataError, match=r"row 1 \(line 3 of the file\)"):
        read_table(path)
    path.write_text("params,tokens,loss\n\n1e9,2e10,3\n2e9,2e10,-3\n")  # a blank line is no row
    with pytest.raises(DataError, match="row 1:"):
        read_table(path)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match=r"There is no file .*absent\.csv\. Check"):
        read_table(tmp_path / "absent.csv")
    with pytest.raises(DataError, match="from the working folder /"):
        read_table("absent.csv")
    with pytest.raises(DataError, match=r"ends in '.xlsx'; expected one of .csv, .tsv"):
        read_table(tmp_path / "runs.xlsx")
    (tmp_path / "empty.csv").touch()
    with pytest.raises(DataError, match=r"could not be read as .csv"):
        read_table(tmp_path / "empty.csv")
    (tmp_path / "bad.json").write_text("{not json")
    with pytest.raises(DataError, match=r"could not be read as .json"):
        read_table(tmp_path / "bad.json")
