"""Loader of the Open LLM Leaderboard scores that Sloth was fitted to (Maia Polo et al. 2024, arXiv:2412.06540).

Upstream has two wide files that overlap. Every cell that both have is the same, so that they are one table here;
the column ``file`` says where a row stands. The paper's three settings all read ``data_v2.csv``.
"""

from __future__ import annotations

import pandas as pd

from bayes_scaling.data.benchmarks import facts_of
from bayes_scaling.data.flags import add_flag
from bayes_scaling.data.registry import fetch
from bayes_scaling.data.validate import check_runs

# Upstream's names: the leaderboard, our name, and how the leaderboard runs it.
SLOTH_TASKS = {
    "MMLU": ("v1", "mmlu", "5-shot acc"),
    "ARC": ("v1", "arc_challenge", "25-shot acc_norm"),
    "HellaSwag": ("v1", "hellaswag", "10-shot acc_norm"),
    "Winogrande": ("v1", "winogrande", "5-shot acc"),
    "TruthfulQA": ("v1", "truthfulqa", "0-shot mc2"),
    "GSM8K": ("v1", "gsm8k", "5-shot acc"),
    "IFEval": ("v2", "ifeval", "0-shot strict"),
    "BBH": ("v2", "bbh", "3-shot acc_norm"),
    "MATH Lvl 5": ("v2", "math_lvl5", "4-shot exact_match"),
    "GPQA": ("v2", "gpqa", "0-shot acc_norm"),
    "MUSR": ("v2", "musr", "0-shot acc_norm"),
    "MMLU-PRO": ("v2", "mmlu_pro", "5-shot acc"),
}
ANOTHER_MODEL = "score of the deduplicated model of that size, see its row of data_v1.csv"
SPARSE = "params are those of one expert, the name says 8 of them"


def load_sloth() -> pd.DataFrame:
    """Load leaderboard scores of 200 base and instruct models (Maia Polo et al. 2024, arXiv:2412.06540).

    Returns
    -------
    pandas.DataFrame
        A row per model and benchmark that has a score: family, model, run, params, tokens, compute, task, protocol,
        accuracy, chance, n_items, and

        - ``table``: the leaderboard of the benchmark, ``"v1"`` or ``"v2"``;
        - ``leaderboards``: those that the model is on, ``"v1"``, ``"v2"`` or ``"v1+v2"`` (the joint setting);
        - ``tuned``: ``"base"`` or ``"instruct"``; instruct models bear the tokens of their base model;
        - ``base_family``: the family with base and tuned models together. ``family`` is upstream's finer label
          (``Family2``), of which the paper holds out some;
        - ``file``: ``"both"``, ``"data_v1"`` or ``"data_v2"``. The paper's settings are the rows whose file is not
          ``"data_v1"``;
        - ``lower_bound``: the lower asymptote that the paper's fits use: the first percentile of the whole
          leaderboard, or guessing. It has seen the models that the paper tests on, so it is no ``chance``;
        - ``date`` (of upload).

        Flags: ``no_compute`` (tokens unknown) and ``doubtful``, with the reason in ``flag_reason``.
    """
    files = {name: pd.read_csv(fetch("sloth", f"{name}.csv")) for name in ("data_v1", "data_v2")}
    bounds = pd.read_csv(fetch("sloth", "lower_bounds.csv")).iloc[0]
    merged = _long(files["data_v1"], bounds).merge(
        _long(files["data_v2"], bounds), on=["model", "task"], how="outer", suffixes=("", "_v2"), indicator="file"
    )
    merged["file"] = merged["file"].map({"left_only": "data_v1", "right_only": "data_v2", "both": "both"}).astype("str")
    for name in [name for name in merged.columns if f"{name}_v2" in merged.columns]:
        # Where both have the row they agree, but for the family: only the second file has the finer one.
        merged[name] = merged.pop(f"{name}_v2").combine_first(merged[name])
    on = merged.groupby("model")["table"].agg(lambda tables: "+".join(sorted(set(tables))))
    merged["leaderboards"] = merged["model"].map(on)
    order = {task: i for i, (_, task, _) in enumerate(SLOTH_TASKS.values())}
    merged = merged.sort_values("model", kind="stable").sort_values("task", key=lambda s: s.map(order), kind="stable")
    required = ("family", "model", "params", "task", "protocol", "accuracy")
    return check_runs(_flagged(merged), require=required)


def _long(raw: pd.DataFrame, bounds: pd.Series) -> pd.DataFrame:
    """Return one upstream file as a row per model and benchmark with a score."""
    tuned = raw["Instruct"].map({True: "instruct", False: "base"})
    finer = raw["Family"] + tuned.map({"base": "", "instruct": "-instruct"})
    models = pd.DataFrame(
        {
            "family": raw["Family2"] if "Family2" in raw.columns else finer,
            "base_family": raw["Family"],
            "model": raw["Model"],
            "run": raw["Model"],
            "tuned": tuned,
            "date": raw["date"].fillna(""),
            "params": raw["#Params (B)"] * 1e9,
            "tokens": raw["Pretraining Data Size (T)"] * 1e12,
            "compute": raw["FLOPs (1E21)"] * 1e21,
        }
    )
    parts = [
        models.assign(
            table=table, task=task, protocol=protocol, accuracy=raw[theirs], lower_bound=float(bounds[theirs]),
            **facts_of(task),
        )
        for theirs, (table, task, protocol) in SLOTH_TASKS.items()
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True).dropna(subset=["accuracy"])


def _flagged(frame: pd.DataFrame) -> pd.DataFrame:
    """Flag what is missing or wrong upstream."""
    renamed = frame["model"].str.startswith("pythia") & frame["file"].eq("data_v2")
    sparse = frame["model"].str.startswith("mixtral")
    frame["flag_reason"] = ""
    frame.loc[renamed, "flag_reason"] = ANOTHER_MODEL
    frame.loc[sparse, "flag_reason"] = SPARSE
    frame = add_flag(frame, renamed | sparse, "doubtful")
    return add_flag(frame, frame["compute"].isna(), "no_compute")
