"""Exact match of answers of several tokens, from a power law of the loss per token."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import SCALE_UNIT, Citation, Input, Law, Parameter, Prior, Quantity
from bayes_scaling.laws.exponentiated import ratio_for, success
from bayes_scaling.laws.parts import radical_inverse

_LENGTH = Input("length", "tokens", "tokens L that must all be right (1 for an answer as a whole)", kind="positive")
_AT = Input("scale", SCALE_UNIT, "the scale N that the law reads", kind="positive")
_TARGET = Input("target", "fraction", "pass rate to reach", kind="positive", high=1)


class ExactMatch(Law):
    r"""Share of answers that are right in every token, where the loss per token is a power law.

    Section 2 of Schaeffer et al. (2023): the loss per token is a power law of the scale, a token is right with
    probability :math:`p = e^{-loss}` and an answer of L tokens with :math:`p^L`, tokens taken as independent. On a long
    answer exact match leaves 0 late and steeply though p rises smoothly; the token edit distance does not. With answers
    taken as a whole (L = 1) it is the task scaling law of Hu et al. (2023, arXiv:2310.03262, eq. 3): minus the log of
    the pass rate is a power law, so that small models with pass rates far below one in a hundred foretell large ones,
    as long as these are measured with enough attempts. Sampled are the nats per token at the reference scale,
    :math:`c N_0^{-\alpha}`, and the exponent. There is no floor: both papers have none.
    """

    name = "exact_match"
    title = "Exact match of answers of several tokens; pass rates of small models"
    formula = r"acc(N, L) = p^L = \exp\left(-L\,c\,N^{-\alpha}\right)"
    citation = Citation(
        "Schaeffer, Miranda, Koyejo", 2023, "Are Emergent Abilities of Large Language Models a Mirage?, section 2",
        "2304.15004",
    )  # fmt: skip
    use = "is it emergence or the metric; which size reaches a pass rate, from models that hardly ever pass"
    outcome = "accuracy"
    verified = "repeated (answers as a whole)"
    inputs = (Input("scale", "count", "the scale N", reference=1e9, column="params"), _LENGTH)
    parameters = (
        Parameter(
            "nats_ref", "c\\,N_0^{-\\alpha}", "loss per token of the answer at the reference scale", "positive",
            "amplitude", Prior("lognormal", median=0.5, upper95=4.0), "nats per token", "partial",
            Prior("halfnormal", upper95=1.0),
        ),
        Parameter(
            "alpha", "\\alpha", "exponent of the scale", "positive", "exponent",
            Prior("lognormal", median=0.25, upper95=0.8), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.5),
        ),
    )  # fmt: skip
    published_symbols = {"c": "c", "alpha": "\\alpha"}
    quantities = (
        Quantity(
            "token_accuracy", "probability that a token is right", "fraction", (_AT,), "arXiv:2304.15004, section 2"
        ),
        Quantity(
            "edit_distance", "expected number of wrong tokens of an answer", "tokens", (_AT, _LENGTH),
            "arXiv:2304.15004, section 2",
        ),
        Quantity(
            "scale_needed", "scale that reaches a pass rate", SCALE_UNIT, (_TARGET, _LENGTH),
            "arXiv:2310.03262, eq. 3 solved for N",
        ),
    )  # fmt: skip

    def mean(self, xp: Backend, *, scale: Any, length: Any, nats_ref: Any, alpha: Any) -> Any:
        """Return the share of exact matches, shape ``(..., row)``."""
        return success(xp, ratio=scale / self.reference["scale"], nats=nats_ref, exponent=alpha, times=length)

    def token_accuracy(self, xp: Backend, *, scale: Any, nats_ref: Any, alpha: Any, **others: Any) -> Any:
        """Return the probability that a token is right, shape ``(..., row)``."""
        return self.mean(xp, scale=scale, length=1.0, nats_ref=nats_ref, alpha=alpha)

    def edit_distance(self, xp: Backend, *, scale: Any, length: Any, **sampled: Any) -> Any:
        """Return the expected number of wrong tokens, shape ``(..., row)``."""
        return length * (1 - self.token_accuracy(xp, scale=scale, **sampled))

    def scale_needed(self, xp: Backend, *, target: Any, length: Any, nats_ref: Any, alpha: Any, **others: Any) -> Any:
        """Return the scale that reaches a pass rate, shape ``(..., row)``; infinite for a rate of 1."""
        ratio = ratio_for(xp, wanted=target, nats=nats_ref, exponent=alpha, times=length)
        return self.reference["scale"] * ratio

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return c (per token) and alpha, with the scale in its own unit."""
        scale = xp.power(self.reference["scale"], sampled["alpha"])
        return {"c": sampled["nats_ref"] * scale, "alpha": sampled["alpha"]}

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from c and alpha."""
        scale = xp.power(self.reference["scale"], -published["alpha"])
        return {"nats_ref": published["c"] * scale, "alpha": published["alpha"]}

    def example(self, rows: int = 24) -> dict[str, list[float]]:
        """Return values with answers of 1 to 20 tokens."""
        lengths = [float(round(20 ** radical_inverse(i + 1, 3))) for i in range(rows)]
        return {**super().example(rows), "length": lengths}
