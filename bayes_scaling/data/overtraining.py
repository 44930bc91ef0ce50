"""Loader of the overtraining dataset (Gadre et al. 2024, arXiv:2403.08540).

A mirror may hold one table made of the public files; without it the same table is made here
from the 208 public JSON files, one pair per model.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from bayes_scaling.data.flags import add_flag
from bayes_scaling.data.registry import dataset, fetch, in_mirror
from bayes_scaling.data.validate import check_runs

CORPORA = {"c4_original": "C4", "rpj": "RedPajama", "rw_original": "RefinedWeb"}
# The 17 tasks over which the paper averages; the only subset of the 46 that gives its averages.
AVERAGED = (
    "arc_easy",
    "bigbench_cs_algorithms",
    "bigbench_dyck_languages",
    "bigbench_novel_concepts",
    "bigbench_operators",
    "bigbench_qa_wikidata",
    "boolq",
    "commonsense_qa",
    "copa",
    "coqa",
    "hellaswag",
    "hellaswag_zeroshot",
    "lambada_openai",
    "piqa",
    "pubmed_qa_labeled",
    "squad",
    "winograd",
)
# OpenLM's vocabulary and widths; input and output embedding are two matrices (params = 2 x 50432 x width + blocks).
VOCABULARY = 50432
WIDTHS = {"open_lm_1b": 2048, "open_lm_7b": 4096}  # the other names say theirs: d=512_l=8_h=4
FEW_SEQUENCES = 0.02  # mean half-width of 95 percent bounds over the loss
SETTINGS = {"lr": "lr", "wd": "wd", "warmup": "warmup", "cd": "cooldown", "global_bs": "global_batch"}


def load_overtraining() -> pd.DataFrame:
    """Load loss and task error of 104 models on three corpora.

    Returns
    -------
    pandas.DataFrame
        A row per model, ordered by corpus, size and tokens: family (training corpus), model
        (architecture), run, params, matmul_params (without the input embedding, which is half of the smallest
        model), tokens, compute (derived from params), loss (nats, on the C4 validation set). Further columns keep
        their names: ``chinchilla_multiplier`` (tokens / 20 params), ``lr``, ``wd``, ``warmup``, ``cooldown``,
        ``global_batch``; ``loss_*``, ``lower_*`` and ``upper_*`` (other validation sets in nats, and 95 percent
        bounds); ``err_*`` (1 - accuracy).
    """
    if in_mirror("overtraining", "models_table.csv"):
        raw = pd.read_csv(fetch("overtraining", "models_table.csv"))
    else:
        raw = table_from_json()
    raw = raw.sort_values(["train_dataset", "params", "tokens"], ignore_index=True)
    raw = raw.rename(columns={"name": "run", "loss_c4_val": "loss"})
    raw.insert(0, "family", raw.pop("train_dataset").map(CORPORA))
    raw["matmul_params"] = raw["params"] - VOCABULARY * raw["model"].map(_width)
    return check_runs(raw, require=("family", "model", "run", "params", "tokens", "loss"))


def load_overtraining_losses() -> pd.DataFrame:
    """Load the losses of the same 104 models on other validation sets beside that on C4.

    Returns
    -------
    pandas.DataFrame
        A row per model and set: family (training corpus), run, model, params, tokens, compute, task (validation set),
        loss (nats, on that set) and source_loss (nats, on C4's). Sets measured on few sequences (bounds of more than
        2 percent of the loss on average) are flagged ``approximate``.
    """
    wide = load_overtraining()
    sets = [c.removeprefix("loss_") for c in wide.columns if c.startswith("loss_")]
    keep = ["family", "run", "model", "params", "tokens"]
    parts = []
    for name in sets:
        part = wide[keep].assign(task=name, loss=wide[f"loss_{name}"], source_loss=wide["loss"])
        bounds = (wide[f"upper_{name}"] - wide[f"lower_{name}"]) / (2 * wide[f"loss_{name}"])
        parts.append(add_flag(part, [bounds.mean() > FEW_SEQUENCES] * len(part), "approximate"))
    return check_runs(pd.concat(parts, ignore_index=True), require=("family", "run", "task", "loss", "source_loss"))


def _width(model: str) -> int:
    """Return the width of an architecture."""
    return WIDTHS[model] if model in WIDTHS else int(model.split("_")[0].removeprefix("d="))


def table_from_json() -> pd.DataFrame:
    """Make the table of all models from the public JSON files.

    Returns
    -------
    pandas.DataFrame
        A row per model, under upstream's names.
    """
    local = {file.path: fetch("overtraining", file.path) for file in dataset("overtraining").fallback}
    rows = []
    for path in sorted(path for path in local if path.startswith("models/")):
        name = Path(path).name.removesuffix(".json")
        model = json.loads(local[path].read_text(encoding="utf-8"))
        scores = json.loads(local[f"evals/evaluation_{name}_heavy.json"].read_text(encoding="utf-8"))
        rows.append(_settings(model) | _losses(model) | _errors(scores))
    return pd.DataFrame(rows)


def _settings(model: dict[str, Any]) -> dict[str, Any]:
    given = model["hyperparameters"]
    return {
        "run": model["name"],
        "train_dataset": model["dataset_name"],
        "model": Path(given["model"]).name.removesuffix(".json"),
        "params": given["params"],
        "tokens": given["tokens"],
        "chinchilla_multiplier": given["chinchilla_multiplier"],
    } | {ours: given[theirs] for theirs, ours in SETTINGS.items()}


def _losses(model: dict[str, Any]) -> dict[str, float]:
    losses = {}
    for result in model["results"]:
        # The set is named by the folder of its shards; one set by the file.
        shards = Path(result["val_data"][0])
        name = shards.parent.name if shards.parent.name != "de-en" else shards.name.removesuffix(".tar")
        losses[f"loss_{name}"] = result["loss"]
        losses[f"lower_{name}"] = result["loss_sequences_lower_95"]
        losses[f"upper_{name}"] = result["loss_sequences_upper_95"]
    return losses


def _errors(scores: dict[str, Any]) -> dict[str, float]:
    errors = {task: 1 - accuracy for task, accuracy in scores["eval_metrics"]["icl"].items()}
    return {
        "err_avg46": sum(errors.values()) / len(errors),
        "err_avg17": sum(errors[task] for task in AVERAGED) / len(AVERAGED),
    } | {f"err_{task}": error for task, error in errors.items()}
