"""Noise of accuracies in log-odds: models of one skill differ by a factor at the floor, and by points half way up.

Scores of a task at the floor are a few thousandths with little scatter, and those of better models scatter by tens of
points: in log-odds both are of one size. Near chance, where a share has no log-odds (or lies below), the scale is
linear. With share s of the way from chance to 1 and width d,

    z(s) = asinh(s / d) - asinh((1 - s) / d),        d = floor_width / odds_scatter,

which is log(s / (1 - s)) inside and linear at both ends; z(accuracy) is logistic about z(mean) with standard deviation
``odds_scatter``, so that the share has standard deviation ``floor_width`` at the floor. Scores of 0 and 1 are censored.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from bayes_scaling.laws.backend import Backend, numpy_backend
from bayes_scaling.laws.base import Parameter, Prior
from bayes_scaling.model.censored import SCALE_OF_SD, Censored

_HALVINGS = 40


class LogOdds(Censored):
    """Logistic in log-odds above chance, linear near chance and 1, censored at 0 and 1."""

    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            "odds_scatter", "\\tau", "standard deviation of log-odds between models of one skill", "positive",
            "noise", Prior("lognormal", median=1.5, upper95=3.0), "log-odds", group_sd=Prior("halfnormal", upper95=1.0),
        ),
        Parameter(
            "floor_width", "\\tau_0", "standard deviation at the floor, of the share from chance to 1", "positive",
            "noise", Prior("lognormal", median=0.005, upper95=0.03), "fraction",
            group_sd=Prior("halfnormal", upper95=1.0),
        ),
    )  # fmt: skip

    @staticmethod
    def stretched(xp: Backend, share: Any, width: Any) -> tuple[Any, Any]:
        """Return z and its derivative at a share of the way from chance to 1, shape (..., row)."""
        rest = 1 - share
        low, high = xp.sqrt(share**2 + width**2), xp.sqrt(rest**2 + width**2)
        below, above = (
            xp.where(s < 0, -1.0, 1.0) * xp.log((xp.maximum(s, -s) + root) / width)
            for s, root in ((share, low), (rest, high))
        )
        return below - above, 1 / low + 1 / high

    @classmethod
    def density(cls, xp: Backend, y: Any, center: Any, values: dict[str, Any], data: dict[str, Any]) -> Any:
        """Return the log density, or the log probability of scores at 0 and 1, shape (..., row)."""
        scale, width = SCALE_OF_SD * values["odds_scatter"], values["floor_width"] / values["odds_scatter"]
        chance = data["chance"]
        middle = cls.stretched(xp, (center - chance) / (1 - chance), width)[0]
        seen, slope = cls.stretched(xp, (y - chance) / (1 - chance), width)
        z = (seen - middle) / scale
        inside = -z - 2 * xp.softplus(-z) - xp.log(scale) + xp.log(slope) - xp.log(1 - chance)
        return xp.where(y <= 0, -xp.softplus(-z), xp.where(y >= 1, -xp.softplus(z), inside))

    @classmethod
    def simulate(
        cls, rng: np.random.Generator, center: np.ndarray, values: dict[str, Any], data: dict[str, Any]
    ) -> np.ndarray:
        """Return simulated accuracies, shape (draw, row)."""
        xp, chance = numpy_backend(), data["chance"]
        width = values["floor_width"] / values["odds_scatter"]
        scale = SCALE_OF_SD * values["odds_scatter"]
        middle = cls.stretched(xp, (center - chance) / (1 - chance), width)[0]
        wanted = middle + scale * rng.logistic(size=center.shape)
        low = np.broadcast_to(-chance / (1 - chance), center.shape).copy()
        high = np.ones(center.shape)
        for _ in range(_HALVINGS):  # z is increasing and has no inverse in closed form
            half = (low + high) / 2
            above = cls.stretched(xp, half, width)[0] > wanted
            low, high = np.where(above, low, half), np.where(above, half, high)
        accuracy = chance + (1 - chance) * (low + high) / 2
        end = 2.0**-_HALVINGS * 4
        return np.where(accuracy < end, 0.0, np.where(accuracy > 1 - end, 1.0, accuracy))
