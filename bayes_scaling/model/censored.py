"""Noise of accuracies as they are published: small at the floor, heavier tails than normal, censored at 0 and 1.

A score scatters for three reasons, whose variances add: it is a share of ``n_items`` questions (binomial, where their
number is known); models of one skill differ on a benchmark, which moves scores most half way between chance and 1
(``scatter``) and not at all at the floor; and whatever else moves a score, rounding and evaluation (``floor_scatter``).
The sum is the variance of a logistic distribution, whose tails are heavier than the normal's and whose distribution
function is an elementary one, as exact zeros need: they are what lies below 0.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from bayes_scaling.laws.backend import Backend, numpy_backend, pytensor_backend
from bayes_scaling.laws.base import Parameter, Prior

SCALE_OF_SD = 3.0**0.5 / np.pi  # of a logistic distribution


class Censored:
    """Noise of an accuracy censored at 0 and 1, whose one ``density`` serves the graph and the draws."""

    outcome = "accuracy"

    @classmethod
    def density(cls, xp: Backend, y: Any, center: Any, values: dict[str, Any], data: dict[str, Any]) -> Any:
        """Return the log density, or the log probability of scores at 0 and 1, shape (..., row)."""
        raise NotImplementedError(f"{cls.__name__} states no density.")

    @classmethod
    def observe(cls, center: Any, values: dict[str, Any], data: dict[str, Any]) -> None:
        """Add the likelihood to the PyMC model in context."""
        import pymc as pm

        pm.Potential("accuracy", cls.density(pytensor_backend(), data["y"], center, values, data))

    @classmethod
    def log_density(cls, y: np.ndarray, center: np.ndarray, values: dict[str, Any], data: dict[str, Any]) -> np.ndarray:
        """Return the log density of the accuracy (log probability where it is censored)."""
        return cls.density(numpy_backend(), y, center, values, data)


class CensoredLogistic(Censored):
    """Logistic on accuracy, censored at 0 and 1, with a variance that shrinks towards the floor."""

    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            "scatter", "\\tau", "standard deviation of accuracy between models of one skill, half way up", "positive",
            "noise", Prior("lognormal", median=0.03, upper95=0.1), group_sd=Prior("halfnormal", upper95=1.0),
        ),
        Parameter(
            "floor_scatter", "\\tau_0", "standard deviation of accuracy anywhere, beside the binomial", "positive",
            "noise", Prior("lognormal", median=0.005, upper95=0.03), group_sd=Prior("halfnormal", upper95=1.0),
        ),
    )  # fmt: skip

    @staticmethod
    def scale(xp: Backend, center: Any, values: dict[str, Any], data: dict[str, Any]) -> Any:
        """Return the scale of the logistic distribution, shape (..., row)."""
        share = (center - data["chance"]) / (1 - data["chance"])
        half_way = 4 * xp.maximum(share * (1 - share), 0.0)
        variance = values["floor_scatter"] ** 2 + values["scatter"] ** 2 * half_way
        return SCALE_OF_SD * xp.sqrt(variance + center * (1 - center) * data["inverse_items"])

    @classmethod
    def density(cls, xp: Backend, y: Any, center: Any, values: dict[str, Any], data: dict[str, Any]) -> Any:
        """Return the log density, or the log probability of scores at 0 and 1, shape (..., row)."""
        scale = cls.scale(xp, center, values, data)
        z = (y - center) / scale
        inside = -z - 2 * xp.softplus(-z) - xp.log(scale)
        return xp.where(
            y <= 0, -xp.softplus(center / scale), xp.where(y >= 1, -xp.softplus((1 - center) / scale), inside)
        )

    @classmethod
    def simulate(
        cls, rng: np.random.Generator, center: np.ndarray, values: dict[str, Any], data: dict[str, Any]
    ) -> np.ndarray:
        """Return simulated accuracies, shape (draw, row)."""
        scale = cls.scale(numpy_backend(), center, values, data)
        return np.clip(center + scale * rng.logistic(size=center.shape), 0.0, 1.0)
