"""Make the README's picture: ``python -m benchmarks.picture`` fits the chinchilla card and draws its forecast."""

from pathlib import Path

import bayes_scaling as bs
from bayes_scaling import plots


def main() -> None:
    """Write reports/forecast.png."""
    fit = bs.load_card("chinchilla").fit(progressbar=False)
    figure, _ = plots.curve(fit, up_to=1e25, tokens_per_param=20, constants=("besiroglu2024", "hoffmann2022"))
    figure.savefig(Path(__file__).parent.parent / "reports" / "forecast.png", dpi=150)


if __name__ == "__main__":
    main()
