"""The convenient objects on top of the rooms: models and cards."""

from bayes_scaling.api.cards import Card, answer, backtest, compare_arguments, load_card, write_card_report
from bayes_scaling.api.models import CapabilityModel, ScalingModel

__all__ = [
    "CapabilityModel",
    "Card",
    "ScalingModel",
    "answer",
    "backtest",
    "compare_arguments",
    "load_card",
    "write_card_report",
]
