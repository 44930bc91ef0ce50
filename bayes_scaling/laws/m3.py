"""M3: a power law that levels off beyond a saturation scale."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import SCALE, Citation, Law, Parameter, Prior
from bayes_scaling.laws.theories import DATA, DIMENSION, SIZE, dimension, intrinsic_dimension, resolution_limited


class M3(Law):
    r"""Loss as a power law in 1/x + gamma, function class M3 of Alabdulmohsin et al. (2022), from Bansal et al. (2022).

    Below the scale :math:`1/\gamma` the loss falls as a power law, beyond it it levels off at
    :math:`\beta\gamma^{-c}`. Sampled are the loss at the reference scale, the exponent
    :math:`\alpha = -c` (the paper's c is negative) and the saturation scale in multiples of the reference scale.
    """

    name = "m3"
    title = "Loss from a scale, levelling off beyond a saturation scale (M3)"
    formula = r"L(x) = \beta\,(x^{-1} + \gamma)^{-c}, \quad c < 0"
    citation = Citation(
        "Alabdulmohsin, Neyshabur, Zhai", 2022, "Revisiting Neural Scaling Laws in Language and Vision, M3",
        "2209.06640",
    )  # fmt: skip
    use = "data scaling of one model size, which levels off where the model is too small"
    outcome = "loss"
    outcome_unit = ""  # any loss: an error rate, a Brier score, a cross-entropy
    verified = "curves"
    inputs = (SCALE,)
    parameters = (
        Parameter(
            "L_ref", "L(x_0)", "loss at the reference scale", "positive", "amplitude",
            Prior("lognormal", median=1.0, upper95=4.0), "unit of the loss", "partial",
            Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "alpha", "\\alpha", "exponent of the scale before it saturates", "positive", "exponent",
            Prior("lognormal", median=0.25, upper95=1.0), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "saturation_ratio", "1 / (\\gamma x_0)", "scale at which the loss levels off, over the reference scale",
            "positive", "offset", Prior("lognormal", median=10.0, upper95=1000.0), "reference scales", "partial",
            Prior("halfnormal", upper95=2.0),
        ),
    )  # fmt: skip
    published_symbols = {"beta": "\\beta", "c": "c", "gamma": "\\gamma"}
    prior_sets = {
        "intrinsic_dimension": intrinsic_dimension("alpha is about 4 / d", columns=(*DATA, *SIZE), alpha=1.0),
        "resolution_limited": resolution_limited("alpha"),
    }
    quantities = (DIMENSION,)

    def mean(self, xp: Backend, *, scale: Any, L_ref: Any, alpha: Any, saturation_ratio: Any) -> Any:
        """Return the loss, shape ``(..., row)``."""
        log_x, log_s = xp.log(scale / self.reference["scale"]), xp.log(saturation_ratio)
        risen = xp.logaddexp(-log_x, -log_s) - xp.softplus(-log_s)
        return xp.exp(xp.log(L_ref) + alpha * risen)

    def intrinsic_dimension(self, xp: Backend, *, alpha: Any, **others: Any) -> Any:
        """Return 4 / alpha, of compute 2 / alpha, shape ``(..., row)``."""
        return dimension(alpha, self.scales["scale"])

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return beta, c and gamma with the scale in its own unit."""
        gamma = 1 / (sampled["saturation_ratio"] * self.reference["scale"])
        at_reference = 1 / self.reference["scale"] + gamma
        beta = sampled["L_ref"] * xp.power(at_reference, -sampled["alpha"])
        return {"beta": beta, "c": -sampled["alpha"], "gamma": gamma}

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from beta, c and gamma."""
        at_reference = 1 / self.reference["scale"] + published["gamma"]
        return {
            "L_ref": published["beta"] * xp.power(at_reference, -published["c"]),
            "alpha": -published["c"],
            "saturation_ratio": 1 / (published["gamma"] * self.reference["scale"]),
        }
