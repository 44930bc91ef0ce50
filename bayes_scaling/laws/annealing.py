"""Loss at any step of any schedule, from what was walked and what was annealed."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Input, Law, Parameter, Prior, Quantity
from bayes_scaling.laws.parts import radical_inverse

FORWARD = Input("forward_area", "learning rate x steps", "sum of the learning rates S_1", reference=10.0)
ANNEALED = Input("annealing_area", "learning rate x steps", "annealing area S_2", kind="real")


class Annealing(Law):
    r"""Loss as a power law of the forward area less the annealing area (Tissue et al. 2024).

    :math:`S_1` is the sum of learning rates, :math:`S_2` that of the falls of the rate, each remembered with a decay
    per step of 0.999: :func:`bayes_scaling.data.areas` gives both after every step of a schedule.
    A constant rate has :math:`S_2 = 0` and the power law alone.
    """

    name = "annealing"
    title = "Loss at any step of any learning-rate schedule (annealing)"
    formula = r"L(s) = L_0 + A\,S_1^{-\alpha} - C\,S_2, \quad S_1 = \sum_i \eta_i,\; S_2 = \sum_i m_i"
    citation = Citation(
        "Tissue, Wang, Wang", 2024, "Scaling Law with Learning Rate Annealing, eq. 1", "2408.11029"
    )  # fmt: skip
    use = "a whole loss curve under one schedule, forecast to another; what a cooldown gains"
    verified = "gemstones"
    outcome = "loss"
    inputs = (FORWARD, ANNEALED)
    parameters = (
        Parameter(
            "L_0", "L_0", "loss of an endless constant rate", "positive", "floor",
            Prior("lognormal", median=2.3, upper95=3.3), "nats", "partial", Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "A_ref", "A S_{1,0}^{-\\alpha}", "loss over L_0 at the reference forward area", "positive", "amplitude",
            Prior("lognormal", median=0.3, upper95=1.2), "nats", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "alpha", "\\alpha", "exponent of the forward area", "positive", "exponent",
            Prior("lognormal", median=0.5, upper95=1.0), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "C", "C", "loss gained per annealing area", "positive", "slope",
            Prior("lognormal", median=0.4, upper95=2.0), "nats", "partial", Prior("halfnormal", upper95=0.5),
        ),
    )  # fmt: skip
    published_symbols = {"L_0": "L_0", "A": "A", "alpha": "\\alpha", "C": "C"}
    quantities = (
        Quantity(
            "annealing_gain", "loss gained by annealing, against a constant rate of the same forward area", "nats",
            (ANNEALED,), "Tissue et al. (2024), eq. 1",
        ),
    )  # fmt: skip

    def mean(
        self, xp: Backend, *, forward_area: Any, annealing_area: Any, L_0: Any, A_ref: Any, alpha: Any, C: Any
    ) -> Any:
        """Return the loss in nats per token, shape ``(..., row)``."""
        walked = xp.power(forward_area / self.reference["forward_area"], -alpha)
        return L_0 + A_ref * walked - C * annealing_area

    def annealing_gain(self, xp: Backend, *, annealing_area: Any, C: Any, **others: Any) -> Any:
        """Return the nats that an annealing area is worth, shape ``(..., row)``."""
        return C * annealing_area

    def example(self, rows: int = 24) -> dict[str, list[float]]:
        """Return forward areas within two decades, every other row with some annealing."""
        forward = [10.0 ** (2 * radical_inverse(i + 1, 2)) for i in range(rows)]
        return {
            "forward_area": forward,
            "annealing_area": [0.2 * radical_inverse(i // 2, 3) * (i % 2) for i in range(rows)],
        }

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return L_0, A, alpha and C as in the paper."""
        scale = xp.power(self.reference["forward_area"], sampled["alpha"])
        return {"L_0": sampled["L_0"], "A": sampled["A_ref"] * scale, "alpha": sampled["alpha"], "C": sampled["C"]}

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from L_0, A, alpha and C."""
        scale = xp.power(self.reference["forward_area"], published["alpha"])
        return {**{k: published[k] for k in ("L_0", "alpha", "C")}, "A_ref": published["A"] / scale}
