"""Proposals of importance sampling: mixtures of Student-t distributions in straight coordinates, and rounds of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, logsumexp

from bayes_scaling.fit.particles import Particles
from bayes_scaling.fit.straight import Straight

POWER = 0.7  # of the posterior that mixtures are fitted to: wider along its own ridges
PARTS, STEPS = 5, 15  # of the mixture, and steps that fit it
TAIL = 5.0  # degrees of freedom of a part
WIDE, WIDER = 0.1, 1.5  # share and relative covariance of the part that covers all
FEW, LEAST = 10.0, 0.2  # points that a part's scale is drawn to the whole by; least share of a part, of an equal one


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
