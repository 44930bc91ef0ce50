"""The small namespace ``xp`` in which every formula is written, with two back ends.

A law is written once against these names and evaluated twice: with PyTensor to build the
model, with NumPy over posterior draws to forecast. Rows are the last axis, draws stand
before them. Neither library is imported before a back end is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True)
class Backend:
    """Functions a formula may use; ``power`` needs a positive base, ``held`` is constant when differentiated."""

    name: str
    exp: Callable[..., Any]
    log: Callable[..., Any]
    log1p: Callable[..., Any]
    expm1: Callable[..., Any]
    sqrt: Callable[..., Any]
    sigmoid: Callable[..., Any]
    softplus: Callable[..., Any]
    gammaln: Callable[..., Any]
    logaddexp: Callable[..., Any]
    maximum: Callable[..., Any]
    minimum: Callable[..., Any]
    where: Callable[..., Any]
    held: Callable[..., Any]

    def power(self, base: Any, exponent: Any) -> Any:
        """Return ``base**exponent`` for a positive base, safe to differentiate in both."""
        return self.exp(exponent * self.log(base))

    def log10(self, x: Any) -> Any:
        """Return the decimal logarithm."""
        return self.log(x) / math.log(10)

    def exp10(self, x: Any) -> Any:
        """Return ten to a power."""
        return self.exp(math.log(10) * x)

    def logit(self, p: Any) -> Any:
        """Return ``log(p / (1 - p))`` for p strictly between 0 and 1."""
        return self.log(p) - self.log1p(-p)


@cache
def numpy_backend() -> Backend:
    """Return the back end that evaluates formulas on NumPy arrays."""
    import numpy as np
    from scipy import special

    return Backend(
        name="numpy",
        exp=np.exp,
        log=np.log,
        log1p=np.log1p,
        expm1=np.expm1,
        sqrt=np.sqrt,
        sigmoid=special.expit,
        softplus=lambda x: np.logaddexp(0.0, x),
        gammaln=special.gammaln,
        logaddexp=np.logaddexp,
        maximum=np.maximum,
        minimum=np.minimum,
        where=np.where,
        held=lambda x: x,
    )


@cache
def pytensor_backend() -> Backend:
    """Return the back end that builds symbolic PyTensor expressions."""
    import pytensor.tensor as pt
    from pytensor.gradient import disconnected_grad

    return Backend(
        name="pytensor",
        exp=pt.exp,
        log=pt.log,
        log1p=pt.log1p,
        expm1=pt.expm1,
        sqrt=pt.sqrt,
        sigmoid=pt.sigmoid,
        softplus=pt.softplus,
        gammaln=pt.gammaln,
        logaddexp=pt.logaddexp,
        maximum=pt.maximum,
        minimum=pt.minimum,
        where=pt.where,
        held=disconnected_grad,
    )


# ---- supports: the unconstrained scale on which group effects add ------------------------

SUPPORTS = ("real", "positive", "unit")


def link(xp: Backend, support: str, value: Any) -> Any:
    """Map a value of the given support to the whole real line (identity, log, logit)."""
    if support == "positive":
        return xp.log(value)
    if support == "unit":
        return xp.logit(value)
    return value


def unlink(xp: Backend, support: str, value: Any) -> Any:
    """Map the real line back to the support: the inverse of :func:`link`."""
    if support == "positive":
        return xp.exp(value)
    if support == "unit":
        return xp.sigmoid(value)
    return value


def log_jacobian(xp: Backend, support: str, value: Any) -> Any:
    """Return the log derivative of :func:`unlink` at a value on the real line."""
    if support == "positive":
        return value
    if support == "unit":
        return -xp.softplus(value) - xp.softplus(-value)
    return 0.0 * value
