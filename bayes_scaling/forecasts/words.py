"""Numbers in words: FLOP, counts, shares, probabilities and intervals, as sentences and tables say them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_scaling.errors import listed

if TYPE_CHECKING:
    from bayes_scaling.model import ModelSpec

KINDS = {"eti": "equal-tailed", "hdi": "highest-density"}
NONE = "–"
GAP = "\u00a0"  # a number is not torn from its unit at the end of a line
_UP = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def number(value: Any, digits: int = 3) -> str:
    """Return a number with sensible digits; very large and small ones as powers of ten."""
    if value is None or not isinstance(value, int | float | np.number):
        return NONE if value is None else str(value)
    value = float(value)
    if math.isnan(value):
        return NONE
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if size != 0 and (size >= 1e5 or size < 1e-3):
        return power(value, max(digits - 1, 1))
    if value == int(value) and size < 1e5:
        return f"{int(value)}".replace("-", "−")
    decimals = max(digits - 1 - math.floor(math.log10(size)), 0)
    return f"{value:.{decimals}f}".replace("-", "−")


def power(value: float, decimals: int = 1) -> str:
    """Return a number as 1.2 × 10²⁴."""
    factor, exponent = f"{value:.{decimals}e}".split("e")
    factor = factor.rstrip("0").rstrip(".") if "." in factor else factor
    tens = "10" + str(int(exponent)).translate(_UP)
    return tens if factor == "1" else f"{factor.replace('-', '−')}{GAP}×{GAP}{tens}"


def flop(value: Any) -> str:
    """Return a compute in FLOP as a power of ten, or `not reached`."""
    value = float(value)
    return f"{power(value)}{GAP}FLOP" if math.isfinite(value) else "not reached"


def bare_flop(value: Any) -> str:
    """Return a compute for a column headed FLOP."""
    return power(float(value)) if math.isfinite(float(value)) else "not reached"


def after(unit: str) -> str:
    """Return a unit as it follows a number: `` nats per token``; nothing where there is none."""
    return f" {unit}" if unit else ""


def within(unit: str) -> str:
    """Return a unit as it follows a name: `` (nats per token)``; nothing where there is none."""
    return f" ({unit})" if unit else ""


def outcome_unit(spec: ModelSpec) -> str:
    """Return the unit of a model's outcome as it follows a number: of accuracies none, which are told in percent."""
    return "" if spec.outcome == "accuracy" else after(spec.unit)


def counted(number_: int, name: str) -> str:
    """Return a number of things: `1 budget`, `2 budgets`."""
    return f"{number_} {name}{'' if number_ == 1 else 's'}"


def numbered(name: str, numbers: Iterable[int]) -> str:
    """Return things by their numbers: `point 0`, `points 0, 2`."""
    which = list(numbers)
    return f"{name}{'' if len(which) == 1 else 's'} {listed(which)}"


def count(value: float) -> str:
    """Return parameters or tokens as people say them: 6.9 billion, 440,000."""
    if not math.isfinite(value):
        return number(value)
    value = float(f"{value:.3g}")  # first, so that 999.7 billion are 1 trillion
    if value >= 1e15:
        return power(value, 2)
    for size, name in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if value >= size:
            return f"{value / size:.3g} {name}"
    return f"{value:,.0f}" if value >= 1e3 else f"{value:.3g}"


def percent(share: float, digits: int = 1) -> str:
    """Return a share in percent."""
    return NONE if not math.isfinite(share) else f"{100 * share:.{digits}f}{GAP}%"


def probability(p: float) -> str:
    """Return a probability; 0 and 1 of finitely many draws are not claimed."""
    if not math.isfinite(p):
        return NONE
    if p > 0.995:
        return "> 0.99"
    return "< 0.01" if p < 0.005 else f"{p:.2f}"


def p_equals(p: float, event: str = "") -> str:
    """Return `P = 0.93` or `P > 0.99`, or that of an event: `P(A beats B) = 0.93`."""
    text, of = probability(p), f"P({event})" if event else "P"
    return f"{of} {text}" if text[0] in "<>" else f"{of} = {text}"


def level(share: float) -> str:
    """Return an interval's level: `90 %`."""
    return f"{100 * share:g}{GAP}%"


def interval(low: str, high: str, share: float, kind: str) -> str:
    """Return `90 % equal-tailed interval LOW to HIGH`."""
    return f"{level(share)} {KINDS.get(kind, kind)} interval {low} to {high}"
