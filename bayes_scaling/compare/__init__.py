"""Compare: families against each other, forecasts against what was measured.

``families.py`` contrasts, ranking, parameters by family; ``published.py`` constants beside published ones;
``scores.py`` log density, CRPS, coverage;
``backtest.py`` held-out scales and families, with ``folds.py``, what is held out; ``stacking.py`` weights of laws and
their mixtures, with ``joined.py``, what several laws say of the same rows; ``calibration.py`` widths learned from
finished curves; ``sensitivity.py`` forecasts under other prior sets, with ``against_data.py``, what runs say of these;
``skills.py`` and ``informative.py`` skills of a capability model, with ``latent.py``, skills on draws.
"""

from __future__ import annotations

from bayes_scaling.compare.backtest import Backtest, backtest
from bayes_scaling.compare.calibration import calibrate_width, widen
from bayes_scaling.compare.families import by_group, contrasts, identification, ranking
from bayes_scaling.compare.informative import informative
from bayes_scaling.compare.published import beside_published
from bayes_scaling.compare.scores import coverage, crps, score
from bayes_scaling.compare.sensitivity import Sensitivity, sensitivity
from bayes_scaling.compare.skills import effective_compute, loadings, skills
from bayes_scaling.compare.stacking import Weights, law_weights, mixture, score_mixture, stacking_weights

__all__ = [
    "Backtest",
    "Sensitivity",
    "Weights",
    "backtest",
    "beside_published",
    "by_group",
    "calibrate_width",
    "contrasts",
    "coverage",
    "crps",
    "effective_compute",
    "identification",
    "informative",
    "law_weights",
    "loadings",
    "mixture",
    "ranking",
    "score",
    "score_mixture",
    "sensitivity",
    "skills",
    "stacking_weights",
    "widen",
]
