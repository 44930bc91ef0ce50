"""What a law is declared with: inputs, parameters, quantities, citation, published constants."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bayes_scaling.errors import CardError, DataError, did_you_mean, listed
from bayes_scaling.laws.backend import SUPPORTS
from bayes_scaling.laws.prior import Prior

ROLES = ("floor", "amplitude", "exponent", "offset", "slope", "shape", "ceiling", "noise")


@dataclass(frozen=True)
class Input:
    """What a law reads: ``name`` in its formula, ``column`` in a table (the same unless stated).

    ``reference`` is the scale at which its priors are stated. A column outside the vocabulary holds numbers of a
    ``kind`` (see :class:`Column`; ``positive`` with a reference, else ``real``) from ``low`` to ``high``. Values of
    examples lie within a factor of ``spread`` about the reference.
    """

    name: str
    unit: str
    meaning: str
    reference: float | None = None
    column: str = ""
    kind: str = ""
    low: float = -math.inf
    high: float = math.inf
    spread: float = 100.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "column", self.column or self.name)
        object.__setattr__(self, "kind", self.kind or ("real" if self.reference is None else "positive"))


@dataclass(frozen=True)
class Quantity:
    """What a law is used for: a method of the law that gives a number from its parameters.

    The method has the name of the quantity; its keyword arguments are what is ``asked`` of and the law's parameters,
    and it returns values of shape ``(..., row)``.
    """

    name: str
    meaning: str
    unit: str = ""
    asked: tuple[Input, ...] = ()
    source: str = ""


@dataclass(frozen=True)
class Parameter:
    """A parameter a law samples.

    ``pooling`` is the default over every group of the model, or by group and interaction where a mapping;
    ``group_sd`` is the prior of the standard deviation between groups on the unconstrained scale (log or logit).
    """

    name: str
    symbol: str
    meaning: str
    support: str
    role: str
    prior: Prior
    unit: str = ""
    pooling: str | Mapping[str, str] = "complete"
    group_sd: Prior = Prior("halfnormal", upper95=0.5)

    def __post_init__(self) -> None:
        if self.support not in SUPPORTS:
            raise CardError(f"parameter {self.name}: support {self.support!r}, expected {listed(SUPPORTS)}.")
        if self.role not in ROLES:
            raise CardError(f"parameter {self.name}: role {self.role!r}, expected {listed(ROLES)}.")


@dataclass(frozen=True)
class Citation:
    """Where a formula or a set of constants comes from."""

    authors: str
    year: int
    title: str
    arxiv: str = ""

    def __str__(self) -> str:
        return f"{self.authors} ({self.year}), {self.title}" + (f", arXiv:{self.arxiv}" if self.arxiv else "")


@dataclass(frozen=True)
class Constants:
    """Published values of a law's parameters, under their published names.

    ``of`` names the level (a corpus, a family) that they belong to where the paper's table holds several.
    """

    values: Mapping[str, float]
    source: str
    note: str = ""
    of: str = ""


PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61)


def radical_inverse(number: int, base: int) -> float:
    """Return the digits of a number mirrored at the point (van der Corput)."""
    found, share = 0.0, 1.0
    while number:
        share /= base
        number, digit = divmod(number, base)
        found += digit * share
    return found


def whole_numbers(rows: int, most: float) -> list[float]:
    """Return different whole numbers from 1 up to about `most`, at even ratios where that is possible, shape (row,)."""
    return [float(max(i + 1, round(most ** (i / max(rows - 1, 1))))) for i in range(rows)]


@dataclass(frozen=True)
class PublishedAllocation:
    """A published rule for the compute-optimal size, N = params (C / unit)^exponent."""

    params: float
    exponent: float
    unit: float
    source: str
    note: str = ""

    def at(self, compute: Any) -> Any:
        """Return parameters at a compute in FLOP, same shape."""
        return self.params * (compute / self.unit) ** self.exponent


def refuse_options(law: str, options: Iterable[str], known: Iterable[str]) -> None:
    """Raise CardError at an option that a law does not have."""
    known = list(known)
    for key in options:
        if key not in known:
            raise CardError(f"law {law} has no option {key!r}; it has {listed(known)}." + did_you_mean(key, known))


def distinct_names(law: str, option: str, given: Any, *, fewest: int = 1, order: str = "") -> tuple[str, ...]:
    """Return the names that an option of a law lists; CardError where they are too few, no names, or not different."""
    several = isinstance(given, list | tuple) and len(given) >= fewest
    if not several or not all(isinstance(name, str) and name for name in given):
        raise CardError(
            f"{law}: {option} = {given!r}; expected a list of at least {fewest} names{order and f', {order}'}."
        )
    if len(set(given)) < len(given):
        raise CardError(f"{law}: {option} = {given!r}; expected every name once.")
    return tuple(given)


def refuse_rows(law: str, wrong: Any, columns: Sequence[str], expected: str) -> None:
    """Raise DataError that lists rows whose values do not fit together; nothing where there are none.

    Parameters
    ----------
    law : str
    wrong : DataFrame
        The rows, maybe none.
    columns : sequence of str
        What to show of them.
    expected : str
        What was expected of these columns.
    """
    if not len(wrong):
        return
    found = [
        f"row {label} with " + " and ".join(f"{c} = {v:g}" for c, v in zip(columns, values, strict=True))
        for label, *values in wrong[list(columns)].itertuples(name=None)
    ]
    raise DataError(f"law {law}: found {listed(found, 6)}; expected {expected}. Correct or leave out these rows.")
