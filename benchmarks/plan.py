"""Plans: how long they take, whether intervals of N* cover, and what the public ladders say of published exponents.

``python -m benchmarks.plan [--part NAME ...] [--json FILE]``. The simulations draw truth from the prior of the law
``chinchilla``, fit a ladder of 30 runs, and ask for the best size at ten times the largest run's compute. Beside
coverage they give the true regret of our choice and of a point fit's (``peers/bootstrap.py``: Huber loss and L-BFGS, as
Hoffmann et al. fit approach 3), relative to each other. The conditions of ``discrepancies`` (Porian et al. 2024,
arXiv:2406.19146) are fitted one by one: they share runs, and are no independent evidence. Parts that begin with
``replay_`` are those of ``benchmarks/replay.py``.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.data.derive import FLOP_PER_PARAM_TOKEN
from bayes_scaling.fit import Fit, Job, SamplerSettings, many_fits
from bayes_scaling.fit.crew import cpus
from bayes_scaling.fit.sample import versions
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.model import encode, make_spec, simulate
from bayes_scaling.model.rows import observed
from bayes_scaling.plan.rules import published
from benchmarks import replay
from benchmarks.figures import Figure, arguments, figure, report
from benchmarks.held_out import held_out
from benchmarks.peers import bootstrap

SEED = 20261126
BUDGETS, DRAWS, TURNS = 20, 4000, 3
SIMULATIONS, RUNS, BEYOND, LEVEL = 400, 30, 10.0, 0.9
STARTS = 24  # of the point fit, a random part of its grid
CHINCHILLA = 5.76e23  # FLOP of Gopher and of Chinchilla
APPROACHES = {1: 0.50, 2: 0.49, 3: 0.46}  # Hoffmann et al. (2022), Table 2
CAREFUL = {"draws": 3000, "tune": 3000, "target_accept": 0.99}  # conditions have ridges
HIGHEST_LOSS = 7.0  # as in benchmarks.speed: a few million tokens
CONDITIONS = {
    "kaplan": ("summary_df", 0), "tuned": ("summary_df", 4), "cosine": ("summary_df", 3),
    "kaplan_owt2": ("summary_df_owt2", 0), "tuned_owt2": ("summary_df_owt2", 4), "cosine_owt2": ("summary_df_owt2", 3),
}  # fmt: skip


@cache
def chinchilla() -> Fit:
    """Return the fit of the card."""
    return bs.load_card("chinchilla").fit(progressbar=False)


def interval(draws: np.ndarray) -> tuple[float, float, float]:
    """Return lower end, median and upper end of the equal-tailed interval."""
    low, middle, high = np.quantile(draws, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2])
    return float(low), float(middle), float(high)


def seconds() -> Iterator[Figure]:
    """Yield the seconds of an allocation with its table, its choice and the regret of four rules."""
    fit = chinchilla()
    budgets = np.geomspace(1e18, 1e26, BUDGETS)
    taken = []
    for _ in range(TURNS):
        begun = time.perf_counter()
        made = bs.allocation(fit, budgets)
        made.table, made.choice, bs.regret(made).table
        taken.append(time.perf_counter() - begun)
    assert made.params.shape == (DRAWS, BUDGETS)
    yield figure("plan/seconds_20_budgets", float(np.median(taken)), target="< 1", unit="s; regret of 4 rules included")


def chinchilla_exponent() -> Iterator[Figure]:
    """Yield exponent and ratio on Chinchilla's runs beside the approaches of Hoffmann et al. (2022)."""
    made = bs.allocation(chinchilla(), CHINCHILLA)
    low, a, high = interval(made.exponent[:, 0])
    inside = {k: low <= v <= high for k, v in APPROACHES.items()}
    p = {k: float((made.exponent[:, 0] > v).mean()) for k, v in APPROACHES.items()}
    told = ", ".join(f"approach {k} ({v:g}) {'in' if inside[k] else 'out'}side" for k, v in APPROACHES.items())
    yield figure("plan/chinchilla_exponent", a, better="higher", target="interval holds .50 and .49",
                 unit=f"90 % eti {low:.3f} to {high:.3f}; {told}")  # fmt: skip
    for k, value in p.items():
        yield figure(f"plan/chinchilla_p_above_{k}", value, better="higher", unit=f"P(a > {APPROACHES[k]:g})")
    low, ratio, high = interval(made.tokens_per_param[:, 0])
    yield figure("plan/chinchilla_ratio", ratio, better="higher", target="interval holds 20",
                 unit=f"tokens per parameter at {CHINCHILLA:g} FLOP; 90 % eti {low:.1f} to {high:.1f}")  # fmt: skip
    other = float(published()["hoffmann2022"].params(np.array([CHINCHILLA]))[0])
    yield figure("plan/chinchilla_p_larger", float((made.params[:, 0] > other).mean()), better="higher",
                 unit=f"P(N* above the {other:.3g} of approach 3's constants)")  # fmt: skip


def ladder() -> pd.DataFrame:
    """Return the design of the simulations: 30 runs over two decades of size, 4 to 150 tokens per parameter."""
    rng = np.random.default_rng(SEED)
    params = 10 ** rng.uniform(8, 10, RUNS)
    return pd.DataFrame({"params": params, "tokens": params * 10 ** rng.uniform(0.6, 2.2, RUNS), "loss": 2.5})


def covered(fit: Fit, job: Job) -> dict[str, object]:
    """Return which intervals hold the truth, and the true regret of our choice and of a point fit's."""
    truth, compute = dict(job.about["truth"]), float(job.about["compute"])
    product = compute / FLOP_PER_PARAM_TOKEN
    law, xp = fit.spec.law, numpy_backend()
    best = law.allocation(xp, product=np.float64(product), **truth)
    made = bs.allocation(fit, compute)
    found: dict[str, object] = {"engine": fit.meta["engine"]["name"], "ok": bool(fit.diagnose().ok)}
    pairs = {"n": (made.params, best["params"]), "a": (made.exponent, best["exponent"]),
             "loss": (made.loss, true_loss(law, best["params"], product, truth))}  # fmt: skip
    for name, (draws, true) in pairs.items():
        low, _, high = interval(draws[:, 0])
        found |= {f"{name}_covered": bool(low <= true <= high), f"{name}_width": float(np.log(high / low))}
    point = point_choice(job.rows.frame, job.seed, product)
    for name, params in (("bayes", float(made.bayes_params[0])), ("point", point)):
        found[name] = float(true_loss(law, params, product, truth) - true_loss(law, best["params"], product, truth))
    return found


def true_loss(law: bs.Law, params: float, product: float, truth: Mapping[str, float]) -> float:
    """Return the loss of a split under the true law."""
    return float(law.mean(numpy_backend(), params=np.float64(params), tokens=np.float64(product / params), **truth))


def point_choice(frame: pd.DataFrame, seed: int, product: float) -> float:
    """Return the size that a point fit chooses, kept inside 1e6 to 1e15 parameters where its exponents run away.

    Parameters
    ----------
    frame : DataFrame
        Runs with params, tokens and loss.
    product : float
        Parameters times tokens of the budget.
    """
    table = bootstrap.Table.of(*(frame[c].to_numpy() for c in ("params", "tokens", "loss")))
    starts = np.array(list(itertools.product(*bootstrap.GRID.values())))
    chosen = np.random.default_rng(seed).permutation(starts)[:STARTS]
    a, b, _, alpha, beta = min((bootstrap.from_start(s, table) for s in chosen), key=lambda f: f.fun).x
    if alpha <= 0 or beta <= 0:
        return float(np.sqrt(product / 20))  # no optimum inside: the usual ratio instead
    log_n = (np.log(alpha / beta) + a - b + beta * np.log(product)) / (alpha + beta)
    return float(np.exp(np.clip(log_n, np.log(1e6), np.log(1e15))))


def simulated_jobs(simulations: int) -> list[Job]:
    """Return ladders with truth from the prior."""
    spec, rows = encode(make_spec("chinchilla", noise={"observation": "student_t"}), ladder())
    rng = np.random.default_rng(SEED)
    truth = simulate.prior_values(spec, {}, simulations, rng)
    mean, at_row = simulate.law_values(spec, rows.inputs, truth, rows.index)
    data = observed(spec, rows)
    loss = simulate.response(spec, rng, simulate.center(spec, mean, None, data["chance"]), at_row, data)
    compute = BEYOND * float((FLOP_PER_PARAM_TOKEN * rows.frame["params"] * rows.frame["tokens"]).max())
    jobs = []
    for i in range(simulations):
        own = {p.name: float(truth[p.name][i]) for p in spec.law.parameters}
        about = {"truth": own, "compute": compute}
        made = replace(rows, frame=rows.frame.assign(loss=loss[i]))
        kept = {"exclude_flags": [], "asked_groups": []}
        jobs.append(Job(f"simulation {i}", spec, made, SamplerSettings(), SEED + i, None, about, kept))
    return jobs


def coverage() -> Iterator[Figure]:
    """Yield coverage of N*, a and the loss there, and the regret of our choice relative to that of a point fit."""
    made = list(many_fits(simulated_jobs(SIMULATIONS), covered, progressbar=False))
    frame = pd.DataFrame([r.value for r in made if not r.missing])
    told = f"{len(frame)} of {len(made)} simulations, {int((frame['engine'] == 'importance').sum())} by importance"
    told += f" sampling, {int(frame['ok'].sum())} usable"
    for name, key in (("nstar", "n"), ("exponent", "a"), ("loss", "loss")):
        share = float(frame[f"{key}_covered"].mean())
        error = np.sqrt(share * (1 - share) / len(frame))
        width = float(frame[f"{key}_width"].median())
        target = "0.87 to 0.93" if key != "loss" else ""
        yield figure(f"plan/{name}_coverage90", share, better="higher", target=target,
                     unit=f"standard error {error:.3f}; median log width {width:.3g}; {told}")  # fmt: skip
    ratio = float(frame["bayes"].mean() / frame["point"].mean())
    rng = np.random.default_rng(SEED)
    rows = rng.integers(len(frame), size=(2000, len(frame)))
    means = {k: frame[k].to_numpy()[rows].mean(axis=1) for k in ("bayes", "point")}
    low, _, high = interval(means["bayes"] / means["point"])
    medians = f"medians {frame['bayes'].median():.2g}, {frame['point'].median():.2g}"
    yield figure("plan/regret_of_point_fit", ratio, target="<= 1",
                 unit=f"true regret, times the point fit's {frame['point'].mean():.3g} nats; bootstrap 90 % "
                 f"{low:.2f} to {high:.2f}; {medians}")  # fmt: skip


def condition(name: str) -> pd.DataFrame:
    """Return the points of a training condition of ``discrepancies``."""
    path = Path(os.environ["BAYES_SCALING_DATA"]) / "discrepancies" / "isoflop_points.csv"
    frame = pd.read_csv(path)
    file, number = CONDITIONS[name]
    chosen = (frame["summary_file"] == file) & (frame["condition"] == number) & (frame["loss"] < HIGHEST_LOSS)
    return frame.loc[chosen, ["params", "tokens", "loss"]].reset_index(drop=True)


def discrepancies() -> Iterator[Figure]:
    """Yield the exponent under Kaplan's settings and after correction, on both corpora."""
    found = {}
    for name in CONDITIONS:
        frame = condition(name)
        fit = bs.ScalingModel("chinchilla").fit(frame, random_seed=SEED, progressbar=False, **CAREFUL)
        draws = bs.allocation(fit, float((FLOP_PER_PARAM_TOKEN * frame["params"] * frame["tokens"]).max())).exponent
        found[name] = draws[:, 0]
        low, a, high = interval(found[name])
        engine = fit.meta["engine"]["name"]
        yield figure(f"plan/discrepancies_{name}", a, better="higher",
                     unit=f"exponent a; 90 % eti {low:.3f} to {high:.3f}; {len(frame)} rows; usable: "
                     f"{fit.diagnose().ok} ({engine})")  # fmt: skip
    for end in ("", "_owt2"):
        kaplan, tuned = found[f"kaplan{end}"], found[f"tuned{end}"]
        yield figure(f"plan/discrepancies_p_falls{end}", float((kaplan > tuned).mean()), better="higher",
                     target="> 0.95", unit="P(a under Kaplan's settings above that after correction)")  # fmt: skip


PARTS: dict[str, Callable[[], Iterator[Figure]]] = {
    "seconds": seconds, "chinchilla": chinchilla_exponent, "coverage": coverage, "discrepancies": discrepancies,
    "held_out": lambda: held_out(point_choice),
    **{f"replay_{name}": part for name, part in replay.PARTS.items()},
}  # fmt: skip


def main() -> None:
    """Print the figures beside their targets."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--part", choices=list(PARTS), action="append", help="one part only; all when left out")
    options = parser.parse_args()
    figures = [f for name in options.part or PARTS for f in PARTS[name]()]
    report(figures, options.json, about={"cpus": cpus(), "seed": SEED, **versions()})


if __name__ == "__main__":
    main()
