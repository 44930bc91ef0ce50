"""Observation noise and run effect: declared, as a PyMC likelihood, and in NumPy.

The location of an observation is the law's mean moved by run effect and discrepancy on the modelled scale:
log loss (alike: log data needed), or the log-odds of the share above chance. Each kind of observation noise is one
class that holds its parameters, its PyMC likelihood, its NumPy density and its simulator. Rows that are means
of several evaluations have less of it (``gathered.py``).
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from scipy import special

from bayes_scaling.data.columns import on_log
from bayes_scaling.errors import CardError, listed
from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Parameter, Prior
from bayes_scaling.model.censored import CensoredLogistic
from bayes_scaling.model.log_odds import LogOdds

RUN_SD = {
    "loss": Prior("halfnormal", upper95=0.05),
    "accuracy": Prior("halfnormal", upper95=1.0),
    "data_needed": Prior("halfnormal", upper95=0.5),
}
MANY = 100_000  # Student-t numbers; fewer are NumPy's
CENSOR = 1e-3  # accuracies nearer to 0 or 1 than this are rounded ones
_EDGE = 1e-7
_STEP = 1e-4  # relative, of central differences
_TINY = 1e-300  # keeps the log of a probability finite
_HALF_LOG_2PI = float(np.log(2 * np.pi) / 2)
_LARGEST_LOG = 500.0  # heavy tails reach beyond what a float can hold


def location(xp: Backend, outcome: str, mean: Any, shift: Any, chance: Any) -> Any:
    """Return the law's mean moved by run effect and discrepancy on the modelled scale, shape (..., row)."""
    if shift is None:
        return mean
    if on_log(outcome):
        return mean * xp.exp(shift)
    return chance + (1 - chance) * xp.sigmoid(modelled(xp, outcome, mean, chance) + shift)


def both_shifts(first: Any, second: Any) -> Any:
    """Return the sum of two shifts, either of which may be None."""
    if first is None or second is None:
        return second if first is None else first
    return first + second


def modelled(xp: Backend, outcome: str, value: Any, chance: Any) -> Any:
    """Return an outcome on the modelled scale: log loss, or the log-odds of the share above chance."""
    if on_log(outcome):
        return xp.log(value)
    share = (value - chance) / (1 - chance)
    return xp.logit(xp.minimum(xp.maximum(share, _EDGE), 1 - _EDGE))


def student_t(rng: np.random.Generator, nu: Any, shape: tuple[int, ...]) -> np.ndarray:
    r"""Return independent Student-t numbers, shape (draw, row); `nu` has the shape (draw, 1) or (draw, row).

    Where they are many, by Bailey's polar method (1994, Mathematics of Computation 62, 779-781):
    :math:`\sqrt{\nu (u^{-2/\nu} - 1)} \cos 2\pi v` with u and v uniform is Student-t. It takes a third of the time
    of NumPy's, which needs a normal and a gamma number for each; the angle has the 24 bits of a float32.
    """
    if np.prod(shape) < MANY:
        return rng.standard_t(np.broadcast_to(nu, shape))
    found = rng.random(shape)
    np.log1p(np.negative(found, out=found), out=found)  # u above 0, at most 1
    found *= -2 / nu
    with np.errstate(over="ignore"):  # nu below 0.1 may reach infinity
        np.expm1(found, out=found)
    found *= nu
    np.sqrt(found, out=found)
    angle = rng.random(shape, dtype=np.float32)
    angle *= np.float32(2 * np.pi)
    found *= np.cos(angle, out=angle)
    return found


class StudentT:
    """Student-t on log loss."""

    outcome = "loss"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            "sigma", "\\sigma", "scale of the noise of one evaluation in log loss", "positive", "noise",
            Prior("lognormal", median=0.01, upper95=0.1), group_sd=Prior("halfnormal", upper95=1.0),
        ),
        Parameter(
            "nu", "\\nu", "degrees of freedom of the noise", "positive", "noise",
            Prior("gamma", alpha=2, beta=0.1), group_sd=Prior("halfnormal", upper95=0.5),
        ),
    )  # fmt: skip

    @staticmethod
    def observe(center: Any, values: dict[str, Any], data: dict[str, Any]) -> None:
        """Add the likelihood to the PyMC model in context."""
        import pymc as pm
        import pytensor.tensor as pt

        pm.StudentT(
            "log_loss",
            nu=values["nu"],
            mu=pt.log(center),
            sigma=values["sigma"],
            observed=data["y"],
            dims="row",
        )

    @staticmethod
    def log_density(y: np.ndarray, center: np.ndarray, values: dict[str, Any], data: dict[str, Any]) -> np.ndarray:
        """Return the log density of the loss itself (with the Jacobian of the log); SciPy's is five times slower."""
        nu, sigma = values["nu"], values["sigma"]
        peak = special.gammaln((nu + 1) / 2) - special.gammaln(nu / 2) - np.log(np.pi * nu) / 2 - np.log(sigma)
        found = np.empty(np.broadcast_shapes(*(np.shape(v) for v in (y, center, nu, sigma))))
        np.subtract(np.log(y), np.log(center), out=found)  # in place from here on, which takes half the time
        found *= found
        found *= 1 / (sigma**2 * nu)
        np.log1p(found, out=found)
        found *= -(nu + 1) / 2
        found += peak
        found -= np.log(y)
        return found

    @staticmethod
    def simulate(
        rng: np.random.Generator, center: np.ndarray, values: dict[str, Any], data: dict[str, Any]
    ) -> np.ndarray:
        """Return simulated losses, shape (draw, row)."""
        noise = student_t(rng, values["nu"], center.shape)
        noise *= values["sigma"]
        np.clip(noise, -_LARGEST_LOG, _LARGEST_LOG, out=noise)
        return center * np.exp(noise, out=noise)


class Normal:
    """Normal on log loss."""

    outcome = "loss"
    parameters: ClassVar[tuple[Parameter, ...]] = (StudentT.parameters[0],)

    @staticmethod
    def observe(center: Any, values: dict[str, Any], data: dict[str, Any]) -> None:
        """Add the likelihood to the PyMC model in context."""
        import pymc as pm
        import pytensor.tensor as pt

        pm.Normal("log_loss", mu=pt.log(center), sigma=values["sigma"], observed=data["y"], dims="row")

    @staticmethod
    def log_density(y: np.ndarray, center: np.ndarray, values: dict[str, Any], data: dict[str, Any]) -> np.ndarray:
        """Return the log density of the loss itself (with the Jacobian of the log)."""
        z = (np.log(y) - np.log(center)) / values["sigma"]
        return -(z**2) / 2 - np.log(values["sigma"]) - _HALF_LOG_2PI - np.log(y)

    @staticmethod
    def simulate(
        rng: np.random.Generator, center: np.ndarray, values: dict[str, Any], data: dict[str, Any]
    ) -> np.ndarray:
        """Return simulated losses, shape (draw, row)."""
        return center * np.exp(rng.standard_normal(center.shape) * values["sigma"])


class BetaBinomial:
    r"""Counts of right answers, more scattered than binomial.

    With overdispersion :math:`\omega` the success probability of a run has variance
    :math:`p (1 - p)\,\omega^2 / (1 + \omega^2)`: at p = 0.5, omega = 0.1 is 5 points.
    """

    outcome = "accuracy"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            "overdispersion", "\\omega", "scatter of accuracy beyond the binomial, relative to sqrt(p(1-p))",
            "positive", "noise", Prior("lognormal", median=0.05, upper95=0.25),
            group_sd=Prior("halfnormal", upper95=1.0),
        ),
    )  # fmt: skip

    @staticmethod
    def shapes(center: Any, values: dict[str, Any]) -> tuple[Any, Any]:
        """Return the two shape parameters of the beta part."""
        concentration = values["overdispersion"] ** -2.0
        return center * concentration, (1 - center) * concentration

    @classmethod
    def observe(cls, center: Any, values: dict[str, Any], data: dict[str, Any]) -> None:
        """Add the likelihood to the PyMC model in context."""
        import pymc as pm
        import pytensor.tensor as pt

        from bayes_scaling.model.betabinomial import beta_binomial_terms

        def logp(value: Any, n: Any, mean: Any, concentration: Any, log_choose: Any) -> Any:
            return beta_binomial_terms(value, n, mean, concentration)[0] + log_choose

        def random(n: Any, mean: Any, concentration: Any, log_choose: Any, rng: Any = None, size: Any = None) -> Any:
            return rng.binomial(n, rng.beta(mean * concentration, (1 - mean) * concentration, size))

        mean = pt.clip(center, _EDGE, 1 - _EDGE)
        concentration = values["overdispersion"] ** -2.0 * pt.ones_like(mean)
        pm.CustomDist(
            "right", data["n_items"], mean, concentration, data["log_choose"], logp=logp, random=random,
            dtype="int64", observed=data["y"], dims="row",
        )  # fmt: skip

    @classmethod
    def log_density(cls, y: np.ndarray, center: np.ndarray, values: dict[str, Any], data: dict[str, Any]) -> np.ndarray:
        """Return the log density of the accuracy: pmf of the count times items per unit."""
        a, b = cls.shapes(np.clip(center, _EDGE, 1 - _EDGE), values)
        n = data["n_items"]
        k = np.round(y * n)
        choose = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
        return choose + special.betaln(a + k, b + n - k) - special.betaln(a, b) + np.log(n)

    @classmethod
    def simulate(
        cls, rng: np.random.Generator, center: np.ndarray, values: dict[str, Any], data: dict[str, Any]
    ) -> np.ndarray:
        """Return simulated accuracies (counts over items), shape (draw, row)."""
        a, b = cls.shapes(np.clip(center, _EDGE, 1 - _EDGE), values)
        n = np.broadcast_to(np.asarray(data["n_items"], dtype=np.int64), center.shape)
        return rng.binomial(n, rng.beta(a, b)) / n


def _log_below(a: Any, b: Any) -> Any:
    """Return the log probability of beta variables below CENSOR, shape (row,), with a gradient by central differences.

    That of ``betainc`` itself is not a number where a is small, as where success is next to impossible.
    """
    import pytensor.tensor as pt
    from pytensor.compile.builders import OpFromGraph

    def log_below(a: Any, b: Any) -> Any:
        return pt.log(pt.betainc(a, b, CENSOR) + _TINY)

    def slopes(inputs: Any, outputs: Any, upstream: Any) -> list[Any]:
        (a, b), up, down = inputs, 1 + _STEP, 1 - _STEP
        in_a = (log_below(a * up, b) - log_below(a * down, b)) / (2 * _STEP * a)
        in_b = (log_below(a, b * up) - log_below(a, b * down)) / (2 * _STEP * b)
        return [upstream[0] * in_a, upstream[0] * in_b]

    of = [pt.dvector(), pt.dvector()]
    return OpFromGraph(of, [log_below(*of)], pullback=slopes)(a, b)


class Beta:
    """Beta with learned precision, censored at 0 and 1, where the number of items is unknown."""

    outcome = "accuracy"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            "precision", "\\phi", "precision of the beta noise: variance p(1-p)/(1+phi)", "positive", "noise",
            Prior("lognormal", median=200.0, upper95=3000.0), group_sd=Prior("halfnormal", upper95=1.0),
        ),
    )  # fmt: skip

    @staticmethod
    def observe(center: Any, values: dict[str, Any], data: dict[str, Any]) -> None:
        """Add the likelihood to the PyMC model in context (the tails only where rows need them)."""
        import pymc as pm
        import pytensor.tensor as pt

        center = pt.clip(center, _EDGE, 1 - _EDGE)
        phi = values["precision"] * pt.ones_like(center)
        observed = np.asarray(data["accuracy"], dtype=float)
        inside = np.flatnonzero((observed > CENSOR) & (observed < 1 - CENSOR))
        mu, nu = center[inside], phi[inside]
        pm.Beta("accuracy", alpha=mu * nu, beta=(1 - mu) * nu, observed=observed[inside])
        for name, tail, flip in (
            ("at_zero", observed <= CENSOR, False),
            ("at_one", observed >= 1 - CENSOR, True),
        ):
            rows = np.flatnonzero(tail)
            if rows.size:
                mu, nu = (1 - center[rows] if flip else center[rows]), phi[rows]
                pm.Potential(name, _log_below(mu * nu, (1 - mu) * nu))

    @staticmethod
    def log_density(y: np.ndarray, center: np.ndarray, values: dict[str, Any], data: dict[str, Any]) -> np.ndarray:
        """Return the log density of the accuracy (log probability where it is censored)."""
        center = np.clip(center, _EDGE, 1 - _EDGE)
        a, b = center * values["precision"], (1 - center) * values["precision"]
        within = np.clip(y, CENSOR, 1 - CENSOR)
        inside = special.xlogy(a - 1, within) + special.xlog1py(b - 1, -within) - special.betaln(a, b)
        low = np.log(special.betainc(a, b, CENSOR) + _TINY)
        high = np.log(special.betainc(b, a, CENSOR) + _TINY)
        return np.where(y <= CENSOR, low, np.where(y >= 1 - CENSOR, high, inside))

    @staticmethod
    def simulate(
        rng: np.random.Generator, center: np.ndarray, values: dict[str, Any], data: dict[str, Any]
    ) -> np.ndarray:
        """Return simulated accuracies, shape (draw, row); rounded to 0 and 1 at the censoring."""
        center = np.clip(center, _EDGE, 1 - _EDGE)
        y = rng.beta(center * values["precision"], (1 - center) * values["precision"])
        return np.where(y <= CENSOR, 0.0, np.where(y >= 1 - CENSOR, 1.0, y))


OBSERVATIONS: dict[str, Any] = {
    "student_t": StudentT,
    "normal": Normal,
    "beta_binomial": BetaBinomial,
    "beta": Beta,
    "logistic": CensoredLogistic,
    "log_odds": LogOdds,
}


def parameters(observation: str) -> tuple[Parameter, ...]:
    """Return the parameters of a kind of observation noise (none while it is `auto`)."""
    return () if observation == "auto" else OBSERVATIONS[observation].parameters


def every_parameter(outcome: str) -> tuple[Parameter, ...]:
    """Return the noise parameters that a model of this outcome can have."""
    found = {
        p.name: p for kind in OBSERVATIONS.values() if on_log(kind.outcome) == on_log(outcome) for p in kind.parameters
    }
    return tuple(found.values())


def check_fits_outcome(observation: str, outcome: str) -> None:
    """Raise CardError where a kind of noise does not belong to the outcome."""
    if observation != "auto" and on_log(OBSERVATIONS[observation].outcome) != on_log(outcome):
        fitting = ["auto", *(k for k, v in OBSERVATIONS.items() if on_log(v.outcome) == on_log(outcome))]
        raise CardError(f"noise.observation = {observation!r} does not describe {outcome}; expected {listed(fitting)}.")
