"""A bowl of loss in the timescale of weight decay and the batch size."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Constants, Input, Law, Parameter, Prior, Quantity
from bayes_scaling.laws.chinchilla import Chinchilla, chinchilla_at

RATIO = 20.0
"""Tokens per parameter at which the prior of the best timescale is stated."""
SIZE = Input("params", "count", "parameters N", reference=1e9, spread=10.0)
DATA = Input("tokens", "count", "training tokens D", reference=2e10, spread=10.0)
BATCH = Input("batch", "tokens", "batch size in tokens", reference=5e5, kind="count", spread=8.0)
RATE = Input("lr", "1", "peak learning rate", reference=1e-3, high=1.0, spread=4.0)
DECAY = Input("weight_decay", "1", "weight decay of AdamW", reference=0.1, high=10.0, spread=8.0)


class WeightDecay(Law):
    r"""Chinchilla's law at the best timescale and batch size, and a bowl about these (Bergsma et al. 2025).

    The timescale of AdamW as a share of training is :math:`\tau = B / (\eta \lambda D)`. Its best value
    :math:`c_\tau (D / N)^{m_\tau}` and the best batch size :math:`c_B D^{m_B}` are the paper's laws (the former
    holds at any batch size, so that the bowl is not tilted); the quadratic about them is ours. The learning rate itself
    is taken to be at its best (the paper scales it by muP).
    """

    name = "weight_decay"
    title = "Loss from size, tokens, and the timescale of weight decay (Power Lines)"
    formula = (
        r"L = E + A N^{-\alpha} + B D^{-\beta} + c_1 u^2 + c_2 v^2,"
        r"\quad u = \ln \frac{B / (\eta \lambda D)}{c_\tau (D / N)^{m_\tau}},\; v = \ln \frac{B}{c_B D^{m_B}}"
    )
    citation = Citation(
        "Bergsma et al.", 2025,
        "Power Lines: Scaling Laws for Weight Decay and Batch Size in LLM Pre-training, for the centre of the bowl",
        "2505.13738",
    )  # fmt: skip
    use = "the best weight decay and batch size of a larger run, and what missing them costs"
    outcome = "loss"
    inputs = (SIZE, DATA, BATCH, RATE, DECAY)
    parameters = (
        *Chinchilla.parameters,
        Parameter(
            "tau_ref", "c_\\tau 20^{m_\\tau}", "best timescale at 20 tokens per parameter", "positive", "offset",
            Prior("lognormal", median=0.2, upper95=0.8), "share of training", "partial",
            Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "tau_ratio", "m_\\tau", "exponent of tokens per parameter in the best timescale", "real", "exponent",
            Prior("normal", mean=-0.4, sd=0.3), pooling="complete", group_sd=Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "batch_ref", "c_B D_0^{m_B}", "best batch size at the reference tokens", "positive", "offset",
            Prior("lognormal", median=4e5, upper95=2e6), "tokens", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "batch_data", "m_B", "exponent of tokens in the best batch size", "real", "exponent",
            Prior("normal", mean=0.4, sd=0.3), pooling="complete", group_sd=Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "tau_curve", "c_1", "curvature in the logarithm of the timescale", "positive", "slope",
            Prior("lognormal", median=0.01, upper95=0.05), "nats", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "batch_curve", "c_2", "curvature in the logarithm of the batch size", "positive", "slope",
            Prior("lognormal", median=0.01, upper95=0.06), "nats", "partial", Prior("halfnormal", upper95=0.5),
        ),
    )  # fmt: skip
    published = {
        "bergsma2025": Constants(
            {"tau_scale": 1.084, "tau_ratio": -0.527, "batch_scale": 0.0306 * 2048, "batch_data": 0.383},
            "Bergsma et al. (2025), arXiv:2505.13738, figure 1",
            "the centre alone; the paper gives the batch size in sequences of 2048 tokens",
        ),
    }
    quantities = (
        Quantity("optimal_timescale", "best timescale of weight decay", "share of training", (SIZE, DATA), "figure 1"),
        Quantity(
            "optimal_weight_decay", "best weight decay at a batch size and learning rate", "1",
            (SIZE, DATA, BATCH, RATE), "lambda = B / (eta tau D)",
        ),
        Quantity("optimal_batch", "best batch size", "tokens", (DATA,), "figure 1"),
        Quantity(
            "penalty", "loss over that at the best timescale and batch size", "nats",
            (SIZE, DATA, BATCH, RATE, DECAY), "the bowl",
        ),
    )  # fmt: skip

    def mean(
        self, xp: Backend, *, params: Any, tokens: Any, batch: Any, lr: Any, weight_decay: Any, E: Any, A_ref: Any,
        alpha: Any, B_ref: Any, beta: Any, tau_ref: Any, tau_ratio: Any, batch_ref: Any, batch_data: Any,
        tau_curve: Any, batch_curve: Any,
    ) -> Any:  # fmt: skip
        """Return the loss in nats per token, shape ``(..., row)``."""
        own = {"E": E, "A_ref": A_ref, "alpha": alpha, "B_ref": B_ref, "beta": beta}
        best = chinchilla_at(self).mean(xp, params=params, tokens=tokens, **own)
        u = xp.log(batch / (lr * weight_decay * tokens)) - self._log_tau(xp, params, tokens, tau_ref, tau_ratio)
        v = xp.log(batch) - self._log_batch(xp, tokens, batch_ref, batch_data)
        return best + tau_curve * u**2 + batch_curve * v**2

    def optimal_timescale(
        self, xp: Backend, *, params: Any, tokens: Any, tau_ref: Any, tau_ratio: Any, **others: Any
    ) -> Any:
        """Return the best timescale as a share of training, shape ``(..., row)``."""
        return xp.exp(self._log_tau(xp, params, tokens, tau_ref, tau_ratio))

    def optimal_weight_decay(
        self, xp: Backend, *, params: Any, tokens: Any, batch: Any, lr: Any, **sampled: Any
    ) -> Any:
        """Return the best weight decay at a batch size and a learning rate, shape ``(..., row)``."""
        return batch / (lr * tokens * self.optimal_timescale(xp, params=params, tokens=tokens, **sampled))

    def optimal_batch(self, xp: Backend, *, tokens: Any, batch_ref: Any, batch_data: Any, **others: Any) -> Any:
        """Return the best batch size in tokens, shape ``(..., row)``."""
        return xp.exp(self._log_batch(xp, tokens, batch_ref, batch_data))

    def penalty(
        self, xp: Backend, *, params: Any, tokens: Any, batch: Any, lr: Any, weight_decay: Any, **sampled: Any
    ) -> Any:
        """Return the nats that a weight decay and a batch size cost, shape ``(..., row)``."""
        best = self.optimal_weight_decay(xp, params=params, tokens=tokens, batch=batch, lr=lr, **sampled)
        v = xp.log(batch) - xp.log(self.optimal_batch(xp, tokens=tokens, **sampled))
        u = xp.log(best) - xp.log(weight_decay)
        return sampled["tau_curve"] * u**2 + sampled["batch_curve"] * v**2

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters; ``tau_scale`` and ``batch_scale`` are the factors c of the paper's laws."""
        found = dict(published)
        if "tau_scale" in found:
            found["tau_ref"] = found.pop("tau_scale") * RATIO ** found["tau_ratio"]
            scale = xp.power(self.reference["tokens"], found["batch_data"])
            found["batch_ref"] = found.pop("batch_scale") * scale
        return found

    def _log_tau(self, xp: Backend, params: Any, tokens: Any, tau_ref: Any, tau_ratio: Any) -> Any:
        return xp.log(tau_ref) + tau_ratio * xp.log(tokens / (RATIO * params))

    def _log_batch(self, xp: Backend, tokens: Any, batch_ref: Any, batch_data: Any) -> Any:
        return xp.log(batch_ref) + batch_data * xp.log(tokens / self.reference["tokens"])
