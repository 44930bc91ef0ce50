"""A law of size and data whose exponent of data follows from that of size: its option ``exponents``."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from bayes_scaling.errors import CardError, did_you_mean, listed
from bayes_scaling.laws.base import Law
from bayes_scaling.laws.parts import refuse_options

TIES = ("free", "equal", "quanta")
"""Option ``exponents``: a parameter of its own for the exponent of data, or what follows from that of size."""


def tie_of(law: Law) -> str:
    """Return what a law's options say of its exponents."""
    return str(law.options.get("exponents", "free"))


def tied(law: Law, of_data: str, options: Mapping[str, Any], formula: Callable[[str], str]) -> Law:
    """Return a law with its exponents ``free``, ``equal`` or tied as those of ``quanta``.

    Parameters
    ----------
    law : Law
    of_data : str
        The parameter that a tie takes away.
    options : dict
        As of ``law.with_options``.
    formula : callable
        The law's formula by tie.

    Raises
    ------
    CardError
        Unknown option or value.
    """
    refuse_options(law.name, options, ["exponents"])
    tie = options.get("exponents", tie_of(law))
    if tie not in TIES:
        raise CardError(f"{law.name}: exponents = {tie!r}; expected {listed(TIES)}." + did_you_mean(str(tie), TIES))
    other = copy.copy(law)
    other.options = {} if tie == "free" else {"exponents": tie}
    other.parameters = tuple(p for p in type(law).parameters if p.name != of_data or tie == "free")
    other.formula = formula(tie)
    return other


def exponent_of_data(law: Law, of_size: Any, given: Any) -> Any:
    r"""Return the exponent of data: as given, such as that of published constants, or as the tie makes it.

    Equal, or :math:`\alpha / (1 + \alpha)` (Michaud et al. 2023, arXiv:2303.13506).
    """
    tie = tie_of(law)
    if given is not None or tie == "free":
        return given
    return of_size if tie == "equal" else of_size / (1 + of_size)


def in_symbols(tie: str, of_size: str, of_data: str) -> str:
    """Return the exponent of data in a formula."""
    return {"free": of_data, "equal": of_size, "quanta": rf"{of_size} / (1 + {of_size})"}[tie]
