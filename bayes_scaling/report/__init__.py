"""Report: studies as one HTML file that opens without a network.

``study.py`` what goes in; ``sections.py`` and ``results.py`` the parts; ``sentences.py``,
``caveats.py`` and ``words.py`` what is said; ``figures.py`` pictures; ``html.py`` the file;
``chain.py`` the stages of a chain; ``plan.py`` what the card plans, ``next_run.py`` its candidate runs and recipes;
``sensitivity.py`` other prior sets; ``catalogue.py`` a page of all laws, ``fitted.py`` their cards on it.
"""

from __future__ import annotations

from bayes_scaling.report.chain import stage_card
from bayes_scaling.report.html import write_report
from bayes_scaling.report.study import Study

__all__ = ["Study", "stage_card", "write_report"]
