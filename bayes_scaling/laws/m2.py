"""M2: a power law with a floor in any scale."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import SCALE, Citation, Law, Parameter, Prior
from bayes_scaling.laws.theories import (
    DATA,
    DIMENSION,
    SIZE,
    dimension,
    intrinsic_dimension,
    one_half,
    resolution_limited,
    superposition,
    variance_limited,
)


class M2(Law):
    r"""Loss as a floor and a power law, function class M2 of Alabdulmohsin et al. (2022).

    The form of the law ``power_law``, in any scale. Sampled are the floor, the reducible loss at the
    reference scale and the exponent :math:`\alpha = -c` (the paper's c is negative).
    """

    name = "m2"
    title = "Loss from a scale, with a floor (M2)"
    formula = r"L(x) = \varepsilon_\infty + \beta\,x^{c}, \quad c < 0"
    citation = Citation(
        "Alabdulmohsin, Neyshabur, Zhai", 2022, "Revisiting Neural Scaling Laws in Language and Vision, M2",
        "2209.06640",
    )  # fmt: skip
    use = "a learning curve or a ladder along one scale, inside its power-law range"
    outcome = "loss"
    outcome_unit = ""  # any loss: an error rate, a Brier score, a cross-entropy
    verified = "curves"
    inputs = (SCALE,)
    parameters = (
        Parameter(
            "E", "\\varepsilon_\\infty", "irreducible loss", "positive", "floor",
            Prior("lognormal", median=0.5, upper95=2.5), "unit of the loss", "partial",
            Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "A_ref", "L(x_0) - \\varepsilon_\\infty", "reducible loss at the reference scale", "positive", "amplitude",
            Prior("lognormal", median=0.5, upper95=2.5), "unit of the loss", "partial",
            Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "alpha", "\\alpha", "exponent of the scale", "positive", "exponent",
            Prior("lognormal", median=0.25, upper95=1.0), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.2),
        ),
    )  # fmt: skip
    published_symbols = {"E": "\\varepsilon_\\infty", "beta": "\\beta", "c": "c"}
    prior_sets = {
        "intrinsic_dimension": intrinsic_dimension("alpha is about 4 / d", columns=(*DATA, *SIZE), alpha=1.0),
        "resolution_limited": resolution_limited("alpha"),
        "superposition": superposition("alpha is", columns=SIZE, alpha=1.0),
        "one_half": one_half("alpha is about 1/2 (of tokens at most)", columns=(*DATA, *SIZE), alpha=1.0),
        **variance_limited("alpha"),
    }
    quantities = (DIMENSION,)

    def mean(self, xp: Backend, *, scale: Any, E: Any, A_ref: Any, alpha: Any) -> Any:
        """Return the loss, shape ``(..., row)``."""
        return E + A_ref * xp.power(scale / self.reference["scale"], -alpha)

    def intrinsic_dimension(self, xp: Backend, *, alpha: Any, **others: Any) -> Any:
        """Return 4 / alpha, of compute 2 / alpha, shape ``(..., row)``."""
        return dimension(alpha, self.scales["scale"])

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return E, beta and c with the scale in its own unit."""
        beta = sampled["A_ref"] * xp.power(self.reference["scale"], sampled["alpha"])
        return {"E": sampled["E"], "beta": beta, "c": -sampled["alpha"]}

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from E, beta and c."""
        at_reference = published["beta"] * xp.power(self.reference["scale"], published["c"])
        return {"E": published["E"], "A_ref": at_reference, "alpha": -published["c"]}
