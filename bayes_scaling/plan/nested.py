"""The check of the linear estimate: posteriors of simulated measurements, by weighting the draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from bayes_scaling.plan.preposterior import entropy
from bayes_scaling.plan.responses import Responses

OUTCOMES = 200
LEAST_DRAWS = 30.0  # effective draws behind a simulated posterior, below which it is not told


@dataclass(frozen=True)
class Nested:
    """Expected reduction by one run, by nested Monte Carlo.

    Attributes
    ----------
    reduction : float
        Of the variance, or of the entropy (nats).
    mcse : float
        Of the simulated outcomes.
    effective : float
        Median number of effective draws behind a simulated posterior.
    """

    reduction: float
    mcse: float
    effective: float

    @property
    def usable(self) -> bool:
        """Whether enough draws stand behind the simulated posteriors."""
        return self.effective >= LEAST_DRAWS


def nested(
    found: Responses, candidate: int, question: np.ndarray, *, yes: bool, outcomes: int = OUTCOMES,
    rng: np.random.Generator,
) -> Nested:  # fmt: skip
    """Return the expected reduction by one candidate without taking anything as normal or linear.

    Measurements are simulated from some draws; under each, all other draws are weighted by their likelihood. The draw
    that a measurement was simulated from is left out: its own weight is too large.

    Parameters
    ----------
    candidate : int
        Position among the points of `found`.
    question : ndarray, shape (draw,)
    yes : bool
        The question is whether it is positive: entropy instead of variance.
    """
    count = len(question)
    chosen = np.linspace(0, count - 1, min(outcomes, count)).astype(int)
    made = found.simulate(candidate, chosen, rng)
    log_weight = found.log_likelihood(candidate, made)
    log_weight[chosen, np.arange(len(chosen))] = -np.inf
    weight = np.exp(log_weight - logsumexp(log_weight, axis=0))
    effective = 1 / (weight**2).sum(axis=0)
    if yes:
        now, left = float(entropy(np.mean(question > 0))), entropy(np.clip((question > 0) @ weight, 0.0, 1.0))
    else:
        now, left = float(question.var()), question**2 @ weight - (question @ weight) ** 2
    return Nested(now - float(left.mean()), float(left.std() / np.sqrt(len(left))), float(np.median(effective)))
