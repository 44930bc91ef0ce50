"""Priors as plain data, in units a person can judge."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from bayes_scaling.errors import CardError, did_you_mean, listed


class Prior:
    """A prior as plain data, in units a person can judge.

    Parameters
    ----------
    dist : str
        ``lognormal(median, upper95)``, ``normal(mean, sd)``, ``halfnormal(upper95)``,
        ``logitnormal(median, upper95)``, ``beta(alpha, beta)``, ``gamma(alpha, beta)``,
        ``exponential(mean)``, ``uniform(lower, upper)`` or ``constant(value)``, which is not sampled.
        ``upper95`` is the value that is exceeded with probability 5 %.
    **numbers : float
        The numbers of that distribution.

    Raises
    ------
    CardError
        Unknown distribution, missing or unknown number.
    """

    FORMS: ClassVar[dict[str, tuple[str, ...]]] = {
        "lognormal": ("median", "upper95"),
        "normal": ("mean", "sd"),
        "halfnormal": ("upper95",),
        "logitnormal": ("median", "upper95"),
        "beta": ("alpha", "beta"),
        "gamma": ("alpha", "beta"),
        "exponential": ("mean",),
        "uniform": ("lower", "upper"),
        "constant": ("value",),
    }

    def __init__(self, dist: str, **numbers: float) -> None:
        if dist not in self.FORMS:
            raise CardError(
                f"unknown prior distribution {dist!r}; expected one of {listed(self.FORMS)}."
                + did_you_mean(dist, self.FORMS)
            )
        wanted = self.FORMS[dist]
        if set(numbers) != set(wanted):
            raise CardError(
                f"prior {dist} takes {', '.join(wanted)}; found {listed(sorted(numbers))}. "
                f'Write for example {{dist = "{dist}", {", ".join(w + " = ..." for w in wanted)}}}.'
            )
        self.dist = dist
        for name in wanted:
            value = numbers[name]
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise CardError(f"prior {dist}: {name} = {value!r}; expected a finite number.")
        self.numbers = {k: float(numbers[k]) for k in wanted}
        self._check_order()

    def _check_order(self) -> None:
        n = self.numbers
        low, high = n.get("median", n.get("lower")), n.get("upper95", n.get("upper"))
        if low is not None and high is not None and not low < high:
            raise CardError(f"prior {self}: the upper number must be larger than the other one.")
        if self.dist in ("lognormal", "halfnormal", "exponential", "gamma", "beta") and min(n.values()) <= 0:
            raise CardError(f"prior {self}: every number must be positive.")
        if self.dist == "logitnormal" and not (n["median"] > 0 and n["upper95"] < 1):
            raise CardError(f"prior {self}: both numbers must lie between 0 and 1.")
        if self.dist == "normal" and n["sd"] <= 0:
            raise CardError(f"prior {self}: sd must be positive.")

    def as_dict(self) -> dict[str, Any]:
        """Return the form a card holds: ``{"dist": ..., number: ...}``."""
        return {"dist": self.dist, **self.numbers}

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Prior:
        """Read the form a card holds."""
        if not isinstance(table, Mapping):
            raise CardError(f"a prior is {table!r}; expected a table {{dist = ..., median = ..., upper95 = ...}}.")
        if "dist" not in table:
            raise CardError(f"a prior needs `dist`; found {listed(table)}, expected one of {listed(cls.FORMS)}.")
        return cls(table["dist"], **{k: v for k, v in table.items() if k != "dist"})

    def __repr__(self) -> str:
        return f"Prior({self.dist!r}, {', '.join(f'{k}={v:g}' for k, v in self.numbers.items())})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Prior) and self.as_dict() == other.as_dict()

    def __hash__(self) -> int:
        return hash((self.dist, *self.numbers.items()))
