"""Coordinates in which a bent posterior is straight: each less what those before it say of it.

Floor and amplitude of a law follow its exponents along a curve, which no ellipse covers. Here every parameter is taken
less a cubic of the parameters before it, fitted to points about the posterior: a triangular map (Marzouk, Moselhy,
Parno and Spantini 2016) whose Jacobian is constant, so that a density needs no other term.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bayes_scaling.model.spec import ModelSpec

DEGREE = 3
RIDGE = 1e-3  # of the points: holds terms that they do not tell
BEYOND = 0.15  # of the range of the points on either side; outside it the cubic stays as at its end
FIRST = {"exponent": 0, "amplitude": 2, "floor": 3}  # what bends a law, then what is linear in it


def order_of(spec: ModelSpec) -> list[int]:
    """Return the positions of a model's parameters, exponents first, amplitudes and floor last."""
    parameters = spec.parameters()
    return sorted(range(len(parameters)), key=lambda i: FIRST.get(parameters[i].role, 1))


@dataclass(frozen=True)
class Straight:
    """A triangular map to straight coordinates.

    Attributes
    ----------
    order : ndarray of int, shape (parameter,)
        Which parameter comes when.
    center, scale, low, high : ndarray, shape (parameter,)
        Of the points, in that order; the range is in units of the scale.
    terms : tuple of ndarray
        Coefficients of each parameter after the first on :func:`_powers` of those before it.
    """

    order: np.ndarray
    center: np.ndarray
    scale: np.ndarray
    low: np.ndarray
    high: np.ndarray
    terms: tuple[np.ndarray, ...]

    @classmethod
    def about(cls, points: np.ndarray, order: Sequence[int]) -> Straight:
        """Return the map fitted to points (point, parameter) by least squares."""
        x = points[:, order]
        center, scale = x.mean(axis=0), x.std(axis=0) + 1e-12
        z = (x - center) / scale
        low, high = z.min(axis=0), z.max(axis=0)
        beyond = BEYOND * (high - low)
        start = cls(np.array(order), center, scale, low - beyond, high + beyond, ())
        terms = []
        for j in range(1, z.shape[1]):
            powers = start._powers(z[:, :j])
            held = RIDGE * len(z) * np.eye(powers.shape[1])
            held[0, 0] = 0.0
            terms.append(np.linalg.solve(powers.T @ powers + held, powers.T @ z[:, j]))
        return cls(start.order, center, scale, start.low, start.high, tuple(terms))

    @property
    def log_jacobian(self) -> float:
        """Log of the volume in straight coordinates over that of the parameters."""
        return -float(np.log(self.scale).sum())

    def straighten(self, theta: np.ndarray) -> np.ndarray:
        """Return points (point, parameter) in straight coordinates."""
        z = (theta[:, self.order] - self.center) / self.scale
        said = [self._powers(z[:, : j + 1]) @ terms for j, terms in enumerate(self.terms)]
        return np.column_stack([z[:, 0], *(z[:, j + 1] - s for j, s in enumerate(said))])

    def bend(self, straight: np.ndarray) -> np.ndarray:
        """Return the parameters of points in straight coordinates."""
        z = straight.copy()
        for j, terms in enumerate(self.terms):
            z[:, j + 1] += self._powers(z[:, : j + 1]) @ terms
        theta = np.empty_like(z)
        theta[:, self.order] = z * self.scale + self.center
        return theta

    def _powers(self, z: np.ndarray) -> np.ndarray:
        """Return one, powers and products of pairs, shape (point, term)."""
        size = z.shape[1]
        z = np.clip(z, self.low[:size], self.high[:size])
        first, second = np.tril_indices(size, -1)
        return np.hstack([np.ones((len(z), 1)), *(z**p for p in range(1, DEGREE + 1)), z[:, first] * z[:, second]])
