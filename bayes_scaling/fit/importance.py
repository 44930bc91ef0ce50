"""Independent draws of a small posterior by importance sampling, where its own diagnostic says that they are as good.

A model without effects has a handful of parameters. Particles find its mass (sequential Monte Carlo, see
``particles.py``), a mixture of Student-t distributions fitted to them in straight coordinates (``straight.py``) is the
proposal (Hoogerheide, Opschoor and van Dijk 2012), and draws of it are weighted by the exact posterior density over
that of the mixture. Nothing is compiled. The shape of the largest weights (Pareto k; Vehtari, Simpson, Gelman, Yao and
Gabry 2024) tells whether that can be trusted; else NUTS samples as ever. What neither particles nor proposals find,
such as a far mode, no weight tells.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import gammaln, logsumexp

from bayes_scaling.fit.particles import IMPOSSIBLE, SAFE, Ladder, Particles, Population, Target, moved
from bayes_scaling.fit.straight import Straight, order_of
from bayes_scaling.laws.backend import link, log_jacobian, numpy_backend, unlink
from bayes_scaling.model import Rows
from bayes_scaling.model.priors import draw, log_density
from bayes_scaling.model.spec import ModelSpec

PARAMETERS_MAX = 12
ROWS_MAX = 20_000  # 5,000 rows took 6 s, and nothing shows the progress
PARETO_K_MAX = 0.4  # at 0.5 weights still have a variance, but the ends of long ridges are missed more often
POWER = 0.7  # of the posterior that mixtures are fitted to: wider along its own ridges
SPARE = 2.0  # effective draws behind each kept one, so that few are kept twice
PROPOSALS_MAX = 60_000
FIRST_ROWS = 25  # the fewest that particles begin with
PARTICLES, LAST_MOVES = 800, 12  # where they miss a tail, so do proposals, and no weight tells
ROUNDS, PILOT = 9, 3000  # the first is fitted to particles of the posterior and not used
HARD_FROM = 3  # rounds; from then on twice as many are tried
PARTS, STEPS = 5, 15  # of the mixture, and steps that fit it
LEARNT_FROM = 1500  # points that a mixture is fitted to
TAIL = 5.0  # degrees of freedom of a part
WIDE, WIDER = 0.1, 1.5  # share and relative covariance of the part that covers all
FEW, LEAST = 10.0, 0.2  # points that a part's scale is drawn to the whole by; least share of a part, of an equal one


@dataclass(frozen=True)
class Weighted:
    """Equally weighted draws that were chosen by weight.

    Attributes
    ----------
    theta : ndarray, shape (draw, parameter)
        On the unconstrained scale, in random order.
    pareto_k : float
        Shape of the largest weights.
    effective : float
        Effective number of the proposals they were chosen from.
    proposals : int
    log_evidence : float
        Log marginal likelihood of the rows, but for the constant that the likelihood leaves out: the mean weight.
    """

    theta: np.ndarray
    pareto_k: float
    effective: float
    proposals: int
    log_evidence: float


class Density(Protocol):
    """A log density, and points about where its mass is."""

    def log_density(self, theta: np.ndarray) -> np.ndarray:
        """Return the log density but for a constant, shape (draw,)."""
        ...

    def particles(self, rng: np.random.Generator) -> np.ndarray:
        """Return points, shape (particle, parameter)."""
        ...


class Posterior:
    """Exact log density of a model without effects, but for a constant, in NumPy.

    Parameters
    ----------
    spec, rows :
        As settled by :func:`bayes_scaling.model.encode`.
    ladder : Ladder, optional
        Of the whole table where these are some of its rows; see :func:`ladder_of`.
    """

    def __init__(self, spec: ModelSpec, rows: Rows, ladder: Ladder | None = None) -> None:
        self._spec, self._rows, self._ladder = spec, rows, ladder
        self._target = Target(spec, rows, np.arange(len(rows)))

    def log_density(self, theta: np.ndarray) -> np.ndarray:
        """Return the log density at points (draw, parameter) of the unconstrained scale, shape (draw,)."""
        likelihood = self._target.log_likelihood(theta)
        return np.where(likelihood > IMPOSSIBLE, likelihood, -np.inf) + self.log_prior(theta)

    def log_prior(self, theta: np.ndarray) -> np.ndarray:
        """Return the log density of the prior on the unconstrained scale, shape (draw,)."""
        xp, total = numpy_backend(), np.zeros(len(theta))
        with np.errstate(all="ignore"):
            for i, parameter in enumerate(self._spec.parameters()):
                value = unlink(xp, parameter.support, theta[:, i])
                total += log_density(self._spec.prior(parameter), value)
                total += log_jacobian(xp, parameter.support, theta[:, i])
        return np.where(np.isfinite(total), total, -np.inf)

    def particles(self, rng: np.random.Generator) -> np.ndarray:
        """Return points about where the posterior is, shape (particle, parameter); its prior taken as normal."""
        ladder = self._ladder or self._few_rows_first(rng)
        found = ladder.temper(self._target, rng)
        return moved(self._target, ladder.population, found, rng, moves=LAST_MOVES).theta

    def _few_rows_first(self, rng: np.random.Generator) -> Ladder:
        """Return where particles begin: with every eighth row, or fewer of a short table, as if these were all."""
        step = max(1, min(round(1 / SAFE), len(self._rows) // FIRST_ROWS))
        few = Target(self._spec, self._rows, np.arange(step // 2, len(self._rows), step))
        return Ladder.up(few, normal_prior(self._spec, rng), PARTICLES, rng, until=SAFE * len(self._rows) / len(few))


def normal_prior(spec: ModelSpec, rng: np.random.Generator) -> Population:
    """Return a normal distribution with mean and sd of the prior on the unconstrained scale."""
    xp = numpy_backend()
    drawn = [link(xp, p.support, draw(spec.prior(p), rng, 4001)) for p in spec.parameters()]
    return Population(np.array([d.mean() for d in drawn]), np.array([d.std() for d in drawn]))


def ladder_of(spec: ModelSpec, rows: Rows) -> Ladder:
    """Return where fits to some rows of a table begin: the same for each, in every process."""
    rng = np.random.default_rng(len(rows))
    return Ladder.up(Target(spec, rows, np.arange(len(rows))), normal_prior(spec, rng), PARTICLES, rng)


@dataclass(frozen=True)
class Mixture:
    """Mixture of multivariate Student-t distributions.

    Attributes
    ----------
    share : ndarray, shape (part,)
    mean : ndarray, shape (part, parameter)
    factor : ndarray, shape (part, parameter, parameter)
        Cholesky factors of the scales.
    """

    share: np.ndarray
    mean: np.ndarray
    factor: np.ndarray

    @classmethod
    def of_scales(cls, share: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> Mixture:
        """Return a mixture from its scale matrices."""
        return cls(share, mean, np.linalg.cholesky(scale))

    @classmethod
    def about(cls, points: np.ndarray, rng: np.random.Generator) -> Mixture:
        """Return a mixture fitted to points by expectation and maximisation, and a wide part that covers them all."""
        size, center = points.shape[1], points.mean(axis=0)
        whole = np.cov(points.T).reshape(size, size) + 1e-10 * np.eye(size)
        scale = np.repeat(whole[None] / PARTS ** (2 / size), PARTS, axis=0)
        found = cls.of_scales(np.full(PARTS, 1 / PARTS), rng.permutation(points)[:PARTS], scale)
        for _ in range(STEPS):
            found = found.better(points, whole)
        share = np.append(found.share * (1 - WIDE), WIDE)
        mean = np.concatenate([found.mean, center[None]])
        factor = np.concatenate([found.factor, np.linalg.cholesky(WIDER * whole)[None]])
        return cls(share, mean, factor)

    def better(self, points: np.ndarray, whole: np.ndarray) -> Mixture:
        """Return the mixture after one step of expectation and maximisation (Peel and McLachlan 2000)."""
        size = points.shape[1]
        each, square = self._terms(points)
        own = np.exp(each - logsumexp(each, axis=1, keepdims=True))
        pull = own * (TAIL + size) / (TAIL + square)
        count, pulled = own.sum(axis=0), pull.sum(axis=0)
        mean = (pull.T @ points) / pulled[:, None]
        away = points[:, None] - mean
        scale = np.einsum("nk,nki,nkj->kij", pull, away, away, optimize=True) + FEW * whole / 5
        share = np.maximum(count / len(points), LEAST / PARTS)
        return Mixture.of_scales(share / share.sum(), mean, scale / (count + FEW)[:, None, None])

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return draws, shape (draw, parameter)."""
        part = rng.choice(len(self.share), count, p=self.share)
        z = rng.standard_normal((count, self.mean.shape[1])) * np.sqrt(TAIL / rng.chisquare(TAIL, count))[:, None]
        return self.mean[part] + np.einsum("nij,nj->ni", self.factor[part], z)

    def log_density(self, theta: np.ndarray) -> np.ndarray:
        """Return the log density, shape (draw,)."""
        return np.asarray(logsumexp(self._terms(theta)[0], axis=1))

    def _terms(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the log density of each part with its share, and squared distances from it, shape (draw, part)."""
        size = theta.shape[1]
        inverse = np.linalg.inv(self.factor)
        square = np.stack([(((theta - m) @ i.T) ** 2).sum(axis=1) for m, i in zip(self.mean, inverse, strict=True)], 1)
        peak = gammaln((TAIL + size) / 2) - gammaln(TAIL / 2) - size / 2 * math.log(TAIL * math.pi)
        peak = peak - np.log(np.einsum("kii->ki", self.factor)).sum(axis=1) + np.log(self.share)
        return peak - (TAIL + size) / 2 * np.log1p(square / TAIL), square


@dataclass(frozen=True)
class Proposal:
    """A mixture in straight coordinates."""

    straight: Straight
    mixture: Mixture

    @classmethod
    def about(cls, points: np.ndarray, rng: np.random.Generator, order: Sequence[int] | None = None) -> Proposal:
        """Return a proposal fitted to points (point, parameter)."""
        straight = Straight.about(points, range(points.shape[1]) if order is None else order)
        return cls(straight, Mixture.about(straight.straighten(points), rng))

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return draws, shape (draw, parameter)."""
        return self.straight.bend(self.mixture.draw(count, rng))

    def log_density(self, theta: np.ndarray) -> np.ndarray:
        """Return the log density, shape (draw,)."""
        return self.mixture.log_density(self.straight.straighten(theta)) + self.straight.log_jacobian


@dataclass(frozen=True)
class Tried:
    """Proposals of several rounds.

    Attributes
    ----------
    proposals : tuple of Proposal
    theta : tuple of ndarray, shape (draw, parameter) each
    density : tuple of ndarray, shape (draw,) each
        Log density of the posterior.
    common : tuple of ndarray, shape (draw,) each
        Log of the sum of the proposals' densities times their draws.
    """

    proposals: tuple[Proposal, ...] = ()
    theta: tuple[np.ndarray, ...] = ()
    density: tuple[np.ndarray, ...] = ()
    common: tuple[np.ndarray, ...] = ()

    def and_of(self, proposal: Proposal, theta: np.ndarray, density: np.ndarray) -> Tried:
        """Return these and the draws of one more proposal."""
        sizes = [math.log(len(t)) for t in (*self.theta, theta)]
        before = [
            np.logaddexp(c, proposal.log_density(t) + sizes[-1]) for c, t in zip(self.common, self.theta, strict=True)
        ]
        proposals = (*self.proposals, proposal)
        own = np.logaddexp.reduce([p.log_density(theta) + size for p, size in zip(proposals, sizes, strict=True)])
        return Tried(proposals, (*self.theta, theta), (*self.density, density), (*before, np.asarray(own)))

    def flatter(self, rng: np.random.Generator) -> np.ndarray:
        """Return points of the posterior to the power of POWER, shape (draw, parameter)."""
        density = np.concatenate(self.density)
        weight = density - np.concatenate(self.common)
        weight -= (1 - POWER) * np.where(np.isfinite(density), density, 0.0)  # beyond a uniform prior there is none
        return Particles(np.concatenate(self.theta), density).resampled(weight, rng).theta


def applies(spec: ModelSpec, rows: Rows) -> bool:
    """Return whether a model is small enough to try: no effects of groups or runs, a dozen parameters, few rows."""
    crossed = any(True for _ in spec.all_effects()) or spec.noise.run_effect or spec.sampled_paths
    few = len(spec.parameters()) <= PARAMETERS_MAX and len(rows) <= ROWS_MAX
    return few and not crossed and not spec.constants()


def importance_draws(
    spec: ModelSpec, rows: Rows, count: int, seed: int, ladder: Callable[[], Ladder] | None = None
) -> Weighted | None:
    """Return draws of a small posterior, or None where their weights are not to be trusted.

    Parameters
    ----------
    spec, rows :
        As settled by :func:`bayes_scaling.model.encode`; :func:`applies` is true of them.
    count : int
        Draws to return.
    seed : int
    ladder : callable, optional
        Gives that of the table of which these are some rows.
    """
    try:
        posterior = Posterior(spec, rows, ladder() if ladder else None)
        return from_particles(posterior, count, np.random.default_rng(seed), order_of(spec))
    except np.linalg.LinAlgError:  # a prior whose draws are not finite on the unconstrained scale
        return None


def from_particles(
    posterior: Density, count: int, rng: np.random.Generator, order: Sequence[int] | None = None
) -> Weighted | None:
    """Return draws of a density that can name points about its mass, or None; see :func:`importance_draws`.

    Every round learns from the proposals of all rounds before it, weighted by their common density (Cornuet, Marin,
    Mira and Robert 2012).
    """
    points, tried = posterior.particles(rng), Tried()
    for turn in range(ROUNDS):
        proposal = Proposal.about(rng.permutation(points)[:LEARNT_FROM], rng, order)
        theta = proposal.draw(PILOT if turn < HARD_FROM else 2 * PILOT, rng)
        density = posterior.log_density(theta)
        weights = density - proposal.log_density(theta)
        if not np.isfinite(weights).any():
            return None
        share = effective(weights) / len(weights)
        enough = share * PROPOSALS_MAX >= SPARE * count
        if turn and enough and pareto(weights)[1] < PARETO_K_MAX:
            made = _chosen(posterior, proposal, count, share, rng)
            if made is not None:
                return made
        tried = tried.and_of(proposal, theta, density)
        points = tried.flatter(rng)
    return None


def _chosen(
    posterior: Density, proposal: Proposal, count: int, share: float, rng: np.random.Generator
) -> Weighted | None:
    """Return draws chosen from fresh proposals, as many as they need; those that chose the proposal do not judge it."""
    theta = proposal.draw(max(PILOT, math.ceil(1.05 * SPARE * count / share)), rng)
    weights = posterior.log_density(theta) - proposal.log_density(theta)
    smooth, k = pareto(weights)
    if not k < PARETO_K_MAX:
        return None
    ends = np.cumsum(np.exp(smooth - logsumexp(smooth)))
    chosen = np.searchsorted(ends, (rng.random() + np.arange(count)) / count)
    chosen = rng.permutation(np.minimum(chosen, len(smooth) - 1))
    log_evidence = float(logsumexp(weights)) - math.log(len(weights))  # smoothed ones are scaled to sum to 1
    return Weighted(theta[chosen], k, effective(smooth), len(smooth), log_evidence)


def effective(log_weight: np.ndarray) -> float:
    """Return the effective number of weighted draws, ``(sum w)^2 / sum w^2``."""
    return float(np.exp(2 * logsumexp(log_weight) - logsumexp(2 * log_weight)))


def pareto(log_weight: np.ndarray) -> tuple[np.ndarray, float]:
    """Return log weights whose largest ones are smoothed, and Pareto k: infinite where their tail is one value."""
    from arviz_stats.base import array_stats

    try:
        smooth, k = array_stats.psislw(-log_weight)  # it takes the log likelihood of leave-one-out
    except ValueError:  # "All tail values are the same": there is no k to judge them by
        return log_weight, math.inf
    return np.asarray(smooth), float(k)
