"""A broken power law in the odds between a start and a floor."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import SCALE, Citation, Law, Parameter, Prior
from bayes_scaling.laws.broken_power_law import BREAK, bend


class BrokenOdds(Law):
    r"""Loss between a start and a floor; the odds of what is left fall as a power law with one break.

    The odds :math:`o = (L - E) / (e_0 - L)` turn a curve that saturates at both ends into a straight one,
    so that the break is left to describe a change of slope. Without a break
    (:math:`\alpha_0 = \alpha_1`) the law is M4 of Alabdulmohsin et al. (2022) with shape 1; far from the start
    it is the broken power law of Caballero et al. (2022) with floor E.
    """

    name = "broken_odds"
    title = "Loss from a scale, between the loss before training and a floor, with one break"
    formula = (
        r"\frac{L - E}{e_0 - L} = o_0\,(x / x_0)^{-\alpha_0}"
        r"\left[\frac{1 + (x / d_1)^{1 / f_1}}{1 + (x_0 / d_1)^{1 / f_1}}\right]^{-(\alpha_1 - \alpha_0) f_1}"
    )
    citation = Citation(
        "Alabdulmohsin, Neyshabur, Zhai", 2022,
        "Revisiting Neural Scaling Laws in Language and Vision, M4 (shape 1), with the break of arXiv:2210.14891",
        "2209.06640",
    )  # fmt: skip
    use = "a whole learning curve that leaves random guessing, falls, and bends; an error rate or a normalised loss"
    outcome = "loss"
    outcome_unit = ""  # any loss: an error rate, a Brier score, a cross-entropy
    verified = "curves"
    inputs = (SCALE,)
    parameters = (
        Parameter(
            "e0", "e_0", "loss before training (random guessing)", "positive", "ceiling",
            Prior("lognormal", median=1.0, upper95=3.0), "unit of the loss", "partial",
            Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "E_share", "E / e_0", "irreducible share of the loss before training", "unit", "floor",
            Prior("logitnormal", median=0.2, upper95=0.7), "", "partial", Prior("halfnormal", upper95=1.0),
        ),
        Parameter(
            "odds_ref", "o_0", "odds of the reducible loss that is left at the reference scale", "positive",
            "amplitude", Prior("lognormal", median=1.0, upper95=10.0), "", "partial",
            Prior("halfnormal", upper95=1.5),
        ),
        Parameter(
            "alpha_0", "\\alpha_0", "exponent of the scale before the break", "positive", "exponent",
            Prior("lognormal", median=0.5, upper95=2.0), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "alpha_1", "\\alpha_1", "exponent of the scale after the break", "positive", "exponent",
            Prior("lognormal", median=0.4, upper95=1.2), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.3),
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
    published_symbols = {
        "E": "E", "e0": "e_0", "o0": "o_0", "alpha_0": "\\alpha_0", "alpha_1": "\\alpha_1", "d1": "d_1", "f1": "f_1",
    }  # fmt: skip
    quantities = (BREAK,)

    def mean(
        self, xp: Backend, *, scale: Any, e0: Any, E_share: Any, odds_ref: Any, alpha_0: Any, alpha_1: Any,
        break_ratio: Any, smoothness: Any,
    ) -> Any:  # fmt: skip
        """Return the loss, shape ``(..., row)``."""
        log_x = xp.log(scale / self.reference["scale"])
        bent = bend(xp, log_x, break_ratio, smoothness) - bend(xp, 0.0, break_ratio, smoothness)
        log_odds = xp.log(odds_ref) - alpha_0 * log_x - (alpha_1 - alpha_0) * bent
        return e0 * (E_share + (1 - E_share) * xp.sigmoid(log_odds))

    def break_scale(self, xp: Backend, *, break_ratio: Any, **others: Any) -> Any:
        """Return the scale of the break in its own unit, shape ``(..., row)``."""
        return break_ratio * self.reference["scale"]

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return floor, start, odds at the reference scale, exponents and the break in its own unit."""
        return {
            "E": sampled["e0"] * sampled["E_share"],
            "e0": sampled["e0"],
            "o0": sampled["odds_ref"],
            "alpha_0": sampled["alpha_0"],
            "alpha_1": sampled["alpha_1"],
            "d1": sampled["break_ratio"] * self.reference["scale"],
            "f1": sampled["smoothness"],
        }

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from the constants of :meth:`to_published`."""
        return {
            "e0": published["e0"],
            "E_share": published["E"] / published["e0"],
            "odds_ref": published["o0"],
            "alpha_0": published["alpha_0"],
            "alpha_1": published["alpha_1"],
            "break_ratio": published["d1"] / self.reference["scale"],
            "smoothness": published["f1"],
        }
