"""Accuracy of a model that thinks longer: a sigmoid in the log of the tokens that it spends on a problem."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Input, Law, Prior, Quantity
from bayes_scaling.laws.sigmoid import Sigmoid

_SPENT = Input(
    "test_tokens", "tokens", "tokens spent on a problem, all samples together", reference=1e4, kind="positive"
)
_SHARE = Input("target", "fraction", "accuracy that is wanted", kind="positive", high=1)
_LEVEL, _SLOPE, _CEILING = Sigmoid.parameters


class InferenceTime(Law):
    r"""Accuracy as a sigmoid of the log of test-time tokens, up to a ceiling that more thinking does not lift.

    OpenAI (2024) shows the accuracy of o1 rise evenly with the log of test-time compute and gives no formula; on a log
    axis that is the middle of a sigmoid, and public measurements of o1-mini level off below 1. The form is that of
    :class:`~bayes_scaling.laws.sigmoid.Sigmoid` in another scale, ours here. It only rises: for tasks on which longer
    thinking hurts (Gema et al. 2025, arXiv:2507.14417, who give no formula either) it is the wrong law.
    """

    name = "inference_time"
    title = "Accuracy from the tokens spent on a problem, between chance and a ceiling"
    formula = r"acc(T) = c + (1 - c)\,u\;\sigma\left(k\,\log_{10}(T / T_{50})\right)"
    citation = Citation("OpenAI", 2024, "Learning to reason with LLMs, for the shape; the form is of this package")
    use = "what thinking longer, or voting over more samples, brings on a benchmark, and where it ends"
    outcome = "accuracy"
    verified = "inference"
    inputs = (_SPENT, Sigmoid.inputs[1])
    parameters = (
        replace(
            _LEVEL, symbol="k \\log_{10}(T_0/T_{50})", meaning="log-odds between floor and ceiling at the reference",
        ),
        replace(_SLOPE, meaning="log-odds gained per ten times the tokens"),
        replace(
            _CEILING, meaning="ceiling: share of the way from chance to 1 that unlimited thinking goes",
            prior=Prior("logitnormal", median=0.7, upper95=0.95),
        ),
    )  # fmt: skip
    published_symbols = {"T_50": "T_{50}", "slope": "k", "ceiling": "u"}
    quantities = (
        Quantity(
            "tokens_needed", "tokens per problem that reach an accuracy; infinite above the ceiling", "tokens",
            (_SHARE, Sigmoid.inputs[1]), "the formula solved for T",
        ),
        Quantity(
            "gain_of_doubling", "accuracy that twice the tokens add", "fraction", (_SPENT, Sigmoid.inputs[1]),
            "difference of the formula",
        ),
    )  # fmt: skip

    def mean(self, xp: Backend, *, test_tokens: Any, chance: Any, level: Any, slope: Any, ceiling: Any) -> Any:
        """Return the accuracy as a fraction, shape ``(..., row)``."""
        of = Sigmoid().at(compute=self.reference["test_tokens"])
        return of.mean(xp, compute=test_tokens, chance=chance, level=level, slope=slope, ceiling=ceiling)

    def tokens_needed(self, xp: Backend, *, target: Any, chance: Any, level: Any, slope: Any, ceiling: Any,
                      **others: Any) -> Any:  # fmt: skip
        """Return the tokens that reach an accuracy, shape ``(..., row)``; 0 at or below chance."""
        share = (target - chance) / (1 - chance) / ceiling
        inside = xp.where((share > 0) & (share < 1), share, 0.5)
        needed = self.reference["test_tokens"] * xp.exp10((xp.logit(inside) - level) / slope)
        return xp.where(share < 1, xp.where(share > 0, needed, 0.0), float("inf"))

    def gain_of_doubling(self, xp: Backend, *, test_tokens: Any, **values: Any) -> Any:
        """Return the accuracy that twice the tokens add, shape ``(..., row)``."""
        return self.mean(xp, test_tokens=2 * test_tokens, **values) - self.mean(xp, test_tokens=test_tokens, **values)

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return the midpoint T_50 (tokens), slope and ceiling."""
        found = Sigmoid().at(compute=self.reference["test_tokens"]).to_published(xp, **sampled)
        return {"T_50": found.pop("C_50"), **found}

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from T_50, slope and ceiling."""
        middle = {"C_50": published["T_50"], "slope": published["slope"], "ceiling": published["ceiling"]}
        return Sigmoid().at(compute=self.reference["test_tokens"]).from_published(xp, **middle)
