"""Scores of forecasts against what was measured: log density, coverage, CRPS, errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_scaling.data.columns import on_log
from bayes_scaling.errors import ForecastError
from bayes_scaling.fit.evaluate import fitted_draws, log_density, predict, run_effects
from bayes_scaling.forecasts import words
from bayes_scaling.forecasts.levels import extend
from bayes_scaling.forecasts.points import prepare, run_identity
from bayes_scaling.forecasts.predict import bounds

if TYPE_CHECKING:
    from bayes_scaling.fit import Fit


def crps(draws: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Return the continuous ranked probability score per point, shape (point,).

    Parameters
    ----------
    draws : ndarray, shape (draw, point)
    observed : ndarray, shape (point,)

    Notes
    -----
    ``E|X - y| - E|X - X'| / 2`` from sorted draws (Gneiting and Raftery 2007, eq. 21).
    """
    count = draws.shape[0]
    ordered = np.sort(draws, axis=0)
    weights = (2 * np.arange(1, count + 1) - count - 1)[:, None]
    spread = 2 * (weights * ordered).sum(axis=0) / count**2
    return np.abs(draws - observed).mean(axis=0) - spread / 2


def suffix(level: float) -> str:
    """Return how columns of an interval's level end: 0.9 is ``90``, 0.975 is ``97.5``."""
    return f"{100 * level:.10g}"


def score(
    fit: Fit,
    held_out: pd.DataFrame,
    *,
    level: float = 0.9,
    levels: Sequence[float] = (),
    new_groups: str = "error",
    random_seed: int = 0,
) -> pd.DataFrame:
    """Score the forecasts of rows that were not fitted.

    Parameters
    ----------
    fit : Fit
    held_out : DataFrame
        Rows with the outcome, the law's inputs and the model's groups.
    level : float
        Level of the equal-tailed interval whose coverage is measured.
    levels : sequence of float
        Further levels, each with columns of its own (``lower_50``, ``upper_50``, ``covered_50``, ``width_50``).

    Returns
    -------
    DataFrame
        One row per held-out row: its columns, ``observed``, ``median``, ``lower``, ``upper``,
        ``covered``, ``width``, ``lpd`` (log marginal density of the outcome itself),
        ``crps`` (log loss, or accuracy), ``log_error`` (log of median over observed, for loss),
        ``absolute_error``, ``relative_error`` and ``pit``.

    Raises
    ------
    ForecastError
        The outcome is missing in a held-out row.
    """
    found = predictive(fit, held_out, new_groups=new_groups, random_seed=random_seed)
    return fit.marked(score_draws(found, level=level, levels=levels))


@dataclass(frozen=True)
class HeldOut:
    """The predictive distribution of held-out rows beside what was measured.

    Attributes
    ----------
    frame : DataFrame
        The rows.
    observed : ndarray, shape (row,)
    draws : ndarray, shape (draw, row)
        Predictive draws of the outcome, kind ``response``.
    lpd : ndarray, shape (row,)
        Log marginal density of the outcome itself.
    outcome : str
    """

    frame: pd.DataFrame
    observed: np.ndarray
    draws: np.ndarray
    lpd: np.ndarray
    outcome: str


def predictive(fit: Fit, held_out: pd.DataFrame, *, new_groups: str = "error", random_seed: int = 0) -> HeldOut:
    """Return the predictive distribution of rows that were not fitted; parameters as in :func:`score`."""
    outcome = fit.spec.outcome
    if outcome not in held_out or held_out[outcome].isna().any():
        raise ForecastError(f"held-out rows need {outcome!r} in every row to be scored.")
    frame, rows, new = prepare(fit, held_out, new_groups=new_groups, scored=True)
    frame = frame.assign(**{outcome: held_out[outcome].to_numpy(dtype=float)})
    rows = replace(rows, frame=frame)
    rng = np.random.default_rng(random_seed)
    draws = extend(fit, fitted_draws(fit), new, rng)
    runs = run_identity(frame)
    simulated = predict(draws, rows, kind="response", runs=runs, rng=rng)
    density = log_density(draws, rows, run_effects(draws, rows, runs, rng), runs=runs, rng=rng)
    lpd = np.logaddexp.reduce(density, axis=0) - np.log(draws.count)
    return HeldOut(frame, frame[outcome].to_numpy(dtype=float), simulated, lpd, outcome)


def score_draws(found: HeldOut, *, level: float = 0.9, levels: Sequence[float] = ()) -> pd.DataFrame:
    """Return the scores of a predictive distribution, the columns of :func:`score`."""
    y, simulated = found.observed, found.draws
    median = np.median(simulated, axis=0)
    scale = np.log if on_log(found.outcome) else np.asarray
    with np.errstate(divide="ignore", invalid="ignore"):  # an accuracy of 0 has no relative error
        relative = np.abs(median / y - 1)
    scores = found.frame.assign(
        observed=y, median=median, level=level, interval="eti", **_interval(simulated, y, level, ""),
        lpd=found.lpd, crps=crps(scale(simulated), scale(y)),
        log_error=np.log(median / y) if on_log(found.outcome) else np.nan,
        absolute_error=np.abs(median - y), relative_error=relative,
        pit=((simulated < y).mean(axis=0) + (simulated <= y).mean(axis=0)) / 2,
    )  # fmt: skip
    for further in levels:
        scores = scores.assign(**_interval(simulated, y, further, f"_{suffix(further)}"))
    return scores


def _interval(simulated: np.ndarray, y: np.ndarray, level: float, end: str) -> dict[str, np.ndarray]:
    """Return the equal-tailed interval of a level at each row, whether it covers, and its width."""
    low, high = bounds(simulated, level, "eti")
    covered = (y >= low) & (y <= high)
    return {f"lower{end}": low, f"upper{end}": high, f"covered{end}": covered, f"width{end}": high - low}


def coverage(
    scores: pd.DataFrame,
    *,
    of: float | None = None,
    unit: str | None = None,
    each_once: bool = False,
    level: float = 0.9,
    resamples: int = 4000,
    random_seed: int = 0,
) -> dict[str, float]:
    """Return the coverage of forecasts with an interval bootstrapped over independent units.

    Parameters
    ----------
    scores : DataFrame
        From :func:`score`.
    of : float, optional
        Level of the forecasts' intervals, one of the ``levels`` that were scored; the columns
        without a level in their names when left out.
    unit : str, optional
        Column that names the independent units (curve, family, run); rows when left out.
    each_once : bool
        Every unit counts once, however many rows it has: the mean over units of their coverage and width.
    level : float
        Level of the returned interval.

    Returns
    -------
    dict
        ``coverage``, ``lo``, ``hi`` (NaN for a single unit, which says nothing of others), ``units``,
        ``rows``, ``width`` (mean interval width).

    Raises
    ------
    ForecastError
        A row without a unit.

    Notes
    -----
    ``lo`` and ``hi`` are percentiles over resampled units. Where every row of every unit is covered, or none is,
    resampling shows no spread at all; they are then the exact binomial interval over units (Clopper and Pearson 1934).
    """
    end = "" if of is None else f"_{suffix(of)}"
    covered = scores[f"covered{end}"].to_numpy(dtype=float)
    names = scores[unit].to_numpy() if unit else np.arange(len(scores))
    nameless = int(pd.isna(names).sum())
    if nameless:
        raise ForecastError(
            f"column {unit!r} is missing in {nameless} of {len(scores)} rows, which belong to no unit; name it there, "
            "or leave these rows out."
        )
    codes = np.asarray(pd.factorize(names)[0])
    weights = 1.0 / np.bincount(codes)[codes] if each_once else np.ones(len(codes))
    low, high = _coverage_interval(covered, codes, weights, level, resamples, random_seed)
    return {
        "coverage": float(np.average(covered, weights=weights)), "lo": low, "hi": high,
        "units": len(pd.unique(names)), "rows": len(scores),
        "width": float(np.average(scores[f"width{end}"], weights=weights)),
    }  # fmt: skip


def coverage_note(name: str, unit: str, *, of: float = 0.9, level: float = 0.9) -> str:
    """Return the line under a printed table that says what a coverage and its interval are.

    Parameters
    ----------
    name : str
        Column of the coverage; its ends are ``NAME_lo`` and ``NAME_hi``.
    unit : str
        What the independent units are.
    of, level : float
        Levels of the forecasts' intervals, and of the interval of their coverage.
    """
    return (
        f"{name}: share of held-out rows inside their {words.level(of)} equal-tailed interval; {name}_lo, {name}_hi: "
        f"{words.level(level)} equal-tailed interval of that share, bootstrapped over units ({unit}; exact binomial "
        "where every row or none is inside)."
    )


def _coverage_interval(
    covered: np.ndarray, codes: np.ndarray, weights: np.ndarray, level: float, resamples: int, seed: int
) -> tuple[float, float]:
    """Return an interval of coverage over units, given whether each row is covered, its unit and its weight."""
    from scipy import stats

    hits, sizes = np.bincount(codes, weights=weights * covered), np.bincount(codes, weights=weights)
    units, ends = len(sizes), ((1 - level) / 2, (1 + level) / 2)
    if units < 2:
        return np.nan, np.nan
    if covered.all():
        return float(stats.beta.ppf(ends[0], units, 1)), 1.0
    if not covered.any():
        return 0.0, float(stats.beta.ppf(ends[1], 1, units))
    chosen = np.random.default_rng(seed).integers(0, units, (resamples, units))
    low, high = np.quantile(hits[chosen].sum(axis=1) / sizes[chosen].sum(axis=1), ends)
    return float(low), float(high)
