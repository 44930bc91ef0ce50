"""Held-out larger models of families of which one small model is known, on the open LLM leaderboards.

The folds are those of Sloth (``benchmarks/peers/leaderboards.py``). With ``inner`` other families are held out, which
no fold tests, so that structures can be compared without scoring a test row. Models that the folds test are training
rows there, as they are in every fold but their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayes_scaling.compare.scores import predictive, score_draws
from bayes_scaling.fit import Fit, Job, SamplerSettings, many_fits
from bayes_scaling.model import ModelSpec, make_spec
from benchmarks.peers.leaderboards import HELD_OUT, Fold, Setting, setting

SETTINGS = SamplerSettings(draws=1500, tune=600, chains=2, target_accept=0.9)
SEED = 20261126
INNER_GROUPS = 3


GROUPS = ("family", "task", "run", "tuned")
"""Frozen on the inner folds of all three settings: one skill and the law's own pooling and priors; tuned models have
intercepts and loadings of their own, because benchmarks such as IFEval rise with size in tuned models only."""


def spec_of(*, groups: Sequence[str] = GROUPS, **changes: Any) -> ModelSpec:
    """Return the model of every leaderboard, or with changes one of another structure."""
    return make_spec("capability", groups=groups, noise={"observation": "logistic", "run_effect": False}, **changes)


def inner_folds(found: Setting) -> list[Fold]:
    """Return folds over the families that no fold tests; their smallest model stays in training."""
    models = found.models
    tested = {f for families in HELD_OUT[found.name] for f in families}
    own = sorted(set(models["family"]) - tested)
    smallest = ~models["family"].duplicated().to_numpy()
    folds = []
    for i in range(INNER_GROUPS):
        families = tuple(own[i::INNER_GROUPS])
        test = models["family"].isin(families).to_numpy() & ~smallest
        folds.append(Fold(families, ~test, test))
    return folds


def jobs(found: Setting, spec: ModelSpec, folds: list[Fold], frame: pd.DataFrame) -> Iterator[Job]:
    """Yield one job per fold; all share one compiled model."""
    for i, fold in enumerate(folds):
        mask = found.long_mask(fold.train)
        yield Job.of_table(
            f"{found.name}/{fold.name}", spec, frame, settings=SETTINGS, seed=SEED + i, chosen=mask,
            about={"families": list(fold.families)},
        )  # fmt: skip


def score_job(fit: Fit, job: Job) -> pd.DataFrame:
    """Return the scores of a fold's held-out rows."""
    held = job.rows.frame.iloc[job.held_out()].reset_index(drop=True)
    held["flags"] = ""
    found = predictive(fit, held, new_groups="population", random_seed=SEED)
    scores = score_draws(found, level=0.9)
    keep = ["family", "model", "task", "observed", "median", "lower", "upper", "covered", "width", "lpd", "crps"]
    return scores[[*keep, "absolute_error", "pit"]].assign(fold=job.name.split("/")[1])


def scores_of(name: str, spec: ModelSpec, *, inner: bool = False, workers: int | None = None) -> pd.DataFrame:
    """Return the scores of every held-out row of one leaderboard, with its diagnostics."""
    found = setting(name)
    frame = found.long().assign(
        run=lambda f: f["model"], tuned=lambda f: f["instruct"].map({True: "instruct", False: "base"})
    )
    folds = inner_folds(found) if inner else list(found.folds)
    tables = []
    for result in many_fits(jobs(found, spec, folds, frame), score_job, workers=workers, progressbar=False):
        if result.missing:
            raise RuntimeError(f"{result.name}: {result.reason}")
        diagnostics = {k: result.diagnostics[k] for k in ("rhat", "ess_bulk", "divergences")}
        tables.append(result.value.assign(**diagnostics, seconds=result.seconds))
    return pd.concat(tables, ignore_index=True)


def by_fold(scores: pd.DataFrame, column: str = "absolute_error") -> pd.Series:
    """Return the mean over models and benchmarks of each fold, in percentage points."""
    return 100 * scores.groupby("fold")[column].mean()


def summary(scores: pd.DataFrame, *, unit: str = "fold") -> Mapping[str, float]:
    """Return error, CRPS (points, averaged over units) and coverage of all rows."""
    means = scores.groupby(unit)[["absolute_error", "crps"]].mean().mean() * 100
    return {
        "mae": float(means["absolute_error"]), "crps": float(means["crps"]),
        "coverage90": float(scores["covered"].mean()), "width": float(100 * scores["width"].mean()),
        "rhat": float(scores["rhat"].max()), "divergences": float(scores.groupby("fold")["divergences"].first().sum()),
        "seconds": float(scores.groupby("fold")["seconds"].first().sum()), "lpd": float(np.mean(scores["lpd"])),
    }  # fmt: skip
