"""Simulation-based calibration of every law, 400 simulations each: ``python -m benchmarks.calibration``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from bayes_scaling.fit import SamplerSettings
from bayes_scaling.fit.sample import versions
from bayes_scaling.model import encode
from benchmarks.figures import Figure, arguments, figure, report

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from sbc import LEVEL, MODELS, simulate_and_rank, table, uniformity

SEED = 20261122
SETTINGS = SamplerSettings(draws=500, tune=500, chains=1)


def figures_of(law: str, simulations: int) -> list[Figure]:
    """Return coverage and the smallest p-value of rank uniformity of one law."""
    spec, rows = encode(MODELS[law], table(law))
    ranks = simulate_and_rank(spec, rows, simulations, SETTINGS, seed=SEED)
    by_variable = ranks.groupby("variable")["covered"].mean()
    tests = uniformity(ranks)
    error = np.sqrt(LEVEL * (1 - LEVEL) / simulations)
    low, high = LEVEL - 3 * error, LEVEL + 3 * error
    return [
        figure(f"sbc/{law}/coverage90", float(ranks["covered"].mean()), target=f"{low:.3f}-{high:.3f}",
               unit=f"{simulations} simulations"),
        figure(f"sbc/{law}/coverage90_lowest", float(by_variable.min()), unit=str(by_variable.idxmin())),
        figure(f"sbc/{law}/coverage90_highest", float(by_variable.max()), unit=str(by_variable.idxmax())),
        figure(f"sbc/{law}/smallest_p", float(tests[["p_shift", "p_spread"]].min().min()), better="higher",
               target=f">= {0.001 / (2 * len(tests)):.1e}", unit=f"{2 * len(tests)} tests"),
    ]  # fmt: skip


def main() -> None:
    """Print the figures of every law."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--simulations", type=int, default=400, help="per law (%(default)s)")
    parser.add_argument("--only", nargs="+", choices=list(MODELS), default=list(MODELS), help="laws; default all")
    options = parser.parse_args()
    figures = [f for law in options.only for f in figures_of(law, options.simulations)]
    report(figures, options.json, about={"seed": SEED, "settings": vars(SETTINGS), **versions()})


if __name__ == "__main__":
    main()
