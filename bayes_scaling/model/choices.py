"""Words a card or a call may choose from, in one place: the rooms that act on them import them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

from bayes_scaling.errors import CardError, did_you_mean, listed

KINDS = ("law", "mean", "response")
NEW_GROUPS = ("error", "population")
INTERVALS = ("eti", "hdi")
ENGINES = ("auto", "nuts")
ADAPTATIONS = ("auto", "diag", "draw_diag", "low_rank")


def check_choice(where: str, value: object, options: Sequence[str]) -> None:
    """Raise CardError where a card's word is not one of the options."""
    if value not in options:
        raise CardError(f"{where} = {value!r}; expected {listed(options)}." + did_you_mean(str(value), options))


def check_levels(where: str, levels: object) -> None:
    """Raise CardError where interval levels are not fractions between 0 and 1."""
    if not isinstance(levels, list | tuple) or not levels:
        raise CardError(f"{where} = {levels!r}; expected a list of fractions such as [0.5, 0.9].")
    for level in levels:
        if isinstance(level, bool) or not isinstance(level, int | float) or not 0 < level < 1:
            raise CardError(f"{where} holds {level!r}; expected fractions between 0 and 1, such as 0.9.")


def check_number(where: str, value: Any, *, zero: bool = False) -> None:
    """Raise CardError where a value is no finite number above zero (or at least zero)."""
    number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not number or value < 0 or (value == 0 and not zero):
        least = "of at least zero" if zero else "above zero"
        raise CardError(f"{where} = {value!r}; expected a finite number {least}.")
