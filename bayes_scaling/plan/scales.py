"""Where computes lie beside those of the fitted runs: what is inside, and how far beyond them the rest is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling.data.derive import FLOP_PER_PARAM_TOKEN
from bayes_scaling.forecasts import words
from bayes_scaling.model.plan import SIZES

if TYPE_CHECKING:
    from bayes_scaling.fit import Fit

INSIDE, DOWNWARD, NEVER = "inside the runs", "extrapolation downward", "not reached"


def extrapolation(fit: Fit, where: pd.DataFrame, compute: Any) -> list[str]:
    """Return where computes lie beside those of the fitted runs (of the same family, where one is named).

    Parameters
    ----------
    fit : Fit
    where : DataFrame
        Levels of groups of each compute, or one row for all.
    compute : array
        FLOP, shape (point,). One that is not finite is not reached, which is what is returned.
    """
    frame, spent = fit.frame, _spent(fit)
    asked = np.atleast_1d(np.asarray(compute, dtype=float))
    columns = [c for c in where if c in frame]
    found = []
    for i, one in enumerate(asked):
        own = pd.Series(True, index=frame.index)
        for column in columns:
            same = own & (frame[column].astype(str) == str(where[column].iloc[i if len(where) > 1 else 0]))
            own = same if same.any() else own
        found.append(_beside(one, spent[own.to_numpy()]))
    return found


def beside(where: str) -> str:
    """Return what a sentence says of a point outside the fitted runs: `` (44 times the largest run)``, else nothing."""
    return f" ({where})" if where not in ("", INSIDE, NEVER) else ""


def _spent(fit: Fit) -> np.ndarray:
    """Return the compute of the fitted rows, 6 N D where the law reads both; not numbers where none is known."""
    frame, read = fit.frame, [i.column for i in fit.spec.law.inputs]
    size = next((c for c in SIZES if c in read and c in frame), "")
    if size and "tokens" in frame:
        return np.asarray(FLOP_PER_PARAM_TOKEN * frame[size] * frame["tokens"], dtype=float)
    return np.asarray(frame["compute"], dtype=float) if "compute" in frame else np.full(len(frame), np.nan)


def _beside(compute: float, spent: np.ndarray) -> str:
    spent = spent[np.isfinite(spent)]
    if not np.isfinite(compute):
        return NEVER
    if not len(spent):
        return ""
    low, high = spent.min(), spent.max()
    if compute < low * (1 - 1e-9):
        return DOWNWARD
    if compute <= high * (1 + 1e-9):
        return INSIDE
    return f"{words.number(float(f'{compute / high:.3g}'), 2)} times the largest run"
