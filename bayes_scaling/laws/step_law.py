"""A bowl of loss in learning rate and batch size whose centre moves with size and data."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Constants, Input, Law, Parameter, Prior, Quantity
from bayes_scaling.laws.chinchilla import Chinchilla, chinchilla_at

SIZE = Input("params", "count", "parameters N without embeddings", reference=1e9, spread=10.0)
DATA = Input("tokens", "count", "training tokens D", reference=2e10, spread=10.0)
RATE = Input("lr", "1", "peak learning rate", reference=1e-3, high=1.0, spread=8.0)
BATCH = Input("batch", "tokens", "batch size in tokens", reference=5e5, kind="count", spread=8.0)


def skewed_square(xp: Backend, distance: Any, skew: Any) -> Any:
    """Return the square of a small distance; it grows faster, like an exponential, above 0 than below."""
    x = skew * distance
    return 2 * (xp.expm1(x) - x) / skew**2


class StepLaw(Law):
    r"""Chinchilla's law at the best learning rate and batch size, and a bowl about these (Li et al. 2025).

    The centre is the paper's: :math:`\eta^* = c N^a D^b` and :math:`B^* = k D^g` (tokens). It describes the
    landscape about it as convex without a formula; the bowl is ours: a square in the logarithm of the
    batch size, and a skewed one in that of the learning rate, since too large a rate costs more than too small a one.
    Larger batches want larger rates, by an exponent r. It holds near the centre: runs that diverge are not described.
    """

    name = "step_law"
    title = "Loss from size, tokens, learning rate and batch size (Step Law)"
    formula = (
        r"L = E + A N^{-\alpha} + B D^{-\beta} + c_1 \frac{2 (e^{s u} - 1 - s u)}{s^2} + c_2 v^2,"
        r"\quad v = \ln \frac{B}{k D^{g}},\; u = \ln \frac{\eta}{c N^{a} D^{b}} - r v"
    )
    citation = Citation(
        "Li et al.", 2025,
        "Predictable Scale: Part I, Step Law -- Optimal Hyperparameter Scaling Law, for the centre of the bowl",
        "2503.04715",
    )  # fmt: skip
    use = "the best learning rate and batch size of a larger run, and what missing them costs"
    verified = "steplaw"
    outcome = "loss"
    inputs = (SIZE, DATA, RATE, BATCH)
    parameters = (
        *Chinchilla.parameters,
        Parameter(
            "lr_ref", "c N_0^a D_0^b", "best learning rate at the reference size and tokens", "positive", "offset",
            Prior("lognormal", median=1e-3, upper95=4e-3), "1", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "lr_size", "a", "exponent of size in the best learning rate", "real", "exponent",
            Prior("normal", mean=-0.4, sd=0.4), pooling="complete", group_sd=Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "lr_data", "b", "exponent of tokens in the best learning rate", "real", "exponent",
            Prior("normal", mean=0.0, sd=0.4), pooling="complete", group_sd=Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "batch_ref", "k D_0^g", "best batch size at the reference tokens", "positive", "offset",
            Prior("lognormal", median=4e5, upper95=2e6), "tokens", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "batch_data", "g", "exponent of tokens in the best batch size", "real", "exponent",
            Prior("normal", mean=0.4, sd=0.3), pooling="complete", group_sd=Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "lr_curve", "c_1", "curvature in the logarithm of the learning rate", "positive", "slope",
            Prior("lognormal", median=0.02, upper95=0.1), "nats", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "batch_curve", "c_2", "curvature in the logarithm of the batch size", "positive", "slope",
            Prior("lognormal", median=0.01, upper95=0.06), "nats", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "lr_batch", "r", "exponent of the batch size in the rate that is best for it", "real", "exponent",
            Prior("normal", mean=0.4, sd=0.3), pooling="complete", group_sd=Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "skew", "s", "how much faster the loss rises above the best rate than below it", "positive", "shape",
            Prior("lognormal", median=0.4, upper95=1.5), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.5),
        ),
    )  # fmt: skip
    published_symbols = {
        **Chinchilla.published_symbols, "c": "c", "a": "a", "b": "b", "k": "k", "g": "g", "c_1": "c_1", "c_2": "c_2",
        "r": "r", "s": "s",
    }  # fmt: skip
    published = {
        "li2025": Constants(
            {"c": 1.79, "a": -0.713, "b": 0.307, "k": 0.58, "g": 0.571},
            "Li et al. (2025), arXiv:2503.04715, eq. 1",
            "the centre alone: the paper gives neither a law of the loss nor the width of the bowl",
        ),
    }
    quantities = (
        Quantity("optimal_lr", "best peak learning rate", "1", (SIZE, DATA), "Li et al. (2025), eq. 1"),
        Quantity(
            "lr_for_batch", "best peak learning rate at a given batch size", "1", (SIZE, DATA, BATCH), "the bowl"
        ),
        Quantity("optimal_batch", "best batch size", "tokens", (DATA,), "Li et al. (2025), eq. 1"),
        Quantity(
            "penalty", "loss over that at the best learning rate and batch size", "nats", (SIZE, DATA, RATE, BATCH),
            "the bowl",
        ),
    )  # fmt: skip
    _BEST = ("E", "A_ref", "alpha", "B_ref", "beta")

    def mean(
        self, xp: Backend, *, params: Any, tokens: Any, lr: Any, batch: Any, E: Any, A_ref: Any, alpha: Any,
        B_ref: Any, beta: Any, lr_ref: Any, lr_size: Any, lr_data: Any, batch_ref: Any, batch_data: Any,
        lr_curve: Any, batch_curve: Any, lr_batch: Any, skew: Any,
    ) -> Any:  # fmt: skip
        """Return the loss in nats per token, shape ``(..., row)``."""
        own = {"E": E, "A_ref": A_ref, "alpha": alpha, "B_ref": B_ref, "beta": beta}
        best = chinchilla_at(self).mean(xp, params=params, tokens=tokens, **own)
        v = xp.log(batch) - self._log_batch(xp, tokens, batch_ref, batch_data)
        u = xp.log(lr) - self._log_lr(xp, params, tokens, lr_ref, lr_size, lr_data) - lr_batch * v
        return best + lr_curve * skewed_square(xp, u, skew) + batch_curve * v**2

    def optimal_lr(
        self, xp: Backend, *, params: Any, tokens: Any, lr_ref: Any, lr_size: Any, lr_data: Any, **others: Any
    ) -> Any:
        """Return the best peak learning rate, shape ``(..., row)``."""
        return xp.exp(self._log_lr(xp, params, tokens, lr_ref, lr_size, lr_data))

    def optimal_batch(self, xp: Backend, *, tokens: Any, batch_ref: Any, batch_data: Any, **others: Any) -> Any:
        """Return the best batch size in tokens, shape ``(..., row)``."""
        return xp.exp(self._log_batch(xp, tokens, batch_ref, batch_data))

    def penalty(self, xp: Backend, *, params: Any, tokens: Any, lr: Any, batch: Any, **sampled: Any) -> Any:
        """Return the nats that a learning rate and a batch size cost, shape ``(..., row)``."""
        best = self._best_at_batch(xp, params, tokens, batch, sampled)
        v = xp.log(batch) - xp.log(self.optimal_batch(xp, tokens=tokens, **sampled))
        rate = sampled["lr_curve"] * skewed_square(xp, xp.log(lr) - best, sampled["skew"])
        return rate + sampled["batch_curve"] * v**2

    def lr_for_batch(self, xp: Backend, *, params: Any, tokens: Any, batch: Any, **sampled: Any) -> Any:
        """Return the best peak learning rate at a batch size that need not be the best, shape ``(..., row)``."""
        return xp.exp(self._best_at_batch(xp, params, tokens, batch, sampled))

    def _best_at_batch(self, xp: Backend, params: Any, tokens: Any, batch: Any, sampled: dict[str, Any]) -> Any:
        v = xp.log(batch) - xp.log(self.optimal_batch(xp, tokens=tokens, **sampled))
        return xp.log(self.optimal_lr(xp, params=params, tokens=tokens, **sampled)) + sampled["lr_batch"] * v

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return Chinchilla's constants, those of the centre (N, D and B in counts), curvatures, r and s."""
        found = chinchilla_at(self).to_published(xp, **{k: sampled[k] for k in self._BEST})
        n, d = self.reference["params"], self.reference["tokens"]
        return {
            **found,
            "c": sampled["lr_ref"] * xp.power(n, -sampled["lr_size"]) * xp.power(d, -sampled["lr_data"]),
            "a": sampled["lr_size"],
            "b": sampled["lr_data"],
            "k": sampled["batch_ref"] * xp.power(d, -sampled["batch_data"]),
            "g": sampled["batch_data"],
            "c_1": sampled["lr_curve"],
            "c_2": sampled["batch_curve"],
            "r": sampled["lr_batch"],
            "s": sampled["skew"],
        }

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from these constants; those of the centre alone give its own."""
        n, d = self.reference["params"], self.reference["tokens"]
        found = {
            "lr_ref": published["c"] * xp.power(n, published["a"]) * xp.power(d, published["b"]),
            "lr_size": published["a"],
            "lr_data": published["b"],
            "batch_ref": published["k"] * xp.power(d, published["g"]),
            "batch_data": published["g"],
        }
        if "E" in published:
            best = {k: published[k] for k in ("E", "A", "alpha", "B", "beta")}
            found |= chinchilla_at(self).from_published(xp, **best)
            found |= {"lr_curve": published["c_1"], "batch_curve": published["c_2"]}
            found |= {"lr_batch": published["r"], "skew": published["s"]}
        return found

    def _log_lr(self, xp: Backend, params: Any, tokens: Any, lr_ref: Any, lr_size: Any, lr_data: Any) -> Any:
        moved = lr_size * xp.log(params / self.reference["params"])
        return xp.log(lr_ref) + moved + lr_data * xp.log(tokens / self.reference["tokens"])

    def _log_batch(self, xp: Backend, tokens: Any, batch_ref: Any, batch_data: Any) -> Any:
        return xp.log(batch_ref) + batch_data * xp.log(tokens / self.reference["tokens"])
