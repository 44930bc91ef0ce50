"""Forecast: loss and accuracy at new scales, and the compute that a target needs.

``points.py`` where to forecast, with ``facts.py``, what the rows add; ``asked.py`` what is checked before sampling;
``predict.py`` draws and table; ``reach.py`` compute to a target; ``scales.py`` how far outside the fitted rows that is;
``words.py`` numbers in words; ``quantities.py`` what else a law is used for;
``chain.py`` loss passed on to accuracy; ``skills.py`` and ``links.py`` skills passed on to downstream scores.
"""

from __future__ import annotations

from bayes_scaling.forecasts.chain import reachable
from bayes_scaling.forecasts.links import DownstreamFit, downstream
from bayes_scaling.forecasts.points import grid
from bayes_scaling.forecasts.predict import Forecast, bounds, forecast
from bayes_scaling.forecasts.quantities import quantity
from bayes_scaling.forecasts.reach import Reach, compute_to_reach

__all__ = [
    "DownstreamFit",
    "Forecast",
    "Reach",
    "bounds",
    "compute_to_reach",
    "downstream",
    "forecast",
    "grid",
    "quantity",
    "reachable",
]
