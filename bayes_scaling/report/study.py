"""What a report is made of: a study, and what is worked out from its fit once."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bayes_scaling.check import Loo, Predictive, loo, loo_pit, posterior_predictive
from bayes_scaling.compare import Sensitivity
from bayes_scaling.fit import Diagnosis, Fit, failure_banner
from bayes_scaling.forecasts import Forecast, Reach
from bayes_scaling.laws.backend import link, numpy_backend
from bayes_scaling.model.card import CardSpec, ComparePart, ForecastPart
from bayes_scaling.model.discrepancy import parameters as discrepancy_parameters
from bayes_scaling.plots.tables import lone_scale, prior_draws, used_groups

LOO_VALUES = 200_000  # draws x rows for leave-one-out; more draws change Pareto k little and cost minutes
REPLICATES = 500


@dataclass(frozen=True)
class Study:
    """One card, its fit and its answers.

    Attributes
    ----------
    card : CardSpec
    fit : Fit
    prior : Predictive
        Of ``prior_predictive``.
    data : DataFrame
        All rows before exclusion.
    forecasts : list of (ForecastPart, Forecast or Reach)
    comparisons : list of (ComparePart, table of contrasts, table of ranking)
    whole : CardSpec, optional
        Of a stage of a chain: the card of the whole chain.
    within_reach : DataFrame, optional
        Of ``reachable``: which tasks are within reach at all.
    plan : list
        Answers to the card's `[plan]`: Allocation, Regret, Frontier, Target, Outlook, NextRun, Recipes.
    sensitivity : Sensitivity, optional
        Of the card's `[check]`: forecasts under other prior sets.
    """

    card: CardSpec
    fit: Fit
    prior: Predictive
    data: pd.DataFrame
    forecasts: list[tuple[ForecastPart, Forecast | Reach]]
    comparisons: list[tuple[ComparePart, pd.DataFrame, pd.DataFrame]]
    whole: CardSpec | None = None
    within_reach: pd.DataFrame | None = None
    plan: list[Any] = field(default_factory=list)
    sensitivity: Sensitivity | None = None

    @property
    def title(self) -> str:
        """Name for people."""
        return self.card.title or self.card.name

    @property
    def outcome(self) -> str:
        """``loss`` or ``accuracy``."""
        return self.fit.spec.outcome

    @property
    def scale(self) -> str:
        """Column that outcomes are shown against: the law's one scale, or compute."""
        return lone_scale(self.fit) or "compute"

    @cached_property
    def banner(self) -> str:
        """Sentence about a fit that failed its diagnostics, else empty."""
        return failure_banner(self.fit)

    @cached_property
    def diagnosis(self) -> Diagnosis:
        """Checks of the fit."""
        return self.fit.diagnose()

    @cached_property
    def replicates(self) -> Predictive:
        """Posterior predictive at the fitted rows."""
        return posterior_predictive(self.fit, draws=REPLICATES)

    @cached_property
    def groups(self) -> list[str]:
        """Columns with effects."""
        return used_groups(self.fit)

    @cached_property
    def _thin(self) -> Fit:
        """The fit with few enough draws for leave-one-out."""
        return self.fit.thinned(max(LOO_VALUES // max(len(self.fit.frame), 1), 200))

    @property
    def loo_draws(self) -> int:
        """Posterior draws that leave-one-out used."""
        sizes = self._thin.idata["posterior"].sizes
        return int(sizes["chain"] * sizes["draw"])

    @cached_property
    def loo(self) -> Loo:
        """Leave-one-out; bad Pareto k are shown in the report, not as Python warnings."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return loo(self._thin)

    @cached_property
    def pit(self) -> pd.DataFrame:
        """LOO-PIT of the fitted rows."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return loo_pit(self._thin)

    @cached_property
    def prior_ratio(self) -> dict[str, float]:
        """Posterior over prior spread by parameter of law and discrepancy, on the unconstrained scale (worst level)."""
        xp, after, before = numpy_backend(), self.fit.values(), prior_draws(self.fit)
        ratios: dict[str, float] = {}
        spec = self.fit.spec
        for parameter in (*spec.law.parameters, *discrepancy_parameters(spec.noise.discrepancy, spec.outcome)):
            if parameter.name in spec.constants():
                continue
            spread = [_spread(link(xp, parameter.support, v[parameter.name])) for v in (after, before)]
            ratios[parameter.name] = float(np.max(spread[0]) / np.median(spread[1]))
        return ratios


def _spread(values: Any) -> np.ndarray:
    """Return the distance between the 5 % and 95 % quantiles over draws, per level."""
    low, high = np.quantile(np.asarray(values), [0.05, 0.95], axis=0)
    return np.atleast_1d(high - low)
