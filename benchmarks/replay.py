"""Replay of real ladders: what a planner spends until it forecasts the largest run as well as all runs would.

``python -m benchmarks.replay [--part NAME ...] [--json FILE]``. Twenty random sets of runs out of the cheapest third
are the starts; the question is the loss of the largest run. A planner adds runs until the median error over starts is
at most 1.5 times that of the fit on all other runs and stays there. Ours buys from the cheapest set of runs that
settles a share of what all of them could tell; beside it cheapest first and random choice. What was decided, and on
what, is in README.md here; ``--part simulated`` replays ladders of a planted law.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.fit import Fit, Job, SamplerSettings, many_fits
from bayes_scaling.fit.evaluate import Draws, predict
from bayes_scaling.fit.many import fit_job
from bayes_scaling.fit.sample import versions
from bayes_scaling.model import ModelSpec, Rows, encode, make_spec, simulate
from bayes_scaling.model.labels import run_labels
from bayes_scaling.plan.next_run import SHARE, next_run, share_left
from bayes_scaling.plan.preposterior import cheapest
from benchmarks.figures import Figure, arguments, figure, report

SEED = 20261127
STARTS, START_RUNS = 20, 6
LEAST_RATIO = 10.0  # tokens per parameter; below it much of the training is warm-up
AFFORDABLE = 0.5  # candidates cost at most so much of the largest run
ENOUGH = 1.5  # times the error of the fit on all other runs
GROWTH = 0.2  # a step ends, and is followed by a refit, where the money spent has grown by so much
FEW = 15  # runs below which importance sampling is not tried: there its weights are seldom trusted
BOOTSTRAPS = 2000
SHARES, SIMULATED_STARTS = (0.0, 0.5, 0.75, 0.9), 8
MODEL: dict[str, Any] = {
    "noise": {"observation": "normal", "run_effect": False, "discrepancy": {"kind": "ou", "over": "compute"}},
    "priors": {
        "sigma": {"dist": "lognormal", "median": 0.005, "upper95": 0.02},
        "discrepancy_sd": {"dist": "lognormal", "median": 0.01, "upper95": 0.03},
    },
}


@dataclass(frozen=True)
class Ladder:
    """Runs of a study.

    Attributes
    ----------
    name : str
    spec, rows :
        As settled on the whole table, whose columns are params, tokens, compute and loss.
    target : int
        Position of the largest run.
    """

    name: str
    spec: ModelSpec
    rows: Rows
    target: int

    @classmethod
    def of(cls, name: str, frame: pd.DataFrame, target: Callable[[pd.DataFrame], int]) -> Ladder:
        """Return a ladder of a table with params, tokens and loss, without runs that are mostly warm-up."""
        table = frame.loc[frame["tokens"] >= LEAST_RATIO * frame["params"], ["params", "tokens", "loss"]]
        table = table.reset_index(drop=True).astype(float)
        settled, rows = encode(make_spec("chinchilla", **MODEL), table)
        return cls(name, settled, rows, target(rows.frame))

    @property
    def cost(self) -> np.ndarray:
        """Compute of every run in FLOP, shape (run,)."""
        return 6 * self.rows.frame["params"].to_numpy() * self.rows.frame["tokens"].to_numpy()

    @property
    def candidates(self) -> np.ndarray:
        """Positions of the affordable runs, cheapest first."""
        order = np.argsort(self.cost, kind="stable")
        return order[self.cost[order] <= AFFORDABLE * self.cost[self.target]]

    def starts(self, count: int, seed: int) -> list[tuple[int, ...]]:
        """Return random sets of runs out of the cheapest third of the candidates."""
        rng, third = np.random.default_rng(seed), self.candidates[: len(self.candidates) // 3]
        return [tuple(sorted(rng.choice(third, START_RUNS, replace=False).tolist())) for _ in range(count)]

    def job(self, runs: Iterable[int], share: float) -> Job:
        """Return the fit to some runs; the same runs have the same seed whoever bought them."""
        chosen = sorted(runs)
        seed = zlib.crc32(np.array(chosen, dtype=np.int64).tobytes()) % 2**31
        settings = SamplerSettings(1000, 600, 1, engine="nuts" if len(chosen) < FEW else "auto", adaptation="low_rank")
        return Job(
            ",".join(map(str, chosen)), self.spec, self.rows, settings, seed, np.array(chosen),
            {"target": self.target, "candidates": self.candidates.tolist(), "share": share},
        )  # fmt: skip


def error_of(fit: Fit, job: Job) -> float:
    """Return the error of the forecast of the largest run, in log loss."""
    target = job.rows.frame.iloc[[job.about["target"]]]
    middle = bs.forecast(fit, target[["params", "tokens"]], kind="mean").median[0]
    return float(abs(np.log(middle) - np.log(target["loss"].iloc[0])))


def step_of(fit: Fit, job: Job) -> dict[str, Any]:
    """Return the error, and the runs to buy next in turn: a plan for what is left, cheapest run first."""
    frame, have = job.rows.frame, set(job.positions().tolist())
    left = [i for i in job.about["candidates"] if i not in have]
    found = {"error": error_of(fit, job), "buy": left}
    if not left:
        return found
    points = frame[["params", "tokens"]]
    plan = next_run(fit, points.iloc[left], target=points.iloc[[job.about["target"]]], check=0)
    share = job.about["share"]
    if share > 0:
        chosen = cheapest(plan.moments, plan.cost, share_left(plan.moments, share))
    else:  # the best single run per FLOP
        chosen = [int(np.argmax(plan.single.value / plan.cost))]
    found["buy"] = [left[i] for i in chosen] or left[:1]
    return found


@dataclass
class Purchase:
    """What one start has bought, in order: spending after the start, and the error at each step."""

    runs: list[int]
    spent: list[float] = field(default_factory=lambda: [0.0])
    errors: list[float] = field(default_factory=list)

    def buy(self, ladder: Ladder, order: Iterable[int]) -> bool:
        """Add runs in turn until the money spent, the start's included, has grown enough; return whether any was."""
        cost, before = ladder.cost, ladder.cost[self.runs].sum()
        bought = 0.0
        for run in order:
            self.runs.append(run)
            bought += cost[run]
            if bought >= GROWTH * before:
                break
        if bought:
            self.spent.append(self.spent[-1] + bought)
        return bought > 0


class Replay:
    """Fits of one ladder, each set of runs fitted once for all who ask.

    Parameters
    ----------
    ladder : Ladder
    executor : Executor or None
        None fits in this process.
    share : float
        Of what all candidates can tell, which the planner's sets settle; 0: the best single run per FLOP.
    """

    def __init__(self, ladder: Ladder, executor: Executor | None, share: float) -> None:
        self.ladder, self._executor, self._share = ladder, executor, share
        self._found: dict[tuple[str, str], Any] = {}

    def fits(self, sets: Iterable[Iterable[int]], reduce: Callable[[Fit, Job], Any]) -> list[Any]:
        """Return what is kept of the fit to each set of runs."""
        jobs = [self.ladder.job(runs, self._share) for runs in sets]
        new = {j.name: j for j in jobs if (reduce.__name__, j.name) not in self._found}
        if new:
            workers = 0 if self._executor is None else None
            for result in many_fits(
                list(new.values()), reduce, executor=self._executor, workers=workers, cores=1, progressbar=False
            ):
                if result.missing:
                    raise RuntimeError(f"{self.ladder.name}, runs {result.name}: {result.reason}")
                self._found[reduce.__name__, result.name] = result.value
        return [self._found[reduce.__name__, j.name] for j in jobs]

    def full_error(self) -> float:
        """Return the error of the fit on all other affordable runs."""
        return float(self.fits([self.ladder.candidates.tolist()], error_of)[0])

    def planned(self, starts: list[tuple[int, ...]]) -> list[Purchase]:
        """Return what the planner buys, refitted after every step."""
        found = [Purchase(list(s)) for s in starts]
        open_ = found
        while open_:
            steps = self.fits([p.runs for p in open_], step_of)
            for purchase, step in zip(open_, steps, strict=True):
                purchase.errors.append(step["error"])
            open_ = [p for p, s in zip(open_, steps, strict=True) if p.buy(self.ladder, s["buy"])]
        return found

    def ordered(self, starts: list[tuple[int, ...]], orders: list[np.ndarray]) -> list[Purchase]:
        """Return what is bought in a given order per start."""
        found, sets = [Purchase(list(s)) for s in starts], []
        for k, (purchase, order) in enumerate(zip(found, orders, strict=True)):
            sets.append((k, list(purchase.runs)))
            while purchase.buy(self.ladder, [i for i in order.tolist() if i not in set(purchase.runs)]):
                sets.append((k, list(purchase.runs)))
        for (k, _), error in zip(sets, self.fits([runs for _, runs in sets], error_of), strict=True):
            found[k].errors.append(error)
        return found


def spent_until(purchases: list[Purchase], threshold: float) -> float:
    """Return the least spending from which on the median error is at most the threshold."""
    levels = np.unique(np.concatenate([p.spent for p in purchases]))
    at = [np.searchsorted(p.spent, levels, side="right") - 1 for p in purchases]
    errors = np.stack([np.array(p.errors)[i] for p, i in zip(purchases, at, strict=True)])
    late = np.flatnonzero(np.median(errors, axis=0) > threshold)
    return float(levels[0] if not len(late) else levels[min(late[-1] + 1, len(levels) - 1)])


def compared(found: dict[str, list[Purchase]], threshold: float, start: float) -> dict[str, Any]:
    """Return spending by planner and the ratio to the better baseline, with its bootstrap interval over starts.

    Parameters
    ----------
    start : float
        Median cost of a start, added to every spending: it was bought too, and a ratio of nothing to nothing is none.
    """
    rng, count = np.random.default_rng(SEED), len(found["plan"])

    def ratio(chosen: np.ndarray) -> tuple[float, dict[str, float]]:
        spent = {k: start + spent_until([v[i] for i in chosen], threshold) for k, v in found.items()}
        return spent["plan"] / min(v for k, v in spent.items() if k != "plan"), spent

    value, spent = ratio(np.arange(count))
    drawn = [ratio(rng.integers(0, count, count))[0] for _ in range(BOOTSTRAPS)]
    low, high = np.quantile(drawn, [0.05, 0.95])
    return {"ratio": value, "lower": float(low), "upper": float(high), **spent}


def replayed(
    ladder: Ladder, executor: Executor | None, *, share: float, starts: int = STARTS, seed: int = SEED
) -> tuple[dict[str, list[Purchase]], float, float]:
    """Return purchases by planner, the error of the fit on all other runs, and the median cost of a start."""
    replay, chosen = Replay(ladder, executor, share), ladder.starts(starts, seed)
    rng = np.random.default_rng(seed + 1)
    found = {
        "plan": replay.planned(chosen),
        "cheapest": replay.ordered(chosen, [ladder.candidates for _ in chosen]),
        "random": replay.ordered(chosen, [rng.permutation(ladder.candidates) for _ in chosen]),
    }
    return found, replay.full_error(), float(np.median([ladder.cost[list(s)].sum() for s in chosen]))


def figures_of(ladder: Ladder, executor: Executor | None, *, share: float, starts: int = STARTS) -> Iterator[Figure]:
    """Yield the figure of one ladder."""
    found, full, start = replayed(ladder, executor, share=share, starts=starts)
    told = compared(found, ENOUGH * full, start)
    ends = f"90 % {told['lower']:.3g} to {told['upper']:.3g} over {len(found['plan'])} starts"
    whole = start + max(p.spent[-1] for p in found["plan"])
    spent = ", ".join(f"{k} {told[k]:.3g}" for k in found)
    yield figure(
        f"plan/replay_{ladder.name}", told["ratio"], target="< 1 (goal 0.5)",
        unit=f"of the better baseline, {ends}; FLOP {spent}, all {whole:.3g}; error of all other runs {full:.2%}",
    )  # fmt: skip


def most_compute(frame: pd.DataFrame) -> int:
    """Return the position of the run with the most compute."""
    return int((frame["params"] * frame["tokens"]).to_numpy().argmax())


def middle_of_largest(frame: pd.DataFrame) -> int:
    """Return, of the runs of the largest budget, the position of the one of median size."""
    compute = (frame["params"] * frame["tokens"]).to_numpy()
    top = np.flatnonzero(compute > 0.99 * compute.max())
    return int(top[np.argsort(frame["params"].to_numpy()[top])[len(top) // 2]])


def overtraining() -> Ladder:
    """Return the runs on the corpus of the run with the most compute."""
    frame = bs.load_dataset("overtraining")
    corpus = frame["family"].iloc[most_compute(frame)]
    frame = frame.assign(params=frame["matmul_params"])  # without the input embedding, as the others count them
    return Ladder.of("overtraining", frame[frame["family"] == corpus], most_compute)


def gemstones() -> Ladder:
    """Return the models of varied shape, each cooled down after about 11, 22, 44 and 88 billion tokens: a run each."""
    frame = pd.read_json(folder() / "gemstones" / "wandb_df_for_fitting_cool_end.jsonl", lines=True)
    frame = frame[(frame["tokens"] / 1e9).round().isin([11, 22, 44, 88])]
    names = {"params_active_precise": "params", "final_loss": "loss"}
    return Ladder.of("gemstones", frame.rename(columns=names), most_compute)


def discrepancies() -> Ladder:
    """Return the last condition of the study (tuned, every correction made), of every second budget."""
    frame = pd.read_csv(folder() / "discrepancies" / "isoflop_points.csv")
    frame = frame[(frame["summary_file"] == "summary_df") & (frame["condition"] == 4) & (frame["loss"] < 7)]
    budgets = sorted(frame["flops"].unique())[::-2]
    return Ladder.of("discrepancies", frame[frame["flops"].isin(budgets)], middle_of_largest)


def folder() -> Path:
    """Return the folder of public datasets."""
    return Path(os.environ["BAYES_SCALING_DATA"])


LADDERS = {"overtraining": overtraining, "gemstones": gemstones, "discrepancies": discrepancies}


def planted(ladder: Ladder, seed: int) -> Ladder:
    """Return the runs of a ladder with losses of a law, a departure and noise drawn from the prior."""
    rng = np.random.default_rng(seed)
    values = simulate.prior_values(ladder.spec, {}, 1, rng)
    draws = Draws(ladder.spec, values, ladder.rows.coords, ladder.rows.paths)
    runs = run_labels(ladder.rows.frame).to_numpy(dtype=object)
    losses = predict(draws, ladder.rows, kind="response", runs=runs, rng=rng)[0]
    rows = replace(ladder.rows, frame=ladder.rows.frame.assign(loss=losses))
    return replace(ladder, name=f"{ladder.name} {seed}", rows=rows)


def simulated(executor: Executor | None, truths: int, shares: tuple[float, ...] = SHARES) -> Iterator[Figure]:
    """Yield the mean ratio over ladders of a planted law, by the share that a set is to settle: the choice of it."""
    ladder, ratios = overtraining(), dict[float, list[float]]()
    for truth in range(truths):
        made = planted(ladder, SEED + truth)
        for share in shares:
            found, full, start = replayed(made, executor, share=share, starts=SIMULATED_STARTS)
            told = compared(found, ENOUGH * full, start)
            ratios.setdefault(share, []).append(told["ratio"])
            print(made.name, share, told, f"{full:.2%}", flush=True)
    for share, values in ratios.items():
        logs = np.log(values)
        error = logs.std(ddof=1) / np.sqrt(len(logs)) if len(logs) > 1 else float("nan")
        told = f"of the better baseline, geometric mean of {truths} truths; error of its log {error:.2g}"
        yield figure(f"replay/simulated/share_{share:g}", float(np.exp(logs.mean())), unit=told)


def rank_200() -> Iterator[Figure]:
    """Yield the seconds to rank 200 candidates, sets and nested checks included, on a fit of a planted ladder."""
    ladder = planted(overtraining(), SEED)
    fit = fit_job(ladder.job(ladder.candidates.tolist(), SHARE))
    points = bs.grid(params=np.geomspace(1e7, 3e9, 20), tokens=np.geomspace(1e9, 1e11, 10))
    begun = time.perf_counter()
    found = next_run(fit, points, target={"params": 1e10, "tokens": 2e11})
    rows = len(found.table) + len(found.sets)
    seconds = time.perf_counter() - begun
    yield figure("plan/seconds_rank_200", seconds, target="< 60", unit=f"s; {rows} runs and sets")


def ladder_figures(name: str, workers: int = 2) -> Iterator[Figure]:
    """Yield the figure of one ladder, fitted in processes of its own."""
    with pool(workers) as executor:
        yield from figures_of(LADDERS[name](), executor, share=SHARE)


def pool(workers: int) -> ProcessPoolExecutor:
    """Return processes to fit in; forked ones would inherit threads."""
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


PARTS: dict[str, Callable[[], Iterator[Figure]]] = {
    **{name: partial(ladder_figures, name) for name in LADDERS}, "rank": rank_200,
}  # fmt: skip


def main() -> None:
    """Print every figure beside its target."""
    parser = arguments(__doc__ or "")
    parser.add_argument(
        "--part", choices=[*PARTS, "simulated"], action="append", help="all but `simulated` when left out"
    )
    parser.add_argument("--truths", type=int, default=10, help="planted laws (%(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes (%(default)s)")
    options = parser.parse_args()
    figures: list[Figure] = []
    for name in options.part or PARTS:
        if name == "simulated":
            with pool(options.workers) as executor:
                figures += simulated(executor, options.truths)
        else:
            figures += ladder_figures(name, options.workers) if name in LADDERS else PARTS[name]()
    report(figures, options.json, about={"seed": SEED, "model": MODEL, **versions()})


if __name__ == "__main__":
    main()
