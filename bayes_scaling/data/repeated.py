"""Loader of the coverage of Pythia models on MATH (Brown et al. 2024, arXiv:2407.21787)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayes_scaling.data.columns import Column
from bayes_scaling.data.registry import fetch
from bayes_scaling.data.validate import check_runs

SAMPLES = (1, 3, 10, 30, 100, 300, 1000, 3000, 10000)
FURTHER = (
    Column("samples", "samples per problem", "samples", "integer", low=1),
    Column("length", "steps that must all be right", "steps", "positive"),
)


def pass_at_k(right: np.ndarray, attempts: np.ndarray, samples: int) -> np.ndarray:
    """Return the chance that one of some samples without replacement is right, shape (problem,).

    The unbiased estimate of pass@k of Chen et al. (2021, arXiv:2107.03374), eq. 1.
    """
    from scipy.special import gammaln

    wrong = attempts - right
    rest = np.maximum(wrong - samples, 0)
    log_none = gammaln(wrong + 1) - gammaln(rest + 1) + gammaln(attempts - samples + 1) - gammaln(attempts + 1)
    return np.where(wrong < samples, 1.0, -np.expm1(np.minimum(log_none, 0.0)))


def load_repeated() -> pd.DataFrame:
    """Load the coverage of seven Pythia models with 1 to 10000 samples on 128 problems of MATH.

    Returns
    -------
    pandas.DataFrame
        63 rows: family, model, run (model and k), task, params, samples (k), accuracy (mean over problems of the
        unbiased pass@k of 10000 attempts), n_items (disjoint groups of k attempts, all problems together: 1,280,000
        for k = 1, 128 for k = 10000), and ``length`` 1: the answer counts as one step. Rows of one model come from the
        same attempts.
    """
    raw = pd.read_csv(fetch("repeated", "pythia_math_counts.csv"))
    rows = []
    for (params, model), part in raw.groupby(["params", "model"]):
        right, attempts = part["correct"].to_numpy(), part["samples"].to_numpy()
        rows += [
            {
                "model": model,
                "params": params,
                "samples": k,
                "accuracy": pass_at_k(right, attempts, k).mean(),
                "n_items": int((attempts // k).sum()),
            }
            for k in SAMPLES
        ]
    frame = pd.DataFrame(rows).assign(family="Pythia", task="MATH", chance=0.0, length=1.0)
    frame["run"] = frame["model"] + "/k = " + frame["samples"].astype(str)
    needed = ("family", "model", "run", "task", "params", "samples", "accuracy", "n_items")
    return check_runs(frame, require=needed, further=FURTHER)
