"""Loss of a pre-trained model after fine-tuning."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Input, Law, Parameter, Prior, Quantity

_EXAMPLES = Input("examples", "examples", "fine-tuning examples D", reference=1e4, column="seen")


class Rectified(Law):
    r"""Loss by fine-tuning examples with what pre-training has learned already, the rectified law of Lin et al. (2024).

    The pre-learned data size :math:`D_l` flattens the curve where examples are few (the "pre-power phase"); far
    beyond it the law is a power law with a floor. Sampled are what can be judged: the floor :math:`E`, the loss that
    fine-tuning can take off, :math:`drop = B / D_l`, and the examples after which half of it is gone,
    :math:`D_l^{1 / \beta}`. Without fine-tuning the law gives :math:`E + drop`; the measured zero-shot loss lies on
    another branch and is left out, as the paper does. The project page has a further outer exponent; the authors' fits
    (fit_law.py) have none, as here.
    """

    name = "rectified"
    title = "Loss from fine-tuning examples, with a pre-learned data size"
    formula = r"L(D) = E + \frac{B}{D_l + D^{\beta}}"
    citation = Citation(
        "Lin et al.", 2024, "Selecting Large Language Model to Fine-tune via Rectified Scaling Law", "2402.02314"
    )
    use = "which pre-trained model to fine-tune, and what further examples bring"
    outcome = "loss"
    verified = "sft"
    inputs = (_EXAMPLES,)
    parameters = (
        Parameter(
            "E", "E", "loss after unlimited fine-tuning", "positive", "floor",
            Prior("lognormal", median=1.0, upper95=3.0), "nats", "partial", Prior("halfnormal", upper95=0.7),
        ),
        Parameter(
            "drop", "B / D_l", "loss that unlimited fine-tuning takes off", "positive", "amplitude",
            Prior("lognormal", median=1.0, upper95=4.0), "nats", "partial", Prior("halfnormal", upper95=0.7),
        ),
        Parameter(
            "knee", "D_l^{1 / \\beta}", "examples after which half of that is gone", "positive", "offset",
            Prior("lognormal", median=2e4, upper95=2e6), "examples", "partial", Prior("halfnormal", upper95=2.0),
        ),
        Parameter(
            "beta", "\\beta", "exponent of examples", "positive", "exponent",
            Prior("lognormal", median=0.4, upper95=1.0), "", "complete", Prior("halfnormal", upper95=0.3),
        ),
    )  # fmt: skip
    published_symbols = {"E": "E", "B": "B", "D_l": "D_l", "beta": "\\beta"}
    quantities = (
        Quantity(
            "pre_learned", "fine-tuning examples that pre-training is worth, D_l^(1 / beta)", "examples",
            source="arXiv:2402.02314",
        ),
        Quantity(
            "left", "share of what fine-tuning can take off that is left after so many examples", "", (_EXAMPLES,),
            "arXiv:2402.02314",
        ),
    )  # fmt: skip

    def mean(self, xp: Backend, *, examples: Any, E: Any, drop: Any, knee: Any, beta: Any) -> Any:
        """Return the loss in nats per token, shape ``(..., row)``."""
        return E + drop * self.left(xp, examples=examples, knee=knee, beta=beta)

    def left(self, xp: Backend, *, examples: Any, knee: Any, beta: Any, **others: Any) -> Any:
        """Return the share of the drop that is left, shape ``(..., row)``."""
        return xp.sigmoid(-beta * (xp.log(examples) - xp.log(knee)))

    def pre_learned(self, xp: Backend, *, knee: Any, **others: Any) -> Any:
        """Return the examples that pre-training is worth, shape ``(..., row)``."""
        return knee

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return E, B, D_l and beta as in the paper (D in examples; D_l in examples to the power beta)."""
        size = xp.power(sampled["knee"], sampled["beta"])
        return {"E": sampled["E"], "B": sampled["drop"] * size, "D_l": size, "beta": sampled["beta"]}

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from E, B, D_l and beta."""
        return {
            "E": published["E"],
            "drop": published["B"] / published["D_l"],
            "knee": xp.power(published["D_l"], 1 / published["beta"]),
            "beta": published["beta"],
        }
