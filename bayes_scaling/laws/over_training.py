"""Loss from compute and tokens per parameter."""

from __future__ import annotations

from typing import Any

from bayes_scaling.data.columns import FLOP_PER_PARAM_TOKEN
from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Input, Law, Parameter, Prior, Quantity
from bayes_scaling.laws.chinchilla import chinchilla_at
from bayes_scaling.laws.theories import HALF, intrinsic_dimension, one_half, superposition

CHINCHILLA = 20.0
"""Tokens per parameter of multiplier 1 (Hoffmann et al. 2022, as Gadre et al. 2024 use it)."""
COMPUTE = Input("compute", "FLOP", "training compute, 6 N D")
TIMES = Input("multiplier", "1", "tokens per parameter over 20, Chinchilla's", kind="positive")


class OverTraining(Law):
    r"""One exponent for size and data, so that over-training shifts the line of loss in compute (Gadre et al. 2024).

    With :math:`M = D / N` and :math:`C = 6 N D`: :math:`a M^\eta C^{-\eta}` is a power law in N alone,
    :math:`b M^{-\eta} C^{-\eta}` one in D, both with exponent :math:`2 \eta`. Sampled are these two reducible losses
    at the reference size and tokens.
    """

    name = "over_training"
    title = "Loss from compute and tokens per parameter (over-training)"
    formula = r"L(C, M) = E + (a M^{\eta} + b M^{-\eta})\,C^{-\eta}, \quad M = D / N,\; C = 6 N D"
    citation = Citation(
        "Gadre et al.", 2024,
        "Language models scale reliably with over-training and on downstream tasks, section 2, alpha = beta = 2 eta",
        "2403.08540",
    )  # fmt: skip
    use = "runs trained well beyond Chinchilla's tokens; the loss at so many times its tokens per parameter"
    verified = "overtraining"
    outcome = "loss"
    inputs = (
        Input("params", "count", "parameters N", reference=1e9),
        Input("tokens", "count", "training tokens D", reference=2e10),
    )
    parameters = (
        Parameter(
            "E", "E", "irreducible loss", "positive", "floor",
            Prior("lognormal", median=1.7, upper95=2.6), "nats", "partial", Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "A_ref", "a (6 N_0^2)^{-\\eta}", "loss due to finite size at the reference size", "positive", "amplitude",
            Prior("lognormal", median=0.4, upper95=1.2), "nats", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "B_ref", "b (6 D_0^2)^{-\\eta}", "loss due to finite data at the reference tokens", "positive",
            "amplitude", Prior("lognormal", median=0.4, upper95=1.2), "nats", "partial",
            Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "eta", "\\eta", "exponent of compute at a constant number of tokens per parameter", "positive",
            "exponent", Prior("lognormal", median=0.17, upper95=0.35), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.2),
        ),
    )  # fmt: skip
    published_symbols = {"E": "E", "a": "a", "b": "b", "eta": "\\eta"}
    prior_sets = {
        "intrinsic_dimension": intrinsic_dimension("the exponents of both, twice eta, are about 4 / d", eta=HALF),
        "superposition": superposition("the exponent of parameters, twice eta, is", eta=HALF),
        "one_half": one_half("the exponents of both, twice eta, are about 1/2 (of tokens at most)", eta=HALF),
    }
    quantities = (
        Quantity(
            "overtrained_loss", "loss at so many times Chinchilla's tokens per parameter", "nats", (COMPUTE, TIMES),
            "Gadre et al. (2024), section 2",
        ),
        Quantity(
            "overtraining_cost", "loss there over the smallest at the same compute", "nats", (COMPUTE, TIMES),
            "Gadre et al. (2024), section 2",
        ),
        Quantity(
            "best_tokens_per_param", "tokens per parameter of the smallest loss, the same at every compute", "1", (),
            "M* = (b / a)^(1 / (2 eta))",
        ),
    )  # fmt: skip

    def mean(self, xp: Backend, *, params: Any, tokens: Any, E: Any, A_ref: Any, B_ref: Any, eta: Any) -> Any:
        """Return the loss in nats per token, shape ``(..., row)``."""
        own = {"E": E, "A_ref": A_ref, "alpha": 2 * eta, "B_ref": B_ref, "beta": 2 * eta}
        return chinchilla_at(self).mean(xp, params=params, tokens=tokens, **own)

    def best_tokens_per_param(self, xp: Backend, *, A_ref: Any, B_ref: Any, eta: Any, **others: Any) -> Any:
        """Return the tokens per parameter at which both reducible losses are alike, shape ``(..., row)``."""
        ratio = self.reference["tokens"] / self.reference["params"]
        return ratio * xp.power(B_ref / A_ref, 1 / (2 * eta))

    def overtrained_loss(self, xp: Backend, *, compute: Any, multiplier: Any, **sampled: Any) -> Any:
        """Return the loss at ``20 * multiplier`` tokens per parameter, shape ``(..., row)``."""
        return self._at_ratio(xp, compute, CHINCHILLA * multiplier, sampled)

    def overtraining_cost(self, xp: Backend, *, compute: Any, multiplier: Any, **sampled: Any) -> Any:
        """Return what that ratio of tokens costs against the best one, in nats, shape ``(..., row)``."""
        best = self._at_ratio(xp, compute, self.best_tokens_per_param(xp, **sampled), sampled)
        return self.overtrained_loss(xp, compute=compute, multiplier=multiplier, **sampled) - best

    def _at_ratio(self, xp: Backend, compute: Any, ratio: Any, sampled: dict[str, Any]) -> Any:
        """Return the loss at a budget and a ratio of tokens to parameters."""
        params = xp.sqrt(compute / (FLOP_PER_PARAM_TOKEN * ratio))
        return self.mean(xp, params=params, tokens=ratio * params, **sampled)

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return E, a, b and eta as in the paper (compute in FLOP)."""
        return {
            "E": sampled["E"],
            "a": sampled["A_ref"] * self._unit(xp, "params", sampled["eta"]),
            "b": sampled["B_ref"] * self._unit(xp, "tokens", sampled["eta"]),
            "eta": sampled["eta"],
        }

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from E, a, b and eta."""
        return {
            "E": published["E"],
            "A_ref": published["a"] / self._unit(xp, "params", published["eta"]),
            "B_ref": published["b"] / self._unit(xp, "tokens", published["eta"]),
            "eta": published["eta"],
        }

    def _unit(self, xp: Backend, column: str, eta: Any) -> Any:
        """Return ``(6 x^2)^eta`` at the reference of a column."""
        return xp.power(FLOP_PER_PARAM_TOKEN * self.reference[column] ** 2, eta)
