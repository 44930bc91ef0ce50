"""Loader of the embedded table of published base models: wide facts to one row per figure.

``published_models.csv`` holds the facts, ``published_models.md`` says what is comparable, and
``published_models.toml`` carries the remarks that become flags and protocols.
"""

from __future__ import annotations

import tomllib
from typing import Any

import pandas as pd

from bayes_scaling.data.benchmarks import BENCHMARKS
from bayes_scaling.data.flags import add_flag
from bayes_scaling.data.registry import HERE, fetch
from bayes_scaling.data.validate import check_runs

TASKS = ("mmlu", "hellaswag", "arc_challenge", "winogrande", "piqa", "gsm8k", "humaneval", "triviaqa")
KEPT = (
    "family",
    "model",
    "run",
    "developer",
    "release_date",
    "params",
    "active_params",
    "params_kind",
    "tokens",
    "published_compute",
    "evaluated_by",
    "special",
    "source",
    "notes",
    "confidence",
)


def load_published_models() -> pd.DataFrame:
    """Load the published figures of 157 base models.

    Returns
    -------
    pandas.DataFrame
        A row per model and published figure (803), and one for each of the three models without
        any. Accuracy rows: task (benchmark), accuracy, chance, n_items. Loss rows: task (data set
        and tokenizer, ``"pile/gpt2"``, ``"pile/neox"`` or ``"pile/deepseek"``; only losses of one task are
        comparable) and loss in nats per token. ``compute`` is 6 * active_params * tokens throughout,
        the published figure is ``published_compute``. ``protocol`` (shots and scoring), ``shots`` and
        ``metric`` say how a figure was measured. Flags: ``third_party``, ``special_*``, ``no_compute``,
        ``no_outcome``, ``approximate`` and ``doubtful``; the last two have a ``flag_reason``.
    """
    raw = pd.read_csv(fetch("published_models", "published_models.csv"))
    remarks = tomllib.loads((HERE / "published_models.toml").read_text(encoding="utf-8"))
    raw = raw.rename(columns={"train_flop": "published_compute"}).assign(run=raw["model"])
    parts = [_accuracies(raw, task, remarks["variant"]) for task in TASKS]
    parts += [_losses(raw), _without_outcome(raw)]
    frame = pd.concat(parts, ignore_index=True)
    frame = _flag_specials(_flag_remarks(frame, remarks["remark"]))
    third_party = frame["evaluated_by"].notna() & ~frame["evaluated_by"].str.startswith("developer", na=False)
    frame = add_flag(frame, third_party, "third_party")
    frame = add_flag(frame, frame["tokens"].isna(), "no_compute")
    frame = add_flag(frame, frame["figure"].isna(), "no_outcome")
    return check_runs(frame.drop(columns="figure"), require=("family", "model", "params"))


def _accuracies(raw: pd.DataFrame, task: str, variants: list[dict[str, Any]]) -> pd.DataFrame:
    rows = raw[raw[task].notna()]
    metric = rows[f"{task}_metric"] if f"{task}_metric" in raw.columns else pd.Series("", index=rows.index)
    for variant in variants:
        if variant["task"] == task:
            metric = metric.mask(rows["model"].isin(variant["models"]), variant["name"])
    shots = rows[f"{task}_shots"]
    facts = BENCHMARKS[task]
    return rows[list(KEPT)].assign(
        figure=task,
        task=task,
        accuracy=rows[task],
        chance=facts.chance,
        n_items=float("nan") if facts.n_items is None else float(facts.n_items),
        shots=shots,
        metric=metric.where(metric != "", facts.metric),
        protocol=[_protocol(s, m) for s, m in zip(shots, metric, strict=True)],
    )


def _protocol(shots: float, metric: str) -> str:
    """Name how a figure was measured, as far as the source says."""
    known = None if pd.isna(shots) else f"{shots:.0f}-shot"
    if metric == "unstated":
        return f"{known} metric unstated" if known else "unstated"
    return f"{known or 'shots unstated'} {metric}".strip()


def _losses(raw: pd.DataFrame) -> pd.DataFrame:
    rows = raw[raw["val_loss"].notna()]
    # A loss per token means something within one tokenizer only.
    neox = rows["family"].isin(["Pythia", "Pythia-deduped"]) | rows["model"].eq("GPT-NeoX-20B")
    deepseek = rows["val_loss_dataset"].str.contains("DeepSeek")
    tokenizer = pd.Series("gpt2", index=rows.index).mask(neox, "neox").mask(deepseek, "deepseek")
    from_perplexity = rows["val_loss_dataset"].str.contains("perplexity")
    protocol = pd.Series("published loss", index=rows.index)
    return rows[list(KEPT)].assign(
        figure="val_loss",
        task="pile/" + tokenizer,
        loss=rows["val_loss"],
        metric=rows["val_loss_dataset"],
        protocol=protocol.mask(from_perplexity, "ln of published perplexity"),
    )


def _without_outcome(raw: pd.DataFrame) -> pd.DataFrame:
    """Keep models without a figure, for their size, tokens and compute: nothing is dropped silently."""
    return raw.loc[raw[[*TASKS, "val_loss"]].isna().all(axis=1), list(KEPT)]


def _flag_remarks(frame: pd.DataFrame, remarks: list[dict[str, Any]]) -> pd.DataFrame:
    reasons: list[list[str]] = [[] for _ in range(len(frame))]
    for remark in remarks:
        rows = frame["model"].isin(remark.get("models", [])) | frame["family"].isin(remark.get("families", []))
        if "task" in remark:
            rows &= frame["figure"].eq(remark["task"])
        frame = add_flag(frame, rows, remark["flag"])
        for position in rows.to_numpy().nonzero()[0]:
            reasons[position].append(remark["reason"])
    return frame.assign(flag_reason=["; ".join(found) for found in reasons])


def _flag_specials(frame: pd.DataFrame) -> pd.DataFrame:
    kinds = frame["special"].fillna("").str.split(";")
    declared = sorted({kind.strip() for parts in kinds for kind in parts if kind.strip()})
    for kind in declared:
        frame = add_flag(frame, [kind in {p.strip() for p in parts} for parts in kinds], f"special_{kind}")
    return frame
