"""Loss of models that route each token to one of several experts, above a floor."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Law, Parameter, Prior, Quantity
from bayes_scaling.laws.routed import LARGEST, Routed

_SHARED = tuple(p for p in Routed.parameters if p.name in ("E_start", "span"))
_PARAMS, _EXPERTS = Routed.inputs


class RoutedFloor(Law):
    r"""Experts multiply the parameters of a model whose reducible loss is a power law.

    The saturated number of experts :math:`\hat E` is that of Clark et al. (2022), equation 2. Their law has no floor
    and needs a term in both logarithms to say that routing helps less in larger models; above an irreducible loss it
    helps less by itself: :math:`L = E + A\,(N (\hat E / E_{start})^{\gamma})^{-\alpha}`. The floor is ours.
    """

    name = "routed_floor"
    title = "Loss from size and number of experts, with a floor"
    formula = r"L = L_\infty + A \left(N\,(\hat E / E_{start})^{\gamma}\right)^{-\alpha}"
    citation = Citation(
        "Clark et al.", 2022, "Unified Scaling Laws for Routed Language Models, eq. 2; the floor is of this package",
        "2202.01169",
    )  # fmt: skip
    use = "loss of larger mixtures of experts than were trained, and the dense model that they are worth"
    outcome = "loss"
    verified = "routing"
    inputs = Routed.inputs
    parameters = (
        Parameter(
            "floor", "L_\\infty", "irreducible loss", "positive", "floor",
            Prior("lognormal", median=1.7, upper95=2.6), "nats", "partial", Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "A_ref", "A N_0^{-\\alpha}", "reducible loss of the dense model at the reference size", "positive",
            "amplitude", Prior("lognormal", median=0.6, upper95=1.5), "nats", "partial",
            Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "alpha", "\\alpha", "exponent of effective parameters", "positive", "exponent",
            Prior("lognormal", median=0.25, upper95=0.6), group_sd=Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "gamma", "\\gamma", "exponent of the experts in effective parameters", "positive", "exponent",
            Prior("lognormal", median=0.5, upper95=1.2), group_sd=Prior("halfnormal", upper95=0.2),
        ),
        *_SHARED,
    )  # fmt: skip
    quantities = (
        Quantity(
            "effective_params", "parameters of the dense model of the same loss", "parameters", (_PARAMS, _EXPERTS),
            "arXiv:2202.01169, section 5.1, with a floor",
        ),
    )  # fmt: skip

    def mean(
        self, xp: Backend, *, active_params: Any, experts: Any, floor: Any, A_ref: Any, alpha: Any, gamma: Any,
        E_start: Any, span: Any,
    ) -> Any:  # fmt: skip
        """Return the loss in nats per token, shape ``(..., row)``."""
        own = {"gamma": gamma, "E_start": E_start, "span": span}
        worth = self.effective_params(xp, active_params=active_params, experts=experts, **own)
        return floor + A_ref * xp.power(worth / self.reference["active_params"], -alpha)

    def effective_params(
        self, xp: Backend, *, active_params: Any, experts: Any, gamma: Any, E_start: Any, span: Any, **others: Any
    ) -> Any:
        """Return the parameters of the dense model of the same loss, shape ``(..., row)``."""
        gain = Routed().gain(
            xp, active_params=active_params, experts=experts, gamma=gamma, c=0.0, E_start=E_start, span=span
        )
        return active_params * xp.exp(xp.minimum(gain, LARGEST))

    def example(self, rows: int = 24) -> dict[str, list[float]]:
        """Return values with 1 to 512 experts."""
        return Routed().at(**self.reference).example(rows)
