"""Check: prior predictive, posterior predictive, leave-one-out. Tables here, pictures in `plots`.

``predictive.py`` simulated tables beside the data; ``loo.py`` PSIS-LOO and LOO-PIT; ``departures.py`` rows and
discrepancy against the law; ``power_scaling.py`` sensitivity to priors and data.
"""

from __future__ import annotations

from bayes_scaling.check.departures import departures, law_residuals, spread_paths
from bayes_scaling.check.loo import Loo, loo, loo_pit
from bayes_scaling.check.power_scaling import log_likelihood, log_prior, power_scaling
from bayes_scaling.check.predictive import (
    Predictive,
    as_predictive,
    posterior_predictive,
    predictive_table,
    prior_predictive,
    range_table,
    residuals,
)

__all__ = [
    "Loo",
    "Predictive",
    "as_predictive",
    "departures",
    "law_residuals",
    "log_likelihood",
    "log_prior",
    "loo",
    "loo_pit",
    "posterior_predictive",
    "power_scaling",
    "predictive_table",
    "prior_predictive",
    "range_table",
    "residuals",
    "spread_paths",
]
