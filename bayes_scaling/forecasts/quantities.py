"""What a law is used for besides its outcome: an optimum, a crossover, an effective size, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_scaling.data.columns import COLUMNS
from bayes_scaling.errors import ForecastError, listed
from bayes_scaling.fit import failure_banner
from bayes_scaling.fit.evaluate import fitted_draws
from bayes_scaling.forecasts import words
from bayes_scaling.forecasts.levels import extend
from bayes_scaling.forecasts.points import Points, as_frame, check_levels
from bayes_scaling.forecasts.predict import Forecast, check_forecast, mcse_of_median
from bayes_scaling.forecasts.scales import beside_rows
from bayes_scaling.laws import Input
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.model import Rows
from bayes_scaling.model.effects import all_at_rows
from bayes_scaling.model.rows import locate

if TYPE_CHECKING:
    from bayes_scaling.fit import Fit


def quantity(
    fit: Fit,
    name: str,
    points: Points | None = None,
    *,
    levels: Sequence[float] = (0.5, 0.9),
    interval: str = "eti",
    new_groups: str = "error",
    draws: int | None = None,
    random_seed: int = 0,
) -> Forecast:
    """Return a quantity of a law, such as an optimal vocabulary, from every posterior draw.

    Parameters
    ----------
    fit : Fit
        Its law declares the quantity (``law.quantities``, ``bayes-scaling laws LAW``).
    name : str
    points : DataFrame or dict of columns, optional
        What the quantity is asked of, under the columns that the law reads (``params``, or its own name ``scale``), and
        levels of the model's groups.
    levels, interval, new_groups, draws, random_seed :
        As in :func:`bayes_scaling.forecast`.

    Returns
    -------
    Forecast
        Of kind ``law``; its outcome is the quantity.

    Raises
    ------
    CardError
        The law has no such quantity.
    ForecastError
        Missing or impossible values, an unknown level.
    """
    check_forecast("law", levels, interval)
    law = fit.spec.law
    told = law.quantity(name)
    frame = as_frame(points) if points is not None else pd.DataFrame(index=[0])
    frame = _under_columns(frame, told.asked)
    asked = {i.name: _numbers(frame, i, name) for i in told.asked}
    check_levels(fit, frame, new_groups)
    index, new = locate(fit.spec, fit.coords, frame, nameless="point")
    rows = Rows(frame, fit.coords, index, asked, paths=fit.paths)
    extended = extend(fit, fitted_draws(fit, limit=draws), new, np.random.default_rng(random_seed), law_at=rows)
    xp = numpy_backend()
    at_row = all_at_rows(xp, fit.spec, extended.values, index)
    values = getattr(law, name)(xp, **asked, **{p.name: at_row[p.name] for p in law.parameters})
    found = np.broadcast_to(values, (extended.count, len(frame)))
    return Forecast(
        frame, found, "law", name, tuple(levels), interval, mcse_of_median(fit, found, fit.chosen_noise),
        failure_banner(fit), fit.title, told.meaning,
        beside_rows(fit, frame, told.asked), told.unit if told.unit != "1" else "",
    )  # fmt: skip


def _under_columns(frame: pd.DataFrame, asked: Sequence[Input]) -> pd.DataFrame:
    """Return points with what is asked of under the columns that the law reads, where they use the law's own names."""
    named = {i.name: i.column for i in asked if i.name in frame and i.name != i.column}
    if twice := [f"{name} and {column}" for name, column in named.items() if column in frame]:
        raise ForecastError(f"points give {listed(twice)}, which are the same to this law; leave one out.")
    return frame.rename(columns=named)


def _numbers(frame: pd.DataFrame, item: Input, name: str) -> np.ndarray:
    """Return a column that a quantity is asked of, shape (row,)."""
    if item.column not in frame.columns:
        raise ForecastError(
            f"{name} is asked of {item.column!r} ({_meant(item)}); found "
            f"{listed(frame.columns) if len(frame.columns) else 'no column'}. Add it to the points."
        )
    values = pd.to_numeric(frame[item.column], errors="coerce").to_numpy(dtype=float)
    kind = COLUMNS[item.column].kind if item.column in COLUMNS else item.kind
    lowest = 0.0 if kind in ("positive", "count") else -np.inf
    wrong = ~np.isfinite(values) | (values < item.low) | (values > item.high) | (values <= lowest)
    wrong |= (kind == "integer") & (values != np.round(values))
    if wrong.any():
        found = listed([repr(v) for v in dict.fromkeys(frame.loc[wrong, item.column].tolist())])
        limits = [f"above {lowest:g}"] if lowest >= item.low else [f"at least {item.low:g}"] * (item.low > -np.inf)
        limits += [f"at most {item.high:g}"] * (item.high < np.inf)
        whole = "whole " if kind == "integer" else ""
        raise ForecastError(
            f"{name}: {item.column} = {found} in {words.numbered('point', np.flatnonzero(wrong))}; expected "
            f"{whole}numbers {' and '.join(limits)} ({_meant(item)})."
        )
    return values


def _meant(item: Input) -> str:
    """Return what a column means, and its unit where it has one."""
    return item.meaning if item.unit in ("", "1") else f"{item.meaning}; {item.unit}"
