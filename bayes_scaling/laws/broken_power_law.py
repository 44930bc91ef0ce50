"""Smoothly broken power law in any scale: one break and a floor."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import SCALE, SCALE_UNIT, Citation, Law, Parameter, Prior, Quantity
from bayes_scaling.laws.theories import (
    DATA,
    SIZE,
    intrinsic_dimension,
    resolution_limited,
    resolution_to_variance,
    variance_limited,
)

BREAK = Quantity(
    "break_scale", "scale at which the exponent changes", SCALE_UNIT, (),
    "Caballero et al. (2022), eq. 1: d_1",
)  # fmt: skip


class BrokenPowerLaw(Law):
    r"""Loss as a floor and a power law whose exponent changes once, eq. 1 of Caballero et al. (2022), n = 1.

    Sampled are the reducible loss at the reference scale, the exponents on both sides of the break
    (:math:`\alpha_0 = c_0`, :math:`\alpha_1 = c_0 + c_1`, both positive, so that the loss falls
    everywhere; the paper allows any sign), the break in multiples of the reference scale, and its width.
    """

    name = "broken_power_law"
    title = "Loss from a scale, with one break and a floor"
    formula = r"L(x) = a + b\,x^{-c_0} \left[1 + (x / d_1)^{1 / f_1}\right]^{-c_1 f_1}"
    citation = Citation("Caballero et al.", 2022, "Broken Neural Scaling Laws, eq. 1 with one break", "2210.14891")
    use = "a curve whose slope changes: early and late training, two regimes of a ladder"
    outcome = "loss"
    outcome_unit = ""  # any loss: an error rate, a Brier score, a cross-entropy
    verified = "curves"
    inputs = (SCALE,)
    parameters = (
        Parameter(
            "E", "E", "irreducible loss", "positive", "floor",
            Prior("lognormal", median=0.5, upper95=2.5), "unit of the loss", "partial",
            Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "A_ref", "L(x_0) - E", "reducible loss at the reference scale", "positive", "amplitude",
            Prior("lognormal", median=0.5, upper95=2.5), "unit of the loss", "partial",
            Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "alpha_0", "\\alpha_0", "exponent of the scale before the break", "positive", "exponent",
            Prior("lognormal", median=0.25, upper95=1.0), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "alpha_1", "\\alpha_1", "exponent of the scale after the break", "positive", "exponent",
            Prior("lognormal", median=0.25, upper95=1.0), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "break_ratio", "d_1 / x_0", "scale of the break over the reference scale", "positive", "offset",
            Prior("lognormal", median=1.0, upper95=100.0), "reference scales", "partial",
            Prior("halfnormal", upper95=2.0),
        ),
        Parameter(
            "smoothness", "f_1", "width of the break in natural logarithms of the scale", "positive", "shape",
            Prior("lognormal", median=0.5, upper95=2.0), "", "partial", Prior("halfnormal", upper95=0.5),
        ),
    )  # fmt: skip
    published_symbols = {"a": "a", "b": "b", "c0": "c_0", "c1": "c_1", "d1": "d_1", "f1": "f_1"}
    prior_sets = {
        "intrinsic_dimension": intrinsic_dimension(
            "alpha_1, after the break, is about 4 / d", columns=(*DATA, *SIZE), alpha_1=1.0
        ),
        "resolution_limited": resolution_limited("alpha_1"),
        **variance_limited("alpha_1"),
        "resolution_to_variance": resolution_to_variance("alpha_0", "alpha_1"),
    }
    quantities = (
        BREAK,
        Quantity(
            "exponent_at", "exponent of the reducible loss at a scale: alpha_0 well before the break, alpha_1 well "
            "after it", "", (SCALE,), "derivative of the formula",
        ),
    )  # fmt: skip

    def mean(
        self, xp: Backend, *, scale: Any, E: Any, A_ref: Any, alpha_0: Any, alpha_1: Any, break_ratio: Any,
        smoothness: Any,
    ) -> Any:  # fmt: skip
        """Return the loss, shape ``(..., row)``."""
        log_x = xp.log(scale / self.reference["scale"])
        bent = bend(xp, log_x, break_ratio, smoothness) - bend(xp, 0.0, break_ratio, smoothness)
        return E + xp.exp(xp.log(A_ref) - alpha_0 * log_x - (alpha_1 - alpha_0) * bent)

    def break_scale(self, xp: Backend, *, break_ratio: Any, **others: Any) -> Any:
        """Return the scale of the break in its own unit, shape ``(..., row)``."""
        return break_ratio * self.reference["scale"]

    def exponent_at(
        self, xp: Backend, *, scale: Any, alpha_0: Any, alpha_1: Any, break_ratio: Any, smoothness: Any, **others: Any
    ) -> Any:
        """Return the falling slope of log (L - E) in log x, shape ``(..., row)``."""
        log_x = xp.log(scale / self.reference["scale"])
        return alpha_0 + (alpha_1 - alpha_0) * bent_share(xp, log_x, break_ratio, smoothness)

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return a, b, c0, c1, d1, f1 with the scale in its own unit."""
        alpha_0, width = sampled["alpha_0"], sampled["smoothness"]
        turn = sampled["alpha_1"] - alpha_0
        log_b = alpha_0 * xp.log(self.reference["scale"]) + turn * bend(xp, 0.0, sampled["break_ratio"], width)
        return {
            "a": sampled["E"],
            "b": sampled["A_ref"] * xp.exp(log_b),
            "c0": alpha_0,
            "c1": turn,
            "d1": sampled["break_ratio"] * self.reference["scale"],
            "f1": width,
        }

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from a, b, c0, c1, d1, f1."""
        c0, c1, ratio = published["c0"], published["c1"], published["d1"] / self.reference["scale"]
        log_fall = c0 * xp.log(self.reference["scale"]) + c1 * bend(xp, 0.0, ratio, published["f1"])
        return {
            "E": published["a"],
            "A_ref": published["b"] * xp.exp(-log_fall),
            "alpha_0": c0,
            "alpha_1": c0 + c1,
            "break_ratio": ratio,
            "smoothness": published["f1"],
        }


def bend(xp: Backend, log_x: Any, break_ratio: Any, smoothness: Any) -> Any:
    """Return a smooth max(0, log x - log d): what the break adds to the log of the scale."""
    return smoothness * xp.softplus((log_x - xp.log(break_ratio)) / smoothness)


def bent_share(xp: Backend, log_x: Any, break_ratio: Any, smoothness: Any) -> Any:
    """Return the derivative of :func:`bend` in log x: the share of the change of slope that is done."""
    return xp.sigmoid((log_x - xp.log(break_ratio)) / smoothness)
