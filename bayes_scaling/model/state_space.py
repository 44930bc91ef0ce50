r"""A discrepancy along a path, marginalised in time linear in the rows.

Along one path (the checkpoints of a run, in order of scale) the discrepancy is a Gauss-Markov chain
:math:`\delta_i = \phi_i \delta_{i-1} + N(0, q_i)`, seen as residuals :math:`e_i = \delta_i + N(0, r_i)`
of the law in log loss. Paths stand one after the other; :math:`\phi = 0` starts a new one. A Kalman
filter gives the density, its reverse pass the gradient (Rauch, Tung and Striebel 1965 for the smoother).
``markov_op.py`` makes of both what PyTensor can differentiate; this file needs NumPy alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

_LOG_2PI = float(np.log(2 * np.pi))


def forward(e, phi, q, r):  # type: ignore[no-untyped-def]  # compiled by numba
    """Return the log density and the filter's predicted and filtered moments."""
    n = e.shape[0]
    predicted, variance, filtered, left = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    total, m, p = 0.0, 0.0, 0.0
    for i in range(n):
        mp = phi[i] * m
        pp = phi[i] * phi[i] * p + q[i]
        s = pp + r[i]
        v = e[i] - mp
        total -= 0.5 * (_LOG_2PI + np.log(s) + v * v / s)
        m = mp + pp * v / s
        p = pp * r[i] / s
        predicted[i], variance[i], filtered[i], left[i] = mp, pp, m, p
    return total, predicted, variance, filtered, left


def backward(e, phi, r, predicted, variance, filtered, left):  # type: ignore[no-untyped-def]
    """Return the derivatives of the log density in e, phi, q and r."""
    n = e.shape[0]
    in_e, in_phi, in_q, in_r = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    m_bar, p_bar = 0.0, 0.0
    for i in range(n - 1, -1, -1):
        pp = variance[i]
        s = pp + r[i]
        v = e[i] - predicted[i]
        gain = pp / s
        v_bar = m_bar * gain - v / s
        s_bar = -0.5 * (1.0 / s - v * v / (s * s)) - (m_bar * gain * v + p_bar * gain * r[i]) / s
        pp_bar = (m_bar * v + p_bar * r[i]) / s + s_bar
        mp_bar = m_bar - v_bar
        before_m = filtered[i - 1] if i > 0 else 0.0
        before_p = left[i - 1] if i > 0 else 0.0
        in_e[i], in_q[i], in_r[i] = v_bar, pp_bar, p_bar * gain + s_bar
        in_phi[i] = mp_bar * before_m + 2.0 * pp_bar * phi[i] * before_p
        m_bar, p_bar = mp_bar * phi[i], pp_bar * phi[i] * phi[i]
    return in_e, in_phi, in_q, in_r


@dataclass(frozen=True)
class Smoothed:
    """The discrepancy given all observed residuals, arrays of shape (..., row).

    Attributes
    ----------
    mean, variance : ndarray
        Moments at each row given every observed row of its path.
    path : ndarray or None
        One joint draw, where a generator was given.
    """

    mean: np.ndarray
    variance: np.ndarray
    path: np.ndarray | None = None


def _filter(e: Any, phi: Any, q: Any, r: Any) -> tuple[np.ndarray, ...]:
    """Return predicted and filtered moments along the last axis, vectorised over the others."""
    moments = [np.empty(e.shape) for _ in range(4)]
    predicted, variance, filtered, left = moments
    m = np.zeros(e.shape[:-1])
    p = np.zeros(e.shape[:-1])
    for i in range(e.shape[-1]):
        mp = phi[..., i] * m
        pp = phi[..., i] ** 2 * p + q[..., i]
        seen = np.isfinite(r[..., i])
        gain = np.where(seen, pp / np.where(seen, pp + r[..., i], 1.0), 0.0)
        m = mp + gain * np.where(seen, e[..., i] - mp, 0.0)
        p = (1 - gain) * pp
        predicted[..., i], variance[..., i], filtered[..., i], left[..., i] = mp, pp, m, p
    return predicted, variance, filtered, left


def smooth(
    residual: np.ndarray,
    decay: np.ndarray,
    innovation: np.ndarray,
    noise: np.ndarray,
    rng: np.random.Generator | None = None,
) -> Smoothed:
    """Return the discrepancy given the observed residuals.

    Parameters
    ----------
    residual, decay, innovation, noise : ndarray, shape (..., row)
        As for :class:`~bayes_scaling.model.markov_op.MarkovDensity`. A row whose noise variance is infinite was not
        observed.
    rng : numpy Generator, optional
        Also draw one joint path (forward filter, backward sampling).
    """
    e, phi, q, r = np.broadcast_arrays(residual, decay, innovation, noise)
    predicted, variance, filtered, left = _filter(np.where(np.isfinite(r), e, 0.0), phi, q, r)
    mean, spread = filtered.copy(), left.copy()
    path = None if rng is None else np.empty(e.shape)
    for i in range(e.shape[-1] - 1, -1, -1):
        m, p = filtered[..., i], left[..., i]
        if i + 1 == e.shape[-1]:
            gain = drawn = np.zeros(e.shape[:-1])
        else:
            after = variance[..., i + 1]
            gain = np.where(after > 0, p * phi[..., i + 1] / np.where(after > 0, after, 1.0), 0.0)
            mean[..., i] = m + gain * (mean[..., i + 1] - predicted[..., i + 1])
            spread[..., i] = np.maximum(p + gain**2 * (spread[..., i + 1] - after), 0.0)
            drawn = gain * ((path[..., i + 1] if path is not None else 0.0) - predicted[..., i + 1])
            p = np.maximum(p - gain**2 * after, 0.0)
        if path is not None and rng is not None:
            path[..., i] = m + drawn + np.sqrt(p) * rng.standard_normal(e.shape[:-1])
    return Smoothed(mean, spread, path)


def path_density(residual: np.ndarray, decay: np.ndarray, innovation: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return each row's log density given the observed rows before it on its path, shape (..., row).

    Summed over the rows of a path it is the path's log density, the discrepancy integrated out.
    """
    e, phi, q, r = np.broadcast_arrays(residual, decay, innovation, noise)
    predicted, variance, _, _ = _filter(e, phi, q, r)
    s = variance + r
    return -0.5 * (_LOG_2PI + np.log(s) + (e - predicted) ** 2 / s)


@cache
def _compiled_totals() -> Any:
    """Return the loop over draws, compiled once per process; it lets other threads run."""
    import numba

    one_path = numba.njit(nogil=True)(forward)

    @numba.njit(nogil=True)
    def totals(e, phi, q, r):  # type: ignore[no-untyped-def]
        found = np.empty(e.shape[0])
        for i in range(e.shape[0]):
            found[i] = one_path(e[i], phi[i], q[i], r[i])[0]
        return found

    return totals


def path_totals(residual: np.ndarray, decay: np.ndarray, innovation: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return the log density of observed residuals over all rows, shape (draw,); arguments have shape (draw, row).

    The sum of :func:`path_density` over rows, compiled: for many draws of short paths.
    """
    return _compiled_totals()(*(np.ascontiguousarray(x, dtype=float) for x in (residual, decay, innovation, noise)))
