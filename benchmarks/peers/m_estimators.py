"""M1, M2, M3 and M4 of Alabdulmohsin, Neyshabur and Zhai (2022, arXiv:2209.06640), fitted as they did.

    M1  y = beta x^c                          M3  y = beta (1 / x + gamma)^c
    M2  y = E + beta x^c                      M4  (y - E) / (e0 - y)^a = beta x^c,   a >= 0, c < 0

All four minimise a square log loss, but of the equation as it stands above: M2 that of log(y - E), M4 that of
log(y - E) - a log(e0 - y), not of log y. There is no Jacobian, so that the objective falls as E -> 0 squeezes the
logarithms together; its lowest minimum is often at E = 0 (and then is M1). What is reported is the end of an
alternating iteration (``alternation``). M3 alternates a regression with a search for gamma among the values at which
the law meets one of the points exactly, from gamma = 0.

The paper (its Appendix A.1, on the optimisation, was not at hand) says that e0 is fixed at the loss of random guessing
and that optimising it gives similar results; the released experiments optimise it from 1, at most 1.001 for IC and BB,
unbounded for NMT and LM. Here it is optimised from 1, at most 1.001, for all curves (unbounded, the means of NMT and LM
are the same to four digits).

Reached, and published, mean RMSLE over the curves of a domain (sources in ``published``)
----------------------------------------------------------------------------------------
======  ================  ================  ================  ================
peer    IC                NMT               LM                BB
======  ================  ================  ================  ================
M1      0.1046            0.2217  0.220     0.0140  0.0176    0.0148  0.0149
M2      0.0824            0.0341  0.0400    0.0010  0.0013    0.0148  0.0149
M3      0.0615            0.0471  0.0578    0.0023  0.0027    0.0087  0.0087
M4      0.0415  0.0415    0.0208  0.0150    0.0009  0.0009    0.0130  0.0093
======  ================  ================  ================  ================

Where it differs by more than 10 %, and why as far as we know:

- NMT of M2 and M3: the printed row "Decoder-only" of M2, M3 and M4 repeats the row "6 Enc, 6 Dec" (0.039, 0.089,
  0.010); the other four rows agree with ours within 0.002 (M2 0.038 0.056 0.053 0.013, M3 0.089 0.034 0.017 0.063).
- LM: M1 is a plain regression, and yet two of its five rows differ (16.8M 0.0064 for 0.015, 262M 0.0155 for 0.023):
  the printed table was not made from the points and splits that were released. The later 0.0009 of M4 agrees with them.
- M4 on BB (date understanding 0.032, 0.029 for 0.015, 0.018; unit conversion 0.0083, 0.0107 for 0.0023, 0.0029): the
  printed values look like an unfinished iteration: after 100 rounds of ours the mean is 0.0092, after 1000 0.0123.
- M4 on NMT (0.0205, 0.0181, 0.0443, 0.0084, 0.0126 for 0.010, 0.013, 0.030, the repeated row, 0.012): unexplained.
- How much hangs on details, means of IC and NMT: e0 fixed at 1, as the text says, 0.066 and 0.021; e0 fixed at
  max y + 0.001, 0.047 and 0.026; log(e0 - y) of the regression kept up to date, 0.043 and 0.021; stopped after 100
  rounds, 0.037 and 0.019. The published 0.0415 of IC is met by the released experiments' way only.
- M1 to M3 on IC: no published mean known to us.
"""

from __future__ import annotations

import numpy as np

from benchmarks.peers.alternation import alternate
from benchmarks.peers.interface import Floats, Predictor, checked

M3_ROUNDS = 10_000
BISECTIONS = 100


def fit_m1(x: Floats, y: Floats) -> Predictor:
    """Fit y = beta x^c: a linear regression of log y on log x."""
    x, y = checked(x, y)
    log_beta, c = regress(np.log(x), np.log(y))
    return lambda scale: np.exp(log_beta + c * np.log(scale))


def fit_m2(x: Floats, y: Floats) -> Predictor:
    """Fit y = E + beta x^c by the alternating minimisation."""
    x, y = checked(x, y)
    E, _, log_beta, c, _ = alternate(np.log(x), y, bent=False)
    return lambda scale: E + np.exp(log_beta + c * np.log(scale))


def fit_m3(x: Floats, y: Floats) -> Predictor:
    """Fit y = beta (1 / x + gamma)^c, c >= 0, by alternating regression and choice of gamma among the points'."""
    x, y = checked(x, y)
    unit = float(x.min())
    v, target = unit / x, np.log(y)
    gamma = 0.0
    for _ in range(M3_ROUNDS):
        log_beta, c = regress(np.log(v + gamma), target)
        c = max(c, 0.0)
        if c == 0:
            break
        meets = np.exp((target - log_beta) / c) - v
        candidates = np.append(gamma, meets[meets >= 0])
        errors = np.sum((log_beta + c * np.log(v + candidates[:, None]) - target) ** 2, axis=1)
        best = float(candidates[np.argmin(errors)])
        if best == gamma:
            break
        gamma = best
    return lambda scale: np.exp(log_beta + c * np.log(unit / np.asarray(scale) + gamma))


def fit_m4(x: Floats, y: Floats) -> Predictor:
    """Fit (y - E) / (e0 - y)^a = beta x^c by the alternating minimisation."""
    x, y = checked(x, y)
    E, e0, log_beta, c, a = alternate(np.log(x), y, bent=True)
    return lambda scale: m4_loss(log_beta + c * np.log(scale), E, e0, a)


def regress(u: Floats, z: Floats) -> tuple[float, float]:
    """Return intercept and slope of the regression of z on u, both of shape (point,)."""
    away = u - u.mean()
    slope = float(away @ (z - z.mean()) / (away @ away))
    return float(z.mean()) - slope * float(u.mean()), slope


def m4_loss(log_power: Floats, E: float, e0: float, a: float) -> Floats:
    """Return the loss between E and e0 at which M4 holds, shape of ``log_power``, by bisection.

    Parameters
    ----------
    log_power : numpy.ndarray
        Log of beta x^c.
    E, e0, a : float
        Parameters of M4; with a = 0 it is M2, which e0 doesn't bound.
    """
    if a == 0:
        return E + np.exp(log_power)
    low, high = np.zeros_like(log_power), np.full_like(log_power, e0 - E)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        with np.errstate(divide="ignore"):
            too_low = np.log(middle) - a * np.log(e0 - E - middle) < log_power
        low, high = np.where(too_low, middle, low), np.where(too_low, high, middle)
    return E + (low + high) / 2
