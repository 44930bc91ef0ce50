"""Prior sets: priors that a theory implies, as data with their source, which a card may choose by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bayes_scaling.errors import CardError, did_you_mean, listed
from bayes_scaling.laws.prior import Prior

if TYPE_CHECKING:
    from bayes_scaling.laws.base import Law

DECLARED = "declared"
"""What a law's own priors are called where prior sets are compared."""
SCALING = ("lognormal", "halfnormal", "normal", "exponential", "uniform")
"""Distributions that are multiplied by a number when all of their numbers are."""


@dataclass(frozen=True)
class Argument:
    """A number that a prior set needs, such as an intrinsic dimension.

    The priors of its set are stated for an argument of 1; each is multiplied by the argument to a ``power``. Without
    a ``default`` the user must state one.
    """

    meaning: str
    power: float = -1.0
    default: float | None = None


@dataclass(frozen=True)
class PriorSet:
    """Priors that belong together.

    Attributes
    ----------
    meaning : str
        What the set assumes, a sentence.
    source : str
    priors : dict of str to Prior
        By parameter; others keep the priors that the law declares.
    options : dict
        Choices of the law's form that belong to the set, such as a tie between two exponents.
    argument : Argument, optional
    columns : tuple of str
        What the law's scale must read for the theory to speak of it, such as tokens; empty where the law says it.
    """

    meaning: str
    source: str
    priors: Mapping[str, Prior] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    argument: Argument | None = None
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        fixed = [n for n, p in self.priors.items() if self.argument is not None and p.dist not in SCALING]
        if fixed:
            raise CardError(
                f"priors of {listed(fixed)} belong to a set with an argument; expected one of {listed(SCALING)}, which "
                "can be multiplied by a number."
            )

    @property
    def complete(self) -> bool:
        """Whether it needs no number from the user."""
        return self.argument is None or self.argument.default is not None

    def speaks_of(self, law: Law) -> bool:
        """Whether the law reads what the theory is about."""
        return not self.columns or not set(self.columns).isdisjoint(law.scales.values())

    def at(self, value: float | None) -> dict[str, Prior]:
        """Return the priors for a value of the argument; as stated where there is none."""
        if self.argument is None or value is None:
            return dict(self.priors)
        factor = value**self.argument.power
        return {name: Prior(p.dist, **{k: factor * v for k, v in p.numbers.items()}) for name, p in self.priors.items()}

    def as_dict(self) -> dict[str, Any]:
        """Return the description that ``bayes-scaling laws --json`` prints."""
        told: dict[str, Any] = {
            "meaning": self.meaning,
            "source": self.source,
            "priors": {n: p.as_dict() for n, p in self.priors.items()},
        }
        if self.options:
            told["options"] = dict(self.options)
        if self.argument is not None:
            told["argument"] = {**vars(self.argument)}
        if self.columns:
            told["columns"] = list(self.columns)
        return told


@dataclass(frozen=True)
class ChosenSet:
    """A prior set as a model has it.

    Attributes
    ----------
    name : str
    value : float or None
        Of its argument.
    priors, options :
        What it says for that value.
    plain : str or dict
        As a card writes it: ``"symmetric"`` or ``{"intrinsic_dimension": 40.0}``.
    """

    name: str
    value: float | None
    priors: Mapping[str, Prior]
    options: Mapping[str, Any]
    plain: str | dict[str, float]

    @property
    def label(self) -> str:
        """Name for people, with the argument."""
        return self.name if self.value is None else f"{self.name} = {self.value:g}"


Asked = str | Mapping[str, Any]


def chosen_set(law: Law, asked: Asked) -> ChosenSet | None:
    """Read the name of one of a law's prior sets, or ``{name: argument}``; None for the declared priors.

    Raises
    ------
    CardError
        Unknown set, an argument that is missing, not wanted, or no positive number.
    """
    if asked == DECLARED:
        return None
    name, given = asked, None
    if isinstance(asked, Mapping):
        if len(asked) != 1:
            raise CardError(f"prior_set = {dict(asked)!r}; expected one set, such as {{ intrinsic_dimension = 40 }}.")
        name, given = next(iter(asked.items()))
    known = law.prior_sets
    if not isinstance(name, str) or name not in known:
        has = f"has {listed((DECLARED, *known))}" if known else f"has none but its own, {DECLARED!r}"
        raise CardError(f"prior_set = {name!r}; law {law.name} {has}." + did_you_mean(str(name), known))
    found = known[name]
    value = _argument(name, found, given)
    bare = found.argument is None or value == found.argument.default
    plain: str | dict[str, float] = name if bare or value is None else {name: value}
    return ChosenSet(name, value, found.at(value), dict(found.options), plain)


def _argument(name: str, found: PriorSet, given: Any) -> float | None:
    """Return the value of a set's argument."""
    wanted = found.argument
    if wanted is None:
        if given is not None:
            raise CardError(f'prior set {name} takes no number; found {given!r}. Write prior_set = "{name}".')
        return None
    value = wanted.default if given is None else given
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise CardError(
            f"prior set {name} needs a positive number, the {wanted.meaning}; found {value!r}. Write for example "
            f"prior_set = {{ {name} = {wanted.default or 40:g} }}."
        )
    return float(value)


def refuse_elsewhere(law: Law, chosen: ChosenSet | None) -> None:
    """Raise CardError where a set speaks of another scale than the law reads: tokens, say, and not compute."""
    if chosen is None or law.prior_sets[chosen.name].speaks_of(law):
        return
    raise CardError(
        f"prior set {chosen.name} speaks of {listed(law.prior_sets[chosen.name].columns)}, but law {law.name} reads "
        f"{listed(sorted(law.scales.values()))}. Leave it out, or say what the scale is: inputs = {{ "
        f'{next(iter(law.scales))} = "{law.prior_sets[chosen.name].columns[0]}" }}.'
    )
