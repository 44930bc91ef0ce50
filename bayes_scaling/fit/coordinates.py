"""Coordinates in which the posterior of curves is nearly round.

They are affine and fixed before sampling, so that prior and posterior stay what they are; only the sampler's
steps change: a mass matrix with a dense block per curve, which moves with the population. They are learned from
particles of each curve, under a population that is fitted to all of them in turn, and once more from a short pilot run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from bayes_scaling.fit.particles import Particles, Population, Target, follow, moved, temper
from bayes_scaling.laws.backend import link, numpy_backend
from bayes_scaling.laws.base import Parameter
from bayes_scaling.model import Rows
from bayes_scaling.model.curves import Coordinates, curves, shared_parameters
from bayes_scaling.model.effects import at_rows
from bayes_scaling.model.priors import draw
from bayes_scaling.model.spec import ModelSpec, effect_name, sd_name

PILOTS = 1
PILOT = {"draws": 300, "tune": 400, "chains": 2, "maxdepth": 8, "target_accept": 0.85}
BLEND = 20.0  # pseudo-draws that pull a covariance to its diagonal
PARTICLES = 400
ROUNDS, SETTLED = 20, 0.05
LAST_MOVES = 30
THREADS = 2
SHARED_SD = 0.1  # of parameters that curves share: they may differ a little while coordinates are learned


def find_coordinates(spec: ModelSpec, rows: Rows) -> dict[str, Coordinates]:
    """Return coordinates of each group of curves; empty where the model has none."""
    found = {}
    for group, parameters in curves(spec, rows).items():
        hyper = _Hyper(spec, group, [p.name for p in parameters])
        population, particles = _settle(spec, rows, group, hyper)
        shared = shared_parameters(spec)
        own, rest = ([i for i, p in enumerate(spec.parameters()) if p in some] for some in (parameters, shared))
        theta = np.stack([p.theta[:, own] for p in particles], axis=1)
        beside = np.stack([p.theta[:, rest] for p in particles], axis=1)
        there = np.broadcast_to(population.mean[own], theta.shape[1:])
        names = tuple(p.name for p in parameters), tuple(p.name for p in shared)
        found[group] = _from_draws(theta, there.copy(), population.sd[own], beside, population.mean[rest], names)
    return found


def _settle(spec: ModelSpec, rows: Rows, group: str, hyper: _Hyper) -> tuple[Population, Sequence[Particles]]:
    """Return a population that explains the curves, and particles of every curve under it."""
    code = rows.index[group]
    targets = [Target(spec, rows, np.flatnonzero(code == level)) for level in range(len(rows.coords[group]))]
    streams = [np.random.default_rng(seed) for seed in np.random.SeedSequence(0).spawn(len(targets))]
    at, last = hyper.start, hyper.population(hyper.start)
    with ThreadPoolExecutor(THREADS) as threads:

        def each(step: Callable[..., Particles], *more: Sequence[Any]) -> list[Particles]:
            return list(threads.map(step, targets, streams, *more))

        particles = each(lambda target, rng: temper(target, last, PARTICLES, rng))
        for _ in range(ROUNDS):
            before, at = at, hyper.better(at, np.stack([p.theta for p in particles]))
            old, last = last, hyper.population(at)
            particles = each(lambda target, rng, p, o=old, n=last: follow(target, o, n, p, rng), particles)
            if hyper.distance(before, at) < SETTLED:
                break
        return last, each(lambda target, rng, p: moved(target, last, p, rng, moves=LAST_MOVES), particles)


class _Hyper:
    """Location and log standard deviation of every parameter between curves, with their priors as normal ones."""

    def __init__(self, spec: ModelSpec, group: str, own: Sequence[str]) -> None:
        xp, rng = numpy_backend(), np.random.default_rng(0)
        means: list[tuple[float, float]] = []
        sds: list[tuple[float, float]] = []
        for p in spec.parameters():
            values = link(xp, p.support, draw(spec.prior(p), rng, 4001))
            means.append((float(values.mean()), float(values.std())))
            if p.name in own:
                logs = np.log(draw(spec.sd_prior(p, group), rng, 4001))
                sds.append((float(logs.mean()), float(logs.std())))
            else:
                sds.append((float(np.log(min(SHARED_SD, values.std() / 2))), 0.01))
        self.size = len(means)
        self.start, self._sd = (np.array(column) for column in zip(*means, *sds, strict=True))

    def population(self, at: np.ndarray) -> Population:
        """Return the population at locations and log standard deviations."""
        return Population(at[: self.size], np.exp(at[self.size :]))

    def distance(self, before: np.ndarray, after: np.ndarray) -> float:
        """Return the largest move, of locations in standard deviations between curves."""
        unit = np.concatenate([np.exp(after[self.size :]), np.ones(self.size)])
        return float(np.abs((after - before) / unit).max())

    def better(self, at: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """Return a more probable point within the reach of particles theta (curve, particle, parameter)."""
        from scipy import optimize

        base = -self.population(at).log_density(theta)
        reach = np.concatenate([0.6 * np.exp(at[self.size :]), np.full(self.size, 0.4)])
        bounds = list(zip(at - reach, at + reach, strict=True))
        # not L-BFGS-B: its own linear algebra waits for BLAS threads, up to 10 ms a step on a busy machine
        return optimize.minimize(self._down, at, (theta, base), jac=True, method="TNC", bounds=bounds).x

    def _down(self, at: np.ndarray, theta: np.ndarray, base: np.ndarray) -> tuple[float, np.ndarray]:
        """Return minus the log density of locations and log standard deviations, and its gradient."""
        population = self.population(at)
        weight = base + population.log_density(theta)
        most = weight.max(axis=1, keepdims=True)
        weight = np.exp(weight - most)
        total = weight.sum(axis=1, keepdims=True)
        z = (theta - population.mean) / population.sd
        share = weight / total
        slope = np.concatenate([
            np.einsum("cp,cpi->i", share, z) / population.sd,
            np.einsum("cp,cpi->i", share, z**2) - len(theta),
        ])  # fmt: skip
        away = (at - self.start) / self._sd
        value = (most + np.log(total)).sum() - 0.5 * (away**2).sum()
        return -float(value), away / self._sd - slope


def learn(spec: ModelSpec, rows: Rows, posterior: Any, known: dict[str, Coordinates]) -> dict[str, Coordinates]:
    """Return coordinates from the posterior draws of a pilot run."""
    fresh = {}
    for group, parameters in curves(spec, rows).items():
        names = known[group].parameters
        draws = _parameters(spec, rows, posterior, group, parameters)
        effects = np.stack([_flat(posterior[effect_name(n, group)]) for n in names], axis=2)
        sd = np.exp([np.log(_flat(posterior[sd_name(n, group)])).mean() for n in names])
        supports = {p.name: p.support for p in spec.parameters()}
        both = [link(numpy_backend(), supports[n], _flat(posterior[n])) for n in known[group].shared]
        shared = np.array(both).reshape(len(both), len(draws)).T
        beside = np.broadcast_to(shared[:, None], (*draws.shape[:2], len(both)))
        population = (draws - effects).mean(axis=0)
        fresh[group] = _from_draws(draws, population, sd, beside, shared.mean(axis=0), (names, known[group].shared))
    return fresh


def _from_draws(
    draws: np.ndarray, population: np.ndarray, sd: np.ndarray, shared: np.ndarray, there: np.ndarray,
    names: tuple[tuple[str, ...], tuple[str, ...]],
) -> Coordinates:  # fmt: skip
    """Return coordinates from draws of each curve's parameters, shape (draw, curve, parameter).

    They are regressed on what all curves share, `shared` (draw, curve, shared). With covariance C of what is left and
    prior variances S between curves, the curve follows the population by ``C / S`` (both normal); no direction is
    taken to be wider than the prior.
    """
    away, aside = draws - draws.mean(axis=0), shared - shared.mean(axis=0)
    blend = BLEND / len(draws)
    spread = np.einsum("dci,dcj->cij", aside, aside) / len(draws)
    spread = spread + blend * np.einsum("cii->ci", spread)[:, :, None] * np.eye(len(there))
    joint = np.einsum("dci,dcj->cij", away, aside) / len(draws)
    follow = np.linalg.solve(spread, joint.transpose(0, 2, 1)).transpose(0, 2, 1)
    center = draws.mean(axis=0) + np.einsum("cij,cj->ci", follow, there - shared.mean(axis=0))
    away = away - np.einsum("cij,dcj->dci", follow, aside)
    covariance = np.einsum("dci,dcj->cij", away, away) / len(draws)
    share = len(draws) / (len(draws) + BLEND)
    diagonal = np.einsum("cii->ci", covariance)[:, :, None] * np.eye(len(names[0]))
    covariance = share * covariance + (1 - share) * diagonal
    values, vectors = np.linalg.eigh(covariance / (sd[:, None] * sd))
    within = np.einsum("cik,ck,cjk->cij", vectors, np.minimum(values, 1.0), vectors)
    pull = within * (sd[:, None] / sd)
    return Coordinates(*names, center, population, pull, np.linalg.cholesky(covariance), there, follow)


def _flat(variable: Any) -> np.ndarray:
    """Return draws of a variable with one draw axis in front."""
    values = variable.transpose("chain", "draw", ...).to_numpy()
    return values.reshape(-1, *values.shape[2:])


def _parameters(spec: ModelSpec, rows: Rows, posterior: Any, group: str, parameters: list[Parameter]) -> np.ndarray:
    """Return the parameters of each curve on the unconstrained scale, shape (draw, curve, parameter)."""
    xp = numpy_backend()
    first = np.unique(rows.index[group], return_index=True)[1]
    index = {g: code[first] for g, code in rows.index.items()}
    values = {str(n): _flat(v) for n, v in posterior.data_vars.items()}
    curve = [link(xp, p.support, at_rows(xp, spec, p, values, index)) for p in parameters]
    return np.stack(curve, axis=2)
