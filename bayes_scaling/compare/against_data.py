"""What runs say against a prior set, and how a sensitivity reads in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import ndtri

from bayes_scaling.fit import Fit
from bayes_scaling.forecasts.words import counted, interval, level, number, probability
from bayes_scaling.laws.backend import link, numpy_backend, unlink
from bayes_scaling.model.priors import quantile
from bayes_scaling.model.spec import ModelSpec

if TYPE_CHECKING:
    from bayes_scaling.compare.sensitivity import Sensitivity

Z90 = 1.6448536269514722
AWAY = 3.0  # standard deviations between a prior and what the runs say; both are only roughly normal
WORSE = 4.0  # in elpd; smaller differences are hard to tell from none (Sivula, Magnusson and Vehtari 2020)
LITTLE, MUCH = 0.1, 0.25  # widths of a 90 % interval: a third and four fifths of a standard deviation


def stated(fit: Fit, spec: ModelSpec, name: str) -> pd.DataFrame:
    """Return each prior that a set states beside what the runs say of the parameter.

    Both are taken as normal on the unconstrained scale; what the runs say is the base's posterior with its prior taken
    out (precisions subtracted). Missing where the posterior is hardly narrower than that prior, or differs by level.

    Returns
    -------
    DataFrame
        ``set``, ``parameter``, ``prior``, ``runs``, ``lower``, ``upper``, ``away``.
    """
    columns = ["set", "parameter", "prior", "runs", "lower", "upper", "away"]
    values, rows = fit.values(), []
    for parameter in spec.law.parameters:
        if spec.prior_set is None or parameter.name not in spec.prior_set.priors:
            continue
        mean, sd = _normal(spec, parameter.name)
        before, spread = _normal(fit.spec, parameter.name)
        seen = _runs(values.get(parameter.name), before, spread, parameter.support)
        away = (mean - seen[0]) / np.hypot(sd, seen[1])
        ends = [_back(parameter.support, seen[0] + k * seen[1]) for k in (0, -Z90, Z90)]
        rows.append((name, parameter.name, quantile(spec.prior(parameter), 0.5), *ends, away))
    return pd.DataFrame(rows, columns=columns)


def _normal(spec: ModelSpec, name: str) -> tuple[float, float]:
    """Return middle and spread of a prior on the unconstrained scale."""
    known = {p.name: p for p in spec.law.parameters}
    if name not in known or spec.prior(known[name]).dist == "constant":
        return np.nan, np.nan
    prior, support = spec.prior(known[name]), known[name].support
    low, middle, high = (float(link(numpy_backend(), support, np.array(quantile(prior, q)))) for q in (0.05, 0.5, 0.95))
    return middle, (high - low) / (2 * Z90)


def _runs(draws: np.ndarray | None, before: float, spread: float, support: str) -> tuple[float, float]:
    """Return mean and sd of what the runs alone say, or NaN where that is next to nothing."""
    if draws is None or draws.ndim > 1 or not np.isfinite(spread):
        return np.nan, np.nan
    after = np.asarray(link(numpy_backend(), support, draws))
    gained = 1 / after.var() - 1 / spread**2
    if gained * spread**2 < 1:  # less than the prior itself tells
        return np.nan, np.nan
    return (after.mean() / after.var() - before / spread**2) / gained, gained**-0.5


def _back(support: str, value: float) -> float:
    return float(unlink(numpy_backend(), support, np.array(value)))


def contradiction(name: str, parameters: pd.DataFrame, elpd: float, se: float, bad_k: int) -> str:
    """Return what of a set the runs contradict, in words, or an empty text."""
    told = []
    for row in parameters[parameters["set"] == name].to_dict("records"):
        if abs(row["away"]) > AWAY:
            prior, runs, low, high, away = (number(row[c], 2) for c in ("prior", "runs", "lower", "upper", "away"))
            told.append(
                f"it has {row['parameter']} near {prior}, the runs say {runs} ({interval(low, high, 0.9, 'eti')}), "
                f"{away.lstrip('−')} standard deviations away"
            )
    if elpd < -WORSE and elpd < -2 * se:
        unsure = f"; {bad_k} Pareto k too high" if bad_k else ""
        told.append(
            f"left-out rows are less likely under it (elpd {number(elpd, 2)}, standard error {number(se, 2)}{unsure})"
        )
    return "; ".join(told)


def sentences(found: Sensitivity) -> list[str]:
    """Return how far forecasts move, which sets the runs contradict, what is missing."""
    told = [_movement(found)]
    for row in found.sets.to_dict("records"):
        if row["against"]:
            told.append(f"The runs contradict {row['set']}: {row['against']}.")
        if not row["usable"]:
            told.append(f"The fit under {row['set']} failed its diagnostics; its numbers are not to be used.")
    told += _likely(found)
    told += [f"There is no fit under {name}: {why}" for name, why in found.gaps.items()]
    return [*told, *_power(found)]


def _likely(found: Sensitivity) -> list[str]:
    """Return how likely the sets are by their Bayes factors, where at least two have one."""
    if found.sets["log_bayes_factor"].notna().sum() < 2:
        return []
    shares = "; ".join(f"{name} {probability(p)}" for name, p in found.probability().items())
    return [f"Had the sets been equally likely before, the runs make them: {shares} (wide priors count against a set)."]


def _movement(found: Sensitivity) -> str:
    others = found.table[found.table["set"] != found.base]
    if others.empty:
        return "No other prior set could be fitted."
    kept = others[~others["set"].isin(found.sets.loc[found.sets["against"] != "", "set"])]
    text = _of_sets(found, others, counted(others["set"].nunique(), "other prior set"))
    if 0 < len(kept) < len(others):
        text += " " + _of_sets(found, kept, "those that the runs do not contradict")
    return text


def _of_sets(found: Sensitivity, rows: pd.DataFrame, which: str) -> str:
    most = rows.iloc[int(np.argmax(rows["shift"].abs()))]
    size = abs(most["shift"])
    of_90 = size * ndtri((1 + found.level) / 2) / Z90  # roughly, whatever the level that was asked for
    how = "hardly moves" if of_90 < LITTLE else "moves" if of_90 > MUCH else "moves a little"
    return (
        f"Under {which} the median forecast {how} from that of {found.base}: by {number(size, 2)} widths of its "
        f"{level(found.level)} interval at most (Monte-Carlo standard error {number(most['mcse_shift'], 1)}; "
        f"at point {most['point']} the median is {number(most['median'], 4)} under {most['set']})."
    )


def _power(found: Sensitivity) -> list[str]:
    """Return what power-scaling says of the base."""
    if found.note:
        return [found.note[0].upper() + found.note[1:]]
    own = found.power[found.power["set"] == found.base] if len(found.power) else found.power
    moved = own[own["diagnosis"] != ""]
    if own.empty:
        return []
    if moved.empty:
        largest = own.iloc[int(np.argmax(own["prior"]))]
        return [
            f"Power-scaling of {found.base}: nothing depends much on the law's priors (largest sensitivity "
            f"{number(largest['prior'], 2)}, {largest['variable']}; the threshold is 0.05)."
        ]
    listed = ", ".join(f"{r['variable']} {number(r['prior'], 2)} ({r['diagnosis']})" for r in moved.to_dict("records"))
    return [f"Power-scaling of {found.base}: sensitive to the law's priors (0.05 or more) are {listed}."]
