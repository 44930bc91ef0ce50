"""What laws of whole loss curves read of a schedule of learning rates."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayes_scaling.errors import DataError

MOMENTUM = 0.999
"""Decay per step of the memory of a falling learning rate (Tissue et al. 2024, arXiv:2408.11029)."""


def areas(lr: Any, *, momentum: float = MOMENTUM) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the forward area and the annealing area after every step of a schedule.

    :math:`S_1 = \sum_i \eta_i` and :math:`S_2 = \sum_i m_i` with
    :math:`m_i = \lambda m_{i-1} + (\eta_{i-1} - \eta_i)` (Tissue et al. 2024, arXiv:2408.11029): what has been walked,
    and how far the learning rate has been annealed, with a delay of about :math:`1 / (1 - \lambda)` steps.

    Parameters
    ----------
    lr : array_like, shape (step,)
        Learning rate of every single step. Leave out the warm-up, or hold it at the peak: its rise counts
        against the annealing.
    momentum : float
        :math:`\lambda`, at least 0 and below 1.

    Returns
    -------
    forward, annealing : ndarray, shape (step,)
        In units of learning rate times steps.

    Raises
    ------
    DataError
        Learning rates that are no finite numbers of at least 0, or another momentum.
    """
    from scipy.signal import lfilter  # half a second that importing a table need not wait for

    rates = np.asarray(lr, dtype=float).ravel()
    if not len(rates) or not (np.isfinite(rates) & (rates >= 0)).all():
        raise DataError(
            f"learning rates of {len(rates)} steps; expected one finite number of at least 0 per step. Give the rate "
            "of every step of the schedule, such as numpy.full(1000, 3e-4)."
        )
    if not 0 <= momentum < 1:
        raise DataError(f"momentum = {momentum!r}; expected a number of at least 0 and below 1, such as {MOMENTUM}.")
    falls = -np.diff(rates, prepend=rates[0])
    return np.cumsum(rates), np.cumsum(lfilter([1.0], [1.0, -momentum], falls))
