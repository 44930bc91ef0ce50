"""Compare: families against each other, forecasts against what was measured.

``families.py`` contrasts, ranking, parameters by family; ``scores.py`` log density, CRPS, coverage;
``backtest.py`` held-out scales and families, with ``folds.py``, what is held out.
"""

from __future__ import annotations

from bayes_scaling.compare.backtest import Backtest, backtest
from bayes_scaling.compare.families import by_group, contrasts, identification, ranking
from bayes_scaling.compare.scores import coverage, crps, score

__all__ = [
    "Backtest",
    "backtest",
    "by_group",
    "contrasts",
    "coverage",
    "crps",
    "identification",
    "ranking",
    "score",
]
