"""Simulation-based calibration of the laws, 400 simulations each: ``python -m benchmarks.calibration``.

With ``--families`` every law of the catalogue is a hierarchical model of three families with its default pooling, on
rows of ``law.example``. A law in which one chain does not find its way is named by its figures, not left out.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from bayes_scaling import laws
from bayes_scaling.fit import SamplerSettings
from bayes_scaling.fit.sample import versions
from bayes_scaling.model import ModelSpec, encode, make_spec
from benchmarks.figures import Figure, arguments, figure, report

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from sbc import LEVEL, MODELS, simulate_and_rank, table, uniformity

SEED = 20261122
SETTINGS = SamplerSettings(draws=500, tune=500, chains=1)
WITHOUT_FAMILIES = ("capability", "skill_link")  # their groups are benchmarks and models: see MODELS


def in_families(law: str) -> tuple[ModelSpec, pd.DataFrame]:
    """Return a law in three families with its default pooling, and 16 rows of each; outcomes are placeholders."""
    spec = make_spec(law, groups=["family"], noise={"run_effect": False})
    counted = spec.outcome == "accuracy" and spec.noise.observation != "beta"  # a law of scores that are no counts
    outcome = {"n_items": 500} if counted else {}
    rows = {**laws.get(law).example(48), "family": np.tile(["ant", "bee", "cat"], 16), spec.outcome: 0.5, **outcome}
    return spec, pd.DataFrame(rows)


def figures_of(law: str, simulations: int, *, families: bool = False) -> list[Figure]:
    """Return coverage and the smallest p-value of rank uniformity of one law."""
    spec, rows = encode(*(in_families(law) if families else (MODELS[law], table(law))))
    ranks = simulate_and_rank(spec, rows, simulations, SETTINGS, seed=SEED)
    by_variable = ranks.groupby("variable")["covered"].mean()
    tests = uniformity(ranks)
    error = np.sqrt(LEVEL * (1 - LEVEL) / simulations)
    low, high = LEVEL - 3 * error, LEVEL + 3 * error
    name = f"sbc_families/{law}" if families else f"sbc/{law}"
    return [
        figure(f"{name}/coverage90", float(ranks["covered"].mean()), target=f"{low:.3f}-{high:.3f}",
               unit=f"{simulations} simulations"),
        figure(f"{name}/coverage90_lowest", float(by_variable.min()), unit=str(by_variable.idxmin())),
        figure(f"{name}/coverage90_highest", float(by_variable.max()), unit=str(by_variable.idxmax())),
        figure(f"{name}/smallest_p", float(tests[["p_shift", "p_spread"]].min().min()), better="higher",
               target=f">= {0.001 / (2 * len(tests)):.1e}", unit=f"{2 * len(tests)} tests"),
    ]  # fmt: skip


def main() -> None:
    """Print the figures of every law."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--simulations", type=int, default=400, help="per law (%(default)s)")
    parser.add_argument("--families", action="store_true", help="three families, the default pooling, every law")
    parser.add_argument("--only", nargs="+", metavar="LAW", help="laws; default all")
    options = parser.parse_args()
    known = [n for n in laws.available() if n not in WITHOUT_FAMILIES] if options.families else list(MODELS)
    figures = []
    for law in options.only or known:
        if law not in known:
            parser.error(f"unknown law {law!r}; expected one of {', '.join(known)}")
        start = time.monotonic()
        figures += figures_of(law, options.simulations, families=options.families)
        told = ", ".join(f"{f['figure'].split('/')[-1]} {f['value']:.3g}" for f in figures[-4:])
        print(f"{law}: {told} ({time.monotonic() - start:.0f} s)", flush=True)
    report(figures, options.json, about={"seed": SEED, "settings": vars(SETTINGS), **versions()})


if __name__ == "__main__":
    main()
