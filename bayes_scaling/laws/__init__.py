"""Laws: one functional form per file, found by itself.

``base.py`` says what a law is, ``parts.py`` what it is declared with, ``prior.py`` how priors are stated,
``prior_sets.py`` those that a theory states together, ``theories.py`` the theories, ``ties.py`` exponents that follow
from one another, ``backend.py`` holds the functions that formulas are written in,
``optimum.py``, ``solve.py`` and ``simplex.py`` find optima and roots that have no closed form.
To add a law, add one file with one subclass of :class:`Law`; nothing else changes.
Importing this room imports neither NumPy nor PyMC.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from bayes_scaling.errors import CardError, did_you_mean, listed
from bayes_scaling.laws.base import (
    SCALE,
    Argument,
    Citation,
    Constants,
    Input,
    Law,
    Parameter,
    Prior,
    PriorSet,
    PublishedAllocation,
    Quantity,
)

__all__ = [
    "SCALE", "Argument", "Citation", "Constants", "Input", "Law", "Parameter", "Prior", "PriorSet",
    "PublishedAllocation", "Quantity", "available", "get", "register",
]  # fmt: skip

_NOT_LAWS = ("base", "backend", "optimum", "parts", "prior", "prior_sets", "simplex", "solve", "theories", "ties")
_REGISTERED: dict[str, type[Law]] = {}


@cache
def _shipped() -> dict[str, type[Law]]:
    found: dict[str, type[Law]] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name in _NOT_LAWS:
            continue
        names = vars(importlib.import_module(f"{__name__}.{module.name}"))
        for value in names.values():
            if isinstance(value, type) and issubclass(value, Law) and value.__module__.endswith(f".{module.name}"):
                found[value.name] = value
    return found


def register(law: type[Law]) -> type[Law]:
    """Make a law of your own known by its name (usable as a decorator).

    Raises
    ------
    CardError
        A shipped law has that name already.
    """
    if law.name in _shipped():
        raise CardError(f"a law named {law.name!r} is shipped already; give yours another `name`.")
    _REGISTERED[law.name] = law
    return law


def available() -> list[str]:
    """Return the names of all laws, shipped and registered, sorted."""
    return sorted({**_shipped(), **_REGISTERED})


def get(law: str | Law) -> Law:
    """Return a law by name (a law itself is returned unchanged).

    Raises
    ------
    CardError
        Unknown name; the message lists the known ones.
    """
    if isinstance(law, Law):
        return law
    known = {**_shipped(), **_REGISTERED}
    if law not in known:
        raise CardError(f"unknown law {law!r}; known are {listed(sorted(known))}." + did_you_mean(law, known))
    return known[law]()
