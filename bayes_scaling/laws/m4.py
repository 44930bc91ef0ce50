"""M4: a power law between the loss before training and a floor, implicit in the loss."""

from __future__ import annotations

import math
from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import SCALE, Citation, Law, Parameter, Prior

_TANGENTS = (-4.0, -2.0, 0.0, 2.0, 4.0)  # where the start of the Newton steps touches the curve
_STEPS = 5


class M4(Law):
    r"""Loss between a start and a floor, function class M4 of Alabdulmohsin et al. (2022).

    The paper's :math:`\alpha` is ``a`` here and :math:`\alpha = -c` the exponent (the paper's c is
    negative). With a -> 0 the law is M2, with a = 1 a logistic curve in log x. Sampled are the upper
    limit ``e0``, the floor as a share of it (so that it lies below in every draw), the
    share of the way down that is left at the reference scale, the exponent and ``a``.

    The formula is solved for :math:`L = \varepsilon_\infty + (\varepsilon_0 - \varepsilon_\infty)\,\sigma(t)`:
    its logarithm is :math:`t + (a - 1)\,\mathrm{softplus}(t) = z` with z linear in log x.
    """

    name = "m4"
    title = "Loss from a scale, between the loss before training and a floor (M4)"
    formula = r"\frac{L - \varepsilon_\infty}{(\varepsilon_0 - L)^{a}} = \beta\,x^{c}, \quad c < 0"
    citation = Citation(
        "Alabdulmohsin, Neyshabur, Zhai", 2022, "Revisiting Neural Scaling Laws in Language and Vision, M4",
        "2209.06640",
    )  # fmt: skip
    use = "a whole learning curve, from random guessing to the floor; the loss is an error rate or is normalised"
    outcome = "loss"
    outcome_unit = ""  # any loss: an error rate, a Brier score, a cross-entropy
    verified = "curves"
    inputs = (SCALE,)
    parameters = (
        Parameter(
            "e0", "\\varepsilon_0", "loss before training (random guessing)", "positive", "ceiling",
            Prior("lognormal", median=1.0, upper95=3.0), "unit of the loss", "partial",
            Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "E_share", "\\varepsilon_\\infty / \\varepsilon_0", "irreducible share of the loss before training",
            "unit", "floor", Prior("logitnormal", median=0.3, upper95=0.8), "", "partial",
            Prior("halfnormal", upper95=1.0),
        ),
        Parameter(
            "left_ref", "(L(x_0) - \\varepsilon_\\infty) / (\\varepsilon_0 - \\varepsilon_\\infty)",
            "share of the reducible loss that is left at the reference scale", "unit", "amplitude",
            Prior("logitnormal", median=0.5, upper95=0.95), "", "partial", Prior("halfnormal", upper95=1.5),
        ),
        Parameter(
            "alpha", "-c", "exponent of the scale", "positive", "exponent",
            Prior("lognormal", median=0.25, upper95=1.0), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "a", "a", "shape of the way down from the loss before training", "positive", "shape",
            Prior("lognormal", median=1.0, upper95=4.0), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.5),
        ),
    )  # fmt: skip
    published_symbols = {"E": "\\varepsilon_\\infty", "e0": "\\varepsilon_0", "beta": "\\beta", "c": "c", "a": "a"}

    def mean(self, xp: Backend, *, scale: Any, e0: Any, E_share: Any, left_ref: Any, alpha: Any, a: Any) -> Any:
        """Return the loss, shape ``(..., row)``."""
        z = _logarithm(xp, xp.logit(left_ref), a) - alpha * xp.log(scale / self.reference["scale"])
        return e0 * (E_share + (1 - E_share) * xp.sigmoid(_solve(xp, z, a)))

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return E, e0, beta, c and a with the scale in its own unit."""
        e0, a, alpha = sampled["e0"], sampled["a"], sampled["alpha"]
        log_beta = _logarithm(xp, xp.logit(sampled["left_ref"]), a) + alpha * math.log(self.reference["scale"])
        log_beta = log_beta + (1 - a) * xp.log(e0 * (1 - sampled["E_share"]))
        return {"E": e0 * sampled["E_share"], "e0": e0, "beta": xp.exp(log_beta), "c": -alpha, "a": a}

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from E, e0, beta, c and a."""
        E, e0, a = published["E"], published["e0"], published["a"]
        z = xp.log(published["beta"]) + published["c"] * math.log(self.reference["scale"]) - (1 - a) * xp.log(e0 - E)
        left = xp.sigmoid(_solve(xp, z, a))
        return {"e0": e0, "E_share": E / e0, "left_ref": left, "alpha": -published["c"], "a": a}


def _logarithm(xp: Backend, t: Any, a: Any) -> Any:
    """Return log of sigma(t) / (1 - sigma(t))^a: increasing in t, convex for a > 1, concave for a < 1."""
    return t + (a - 1) * xp.softplus(t)


def _solve(xp: Backend, z: Any, a: Any) -> Any:
    """Return t with ``_logarithm(t, a) = z``, shape of z, by Newton steps.

    The curve lies on one side of its tangents and of both its asymptotes; the best of these lines gives a
    start on that side of the root from which Newton's method converges without overshooting. For a from 0.005
    to 200 the error of t is then below 1e-12 of its size (or of 1, where t is small). Where a step starts does
    not matter at the root, so only the last two steps are differentiated: first and second derivatives are exact.
    """
    z_held, a_held = xp.held(z), xp.held(a)
    lowest, highest = (pick(z_held, z_held / a_held) for pick in (xp.minimum, xp.maximum))
    for at in _TANGENTS:
        t = _step(xp, at, z_held, a_held)
        lowest, highest = xp.minimum(lowest, t), xp.maximum(highest, t)
    t = xp.where(a_held > 1, lowest, highest)
    for _ in range(_STEPS - 2):
        t = _step(xp, t, z_held, a_held)
    return _step(xp, _step(xp, t, z, a), z, a)


def _step(xp: Backend, t: Any, z: Any, a: Any) -> Any:
    """Return where the tangent of ``_logarithm`` at t reaches z: the Newton step from there."""
    slope = xp.sigmoid(t)
    return (z - (a - 1) * (xp.softplus(t) - t * slope)) / (1 + (a - 1) * slope)
