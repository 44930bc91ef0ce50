"""Backtests: the calibration of forecasts of held-out rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayes_scaling.compare import Backtest
from bayes_scaling.errors import ForecastError, did_you_mean, listed
from bayes_scaling.plots import style
from bayes_scaling.plots.tables import pit_histogram


def pit(
    backtest: Backtest | pd.DataFrame,
    *,
    bins: int = 10,
    level: float = 0.9,
    warning: str = "",
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw the histogram of PIT values of held-out rows, with the band of a calibrated forecast.

    A U shape means intervals that are too narrow, a hump too wide ones, a slope bias.

    Parameters
    ----------
    backtest : Backtest or DataFrame
        Of ``backtest(...)``, or scores with a column ``pit``.
    bins : int
    level : float
        Of the binomial interval of one bin, for independent rows; rows of one curve are not.
    warning : str
        Banner of a failed fit.

    Returns
    -------
    (Figure, Axes)
        Table: ``plots.tables.pit_histogram``.
    """
    frame = backtest if isinstance(backtest, pd.DataFrame) else backtest.frame
    if "pit" not in frame.columns:
        raise ForecastError(f"no column 'pit'; found {listed(frame.columns)}." + did_you_mean("pit", frame.columns))
    table = pit_histogram(frame["pit"].to_numpy(dtype=float), bins=bins, level=level)
    edges = np.r_[table["low"], table["high"].iloc[-1]]
    with style.context():
        figure, axes = style.canvas(ax, size=(5.2, 3.2))
        axes.axhspan(table["lower"].iloc[0], table["upper"].iloc[0], color="#c9c9c9", linewidth=0, zorder=0,
                     label=f"{level:.0%} binomial interval per bin for independent rows")  # fmt: skip
        axes.stairs(table["count"], edges, fill=True, color=style.SERIES[0].color, alpha=0.55, linewidth=0)
        axes.stairs(table["count"], edges, color=style.SERIES[0].color, linewidth=1.8,
                    label=f"{len(frame)} held-out rows")  # fmt: skip
        axes.axhline(table["expected"].iloc[0], color="black", linewidth=0.8)
        axes.set_xlim(0, 1)
        axes.set_xlabel("PIT value")
        axes.set_ylabel("held-out rows")
        title = "Calibration of forecasts of held-out rows"
        style.finish(axes, own=ax is None, title=title, warning=style.warning_of(warning, backtest, frame))
    return figure, axes
