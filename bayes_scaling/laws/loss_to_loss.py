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
    test-to-test). Sampled are the other loss and its slope at the reference of the known loss, which runs tell well,
    and both floors as shares, which only the curvature tells. A known loss at or below its floor gives the floor of the
    other.
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
            "level", "E_1 + K (L_{ref} - E_0)^{\\kappa}", "other loss at the reference of the known one", "positive",
            "amplitude", Prior("lognormal", median=3.0, upper95=5.0), "nats", "partial",
            Prior("halfnormal", upper95=0.4),
        ),
        Parameter(
            "rate", "\\kappa K (L_{ref} - E_0)^{\\kappa - 1}", "nats of the other loss per nat of the known one there",
            "positive", "slope", Prior("lognormal", median=1.0, upper95=2.0), "1", "partial",
            Prior("halfnormal", upper95=0.4),
        ),
        Parameter(
            "share_0", "E_0 / L_{ref}", "irreducible share of the known loss at its reference", "unit", "floor",
            Prior("logitnormal", median=0.5, upper95=0.8), "", "complete", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "share_1", "E_1 / level", "irreducible share of the other loss there", "unit", "floor",
            Prior("logitnormal", median=0.5, upper95=0.8), "", "complete", Prior("halfnormal", upper95=0.5),
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

    def mean(self, xp: Backend, *, source_loss: Any, level: Any, rate: Any, share_0: Any, share_1: Any) -> Any:
        """Return the other loss in nats per token, shape ``(..., row)``."""
        kappa = self._kappa(level, rate, share_0, share_1)
        return level * (share_1 + (1 - share_1) * xp.exp(kappa * xp.log(self._ratio(xp, source_loss, share_0))))

    def translated_loss(self, xp: Backend, *, source_loss: Any, **sampled: Any) -> Any:
        """Return the other loss, shape ``(..., row)``."""
        return self.mean(xp, source_loss=source_loss, **sampled)

    def exchange_rate(
        self, xp: Backend, *, source_loss: Any, level: Any, rate: Any, share_0: Any, share_1: Any
    ) -> Any:  # fmt: skip
        """Return the slope of the other loss in the known one, shape ``(..., row)``."""
        kappa = self._kappa(level, rate, share_0, share_1)
        return rate * xp.exp((kappa - 1) * xp.log(self._ratio(xp, source_loss, share_0)))

    def example(self, rows: int = 24) -> dict[str, list[float]]:
        """Return known losses of 2 to 5 nats."""
        return {"source_loss": [2 + 3 * radical_inverse(i + 1, 2) for i in range(rows)]}

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return K, kappa and both floors."""
        kappa, at = self._kappa(**sampled), self.reference["source_loss"]
        gap = sampled["level"] * (1 - sampled["share_1"])
        return {
            "K": gap * xp.power(at * (1 - sampled["share_0"]), -kappa),
            "kappa": kappa,
            "E_0": at * sampled["share_0"],
            "E_1": sampled["level"] * sampled["share_1"],
        }

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from K, kappa and both floors; E_0 lies below the reference."""
        at = self.reference["source_loss"]
        gap = published["K"] * xp.power(at - published["E_0"], published["kappa"])
        level = published["E_1"] + gap
        rate = published["kappa"] * gap / (at - published["E_0"])
        return {"level": level, "rate": rate, "share_0": published["E_0"] / at, "share_1": published["E_1"] / level}

    def _kappa(self, level: Any, rate: Any, share_0: Any, share_1: Any) -> Any:
        return rate * self.reference["source_loss"] * (1 - share_0) / (level * (1 - share_1))

    def _ratio(self, xp: Backend, source_loss: Any, share_0: Any) -> Any:
        """Return the reducible known loss over that at the reference."""
        at = self.reference["source_loss"]
        return xp.maximum(source_loss - at * share_0, LEAST) / (at * (1 - share_0))
