"""Plans: from a forecast to a decision.

``preposterior.py`` what runs would tell before they are made; ``responses.py`` what they would measure, on draws of a
fit; ``question.py`` what is asked; ``next_run.py`` the next run, with ``nested.py``, its check, and ``words.py``, its
sentence; ``recipes.py`` two recipes compared.
"""

from __future__ import annotations

from bayes_scaling.plan.next_run import NextRun, next_run
from bayes_scaling.plan.recipes import Recipes, compare_recipes

__all__ = ["NextRun", "Recipes", "compare_recipes", "next_run"]
