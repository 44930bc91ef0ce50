"""Open LLM Leaderboard scores as Sloth was scored on them: three settings, their models and their folds.

The protocol is that of Maia Polo et al. (2024), arXiv:2412.06540, section 4.2 and Table 3; what the paper leaves
open (names of the families held out together, order of the filters) was read in the authors' published scripts:

- all three settings read the same table, leaderboard v1 too, and a family is its finer label: base, chat and
  fine-tuned models are families of their own;
- a model counts where its parameters, tokens and every score of the setting are known, a family where two models do;
- a fold holds out one or more families together (a base family with its instruct relatives). Of *each* of them the
  model with fewest parameters stays in training, the larger ones are tested. All other families are trained on whole;
- the figure is the mean absolute error, in percentage points, over the tested models and benchmarks of a fold,
  averaged over folds.

Floors are those of the paper: chance of multiple-choice benchmarks, 0 otherwise, and for TruthfulQA the first
percentile of the whole leaderboard (which has seen the tested models).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.peers.files import local
from benchmarks.peers.interface import Floats

Mask = NDArray[np.bool_]

V1 = ("MMLU", "ARC", "HellaSwag", "Winogrande", "TruthfulQA", "GSM8K")
V2 = ("IFEval", "BBH", "MATH Lvl 5", "GPQA", "MUSR", "MMLU-PRO")
BENCHMARKS_OF: Mapping[str, tuple[str, ...]] = {"v1": V1, "v2": V2, "v12": V1 + V2}

_YI = ("yi-1.5", "yi-1.5-chat", "dolphin-2.9.1-yi-1.5")
_GEMMA = ("gemma", "gemma-it", "sauerkrautlm-gemma")
_LLAMA = ("meta-llama-3", "meta-llama-3-instruct")
_PYTHIA = ("pythia", "dolly-v2")
HELD_OUT: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "v1": (
        ("bloom",), ("codegen-nl",), ("codellama",), ("deepseek-coder-base",), _PYTHIA, ("falcon",), _GEMMA,
        ("gpt-j-neo-neox",), ("internlm2",), _LLAMA, ("mpt", "mpt-chat", "mpt-instruct"), ("olmo",), ("opt",),
        ("qwen2",), ("rwkv-4-pile",), ("starcoder2",), ("stablelm-base-alpha",), ("xglm",), _YI,
    ),
    "v2": (
        ("bloom",), _PYTHIA, ("falcon", "falcon-instruct"), ("gemma-2", "gemma-2-it"), ("gpt-j-neo-neox",),
        (*_LLAMA, "llama-3-sauerkrautlm-instruct"), ("olmo",), ("opt",),
        ("qwen2", "qwen2-instruct", "dolphin-2.9.2-qwen2"), ("starcoder2",), ("smollm", "smollm-instruct"), _YI,
    ),
    "v12": (
        ("bloom",), _PYTHIA, ("falcon",), _GEMMA, ("gpt-j-neo-neox",), _LLAMA, ("olmo",), ("opt",), ("qwen2",),
        ("starcoder2",), _YI,
    ),
}  # fmt: skip
"""Families held out together, one tuple a fold: 19 folds of v1, 12 of v2, 11 of both at once."""

_COLUMNS = {
    "Model": "model", "Family2": "family", "Instruct": "instruct", "#Params (B)": "params",
    "Pretraining Data Size (T)": "tokens", "FLOPs (1E21)": "compute",
}  # fmt: skip
_SCALE = {"params": 1e9, "tokens": 1e12, "compute": 1e21}


@dataclass(frozen=True)
class Fold:
    """Families held out together, and the models trained and tested on.

    Attributes
    ----------
    families : tuple of str
        Families of which only the smallest model is trained on.
    train, test : numpy.ndarray
        Masks over the models of the setting, shape (model,); they cover all of them.
    """

    families: tuple[str, ...]
    train: Mask
    test: Mask

    @property
    def name(self) -> str:
        """First family of the fold, as papers call it."""
        return self.families[0]


@dataclass(frozen=True)
class Setting:
    """One leaderboard: models, scores and folds.

    Attributes
    ----------
    name : str
        v1, v2 or v12.
    models : pandas.DataFrame
        One row a model, ordered by family and size: model, family, instruct, params, tokens (counts), compute (FLOP).
    scores : pandas.DataFrame
        Accuracies from 0 to 1, shape (model, benchmark), without gaps.
    floors : numpy.ndarray
        Lower asymptotes, shape (benchmark,).
    folds : tuple of Fold
        One for each entry of ``HELD_OUT``.
    """

    name: str
    models: pd.DataFrame
    scores: pd.DataFrame
    floors: Floats
    folds: tuple[Fold, ...]

    def long(self) -> pd.DataFrame:
        """Return one row a model and benchmark: the columns of ``models``, ``task``, ``accuracy`` and ``chance``.

        Rows are ordered by model, then benchmark; ``long_mask`` turns a mask of models into one of these rows.
        """
        tasks = list(self.scores.columns)
        rows = self.models.loc[self.models.index.repeat(len(tasks))].reset_index(drop=True)
        return rows.assign(
            task=np.tile(tasks, len(self.models)),
            accuracy=self.scores.to_numpy().ravel(),
            chance=np.tile(self.floors, len(self.models)),
        )

    def long_mask(self, mask: Mask) -> Mask:
        """Return a mask of models, shape (model,), as one of the rows of ``long()``."""
        return np.repeat(mask, self.scores.shape[1])


def setting(name: str) -> Setting:
    """Return the models, scores and folds of one leaderboard.

    Parameters
    ----------
    name : {"v1", "v2", "v12"}
        Leaderboard v1, v2, or the models that are on both.

    Raises
    ------
    ValueError
        For any other name.
    """
    if name not in BENCHMARKS_OF:
        raise ValueError(f"unknown setting {name!r}; expected one of {', '.join(BENCHMARKS_OF)}")
    tasks = list(BENCHMARKS_OF[name])
    table = pd.read_csv(local("sloth", "data_v2.csv"))
    table = table.sort_values(["Family2", "#Params (B)"], kind="stable").dropna(subset=[*_COLUMNS, *tasks])
    table = table[table.groupby("Family2")["Model"].transform("size") >= 2].reset_index(drop=True)
    models = table[list(_COLUMNS)].rename(columns=_COLUMNS)
    for column, unit in _SCALE.items():
        models[column] = models[column] * unit
    floors = pd.read_csv(local("sloth", "lower_bounds.csv")).loc[0, tasks].to_numpy(dtype=float)
    folds = tuple(_fold(models, families) for families in HELD_OUT[name])
    return Setting(name, models, table[tasks].astype(float), floors, folds)


def fold_errors(prediction: Floats, setting: Setting, fold: Fold) -> Floats:
    """Return the mean absolute error of each benchmark over the tested models of a fold.

    Parameters
    ----------
    prediction : numpy.ndarray
        Accuracies of the tested models, shape (tested model, benchmark).

    Returns
    -------
    numpy.ndarray
        Errors in percentage points, shape (benchmark,). The published figure is their mean over benchmarks and folds.
    """
    truth = setting.scores.to_numpy()[fold.test]
    if np.shape(prediction) != truth.shape:
        raise ValueError(f"expected predictions of shape {truth.shape}, found {np.shape(prediction)}")
    return 100 * np.abs(prediction - truth).mean(axis=0)


def _fold(models: pd.DataFrame, families: tuple[str, ...]) -> Fold:
    """Return masks: the larger models of the families are tested, all other models are trained on."""
    missing = set(families) - set(models["family"])
    if missing:
        raise ValueError(f"families of a fold that the table lacks: {', '.join(sorted(missing))}")
    smallest = ~models["family"].duplicated().to_numpy()  # models are ordered by size within a family
    test = models["family"].isin(families).to_numpy() & ~smallest
    return Fold(families, ~test, test)
