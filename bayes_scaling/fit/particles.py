"""Particles of one curve's parameters, from the population to the posterior by tempering.

Sequential Monte Carlo (Del Moral, Doucet and Jasra 2006): the likelihood is switched on in steps that keep half of
the particles' weight, and after each step the particles are resampled and moved by random walks and differences of
pairs (ter Braak 2006). It needs no gradient and finds where the mass of a bent posterior is, which a mode does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from bayes_scaling.fit.evaluate import take
from bayes_scaling.laws.backend import numpy_backend, unlink
from bayes_scaling.model import Rows, simulate
from bayes_scaling.model.discrepancy import transitions
from bayes_scaling.model.effects import law_mean
from bayes_scaling.model.gathered import of_averages, scatter_density
from bayes_scaling.model.rows import observed
from bayes_scaling.model.spec import ModelSpec
from bayes_scaling.model.state_space import path_totals

KEPT = 0.5  # share of the effective particles that a step keeps
MOVES = 6
MOST = 0.25  # power that a fit to half the rows takes over at: twice as wide
SAFE = 0.125  # power at which a fit to some rows takes over from its whole table: three times as wide as its posterior
BATCH_VALUES = 40_000  # draws x rows at once, which stay in a processor's cache
STRIDE = 2.38  # of a random walk in units of sd / sqrt(dimension) (Roberts, Gelman and Gilks 1997)
IMPOSSIBLE = -1e300


@dataclass(frozen=True)
class Population:
    """Normal distribution of curves' parameters on the unconstrained scale, shape (parameter,) each."""

    mean: np.ndarray
    sd: np.ndarray

    def log_density(self, theta: np.ndarray) -> np.ndarray:
        """Return the log density but for a constant, shape (..., particle)."""
        return -0.5 * (((theta - self.mean) / self.sd) ** 2).sum(axis=-1) - np.log(self.sd).sum()


class Target:
    """Likelihood of one curve.

    Parameters
    ----------
    spec : ModelSpec
        As settled by :func:`bayes_scaling.model.encode`.
    rows : Rows
        The whole table.
    positions : ndarray of int
        The rows of the curve.
    """

    def __init__(self, spec: ModelSpec, rows: Rows, positions: np.ndarray) -> None:
        self._spec = spec
        self._rows = take(rows, positions)
        self._data = observed(spec, self._rows)
        self._outcome = self._rows.column(spec.outcome)
        if spec.marginal and rows.paths is not None:
            code, t = self._rows.index["path"], rows.paths.coordinate(self._rows.frame)
            self._order, self._gap, self._start = rows.paths.steps(code, t)

    def __len__(self) -> int:
        return len(self._rows)

    def log_likelihood(self, theta: np.ndarray) -> np.ndarray:
        """Return the log likelihood of parameters (particle, parameter) on the unconstrained scale, shape (particle,).

        Run effects and sampled discrepancies are left out: they are extra scatter that others may explain.
        """
        step = max(1, BATCH_VALUES // len(self))
        return np.concatenate([self._of_few(theta[i : i + step]) for i in range(0, len(theta), step)])

    def _of_few(self, theta: np.ndarray) -> np.ndarray:
        xp, spec = numpy_backend(), self._spec
        with np.errstate(all="ignore"):  # a walk may leave what a float can hold
            at = {p.name: unlink(xp, p.support, theta[:, i : i + 1]) for i, p in enumerate(spec.parameters())}
            scatter = scatter_density(xp, spec.noise.discrepancy.kind, at, self._rows.inputs)
            at = of_averages(xp, spec.noise.discrepancy.kind, at, self._rows.inputs)
            mean = law_mean(xp, spec, self._rows.inputs, at) + np.zeros((len(theta), len(self._rows)))
            if spec.marginal:
                total = self._along_path(np.log(mean), at)
            else:
                center = simulate.center(spec, mean, None, self._data["chance"])
                total = simulate.log_density(spec, self._outcome, center, at, self._data).sum(axis=1)
            total = total if scatter is None else total + scatter.sum(axis=1)
        return np.where(np.isfinite(total), total, IMPOSSIBLE)

    def _along_path(self, log_mean: np.ndarray, at: dict[str, np.ndarray]) -> np.ndarray:
        residual = (self._data["y"] - log_mean)[:, self._order]
        kind = self._spec.noise.discrepancy.kind
        full = np.zeros(residual.shape)
        sd, length = (at.get(name, 1.0) + full for name in ("discrepancy_sd", "discrepancy_length"))
        decay, innovation = transitions(numpy_backend(), kind, self._gap, self._start, sd, length)
        noise = (at["sigma"] ** 2 + full)[:, self._order]
        return path_totals(residual, decay + full, innovation + full, noise)


@dataclass(frozen=True)
class Particles:
    """Equally weighted draws of one curve's parameters.

    Attributes
    ----------
    theta : ndarray, shape (particle, parameter)
        On the unconstrained scale.
    log_likelihood : ndarray, shape (particle,)
    """

    theta: np.ndarray
    log_likelihood: np.ndarray

    def resampled(self, log_weight: np.ndarray, rng: np.random.Generator) -> Particles:
        """Return as many particles drawn by weight, with one random number (systematic)."""
        count = len(log_weight)
        ends = np.cumsum(np.exp(log_weight - logsumexp(log_weight)))
        chosen = np.searchsorted(ends, (rng.random() + np.arange(count)) / count)
        chosen = np.minimum(chosen, count - 1)
        return Particles(self.theta[chosen], self.log_likelihood[chosen])


def temper(target: Target, population: Population, count: int, rng: np.random.Generator) -> Particles:
    """Return particles of the posterior under a population, started from that population."""
    return _last(_rising(target, population, _drawn(target, population, count, rng), 0.0, rng))


def _drawn(target: Target, population: Population, count: int, rng: np.random.Generator) -> Particles:
    """Return particles of the population."""
    theta = population.mean + population.sd * rng.standard_normal((count, len(population.mean)))
    return Particles(theta, target.log_likelihood(theta))


def _rising(
    target: Target, population: Population, particles: Particles, power: float, rng: np.random.Generator,
    until: float = 1.0,
) -> Iterator[tuple[float, Particles]]:  # fmt: skip
    """Yield powers of the likelihood up to the last with particles, from those at a power on."""
    while power < until:
        step = _step(particles.log_likelihood, until - power)
        power = min(power + step, until)
        particles = particles.resampled(step * particles.log_likelihood, rng)
        particles = moved(target, population, particles, rng, power=power)
        yield power, particles


def _last(steps: Iterator[tuple[float, Particles]]) -> Particles:
    *_, (_, particles) = steps
    return particles


@dataclass(frozen=True)
class Ladder:
    """Particles of a table at rising powers of its likelihood, from which fits to other rows of the same kind go on.

    The table is the whole of which a fit takes some rows, or a few rows of the fit's own, which cost less.

    Attributes
    ----------
    population : Population
    rows : int
        Of the table.
    rungs : tuple of (float, Particles)
        The first is the population itself, at power 0.
    modes : tuple of ndarray, shape (particle, parameter) each, or None
        Points about the table's modes where there are several; None where they were not looked for.
    """

    population: Population
    rows: int
    rungs: tuple[tuple[float, Particles], ...]
    modes: tuple[np.ndarray, ...] | None = None

    @classmethod
    def up(
        cls, target: Target, population: Population, count: int, rng: np.random.Generator, until: float = SAFE
    ) -> Ladder:
        """Return the rungs of a table up to a power."""
        first = _drawn(target, population, count, rng)
        return cls(population, len(target), ((0.0, first), *_rising(target, population, first, 0.0, rng, until)))

    def temper(self, target: Target, rng: np.random.Generator) -> Particles:
        """Return particles of a posterior given other rows: from the highest rung that few of its weights leave.

        A power of a table's likelihood weighs as much as a higher one of fewer rows.
        """
        share = len(target) / self.rows
        for power, particles in reversed(self.rungs):
            own = power / share
            if own > MOST:
                continue
            likelihood = target.log_likelihood(particles.theta)
            weight = own * likelihood - power * particles.log_likelihood
            if power and _kept(weight) < KEPT * len(weight):
                continue
            there = Particles(particles.theta, likelihood)
            if power:
                there = moved(target, self.population, there.resampled(weight, rng), rng, power=own)
            return _last(_rising(target, self.population, there, own, rng))
        raise AssertionError("the population is the lowest rung")


def follow(
    target: Target, before: Population, after: Population, particles: Particles, rng: np.random.Generator
) -> Particles:
    """Return particles under another population: reweighted, resampled and moved."""
    weight = after.log_density(particles.theta) - before.log_density(particles.theta)
    return moved(target, after, particles.resampled(weight, rng), rng)


def _step(log_likelihood: np.ndarray, left: float) -> float:
    """Return the largest power of the likelihood that keeps the effective number of particles."""
    below = log_likelihood - log_likelihood.max()

    least = KEPT * len(log_likelihood)
    if _kept(left * below) >= least:
        return left
    low, high = 0.0, left
    while high - low > 1e-2 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if _kept(middle * below) >= least else (low, middle)
    return high


def _kept(log_weight: np.ndarray) -> float:
    """Return the effective number of weighted particles."""
    weight = np.exp(log_weight - log_weight.max())
    return float(weight.sum() ** 2 / (weight @ weight))


def moved(
    target: Target, population: Population, particles: Particles, rng: np.random.Generator, *, power: float = 1.0,
    moves: int = MOVES,
) -> Particles:  # fmt: skip
    """Return particles after Metropolis steps, random walks and differences of pairs in turn."""
    theta, likelihood = particles.theta, particles.log_likelihood
    density = population.log_density(theta)
    for turn in range(moves):
        fresh = theta + (_walk(theta, rng) if turn % 2 == 0 else _difference(theta, rng))
        fresh_likelihood, fresh_density = target.log_likelihood(fresh), population.log_density(fresh)
        gain = power * (fresh_likelihood - likelihood) + fresh_density - density
        taken = np.log(rng.random(len(theta))) < gain
        theta = np.where(taken[:, None], fresh, theta)
        likelihood = np.where(taken, fresh_likelihood, likelihood)
        density = np.where(taken, fresh_density, density)
    return Particles(theta, likelihood)


def _walk(theta: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    count, size = theta.shape
    covariance = np.cov(theta.T).reshape(size, size)
    factor = np.linalg.cholesky(covariance + 1e-10 * np.eye(size))
    stride = STRIDE / np.sqrt(size) * np.exp(rng.uniform(np.log(0.15), np.log(1.2), count))
    return stride[:, None] * (rng.standard_normal((count, size)) @ factor.T)


def _difference(theta: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    count, size = theta.shape
    stride = STRIDE / np.sqrt(2 * size) * np.exp(rng.uniform(np.log(0.3), np.log(1.2), count))
    stride = np.where(rng.random(count) < 0.1, 1.0, stride)  # now and then from mode to mode
    pairs = rng.integers(0, count, (2, count))
    return stride[:, None] * (theta[pairs[0]] - theta[pairs[1]]) + 1e-5 * rng.standard_normal(theta.shape)
