"""Loss of dense and sparse models in one law."""

from __future__ import annotations

from typing import Any

from bayes_scaling.data.columns import FLOP_PER_PARAM_TOKEN
from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Constants, Input, Law, Parameter, Prior, Quantity
from bayes_scaling.laws.chinchilla import Chinchilla, chinchilla_at
from bayes_scaling.laws.optimum import minimum

_PARAMS = Input("params", "count", "active parameters N", reference=1e9, column="active_params", kind="count")
_SPARSITY = Input(
    "sparsity", "fraction", "share of the parameters that are not active (0: dense)", kind="fraction", low=0.0,
    high=0.9999,
)  # fmt: skip
_COMPUTE = Input("compute", "FLOP", "training compute 6 x active parameters x tokens")
_SOURCE = "Hossain et al. (2025), arXiv:2508.06617, table {}, as a public implementation of it gives them"


class Sparse(Law):
    r"""Chinchilla's law with a share of the parameters inactive, equation 7 of Hossain et al. (2025).

    The form, its number and the constants are from secondary text (summaries and a public implementation), where N are
    the active parameters: those of a mixture of experts that a token sees, those of a pruned model that are not zero.
    That fits: with these constants and active parameters the law is within 0.15 nats of the laws that they were fitted
    to, Abnar et al. (2025) for experts (at 1e20 FLOP, 1e9 and 1e10 parameters in all) and Frantar et al. (2023) for
    pruning (5e6 and 8.5e7 parameters that are not zero); with all parameters it is not.

    At the same active parameters sparsity gives more of them in all, :math:`N / (1 - S)`, whose term it is Chinchilla's
    law of; c is what it costs. The floor falls with sparsity too, to nothing at S = 1: the law is one of sparsities
    like those that were fitted. At S = 0 it is Chinchilla's law.
    """

    name = "sparse"
    title = "Loss of dense and sparse models from active parameters, tokens and sparsity"
    formula = r"L(N, D, S) = E\,(1 - S)^{\gamma} + \left(A\,(1 - S)^{\alpha} + c\,S\right) N^{-\alpha} + B\,D^{-\beta}"
    citation = Citation(
        "Hossain et al.", 2025, "Generalizing Scaling Laws for Dense and Sparse Large Language Models, eq. 7",
        "2508.06617",
    )  # fmt: skip
    use = "loss of pruned models and mixtures of experts beside dense ones; best size at a sparsity, best sparsity"
    outcome = "loss"
    verified = "steplaw"
    inputs = (_PARAMS, Chinchilla.inputs[1], _SPARSITY)
    parameters = (
        *Chinchilla.parameters,
        Parameter(
            "c_ref", "c N_0^{-\\alpha}", "loss that full sparsity would cost at the reference size", "positive",
            "amplitude", Prior("lognormal", median=0.1, upper95=0.8), "nats", "partial",
            Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "gamma", "\\gamma", "exponent of the active share in the floor", "positive", "exponent",
            Prior("lognormal", median=0.1, upper95=1.5), group_sd=Prior("halfnormal", upper95=0.3),
        ),
    )  # fmt: skip
    published_symbols = {**Chinchilla.published_symbols, "c": "c", "gamma": "\\gamma"}
    published = {
        "hossain2025_pruned": Constants(
            {"E": 0.15, "A": 86.03, "alpha": 0.28, "B": 7.90, "beta": 0.08, "c": 29.26, "gamma": 2.0},
            _SOURCE.format("VIII"), "fitted to the law of Frantar et al. (2023, arXiv:2309.08520)",
        ),
        "hossain2025_experts": Constants(
            {"E": 0.57, "A": 8.26, "alpha": 0.08, "B": 6324.82, "beta": 0.40, "c": 3.57, "gamma": 1.19},
            _SOURCE.format("IX"), "fitted to the law of Abnar et al. (2025, arXiv:2501.12370)",
        ),
    }  # fmt: skip
    quantities = (
        Quantity(
            "optimal_params", "active parameters with the lowest loss at a compute and sparsity", "parameters",
            (_COMPUTE, _SPARSITY), "arXiv:2508.06617, abstract; Chinchilla's split of compute, in closed form",
        ),
        Quantity(
            "optimal_sparsity", "sparsity with the lowest loss at a number of active parameters, up to the one asked",
            "fraction", (_PARAMS, _SPARSITY), "arXiv:2508.06617, abstract",
        ),
    )  # fmt: skip

    def mean(self, xp: Backend, *, params: Any, tokens: Any, sparsity: Any, E: Any, A_ref: Any, alpha: Any, B_ref: Any,
             beta: Any, c_ref: Any, gamma: Any) -> Any:  # fmt: skip
        """Return the loss in nats per token, shape ``(..., row)``."""
        size = self._size_term(xp, sparsity, A_ref, alpha, c_ref)
        floor = E * xp.power(1 - sparsity, gamma)
        return chinchilla_at(self).mean(
            xp, params=params, tokens=tokens, E=floor, A_ref=size, alpha=alpha, B_ref=B_ref, beta=beta
        )

    def _size_term(self, xp: Backend, sparsity: Any, A_ref: Any, alpha: Any, c_ref: Any) -> Any:
        """Return the loss due to finite size at the reference number of active parameters."""
        return A_ref * xp.power(1 - sparsity, alpha) + c_ref * sparsity

    def optimal_params(self, xp: Backend, *, compute: Any, sparsity: Any, A_ref: Any, alpha: Any, c_ref: Any,
                       **others: Any) -> Any:  # fmt: skip
        """Return the active parameters of the best split of compute at a sparsity, shape ``(..., row)``."""
        size = self._size_term(xp, sparsity, A_ref, alpha, c_ref)
        own = {"A_ref": size, "alpha": alpha, "B_ref": others["B_ref"], "beta": others["beta"]}
        return chinchilla_at(self).allocation(xp, product=compute / FLOP_PER_PARAM_TOKEN, **own)["params"]

    def optimal_sparsity(self, xp: Backend, *, params: Any, sparsity: Any, **sampled: Any) -> Any:
        """Return the sparsity with the lowest loss from 0 to the one asked, shape ``(..., row)``; tokens do not matter.

        It is an end where the loss falls, or rises, over all of them.
        """

        def loss(share: Any) -> Any:
            return self.mean(xp, params=params, tokens=self.reference["tokens"], sparsity=share, **sampled)

        most = sparsity + 0.0 * loss(sparsity)
        return minimum(loss, 0.0 * most, most, points=65)

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return E, A, alpha, B, beta, c and gamma as in the paper (counts)."""
        cost, gamma = sampled.pop("c_ref"), sampled.pop("gamma")
        dense = chinchilla_at(self).to_published(xp, **sampled)
        return {**dense, "c": cost * dense["A"] / sampled["A_ref"], "gamma": gamma}

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from the paper's constants."""
        cost, gamma = published.pop("c"), published.pop("gamma")
        dense = chinchilla_at(self).from_published(xp, **published)
        return {**dense, "c_ref": cost * dense["A_ref"] / published["A"], "gamma": gamma}

    def example(self, rows: int = 24) -> dict[str, list[float]]:
        """Return dense models, and sparse ones with up to 31 of 32 parameters not active."""
        return {**super().example(rows), "sparsity": [1 - 0.5 ** (i % 6) for i in range(rows)]}
