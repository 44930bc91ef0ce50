"""Plan: what to do with a budget, from the posterior, with intervals and with the cost of being wrong.

``surface.py`` a fitted law as a loss surface; ``allocation.py`` the best split of a compute; ``regret.py`` what the
``rules.py`` that people follow cost; ``costs.py`` training and serving under limits; ``targets.py`` what a loss or an
accuracy takes (of a chain by ``goals.py``), with dates from ``growth.py``; ``outlook.py`` what is left of the loss;
``tables.py`` how answers are laid out.

``preposterior.py`` what runs would tell before they are made; ``responses.py`` what they would measure, on draws of a
fit; ``question.py`` what is asked; ``next_run.py`` the next run, with ``nested.py``, its check, and ``recipes.py`` two
recipes compared, and ``sentences.py``, what both found in words.
"""

from __future__ import annotations

from bayes_scaling.model.plan import Limits, Prices
from bayes_scaling.plan.allocation import Allocation, allocation
from bayes_scaling.plan.costs import Frontier, frontier
from bayes_scaling.plan.growth import Growth, fit_growth, growth_from, growth_of
from bayes_scaling.plan.next_run import NextRun, next_run
from bayes_scaling.plan.outlook import Outlook, outlook
from bayes_scaling.plan.recipes import Recipes, compare_recipes
from bayes_scaling.plan.regret import Regret, regret
from bayes_scaling.plan.surface import Surface, surface
from bayes_scaling.plan.targets import Target, to_reach

__all__ = [
    "Allocation",
    "Frontier",
    "Growth",
    "Limits",
    "NextRun",
    "Outlook",
    "Prices",
    "Recipes",
    "Regret",
    "Surface",
    "Target",
    "allocation",
    "compare_recipes",
    "fit_growth",
    "frontier",
    "growth_from",
    "growth_of",
    "next_run",
    "outlook",
    "regret",
    "surface",
    "to_reach",
]
