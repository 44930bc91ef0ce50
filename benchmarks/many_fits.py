"""100 refits of the chinchilla card with NUTS: compiled once by `many_fits`, beside one `sample()` per refit.

``python -m benchmarks.many_fits``. Each refit leaves out a random tenth of the rows. The slow way is timed on a
few refits and extrapolated to 100, which its figure says.
"""

from __future__ import annotations

import time

import numpy as np

import bayes_scaling as bs
from bayes_scaling.fit import Fit, Job, JobResult, SamplerSettings, gaps, many_fits, sample
from bayes_scaling.fit.crew import cpus
from bayes_scaling.fit.sample import versions
from bayes_scaling.model import encode
from benchmarks.figures import Figure, arguments, figure, report

SEED = 20261123
LEFT_OUT = 0.1


def estimates(fit: Fit, job: Job | None = None) -> dict[str, float]:
    """Return median and sd of the exponents."""
    values = fit.values()
    return {
        f"{n}_{k}": float(f(values[n])) for n in ("alpha", "beta") for k, f in (("median", np.median), ("sd", np.std))
    }


def jobs_of(card: bs.Card, refits: int, engine: str = "nuts") -> list[Job]:
    """Return a job per refit, all on the same table."""
    settled, rows = encode(card.spec.model, card.data(), exclude_flags=card.spec.data.exclude_flags)
    rng = np.random.default_rng(SEED)
    given = {k: v for k, v in vars(card.spec.fit).items() if k != "random_seed"} | {"engine": engine}
    settings = SamplerSettings(**given)
    masks = [rng.random(len(rows)) >= LEFT_OUT for _ in range(refits)]
    return [Job(f"refit {i}", settled, rows, settings, SEED + i, chosen=mask) for i, mask in enumerate(masks)]


def one_by_one(jobs: list[Job]) -> tuple[float, list[dict[str, float]]]:
    """Return seconds and estimates of refits by `sample()`, which compiles each time."""
    started, found = time.perf_counter(), []
    for job in jobs:
        frame = job.rows.frame.iloc[job.positions()]
        fit = sample(job.spec, frame, settings=job.settings, random_seed=job.seed, progressbar=False)
        fit.diagnose()  # as many_fits does
        found.append(estimates(fit))
    return time.perf_counter() - started, found


def at_once(jobs: list[Job], workers: int) -> tuple[float, list[JobResult]]:
    """Return seconds, workers' start and compilation included, and the results in the order of the jobs."""
    started = time.perf_counter()
    results = {r.name: r for r in many_fits(jobs, estimates, workers=workers, progressbar=False)}
    return time.perf_counter() - started, [results[j.name] for j in jobs]


def main() -> None:
    """Print the figures."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--refits", type=int, default=100, help="(%(default)s)")
    parser.add_argument("--slow", type=int, default=5, help="refits timed one by one (%(default)s)")
    options = parser.parse_args()
    jobs = jobs_of(bs.load_card("chinchilla"), options.refits)
    slow, theirs = one_by_one(jobs[: options.slow])
    slow *= options.refits / options.slow
    figures: list[Figure] = []
    note = f"{options.slow} timed, extrapolated"
    for workers in dict.fromkeys((0, cpus())):
        seconds, results = at_once(jobs, workers)
        name = f"many_fits/chinchilla_x{options.refits}/{f'{workers}_workers' if workers else 'in_process'}"
        apart = max(
            abs(r.value[f"{n}_median"] - old[f"{n}_median"]) / old[f"{n}_sd"]
            for r, old in zip(results, theirs, strict=False) for n in ("alpha", "beta")
        )  # fmt: skip
        figures += [
            figure(f"{name}/seconds", seconds, unit="s", peer=f"sample() each ({note})", peer_value=slow),
            figure(f"{name}/speedup", slow / seconds, better="higher", unit="times"),
            figure(f"{name}/gaps", len(gaps(results)), target="0"),
            figure(f"{name}/usable", sum(r.diagnostics.get("ok", False) for r in results), better="higher",
                   unit=f"of {len(results)} fits"),
            figure(f"{name}/apart", apart, unit="posterior sd", target="< 0.2"),
        ]  # fmt: skip
    report(
        figures, options.json, about={"seed": SEED, "cpus": cpus(), "settings": vars(jobs[0].settings), **versions()}
    )


if __name__ == "__main__":
    main()
