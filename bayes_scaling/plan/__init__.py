"""Plan: what to do with a budget, from the posterior, with intervals and with the cost of being wrong.

``surface.py`` a fitted law as a loss surface; ``allocation.py`` the best split of a compute;
``regret.py`` what the ``rules.py`` that people follow cost;
``tables.py`` how answers are laid out.
"""

from __future__ import annotations

from bayes_scaling.plan.allocation import Allocation, allocation
from bayes_scaling.plan.regret import Regret, regret
from bayes_scaling.plan.surface import Surface, surface

__all__ = ["Allocation", "Regret", "Surface", "allocation", "regret", "surface"]
