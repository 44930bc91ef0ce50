"""The alternating minimisation by which Alabdulmohsin et al. (2022) fit M2 and M4, compiled.

With u = log x (centred), the residual of point i is

    r_i = log(y_i - E) - a log(e0 - y_i) - log beta - c u_i,

and its mean square is lowered in turn over (log beta, c, a), a linear regression with c <= 0 <= a, and over (E, e0),
damped Newton steps projected on their bounds: 0 <= E <= min y - 0.001 and max y + 0.001 <= e0 <= 1.001. M2 is a = 0.

Three things decide where it ends, and none follows from the objective alone. It starts at the highest E: lower down
lies another basin, at E = 0, which is often the deeper one. It starts at e0 = 1. And the regression goes on using
log(e0 - y) at that start while the Newton steps move e0, so that the end is a fixed point of the two steps and not a
minimum. This is how the published experiments ran.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from benchmarks.peers.interface import Floats

MARGIN = 1e-3
ROUNDS = 20_000  # a curve that still creeps then is taken as it is (M2 on some of BB, where E goes to 0)
STEPS = 30  # Newton steps per round
DAMPING = 0.1
TOLERANCE = 1e-10  # relative, of beta in a round


def alternate(u: Floats, y: Floats, *, bent: bool) -> tuple[float, float, float, float, float]:
    """Fit M4, or M2 where not ``bent``.

    Parameters
    ----------
    u : numpy.ndarray, shape (point,)
        Logarithm of the scale.
    y : numpy.ndarray, shape (point,)
        Loss.
    bent : bool
        Whether ``a`` and ``e0`` are fitted.

    Returns
    -------
    tuple
        E, e0, log beta, c, a.
    """
    highest_E, lowest_e0 = max(float(y.min()) - MARGIN, 0.0), float(y.max()) + MARGIN
    start = max(1.0, lowest_e0)
    centre = float(u.mean())
    bend = np.log(start - y) if bent else np.zeros_like(y)
    limits = np.array([highest_E, lowest_e0, max(1 + MARGIN, lowest_e0)])
    E, e0, level, c, a = _rounds(u - centre, bend, y, start, limits)
    return E, e0, level - c * centre, c, a


@numba.njit
def _rounds(u: Any, bend: Any, y: Any, start: float, limits: Any) -> tuple[float, float, float, float, float]:
    """Alternate until beta rests; return E, e0, log beta at u = 0, c, a."""
    slope, bend_mean = -u, bend.mean()
    bend = bend - bend_mean
    gram = np.array([slope @ slope, bend @ bend, slope @ bend])
    E, e0, before = limits[0], start, np.inf
    level = c = a = 0.0
    for _ in range(ROUNDS):
        z = np.log(y - E)
        z_mean = z.mean()
        p, a = _non_negative(gram, slope @ (z - z_mean), bend @ (z - z_mean))
        c, level = -p, z_mean - a * bend_mean
        E, e0 = _move_limits(y, level + c * u, E, e0, a, limits)
        if abs(level - before) < TOLERANCE:
            break
        before = level
    return E, e0, level, c, a


@numba.njit
def _non_negative(gram: Any, h0: float, h1: float) -> tuple[float, float]:
    """Return (p, q) >= 0 that solve two normal equations as well as they can."""
    pp, qq, pq = gram
    det = pp * qq - pq**2
    if det > 1e-12 * pp * qq:
        p, q = (qq * h0 - pq * h1) / det, (pp * h1 - pq * h0) / det
        if p >= 0 and q >= 0:
            return p, q
    p = max(h0 / pp, 0.0)
    q = max(h1 / qq, 0.0) if qq > 0 else 0.0
    return (p, 0.0) if p * h0 >= q * h1 else (0.0, q)  # whichever alone explains more


@numba.njit
def _move_limits(y: Any, line: Any, E: float, e0: float, a: float, limits: Any) -> tuple[float, float]:
    """Return E and e0 after the Newton steps of one round, each by its own second derivative."""
    for _ in range(STEPS):
        gE = g0 = hE = h0 = 0.0
        for i in range(len(y)):
            above, below = y[i] - E, e0 - y[i]
            r = np.log(above) - line[i]
            if a > 0:
                r -= a * np.log(below)
                g0 -= a * r / below
                h0 += a * (a + r) / below**2
            gE -= r / above
            hE += (1 - r) / above**2
        E -= DAMPING * gE / hE if abs(hE) > 1e-5 * len(y) else 0.0
        e0 -= DAMPING * g0 / h0 if abs(h0) > 1e-5 * len(y) else 0.0
        E = min(max(E, 0.0), limits[0])
        e0 = min(max(e0, limits[1]), limits[2])
    return E, e0
