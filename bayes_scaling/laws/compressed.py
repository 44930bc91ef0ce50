"""Loss of models trained in a compressed representation: sparse, quantised, or both."""

from __future__ import annotations

import math
from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Input, Law, Parameter, Prior, Quantity
from bayes_scaling.laws.chinchilla import Chinchilla, chinchilla_at

_PARAMS = Input("params", "count", "parameters N", reference=1e9)
_GMSE = Input(
    "gmse", "1", "mean squared error of the representation on standard normal numbers (0: not compressed)",
    kind="fraction", low=0.0, high=0.99,
)  # fmt: skip
GAUSSIAN = (0.0, 0.3634, 0.1175, 0.03454, 0.009497)
"""Errors of the best scalar grids of 1 to 4 bits on standard normal numbers (Max 1960), after no compression."""


class Compressed(Law):
    r"""Chinchilla's law of the parameters that a representation is worth, equations 1 and 3 of Panferov et al. (2025).

    The capacity :math:`\rho` of a representation, the share of its parameters that it is worth, is a function
    of its error on standard normal numbers alone (``gmse``: 0.36 for one bit, 0.0095 for four). :math:`\log_{1/4}` of
    that error is the number of bits that an ideal code needs for it. L is the capacity at vanishing error, which
    training may leave below 1; F and C shape its loss at large errors. All three are constants of a kind of
    compression, not of its bits: give the kind as a group.

    A gmse of 0 is a model that is not compressed, of capacity 1. Such rows tell L from A: put some in. Capacities of
    compressions that are combined multiply in the paper; the law has one.
    """

    name = "compressed"
    title = "Loss from parameters, tokens and the error of a compressed representation (capacity)"
    formula = (
        r"L(N, D, R) = E + A\,(N \rho(R))^{-\alpha} + B\,D^{-\beta}, \quad "
        r"\rho = L \tanh^C\left(F \log_{1/4} \mathrm{GMSE}(R)\right)"
    )
    citation = Citation(
        "Panferov et al.", 2025, "Unified Scaling Laws for Compressed Representations, eq. 1 and 3", "2506.01863"
    )
    use = "which number format or sparsity to train in; how many parameters it is worth"
    outcome = "loss"
    inputs = (_PARAMS, Input("tokens", "count", "training tokens D", reference=2e10), _GMSE)
    parameters = (
        *Chinchilla.parameters,
        Parameter(
            "L", "L", "capacity at vanishing error", "unit", "ceiling",
            Prior("logitnormal", median=0.95, upper95=0.995), "", "partial", Prior("halfnormal", upper95=1.0),
        ),
        Parameter(
            "F", "F", "inverse of the bits at which capacity levels off", "positive", "slope",
            Prior("lognormal", median=0.4, upper95=1.0), "per bit", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "C", "C", "exponent of capacity where errors are large", "positive", "shape",
            Prior("lognormal", median=1.0, upper95=2.5), "", "partial", Prior("halfnormal", upper95=0.5),
        ),
    )  # fmt: skip
    published_symbols = {**Chinchilla.published_symbols, "L": "L", "F": "F", "C": "C"}
    quantities = (
        Quantity(
            "capacity", "share of its parameters that a representation is worth", "fraction", (_GMSE,),
            "arXiv:2506.01863, eq. 3",
        ),
        Quantity(
            "effective_params", "parameters of a model that is not compressed and has the same loss", "parameters",
            (_PARAMS, _GMSE), "arXiv:2506.01863, section 1",
        ),
        Quantity(
            "params_needed", "parameters in this representation with the loss of so many that are not compressed",
            "parameters", (_PARAMS, _GMSE), "N / rho(R)",
        ),
    )  # fmt: skip

    def mean(self, xp: Backend, *, params: Any, tokens: Any, gmse: Any, E: Any, A_ref: Any, alpha: Any, B_ref: Any,
             beta: Any, L: Any, F: Any, C: Any) -> Any:  # fmt: skip
        """Return the loss in nats per token, shape ``(..., row)``."""
        worth = self.effective_params(xp, params=params, gmse=gmse, L=L, F=F, C=C)
        own = {"E": E, "A_ref": A_ref, "alpha": alpha, "B_ref": B_ref, "beta": beta}
        return chinchilla_at(self).mean(xp, params=worth, tokens=tokens, **own)

    def capacity(self, xp: Backend, *, gmse: Any, L: Any, F: Any, C: Any, **others: Any) -> Any:
        """Return the share of its parameters that a representation is worth, shape ``(..., row)``."""
        some = xp.where(gmse > 0, gmse, 0.5)  # any number where the other branch is taken
        bits = -xp.log(some) / math.log(4)
        log_tanh = xp.log(-xp.expm1(-2 * F * bits)) - xp.log1p(xp.exp(-2 * F * bits))
        return xp.where(gmse > 0, L * xp.exp(C * log_tanh), 1.0)

    def effective_params(self, xp: Backend, *, params: Any, gmse: Any, **sampled: Any) -> Any:
        """Return the parameters that the model is worth, shape ``(..., row)``."""
        return params * self.capacity(xp, gmse=gmse, **sampled)

    def params_needed(self, xp: Backend, *, params: Any, gmse: Any, **sampled: Any) -> Any:
        """Return the parameters with the loss of a model that is not compressed, shape ``(..., row)``."""
        return params / self.capacity(xp, gmse=gmse, **sampled)

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return E, A, alpha, B, beta (N and D in counts), L, F and C."""
        shape = {name: sampled.pop(name) for name in ("L", "F", "C")}
        return {**chinchilla_at(self).to_published(xp, **sampled), **shape}

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from E, A, alpha, B, beta, L, F and C."""
        shape = {name: published.pop(name) for name in ("L", "F", "C")}
        return {**chinchilla_at(self).from_published(xp, **published), **shape}

    def example(self, rows: int = 24) -> dict[str, list[float]]:
        """Return values without compression and with the best scalar grids of 1 to 4 bits."""
        return {**super().example(rows), "gmse": [GAUSSIAN[i % len(GAUSSIAN)] for i in range(rows)]}
