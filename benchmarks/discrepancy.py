"""Coverage ten times beyond the data, with and without a law discrepancy: ``python -m benchmarks.discrepancy``.

Truth and departures are drawn from the prior 400 times; a curve of 40 rows over two decades of compute is
fitted and forecast at ten times its largest scale.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from bayes_scaling.fit import SamplerSettings
from bayes_scaling.fit.sample import versions
from bayes_scaling.model import make_spec
from benchmarks.figures import Figure, arguments, figure, report

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from extrapolation import LEVEL, MODELS, NONE, scores

SEED = 20261123
SETTINGS = SamplerSettings(draws=500, tune=500, chains=1)


def figures_of(kind: str, simulations: int) -> list[Figure]:
    """Return coverage and width of the model that made the data and of the law alone."""
    error = 3 * np.sqrt(LEVEL * (1 - LEVEL) / simulations)
    found = []
    for name, spec, target in (
        (kind, make_spec(**MODELS[kind]), f"{LEVEL - error:.3f}-{LEVEL + error:.3f}"),
        ("none", make_spec(**NONE), ""),
    ):
        table = scores(kind, spec, simulations, SETTINGS, seed=SEED)
        start, covered = f"discrepancy/truth_{kind}/fitted_{name}", float(table["covered"].mean())
        told = f"{simulations} simulations"
        found += [
            figure(f"{start}/coverage90", covered, better="higher", target=target, unit=told),
            figure(f"{start}/width90", float(table["width"].mean()), unit="nats"),
            figure(f"{start}/lpd", float(table["lpd"].mean()), better="higher"),
        ]
    return found


def main() -> None:
    """Print every figure beside its target."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--simulations", type=int, default=400, help="per kind (%(default)s)")
    options = parser.parse_args()
    figures = [f for kind in MODELS for f in figures_of(kind, options.simulations)]
    report(figures, options.json, about={"seed": SEED, "settings": vars(SETTINGS), **versions()})


if __name__ == "__main__":
    main()
