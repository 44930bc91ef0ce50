"""Independent draws of a small posterior by importance sampling, where its own diagnostic says that they are as good.

A model without effects has a handful of parameters. Particles find its mass (sequential Monte Carlo, see
``particles.py``), a mixture of Student-t distributions fitted to them in straight coordinates (``straight.py``) is the
proposal (Hoogerheide, Opschoor and van Dijk 2012), and draws of it are weighted by the exact posterior density over
that of the mixture. Nothing is compiled. The shape of the largest weights (Pareto k; Vehtari, Simpson, Gelman, Yao and
Gabry 2024) tells whether that can be trusted; else NUTS samples as ever. Modes that lie far apart are looked for
(``modes.py``) and sampled each by itself. What is not found no weight tells.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from scipy.special import logsumexp

from bayes_scaling.fit.modes import Cells, beside, grown_modes, islands, settled
from bayes_scaling.fit.particles import IMPOSSIBLE, SAFE, Ladder, Population, Target, moved
from bayes_scaling.fit.proposals import Proposal, Tried
from bayes_scaling.fit.straight import order_of
from bayes_scaling.laws.backend import link, log_jacobian, numpy_backend, unlink
from bayes_scaling.model import Rows
from bayes_scaling.model.priors import draw, log_density
from bayes_scaling.model.spec import ModelSpec

PARAMETERS_MAX = 12
ROWS_MAX = 20_000  # 5,000 rows took 6 s, and nothing shows the progress
PARETO_K_MAX = 0.4  # at 0.5 weights still have a variance, but the ends of long ridges are missed more often
SPARE = 2.0  # effective draws behind each kept one, so that few are kept twice
PROPOSALS_MAX = 60_000
FIRST_ROWS = 25  # the fewest that particles begin with
PARTICLES, LAST_MOVES = 800, 12  # where they miss a tail, so do proposals, and no weight tells
ROUNDS, PILOT = 9, 3000  # the first is fitted to particles of the posterior and not used
HARD_FROM = 3  # rounds; from then on twice as many are tried
LEARNT_FROM = 1500  # points that a mixture is fitted to


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
    modes : tuple of float
        Posterior mass of each mode that was found, the largest first.
    """

    theta: np.ndarray
    pareto_k: float
    effective: float
    proposals: int
    log_evidence: float
    modes: tuple[float, ...] = (1.0,)


@dataclass(frozen=True)
class Refused:
    """A posterior whose weights are not to be trusted, with the number of its modes that were found."""

    modes: int = 1


class Density(Protocol):
    """A log density."""

    def log_density(self, theta: np.ndarray) -> np.ndarray:
        """Return the log density but for a constant, shape (draw,)."""
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
        ladder = self._ladder = self._ladder or few_rows_first(self._spec, self._rows, rng)
        found = ladder.temper(self._target, rng)
        return moved(self._target, ladder.population, found, rng, moves=LAST_MOVES).theta

    def clouds(self, points: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
        """Return points of every mode that was found, beside those of :meth:`particles`, which alone may be one."""
        ladder = self._ladder
        assert ladder is not None, "particles are asked for first"
        if ladder.modes is None:
            others = islands(self._target, ladder, rng)
        else:
            others = [settled(self._target, ladder.population, cloud, rng) for cloud in ladder.modes]
        return beside(points, others, self._target, ladder.population, self.log_density, rng)


def few_rows_first(spec: ModelSpec, rows: Rows, rng: np.random.Generator) -> Ladder:
    """Return where particles begin: with every eighth row, or fewer of a short table, as if these were all."""
    step = max(1, min(round(1 / SAFE), len(rows) // FIRST_ROWS))
    few = Target(spec, rows, np.arange(step // 2, len(rows), step))
    return Ladder.up(few, normal_prior(spec, rng), PARTICLES, rng, until=SAFE * len(rows) / len(few))


def normal_prior(spec: ModelSpec, rng: np.random.Generator) -> Population:
    """Return a normal distribution with mean and sd of the prior on the unconstrained scale."""
    xp = numpy_backend()
    drawn = [link(xp, p.support, draw(spec.prior(p), rng, 4001)) for p in spec.parameters()]
    return Population(np.array([d.mean() for d in drawn]), np.array([d.std() for d in drawn]))


def ladder_of(spec: ModelSpec, rows: Rows) -> Ladder:
    """Return where fits to some rows of a table begin: the same for each, in every process.

    Modes are looked for once, in the whole table: one that only some of its rows have is not.
    """
    rng, target = np.random.default_rng(len(rows)), Target(spec, rows, np.arange(len(rows)))
    ladder, posterior = Ladder.up(target, normal_prior(spec, rng), PARTICLES, rng), Posterior(spec, rows)
    # from few rows, as one fit does: at the highest rung of all of them a wide mode has already won
    found = islands(target, few_rows_first(spec, rows, rng), rng)
    apart = grown_modes(found, target, ladder.population, posterior.log_density, rng)
    return replace(ladder, modes=tuple(apart) if len(apart) > 1 else ())


@dataclass(frozen=True)
class Cell:
    """A posterior in the cell of one mode, and nothing elsewhere."""

    posterior: Density
    cells: Cells
    position: int

    def log_density(self, theta: np.ndarray) -> np.ndarray:
        """Return the log density at points of the unconstrained scale, shape (draw,)."""
        return np.where(self.cells.of(theta) == self.position, self.posterior.log_density(theta), -np.inf)


def applies(spec: ModelSpec, rows: Rows) -> bool:
    """Return whether a model is small enough to try: no effects of groups or runs, a dozen parameters, few rows."""
    crossed = any(True for _ in spec.all_effects()) or spec.noise.run_effect or spec.sampled_paths
    few = len(spec.parameters()) <= PARAMETERS_MAX and len(rows) <= ROWS_MAX
    return few and not crossed and not spec.constants()


def importance_draws(
    spec: ModelSpec, rows: Rows, count: int, seed: int, ladder: Callable[[], Ladder] | None = None
) -> Weighted | Refused:
    """Return draws of a small posterior, or that their weights are not to be trusted.

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
        posterior, rng = Posterior(spec, rows, ladder() if ladder else None), np.random.default_rng(seed)
        points = posterior.particles(rng)
        clouds = posterior.clouds(points, np.random.default_rng([seed, 1]))
        if len(clouds) == 1:
            return from_points(posterior, clouds[0], count, rng, order_of(spec)) or Refused()
        found, cells, order = [], Cells.about(clouds), order_of(spec)
        for i, cloud in enumerate(clouds):
            part = Cell(posterior, cells, i), cloud, count, rng, order
            one = from_points(*part) or from_points(*part)  # NUTS, which is next, does not cross between modes
            if one is None:
                return Refused(len(clouds))
            found.append(one)
    except np.linalg.LinAlgError:  # a prior whose draws are not finite on the unconstrained scale
        return Refused()
    return _joined(found, count, rng)


def _joined(modes: Sequence[Weighted], count: int, rng: np.random.Generator) -> Weighted:
    """Return draws of all modes in proportion to their masses."""
    mass = np.array([m.log_evidence for m in modes])
    share = np.exp(mass - logsumexp(mass))
    ends = np.cumsum(share)
    of = np.minimum(np.searchsorted(ends, (rng.random() + np.arange(count)) / count), len(modes) - 1)
    theta = np.concatenate([m.theta[:n] for m, n in zip(modes, np.bincount(of, minlength=len(modes)), strict=True)])
    return Weighted(
        rng.permutation(theta), max(m.pareto_k for m in modes),
        float(1 / (share**2 / np.array([m.effective for m in modes])).sum()), sum(m.proposals for m in modes),
        float(logsumexp(mass)), tuple(sorted((float(s) for s in share), reverse=True)),
    )  # fmt: skip


def from_points(
    posterior: Density, points: np.ndarray, count: int, rng: np.random.Generator, order: Sequence[int] | None = None
) -> Weighted | None:
    """Return draws of a density with points about its mass, or None; see :func:`importance_draws`.

    Every round learns from the proposals of all rounds before it, weighted by their common density (Cornuet, Marin,
    Mira and Robert 2012).
    """
    tried = Tried()
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
