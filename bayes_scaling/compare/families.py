"""Compare families: contrasts with probabilities, ranking, offsets and exponents by family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling.errors import ForecastError, did_you_mean, listed
from bayes_scaling.fit.summary import check_interval
from bayes_scaling.forecasts import compute_to_reach, forecast
from bayes_scaling.forecasts.points import prepare
from bayes_scaling.forecasts.predict import bounds
from bayes_scaling.forecasts.reach import targets_at
from bayes_scaling.laws.backend import link, numpy_backend, unlink
from bayes_scaling.model.effects import unit_sd
from bayes_scaling.model.labels import labels
from bayes_scaling.model.priors import draw
from bayes_scaling.model.questions import check_single
from bayes_scaling.model.spec import PARTIAL, effect_name, sd_name

if TYPE_CHECKING:
    from bayes_scaling.fit import Fit


def _levels(fit: Fit, group: str, wanted: Sequence[str] | None) -> list[str]:
    if group in fit.meta["asked_groups"] and group not in fit.spec.groups:
        raise ForecastError(f"only one {group} was fitted, so there is nothing to compare it with.")
    groups = list(dict.fromkeys(g for _, g, _ in fit.spec.all_effects()))
    if not groups:
        named = f"groups = [{group!r}]".replace("'", '"')
        raise ForecastError(
            f"this fit has no groups with effects; fit a model with {named} to compare levels of {group}."
        )
    if group not in groups:
        raise ForecastError(
            f"group {group!r} has no effects in this fit; it has {listed(groups)}." + did_you_mean(group, groups)
        )
    fitted = fit.coords[group]
    for name in wanted or ():
        if name not in fitted:
            raise ForecastError(
                f"{group} {name!r} was not fitted; fitted are {listed(fitted)}." + did_you_mean(name, fitted)
            )
    return list(wanted) if wanted else list(fitted)


def _draws(
    fit: Fit, group: str, names: list[str], target: float | None, at: Mapping[str, Any] | None,
    hold: Mapping[str, Any], tokens_per_param: float | None,
) -> np.ndarray:  # fmt: skip
    """Return compute to the target, or the law at a point, per level, shape (draw, level)."""
    points = _points(fit, group, names, target, at, hold)
    if target is not None:
        return compute_to_reach(fit, target, points, tokens_per_param=tokens_per_param).draws
    return forecast(fit, points, kind="law", tokens_per_param=tokens_per_param).draws


def _points(
    fit: Fit, group: str, names: list[str], target: float | None, at: Mapping[str, Any] | None, hold: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a point per level."""
    if (target is None) == (at is None):
        raise ForecastError("give exactly one of target= (an outcome to reach) and at= (for example compute=1e24).")
    for name, part in (("at", at or {}), ("hold", hold), ("compare", {"target": target})):
        check_single(name, part, ForecastError)
    return {**level_columns(fit, group, names), **hold, **(at or {})}


def level_columns(fit: Fit, group: str, names: list[str]) -> dict[str, list[str]]:
    """Return the columns that name levels: a run is known within its family, a cell by its parts."""
    found = labels(fit.frame, group)
    rows = [int(np.flatnonzero(found == name)[0]) for name in names]
    parts = group.split(":")
    parts += ["family"] if "run" in parts and "family" in fit.frame.columns and "family" not in parts else []
    return {part: fit.frame[part].iloc[rows].astype(str).tolist() for part in parts}


def _pair(fit: Fit, group: str, wanted: Sequence[str] | None) -> list[str]:
    """Return the levels to compare, two at least."""
    names = _levels(fit, group, wanted)
    if len(names) < 2:
        raise ForecastError(f"a contrast needs two levels of {group}; found {listed(names)}.")
    return names


def check_contrasts(
    fit: Fit, *, group: str = "family", families: Sequence[str] | None = None, target: float | None = None,
    at: Mapping[str, Any] | None = None, hold: Mapping[str, Any] | None = None, tokens_per_param: float | None = None,
) -> None:  # fmt: skip
    """Raise ForecastError where :func:`contrasts` would; no draw is read, so that a fit without draws will do."""
    points = _points(fit, group, _pair(fit, group, families), target, at, hold or {})
    if target is not None:
        targets_at(fit, target, points, tokens_per_param=tokens_per_param)
    else:
        prepare(fit, points, tokens_per_param=tokens_per_param, kind="law")


def contrasts(
    fit: Fit,
    *,
    group: str = "family",
    families: Sequence[str] | None = None,
    target: float | None = None,
    at: Mapping[str, Any] | None = None,
    hold: Mapping[str, Any] | None = None,
    tokens_per_param: float | None = None,
    level: float = 0.9,
) -> pd.DataFrame:
    """Compare levels of a group pairwise, at a target or at a compute.

    Parameters
    ----------
    group : str
        Group to compare, by default families.
    families : sequence of str, optional
        Levels to compare; all fitted ones when left out.
    target : float
        Outcome to reach: the contrast is the ratio of computes, B over A.
    at : dict
        One point, such as ``{"compute": 1e24}``: the contrast is the difference A - B.
    hold : dict, optional
        One level of each other group, for example ``{"task": "mmlu", "protocol": "5-shot"}``.
    level : float
        Probability of the equal-tailed interval.

    Returns
    -------
    DataFrame
        Per pair: ``a``, ``b``, ``quantity`` and its ``unit``, ``median``, ``lower``, ``upper``, ``level``,
        ``interval``, ``p_a_better`` (A needs less compute, or is better at the point) and
        ``p_undefined`` (neither reaches the target; those draws are left out of the rest).
    """
    names = _pair(fit, group, families)
    values = _draws(fit, group, names, target, at, hold or {}, tokens_per_param)
    rows = []
    for i, j in combinations(range(len(names)), 2):
        rows.append({"a": names[i], "b": names[j], **contrast(fit, values[:, i], values[:, j], target, level)})
    table = pd.DataFrame(rows)
    return fit.marked(table)


def contrast(fit: Fit, a: np.ndarray, b: np.ndarray, target: float | None, level: float) -> dict[str, Any]:
    """Return one row of :func:`contrasts` from draws of the outcome at a point or of the compute to a target."""
    if target is None:
        difference = a - b
        better = difference > 0 if fit.spec.outcome == "accuracy" else difference < 0
        low, high = bounds(difference, level, "eti")
        quantity, unit = f"{fit.spec.outcome}(a) - {fit.spec.outcome}(b)", fit.spec.unit
        middle, p, undefined = np.median(difference), better.mean(), 0.0
    else:
        neither = (np.isinf(a) & np.isinf(b)) | ((a == 0) & (b == 0))
        if neither.all():
            nothing = {"median": np.nan, "lower": np.nan, "upper": np.nan, "p_a_better": np.nan}
            return {
                "quantity": "compute(b) / compute(a)",
                "unit": "times",
                **nothing,
                "level": level,
                "interval": "eti",
                "p_undefined": 1.0,
            }
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = (b / a)[~neither]
        tail = (1 - level) / 2
        low, middle, high = np.quantile(ratio, [tail, 0.5, 1 - tail], method="inverted_cdf")
        quantity, unit = "compute(b) / compute(a)", "times"
        p, undefined = (ratio > 1).mean(), neither.mean()
    return {
        "quantity": quantity, "unit": unit, "median": float(middle), "lower": float(low), "upper": float(high),
        "level": level, "interval": "eti", "p_a_better": float(p), "p_undefined": float(undefined),
    }  # fmt: skip


def ranking(
    fit: Fit,
    *,
    group: str = "family",
    families: Sequence[str] | None = None,
    target: float | None = None,
    at: Mapping[str, Any] | None = None,
    hold: Mapping[str, Any] | None = None,
    tokens_per_param: float | None = None,
    level: float = 0.9,
) -> pd.DataFrame:
    """Rank levels of a group with the uncertainty of each rank.

    Returns
    -------
    DataFrame
        Per level, best first: ``median`` of the quantity, its ``unit`` and interval, ``rank`` (median over
        draws), ``rank_lower``, ``rank_upper``, ``p_best``, level and interval. The other
        arguments are those of :func:`contrasts`.
    """
    from scipy import stats

    check_interval(level, "eti")
    names = _levels(fit, group, families)
    values = _draws(fit, group, names, target, at, hold or {}, tokens_per_param)
    higher_is_better = target is None and fit.spec.outcome == "accuracy"
    order = stats.rankdata(-values if higher_is_better else values, method="max", axis=1).astype(int)  # ties: the worst
    tail = (1 - level) / 2
    ends = np.quantile(values, [0.5, tail, 1 - tail], axis=0, method="inverted_cdf")
    ranks = np.quantile(order, [0.5, tail, 1 - tail], axis=0, method="inverted_cdf")
    table = pd.DataFrame(
        {
            group: names,
            "quantity": "compute (FLOP)" if target is not None else fit.spec.outcome,
            "unit": "FLOP" if target is not None else fit.spec.unit,
            "median": np.where(np.isinf(ends[0]), np.nan, ends[0]),
            "lower": np.where(np.isinf(ends[1]), np.nan, ends[1]),
            "upper": np.where(np.isinf(ends[2]), np.nan, ends[2]),
            "rank": ranks[0].astype(int), "rank_lower": ranks[1].astype(int), "rank_upper": ranks[2].astype(int),
            "p_best": ((order == 1) & np.isfinite(values)).mean(axis=0),
            "p_unreachable": np.isinf(values).mean(axis=0), "level": level, "interval": "eti",
        }
    )  # fmt: skip
    table = table.sort_values(["p_best", "rank"], ascending=[False, True], ignore_index=True)
    return fit.marked(table)


def by_group(fit: Fit, parameter: str, *, group: str = "family", level: float = 0.9) -> pd.DataFrame:
    """Return a parameter by level of a group beside the population.

    Returns
    -------
    DataFrame
        Per level and for the population: ``median``, ``lower``, ``upper`` of the parameter
        with every other effect at zero (where another group has levels of its own, the median
        level), ``effect`` on the unconstrained scale and its interval, ``runs`` behind it.
    """
    declared = {p.name: p for p in fit.spec.parameters()}
    if parameter not in declared:
        raise ForecastError(
            f"unknown parameter {parameter!r}; this model has {listed(declared)}." + did_you_mean(parameter, declared)
        )
    kind = fit.spec.effects(declared[parameter]).get(group, "complete")
    if kind == "complete":
        raise ForecastError(f"{parameter} is completely pooled over {group}: every {group} has the same value.")
    xp, support = numpy_backend(), declared[parameter].support
    values = fit.values()
    base = link(xp, support, values[parameter])
    if kind == "none":
        center, effect = np.median(base, axis=1), base - np.median(base, axis=1)[:, None]
    else:
        center = base if base.ndim == 1 else np.median(base, axis=1)
        effect = values[effect_name(parameter, group)]
    rows = [_by_level(xp, support, center, np.zeros_like(center), "(population)", level)]
    for i, name in enumerate(fit.coords[group]):
        rows.append(_by_level(xp, support, center, effect[:, i], name, level))
    counts = pd.Series(dtype=int)
    if ":" not in group:
        grouped = fit.frame.groupby(labels(fit.frame, group))
        counts = grouped["run"].nunique() if "run" in fit.frame.columns else grouped.size()
    table = pd.DataFrame(rows).rename(columns={"name": group})
    table = table.assign(parameter=parameter, runs=table[group].map(counts), level=level, interval="eti")
    return fit.marked(table)


def _by_level(xp: Any, support: str, center: np.ndarray, effect: np.ndarray, name: str, level: float) -> dict[str, Any]:
    value = unlink(xp, support, center + effect)
    low, high = bounds(value, level, "eti")
    effect_low, effect_high = bounds(effect, level, "eti")
    return {
        "name": name, "median": float(np.median(value)), "lower": float(low), "upper": float(high),
        "effect": float(np.median(effect)), "effect_lower": float(effect_low), "effect_upper": float(effect_high),
    }  # fmt: skip


def identification(fit: Fit) -> pd.DataFrame:
    """Say how far each group's effects are identified: posterior against prior sd.

    Returns
    -------
    DataFrame
        Per parameter and group: number of levels, the learned sd between levels, the prior
        mean of that sd, the typical posterior sd of an effect, and ``ratio`` of that to the learned
        sd. A ratio near 1 means that the data cannot tell this effect from the others, for
        example a protocol that only one family uses.
    """
    values = fit.values()
    rng = np.random.default_rng(0)
    rows = []
    for parameter, group, kind in fit.spec.all_effects():
        if kind not in PARTIAL:
            continue
        learned = values[sd_name(parameter.name, group)] * unit_sd(kind)
        spread = values[effect_name(parameter.name, group)].std(axis=0)
        rows.append(
            {
                "parameter": parameter.name, "group": group, "levels": len(fit.coords[group]),
                "sd_between_levels": float(np.median(learned)),
                "prior_sd_between_levels": float(draw(fit.spec.sd_prior(parameter, group), rng, 4000).mean()),
                "posterior_sd_of_effect": float(np.median(spread)),
                "ratio": float(np.median(spread) / np.sqrt(np.mean(learned**2))),
            }
        )  # fmt: skip
    return fit.marked(pd.DataFrame(rows))
