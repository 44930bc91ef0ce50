"""One loss from another: a shifted power law."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Input, Law, Parameter, Prior, Quantity
from bayes_scaling.laws.parts import radical_inverse

LEAST = 1e-3
"""Nats above its floor that a source loss is taken to have at least, so that the power has a slope."""


class LossToLoss(Law):
    r"""Loss on one corpus or validation set from that on another (Brandfonbrener et al. 2024).

    Models are paired by training compute (train-to-train) or are the same model on two sets (train-to-test,
    test-to-test). Sampled is the reducible loss at the reference source loss,
    :math:`K (L_{ref} - E_0)^\kappa`. A source loss at or below its floor gives the floor of the other.
    """

    name = "loss_to_loss"
    title = "Loss from another loss, a shifted power law"
    formula = r"L_1 = E_1 + K\,(L_0 - E_0)^{\kappa}"
    citation = Citation(
        "Brandfonbrener, Anand, Vyas, Malach, Kakade", 2024,
        "Loss-to-Loss Prediction: Scaling Laws for All Datasets, the shifted power law", "2411.12925",
    )  # fmt: skip
    use = "translate a ladder of runs to another corpus or validation set"
    verified = "overtraining"
    outcome = "loss"
    inputs = (
        Input("source_loss", "nats per token", "loss L_0 that is known", reference=3.0, high=20.0),
    )  # fmt: skip
    parameters = (
        Parameter(
            "E_0", "E_0", "irreducible part of the known loss", "positive", "floor",
            Prior("lognormal", median=1.5, upper95=2.4), "nats", "complete", Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "E_1", "E_1", "irreducible part of the other loss", "positive", "floor",
            Prior("lognormal", median=1.5, upper95=2.6), "nats", "partial", Prior("halfnormal", upper95=0.4),
        ),
        Parameter(
            "gap_ref", "K (L_{ref} - E_0)^{\\kappa}", "reducible other loss at the reference of the known one",
            "positive", "amplitude", Prior("lognormal", median=1.3, upper95=3.0), "nats", "partial",
            Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "kappa", "\\kappa", "exponent", "positive", "exponent",
            Prior("lognormal", median=1.0, upper95=1.6), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.2),
        ),
    )  # fmt: skip
    published_symbols = {"K": "K", "kappa": "\\kappa", "E_0": "E_0", "E_1": "E_1"}
    quantities = (
        Quantity(
            "translated_loss", "other loss of models with this known loss", "nats", inputs,
            "Brandfonbrener et al. (2024)",
        ),
        Quantity(
            "exchange_rate", "nats that the other loss falls per nat of the known one", "1", inputs,
            "derivative of the law",
        ),
    )  # fmt: skip

    def mean(self, xp: Backend, *, source_loss: Any, E_0: Any, E_1: Any, gap_ref: Any, kappa: Any) -> Any:
        """Return the other loss in nats per token, shape ``(..., row)``."""
        return E_1 + gap_ref * xp.exp(kappa * self._log_ratio(xp, source_loss, E_0))

    def translated_loss(self, xp: Backend, *, source_loss: Any, **sampled: Any) -> Any:
        """Return the other loss, shape ``(..., row)``."""
        return self.mean(xp, source_loss=source_loss, **sampled)

    def exchange_rate(self, xp: Backend, *, source_loss: Any, E_0: Any, gap_ref: Any, kappa: Any, **others: Any) -> Any:
        """Return the slope of the other loss in the known one, shape ``(..., row)``."""
        rise = gap_ref * kappa * xp.exp(kappa * self._log_ratio(xp, source_loss, E_0))
        return rise / self._above(xp, source_loss, E_0)

    def example(self, rows: int = 24) -> dict[str, list[float]]:
        """Return known losses of 2 to 5 nats."""
        return {"source_loss": [2 + 3 * radical_inverse(i + 1, 2) for i in range(rows)]}

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return K, kappa and both floors."""
        scale = xp.power(self._above(xp, self.reference["source_loss"], sampled["E_0"]), sampled["kappa"])
        return {"K": sampled["gap_ref"] / scale, **{k: sampled[k] for k in ("kappa", "E_0", "E_1")}}

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from K, kappa and both floors."""
        scale = xp.power(self._above(xp, self.reference["source_loss"], published["E_0"]), published["kappa"])
        return {"gap_ref": published["K"] * scale, **{k: published[k] for k in ("kappa", "E_0", "E_1")}}

    def _above(self, xp: Backend, loss: Any, floor: Any) -> Any:
        return xp.maximum(loss - floor, LEAST)

    def _log_ratio(self, xp: Backend, source_loss: Any, floor: Any) -> Any:
        """Return the logarithm of the reducible known loss over that at the reference."""
        at = self._above(xp, self.reference["source_loss"], floor)
        return xp.log(self._above(xp, source_loss, floor)) - xp.log(at)
