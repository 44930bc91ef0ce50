"""Checkpoints of 100 runs that depart from their law: simulated tables, fitted whole and gathered."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from bayes_scaling.data import thin
from bayes_scaling.fit import Fit, SamplerSettings, sample
from bayes_scaling.fit.importance import effective, pareto
from bayes_scaling.fit.particles import Target
from bayes_scaling.laws.backend import link, numpy_backend
from bayes_scaling.model import Rows, encode, make_spec
from bayes_scaling.model.effects import at_rows
from bayes_scaling.model.spec import ModelSpec

SEED = 20261126
RUNS = 100
TRUTH = {"E": 1.8, "A_ref": 0.3, "alpha": 0.25, "sigma": 0.01, "discrepancy_sd": 0.01, "discrepancy_length": 0.5}
BETWEEN = {"E": 0.05, "A_ref": 0.1}  # standard deviations of runs, of logarithms
REFERENCE = 1e21
SPAN = (1e18, 1e21)
SETTINGS = SamplerSettings(draws=500, tune=500)
LONG = SamplerSettings(draws=2500, tune=1000)  # what the largest table needs to be usable


def spec_of() -> ModelSpec:
    """Return one law for all runs: floors and amplitudes of their own, and a departure each that is integrated out."""
    return make_spec(
        "power_law", groups=["run"], reference={"compute": REFERENCE},
        pooling={"E": {"run": "partial"}, "A_ref": {"run": "partial"}},
        noise={"discrepancy": {"kind": "ou", "over": "compute"}},
    )  # fmt: skip


def checkpoints(count: int) -> pd.DataFrame:
    """Return losses at so many checkpoints, evenly along log compute; every run departs from the law (OU) by itself."""
    rng, each = np.random.default_rng(SEED), count // RUNS
    floor, amplitude = (TRUTH[k] * np.exp(sd * rng.standard_normal((RUNS, 1))) for k, sd in BETWEEN.items())
    compute = np.geomspace(*SPAN, each) * 10 ** rng.uniform(-0.2, 0.2, (RUNS, 1))
    law = floor + amplitude * (compute / REFERENCE) ** -TRUTH["alpha"]
    decay = np.exp(-np.log10(SPAN[1] / SPAN[0]) / (each - 1) / TRUTH["discrepancy_length"])
    fresh = rng.standard_normal((RUNS, each)) * np.sqrt(1 - decay**2)
    fresh[:, 0] /= np.sqrt(1 - decay**2)  # a path starts where it stays
    away = TRUTH["discrepancy_sd"] * lfilter([1.0], [1.0, -decay], fresh, axis=1)
    loss = law * np.exp(away + TRUTH["sigma"] * rng.standard_normal((RUNS, each)))
    run = np.repeat([f"run {i}" for i in range(RUNS)], each)
    return pd.DataFrame({"run": run, "compute": compute.ravel(), "loss": loss.ravel()})


def fit_of(count: int, settings: SamplerSettings = SETTINGS) -> tuple[Fit, dict[str, float]]:
    """Return the fit of so many checkpoints, gathered, and what it cost from table to draws, compilation included.

    ``cpu`` are seconds of all threads: on a machine that others use, those that this process had.
    """
    frame = checkpoints(count)
    begun, worked = time.perf_counter(), time.process_time()
    thinned = thin(frame)
    gathered = time.perf_counter() - begun
    fit = sample(spec_of(), thinned, settings=settings, random_seed=SEED, progressbar=False)
    seconds = time.perf_counter() - begun
    cost = {
        "seconds": seconds,
        "cpu": time.process_time() - worked,
        "thin": gathered,
        "rows": len(thinned),
        **fit.meta["seconds"],
    }
    diagnosis = fit.diagnose()
    cost |= {"gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, "usable": float(diagnosis.ok)}
    return fit, cost | {c.name: c.found for c in diagnosis.checks}


def measured(count: int, *words: str) -> dict[str, float]:
    """Return what a fit costs in a process of its own, whose memory is its own; with ``long`` it has LONG draws."""
    command = [sys.executable, "-m", "benchmarks.checkpoints", str(count), *words]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
    found: dict[str, float] = json.loads(told)
    return found


def agreement(fit: Fit, whole: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Return how the posterior of a whole table differs from a fit of the gathered one, by parameter.

    Draws of the fit are weighted by the likelihood of the whole table over that of the gathered one (priors are the
    same): difference of means in posterior standard deviations, and ratio of standard deviations, of logarithms. Under
    ``weights`` stand the effective share of the draws and Pareto k.
    """
    spec, rows = encode(spec_of(), whole)
    values = fit.values()
    weight, k = pareto(_likelihood(spec, rows, values) - _likelihood(fit.spec, fit.rows, values))
    share = np.exp(weight - weight.max())
    share /= share.sum()
    found = {"weights": (effective(weight) / len(weight), k)}
    for name in TRUTH:
        log = np.log(values[name])
        mean = share @ log
        sd = np.sqrt(share @ (log - mean) ** 2)
        found[name] = float((log.mean() - mean) / sd), float(log.std() / sd)
    return found


def _likelihood(spec: ModelSpec, rows: Rows, values: dict[str, np.ndarray]) -> np.ndarray:
    """Return the log likelihood of draws, run by run, shape (draw,)."""
    xp, total = numpy_backend(), np.zeros(len(values["sigma"]))
    for level in range(len(rows.coords["run"])):
        index = {"run": np.array([level])}
        theta = [link(xp, p.support, at_rows(xp, spec, p, values, index)[:, 0]) for p in spec.parameters()]
        target = Target(spec, rows, np.flatnonzero(rows.index["run"] == level))
        total += target.log_likelihood(np.stack(theta, axis=1))
    return total


if __name__ == "__main__":
    print(json.dumps(fit_of(int(sys.argv[1]), LONG if "long" in sys.argv else SETTINGS)[1]))
