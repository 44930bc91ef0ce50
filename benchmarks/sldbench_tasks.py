"""The eight tasks of SLDBench: rows under this package's names, frozen models, hold-outs inside the training rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.data.vocab import OFFSET
from bayes_scaling.fit import Fit

SEQUENCE = 2048  # tokens
DOMAINS = ("academic", "prose", "dialogue", "symbolic", "internet")
NEAR = 0.25  # nats above the best run of a cell, within which runs of lr_bsz are fitted
STUDENT = {"observation": "student_t", "run_effect": False}
SAMPLING: tuple[dict[str, Any], ...] = (
    {"draws": 1000, "tune": 1000, "target_accept": 0.95},
    {"draws": 3000, "tune": 3000, "target_accept": 0.98},
    {"draws": 8000, "tune": 5000, "target_accept": 0.98},
)


@dataclass(frozen=True)
class Task:
    """One task: how its rows are read, what is fitted to them, and which training rows are held out to choose.

    ``by`` names a column whose values are fitted one by one, ``unit`` the independent units of the coverage. ``used``
    says which training rows are fitted. ``inner`` gives a fold per label: rows held out, and others that are not
    fitted (None: all but those held out are). ``first`` is where the sampling settings begin.
    """

    read: Callable[[pd.DataFrame], pd.DataFrame]
    model: Callable[[str], bs.ScalingModel]
    inner: Callable[[pd.DataFrame], dict[str, tuple[pd.Series, pd.Series | None]]]
    by: str | None = None
    unit: str | None = None
    new_groups: str = "error"
    used: Callable[[pd.DataFrame], pd.Series] = lambda rows: rows["loss"].notna()
    first: int = 0

    def fit(self, rows: pd.DataFrame, part: str) -> Fit:
        """Fit the model of one part to its rows, longer until its diagnostics pass."""
        model, used = self.model(part), rows[self.used(rows)]
        for settings in SAMPLING[self.first :]:
            fit = model.fit(used, random_seed=1, progressbar=False, **settings)
            if fit.diagnose().ok:
                break
        return fit


def _named(rows: pd.DataFrame, **names: str) -> pd.DataFrame:
    return rows.rename(columns=names).drop(columns=["group"], errors="ignore").reset_index(drop=True)


def _top(column: str, *places: int) -> Callable[[pd.DataFrame], dict[str, tuple[pd.Series, pd.Series | None]]]:
    """Return folds that hold out the last values of a column, or of one without those after it."""

    def folds(rows: pd.DataFrame) -> dict[str, tuple[pd.Series, pd.Series | None]]:
        values = np.sort(rows[column].unique())
        return {
            f"{column} = {values[-p]:g}": (rows[column] == values[-p], rows[column] > values[-p]) for p in places
        }  # fmt: skip

    return folds


# ---- rows --------------------------------------------------------------------------------------------------


def _parallel(rows: pd.DataFrame) -> pd.DataFrame:
    return _named(rows.assign(corpus=rows["group"]), num_params="params", parallel_size="streams")


def _vocab(rows: pd.DataFrame) -> pd.DataFrame:
    names = {"non_vocab_parameters": "non_vocab_params", "num_characters": "characters"}
    named = _named(rows, **names).assign(loss=rows["unigram_normalized_loss"].to_numpy() + OFFSET)
    size = (named["non_vocab_params"] / 1e6).round().astype(int).astype(str)
    return named.assign(run=size + "M/V = " + named["vocab_size"].astype(int).astype(str))


def _sft(rows: pd.DataFrame) -> pd.DataFrame:
    return _named(rows.assign(run=rows["group"]), sft_data_size="seen", sft_loss="loss")


def _mixture(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row per run and validation domain."""
    shares = {f"proportion_domain_{i + 1}": f"p_{d}" for i, d in enumerate(DOMAINS)}
    named = rows.rename(columns=shares)
    mixture = named[list(shares.values())].round(4).astype(str).agg(" ".join, axis=1)
    named = named.assign(
        model=named["group"], params=named["group"].str.rstrip("M").astype(float) * 1e6, mixture=mixture
    )
    kept = [*shares.values(), "model", "params", "mixture"]
    parts = [named[kept].assign(task=d, loss=named[f"loss_domain_{i + 1}"]) for i, d in enumerate(DOMAINS)]
    return pd.concat(parts, ignore_index=True)


def _moe(rows: pd.DataFrame) -> pd.DataFrame:
    return _named(rows, dense_parameter_count="active_params", num_experts="experts", loss_validation="loss")


def _rates(rows: pd.DataFrame) -> pd.DataFrame:
    named = _named(rows, non_embedding_param_size="params", data_size="tokens", lm_loss="loss")
    cell = (named["params"] / 1e6).round().astype(int).astype(str) + "M/" + (named["tokens"] / 1e9).round(1).astype(str)
    return named.assign(batch=named["bsz"] * float(SEQUENCE), cell=cell + "B")


def _questions(rows: pd.DataFrame) -> pd.DataFrame:
    return _named(
        rows.assign(benchmark=rows["group"], compute=1e21 * 10.0 ** rows["log_flops"], loss=-rows["brier_score"])
    ).drop(columns=["model"])


# ---- hold-outs ---------------------------------------------------------------------------------------------


def _mixtures(rows: pd.DataFrame) -> dict[str, tuple[pd.Series, pd.Series | None]]:
    names = pd.unique(rows["mixture"])
    return {f"mixtures {i + 1}, {i + 6}, ...": (rows["mixture"].isin(names[i::5]), None) for i in range(5)}


def _repeated(rows: pd.DataFrame) -> dict[str, tuple[pd.Series, pd.Series | None]]:
    return {"params >= 2.8e9 or tokens >= 3e11": ((rows["params"] >= 2.8e9) | (rows["tokens"] >= 3e11), None)}


def _cells(rows: pd.DataFrame) -> dict[str, tuple[pd.Series, pd.Series | None]]:
    """Return the largest cell of each of the three largest sizes, without larger sizes, as far as its runs are near."""
    found = {}
    for params in np.sort(rows["params"].unique())[-3:]:
        own = rows["params"] == params
        cell = own & (rows["tokens"] == rows.loc[own, "tokens"].max())
        found[rows.loc[cell, "cell"].iloc[0]] = (cell & _near(rows), rows["params"] > params)
    return found


def _near(rows: pd.DataFrame) -> pd.Series:
    return rows["loss"] - rows.groupby("cell")["loss"].transform("min") < NEAR


def _last(rows: pd.DataFrame) -> dict[str, tuple[pd.Series, pd.Series | None]]:
    """Return the last half decade of every benchmark."""
    end = rows.groupby("benchmark")["log_flops"].transform("max")
    return {"last half decade": (rows["log_flops"] > end - 0.5, None)}


# ---- models ------------------------------------------------------------------------------------------------


def _own_share(domain: str) -> bs.ScalingModel:
    return bs.ScalingModel(
        "own_share",
        options={"domains": list(DOMAINS), "own": domain},
        groups=["model", "mixture"],
        pooling={"level": {"model": "none", "mixture": "partial"}},
        priors={"alpha": bs.Prior("constant", value=0.1)},  # every size has a level of its own
        noise={"run_effect": False},
    )


def _fine_tuning(_: str) -> bs.ScalingModel:
    partial = {"run": "partial"}
    return bs.ScalingModel(
        "rectified",
        groups=["run"],
        pooling={"E": partial, "drop": partial, "knee": partial, "beta": partial},
        noise={"observation": "normal", "run_effect": False, "discrepancy": {"kind": "ou", "over": "seen"}},
    )


def _vocabulary(_: str) -> bs.ScalingModel:
    noise = {"observation": "normal", "run_effect": False, "discrepancy": {"kind": "ou", "over": "characters"}}
    return bs.ScalingModel("vocabulary_curve", noise=noise)


def _plain(law: str) -> Callable[[str], bs.ScalingModel]:
    return lambda _: bs.ScalingModel(law, noise=STUDENT)


TASKS: dict[str, Task] = {
    "parallel": Task(_parallel, _plain("parallel_streams"), _top("streams", 1), by="corpus"),
    "vocab": Task(_vocab, _vocabulary, _top("vocab_size", 1, 2), unit="run", new_groups="population", first=1),
    "sft": Task(_sft, _fine_tuning, _top("seen", 1, 2), unit="run", first=1),
    "domain_mixture": Task(
        _mixture, _own_share, _mixtures, by="task", unit="mixture", new_groups="population", first=1
    ),
    "moe": Task(_moe, _plain("routed_floor"), _top("active_params", 1, 2)),
    "data_constrained": Task(_named, _plain("data_steps"), _repeated),
    "lr_bsz": Task(_rates, _plain("rate_batch"), _cells, used=_near, first=1),
    "easy_question": Task(_questions, _plain("two_turns"), _last, by="benchmark", unit="compute"),
}
