"""The convenient objects on top of the rooms: models and cards."""

from bayes_scaling.api.cards import Card, answer, backtest, compare_arguments, load_card
from bayes_scaling.api.catalogue import write_catalogue
from bayes_scaling.api.models import CapabilityModel, ScalingModel
from bayes_scaling.api.plans import plan_answers
from bayes_scaling.api.prior_sets import sensitivity
from bayes_scaling.api.reports import write_card_report

__all__ = [
    "CapabilityModel",
    "Card",
    "ScalingModel",
    "answer",
    "backtest",
    "compare_arguments",
    "load_card",
    "plan_answers",
    "sensitivity",
    "write_card_report",
    "write_catalogue",
]
