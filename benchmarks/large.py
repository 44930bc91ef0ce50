"""A leaderboard of thousands of models, simulated from the model fitted to leaderboard v2: time, memory, convergence.

``python -m benchmarks.large`` fits 4,000 models of 300 families on 6 benchmarks; other sizes by options. ``--growth``
times one gradient of the log posterior at several sizes instead: how cost grows with models, benchmarks and families.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Mapping

import arviz as az
import numpy as np
import pandas as pd

from bayes_scaling.fit import Fit, Sampler, SamplerSettings, sample
from bayes_scaling.fit.evaluate import fitted_draws
from bayes_scaling.fit.sample import versions
from bayes_scaling.model import Rows, encode, simulate
from bayes_scaling.model.effects import unit_effects
from bayes_scaling.model.spec import ModelSpec, effect_name, sd_name
from benchmarks.figures import Figure, arguments, figure, report
from benchmarks.gradients import gradient_seconds
from benchmarks.leaderboards import spec_of
from benchmarks.peers.leaderboards import setting

SEED = 20261126
GROUPS = ("family", "task", "run")
SMALL = SamplerSettings(draws=300, tune=500, chains=2, target_accept=0.9)
SIZES = (
    (1000, 6, 300),
    (2000, 6, 300),
    (4000, 6, 300),
    (4000, 12, 300),
    (4000, 24, 300),
    (4000, 6, 600),
    (4000, 6, 1200),
)
SETTINGS = SamplerSettings(draws=300, tune=400, chains=2, target_accept=0.9)


def fitted() -> Fit:
    """Return the model fitted to leaderboard v2, base and tuned models alike."""
    frame = setting("v2").long().assign(run=lambda f: f["model"])
    return sample(spec_of(groups=GROUPS), frame, settings=SMALL, random_seed=SEED, progressbar=False)


def table(fit: Fit, models: int, benchmarks: int, families: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return scores of new models of new families, drawn from one posterior draw; benchmarks are used in turn."""
    kind = fit.frame.drop_duplicates("model")
    own = kind.iloc[rng.integers(0, len(kind), models)].reset_index(drop=True)
    near = 10 ** rng.normal(0, 0.2, (2, models))
    about = pd.DataFrame(
        {
            "family": [f"family {i}" for i in rng.integers(0, families, models)],
            "model": [f"model {i}" for i in range(models)],
            "params": own["params"] * near[0],
            "tokens": own["tokens"] * near[1],
        }
    )
    chance, tasks = fit.frame.groupby("task")["chance"].first(), list(fit.coords["task"])
    parts = []
    for i in range(benchmarks):
        task = tasks[i % len(tasks)]
        parts.append(about.assign(task=f"{task} {i}", chance=float(chance[task]), accuracy=0.5, run=about["model"]))
    frame = pd.concat(parts, ignore_index=True)
    spec, rows = encode(fit.spec, frame)
    values = _values(fit, spec, rows, rng)
    center, at_row = simulate.law_values(spec, rows.inputs, values, rows.index)
    drawn = simulate.response(spec, rng, center, at_row, {"chance": rows.inputs["chance"], "inverse_items": 0.0})
    return frame.assign(accuracy=drawn[0])


def _values(fit: Fit, spec: ModelSpec, rows: Rows, rng: np.random.Generator) -> Mapping[str, np.ndarray]:
    """Return one draw in which benchmarks are the fitted ones and families and models are new."""
    drawn = fitted_draws(fit, limit=1)
    place = [fit.coords["task"].index(task.rsplit(" ", 1)[0]) for task in rows.coords["task"]]
    values = {p.name: drawn.values[p.name] for p in spec.parameters()}
    values = {name: value[:, place] if value.ndim > 1 else value for name, value in values.items()}
    for parameter, group, kind in spec.all_effects():
        if kind == "none":
            continue
        name, scale = effect_name(parameter.name, group), drawn.values[sd_name(parameter.name, group)]
        fresh = scale[:, None] * unit_effects(kind, rng, (1, len(rows.coords[group])))
        values[name] = drawn.values[name][:, place] if group == "task" else fresh
    return values


def one_fit(models: int, benchmarks: int, families: int, settings: SamplerSettings) -> dict[str, float]:
    """Return what a fit of a simulated leaderboard costs, and how it converged."""
    fit = fitted()
    spec, rows = encode(fit.spec, table(fit, models, benchmarks, families, np.random.default_rng(SEED)))
    started = time.perf_counter()
    sampler = Sampler(spec, rows)
    compiled = time.perf_counter()
    tree = sampler.sample(settings, seed=SEED, progressbar=True)
    seconds = time.perf_counter() - compiled
    posterior, stats = tree["posterior"].to_dataset(), tree["sample_stats"].to_dataset()
    names = [p.name for p in spec.parameters() if p.name not in spec.constants()]
    names += [v for v in posterior if str(v).endswith("_sd") and v not in spec.constants()]
    rhat, ess = az.rhat(posterior[names]), az.ess(posterior[names])
    return {
        "compile_seconds": compiled - started,
        "seconds": seconds,
        "gigabytes": _peak(),
        "rhat": max(float(rhat[v].max()) for v in names),
        "ess_bulk": min(float(ess[v].min()) for v in names),
        "divergences": float(stats["diverging"].sum()),
        "steps": float(stats["n_steps"].mean()),
    }


def growth() -> list[Figure]:
    """Return the seconds of a gradient by size, each but the first beside the base size."""
    fit = fitted()
    seconds = {}
    for size in SIZES:
        seconds[size] = gradient_seconds(*encode(fit.spec, table(fit, *size, np.random.default_rng(SEED))))
    return [
        figure(
            f"large/gradient_ms/{'x'.join(map(str, size))}", 1e3 * s, unit=f"{s / seconds[SIZES[0]]:.2f} x the first"
        )
        for size, s in seconds.items()
    ]


def _peak() -> float:
    """Return the most memory that this process ever held, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    """Print the figures."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--models", type=int, default=4000)
    parser.add_argument("--benchmarks", type=int, default=6)
    parser.add_argument("--families", type=int, default=300)
    parser.add_argument("--draws", type=int, default=SETTINGS.draws)
    parser.add_argument("--tune", type=int, default=SETTINGS.tune)
    parser.add_argument("--growth", action="store_true", help="time one gradient at several sizes, fit nothing large")
    options = parser.parse_args()
    if options.growth:
        report(growth(), options.json, about={"seed": SEED, **versions()})
        return
    settings = SamplerSettings(options.draws, options.tune, SETTINGS.chains, SETTINGS.target_accept)
    size = (options.models, options.benchmarks, options.families)
    found = one_fit(*size, settings)
    label = "large/" + "x".join(map(str, size))
    targets = {"seconds": "<= 1200", "gigabytes": "<= 8", "rhat": "< 1.01", "divergences": "0"}
    figures: list[Figure] = [figure(f"{label}/{k}", v, target=targets.get(k, "")) for k, v in found.items()]
    report(figures, options.json, about={"seed": SEED, "settings": settings, **versions()})


if __name__ == "__main__":
    main()
