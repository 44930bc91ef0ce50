"""Splits that observational scaling laws were scored on: four emergent tasks, and agents.

Ruan, Maddison, Hashimoto (2024), arXiv:2405.10938, sections 4.1 and 4.2. Benchmark scores of a model predict its score
on a downstream task; weaker models are trained on, stronger ones tested. What the paper leaves open, and how it was
settled:

- emergent tasks: "stronger" is more training compute than Llama-2-7B (84e21 FLOP), for arithmetic than a quarter of
  it. The quarter is 21e21, but the published coefficients (Table C.1) are met at 22e21, which trains on Pythia-12B
  too. Arithmetic is predicted without GSM8K;
- families are those of the first release: models that came later are a preregistered test, ``later`` here. Models of
  unknown compute are neither trained nor tested on. Both follow from the published test errors;
- accuracies are normalised to run from chance to 1 (chance is 0.25 in Persian QA and 0 elsewhere);
- AgentBench: overall score over 10; the tenth of the models with the highest score is tested. Of 22 that is two
  models, chosen by what is to be predicted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.peers.files import local
from benchmarks.peers.interface import Floats
from benchmarks.peers.leaderboards import Mask

BASE = ("MMLU", "ARC-C", "HellaSwag", "Winograd", "TruthfulQA", "GSM8K", "XWinograd", "HumanEval")
INSTRUCT = ("MMLU", "ARC-C", "HellaSwag", "Winogrande", "TruthfulQA", "GSM8K", "HumanEval")
FAMILIES = (
    "Llama-2", "Llama", "Llama-3", "Qwen1.5", "Qwen", "Mistral", "Mixtral", "Yi", "Gemma", "Falcon", "Phi", "Pythia",
    "BLOOM", "GPT-Neo/J", "OPT", "MPT", "XGLM", "CodeLlama", "StarCoder", "StarCoder2", "DeepSeek-Coder",
)  # fmt: skip
"""Families of the first release (the paper's Table B.1)."""


@dataclass(frozen=True)
class Task:
    """A downstream task: column of the table, chance, compute of the strongest models trained on (FLOP), features."""

    column: str
    chance: float = 0.0
    cutoff: float = 84e21
    features: tuple[str, ...] = BASE


_ARITHMETIC = {"cutoff": 22e21, "features": tuple(name for name in BASE if name != "GSM8K")}
EMERGENT: Mapping[str, Task] = {
    "word_unscramble": Task("word_unscrambling_2_exact_match"),
    "persian_qa": Task("parsinlu_qa_2_acc", chance=0.25),
    "3_digit_subtraction": Task("arithmetic_3ds_2_acc", **_ARITHMETIC),  # type: ignore[arg-type]
    "2_digit_multiplication": Task("arithmetic_2dm_2_acc", **_ARITHMETIC),  # type: ignore[arg-type]
}


@dataclass(frozen=True)
class Split:
    """Models trained and tested on for one downstream task.

    Attributes
    ----------
    name : str
        The task.
    models : pandas.DataFrame
        One row a model: model, family, params, tokens (counts), compute (FLOP), missing where unknown.
    features : pandas.DataFrame
        Benchmark scores from 0 to 1, with gaps, shape (model, benchmark).
    target : numpy.ndarray
        Normalised score of the task, shape (model,): 0 is chance and 1 is best.
    train, test : numpy.ndarray
        Masks, shape (model,). ``later`` are models of families that came after the first release.
    """

    name: str
    models: pd.DataFrame
    features: pd.DataFrame
    target: Floats
    train: Mask
    test: Mask
    later: Mask


def emergent(name: str) -> Split:
    """Return the split of one emergent task, a name in ``EMERGENT``.

    Raises
    ------
    ValueError
        For any other name.
    """
    if name not in EMERGENT:
        raise ValueError(f"unknown task {name!r}; expected one of {', '.join(EMERGENT)}")
    task = EMERGENT[name]
    table = _joined("base_llm_benchmark_eval.csv", "base_llm_emergent_capability_eval.csv", task.column)
    models, compute = _models(table), table["FLOPs (1E21)"].to_numpy() * 1e21
    known, first = np.isfinite(compute), table["Model Family"].isin(FAMILIES).to_numpy()
    stronger = known & (compute > task.cutoff)
    target = (table[task.column].to_numpy() - task.chance) / (1 - task.chance)
    train = first & known & ~stronger
    return Split(name, models, table[list(task.features)], target, train, first & stronger, ~first & stronger)


def agentbench() -> Split:
    """Return the split of AgentBench: instruct models, the two of highest overall score tested."""
    column = "ABench-OA"
    table = _joined("instruct_llm_benchmark_eval.csv", "instruct_llm_agent_eval.csv", column)
    score = table[column].to_numpy() / 10
    test = np.zeros(len(score), dtype=bool)
    test[np.argsort(-score, kind="stable")[: len(score) // 10]] = True
    return Split("agentbench", _models(table), table[list(INSTRUCT)], score, ~test, test, np.zeros_like(test))


def _joined(benchmarks: str, downstream: str, column: str) -> pd.DataFrame:
    """Return benchmark scores beside one downstream score, where that is known."""
    found = [pd.read_csv(local("observational", file)) for file in (benchmarks, downstream)]
    return found[0].merge(found[1][["Model", column]], on="Model").dropna(subset=[column]).reset_index(drop=True)


def _models(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({
        "model": table["Model"], "family": table["Model Family"], "params": table["Model Size (B)"] * 1e9,
        "tokens": table["Pretraining Data Size (T)"] * 1e12, "compute": table["FLOPs (1E21)"] * 1e21,
    })  # fmt: skip
