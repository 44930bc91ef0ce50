"""Numbers and sentences for people. Every interval names its level and its kind."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from bayes_scaling.data.columns import SCALES
from bayes_scaling.forecasts.words import (
    GAP,
    KINDS,
    NONE,
    after,
    bare_flop,
    count,
    flop,
    interval,
    level,
    number,
    outcome_unit,
    p_equals,
    percent,
    power,
    probability,
    within,
)  # fmt: skip
from bayes_scaling.laws import Constants, Prior
from bayes_scaling.laws.base import Parameter
from bayes_scaling.model import ModelSpec
from bayes_scaling.model.spec import sd_name

__all__ = [
    "GAP", "KINDS", "NONE", "after", "bare_flop", "cell", "count", "discrepancy", "distribution", "flop", "group",
    "hundredths", "interval", "level", "noise", "number", "outcome", "outcome_unit", "p_equals", "percent", "point",
    "pooling", "power", "prior", "probability", "quantiles_of", "rows", "source", "within",
]  # fmt: skip


def hundredths(value: float) -> str:
    """Return a number with two decimals, for a column of differences around zero."""
    return NONE if math.isnan(value) else f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def outcome(value: float, name: str) -> str:
    """Return a loss with three decimals, an accuracy in percent, samples needed as a number."""
    if not math.isfinite(value):
        return NONE
    return percent(value) if name == "accuracy" else f"{value:.3f}" if name == "loss" else number(value)


def quantiles_of(name: str, unit: str) -> str:
    """Return the caption of a table of quantiles of an outcome."""
    told = "percent right" if name == "accuracy" else unit
    return f"Quantiles of the {name} in {told}" if told else f"Quantiles of the {name}"


def distribution(given: Prior) -> str:
    """Return the name of a prior's distribution."""
    names = {"lognormal": "log-normal", "logitnormal": "logit-normal", "halfnormal": "half-normal"}
    return names.get(given.dist, given.dist)


def prior(given: Prior) -> str:
    """Return a prior in words."""
    n = {k: f"{v:g}" if 1e-3 <= abs(v) < 1e5 or v == 0 else number(v) for k, v in given.numbers.items()}
    upper = f", 5{GAP}% above {n['upper95']}" if "upper95" in n else ""
    name = distribution(given)
    forms = {
        "lognormal": f"{name}, median {n.get('median')}{upper}",
        "logitnormal": f"{name}, median {n.get('median')}{upper}",
        "halfnormal": f"{name}{upper}",
        "normal": f"normal, mean {n.get('mean')}, sd {n.get('sd')}",
        "beta": f"beta({n.get('alpha')}, {n.get('beta')})",
        "gamma": f"gamma({n.get('alpha')}, {n.get('beta')})",
        "exponential": f"exponential, mean {n.get('mean')}",
        "uniform": f"uniform from {n.get('lower')} to {n.get('upper')}",
        "constant": f"held at {n.get('value')}",
    }
    return forms[given.dist]


def source(constants: Constants) -> str:
    """Return where published constants come from, with what is to be known of them."""
    return f"{constants.source}; {constants.note}" if constants.note else constants.source


def group(name: str) -> str:
    """Return a group in words; an interaction is one within the other."""
    return " within ".join(reversed(name.split(":"))) if ":" in name else name


def pooling(spec: ModelSpec, parameter: Parameter) -> str:
    """Return how a parameter is shared between groups."""
    effects = spec.effects(parameter)
    if not effects:
        return "one value for all rows"
    parts = []
    for name, kind in effects.items():
        if kind == "none":
            parts.append(f"a value of its own per {group(name)}")
        else:
            sd = spec.sd_prior(parameter, name)
            tails = ", Student-t with outliers" if kind == "student_t" else ""
            named = f"prior of {sd_name(parameter.name, name)}: {prior(sd)}"
            parts.append(f"partially pooled over {group(name)}{tails} ({named})")
    return "; ".join(parts)


NOISE = {
    "student_t": "Student-t noise on log loss, so that single bad runs do not pull the law",
    "normal": "normal noise on log loss",
    "logistic": "logistic noise on accuracy, censored at 0 and 1 and small at the floor",
    "log_odds": "noise in the log-odds of the share above chance, right at the floor",
    "beta_binomial": "counts of right answers, beta-binomial: binomial scatter and learned overdispersion",
    "beta": "beta noise with learned precision, censored at 0 and 1 (the number of items is not known for every row)",
}


def noise(spec: ModelSpec) -> str:
    """Return the noise in words."""
    text = f"Observations have {NOISE.get(spec.noise.observation, spec.noise.observation)}. "
    text += "Rows of one run share a run effect. " if spec.noise.run_effect else "There is no run effect. "
    return text + discrepancy(spec)


def discrepancy(spec: ModelSpec) -> str:
    """Return the law discrepancy in words, with its priors."""
    chosen = spec.noise.discrepancy
    if not chosen:
        return "There is no law discrepancy: the formula is taken to hold exactly at every scale."
    told = {p.name: f"{p.name}: {prior(spec.prior(p))} {p.unit}" for p in spec.parameters() if "discrepancy" in p.name}
    grows = "saturating at its standard deviation" if chosen.kind == "ou" else "growing beyond the smallest scale"
    whose = f"each {chosen.by} has its own" if chosen.by not in ("", "all") else "one for the whole table"
    route = "integrated out exactly" if spec.marginal else "sampled at the distinct scales (at most 40 per path)"
    return (
        f"The law may be wrong: a smooth departure over {chosen.over} ({chosen.kind}, {grows}; {whose}) is {route}. "
        f"Priors: {'; '.join(told.values())}."
    )


def cell(value: Any, column: str) -> str:
    """Return a table's cell by the name of its column."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return NONE
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value.replace("|", ", ")
    if column in (*SCALES, "unique_tokens", "active_params"):
        return power(float(value), 2)
    if column in ("chance", "accuracy", "coverage"):
        return percent(float(value))
    return number(value)


def rows(n: int) -> str:
    """Return `1 row` or `n rows`."""
    return f"{n} row" if n == 1 else f"{n} rows"


def point(values: pd.Series, outcome_name: str, groups: list[str]) -> str:
    """Return where a forecast is made: groups and scale."""
    who = [str(values[g]) for g in groups if g in values]
    where = []
    if "params" in values and "tokens" in values:
        where.append(f"{count(values['params'])} parameters and {count(values['tokens'])} tokens")
    if "compute" in values:
        where.append(flop(values["compute"]))
    where = where or [f"{name} {count(float(values[name]))}" for name in SCALES if name in values]
    return ", ".join([*who, *(where[:1] if len(where) > 1 and outcome_name == "loss" else where[-1:])])
