"""What a fit found of a law's constants, beside what papers published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling.errors import ForecastError, did_you_mean, listed
from bayes_scaling.fit.summary import check_interval
from bayes_scaling.fit.typical import at_places
from bayes_scaling.laws.backend import numpy_backend

if TYPE_CHECKING:
    from bayes_scaling.fit import Fit


def beside_published(
    fit: Fit, constants: str = "", *, at: Mapping[str, str] | None = None, level: float = 0.9
) -> pd.DataFrame:
    """Return a law's constants as fitted, under their published names, beside published ones.

    Parameters
    ----------
    fit : Fit
    constants : str
        Name of a set of the law's published constants; none by default.
    at : mapping of str to str, optional
        Level by group, for constants that belong to one of several; other groups have no effect.
    level : float
        Probability of the equal-tailed interval.

    Returns
    -------
    DataFrame
        A row per constant: ``parameter``, ``published`` (missing where the paper does not state it), ``median``,
        ``lower``, ``upper``, ``level``, ``interval``, ``inside`` (missing where nothing is published).

    Raises
    ------
    CardError
        The law has no such constants.
    ForecastError
        A level that was not fitted, or none where parameters have levels of their own.
    """
    check_interval(level, "eti")
    law, xp = fit.spec.law, numpy_backend()
    if constants and constants not in law.published:
        law.constants(constants)  # raises, and explains it
    told = dict(law.published[constants].values) if constants else {}
    index = {g: np.array([_position(fit, g, name)]) for g, name in (at or {}).items()}
    with np.errstate(all="ignore"):  # amplitudes at a count of one overflow for exponents near 0
        sampled = at_places(fit.spec, law.parameters, fit.values(), index, 1)
        found = {k: v for k, v in law.to_published(xp, **sampled).items() if k not in fit.spec.constants()}
    rows = [_row(name, found.get(name), told.get(name, np.nan), level) for name in dict.fromkeys([*found, *told])]
    return fit.marked(pd.DataFrame(rows))


def _position(fit: Fit, group: str, name: str) -> int:
    """Return the position of a level among those of a group."""
    if group not in fit.coords:
        raise ForecastError(f"no group {group!r} in this fit; it has {listed(fit.coords)}.")
    if name not in fit.coords[group]:
        raise ForecastError(
            f"{group} {name!r} was not fitted; fitted are {listed(fit.coords[group])}."
            + did_you_mean(name, fit.coords[group])
        )
    return fit.coords[group].index(name)


def _row(name: str, draws: Any, published: float, level: float) -> dict[str, Any]:
    low = middle = high = np.nan
    if draws is not None:
        low, middle, high = np.quantile(np.asarray(draws), [(1 - level) / 2, 0.5, (1 + level) / 2])
    known = draws is not None and np.isfinite(published)
    return {
        "parameter": name, "published": published, "median": float(middle), "lower": float(low), "upper": float(high),
        "level": level, "interval": "eti", "inside": bool(low <= published <= high) if known else None,
    }  # fmt: skip
