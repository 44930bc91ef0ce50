"""Accuracy as a sigmoid of the loss, between a floor and a ceiling."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Input, Law, Parameter, Prior


class LossSigmoid(Law):
    r"""Accuracy as a falling sigmoid of the loss, the second step of Bhagia et al. (2024).

    Sampled are floor, ceiling (as the share of the way from the floor to 1), the log-odds between them at
    the reference loss, ``level``, and what of them is gained per nat, ``slope``. The inflection loss
    :math:`L_0 = L_{ref} + level / slope` follows; a task whose inflection lies below the irreducible loss of a
    corpus is not half learned on it by any compute. The paper's
    :math:`a / (1 + e^{-k (L - L_0)}) + b` has :math:`b` for the ceiling and :math:`a < 0`.
    """

    name = "loss_sigmoid"
    title = "Accuracy from loss, a sigmoid between a floor and a ceiling"
    formula = r"acc(L) = b + \frac{a}{1 + e^{-k\,(L - L_0)}}, \quad a < 0"
    citation = Citation(
        "Bhagia et al.", 2024, "Establishing Task Scaling Laws via Compute-Efficient Model Ladders", "2412.04403"
    )
    use = "accuracy of a task against the loss of the same models, and whether the task is within reach"
    outcome = "accuracy"
    verified = "overtraining"
    inputs = (Input("loss", "nats per token", "loss L of the model", reference=3.0, spread=2.0),)
    parameters = (
        Parameter(
            "level", "k\\,(L_0 - L_{ref})", "log-odds between floor and ceiling at the reference loss", "real",
            "offset", Prior("normal", mean=0.0, sd=1.5), "log-odds", "partial", Prior("halfnormal", upper95=1.0),
        ),
        Parameter(
            "slope", "k", "log-odds gained per nat", "positive", "slope",
            Prior("lognormal", median=2.0, upper95=8.0), "log-odds per nat", "complete",
            Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "floor", "a + b", "accuracy of a model with a very high loss", "unit", "floor",
            Prior("logitnormal", median=0.2, upper95=0.6), "fraction", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "ceiling", "-a / (1 - a - b)", "share of the way from the floor to 1 that a vanishing loss goes", "unit",
            "ceiling", Prior("logitnormal", median=0.85, upper95=0.99), "fraction", "complete",
            Prior("halfnormal", upper95=1.0),
        ),
    )  # fmt: skip
    published_symbols = {"a": "a", "k": "k", "L_0": "L_0", "b": "b"}

    def mean(self, xp: Backend, *, loss: Any, level: Any, slope: Any, floor: Any, ceiling: Any) -> Any:
        """Return the accuracy as a fraction, shape ``(..., row)``."""
        way = xp.sigmoid(level - slope * (loss - self.reference["loss"]))
        return floor + (1 - floor) * ceiling * way

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return a, k, the inflection L_0 (nats) and b, as in the paper."""
        drop = (1 - sampled["floor"]) * sampled["ceiling"]
        inflection = self.reference["loss"] + sampled["level"] / sampled["slope"]
        return {"a": -drop, "k": sampled["slope"], "L_0": inflection, "b": sampled["floor"] + drop}

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from a, k, L_0 and b."""
        floor = published["a"] + published["b"]
        return {
            "level": published["k"] * (published["L_0"] - self.reference["loss"]),
            "slope": published["k"],
            "floor": floor,
            "ceiling": -published["a"] / (1 - floor),
        }
