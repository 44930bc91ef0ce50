"""Rules that people follow when they split a budget, as functions of compute."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from bayes_scaling import laws
from bayes_scaling.data.derive import FLOP_PER_PARAM_TOKEN
from bayes_scaling.errors import ForecastError, did_you_mean, listed
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.laws.optimum import minimum
from bayes_scaling.plan.surface import Surface, surface

Choice = Callable[[np.ndarray], np.ndarray]
Given = float | str | Mapping[str, str] | Choice
USUAL: tuple[Given, ...] = (20.0, "kaplan", "median", "mean")
POSTERIOR = {
    "median": "the posterior median of N*",
    "mean": "the posterior mean of log N*",
    "bayes": "the choice of smallest expected loss",
}


@dataclass(frozen=True)
class Rule:
    """A way to choose the parameters of a model for a compute.

    Attributes
    ----------
    name : str
        As it was asked for.
    text : str
        In words.
    params : callable
        Compute in FLOP, shape (budget,) -> parameters, shape (budget,).
    """

    name: str
    text: str
    params: Choice


def published() -> dict[str, Rule]:
    """Return the rules that were published, by name: allocations, and the optimum of published constants of laws."""
    found = {}
    for name in laws.available():
        law = laws.get(name)
        for key, rule in law.published_allocations.items():
            found[key] = Rule(key, f"{rule.source}: N = {rule.params:g} (C / {rule.unit:g})^{rule.exponent:g}", rule.at)
        for key, constants in law.published.items():
            if set(law.scales.values()) >= {"params", "tokens"} and law.outcome == "loss":
                found[key] = Rule(key, f"the optimum of the constants of {constants.source}", _optimum(law, key))
    return found


def _optimum(law: laws.Law, key: str) -> Choice:
    values = {k: np.asarray(v) for k, v in law.constants(key).items()}

    def params(compute: np.ndarray) -> np.ndarray:
        found = law.allocation(numpy_backend(), product=compute / FLOP_PER_PARAM_TOKEN, **values)
        if found is None:
            raise ForecastError(f"law {law.name} has no closed form for its optimum, so {key!r} is no rule.")
        return np.asarray(found["params"])

    return params


def rule(given: Given, on: Surface, *, name: str = "") -> Rule:
    """Return a rule from what a user writes.

    Parameters
    ----------
    given : float, str, dict or callable
        A number is tokens per parameter; a word one of ``median``, ``mean`` and ``bayes`` (of the posterior), a
        published allocation (``kaplan``) or the name of published constants (``hoffmann2022``); a dict names levels
        of the fit's groups, whose posterior median is followed; a function maps compute to parameters.
    on : Surface
        Where the posterior is asked.

    Raises
    ------
    ForecastError
        An unknown word, a ratio that is not positive, a family that was not fitted.
    """
    if isinstance(given, Real) and not isinstance(given, bool):
        ratio = float(given)
        if not 0 < ratio < np.inf:
            raise ForecastError(f"rule {ratio:g}; expected a positive number of tokens per parameter, for example 20.")
        return Rule(
            name or f"{ratio:g} tokens per parameter", f"D = {ratio:g} N",
            lambda compute: np.sqrt(compute / (FLOP_PER_PARAM_TOKEN * ratio)),
        )  # fmt: skip
    if isinstance(given, Mapping):
        other = surface(on.fit, given)
        label = ", ".join(map(str, given.values()))
        return Rule(
            name or f"choice of {label}", f"the posterior median of N* of {label}", _of_posterior(other, "median")
        )
    if callable(given):
        return Rule(name or getattr(given, "__name__", "rule"), "a function of compute", given)
    if given in POSTERIOR:
        return Rule(name or str(given), POSTERIOR[str(given)], _of_posterior(on, str(given)))
    known = published()
    if given not in known:
        options = [*POSTERIOR, *known]
        raise ForecastError(
            f"unknown rule {given!r}; expected a number of tokens per parameter, a family as {{'family': 'A'}}, or one "
            f"of {listed(options)}." + did_you_mean(str(given), options)
        )
    return Rule(name or str(given), known[str(given)].text, known[str(given)].params)


def rules(given: Given | Sequence[Given] | Mapping[str, Given], on: Surface) -> list[Rule]:
    """Return rules of a list, of a dict that names them, or of a single one; names differ.

    Raises
    ------
    ForecastError
        As :func:`rule`; two rules of one name.
    """
    alone = isinstance(given, str | int | float | np.number) or callable(given)
    several: Any = [given] if alone else given
    pairs = several.items() if isinstance(several, Mapping) else (("", g) for g in several)
    made = [rule(g, on, name=name) for name, g in pairs]
    names = [r.name for r in made]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise ForecastError(f"several rules are named {listed(twice)}; give each once, or a dict of names and rules.")
    return made


def _of_posterior(on: Surface, word: str) -> Choice:
    """Return a choice made from the posterior of N*: one number per compute."""

    def params(compute: np.ndarray) -> np.ndarray:
        if word == "bayes":
            return bayes_choice(on, compute)
        logs = np.log(on.optimum(compute))
        middle: Any = np.median(logs, axis=0) if word == "median" else logs.mean(axis=0)
        return np.exp(middle)

    return params


def bayes_choice(on: Surface, compute: np.ndarray, params: np.ndarray | None = None) -> np.ndarray:
    """Return the parameters of smallest posterior expected loss for a compute, shape (budget,).

    Parameters
    ----------
    params : ndarray (draw, budget), optional
        Each draw's own optimum, where it is known already; the choice lies between the smallest and largest.
    """
    logs = np.log(on.optimum(compute) if params is None else params)

    def expected(x: np.ndarray) -> np.ndarray:
        return np.asarray(on.loss_of_split(np.exp(x), compute).mean(axis=0))

    return np.exp(minimum(expected, logs.min(axis=0), logs.max(axis=0)))
