"""Reaching a loss or an accuracy: compute, tokens, money, days or a date; and how fast the rest of the loss goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling.data.derive import FLOP_PER_PARAM_TOKEN
from bayes_scaling.errors import ForecastError
from bayes_scaling.fit import ChainFit, failure_banner
from bayes_scaling.forecasts import words
from bayes_scaling.forecasts.points import as_frame, describe_groups
from bayes_scaling.forecasts.reach import compute_to_reach, search
from bayes_scaling.model.plan import Limits, Prices, decimal_year, why_no_allocation
from bayes_scaling.plan.allocation import check_numbers
from bayes_scaling.plan.costs import Menu
from bayes_scaling.plan.growth import Growth, day
from bayes_scaling.plan.surface import Surface, surface
from bayes_scaling.plan.tables import INTERVAL, tidy, told, value, widest

if TYPE_CHECKING:
    from bayes_scaling.fit import Fit


@dataclass(frozen=True)
class Target:
    """What it takes to reach losses or accuracies.

    Attributes
    ----------
    fit : Fit
    points : DataFrame
        A row per level of the groups and target.
    quantities : dict of str to ndarray
        Draws by name, shape (draw, point): ``compute`` (FLOP) always; ``params`` and ``tokens`` where the law reads
        them, ``cost`` with prices, ``days`` with hardware, ``year`` with growth. Infinite where nothing reaches the
        target.
    path : str
        Along which compute grows, in words.
    currency : str
    growth : str
        Where dates come from, in words.
    """

    fit: Fit
    points: pd.DataFrame
    quantities: Mapping[str, np.ndarray]
    levels: tuple[float, ...]
    path: str
    currency: str = ""
    growth: str = ""
    title: str = "Reaching a target"

    @property
    def banner(self) -> str:
        """Sentence about a fit that failed its diagnostics, else empty."""
        return failure_banner(self.fit)

    @property
    def p_unreachable(self) -> np.ndarray:
        """Probability that no compute (or none within the limits) reaches the target, shape (point,)."""
        return np.isinf(self.quantities["compute"]).mean(axis=0)

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row per point, quantity and level: median and equal-tailed interval over all draws, ``p_unreachable``.

        A quantile that is not reached is missing.
        """
        points = self.points.assign(p_unreachable=self.p_unreachable)
        return tidy(points, self.quantities, self.levels, banner=self.banner)

    def by(self, date: str) -> np.ndarray:
        """Return the probability that the target is passed by a day, shape (point,).

        Raises
        ------
        ForecastError
            No growth was given, so that there are no dates.
        """
        if "year" not in self.quantities:
            raise ForecastError("there are no dates without growth; pass growth=plan.fit_growth() or growth_of(...).")
        return (self.quantities["year"] <= decimal_year(date)).mean(axis=0)

    @property
    def sentences(self) -> list[str]:
        """A sentence per point, with the widest interval; what is not reached says so."""
        outcome = self.fit.spec.outcome
        groups = [c for c in self.points.columns if c != "target"]
        names = describe_groups(self.points, groups)
        rows = {q: widest(self.table, q, self.levels) for q in self.quantities}
        found = []
        for i, target in enumerate(self.points["target"]):
            goal = f"accuracy {words.percent(target)}" if outcome == "accuracy" else f"{outcome} {target:g}"
            who = f"{names.iloc[i]}, {goal}".lstrip(", ")
            missing = float(self.p_unreachable[i])
            text = f"{who}{self.path}: {self._told({q: rows[q][i] for q in rows}, missing)}"
            found.append(text + (f"; with {words.p_equals(missing)} nothing reaches it." if missing else "."))
        return found

    def _told(self, rows: Mapping[str, Mapping[str, Any]], missing: float) -> str:
        """Return what one target takes in words; where it is probably not reached, what the lower end takes."""
        if missing == 1:
            return f"not reached in any of the {len(self.quantities['compute'])} draws"
        if np.isfinite(rows["compute"]["median"]):
            return "; ".join(self._part(q, row) for q, row in rows.items())
        low, level = rows["compute"], float(rows["compute"]["level"])
        first = value(float(low["lower"]), "compute")
        dated = f", {day(float(rows['year']['lower']))}" if "year" in rows and np.isfinite(low["lower"]) else ""
        return f"the median draw does not reach it; {words.interval(first + dated, 'not reached', level, INTERVAL)}"

    def _part(self, quantity: str, row: Mapping[str, Any]) -> str:
        """Return one quantity in words."""
        if quantity == "year":
            low, middle, high = (day(float(row[k])) for k in ("lower", "median", "upper"))
            return f"in {middle} ({words.interval(low, high, float(row['level']), INTERVAL)})"
        unit = {"params": " parameters", "tokens": " tokens", "days": " days", "cost": f" {self.currency}"}
        return told(row, unit=unit.get(quantity, "") if np.isfinite(row["median"]) else "")

    def __repr__(self) -> str:
        head = f"<{self.title}, {len(self.points)} points, {len(self.quantities['compute'])} draws>"
        return "\n".join(line for line in [head, self.banner, *self.sentences] if line)


def to_reach(
    fit: Fit | ChainFit,
    target: float | Sequence[float],
    *,
    groups: Mapping[str, Any] | None = None,
    tokens_per_param: float | None = None,
    prices: Prices | None = None,
    limits: Limits | None = None,
    growth: Growth | None = None,
    levels: Sequence[float] = (0.5, 0.9),
    new_groups: str = "error",
    draws: int | None = None,
    random_seed: int = 0,
) -> Target:
    """Return what reaches a loss or an accuracy: compute, tokens, money, days or a date, and P(unreachable).

    Parameters
    ----------
    target : float or sequence of float
        Loss in nats per token, or accuracy as a fraction.
    groups : dict of columns, optional
        Levels of the model's groups: each target is asked of each of them.
    tokens_per_param : float, optional
        Path along which compute grows. When left out, each draw's best split (laws of loss in parameters and tokens);
        laws that read compute need none.
    prices : Prices, optional
        Adds ``cost``. With ``inference_tokens`` the cheapest model of training and serving reaches the target
        (Sardana et al. 2024), not the one of least training compute.
    limits : Limits, optional
        ``gpus`` and ``peak_flops`` add ``days``; what exceeds other limits does not reach the target.
    growth : Growth, optional
        Adds ``year``, when compute has grown so far. Growth and law are independent.

    Returns
    -------
    Target

    Raises
    ------
    ForecastError
        As :func:`bayes_scaling.forecasts.compute_to_reach`; targets that are no numbers above zero;
        limits or serving with a law that has no allocation.
    """
    first = fit.loss if isinstance(fit, ChainFit) else fit
    goals = check_numbers("targets", target, example="2.0").tolist()
    ratio, split = tokens_per_param, not why_no_allocation(first.spec.law, first.spec.outcome)
    needs_split = bool(limits) or bool(prices and prices.inference_tokens)
    if needs_split and (not split or ratio is not None):
        why = "along tokens_per_param the model is given by compute; leave it out" if split else why_no_allocation(
            first.spec.law, first.spec.outcome)  # fmt: skip
        raise ForecastError(f"limits of size, data or time, and serving, need a choice between sizes: {why}")
    asked: dict[str, Any] = {"new_groups": new_groups, "draws": draws, "random_seed": random_seed}
    if split and ratio is None:
        base, made = _by_best_split(first, goals, groups, prices, limits, asked)
        path = " at the best split"
    else:
        reached = compute_to_reach(first, goals, as_frame(groups) if groups else None, tokens_per_param=ratio, **asked)
        base, made = reached.points, _along(reached.draws, ratio if split else None)
        path = f" at {ratio:g} tokens per parameter" if ratio is not None else ""
        if prices is not None:
            made["cost"] = made["compute"] * prices.per_flop
    if limits is not None and limits.flop_per_day is not None:
        made["days"] = made["compute"] / limits.flop_per_day
    if growth is not None:
        made["year"] = growth.like(len(made["compute"]), np.random.default_rng(random_seed)).year_of(made["compute"])
    currency, source = prices.currency if prices else "", growth.source if growth else ""
    return Target(first, base, made, tuple(levels), path, currency, source)


def _along(compute: np.ndarray, ratio: float | None) -> dict[str, np.ndarray]:
    """Return compute, and params and tokens along a path."""
    if ratio is None:
        return {"compute": compute}
    params = np.sqrt(compute / (FLOP_PER_PARAM_TOKEN * ratio))
    return {"compute": compute, "params": params, "tokens": params * ratio}


def _by_best_split(
    fit: Fit, goals: list[float], groups: Mapping[str, Any] | None, prices: Prices | None, limits: Limits | None,
    asked: Mapping[str, Any],
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:  # fmt: skip
    """Return points and draws where each draw trains its own best model."""
    where = as_frame(groups) if groups else pd.DataFrame(index=[0])
    points, parts = [], []
    for i in range(len(where)):
        on = surface(fit, {str(c): where[c].iloc[i] for c in where}, **asked)
        for goal in goals:
            points.append(where.iloc[[i]].assign(target=goal))
            parts.append(_reached(on, goal, prices, limits))
    return pd.concat(points, ignore_index=True), {q: np.concatenate([p[q] for p in parts], axis=1) for q in parts[0]}


def _reached(on: Surface, goal: float, prices: Prices | None, limits: Limits | None) -> dict[str, np.ndarray]:
    """Return compute, params, tokens and, with prices, cost to a loss, shape (draw, 1) each."""
    priced = prices or Prices()
    if limits or priced.inference_tokens:
        menu = Menu(priced, limits or Limits(), repeats=bool(on.unique))
        cost = menu.cost_to_reach(on, goal)
        some = np.where(np.isfinite(cost) & (cost > 0), cost, 1e20 * priced.per_flop)
        params = menu.best(on, some)
        tokens = menu.tokens(params, some)
        made = {"compute": FLOP_PER_PARAM_TOKEN * params * tokens, "params": params, "tokens": tokens, "cost": some}
        return {k: np.where(np.isfinite(cost), np.where(cost > 0, v, 0.0), np.inf) for k, v in made.items()}
    compute = search(lambda x: on.best(10.0**x), goal, "loss", (on.count, 1))
    some = np.where(np.isfinite(compute) & (compute > 0), compute, 1e20)
    params = on.optimum(some)
    made = {"compute": some, "params": params, "tokens": some / (FLOP_PER_PARAM_TOKEN * params)}
    made |= {} if prices is None else {"cost": some * prices.per_flop}
    return {k: np.where(np.isfinite(compute), np.where(compute > 0, v, 0.0), np.inf) for k, v in made.items()}
