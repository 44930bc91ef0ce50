"""M1: a pure power law in any scale."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import SCALE, Citation, Law, Parameter, Prior
from bayes_scaling.laws.theories import DATA, DIMENSION, SIZE, dimension, intrinsic_dimension, resolution_limited


class M1(Law):
    r"""Loss as a power law without a floor, function class M1 of Alabdulmohsin et al. (2022).

    Sampled are the loss at the reference scale and the exponent :math:`\alpha = -c` (the paper's c is negative).
    """

    name = "m1"
    title = "Loss from a scale, without a floor (M1)"
    formula = r"L(x) = \beta\,x^{c}, \quad c < 0"
    citation = Citation(
        "Alabdulmohsin, Neyshabur, Zhai", 2022, "Revisiting Neural Scaling Laws in Language and Vision, M1",
        "2209.06640",
    )  # fmt: skip
    use = "the simplest baseline; no irreducible loss"
    outcome = "loss"
    outcome_unit = ""  # any loss: an error rate, a Brier score, a cross-entropy
    inputs = (SCALE,)
    parameters = (
        Parameter(
            "L_ref", "L(x_0)", "loss at the reference scale", "positive", "amplitude",
            Prior("lognormal", median=1.0, upper95=4.0), "unit of the loss", "partial",
            Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "alpha", "\\alpha", "exponent of the scale", "positive", "exponent",
            Prior("lognormal", median=0.15, upper95=0.6), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.2),
        ),
    )  # fmt: skip
    published_symbols = {"beta": "\\beta", "c": "c"}
    prior_sets = {
        "intrinsic_dimension": intrinsic_dimension("alpha is about 4 / d", columns=(*DATA, *SIZE), alpha=1.0),
        "resolution_limited": resolution_limited("alpha"),
    }
    quantities = (DIMENSION,)

    def mean(self, xp: Backend, *, scale: Any, L_ref: Any, alpha: Any) -> Any:
        """Return the loss, shape ``(..., row)``."""
        return L_ref * xp.power(scale / self.reference["scale"], -alpha)

    def intrinsic_dimension(self, xp: Backend, *, alpha: Any, **others: Any) -> Any:
        """Return 4 / alpha, of compute 2 / alpha, shape ``(..., row)``."""
        return dimension(alpha, self.scales["scale"])

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return beta and c with the scale in its own unit."""
        beta = sampled["L_ref"] * xp.power(self.reference["scale"], sampled["alpha"])
        return {"beta": beta, "c": -sampled["alpha"]}

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from beta and c."""
        at_reference = published["beta"] * xp.power(self.reference["scale"], published["c"])
        return {"L_ref": at_reference, "alpha": -published["c"]}
