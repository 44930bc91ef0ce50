"""Coverage of single evaluations beyond fitted means of them: ``python -m benchmarks.averages``.

Truth and departure are drawn from a prior of error rates; a curve of 160 evaluations is fitted up to the 80th as the
dataset ``curves`` has it upstream (made to fall by isotonic regression, then averaged in bins of one ratio) and
forecast at the other 80. Fitted are the evaluations themselves; the means at the lower edges of their bins, as if each
were one evaluation; the means where they stand with their counts; and these with the number that they are in effect
the means of.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import isotonic_regression

from bayes_scaling.compare import score
from bayes_scaling.data.averages import evaluations, fallen, pooled
from bayes_scaling.fit import Sampler, SamplerSettings, assemble
from bayes_scaling.fit.evaluate import Draws, predict
from bayes_scaling.fit.sample import versions
from bayes_scaling.model import encode, make_spec, simulate
from bayes_scaling.model.labels import run_labels
from benchmarks.figures import Figure, arguments, figure, report

SEED = 20261125
LEVEL = 0.9
SETTINGS = SamplerSettings(draws=500, tune=500, chains=1)
FITTED, BINS = 80, 99
SPACING = 1e19
READINGS = ("evaluations", "edges", "counts", "effective")
SPEC = make_spec(
    "power_law", noise={"discrepancy": "wiener", "observation": "normal"}, reference={"compute": 1e20},
    priors={
        "E": {"dist": "lognormal", "median": 0.1, "upper95": 0.3},
        "A_ref": {"dist": "lognormal", "median": 0.4, "upper95": 0.8},
        "alpha": {"dist": "lognormal", "median": 0.3, "upper95": 0.6},
        "sigma": {"dist": "lognormal", "median": 0.01, "upper95": 0.03},
        "discrepancy_sd": {"dist": "lognormal", "median": 0.01, "upper95": 0.03},
    },
)  # fmt: skip


def curves(simulations: int) -> pd.DataFrame:
    """Return curves drawn from the prior: simulation, compute, loss, fitted, truth (noise of an evaluation)."""
    compute = SPACING * np.arange(1.0, 2 * FITTED + 1)
    blank = pd.DataFrame({"run": "r", "compute": compute, "loss": 0.5})
    spec, rows = encode(SPEC, blank)
    rng = np.random.default_rng(SEED)
    truth = simulate.prior_values(spec, {}, simulations, rng)
    draws = Draws(spec, truth, rows.coords, rows.paths)
    runs = run_labels(rows.frame).to_numpy(dtype=object)
    losses = predict(draws, rows, kind="response", runs=runs, rng=rng)
    parts = [
        blank.assign(simulation=i, loss=losses[i], truth=truth["sigma"][i], fitted=compute <= compute[FITTED - 1])
        for i in range(simulations)
    ]
    return pd.concat(parts, ignore_index=True)


def smoothed(curve: pd.DataFrame) -> pd.DataFrame:
    """Return the fitted evaluations of a curve made to fall and averaged in bins, positions at the lower edges."""
    falling = isotonic_regression(curve["loss"].to_numpy(), increasing=False).x
    edges = np.geomspace(curve["compute"].min(), curve["compute"].max(), BINS + 1)
    bin_of = np.minimum(np.searchsorted(edges * (1 - 1e-9), curve["compute"], side="right") - 1, BINS - 1)
    held = np.unique(bin_of)
    loss = pd.Series(falling).groupby(bin_of).mean().to_numpy()
    return pd.DataFrame({"run": "r", "compute": edges[held], "loss": loss})


def read(name: str, curve: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of one way to read the fitted part of a curve."""
    if name == "evaluations":
        return curve[["run", "compute", "loss"]]
    means = smoothed(curve)
    if name == "edges":
        return means
    count, position = evaluations(means["compute"].to_numpy(), SPACING)
    first, position, count = pooled(position, means["loss"].to_numpy(), count)
    loss = means["loss"].to_numpy()[first]
    if name == "effective":
        count = fallen(position, loss, count, SPACING)
    return pd.DataFrame({"run": "r", "compute": position, "loss": loss, "averaged": count})


def scores_of(name: str, every: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of one way to read the curves, a row per forecast evaluation."""
    sampler, parts = None, []
    for i, curve in every.groupby("simulation"):
        spec, rows = encode(SPEC, read(name, curve[curve["fitted"]]))
        sampler = sampler or Sampler(spec, rows)
        seed = SEED + int(str(i))
        tree = sampler.sample(SETTINGS, seed=seed, rows=rows)
        fit = assemble(spec, rows, tree, settings=SETTINGS, seed=seed)
        later = curve[~curve["fitted"]].drop(columns=["fitted", "simulation", "truth"])
        noise = float(np.exp(np.log(fit.values()["sigma"]).mean())) / curve["truth"].iloc[0]
        parts.append(score(fit, later, level=LEVEL).assign(simulation=i, noise=noise))
    return pd.concat(parts, ignore_index=True)


def main() -> None:
    """Print coverage, width and log density of each reading."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--simulations", type=int, default=200, help="(%(default)s)")
    options = parser.parse_args()
    every, figures = curves(options.simulations), list[Figure]()
    for name in READINGS:
        found = scores_of(name, every)
        by = found.groupby("simulation")[["covered", "width", "lpd", "noise"]].mean()
        error = 1.645 * by["covered"].std() / np.sqrt(len(by))
        told = f"+- {error:.3f}, {len(by)} curves"
        figures += [
            figure(f"averages/{name}/coverage90", float(by["covered"].mean()), better="higher", unit=told),
            figure(f"averages/{name}/width90", float(by["width"].mean())),
            figure(f"averages/{name}/noise", float(by["noise"].median()), unit="of the true one, median"),
            figure(f"averages/{name}/lpd", float(by["lpd"].mean()), better="higher"),
        ]
    report(figures, options.json, about={"seed": SEED, "settings": vars(SETTINGS), **versions()})


if __name__ == "__main__":
    main()
