"""The script that a user of PyMC would write for one table: no package of ours, the same priors, noise and draws.

``python -m benchmarks.peers.plain TABLE.csv`` fits the columns params, tokens and loss, prints the law at five scales
with intervals, and, last, a line of JSON: seconds of importing, compiling and sampling, smallest bulk effective sample
size. It is run as a process of its own, so that its imports count.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

STARTED = time.perf_counter()

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import pymc as pm  # noqa: E402

Z95 = 1.6448536269514722


def lognormal(name: str, median: float, upper95: float) -> Any:
    """Return a log-normal variable with a median and a value that 5 % exceed."""
    return pm.LogNormal(name, np.log(median), np.log(upper95 / median) / Z95)


def chinchilla(table: pd.DataFrame) -> pm.Model:
    """Return the model of Hoffmann et al. (2022), equation 2, with Student-t noise of log loss."""
    size, data = table["params"].to_numpy() / 1e9, table["tokens"].to_numpy() / 2e10
    with pm.Model() as model:
        E, A, B = lognormal("E", 1.7, 2.6), lognormal("A", 0.4, 1.2), lognormal("B", 0.4, 1.2)
        alpha, beta = lognormal("alpha", 0.35, 0.7), lognormal("beta", 0.35, 0.7)
        sigma, nu = lognormal("sigma", 0.01, 0.1), pm.Gamma("nu", 2, 0.1)
        loss = E + A * size**-alpha + B * data**-beta
        pm.StudentT("y", nu=nu, mu=pm.math.log(loss), sigma=sigma, observed=np.log(table["loss"].to_numpy()))
    return model


def conditions(table: pd.DataFrame) -> pm.Model:
    """Return the same law with floor and amplitudes that differ by condition (column run), effects not centred."""
    code = pd.factorize(table["run"])[0]
    levels = int(code.max()) + 1

    def differing(name: str, median: float, upper95: float, sd95: float) -> Any:
        base, sd = lognormal(name, median, upper95), pm.HalfNormal(f"{name}_sd", sd95 / 1.959963984540054)
        return base * pm.math.exp(sd * pm.Normal(f"{name}_z", 0, 1, shape=levels))

    size, data = table["params"].to_numpy() / 1e9, table["tokens"].to_numpy() / 2e10
    with pm.Model() as model:
        E, A = differing("E", 1.7, 2.6, 0.2), differing("A", 0.4, 1.2, 0.5)
        B = differing("B", 0.4, 1.2, 0.5)
        alpha, beta = lognormal("alpha", 0.35, 0.7), lognormal("beta", 0.35, 0.7)
        sigma, nu = lognormal("sigma", 0.01, 0.1), pm.Gamma("nu", 2, 0.1)
        loss = E[code] + A[code] * size**-alpha + B[code] * data**-beta
        pm.StudentT("y", nu=nu, mu=pm.math.log(loss), sigma=sigma, observed=np.log(table["loss"].to_numpy()))
    return model


def families(table: pd.DataFrame, *, reference: float = 1e23) -> pm.Model:
    """Return accuracies of families on tasks as sigmoids of log compute, effects not centred.

    Columns: compute, chance, n_items, right (answers), and the labels family, task, cell (task and protocol) and run.
    Tasks have level, slope, ceiling and overdispersion of their own; families and cells move the level, runs the odds.
    """
    code, size = {}, {}
    for name in ("family", "task", "cell", "run"):
        code[name], labels = pd.factorize(table[name], sort=True)
        size[name] = len(labels)

    def moved(name: str) -> Any:
        sd = pm.HalfNormal(f"{name}_sd", 1 / 1.959963984540054)
        return pm.Deterministic(f"{name}_effect", sd * pm.Normal(f"{name}_z", 0, 1, shape=size[name]))[code[name]]

    decades, chance = np.log10(table["compute"].to_numpy() / reference), table["chance"].to_numpy()
    tasks = size["task"]
    with pm.Model() as model:
        level = pm.Normal("level", 0, 1.5, shape=tasks)
        slope = pm.LogNormal("slope", 0, np.log(3) / Z95, shape=tasks)
        odds = np.log([0.9 / 0.1, 0.99 / 0.01])
        ceiling = pm.LogitNormal("ceiling", odds[0], (odds[1] - odds[0]) / Z95, shape=tasks)
        spread = pm.LogNormal("overdispersion", np.log(0.05), np.log(0.25 / 0.05) / Z95, shape=tasks)
        at = {name: variable[code["task"]] for name, variable in (("c", ceiling), ("k", slope), ("l", level))}
        share = at["c"] * pm.math.sigmoid(at["l"] + moved("family") + moved("cell") + at["k"] * decades)
        run = moved("run")
        p = pm.math.clip(chance + (1 - chance) * pm.math.sigmoid(pm.math.logit(share) + run), 1e-7, 1 - 1e-7)
        total = spread[code["task"]] ** -2.0
        pm.BetaBinomial(
            "y",
            n=table["n_items"].to_numpy(),
            alpha=p * total,
            beta=(1 - p) * total,
            observed=table["right"].to_numpy(),
        )
    return model


def power_law(table: pd.DataFrame, reference: float) -> pm.Model:
    """Return a power law with a floor of one scale, with Student-t noise of log loss."""
    scale = table["scale"].to_numpy() / reference
    with pm.Model() as model:
        E, A, alpha = lognormal("E", 1.7, 2.6), lognormal("A", 0.4, 1.2), lognormal("alpha", 0.35, 0.7)
        sigma, nu = lognormal("sigma", 0.01, 0.1), pm.Gamma("nu", 2, 0.1)
        pm.StudentT(
            "y", nu=nu, mu=pm.math.log(E + A * scale**-alpha), sigma=sigma, observed=np.log(table["loss"].to_numpy())
        )
    return model


def sampled(model: pm.Model, seed: int = 1) -> tuple[Any, dict[str, float]]:
    """Return the draws of four chains of 1000 with nutpie, and what they cost."""
    import arviz as az
    import nutpie

    begun = time.perf_counter()
    compiled = nutpie.compile_pymc_model(model)
    ready = time.perf_counter()
    tree = nutpie.sample(compiled, draws=1000, tune=1000, chains=4, seed=seed, progress_bar=False)
    ended = time.perf_counter()
    ess = az.ess(tree["posterior"].to_dataset())
    smallest = min(float(ess[v].min()) for v in ess.data_vars)
    return tree, {"compile": ready - begun, "sample": ended - ready, "ess": smallest}


def main() -> None:
    """Fit, print the law at five scales, and the cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table")
    options = parser.parse_args()
    imported = time.perf_counter() - STARTED
    tree, cost = sampled(chinchilla(pd.read_csv(options.table)))
    draws = {str(k): v.to_numpy().ravel() for k, v in tree["posterior"].to_dataset().data_vars.items()}
    for compute in (1e21, 1e22, 1e23, 5.76e23, 1e25):
        size = np.sqrt(compute / 120)
        law = draws["E"] + draws["A"] * (size / 1e9) ** -draws["alpha"]
        law = law + draws["B"] * (20 * size / 2e10) ** -draws["beta"]
        print(f"{compute:.3g}", np.quantile(law, [0.05, 0.25, 0.5, 0.75, 0.95]).round(4))
    print(json.dumps({"import": imported, **cost}))


if __name__ == "__main__":
    main()
