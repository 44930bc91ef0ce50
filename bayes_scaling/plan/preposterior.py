r"""How much runs would tell before they are made: the preposterior variance of a question.

With draws of a question q and of what candidate runs would measure, :math:`y_x = f_x + e_x`, the best linear forecast
of q from a measured :math:`y_x` leaves

.. math:: \mathrm{Var}(q) - \mathrm{Cov}(q, f_x)^2 / (\mathrm{Var}(f_x) + r_x)

(Raiffa and Schlaifer 1961; Chaloner and Verdinelli 1995). It is exact where everything is normal, and an upper bound of
the expected posterior variance everywhere. Sets of runs condition the joint covariance, run after run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri, xlogy

BLOCKS = 20  # of consecutive draws, whose scatter gives Monte-Carlo errors that hold for chains too
CAPS = 24  # highest costs of a run that are tried where a cheap set is looked for
EMPTY = 1e-10  # share of a variance below which nothing is left to learn
NODES = 32  # of Gauss-Hermite quadrature


@dataclass(frozen=True)
class Joint:
    """Joint draws of a question and of what candidate runs would measure.

    Attributes
    ----------
    question : ndarray, shape (draw,)
        On a scale on which it is nearly normal.
    response : ndarray, shape (draw, candidate)
        What each run would measure but for the noise of its own: law, discrepancy, effects of fitted runs.
    noise : ndarray, shape (candidate, candidate)
        Covariance of what only the runs themselves add: observation noise, and effects of new runs.
    inflation : float
        Factor of the Monte-Carlo variance of draws that were chosen by weight.
    effective : float
        Effective number of draws; all of them when left out.
    """

    question: np.ndarray
    response: np.ndarray
    noise: np.ndarray
    inflation: float = 1.0
    effective: float = np.inf

    def centered(self) -> tuple[np.ndarray, np.ndarray]:
        """Return question and responses without their means."""
        return self.question - self.question.mean(), self.response - self.response.mean(axis=0)

    def moments(self) -> Moments:
        """Return the covariances over the draws."""
        q, f = self.centered()
        spurious = 1 / min(self.effective, len(q) / self.inflation)
        return Moments(float(q @ q) / len(q), q @ f / len(q), f.T @ f / len(q) + self.noise, spurious)


@dataclass(frozen=True)
class Moments:
    """Covariances of a question and of what candidates would measure.

    Attributes
    ----------
    question : float
        Variance of the question.
    cross : ndarray, shape (candidate,)
        Covariance of each measurement with the question.
    response : ndarray, shape (candidate, candidate)
        Covariance of the measurements, noise included.
    spurious : float
        Share of the variance that a run which tells nothing seems to settle, because draws are finite: one over their
        effective number. It is taken off every reduction, as the adjusted coefficient of determination does.
    """

    question: float
    cross: np.ndarray
    response: np.ndarray
    spurious: float = 0.0

    def left(self, chosen: Iterable[int]) -> float:
        """Return the variance of the question once some candidates have been measured."""
        found = Measured.none(self)
        for candidate in chosen:
            found = found.with_run(candidate)
        return found.variance

    def left_of_all(self) -> float:
        """Return the variance of the question once every candidate has been measured."""
        return self.left(greedy(self, np.ones(len(self.cross))))


@dataclass(frozen=True)
class Measured:
    """What is left of variances and covariances once some runs have been measured (a Cholesky factor, run by run).

    Attributes
    ----------
    moments : Moments
        Before any of them.
    variance : float
        Of the question.
    cross, spread : ndarray, shape (candidate,)
        Covariance of each measurement with the question, and its variance.
    columns : ndarray, shape (candidate, run)
        Of the Cholesky factor.
    """

    moments: Moments
    variance: float
    cross: np.ndarray
    spread: np.ndarray
    columns: np.ndarray

    @classmethod
    def none(cls, moments: Moments) -> Measured:
        """Return the state before any run."""
        spread = np.diagonal(moments.response).copy()
        return cls(moments, moments.question, moments.cross, spread, np.empty((len(spread), 0)))

    def reductions(self) -> np.ndarray:
        """Return by how much each candidate would reduce the variance, shape (candidate,)."""
        whole = np.diagonal(self.moments.response)
        known = self.spread <= EMPTY * whole
        seen = np.where(known, 0.0, self.cross**2 / np.where(known, 1.0, self.spread))
        return np.maximum(seen - self.moments.spurious * self.variance, 0.0)

    def with_run(self, candidate: int) -> Measured:
        """Return the state once a candidate has been measured too."""
        whole = self.moments.response
        if self.spread[candidate] <= EMPTY * whole[candidate, candidate]:
            return self
        root = np.sqrt(self.spread[candidate])
        column = (whole[:, candidate] - self.columns @ self.columns[candidate]) / root
        told = self.cross[candidate] / root
        return Measured(
            self.moments, self.variance - min(self.reductions()[candidate], self.variance), self.cross - column * told,
            np.maximum(self.spread - column**2, 0.0), np.column_stack([self.columns, column]),
        )  # fmt: skip


@dataclass(frozen=True)
class Gains:
    """Expected reductions of the variance by one run each.

    Attributes
    ----------
    value : ndarray, shape (candidate,)
    blocks : ndarray, shape (block, candidate)
        Contributions of blocks of draws to the error; their scatter is the Monte-Carlo error.
    """

    value: np.ndarray
    blocks: np.ndarray

    @property
    def mcse(self) -> np.ndarray:
        """Monte-Carlo standard error, shape (candidate,)."""
        return self.error(np.eye(len(self.value)))

    def error(self, weights: np.ndarray) -> np.ndarray:
        """Return the Monte-Carlo standard error of weighted sums of gains, weights (sum, candidate), shape (sum,)."""
        return (self.blocks @ weights.T).std(axis=0, ddof=1) / np.sqrt(len(self.blocks))


def gains(joint: Joint) -> Gains:
    """Return by how much each candidate is expected to reduce the variance of the question.

    The Monte-Carlo error is that of the estimate's influence per draw, averaged over blocks of consecutive draws.
    """
    q, f = joint.centered()
    moments = joint.moments()
    spread = np.diagonal(moments.response)
    slope = np.where(spread > 0, moments.cross / np.where(spread > 0, spread, 1.0), 0.0)
    each = 2 * slope * (q[:, None] * f - moments.cross) - slope**2 * (f**2 - (f**2).mean(axis=0))
    return Gains(Measured.none(moments).reductions(), _block_means(each) * np.sqrt(joint.inflation))


def gain_of_set(joint: Joint, chosen: Sequence[int]) -> Gains:
    """Return by how much a set of candidates is expected to reduce the variance of the question, shape (1,).

    The Monte-Carlo error is found as in :func:`gains`, with the weights of the best linear forecast from all of them.
    """
    q, f = joint.centered()
    moments, some = joint.moments(), list(chosen)
    if not some:
        return Gains(np.zeros(1), np.zeros((2, 1)))
    weights = np.linalg.lstsq(moments.response[np.ix_(some, some)], moments.cross[some], rcond=EMPTY)[0]
    known = f[:, some] @ weights
    each = 2 * (q * known - moments.cross[some] @ weights) - (known**2 - np.mean(known**2))
    value = moments.question - moments.left(some)
    return Gains(np.array([value]), _block_means(each[:, None]) * np.sqrt(joint.inflation))


def telling(moments: Moments, chosen: Sequence[int], error: float) -> list[int]:
    """Return the runs of a set that tell as much as all of it, but for an error.

    Those without which the variance left grows least are left out, as long as it grows by less than that in all.
    """
    kept, most = list(chosen), moments.left(chosen) + error
    while len(kept) > 1:
        left = [moments.left([j for j in kept if j != i]) for i in kept]
        if min(left) > most:
            break
        kept.pop(int(np.argmin(left)))
    return kept


def _block_means(values: np.ndarray) -> np.ndarray:
    """Return means over blocks of consecutive draws, shape (block, candidate)."""
    return np.stack([part.mean(axis=0) for part in np.array_split(values, min(BLOCKS, len(values)))])


def greedy(
    moments: Moments, cost: np.ndarray, *, goal: float = 0.0, count: int | None = None, cap: float = np.inf,
    per_cost: bool = False,
) -> list[int]:  # fmt: skip
    """Return candidates one by one, each the one that reduces the variance most given those before it.

    Parameters
    ----------
    cost : ndarray, shape (candidate,)
    goal : float
        Variance at which to end.
    count : int, optional
        Most runs.
    cap : float
        Highest cost of one run.
    per_cost : bool
        The most per cost, instead of the most; what goes beyond the goal does not count.
    """
    found, chosen = Measured.none(moments), list[int]()
    open_ = cost <= cap
    while open_.any() and found.variance > goal and len(chosen) < (count or len(cost)):
        gain = found.reductions()
        if per_cost:
            gain = np.minimum(gain, found.variance - goal) / cost
        best = int(np.where(open_, gain, -1.0).argmax())
        if gain[best] <= 0:
            break
        chosen.append(best)
        open_[best] = False
        found = found.with_run(best)
    return chosen


def cheapest(moments: Moments, cost: np.ndarray, goal: float) -> list[int]:
    """Return a cheap set of candidates that brings the variance to a goal, cheapest run first; none where none does.

    To find the cheapest set is as hard as packing a knapsack. Greedy sets below each of many highest costs of one run
    are tried, by gain and by gain per cost, each without the runs that it turns out not to need; the cheapest is kept.
    """
    caps = np.unique(np.quantile(cost, np.linspace(0, 1, CAPS), method="inverted_cdf"))
    best, least = list[int](), np.inf
    for cap in caps:
        for per_cost in (False, True):
            chosen = greedy(moments, cost, goal=goal, cap=cap, per_cost=per_cost)
            if moments.left(chosen) > _reached(goal, moments):
                continue
            chosen = _without_idle(moments, cost, chosen, goal)
            if cost[chosen].sum() < least:
                best, least = chosen, float(cost[chosen].sum())
    return sorted(best, key=lambda i: cost[i])


def _without_idle(moments: Moments, cost: np.ndarray, chosen: list[int], goal: float) -> list[int]:
    """Return a set without the runs, dearest first, whose absence still leaves the goal reached."""
    for candidate in sorted(chosen, key=lambda i: -cost[i]):
        rest = [i for i in chosen if i != candidate]
        if moments.left(rest) <= _reached(goal, moments):
            chosen = rest
    return chosen


def _reached(goal: float, moments: Moments) -> float:
    """Return the variance that counts as a goal reached, rounding allowed for."""
    return goal + 1e-9 * moments.question


def normal_scores(margin: np.ndarray) -> tuple[np.ndarray, float]:
    """Return a margin as standard normal scores by rank, and the score above which it is positive.

    Draws that tie share their middle rank; a margin that is never, or always, positive counts as half a draw that is.
    """
    from scipy.stats import rankdata

    count = len(margin)
    share = np.clip((margin > 0).sum(), 0.5, count - 0.5) / count
    return ndtri((rankdata(margin) - 0.5) / count), float(ndtri(1 - share))


def entropy(probability: np.ndarray | float) -> np.ndarray:
    """Return the entropy of yes or no, in nats."""
    p = np.asarray(probability, dtype=float)
    return -xlogy(p, p) - xlogy(1 - p, 1 - p)


def expected_entropy(share: np.ndarray, threshold: float) -> np.ndarray:
    """Return the expected entropy of whether a standard normal score lies above a threshold.

    Parameters
    ----------
    share : ndarray
        Share of the score's variance that will have been learnt.
    threshold : float
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    known = np.clip(np.asarray(share, dtype=float), 0.0, 1 - 1e-9)[..., None]
    p = ndtr((np.sqrt(known) * nodes - threshold) / np.sqrt(1 - known))
    return entropy(p) @ weights / weights.sum()


def of_entropy(single: Gains, variance: float, threshold: float) -> Gains:
    """Return expected reductions of entropy from those of the variance of normal scores."""
    share, step = single.value / variance, 1e-4
    now = expected_entropy(np.zeros(1), threshold)[0]
    left, beside = expected_entropy(share, threshold), expected_entropy(share + step, threshold)
    slope = (left - beside) / step / variance
    return Gains(np.maximum(now - left, 0.0), single.blocks * slope)
