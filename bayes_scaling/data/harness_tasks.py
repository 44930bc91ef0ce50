"""Names of the LM evaluation harness, and what they are called here.

A task keeps its own name unless it is a benchmark of the registry (``benchmarks.toml``) under another one, run as the
registry means it. Chance is known for those, and for the subjects of MMLU, which have four choices throughout.
"""

from __future__ import annotations

import math

from bayes_scaling.data.benchmarks import facts_of

ACCURACIES = (
    "acc",
    "acc_norm",
    "exact_match",
    "em",
    "mc2",
    "mc1",
    "pass@1",
    "pass_at_1",
    "prompt_level_strict_acc",
    "inst_level_strict_acc",
)
"""Metrics that are read unless others are asked for: shares from 0 to 1."""

SUBJECTS = (
    "abstract_algebra", "anatomy", "astronomy", "business_ethics", "clinical_knowledge", "college_biology",
    "college_chemistry", "college_computer_science", "college_mathematics", "college_medicine", "college_physics",
    "computer_security", "conceptual_physics", "econometrics", "electrical_engineering", "elementary_mathematics",
    "formal_logic", "global_facts", "high_school_biology", "high_school_chemistry", "high_school_computer_science",
    "high_school_european_history", "high_school_geography", "high_school_government_and_politics",
    "high_school_macroeconomics", "high_school_mathematics", "high_school_microeconomics", "high_school_physics",
    "high_school_psychology", "high_school_statistics", "high_school_us_history", "high_school_world_history",
    "human_aging", "human_sexuality", "international_law", "jurisprudence", "logical_fallacies", "machine_learning",
    "management", "marketing", "medical_genetics", "miscellaneous", "moral_disputes", "moral_scenarios", "nutrition",
    "philosophy", "prehistory", "professional_accounting", "professional_law", "professional_medicine",
    "professional_psychology", "public_relations", "security_studies", "sociology", "us_foreign_policy", "virology",
    "world_religions",
)  # fmt: skip
"""The 57 subjects of MMLU."""

OLD_SUBJECT = "hendrycksTest-"
_MMLU_PARTS = {*SUBJECTS, "stem", "humanities", "social_sciences", "other"}

# Theirs: (ours, a word for the protocol).
_RENAMED = {
    "gsm8k_cot": ("gsm8k", "cot"),
    "gsm8k_cot_zeroshot": ("gsm8k", "cot"),
    "gsm8k_cot_self_consistency": ("gsm8k", "cot"),
    "truthfulqa_mc2": ("truthfulqa", ""),
    "wsc273": ("winograd", ""),
    "leaderboard_bbh": ("bbh", ""),
    "leaderboard_gpqa": ("gpqa", ""),
    "leaderboard_ifeval": ("ifeval", ""),
    "leaderboard_math_hard": ("math_lvl5", ""),
    "leaderboard_mmlu_pro": ("mmlu_pro", ""),
    "leaderboard_musr": ("musr", ""),
    # Not the registry's bbh of 24 multiple-choice subtasks: 27 with generated answers, whose chance is another.
    "bbh": ("bbh_27", ""),
    "bbh_cot_fewshot": ("bbh_27", "cot"),
    "bbh_cot_zeroshot": ("bbh_27", "cot"),
    "bbh_fewshot": ("bbh_27", ""),
    "bbh_zeroshot": ("bbh_27", ""),
}
_GENERATED = ("exact_match", "em")


def our_task(name: str, metric: str) -> tuple[str, str, float]:
    """Return what a task of the harness is called here.

    Parameters
    ----------
    name : str
        Task or group of the harness.
    metric : str
        Metric, which decides what a task is where it has several.

    Returns
    -------
    task : str
        Name of the benchmark.
    way : str
        Word for the protocol, such as ``"cot"``, or ``""``.
    chance : float
        Accuracy of guessing, NaN where it is not known.
    """
    if name == "truthfulqa_mc":
        name = "truthfulqa_mc2" if metric == "mc2" else "truthfulqa_mc1"
    subject = name.removeprefix(OLD_SUBJECT) if name.startswith(OLD_SUBJECT) else name.removeprefix("mmlu_")
    if subject != name and subject in _MMLU_PARTS:
        # A generated answer need not be one of the four.
        return f"mmlu_{subject}", "", math.nan if metric in _GENERATED else 0.25
    task, way = _RENAMED.get(name, (name, ""))
    return task, way, facts_of(task)["chance"]


def items_from_error(accuracy: float, stderr: float) -> float:
    """Return the number of items that a standard error was computed from.

    The harness takes the standard deviation with n - 1, so that the error of a share is sqrt(p (1 - p) / (n - 1)).

    Parameters
    ----------
    accuracy, stderr : float
        Share and its standard error.

    Returns
    -------
    float
        Whole number n, or NaN where the two do not agree on one: accuracy * n must be whole too.
    """
    if not 0 < accuracy < 1 or not stderr > 0:
        return math.nan
    n = accuracy * (1 - accuracy) / stderr**2 + 1
    whole = round(n)
    return float(whole) if abs(n - whole) < 0.01 and is_share(accuracy, whole) else math.nan


def is_share(accuracy: float, n_items: float) -> bool:
    """Tell whether an accuracy is a whole number of items over their number.

    Parameters
    ----------
    accuracy : float
        Share.
    n_items : float
        Number of items.

    Returns
    -------
    bool
        True where it is, as far as float64 tells.
    """
    right = accuracy * n_items
    return abs(right - round(right)) < 1e-3
