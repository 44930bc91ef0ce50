"""Priors as PyMC variables and as NumPy draws: the only place that knows both."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from bayes_scaling.laws.base import Prior

_Z95 = 1.6448536269514722


def _logit(p: float) -> float:
    return math.log(p / (1 - p))


def natural(prior: Prior) -> dict[str, float]:
    """Return the distribution's own parameters from the judgeable numbers of a prior."""
    n = prior.numbers
    if prior.dist == "lognormal":
        mu = math.log(n["median"])
        return {"mu": mu, "sigma": (math.log(n["upper95"]) - mu) / _Z95}
    if prior.dist == "logitnormal":
        mu = _logit(n["median"])
        return {"mu": mu, "sigma": (_logit(n["upper95"]) - mu) / _Z95}
    if prior.dist == "normal":
        return {"mu": n["mean"], "sigma": n["sd"]}
    if prior.dist == "halfnormal":
        return {"sigma": n["upper95"] / 1.959963984540054}
    if prior.dist == "exponential":
        return {"scale": n["mean"]}
    return dict(n)


def to_pymc(prior: Prior, name: str, *, dims: str | None = None) -> Any:
    """Return the PyMC random variable `name` with this prior (inside a model context)."""
    import pymc as pm
    import pytensor.tensor as pt

    classes = {
        "lognormal": pm.LogNormal,
        "logitnormal": pm.LogitNormal,
        "normal": pm.Normal,
        "halfnormal": pm.HalfNormal,
        "exponential": pm.Exponential,
        "beta": pm.Beta,
        "gamma": pm.Gamma,
        "uniform": pm.Uniform,
    }
    if prior.dist == "constant":
        shape = () if dims is None else (len(pm.modelcontext(None).coords[dims]),)
        return pm.Deterministic(name, pt.full(shape, prior.numbers["value"]), dims=dims)
    options: dict[str, Any] = {}
    if prior.dist == "logitnormal":  # PyMC samples it without a transform unless told to
        options["default_transform"] = pm.distributions.transforms.logodds
    return classes[prior.dist](name, **natural(prior), dims=dims, **options)


@cache
def _scipy(prior: Prior) -> Any:
    """Return SciPy's distribution of a prior; of a logit-normal one that of its log-odds."""
    from scipy import stats

    n = natural(prior)
    made = {
        "lognormal": lambda: stats.lognorm(n["sigma"], scale=math.exp(n["mu"])),
        "logitnormal": lambda: stats.norm(n["mu"], n["sigma"]),
        "normal": lambda: stats.norm(n["mu"], n["sigma"]),
        "halfnormal": lambda: stats.halfnorm(scale=n["sigma"]),
        "exponential": lambda: stats.expon(scale=n["scale"]),
        "beta": lambda: stats.beta(n["alpha"], n["beta"]),
        "gamma": lambda: stats.gamma(n["alpha"], scale=1 / n["beta"]),
        "uniform": lambda: stats.uniform(n["lower"], n["upper"] - n["lower"]),
    }
    return made[prior.dist]()


def log_density(prior: Prior, value: np.ndarray) -> np.ndarray:
    """Return the log density of a prior that is no constant at values, shape as theirs."""
    if prior.dist == "logitnormal":
        inside, outside = np.log(value), np.log1p(-value)
        return np.asarray(_scipy(prior).logpdf(inside - outside) - inside - outside)
    return np.asarray(_scipy(prior).logpdf(value))


def quantile(prior: Prior, share: float) -> float:
    """Return the value below which a share of a prior lies."""
    if prior.dist == "constant":
        return prior.numbers["value"]
    value = float(_scipy(prior).ppf(share))
    return 1 / (1 + math.exp(-value)) if prior.dist == "logitnormal" else value


def draw(prior: Prior, rng: np.random.Generator, size: int | tuple[int, ...]) -> np.ndarray:
    """Return independent draws of a prior, shape `size`."""
    n = natural(prior)
    if prior.dist == "constant":
        return np.full(size, n["value"])
    if prior.dist == "lognormal":
        return rng.lognormal(n["mu"], n["sigma"], size)
    if prior.dist == "logitnormal":
        return 1 / (1 + np.exp(-rng.normal(n["mu"], n["sigma"], size)))
    if prior.dist == "normal":
        return rng.normal(n["mu"], n["sigma"], size)
    if prior.dist == "halfnormal":
        return np.abs(rng.normal(0, n["sigma"], size))
    if prior.dist == "exponential":
        return rng.exponential(n["scale"], size)
    if prior.dist == "beta":
        return rng.beta(n["alpha"], n["beta"], size)
    if prior.dist == "gamma":
        return rng.gamma(n["alpha"], 1 / n["beta"], size)
    return rng.uniform(n["lower"], n["upper"], size)
