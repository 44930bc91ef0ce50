"""Estimators of capability beside their published figures: ``python -m benchmarks.peers.capability [--json FILE]``.

Sloth is fitted from several seeds: the figure is the mean over seeds of what one start gives (the authors ran one),
with the standard deviation over seeds beside it; ``kept`` takes in each fold the start of lowest training error.
"""

from __future__ import annotations

import platform
import sys
import time
from importlib.metadata import version

import numpy as np
import pandas as pd

from benchmarks.figures import Figure, arguments, figure, report
from benchmarks.peers import observational, pca_link, sloth
from benchmarks.peers.leaderboards import setting

SLOTH = "arXiv:2412.06540, best of d = 1 to 4 on the test models"
RUAN = "arXiv:2405.10938"

SLOTH_PUBLISHED = {("v1", 4): 4.06, ("v2", 2): 2.86, ("v12", 3): 3.52}
"""Mean absolute error in percentage points by leaderboard and number of skills; bars of figures, handed down to us."""

EMERGENT_MEAN = 0.0059  # geometric mean of the four test errors, models of the first release; handed down to us
AGENTBENCH = 2.2e-4  # handed down to us
EMERGENT_TRAIN = {  # Figure 4b of the third version: MSE of the training models
    "word_unscramble": 1.3e-4, "persian_qa": 1.8e-4, "3_digit_subtraction": 6.5e-3, "2_digit_multiplication": 2.8e-3,
}  # fmt: skip
EMERGENT_TEST = {  # Figure 4b of the third version: MSE of the tested models and the later ones together
    "word_unscramble": 4.0e-3, "persian_qa": 3.2e-3, "3_digit_subtraction": 1.3e-2, "2_digit_multiplication": 9.9e-3,
}  # fmt: skip


def sloth_table(name: str, skills: int, seeds: int) -> pd.DataFrame:
    """Return one row a fold and seed: fold, training_error, error (percentage points), seed."""
    s = setting(name)
    rows = []
    for seed in range(seeds):
        began = time.perf_counter()
        rows += [sloth.score_fold(s, fold, skills=skills, seed=seed) | {"seed": seed} for fold in s.folds]
        print(f"sloth {name} d={skills} seed {seed}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return pd.DataFrame(rows)


def sloth_figures(name: str, skills: int, scores: pd.DataFrame) -> list[Figure]:
    """Return error of one start (mean and spread over seeds) and of the kept starts, the first beside the paper's."""
    by_seed = scores.groupby("seed")["error"].mean()
    kept = scores.loc[scores.groupby("fold")["training_error"].idxmin(), "error"].mean()
    label = f"sloth/{name}/d={skills}"
    unit = f"points, {scores['fold'].nunique()} folds"
    published = {"peer": SLOTH, "peer_value": SLOTH_PUBLISHED[name, skills]}
    return [
        figure(f"{label}/mae", float(by_seed.mean()), unit=unit, **published),
        figure(f"{label}/mae_sd_over_seeds", float(by_seed.std()), unit=f"{len(by_seed)} seeds"),
        figure(f"{label}/mae_kept", float(kept), unit=f"best of {len(by_seed)} starts"),
    ]


def emergent_figures() -> list[Figure]:
    """Return training and test errors of the four emergent tasks, and the geometric mean of the latter."""
    found, tested = [], []
    for name in observational.EMERGENT:
        split = observational.emergent(name)
        error, count = pca_link.errors(split), {"test": int(split.test.sum()), "later": int(split.later.sum())}
        together = sum(error[rows] * n for rows, n in count.items()) / sum(count.values())
        tested.append(error["test"])
        for rows, value, published in (("train", error["train"], EMERGENT_TRAIN), ("test", together, EMERGENT_TEST)):
            peer = {"peer": f"{RUAN}v3, Figure 4", "peer_value": published[name]}
            found.append(figure(f"pca_link/{name}/mse_{rows}", value, unit="with later" * (rows == "test"), **peer))
        found.append(figure(f"pca_link/{name}/mse_test_first_release", error["test"], unit=f"{count['test']} models"))
    mean = float(np.exp(np.mean(np.log(tested))))
    published = {"peer": f"{RUAN}, Figure 4", "peer_value": EMERGENT_MEAN}
    return [*found, figure("pca_link/emergent/geometric_mean_mse_test", mean, unit="first release", **published)]


def agent_figure() -> Figure:
    """Return the test error of AgentBench, two models."""
    error = pca_link.errors(observational.agentbench(), floor=True)["test"]
    return figure(
        "pca_link/agentbench/mse_test", error, unit="2 models", peer=f"{RUAN}, Figure 5", peer_value=AGENTBENCH
    )


def main() -> None:
    """Fit and print everything."""
    parser = arguments(__doc__ or "")
    parser.add_argument(
        "--seeds", type=int, default=5, help="starts of Sloth, about 1 to 2 minutes each and leaderboard"
    )
    options = parser.parse_args()
    figures = [*emergent_figures(), agent_figure()]
    for name, skills in SLOTH_PUBLISHED:
        figures += sloth_figures(name, skills, sloth_table(name, skills, options.seeds))
    versions = {name: version(name) for name in ("numpy", "scipy", "pandas")}
    report(figures, options.json, about={"python": platform.python_version(), **versions})


if __name__ == "__main__":
    main()
