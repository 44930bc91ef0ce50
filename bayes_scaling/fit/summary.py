"""Posterior summaries with their Monte-Carlo error; ArviZ stays behind this file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from bayes_scaling.errors import ForecastError, did_you_mean, listed
from bayes_scaling.model.choices import INTERVALS
from bayes_scaling.model.spec import effect_name

if TYPE_CHECKING:
    from bayes_scaling.fit.result import Fit


LATENT = ("run_effect", "discrepancy")  # one value per run or knot


def check_interval(level: float, interval: str) -> None:
    """Raise where a level or kind of interval is not usable."""
    if not 0 < level < 1:
        raise ForecastError(f"interval level {level!r}; expected a fraction between 0 and 1, for example 0.9.")
    if interval not in INTERVALS:
        raise ForecastError(
            f"interval kind {interval!r}; expected {listed(INTERVALS)}." + did_you_mean(interval, INTERVALS)
        )


def summary(
    fit: Fit, *, var_names: Sequence[str] | None = None, level: float = 0.9, interval: str = "eti"
) -> pd.DataFrame:
    """Return posterior median, interval, Monte-Carlo errors, ESS and R-hat per variable.

    Parameters
    ----------
    fit : Fit
    var_names : sequence of str, optional
        Variables; by default all but run effects, the discrepancy at its knots and what is held constant.
    level : float
        Probability of the interval.
    interval : str
        ``eti`` (equal-tailed) or ``hdi`` (highest density).

    Returns
    -------
    DataFrame
        One row per variable and level; columns mean, sd, median, lower, upper, level, interval,
        mcse_mean, mcse_median, ess_bulk, ess_tail, r_hat.

    Raises
    ------
    ForecastError
        Unknown variable, level or interval kind.
    """
    check_interval(level, interval)
    posterior = fit.idata["posterior"].to_dataset()
    names = list(var_names) if var_names is not None else _told(fit, posterior)
    for name in names:
        if name not in posterior:
            raise ForecastError(
                f"unknown variable {name!r}; the posterior has {listed(posterior.data_vars, 20)}."
                + did_you_mean(str(name), [str(v) for v in posterior.data_vars])
            )
    table, factor = _table(posterior[names], level, interval), fit.chosen_noise
    table[["mcse_mean", "mcse_median"]] *= factor**0.5
    table[["ess_bulk", "ess_tail"]] /= factor
    return fit.marked(table)


def _told(fit: Fit, posterior: Any) -> list[Any]:
    """Return the variables that a summary tells by default."""
    hidden = {*LATENT, *fit.spec.constants()}
    if "run" in fit.spec.law.new_where_unnamed:  # residuals of models; where runs are curves, their parameters are told
        hidden |= {effect_name(p.name, g) for p, g, _ in fit.spec.all_effects() if g == "run"}
    return [n for n in posterior if n not in hidden]


def _table(posterior: Any, level: float, interval: str) -> pd.DataFrame:
    import arviz_stats

    stats = arviz_stats.summary(posterior, kind="all", ci_prob=level, ci_kind=interval, round_to="none")
    medians = arviz_stats.summary(posterior, kind="all_median", ci_prob=level, ci_kind=interval, round_to="none")
    bounds = [c for c in stats.columns if c.endswith(("_lb", "_ub"))]
    table = stats.rename(columns={bounds[0]: "lower", bounds[1]: "upper"})
    table["median"] = medians["median"]
    table["mcse_median"] = medians["mcse_median"]
    table["level"], table["interval"] = level, interval
    order = ["mean", "sd", "median", "lower", "upper", "level", "interval", "mcse_mean", "mcse_median",
             "ess_bulk", "ess_tail", "r_hat"]  # fmt: skip
    table = table[order]
    table.index.name = "variable"
    return table
