"""Sigmoid of task accuracy in log compute, from the chance floor to a learned ceiling."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Input, Law, Parameter, Prior


class Sigmoid(Law):
    r"""Accuracy as a sigmoid of log compute.

    The form of Owen (2024) and of the observational scaling laws of Ruan et al. (2024), with the
    benchmark's chance as floor and a learned ceiling. Sampled is ``level``, the
    log-odds (between floor and ceiling) at the reference compute; the midpoint
    :math:`C_{50} = C_0 10^{-level / slope}` follows from it. A level that is higher by one
    slope is worth ten times the compute, which is what family effects on ``level`` mean.
    """

    name = "sigmoid"
    title = "Accuracy from training compute, between chance and a ceiling"
    formula = r"acc(C) = c + (1 - c)\,u\;\sigma\left(k\,\log_{10}(C / C_{50})\right)"
    citation = Citation("Owen", 2024, "How predictable is language model benchmark performance?", "2401.04757")
    use = "benchmark accuracy of model families against training compute"
    outcome = "accuracy"
    verified = "published_models"
    inputs = (
        Input("compute", "FLOP", "training compute C", reference=1e23),
        Input("chance", "fraction", "accuracy of guessing, c"),
    )
    parameters = (
        Parameter(
            "level", "k \\log_{10}(C_0/C_{50})", "log-odds between floor and ceiling at the reference compute",
            "real", "offset", Prior("normal", mean=0.0, sd=1.5), "log-odds", "partial",
            Prior("halfnormal", upper95=1.0),
        ),
        Parameter(
            "slope", "k", "log-odds gained per tenfold compute", "positive", "slope",
            Prior("lognormal", median=1.0, upper95=3.0), "log-odds per decade", "complete",
            Prior("halfnormal", upper95=0.6),
        ),
        Parameter(
            "ceiling", "u", "ceiling: share of the way from chance to 1 that unlimited compute goes", "unit", "ceiling",
            Prior("logitnormal", median=0.9, upper95=0.99), "fraction", "complete",
            Prior("halfnormal", upper95=1.0),
        ),
    )  # fmt: skip
    published_symbols = {"C_50": "C_{50}", "slope": "k", "ceiling": "u"}

    def mean(self, xp: Backend, *, compute: Any, chance: Any, level: Any, slope: Any, ceiling: Any) -> Any:
        """Return the accuracy as a fraction, shape ``(..., row)``."""
        decades = xp.log10(compute / self.reference["compute"])
        return chance + (1 - chance) * ceiling * xp.sigmoid(level + slope * decades)

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return the midpoint C_50 (FLOP), slope and ceiling."""
        midpoint = self.reference["compute"] * xp.exp10(-sampled["level"] / sampled["slope"])
        return {"C_50": midpoint, "slope": sampled["slope"], "ceiling": sampled["ceiling"]}

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from C_50, slope and ceiling."""
        decades = xp.log10(self.reference["compute"] / published["C_50"])
        return {
            "level": published["slope"] * decades,
            "slope": published["slope"],
            "ceiling": published["ceiling"],
        }
