"""Whether a stated prior gives values that its parameter can take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayes_scaling.errors import CardError, listed
from bayes_scaling.laws.base import Prior

if TYPE_CHECKING:
    from bayes_scaling.model.spec import ModelSpec

_WITHIN = {
    "positive": ("lognormal", "halfnormal", "gamma", "exponential", "logitnormal", "beta", "uniform", "constant"),
    "unit": ("logitnormal", "beta", "uniform", "constant"),
}


def check_support(spec: ModelSpec, name: str, prior: Prior) -> None:
    """Raise CardError where a prior gives values that its parameter cannot take."""
    declared = {p.name: p.support for p in spec.possible_parameters()}
    support = declared.get(name, "positive")  # what is no parameter is a standard deviation
    if support == "real":
        return
    value = prior.numbers.get("value")
    ends = (prior.numbers.get("lower", value or 0.0), prior.numbers.get("upper", value or 1.0))
    outside = ends[0] < 0 or (support == "unit" and ends[1] > 1)
    if prior.dist not in _WITHIN[support] or outside:
        raise CardError(
            f"prior of {name} is {prior}, but {name} must be {'positive' if support == 'positive' else 'from 0 to 1'}; "
            f"expected one of {listed(_WITHIN[support])} within that range."
        )
