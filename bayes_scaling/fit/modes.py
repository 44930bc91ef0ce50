"""Modes of a small posterior that lie so far apart that neither particles nor chains cross between them.

Tempering lets particles compete: where a mode is narrow, the wide one beside it wins while the likelihood is half
switched on, and none is left when the narrow one has come to hold more. So some particles are quenched: they move with
the whole likelihood switched on at once, and none is resampled. Where they end is divided into islands that settle, and
islands that one line tells apart by many standard deviations are modes. Cells about them divide the space, so that the
posterior of each is sampled by itself and its mass is its evidence.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bayes_scaling.fit.particles import Ladder, Particles, Population, Target, moved

LogDensity = Callable[[np.ndarray], np.ndarray]
QUENCHED, QUENCHING = 100, 80  # particles, and their moves
ISLANDS, SIZE, SETTLING = 4, 50, 20  # clusters of them, particles of an island, and moves that it settles with
SCREENED, SCREENING = 80, 100  # the same of an island that may be a mode: most are on their way to another one
GROWN, GROWING = 400, 100  # the same of an island that is a mode
FEWEST = 5  # particles that make an island
BEST = 0.5  # share of a cluster's particles, those of highest density, that an island begins with
STRAGGLERS = 25.0  # nats below the best of an island, unless fewer than FEWEST are nearer
LEAST_SD = 1e-5  # as in the moves of particles
APART = 6.0  # standard deviations between means; the halves of one normal cloud are 2.7 apart
HOPELESS = 10.0  # nats by which the mass of an island, roughly, is below the largest
UNSETTLED = 40.0  # the same before islands are screened: 10 lost the mode of datablations in 6 of 40 seeds


def islands(target: Target, ladder: Ladder, rng: np.random.Generator) -> list[np.ndarray]:
    """Return clouds of points where particles of a ladder's highest rung end, shape (particle, parameter) each."""
    start = rng.permutation(ladder.rungs[-1][1].theta)[:QUENCHED]
    found = moved(target, ladder.population, Particles(start, target.log_likelihood(start)), rng, moves=QUENCHING)
    clusters = [own for own in _clusters(found.theta, ISLANDS, rng) if len(own) >= FEWEST]
    best = [_best(target, ladder.population, own) for own in clusters]
    return [half for own in best for half in halves(settled(target, ladder.population, own, rng))]


def _clusters(cloud: np.ndarray, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Return a cloud in parts, every direction of the same weight (k-means); some may be empty."""
    from scipy.cluster.vq import kmeans2

    scaled = _scaled(cloud)
    scaled += LEAST_SD * rng.standard_normal(cloud.shape)  # k-means divides by zero where few points are distinct
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="One of the clusters is empty", category=UserWarning)
        _, label = kmeans2(scaled, count, minit="++", seed=rng)
    return [cloud[label == i] for i in range(count)]


def _scaled(cloud: np.ndarray) -> np.ndarray:
    return np.asarray((cloud - cloud.mean(axis=0)) / np.maximum(cloud.std(axis=0), LEAST_SD))


def _best(target: Target, population: Population, theta: np.ndarray) -> np.ndarray:
    density = target.log_likelihood(theta) + population.log_density(theta)
    return theta[np.argsort(-density)[: max(FEWEST, round(BEST * len(theta)))]]


def settled(
    target: Target, population: Population, theta: np.ndarray, rng: np.random.Generator, *, size: int = SIZE,
    moves: int = SETTLING,
) -> np.ndarray:  # fmt: skip
    """Return points that started from some and settled in the mode about them, shape (particle, parameter)."""
    for _ in range(2):
        theta = theta[rng.integers(0, len(theta), size)]
        island = moved(target, population, Particles(theta, target.log_likelihood(theta)), rng, moves=moves)
        density = island.log_likelihood + population.log_density(island.theta)
        near = min(density.max() - STRAGGLERS, np.partition(density, -FEWEST)[-FEWEST])
        theta = island.theta[density >= near]
    return theta


def beside(
    points: np.ndarray, others: Sequence[np.ndarray], target: Target, population: Population, log_density: LogDensity,
    rng: np.random.Generator,
) -> list[np.ndarray]:  # fmt: skip
    """Return points of every mode among particles and other clouds; the particles themselves where theirs is the only.

    Parameters
    ----------
    points : ndarray, shape (particle, parameter)
        Of the posterior, as tempering found it.
    others : sequence of ndarray, shape (particle, parameter) each
    log_density : callable
        That of the posterior at points, shape (particle,).
    """
    found = grown_modes([*halves(points), *others], target, population, log_density, rng) if others else [points]
    return [points] if len(found) == 1 and apart(points, found[0]) < APART else found


def grown_modes(
    clouds: Sequence[np.ndarray], target: Target, population: Population, log_density: LogDensity,
    rng: np.random.Generator,
) -> list[np.ndarray]:  # fmt: skip
    """Return points of the modes among clouds, settled where there are several; arguments as of :func:`beside`."""
    found = modes(clouds, [log_density(c) for c in clouds], hopeless=UNSETTLED)
    for size, moves in ((SCREENED, SCREENING), (GROWN, GROWING)):
        if len(found) < 2:
            break
        found = [settled(target, population, c, rng, size=size, moves=moves) for c in found]
        found = modes(found, [log_density(c) for c in found])
    return found


def modes(
    clouds: Sequence[np.ndarray], density: Sequence[np.ndarray], *, hopeless: float = HOPELESS
) -> list[np.ndarray]:
    """Return clouds joined where no line tells them apart; those of a hopelessly low mass are left out.

    Parameters
    ----------
    clouds : sequence of ndarray, shape (particle, parameter) each
    density : sequence of ndarray, shape (particle,) each
        Log density of the posterior.
    hopeless : float
        Nats below the largest mass from which a cloud is left out.
    """
    mass = [_log_mass(c, d) for c, d in zip(clouds, density, strict=True)]
    found: list[np.ndarray] = []
    for cloud, own in sorted(zip(clouds, mass, strict=True), key=lambda pair: -len(pair[0])):
        if own < max(mass) - hopeless:
            continue
        near = [i for i, other in enumerate(found) if apart(cloud, other) < APART]
        joined = np.concatenate([cloud, *(found[i] for i in near)])
        found = [*(other for i, other in enumerate(found) if i not in near), joined]
    return found


def _log_mass(cloud: np.ndarray, density: np.ndarray) -> float:
    """Return the log of peak density times volume, but for a constant: a wide mode has mass at a low density."""
    return float(density.max() + 0.5 * np.linalg.slogdet(_within([cloud]))[1])


def halves(cloud: np.ndarray) -> list[np.ndarray]:
    """Return a cloud in two parts where one line tells these apart, else as it is.

    Tried are cuts across every coordinate and principal axis: k-means, begun at random, finds cuts along the modes too.
    """
    scaled = _scaled(cloud)
    axes = np.linalg.svd(scaled, full_matrices=False)[2]
    best, far = [cloud], APART
    for along in np.concatenate([scaled, scaled @ axes.T], axis=1).T:
        low = along < _cut(along)
        parts = [cloud[low], cloud[~low]]
        if min(map(len, parts)) >= FEWEST and (distance := apart(*parts)) >= far:
            best, far = parts, distance
    return best


def _cut(along: np.ndarray) -> float:
    """Return where numbers are cut in two so that least variance is left within (Fisher 1958)."""
    ordered = np.sort(along)
    below = np.arange(1, len(ordered))
    total = np.cumsum(ordered)
    gap = (total[-1] - total[:-1]) / (len(ordered) - below) - total[:-1] / below
    return float(ordered[below[(gap**2 * below * (len(ordered) - below)).argmax()]])


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """Return the distance between the means of two clouds in standard deviations within them (Fisher 1936)."""
    away = one.mean(axis=0) - other.mean(axis=0)
    return float(np.sqrt(away @ np.linalg.solve(_within([one, other]), away)))


def _within(clouds: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean covariance within clouds, shape (parameter, parameter)."""
    size = clouds[0].shape[1]
    return np.mean([np.cov(c.T).reshape(size, size) for c in clouds], axis=0) + LEAST_SD**2 * np.eye(size)


@dataclass(frozen=True)
class Cells:
    """The space divided among modes: a point belongs to the nearest, in standard deviations within them.

    Attributes
    ----------
    center : ndarray, shape (mode, parameter)
    precision : ndarray, shape (parameter, parameter)
    """

    center: np.ndarray
    precision: np.ndarray

    @classmethod
    def about(cls, clouds: Sequence[np.ndarray]) -> Cells:
        """Return the cells of clouds, one each."""
        return cls(np.stack([c.mean(axis=0) for c in clouds]), np.linalg.inv(_within(clouds)))

    def of(self, theta: np.ndarray) -> np.ndarray:
        """Return the position of the cell of each point, shape (draw,)."""
        away = theta[:, None] - self.center
        return np.einsum("nki,ij,nkj->nk", away, self.precision, away, optimize=True).argmin(axis=1)
