"""Capability models beside the published estimators: leaderboards, emergent tasks and agents, the chain.

``python -m benchmarks.capability`` prints our figures beside the published and the re-measured ones
(``python -m benchmarks.peers.capability`` measures the peers themselves). ``--inner`` scores hold-outs inside the
training rows instead. What was ever scored on test rows is listed at the end.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from bayes_scaling.compare import coverage
from bayes_scaling.fit.sample import versions
from benchmarks import scored
from benchmarks.chain import chain_figures
from benchmarks.downstream import STUDIES, figures_of, fit_and_score
from benchmarks.figures import Figure, arguments, figure, report
from benchmarks.leaderboards import SEED, by_fold, inner_folds, scores_of, spec_of, summary
from benchmarks.peers import sloth
from benchmarks.peers.capability import SLOTH, SLOTH_PUBLISHED
from benchmarks.peers.leaderboards import setting

TARGETS = {
    "v1": {"mae": "<= 3.4", "crps": "<= 2.4"}, "v2": {"mae": "<= 2.5", "crps": "<= 1.85"}, "v12": {"mae": "<= 3.2"},
}  # fmt: skip
SKILLS = {"v1": 4, "v2": 2, "v12": 3}  # of Sloth, as published
RESAMPLES = 4000


def sloth_errors(name: str, *, inner: bool = False) -> pd.Series:
    """Return the error of Sloth as re-implemented by fold, one start, in percentage points."""
    found = setting(name)
    folds = inner_folds(found) if inner else found.folds
    rows = [sloth.score_fold(found, fold, skills=SKILLS[name], seed=0) for fold in folds]
    return pd.DataFrame(rows).set_index("fold")["error"].astype(float)


def paired(ours: pd.Series, theirs: pd.Series, *, level: float = 0.9) -> tuple[float, float, float]:
    """Return the mean difference, ours less theirs, over folds, with an interval bootstrapped over folds."""
    difference = (ours - theirs.reindex(ours.index)).to_numpy()
    rng = np.random.default_rng(SEED)
    means = rng.choice(difference, (RESAMPLES, len(difference))).mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(difference.mean()), float(low), float(high)


def leaderboard_figures(name: str, *, inner: bool, rows: Path | None = None) -> list[Figure]:
    """Return the figures of one leaderboard; write the scores of its rows to a folder where one is given."""
    scores = scores_of(name, spec_of(), inner=inner)
    if rows is not None:
        rows.mkdir(parents=True, exist_ok=True)
        scores.to_csv(rows / f"{'inner' if inner else 'outer'}_{name}.csv", index=False)
    told, target = summary(scores, unit="family" if inner else "fold"), {} if inner else TARGETS[name]
    told_over = "families" if inner else f"{scores['fold'].nunique()} folds"
    label = f"sloth_{name}" + ("/inner" if inner else "")
    covered = coverage(scores, unit="family", level=0.9)
    peer = {} if inner else {"peer": SLOTH, "peer_value": SLOTH_PUBLISHED[name, SKILLS[name]]}
    worst = f"{int(told['divergences'])} divergences"
    figures = [
        figure(f"{label}/mae", told["mae"], target=target.get("mae", ""), unit=f"points over {told_over}", **peer),
        figure(f"{label}/crps", told["crps"], target=target.get("crps", ""), unit="points"),
        figure(f"{label}/coverage90", covered["coverage"], better="higher", target="" if inner else "0.87 to 0.93",
               unit=f"{covered['lo']:.3f}-{covered['hi']:.3f}"),
        figure(f"{label}/width90", told["width"], unit="points"),
        figure(f"{label}/rhat", told["rhat"], target="< 1.01", unit=worst),
        figure(f"{label}/seconds", told["seconds"], unit="all folds"),
    ]  # fmt: skip
    for task, part in scores.groupby("task"):
        own = coverage(part, unit="family", level=0.9)
        figures.append(figure(f"{label}/coverage90/{task}", own["coverage"], better="higher",
                              unit=f"{own['lo']:.3f}-{own['hi']:.3f}"))  # fmt: skip
    return [*figures, *beside_sloth(name, label, by_fold(scores), inner=inner)]


def beside_sloth(name: str, label: str, ours: pd.Series, *, inner: bool) -> list[Figure]:
    """Return the difference to Sloth by fold with its interval, or both means where folds are too few for one."""
    theirs = sloth_errors(name, inner=inner)
    if inner:
        peer = {"peer": "Sloth as re-implemented", "peer_value": float(theirs.mean())}
        return [figure(f"{label}/mae_by_fold", float(ours.mean()), unit="points", **peer)]
    mean, low, high = paired(ours, theirs)
    return [figure(f"{label}/less_sloth", mean, target="interval below 0", unit=f"{low:.2f} to {high:.2f}")]


def downstream_figures(*, inner: bool) -> list[Figure]:
    """Return the figures of emergent tasks and agents."""
    return [f for study in STUDIES for f in figures_of(study, *fit_and_score(study, inner=inner), inner=inner)]


PARTS: dict[str, Callable[..., list[Figure]]] = {
    **{
        f"sloth_{name}": lambda *, inner, rows=None, name=name: leaderboard_figures(name, inner=inner, rows=rows)
        for name in TARGETS
    },
    "downstream": downstream_figures,
    "chain": chain_figures,
}


def main() -> None:
    """Print every figure beside its target, or those of the named parts."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--inner", action="store_true", help="score hold-outs inside the training rows instead")
    parser.add_argument("--part", action="append", choices=list(PARTS), help="only this part (may be repeated)")
    parser.add_argument("--rows", type=Path, help="folder for the scores of every row of the leaderboards")
    options = parser.parse_args()
    figures = []
    for name in options.part or PARTS:
        began = time.perf_counter()
        written = {"rows": options.rows} if name.startswith("sloth") else {}
        figures += PARTS[name](inner=options.inner, **written)
        print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    about = {"seed": SEED, "scored on": "inner hold-outs" if options.inner else "test rows", **versions()}
    report(figures, options.json, about=about)
    print("\nEverything that was ever scored on these test rows:", sep="")
    for entries in (scored.SCORED_LEADERBOARDS, scored.SCORED_DOWNSTREAM, scored.SCORED_CHAIN):
        print(*(f"- {entry}" for entry in entries), sep="\n")


if __name__ == "__main__":
    main()
