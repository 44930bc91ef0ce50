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
from bayes_scaling.forecasts.chain import check_outcome
from bayes_scaling.forecasts.points import describe_groups
from bayes_scaling.forecasts.reach import check_targets, placed, search, search_along
from bayes_scaling.forecasts.scales import beside, extrapolation
from bayes_scaling.model.plan import Limits, Prices, decimal_year, why_no_allocation
from bayes_scaling.plan.allocation import check_numbers
from bayes_scaling.plan.costs import Menu
from bayes_scaling.plan.goals import each, goals
from bayes_scaling.plan.growth import Growth, day
from bayes_scaling.plan.surface import Surface, first_stage, level_points, surface
from bayes_scaling.plan.tables import INTERVAL, ends, tidy, told, value, widest

if TYPE_CHECKING:
    from bayes_scaling.fit import Fit


@dataclass(frozen=True)
class Target:
    """What it takes to reach losses or accuracies.

    Attributes
    ----------
    fit : Fit or ChainFit
    points : DataFrame
        A row per level of the groups and target.
    quantities : dict of str to ndarray
        Draws by name, shape (draw, point): ``compute`` (FLOP) always; ``params`` and ``tokens`` where the law reads
        them, ``cost`` with prices, ``days`` with hardware, ``year`` with growth. Infinite where nothing reaches the
        target.
    path : str
        Along which compute grows, in words.
    outcome : str
        ``loss`` or ``accuracy``: what is to be reached.
    currency : str
    growth : str
        Where dates come from, in words.
    limited : bool
        Whether limits rule out what would reach more.
    """

    fit: Fit | ChainFit
    points: pd.DataFrame
    quantities: Mapping[str, np.ndarray]
    levels: tuple[float, ...]
    path: str
    outcome: str
    currency: str = ""
    growth: str = ""
    limited: bool = False
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
        """A row per point, quantity and level: median (with MCSE) and equal-tailed interval over all draws.

        Columns ``extrapolation``, where the median compute lies beside the fitted runs, and ``p_unreachable``. A
        quantile that is not reached is missing.
        """
        points = self.points.assign(extrapolation=self.extrapolation, p_unreachable=self.p_unreachable)
        return tidy(points, self.quantities, self.levels, fit=self.fit, banner=self.banner)

    @cached_property
    def extrapolation(self) -> list[str]:
        """Where the median compute of each point lies beside the fitted runs."""
        return extrapolation(first_stage(self.fit), self.points, ends(self.quantities["compute"], [0.5])[0])

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
        names = describe_groups(self.points, [c for c in self.points.columns if c != "target"])
        rows = {q: widest(self.table, q, self.levels) for q in self.quantities}
        found = []
        for i, target in enumerate(self.points["target"]):
            goal = f"accuracy {words.percent(target)}" if self.outcome == "accuracy" else f"{self.outcome} {target:g}"
            who = f"{names.iloc[i]}, {goal}".lstrip(", ")
            missing = float(self.p_unreachable[i])
            text = f"{who}{self.path}{beside(self.extrapolation[i])}: "
            text += self._told({q: rows[q][i] for q in rows}, missing)
            nothing = f"nothing{' within the limits' if self.limited else ''} reaches it"
            found.append(text + (f"; with {words.p_equals(missing)} {nothing}." if missing else "."))
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
        head = f"<{self.title}, {words.counted(len(self.points), 'point')}, {len(self.quantities['compute'])} draws>"
        return "\n".join(line for line in [head, self.banner, *self.sentences] if line)


def to_reach(
    fit: Fit | ChainFit,
    target: float | Sequence[float],
    *,
    outcome: str | None = None,
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
    fit : Fit or ChainFit
        Of a chain, the loss at which its map gives an accuracy is looked for in each draw, then what reaches that loss.
    target : float or sequence of float
        Loss in nats per token, or accuracy as a fraction.
    outcome : str, optional
        Of a chain, ``accuracy`` (the default) or ``loss``; otherwise that of the model.
    groups : dict of columns, optional
        Levels of the model's groups: each target is asked of each of them. Of a chain every fitted task where no
        task is named.
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
        limits or serving with a law that has no allocation; a map of a chain that reads more than the loss.
    """
    first, ratio = first_stage(fit), tokens_per_param
    wanted = check_numbers("targets", target, example="2.0").tolist()
    outcome = _outcome(fit, outcome)
    split = not why_no_allocation(first.spec.law, first.spec.outcome)
    _check_choice(first, split, ratio, prices, limits)
    asked: dict[str, Any] = {"new_groups": new_groups, "draws": draws, "random_seed": random_seed}
    found = _goals(fit, wanted, groups, outcome, asked)
    if split and ratio is None:
        made, path = _by_best_split(first, found, prices, limits, asked), " at the best split"
    else:
        made = _by_path(first, found, ratio, split, asked)
        path = f" at {ratio:g} tokens per parameter" if ratio is not None else ""
        if prices is not None:
            made["cost"] = made["compute"] * prices.per_flop
    if limits is not None and limits.flop_per_day is not None:
        made["days"] = made["compute"] / limits.flop_per_day
    if growth is not None:
        made["year"] = growth.like(len(made["compute"]), np.random.default_rng(random_seed)).year_of(made["compute"])
    if prices is None:
        made.pop("cost", None)  # limits alone: FLOP once more
    currency, source = prices.currency if prices else "", growth.source if growth else ""
    return Target(fit, found.points, made, tuple(levels), path, outcome, currency, source, bool(limits))


def check_targets_of(
    fit: Fit | ChainFit, targets: Sequence[float], *, outcome: str | None = None,
    groups: Mapping[str, Any] | None = None, tokens_per_param: float | None = None, prices: Prices | None = None,
    limits: Limits | None = None, new_groups: str = "error",
) -> None:  # fmt: skip
    """Raise ForecastError where :func:`to_reach` would; no draw is read, so that a fit without draws will do."""
    first, where, outcome = first_stage(fit), level_points(fit, groups), _outcome(fit, outcome)
    split = not why_no_allocation(first.spec.law, first.spec.outcome)
    _check_choice(first, split, tokens_per_param, prices, limits)
    if isinstance(fit, ChainFit) and outcome == "accuracy":
        base = goals(fit, targets, where, new_groups=new_groups).runs.assign(target=1.0)
    else:
        check_targets(first, targets)
        base = each(where, targets)
    placed(first, base, tokens_per_param=tokens_per_param or (20.0 if split else None), new_groups=new_groups)


@dataclass(frozen=True)
class _Goals:
    """What is to be reached: points as given, what the first stage reads of them, and its outcome there."""

    points: pd.DataFrame
    runs: pd.DataFrame
    value: np.ndarray  # (draw or 1, point)


def _goals(
    fit: Fit | ChainFit, wanted: list[float], groups: Mapping[str, Any] | None, outcome: str, asked: Mapping[str, Any]
) -> _Goals:
    """Return each target at each level of the groups."""
    where = level_points(fit, groups)
    if isinstance(fit, ChainFit) and outcome == "accuracy":
        found = goals(fit, wanted, where, new_groups=asked["new_groups"])
        return _Goals(found.points, found.runs, found.losses(fit, limit=asked["draws"], seed=asked["random_seed"] + 1))
    check_targets(first_stage(fit), wanted)
    points = each(where, wanted)
    return _Goals(points, points.drop(columns="target"), points["target"].to_numpy(dtype=float)[None])


def _outcome(fit: Fit | ChainFit, outcome: str | None) -> str:
    """Return what is to be reached."""
    if isinstance(fit, ChainFit):
        check_outcome(outcome or "accuracy")
        return outcome or "accuracy"
    if outcome not in (None, "", fit.spec.outcome):
        raise ForecastError(f"outcome = {outcome!r}, but this fit describes {fit.spec.outcome}.")
    return fit.spec.outcome


def _check_choice(fit: Fit, split: bool, ratio: float | None, prices: Prices | None, limits: Limits | None) -> None:
    """Raise where limits or serving ask for a choice of size that there is not."""
    needs_split = bool(limits) or bool(prices and prices.inference_tokens)
    if needs_split and (not split or ratio is not None):
        why = "along tokens_per_param the model is given by compute; leave it out" if split else why_no_allocation(
            fit.spec.law, fit.spec.outcome)  # fmt: skip
        raise ForecastError(f"limits of size, data or time, and serving, need a choice between sizes: {why}")


def _by_path(
    fit: Fit, wanted: _Goals, ratio: float | None, split: bool, asked: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Return draws of compute, and of params and tokens along a path, shape (draw, point)."""
    base = wanted.runs.assign(target=wanted.points["target"])
    _, rows, new = placed(fit, base, tokens_per_param=ratio, new_groups=asked["new_groups"])
    options: dict[str, Any] = {"draws": _count(wanted, asked), "random_seed": asked["random_seed"]}
    compute = search_along(fit, rows, new, wanted.value, tokens_per_param=ratio, **options)
    if ratio is None or not split:
        return {"compute": compute}
    params = np.sqrt(compute / (FLOP_PER_PARAM_TOKEN * ratio))
    return {"compute": compute, "params": params, "tokens": params * ratio}


def _count(wanted: _Goals, asked: Mapping[str, Any]) -> int | None:
    """Return how many draws are used: as many as there are goals of draws of their own."""
    return len(wanted.value) if len(wanted.value) > 1 else asked["draws"]


def _by_best_split(
    fit: Fit, wanted: _Goals, prices: Prices | None, limits: Limits | None, asked: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Return draws where each draw trains its own best model, shape (draw, point)."""
    options, parts = {**asked, "draws": _count(wanted, asked)}, []
    for i in range(len(wanted.points)):
        on = surface(fit, {str(c): wanted.runs[c].iloc[i] for c in wanted.runs}, **options)
        parts.append(_reached(on, wanted.value[:, [i]], prices, limits))
    return {q: np.concatenate([p[q] for p in parts], axis=1) for q in parts[0]}


def _reached(on: Surface, goal: np.ndarray, prices: Prices | None, limits: Limits | None) -> dict[str, np.ndarray]:
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
