"""The forecast of many points from a saved fit, in a process of its own: its seconds and its peak memory.

``python -m benchmarks.points FIT.nc POINTS.csv`` prints a line of JSON. Only the forecast and its table of quantiles
are timed, not imports and reading; the memory is that of the whole process.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time

import pandas as pd

import bayes_scaling as bs

LEVELS = (0.5, 0.9)


def main() -> None:
    """Forecast, tabulate, print what it cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fit")
    parser.add_argument("points")
    options = parser.parse_args()
    fit, points = bs.load(options.fit), pd.read_csv(options.points)
    bs.forecast(fit, points.iloc[:1]).tabulate(LEVELS)  # what is imported on first use
    begun = time.perf_counter()
    bs.forecast(fit, points).tabulate(LEVELS)
    seconds = time.perf_counter() - begun
    unit = 1 if sys.platform == "darwin" else 1024  # bytes of what getrusage counts in
    print(json.dumps({"seconds": seconds, "gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9}))


if __name__ == "__main__":
    main()
