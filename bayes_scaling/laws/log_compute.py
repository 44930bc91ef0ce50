"""Loss in compute only, linear in its logarithm."""

from __future__ import annotations

import math
from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Input, Law, Parameter, Prior

SMALLEST = 1e-3
"""Loss at which the line is held beyond the compute where it would reach zero, in nats."""


class LogCompute(Law):
    r"""Loss that falls as much with every tenfold compute, however it is split (Guo 2024).

    The paper's fit is of bits per character of published models, :math:`BPC = \alpha \log C + \beta` with negative
    :math:`\alpha`; loss in nats per character, or per token, is as linear. Sampled are the loss at the reference
    compute and how much of it a tenfold compute takes off. The line has no floor and would pass zero: it is held just
    above. Law ``power_law`` is loss in compute only with a floor; law ``chinchilla`` lets the split matter.
    """

    name = "log_compute"
    title = "Loss from compute alone, linear in its logarithm"
    formula = r"L(C) = \alpha \log C + \beta"
    citation = Citation("Guo", 2024, "More Compute Is What You Need", "2404.19484")
    use = "whether the split of compute matters at all: compare with chinchilla on the same runs"
    outcome = "loss"
    verified = "chinchilla"
    inputs = (Input("compute", "FLOP", "training compute C", reference=1e21),)
    parameters = (
        Parameter(
            "L_ref", "L(C_0)", "loss at the reference compute", "positive", "offset",
            Prior("lognormal", median=2.3, upper95=3.5), "nats", "partial", Prior("halfnormal", upper95=0.3),
        ),
        Parameter(
            "fall", "-\\alpha \\log 10", "loss that a tenfold compute takes off", "positive", "slope",
            Prior("lognormal", median=0.2, upper95=0.5), "nats per decade", "complete",
            Prior("halfnormal", upper95=0.3),
        ),
    )  # fmt: skip
    published_symbols = {"alpha": "\\alpha", "beta": "\\beta"}

    def mean(self, xp: Backend, *, compute: Any, L_ref: Any, fall: Any) -> Any:
        """Return the loss in nats per token, shape ``(..., row)``."""
        line = L_ref - fall * xp.log10(compute / self.reference["compute"])
        return xp.maximum(line, SMALLEST)

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return alpha (per e-fold of compute) and beta, with compute in FLOP."""
        alpha = -sampled["fall"] / math.log(10)
        return {"alpha": alpha, "beta": sampled["L_ref"] - alpha * xp.log(self.reference["compute"])}

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from alpha and beta."""
        return {
            "L_ref": published["beta"] + published["alpha"] * xp.log(self.reference["compute"]),
            "fall": -published["alpha"] * math.log(10),
        }
