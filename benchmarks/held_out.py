"""Regret of choices on held-out budgets of real ladders: ours beside a point fit's.

``python -m benchmarks.plan --part held_out``. Six ladders of ``discrepancies`` (Porian et al. 2024, arXiv:2406.19146)
without their largest budgets are fitted with the law ``chinchilla``. At each held-out budget both choose a size; what
it costs is read off a parabola of log loss in log size through the runs of that budget (approach 2 of Hoffmann et al.
2022), inside the sizes that were run. Ladders, limit of the loss, the factor of 8 and the parabola were decided before
anything was scored. Ladders of one corpus share runs, so that the interval over them is too narrow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.data.derive import FLOP_PER_PARAM_TOKEN
from benchmarks.figures import Figure, figure

SEED, RESAMPLES = 20261126, 2000
CORPORA, KINDS = ("RefinedWeb", "OpenWebText2"), ("Kaplan", "cosine to budget", "tuned")
HIGHEST_LOSS = 7.0
HELD_OUT = 8.0  # budgets above the largest one over this
LEAST_RUNS = 5  # of a budget, to draw a parabola through
PointChoice = Callable[[pd.DataFrame, int, float], float]


def cost_of(size: float, runs: pd.DataFrame) -> float:
    """Return the log loss of a size at one budget above that of the best, by the parabola through its runs."""
    x, y = np.log(runs["params"].to_numpy()), np.log(runs["loss"].to_numpy())
    bend = np.polynomial.Polynomial.fit(x, y, 2)
    best = bend(np.linspace(x.min(), x.max(), 400)).min()
    return float(max(bend(np.clip(np.log(size), x.min(), x.max())) - best, 0.0))


def regrets(name: str, own: pd.DataFrame, point_choice: PointChoice) -> pd.DataFrame:
    """Return the regret of both choices at each held-out budget of a ladder."""
    limit = own["compute"].max() / HELD_OUT
    seen, later = own[own["compute"] <= limit], own[own["compute"] > limit]
    table = seen[["params", "tokens", "loss"]].reset_index(drop=True)
    fit = bs.ScalingModel("chinchilla").fit(table, random_seed=SEED, progressbar=False)
    found = []
    for budget, runs in later.groupby("compute"):
        if len(runs) < LEAST_RUNS:
            continue
        ours = float(bs.allocation(fit, float(budget)).bayes_params[0])
        theirs = point_choice(table, SEED, float(budget) / FLOP_PER_PARAM_TOKEN)
        found.append({"ladder": name, "ours": cost_of(ours, runs), "point": cost_of(theirs, runs)})
    return pd.DataFrame(found)


def held_out(point_choice: PointChoice) -> Iterator[Figure]:
    """Yield the mean regret of our choice relative to the point fit's, with its interval over ladders."""
    frame = bs.load_dataset("discrepancies")
    frame = frame[frame["loss"] < HIGHEST_LOSS]
    names = [f"{corpus}: {kind}" for corpus in CORPORA for kind in KINDS]
    made = [regrets(n, frame[frame["family"] == n], point_choice) for n in names]
    means = pd.DataFrame([m[["ours", "point"]].mean() for m in made], index=names)
    drawn = np.random.default_rng(SEED).integers(len(names), size=(RESAMPLES, len(names)))
    sums = {k: means[k].to_numpy()[drawn].mean(axis=1) for k in means}
    low, high = np.quantile(sums["ours"] / sums["point"], [0.05, 0.95])
    told = "; ".join(f"{n} {1e4 * r['ours']:.3g} and {1e4 * r['point']:.3g}" for n, r in means.iterrows())
    yield figure("plan/held_out_regret", float(means["ours"].mean() / means["point"].mean()), target="<= 1",
                 unit=f"of a point fit's (bootstrap over ladders, 90 %: {low:.2f} to {high:.2f}); "
                 f"{sum(map(len, made))} budgets; 1e-4 log loss, ours and point: {told}")  # fmt: skip
