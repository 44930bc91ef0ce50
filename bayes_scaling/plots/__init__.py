"""Plots: every public function takes ``ax=`` and returns ``(figure, axes)``.

``predictive.py`` prior and posterior predictive, residuals; ``loo.py`` leave-one-out;
``backtests.py`` calibration of held-out rows; ``curves.py`` law and forecasts against scale;
``departures.py`` the law discrepancy; ``groups.py`` families, contrasts, posterior; ``skills.py`` skills and loadings
of a capability model; ``plan.py`` budgets, costs and targets; ``next_run.py`` candidate runs,
recipes; ``sensitivity.py`` prior sets; ``law_curves.py`` a law under its priors, ``law_tables.py`` its numbers;
``tables.py`` the numbers behind the plots; ``style.py`` how they look.
"""

from __future__ import annotations

from bayes_scaling.plots import tables
from bayes_scaling.plots.backtests import pit
from bayes_scaling.plots.curves import curve, forecast, reach
from bayes_scaling.plots.departures import departures
from bayes_scaling.plots.groups import contrasts, parameters_by_group, posterior, ranking
from bayes_scaling.plots.law_curves import law_curves
from bayes_scaling.plots.loo import loo_k, loo_pit
from bayes_scaling.plots.next_run import next_run, recipes
from bayes_scaling.plots.plan import (
    plan_frontier,
    plan_isoflop,
    plan_outlook,
    plan_regret,
    plan_target,
)
from bayes_scaling.plots.predictive import posterior_predictive, prior_predictive, residuals
from bayes_scaling.plots.sensitivity import sensitivity
from bayes_scaling.plots.skills import plot_loadings, plot_skills

__all__ = [
    "contrasts",
    "curve",
    "departures",
    "forecast",
    "law_curves",
    "loo_k",
    "loo_pit",
    "next_run",
    "parameters_by_group",
    "pit",
    "plan_frontier",
    "plan_isoflop",
    "plan_outlook",
    "plan_regret",
    "plan_target",
    "plot_loadings",
    "plot_skills",
    "posterior",
    "posterior_predictive",
    "prior_predictive",
    "ranking",
    "reach",
    "recipes",
    "residuals",
    "sensitivity",
    "tables",
]
