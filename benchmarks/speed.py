"""How long a forecast, many refits and many curves take, beside the script a user of PyMC would write.

``python -m benchmarks.speed [--part NAME ...] [--json FILE]``. Every figure is a ratio of two times of one run, on one
machine, with the same rows, priors and number of draws. The plain script is ``peers/plain.py``; where it would be run a
hundred times, a few runs are timed and multiplied, and the figure says so.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.fit import Fit, Job, SamplerSettings, many_fits, sample
from bayes_scaling.fit.crew import cpus
from bayes_scaling.fit.sample import versions
from bayes_scaling.model import encode, make_spec
from bayes_scaling.model.rows import observed
from benchmarks.checkpoints import agreement, checkpoints, fit_of, measured, spec_of
from benchmarks.figures import Figure, arguments, figure, report
from benchmarks.gradients import gradient_seconds
from benchmarks.many_fits import jobs_of
from benchmarks.peers import bootstrap, plain

SEED = 20261126
TURNS = 3
REFITS, CURVES, PLAIN_TIMED = 100, 200, 3
POINTS = 10_000
HIGHEST_LOSS = 7.0
CLUSTER_FITS = 64
CHECKPOINTS, COMPARED = (1_000, 10_000, 100_000, 1_000_000), 100_000
BOOTSTRAPS, STARTS_TIMED = 1000, 90
CARD, FAMILIES = "chinchilla", "published_families"
DRAWS = ("chain", "draw")
SAME = {  # quantities of the card of families: ours, and the plain script's
    **{name: name for name in ("level", "slope", "ceiling", "overdispersion", "run_sd", "run_effect")},
    "level_family_sd": "family_sd", "level_family_effect": "family_effect",
    "level_task:protocol_sd": "cell_sd", "level_task:protocol_effect": "cell_effect",
}  # fmt: skip


def table_of(card: bs.Card) -> pd.DataFrame:
    """Return the rows that the card fits."""
    frame = card.data()
    excluded = frame["flags"].str.contains("|".join(card.spec.data.exclude_flags))
    return frame.loc[~excluded, ["params", "tokens", "loss"]]


def as_installed() -> dict[str, str]:
    """Return the environment in which modules keep their byte code, as those of an installed package do."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def command(*words: str) -> float:
    """Return the seconds of a command of ours in a process of its own."""
    begun = time.perf_counter()
    whole = [sys.executable, "-m", "bayes_scaling", *words]
    subprocess.run(whole, check=True, stdout=subprocess.DEVNULL, env=as_installed())
    return time.perf_counter() - begun


def script(path: Path, module: str = "plain") -> tuple[float, dict[str, float]]:
    """Return the seconds of a peer's script in a process of its own, and what it says of itself."""
    begun = time.perf_counter()
    cost = told([sys.executable, "-m", f"benchmarks.peers.{module}", str(path)])
    return time.perf_counter() - begun, cost


def told(words: list[str]) -> dict[str, float]:
    """Return the JSON in the last line that a process prints."""
    printed = subprocess.run(words, check=True, capture_output=True, text=True, env=as_installed()).stdout
    return dict(json.loads(printed.splitlines()[-1]))


def one_forecast(folder: Path) -> Iterator[Figure]:
    """Yield the time to a forecast in a fresh process and from a saved fit, and effective draws per second."""
    rows, fits = folder / "rows.csv", str(folder / "fits")
    card = bs.load_card(CARD)
    table_of(card).to_csv(rows, index=False)
    words = ["forecast", CARD, "--fits", fits, "--quiet"]
    command(*words, "--refit"), script(rows)  # caches are warm from here on
    ours, theirs, costs = [], [], []
    for _ in range(TURNS):
        ours.append(command(*words, "--refit"))
        seconds, cost = script(rows)
        theirs.append(seconds)
        costs.append(cost)
    fresh, peer = statistics.median(ours), statistics.median(theirs)
    yield figure("speed/fresh_forecast", fresh / peer, target="<= 0.35", unit=f"of {peer:.1f} s; ours {fresh:.2f} s")
    saved = statistics.median(command(*words) for _ in range(TURNS))
    yield figure("speed/saved_forecast", saved, target="<= 1.5", unit="s")
    here = [effective_per_second(card, seed) for seed in range(TURNS)]
    there = [cost["ess"] / cost["sample"] for cost in costs]
    yield figure("speed/ess_chinchilla", statistics.median(here) / statistics.median(there), better="higher",
                 target=">= 10", unit=f"times {statistics.median(there):.0f}/s; {engine_of(card)}")  # fmt: skip


def effective_per_second(card: bs.Card, seed: int) -> float:
    """Return the smallest effective sample size of a fit per second of drawing it."""
    fit = card.fit(progressbar=False, random_seed=seed)
    return float(fit.summary()["ess_bulk"].min()) / fit.meta["seconds"]["sample"]


def engine_of(card: bs.Card) -> str:
    """Return how the card's posterior is drawn."""
    return str(card.fit(progressbar=False).meta["engine"]["name"])


def interval(folder: Path) -> Iterator[Figure]:
    """Yield the seconds to intervals of the exponents, in one warm process, beside least squares with bootstraps."""
    card = bs.load_card(CARD)
    frame = table_of(card)
    card.fit(progressbar=False)
    begun = time.perf_counter()
    values = card.fit(progressbar=False, random_seed=SEED).values()
    ours = time.perf_counter() - begun
    table = bootstrap.Table.of(*(frame[c].to_numpy() for c in ("params", "tokens", "loss")))
    theirs, drawn = bootstrap.seconds(table, bootstraps=BOOTSTRAPS, timed_starts=STARTS_TIMED, seed=SEED)
    low, high = np.quantile(values["alpha"], [0.05, 0.95])
    their_low, their_high = np.quantile(drawn[:, 3], [0.05, 0.95])
    yield figure("speed/interval_least_squares", theirs / ours, better="higher", target="> 1",
                 unit=f"times; {ours:.2f} s, least squares {theirs:.0f} s; alpha {low:.3f} to {high:.3f} and "
                 f"{their_low:.3f} to {their_high:.3f}")  # fmt: skip


def jax_nuts(folder: Path) -> Iterator[Figure]:
    """Yield the time to a forecast in a fresh process, of that of NumPyro's NUTS; nothing where it is not installed."""
    if find_spec("numpyro") is None:
        print("numpyro is not installed: no figure beside it", file=sys.stderr)
        return
    rows, words = folder / "rows.csv", ["forecast", CARD, "--fits", str(folder / "fits"), "--quiet", "--refit"]
    table_of(bs.load_card(CARD)).to_csv(rows, index=False)
    ours = statistics.median(command(*words) for _ in range(TURNS))
    theirs, cost = min(script(rows, "numpyro_nuts") for _ in range(TURNS))
    yield figure("speed/forecast_numpyro", theirs / ours, better="higher", target="> 1",
                 unit=f"times; {ours:.1f} of {theirs:.1f} s, no forecast; ess {cost['ess']:.0f}")  # fmt: skip


def hierarchical(folder: Path) -> Iterator[Figure]:
    """Yield effective draws per second of a hierarchical model: 15 conditions of Kaplan's and Chinchilla's settings.

    Losses of 7 and more (a few million tokens) are left out; conditions that count the same runs in two ways are
    kept apart, which is right for a speed and would be wrong for a result.
    """
    path = Path(os.environ["BAYES_SCALING_DATA"]) / "discrepancies" / "isoflop_points.csv"
    frame = pd.read_csv(path)
    frame = frame.assign(run=frame["summary_file"] + "/" + frame["condition"].astype(str))
    frame = frame.loc[frame["loss"] < HIGHEST_LOSS, ["run", "params", "tokens", "loss"]].reset_index(drop=True)
    model = bs.ScalingModel("chinchilla", groups=["run"], noise={"run_effect": False})
    fit = model.fit(frame, random_seed=SEED, progressbar=False)
    ess = float(fit.summary()["ess_bulk"].min()) / fit.meta["seconds"]["sample"]
    _, cost = plain.sampled(plain.conditions(frame), SEED)
    peer = cost["ess"] / cost["sample"]
    yield figure("speed/ess_discrepancies", ess / peer, better="higher", target=">= 5",
                 unit=f"times {peer:.1f}/s; {len(frame)} rows; ours usable: {fit.diagnose().ok}")  # fmt: skip
    whole = cost["compile"] + cost["sample"], sum(fit.meta["seconds"].values())
    yield figure("speed/seconds_discrepancies", whole[1], unit="s, compilation and coordinates included",
                 peer="plain", peer_value=whole[0])  # fmt: skip


def families(folder: Path) -> Iterator[Figure]:
    """Yield effective draws per second of the card of published families: families, protocols and runs are effects.

    The smallest is taken over the same quantities on both sides: parameters, standard deviations and effects. That both
    posteriors are one shows in their means, whose differences are counted in Monte-Carlo errors.
    """
    import arviz as az

    card = bs.load_card(FAMILIES)
    spec, rows = encode(card.spec.model, card.data(), exclude_flags=card.spec.data.exclude_flags)
    data = observed(spec, rows)
    table = pd.DataFrame(
        {**{name: rows.inputs[name] for name in ("compute", "chance")}, "n_items": data["n_items"], "right": data["y"],
         "cell": rows.index["task:protocol"], **{name: rows.index[name] for name in ("family", "task", "run")}}
    )  # fmt: skip
    fit = sample(spec, rows.frame, random_seed=SEED, progressbar=False)
    tree, cost = plain.sampled(plain.families(table), SEED)
    ours = fit.idata["posterior"].to_dataset()[list(SAME)]
    theirs = tree["posterior"].to_dataset()[list(SAME.values())]
    ess, peer = (min(float(v.min()) for v in az.ess(p).data_vars.values()) for p in (ours, theirs))
    apart = max(
        float(np.abs((ours[a].mean(DRAWS).to_numpy() - theirs[b].mean(DRAWS).to_numpy()) / np.hypot(*errors)).max())
        for a, b in SAME.items()
        for errors in [(az.mcse(ours[a]).to_numpy(), az.mcse(theirs[b]).to_numpy())]
    )
    count = sum(int(np.prod(v.shape[2:])) for v in ours.data_vars.values())
    rates = ess / fit.meta["seconds"]["sample"], peer / cost["sample"]
    yield figure("speed/ess_families", rates[0] / rates[1], better="higher", target=">= 5",
                 unit=f"times {rates[1]:.1f}/s; {len(table)} rows; ours usable: {fit.diagnose().ok}; means of {count} "
                 f"quantities at most {apart:.1f} Monte-Carlo errors apart")  # fmt: skip


def median_of(fit: Fit, job: Job) -> dict[str, object]:
    """Return what a bootstrap keeps of a fit."""
    values = {k: float(np.median(v)) for k, v in fit.values().items() if v.ndim == 1}
    return {**values, "engine": fit.meta["engine"]["name"], "ok": fit.diagnose().ok}


def timed(jobs: list[Job]) -> tuple[float, str]:
    """Return the seconds of many fits and how they were drawn; workers' start included."""
    begun = time.perf_counter()
    found = list(many_fits(jobs, median_of, progressbar=False))
    seconds = time.perf_counter() - begun
    made = [r.value for r in found if not r.missing]
    drawn = sum(v["engine"] == "importance" for v in made)
    usable = sum(bool(v["ok"]) for v in made)
    return seconds, f"{drawn} of {len(found)} by importance sampling, {usable} usable"


def plain_seconds(models: list[Callable[[], object]], fits: int) -> float:
    """Return the seconds of a number of plain fits, each compiled, from a few of them."""
    plain.sampled(models[0]())  # what all share is imported and cached
    begun = time.perf_counter()
    for i in range(PLAIN_TIMED):  # spread over the list, whose parts may differ in size
        model = models[(2 * i + 1) * len(models) // (2 * PLAIN_TIMED)]
        plain.sampled(model())
    return (time.perf_counter() - begun) / PLAIN_TIMED * fits


def refits(folder: Path) -> Iterator[Figure]:
    """Yield 100 refits that leave out a random tenth of the rows."""
    card = bs.load_card(CARD)
    jobs = jobs_of(card, REFITS, "auto")
    seconds, told = timed(jobs)
    parts = [job.rows.frame.iloc[job.positions()] for job in jobs]
    peer = plain_seconds([lambda p=p: plain.chinchilla(p) for p in parts], REFITS)
    yield figure("speed/refits_100", peer / seconds, better="higher", target=">= 20",
                 unit=f"times; {seconds:.0f} s, plain {peer:.0f} s ({PLAIN_TIMED} timed); {told}")  # fmt: skip


def curves(folder: Path) -> Iterator[Figure]:
    """Yield 200 small curves with a law each: the public learning curves, whole and cut short at the end."""
    frame = bs.load_dataset("curves")
    reference = 1e8
    spec = make_spec(
        "power_law", inputs={"compute": "seen"}, reference={"compute": reference},
        noise={"observation": "student_t", "run_effect": False},
    )  # fmt: skip
    parts: list[pd.DataFrame] = []
    runs = [part.sort_values("seen") for _, part in frame.groupby("run", sort=True) if len(part) >= 8]
    for share in (1.0, 0.9, 0.8):
        parts += [part.iloc[: max(8, int(share * len(part)))].drop(columns="averaged") for part in runs]
    parts = parts[:CURVES]
    settings = SamplerSettings()
    jobs = [Job.of_table(f"curve {i}", spec, p, settings=settings, seed=SEED + i) for i, p in enumerate(parts)]
    seconds, told = timed(jobs)
    peers = [p.rename(columns={"seen": "scale"}) for p in parts]
    peer = plain_seconds([lambda p=p: plain.power_law(p, reference) for p in peers], len(parts))
    yield figure("speed/curves_200", peer / seconds, better="higher", target=">= 30",
                 unit=f"times; {seconds:.0f} s, plain {peer:.0f} s ({PLAIN_TIMED} timed); {told}")  # fmt: skip


def many_points(folder: Path) -> Iterator[Figure]:
    """Yield the forecast of 10,000 points from 4,000 draws, beside posterior predictive sampling in PyMC.

    PyMC's time is that of building the model at the points, compiling, drawing and taking quantiles, in a process that
    has imported and sampled before; ours that of checking the points, drawing and tabulating, in a process of its own.
    """
    import pymc as pm

    card = bs.load_card(CARD)
    saved, where = card.fit(progressbar=False).save(folder / "fit.nc"), folder / "points.csv"
    rng = np.random.default_rng(SEED)
    points = pd.DataFrame({"params": 10 ** rng.uniform(8, 11, POINTS), "tokens": 10 ** rng.uniform(9.5, 12, POINTS)})
    points.to_csv(where, index=False)
    costs = [told([sys.executable, "-m", "benchmarks.points", str(saved), str(where)]) for _ in range(TURNS)]
    ours, memory = statistics.median(c["seconds"] for c in costs), max(c["gb"] for c in costs)
    tree, _ = plain.sampled(plain.chinchilla(table_of(card)))
    times = []
    for _ in range(TURNS):
        begun = time.perf_counter()
        with plain.chinchilla(points.assign(loss=2.0)):
            made = pm.sample_posterior_predictive(tree, var_names=["y"], progressbar=False, random_seed=1)
        drawn = time.perf_counter()
        made["posterior_predictive"]["y"].quantile([0.05, 0.25, 0.5, 0.75, 0.95], dim=("chain", "draw"))
        times.append((time.perf_counter() - begun, drawn - begun))
    peer, until_drawn = (statistics.median(column) for column in zip(*times, strict=True))
    yield figure("speed/forecast_10k", peer / ours, better="higher", target=">= 20",
                 unit=f"times; {ours:.2f} s, PyMC {peer:.1f} s (without quantiles {until_drawn:.1f} s)")  # fmt: skip
    yield figure("speed/forecast_10k_memory", memory, target="<= 1", unit="GB, peak of the process")


def rows_grow(folder: Path) -> Iterator[Figure]:
    """Yield how whole fits grow with the checkpoints of 100 runs, gathered along compute, and what gathering changes.

    Departures from the law are integrated out. The gradient is of all rows, none of them gathered.
    """
    costs = {n: measured(n) for n in CHECKPOINTS}
    told = ", ".join(
        f"{c['seconds']:.0f} s ({c['cpu']:.0f} of processors, {c['rows']:,.0f} rows) at {n:,}" for n, c in costs.items()
    )
    yield figure("speed/rows_exponent", exponent([c["cpu"] for c in costs.values()]), target="<= 1.05",
                 unit=f"of whole fits, processor seconds: {told}")  # fmt: skip
    most = measured(CHECKPOINTS[-1], "long")
    usable = "usable" if most["usable"] else "not usable"
    yield figure(
        "speed/rows_1e6_seconds",
        most["seconds"],
        target="<= 600",
        unit=f"s; {most['thin']:.0f} of them thin; 4 x (1,000 + 2,500) draws",
    )
    yield figure("speed/rows_1e6_gigabytes", most["gigabytes"], target="<= 8", unit=f"GB; {usable}")
    fit, _ = fit_of(COMPARED)
    differ = agreement(fit, checkpoints(COMPARED))
    share, k = differ.pop("weights")
    beside = ", ".join(f"{name} {away:+.2f} x {ratio:.2f}" for name, (away, ratio) in differ.items())
    yield figure("speed/rows_agreement", max(abs(away) for away, _ in differ.values()), target="<= 0.3",
                 unit=f"posterior sd, {COMPARED:,} rows: {beside}; share {share:.2f}, k {k:.2f}")  # fmt: skip
    seconds = [gradient_seconds(*encode(spec_of(), checkpoints(count))) for count in CHECKPOINTS]
    told = ", ".join(f"{1e3 * s:.3g} ms at {n:,}" for n, s in zip(CHECKPOINTS, seconds, strict=True))
    yield figure("speed/rows_gradient_exponent", exponent(seconds), unit=f"of one gradient, no row gathered: {told}")


def exponent(seconds: list[float]) -> float:
    """Return the power of the number of checkpoints that seconds grow by."""
    return float(np.polyfit(np.log(CHECKPOINTS), np.log(seconds), 1)[0])


def cluster(folder: Path) -> Iterator[Figure]:
    """Yield the throughput of two Dask workers beside that of one, on the same 64 refits."""
    from distributed import Client, LocalCluster

    jobs = jobs_of(bs.load_card(CARD), CLUSTER_FITS, "auto")
    seconds = {}
    for width in (1, 2):
        with (
            LocalCluster(n_workers=width, threads_per_worker=1, dashboard_address=None) as here,
            Client(here) as client,
        ):
            list(many_fits(jobs[: 4 * width], median_of, executor=client, progressbar=False))  # imports, once a worker
            begun = time.perf_counter()
            list(many_fits(jobs, median_of, executor=client, progressbar=False))
            seconds[width] = time.perf_counter() - begun
    yield figure("speed/dask_2_workers", seconds[1] / seconds[2], better="higher", target=">= 1.8",
                 unit=f"times one worker; {seconds[1]:.0f} s and {seconds[2]:.0f} s")  # fmt: skip


def help_seconds(folder: Path) -> Iterator[Figure]:
    """Yield the slowest of the commands that only tell."""
    worst = max(min(command(*words) for _ in range(TURNS)) for words in (["--help"], ["laws"], ["datasets"]))
    yield figure("speed/help_seconds", worst, target="<= 0.4", unit="s")


PARTS = {
    "forecast": one_forecast,
    "interval": interval,
    "numpyro": jax_nuts,
    "hierarchical": hierarchical,
    "families": families,
    "refits": refits,
    "curves": curves,
    "points": many_points,
    "rows": rows_grow,
    "cluster": cluster,
    "help": help_seconds,
}


def main() -> None:
    """Print the figures beside their targets."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--part", choices=list(PARTS), action="append", help="one part only; all when left out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = [f for name in options.part or PARTS for f in PARTS[name](Path(folder))]
    report(figures, options.json, about={"cpus": cpus(), "seed": SEED, **versions()})


if __name__ == "__main__":
    main()
