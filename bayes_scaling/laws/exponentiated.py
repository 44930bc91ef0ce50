"""Exponentiated power laws: success is exp(-nats), and the nats are a power law in a scale."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend

_TINY = 1e-300
_FEW = 60.0  # log nats from which success is 0 in every digit, and its gradient too
_LARGE = 700.0  # log of what a float can hold


def success(xp: Backend, *, ratio: Any, nats: Any, exponent: Any, times: Any = 1.0) -> Any:
    r"""Return :math:`\exp(-t\,n\,r^{-e})`, the probability that all of t steps succeed.

    Parameters
    ----------
    xp : Backend
    ratio : array
        Scale over its reference, r.
    nats : array
        Minus log of the probability of one step at the reference, n.
    exponent : array
        How fast the nats fall with the scale, e.
    times : array
        Number of steps, t.

    Returns
    -------
    array
        Of the shape that these broadcast to.
    """
    log_nats = xp.log(nats) + xp.log(times) - exponent * xp.log(ratio)
    return xp.exp(-xp.exp(xp.minimum(log_nats, _FEW)))


def ratio_for(xp: Backend, *, wanted: Any, nats: Any, exponent: Any, times: Any = 1.0) -> Any:
    """Return the scale over its reference at which :func:`success` is what is wanted; infinite for certainty."""
    left = -xp.log(wanted) / times
    log_ratio = (xp.log(nats) - xp.log(xp.maximum(left, _TINY))) / exponent
    reached = (log_ratio < _LARGE) & (left > 0)
    return xp.where(reached, xp.exp(xp.minimum(log_ratio, _LARGE)), float("inf"))
