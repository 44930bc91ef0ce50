"""M2, M3 and M4 by plain least squares of log y, many starts: the same laws without the quirks of their first fits.

Alabdulmohsin et al. (2022, arXiv:2209.06640) minimise the error of another form of the law and report where their
iteration ends (``m_estimators``). A careful user would fit log y itself and start from several points; with e0 = 1,
the normalised loss of random guessing, as the paper's text has it. M3 has no other form, so that "M3-ls" is the
lowest minimum of the paper's own objective. No paper reports these figures.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import least_squares, minimize_scalar

from benchmarks.peers.interface import Floats, Predictor, checked
from benchmarks.peers.m_estimators import m4_loss, regress

FLOORS = (0.01, 0.3, 0.6, 0.8, 0.9, 0.97)  # of the smallest loss, where E starts
BENDS = (0.01, 0.5, 1.0, 2.0)  # where a starts
MARGIN = 1e-3
GAMMAS = np.linspace(np.log(1e-9), np.log(1e2), 250)  # log of gamma times the smallest scale


def fit_m2(x: Floats, y: Floats) -> Predictor:
    """Fit y = E + beta x^c, E >= 0 and c <= 0."""
    x, y = checked(x, y)
    u, centre = _centred(x)

    def law(u: Floats, q: Floats) -> Floats:
        return q[0] + np.exp(q[1] + q[2] * u)

    starts = [_start(u, y, share * y.min(), np.zeros_like(y)) for share in FLOORS]
    q = _lowest(law, u, y, starts, [0, -50, -10], [y.max(), 50, 0])
    return lambda scale: law(np.log(scale) - centre, q)


def fit_m3(x: Floats, y: Floats) -> Predictor:
    """Fit y = beta (1 / x + gamma)^c, c >= 0: a regression for every gamma, gamma from a grid, then refined."""
    x, y = checked(x, y)
    unit = float(x.min())
    v, target = unit / x, np.log(y)

    def error(log_gamma: float) -> float:
        level, c = _rising(v, target, log_gamma)
        return float(np.sum((level + c * np.log(v + np.exp(log_gamma)) - target) ** 2))

    i = int(np.argmin([error(g) for g in GAMMAS]))
    cell = (GAMMAS[max(i - 1, 0)], GAMMAS[min(i + 1, len(GAMMAS) - 1)])
    log_gamma = float(minimize_scalar(error, bounds=cell, method="bounded", options={"xatol": 1e-9}).x)
    level, c = _rising(v, target, log_gamma)
    return lambda scale: np.exp(level + c * np.log(unit / np.asarray(scale) + np.exp(log_gamma)))


def fit_m4(x: Floats, y: Floats) -> Predictor:
    """Fit (y - E) / (e0 - y)^a = beta x^c with e0 = 1 (or just above the largest loss, where that is higher)."""
    x, y = checked(x, y)
    u, centre = _centred(x)
    e0 = max(1.0, float(y.max()) + MARGIN)

    def law(u: Floats, q: Floats) -> Floats:
        return m4_loss(q[1] + q[2] * u, q[0], e0, q[3])

    bend = np.log(e0 - y)
    starts = [np.append(_start(u, y, share * y.min(), a * bend), a) for share in FLOORS[::2] for a in BENDS]
    q = _lowest(law, u, y, starts, [0, -50, -10, 1e-6], [y.max(), 50, 0, 20])
    return lambda scale: law(np.log(scale) - centre, q)


def _centred(x: Floats) -> tuple[Floats, float]:
    """Return log x less its mean, and that mean."""
    u = np.log(x)
    return u - u.mean(), float(u.mean())


def _start(u: Floats, y: Floats, E: float, bend: Floats) -> Floats:
    """Return E with the log beta and c of a regression at that E."""
    level, c = regress(u, np.log(y - E) - bend)
    return np.array([E, level, min(c, -1e-3)])


def _rising(v: Floats, target: Floats, log_gamma: float) -> tuple[float, float]:
    """Return log beta and c >= 0 of M3 at a gamma."""
    level, c = regress(np.log(v + np.exp(log_gamma)), target)
    return (level, c) if c >= 0 else (float(target.mean()), 0.0)


def _lowest(
    law: Callable[[Floats, Floats], Floats],
    u: Floats,
    y: Floats,
    starts: list[Floats],
    lower: list[float],
    upper: list[float],
) -> Floats:
    """Return the parameters of the lowest squared error of log y over all starts."""
    target = np.log(y)
    fits = [
        least_squares(lambda q: np.log(law(u, q)) - target, start, bounds=(lower, upper), x_scale="jac", max_nfev=500)
        for start in starts
    ]
    return min(fits, key=lambda f: f.cost).x
