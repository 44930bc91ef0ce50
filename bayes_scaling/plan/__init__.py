"""Plans: from a forecast to a decision.

``preposterior.py`` what runs would tell before they are made; ``responses.py`` what they would measure, on draws of a fit;
``question.py`` what is asked; ``next_run.py`` the next run, with ``nested.py``, its check, and ``words.py``, its
sentence.
"""

from __future__ import annotations

from bayes_scaling.plan.next_run import NextRun, next_run

__all__ = ["NextRun", "next_run"]
