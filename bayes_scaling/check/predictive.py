"""What the prior implies beside the data, and whether the posterior reproduces the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayes_scaling.data.columns import on_log
from bayes_scaling.errors import ForecastError, listed
from bayes_scaling.fit import Fit
from bayes_scaling.fit.evaluate import Draws, fitted_draws, predict
from bayes_scaling.model import ModelSpec, Rows, encode, simulate
from bayes_scaling.model.rows import run_labels

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Predictive:
    """Simulated observations at the rows of a table.

    Attributes
    ----------
    frame : DataFrame
        The rows.
    draws : ndarray, shape (draw, row)
    observed : ndarray, shape (row,)
    outcome : str
    source : str
        ``prior`` or ``posterior``.
    unit : str
        Unit of the outcome, empty where it is not known.
    """

    frame: pd.DataFrame
    draws: np.ndarray
    observed: np.ndarray
    outcome: str
    source: str
    unit: str = ""


def _unit(spec: ModelSpec) -> str:
    """Return the unit of the outcome in words."""
    return "accuracy (fraction)" if spec.outcome == "accuracy" else spec.unit


def run_names(frame: pd.DataFrame) -> np.ndarray:
    """Return each row's run, or its position where rows are runs."""
    if "run" in frame.columns:
        return run_labels(frame).to_numpy(dtype=object)
    return np.array([str(i) for i in range(len(frame))], dtype=object)


def prior_predictive(
    spec: ModelSpec, frame: pd.DataFrame, *, draws: int = 500, exclude_flags: Any = (), random_seed: int = 0
) -> Predictive:
    """Simulate the table's outcome from the prior.

    Parameters
    ----------
    spec : ModelSpec
    frame : DataFrame
        Table of runs; its outcome is only shown beside the simulation.
    draws : int

    Returns
    -------
    Predictive
    """
    settled, rows = encode(spec, frame, exclude_flags=exclude_flags)
    rng = np.random.default_rng(random_seed)
    levels = {g: len(v) for g, v in rows.coords.items()}
    values = simulate.prior_values(settled, levels, draws, rng)
    source = Draws(settled, values, rows.coords, rows.paths)
    simulated = _response(source, rows, rng)
    return Predictive(rows.frame, simulated, rows.column(settled.outcome), settled.outcome, "prior", _unit(settled))


def posterior_predictive(
    fit: Fit, *, draws: int | None = 1000, run_effects: str = "new", random_seed: int = 0
) -> Predictive:
    """Simulate replicates of the fitted rows from the posterior.

    Parameters
    ----------
    run_effects : str
        ``new``: runs get fresh effects (and discrepancies) from the population, so that a law that bends
        wrongly shows; ``fitted``: they keep their fitted ones, which absorb such a misfit.
    """
    if run_effects not in ("new", "fitted"):
        raise ForecastError(f"run_effects = {run_effects!r}; expected new, fitted.")
    rng = np.random.default_rng(random_seed)
    names = run_names(fit.rows.frame)
    runs = np.array([f"new {n}" for n in names], dtype=object) if run_effects == "new" else names
    simulated = predict(fitted_draws(fit, limit=draws), fit.rows, kind="response", runs=runs, rng=rng)
    observed = fit.rows.column(fit.spec.outcome)
    return Predictive(fit.rows.frame, simulated, observed, fit.spec.outcome, "posterior", _unit(fit.spec))


def _response(draws: Draws, rows: Rows, rng: np.random.Generator) -> np.ndarray:
    return predict(draws, rows, kind="response", runs=run_names(rows.frame), rng=rng)


def range_table(predictive: Predictive | Fit) -> pd.DataFrame:
    """Return quantiles of what is simulated beside those of the data.

    Returns
    -------
    DataFrame
        Rows ``simulated`` and ``data``; columns q05, q25, q50, q75, q95 and unit.
    """
    predictive, rows = as_predictive(predictive), []
    for name, values in (("simulated", predictive.draws), ("data", predictive.observed)):
        quantiles = np.quantile(values, QUANTILES)
        rows.append({"what": name, **{f"q{int(q * 100):02d}": v for q, v in zip(QUANTILES, quantiles, strict=True)}})
    return pd.DataFrame(rows).set_index("what").assign(unit=predictive.unit)


def as_predictive(source: Predictive | Fit) -> Predictive:
    """Return a predictive as it is, and the posterior predictive of a fit.

    Raises
    ------
    ForecastError
        Something else was given.
    """
    if isinstance(source, Predictive):
        return source
    if isinstance(source, Fit):
        return posterior_predictive(source)
    raise ForecastError(
        f"found a {type(source).__name__}; expected a Fit, or a Predictive of posterior_predictive(fit) or "
        "prior_predictive(spec, runs)."
    )


def residuals(predictive: Predictive | Fit, *, level: float = 0.9) -> pd.DataFrame:
    """Return, per row, where the observation lies in its predictive distribution.

    Parameters
    ----------
    predictive : Predictive or Fit
        Of a fit, its posterior predictive.
    level : float
        Probability of the equal-tailed interval.

    Returns
    -------
    DataFrame
        The rows with ``observed``, ``median``, ``lower``, ``upper``, ``residual`` (log loss, or
        points of accuracy), ``covered``, ``pit``, ``level`` and ``interval``.
    """
    predictive = as_predictive(predictive)
    y, draws = predictive.observed, predictive.draws
    low, median, high = np.quantile(draws, [(1 - level) / 2, 0.5, (1 + level) / 2], axis=0)
    residual = np.log(y / median) if on_log(predictive.outcome) else 100 * (y - median)
    return predictive.frame.assign(
        observed=y, median=median, lower=low, upper=high, residual=residual, covered=(y >= low) & (y <= high),
        pit=((draws < y).mean(axis=0) + (draws <= y).mean(axis=0)) / 2, level=level, interval="eti",
    )  # fmt: skip


def predictive_table(predictive: Predictive | Fit, *, by: str | None = None, level: float = 0.9) -> pd.DataFrame:
    """Return coverage and residuals of the replicates, overall and by a column.

    Parameters
    ----------
    by : str, optional
        Column such as ``family`` or ``task``.

    Returns
    -------
    DataFrame
        Per group: rows, coverage at the level, mean residual, its standard error over rows,
        ``z`` = their ratio, largest absolute residual. Residuals are in log loss or points of accuracy.
    """
    table = residuals(predictive, level=level)
    if by is not None and by not in table.columns:
        raise ForecastError(f"no column {by!r} in the fitted rows; found {listed(table.columns, 30)}.")
    groups = [("all", table)] if by is None else list(table.groupby(by))
    rows = []
    for name, part in groups:
        error = part["residual"].std(ddof=1) / np.sqrt(len(part)) if len(part) > 1 else np.nan
        rows.append(
            {
                by or "rows": name, "n": len(part), "coverage": part["covered"].mean(),
                "mean_residual": part["residual"].mean(), "standard_error": error,
                "z": part["residual"].mean() / error if error and error > 0 else np.nan,
                "largest_residual": part["residual"].abs().max(), "level": level, "interval": "eti",
            }
        )  # fmt: skip
    return pd.DataFrame(rows)
