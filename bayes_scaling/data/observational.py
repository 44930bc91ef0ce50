"""Loaders of the observational tables (Ruan, Maddison, Hashimoto 2024, arXiv:2405.10938).

The base models with their benchmarks are one dataset; what else was measured on them, and the instruct models with
their agent scores, are datasets of their own that share family, size and compute by the name of the model.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from bayes_scaling.data.benchmarks import facts_of
from bayes_scaling.data.flags import add_flag
from bayes_scaling.data.registry import fetch
from bayes_scaling.data.validate import check_runs

# Upstream's names of the benchmarks. Its "Winograd" of base models is WinoGrande: see the notes in registry.toml.
TASKS = {
    "MMLU": "mmlu",
    "ARC-C": "arc_challenge",
    "HellaSwag": "hellaswag",
    "Winograd": "winogrande",
    "Winogrande": "winogrande",
    "TruthfulQA": "truthfulqa",
    "GSM8K": "gsm8k",
    "XWinograd": "xwinograd",
    "HumanEval": "humaneval",
}
DOUBTS = {
    "openlm-research/open_llama_7b_v2": "params are 13e9 upstream, the name says 7e9",
    "deepseek-ai/deepseek-moe-16b-base": "params are the total of a sparse model, so compute is too high",
}
EMERGENT = {
    "parsinlu_qa_2_acc": ("parsinlu_qa", "2-shot acc"),
    "word_unscrambling_2_exact_match": ("word_unscrambling", "2-shot exact_match"),
    "ipa_transliterate_2_exact_match": ("ipa_transliterate", "2-shot exact_match"),
    "arithmetic_3ds_2_acc": ("arithmetic_3ds", "2-shot acc"),
    "arithmetic_3da_2_acc": ("arithmetic_3da", "2-shot acc"),
    "arithmetic_2dm_2_acc": ("arithmetic_2dm", "2-shot acc"),
    "arithmetic_2da_2_acc": ("arithmetic_2da", "2-shot acc"),
}
LEADERBOARD = {
    "leaderboard_ifeval": ("ifeval", "0-shot inst_level"),
    "leaderboard_bbh": ("bbh", "3-shot acc_norm"),
    "leaderboard_math_hard": ("math_lvl5", "4-shot exact_match"),
    "leaderboard_gpqa": ("gpqa", "0-shot acc_norm"),
    "leaderboard_musr": ("musr", "0-shot acc_norm"),
    "leaderboard_mmlu_pro": ("mmlu_pro", "5-shot acc"),
}
IFEVAL_INSTRUCTIONS = 834
POST_TRAINING = {
    "gsm8k_5_exact_match,strict-match": ("gsm8k", "5-shot strict-match"),
    "gsm8k_5_exact_match,flexible-extract": ("gsm8k", "5-shot flexible-extract"),
    "gsm8k_cot_zeroshot_0_exact_match,strict-match": ("gsm8k", "0-shot cot strict-match"),
    "gsm8k_cot_zeroshot_0_exact_match,flexible-extract": ("gsm8k", "0-shot cot flexible-extract"),
    "gsm8k_cot_8_exact_match,strict-match": ("gsm8k", "8-shot cot strict-match"),
    "gsm8k_cot_8_exact_match,flexible-extract": ("gsm8k", "8-shot cot flexible-extract"),
    "gsm8k_cot_self_consistency_8_exact_match,maj@5": ("gsm8k", "8-shot cot maj@5 strict-match"),
    "gsm8k_cot_self_consistency_8_exact_match,maj@5-flexible-extract": ("gsm8k", "8-shot cot maj@5 flexible-extract"),
    "bbh_fewshot_overall_3_exact_match,flexible-extract": ("bbh_generated", "3-shot flexible-extract"),
    "bbh_cot_fewshot_overall_3_exact_match,strict-match": ("bbh_generated", "3-shot cot strict-match"),
    "bbh_cot_fewshot_overall_3_exact_match,flexible-extract": ("bbh_generated", "3-shot cot flexible-extract"),
}
GSM8K_PART = 500
AGENTS = {
    "ABench-OA": ("agentbench", "overall", 10.0),
    "ABoard-Avg_PR": ("agentboard_progress", "mean of 9 tasks", 100.0),
    "ABoard-Avg_SR": ("agentboard_success", "mean of 9 tasks", 100.0),
}


def load_observational() -> pd.DataFrame:
    """Load benchmark scores of 148 base models.

    Returns
    -------
    pandas.DataFrame
        A row per model and benchmark that has a score (1144): family, model, run, params,
        tokens, compute, task, accuracy, chance, n_items. Flags: ``no_compute``,
        ``corrected_tokens``, ``doubtful`` (with the reason in ``flag_reason``).
    """
    raw = pd.read_csv(fetch("observational", "base_llm_benchmark_eval.csv"))
    models = _base_models()
    columns = {theirs: (ours, "") for theirs, ours in TASKS.items() if theirs in raw.columns}
    return _checked(_long(raw, columns, models).drop(columns="protocol"))


def load_emergent() -> pd.DataFrame:
    """Load scores of 84 base models on seven tasks that were called emergent.

    Returns
    -------
    pandas.DataFrame
        A row per model and task that has a score (548), with the columns of ``load_observational`` and protocol.
    """
    raw = pd.read_csv(fetch("observational_emergent", "base_llm_emergent_capability_eval.csv"))
    return _checked(_long(raw, EMERGENT, _base_models()))


def load_leaderboard_v2() -> pd.DataFrame:
    """Load scores of 72 base models on the six benchmarks of the Open LLM Leaderboard v2.

    Returns
    -------
    pandas.DataFrame
        A row per model and benchmark (432), with the columns of ``load_observational`` and protocol. The score of
        ifeval is the share of its 834 instructions.
    """
    raw = pd.read_csv(fetch("observational_leaderboard_v2", "base_llm_leaderboard_v2_eval.csv"))
    frame = _long(raw, LEADERBOARD, _base_models())
    frame.loc[frame["task"] == "ifeval", "n_items"] = IFEVAL_INSTRUCTIONS
    return _checked(frame)


def load_post_training() -> pd.DataFrame:
    """Load scores of 94 base models with and without chain of thought and voting.

    Returns
    -------
    pandas.DataFrame
        A row per model, task and way of prompting (``protocol``) with a score (935): GSM8K (its first 500 problems) and
        BIG-bench Hard with generated answers, the mean over 27 subtasks; the subtasks themselves, scores of single
        samples before voting, and scores rescaled by chance are left out. Columns as in ``load_observational``.
    """
    raw = pd.read_csv(fetch("observational_post_training", "base_llm_post_training_eval.csv"))
    frame = _long(raw, POST_TRAINING, _base_models())
    frame.loc[frame["task"] == "gsm8k", "n_items"] = GSM8K_PART
    return _checked(frame)


def load_instruct() -> pd.DataFrame:
    """Load benchmark scores of 27 instruct models, closed ones among them.

    Returns
    -------
    pandas.DataFrame
        A row per model and benchmark that has a score (180), with the columns of ``load_observational``. Closed models
        have neither params nor compute (``no_compute``); their scores are those that developers published, under
        prompts of their own, and are flagged ``third_party``, which here means: not run by the study.
    """
    raw = pd.read_csv(fetch("observational_instruct", "instruct_llm_benchmark_eval.csv"))
    columns = {theirs: (ours, "") for theirs, ours in TASKS.items() if theirs in raw.columns}
    frame = _long(raw, columns, _models(raw)).drop(columns="protocol")
    return _checked(add_flag(frame, frame["params"].isna(), "third_party"), params_known=False)


def load_agents() -> pd.DataFrame:
    """Load agent scores of the instruct models of ``observational_instruct``.

    Returns
    -------
    pandas.DataFrame
        A row per model and benchmark that has a score: ``agentbench`` (overall score over 10, as the study takes it),
        ``agentboard_progress`` and ``agentboard_success`` (mean over nine tasks, over 100), in the column accuracy.
        AgentBench's overall score is the mean over its eight environments, each divided by the mean score of the
        models of its paper: OS 10.8, DB 13.0, KG 13.9, DCG 12.0, LTP 3.5, HH 13.0, WS 30.7, WB 11.6 (Liu et al. 2023,
        arXiv:2308.03688); it is no share of items. Closed models are flagged ``no_compute``.
    """
    raw = pd.read_csv(fetch("observational_agents", "instruct_llm_agent_eval.csv"))
    models = _models(pd.read_csv(fetch("observational_agents", "instruct_llm_benchmark_eval.csv")))
    scaled = raw.assign(**{theirs: raw[theirs] / top for theirs, (_, _, top) in AGENTS.items()})
    columns = {theirs: (task, protocol) for theirs, (task, protocol, _) in AGENTS.items()}
    return _checked(_long(scaled, columns, models), params_known=False)


def _models(raw: pd.DataFrame) -> pd.DataFrame:
    """Return a row per model of an upstream table with sizes, in our vocabulary and units."""
    models = pd.DataFrame(
        {
            "family": raw["Model Family"],
            "model": raw["Model"],
            "run": raw["Model"],
            "params": raw["Model Size (B)"] * 1e9,
            "tokens": raw["Pretraining Data Size (T)"] * 1e12,
            "compute": raw["FLOPs (1E21)"] * 1e21,
        }
    )
    return add_flag(models, models["compute"].isna(), "no_compute")


def _base_models() -> pd.DataFrame:
    """Return the base models with what is wrong upstream corrected or flagged."""
    models = _models(pd.read_csv(fetch("observational", "base_llm_benchmark_eval.csv")))
    slip = models["model"] == "cerebras/btlm-3b-8k-base"
    models.loc[slip, ["tokens", "compute"]] /= 1000  # 627 trillion tokens upstream, 627 billion in truth
    models = add_flag(models, slip, "corrected_tokens")
    models["flag_reason"] = models["model"].map(DOUBTS).fillna("")
    models.loc[slip, "flag_reason"] = "tokens are 627e12 upstream, corrected to 627e9"
    return add_flag(models, models["model"].isin(list(DOUBTS)), "doubtful")


def _long(raw: pd.DataFrame, columns: Mapping[str, tuple[str, str]], models: pd.DataFrame) -> pd.DataFrame:
    """Return a row per model and column of scores, joined by the name of the model."""
    joined = raw[["Model"]].merge(models, left_on="Model", right_on="model", how="left", validate="1:1")
    joined = joined.drop(columns="Model").set_axis(raw.index)
    parts = [
        joined.assign(task=task, protocol=protocol, accuracy=raw[theirs], **facts_of(task))
        for theirs, (task, protocol) in columns.items()
    ]
    return pd.concat(parts, ignore_index=True).dropna(subset=["accuracy"])


def _checked(frame: pd.DataFrame, *, params_known: bool = True) -> pd.DataFrame:
    return check_runs(frame, require=("family", "model", "task", "accuracy", *(["params"] if params_known else [])))
