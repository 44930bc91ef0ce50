"""Reliability that compounds: success at tasks of many steps, and how long a task may be."""

from __future__ import annotations

import math
from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import SCALE_UNIT, Citation, Input, Law, Parameter, Prior, Quantity
from bayes_scaling.laws.exponentiated import ratio_for, success
from bayes_scaling.laws.parts import radical_inverse

_STEPS = Input("steps", "steps", "length of a task n: steps that must all succeed, or minutes", kind="positive")
_AT = Input("scale", SCALE_UNIT, "the scale C that the law reads", kind="positive")
_WANTED = Input("target", "fraction", "rate of success that is wanted", kind="positive", high=1)


class Horizon(Law):
    r"""Success at a task of n steps when each fails alike, with a horizon that is a power law of compute.

    A constant rate of failure gives :math:`p^n = 2^{-n / h}` with the half-life h, the length at which half of the
    tasks succeed: Ord (2025), for the tasks of Kwa et al. (2025, arXiv:2503.14499), whose own curve is a logistic in
    log n, flatter at both ends. Steps may be minutes that a person takes. That h is a power law of training compute is
    a choice of this package (both papers have it grow with the date). A horizon at other rates of success follows:
    at 99 % it is 1.45 % of that at 50 %.
    """

    name = "horizon"
    title = "Success at tasks of many steps; the length of tasks within reach"
    formula = r"p^n = 2^{-n / h(C)}, \quad h(C) = h_0\,(C / C_0)^{\gamma}"
    citation = Citation("Ord", 2025, "Is there a half-life for the success rates of AI agents?", "2505.05115")
    use = "how long a task may be at a wanted rate of success, and what compute buys of it"
    outcome = "accuracy"
    inputs = (Input("scale", "FLOP", "the scale C", reference=1e24, column="compute"), _STEPS)
    parameters = (
        Parameter(
            "h_ref", "h_0", "horizon at 50 % success and the reference scale", "positive", "amplitude",
            Prior("lognormal", median=20.0, upper95=500.0), "steps", "partial", Prior("halfnormal", upper95=1.5),
        ),
        Parameter(
            "gamma", "\\gamma", "exponent of the scale", "positive", "exponent",
            Prior("lognormal", median=0.5, upper95=1.5), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.5),
        ),
    )  # fmt: skip
    quantities = (
        Quantity(
            "horizon", "length of a task at a rate of success", "steps", (_AT, _WANTED), "arXiv:2505.05115"
        ),
        Quantity("step_reliability", "probability that a step succeeds, p", "fraction", (_AT,), "arXiv:2505.05115"),
        Quantity(
            "scale_needed", "scale at which a task of a length has a rate of success", SCALE_UNIT,
            (_STEPS, _WANTED), "the formula solved for C",
        ),
    )  # fmt: skip

    def mean(self, xp: Backend, *, scale: Any, steps: Any, h_ref: Any, gamma: Any) -> Any:
        """Return the rate of success, shape ``(..., row)``."""
        return success(xp, ratio=scale / self.reference["scale"], nats=math.log(2) / h_ref, exponent=gamma, times=steps)

    def horizon(self, xp: Backend, *, scale: Any, target: Any, h_ref: Any, gamma: Any, **others: Any) -> Any:
        """Return the length of a task at a rate of success, shape ``(..., row)``; 0 for certainty."""
        half = h_ref * xp.power(scale / self.reference["scale"], gamma)
        return half * -xp.log(target) / math.log(2)

    def step_reliability(self, xp: Backend, *, scale: Any, h_ref: Any, gamma: Any, **others: Any) -> Any:
        """Return the probability that a step succeeds, shape ``(..., row)``."""
        return self.mean(xp, scale=scale, steps=1.0, h_ref=h_ref, gamma=gamma)

    def scale_needed(self, xp: Backend, *, steps: Any, target: Any, h_ref: Any, gamma: Any, **others: Any) -> Any:
        """Return the scale at which a task has a rate of success, shape ``(..., row)``; infinite for certainty."""
        ratio = ratio_for(xp, wanted=target, nats=math.log(2) / h_ref, exponent=gamma, times=steps)
        return self.reference["scale"] * ratio

    def example(self, rows: int = 24) -> dict[str, list[float]]:
        """Return values with tasks of 1 to 200 steps."""
        steps = [float(round(200 ** radical_inverse(i + 1, 3))) for i in range(rows)]
        return {**super().example(rows), "steps": steps}
