"""How fast the loss falls with compute and with time, and how much reducible loss is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling.errors import ForecastError
from bayes_scaling.fit import failure_banner
from bayes_scaling.fit.evaluate import fitted_draws
from bayes_scaling.forecasts import words
from bayes_scaling.forecasts.levels import extend
from bayes_scaling.forecasts.points import prepare
from bayes_scaling.forecasts.reach import law_along
from bayes_scaling.forecasts.scales import beside, extrapolation
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.model.effects import all_at_rows
from bayes_scaling.model.plan import why_no_allocation
from bayes_scaling.plan.allocation import check_numbers
from bayes_scaling.plan.growth import Growth
from bayes_scaling.plan.surface import first_stage, level_points, surface
from bayes_scaling.plan.tables import budget, tidy, told, widest

if TYPE_CHECKING:
    from bayes_scaling.fit import ChainFit, Fit

STEP = 1e-3  # decades of compute, to each side


@dataclass(frozen=True)
class Outlook:
    """What is left of the loss at budgets, and how fast it goes.

    Attributes
    ----------
    fit : Fit
    points : DataFrame
        A row per budget: groups, ``compute`` and ``extrapolation``.
    quantities : dict of str to ndarray
        Draws by name, shape (draw, budget): ``loss`` (or ``accuracy``), ``per_decade`` (its change per tenfold
        compute), of a loss ``reducible`` (loss above the irreducible loss; above zero where the law has none) and
        ``halving_decades`` (decades of compute that halve it at this pace); with growth ``per_year`` and
        ``halving_years``.
    """

    fit: Fit
    points: pd.DataFrame
    quantities: Mapping[str, np.ndarray]
    levels: tuple[float, ...]
    growth: str = ""
    title: str = "What is left, and how fast it goes"

    @property
    def banner(self) -> str:
        """Sentence about a fit that failed its diagnostics, else empty."""
        return failure_banner(self.fit)

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row per budget, quantity and level: median (with MCSE) and equal-tailed interval (kind ``law``)."""
        return tidy(self.points, self.quantities, self.levels, fit=self.fit, banner=self.banner)

    @property
    def sentences(self) -> list[str]:
        """A sentence per budget, with the widest interval."""
        outcome = self.fit.spec.outcome
        unit = words.outcome_unit(self.fit.spec)
        rows = {q: widest(self.table, q, self.levels) for q in self.quantities}
        found = []
        for i, (compute, where) in enumerate(zip(self.points["compute"], self.points["extrapolation"], strict=True)):
            text = f"{budget(compute)}{beside(where)}: {outcome} {told(rows[outcome][i])}"
            if "reducible" in rows:
                text += f", of which {told(rows['reducible'][i])} is reducible"
            text += f"; tenfold compute changes it by {told(rows['per_decade'][i])}{unit}"
            if "per_year" in rows:
                text += f", a year by {told(rows['per_year'][i])}"
            if "halving_years" in rows:
                text += f"; at that pace half of what is reducible is gone in {told(rows['halving_years'][i])} years"
            found.append(text + ".")
        return found

    def __repr__(self) -> str:
        head = f"<{self.title}, {words.counted(len(self.points), 'budget')}>"
        return "\n".join(line for line in [head, self.banner, *self.sentences] if line)


def outlook(
    fit: Fit | ChainFit,
    budgets: float | Sequence[float],
    *,
    groups: Mapping[str, Any] | None = None,
    tokens_per_param: float | None = None,
    growth: Growth | None = None,
    levels: Sequence[float] = (0.5, 0.9),
    new_groups: str = "error",
    draws: int | None = None,
    random_seed: int = 0,
) -> Outlook:
    """Return how fast the outcome changes with compute (and, with growth, with time) at budgets, and what is left.

    Parameters
    ----------
    budgets : float or sequence of float
        Training compute in FLOP.
    groups : dict, optional
        One level per group of the model.
    tokens_per_param : float, optional
        Path along which compute grows; the best split of each draw when left out (laws of loss in parameters and
        tokens).
    growth : Growth, optional
        Adds the change per year: the compute grows by its rate.

    Returns
    -------
    Outlook

    Raises
    ------
    ForecastError
        Several levels of a group, a law that no path ties to compute.
    """
    first = first_stage(fit)
    compute = check_numbers("budgets", budgets)
    where = level_points(first, groups)
    if len(where) != 1:
        raise ForecastError(f"groups name {len(where)} levels; expected one of each group. Ask once per level.")
    asked: dict[str, Any] = {"new_groups": new_groups, "draws": draws, "random_seed": random_seed}
    outcome_at, floor = _along(first, where, tokens_per_param, asked)
    x = np.log10(compute)
    here = outcome_at(x)
    slope = (outcome_at(x + STEP) - outcome_at(x - STEP)) / (2 * STEP)
    made = {first.spec.outcome: here, "per_decade": slope}
    if first.spec.outcome == "loss":
        made["reducible"] = here - floor
        made["halving_decades"] = np.log(2) * made["reducible"] / -np.minimum(slope, -1e-300)
    if growth is not None:
        rate = growth.like(len(here), np.random.default_rng(random_seed)).rate[:, None]
        made["per_year"] = slope * rate
        if "halving_decades" in made:
            made["halving_years"] = np.where(rate > 0, made["halving_decades"] / np.where(rate > 0, rate, 1), np.inf)
    points = pd.concat([where] * len(compute), ignore_index=True) if len(where.columns) else pd.DataFrame()
    source = growth.source if growth else ""
    points = points.assign(compute=compute, extrapolation=extrapolation(first, where, compute))
    return Outlook(first, points, made, tuple(levels), source)


def _along(
    fit: Fit, where: pd.DataFrame, ratio: float | None, asked: Mapping[str, Any]
) -> tuple[Callable[[np.ndarray], np.ndarray], np.ndarray]:
    """Return the outcome as a function of log10 compute (budget,) -> (draw, budget), and the floor, shape (draw, 1)."""
    if ratio is None and not why_no_allocation(fit.spec.law, fit.spec.outcome):
        on = surface(fit, {str(c): where[c].iloc[0] for c in where}, **asked)
        floor = np.zeros((on.count, 1)) if on.floor is None else on.floor[:, None]
        return lambda x: on.best(10.0**x), floor
    point = where.assign(compute=1e21)
    _, rows, new = prepare(fit, point, new_groups=asked["new_groups"], tokens_per_param=ratio, kind="law")
    rng = np.random.default_rng(asked["random_seed"])
    extended = extend(fit, fitted_draws(fit, limit=asked["draws"]), new, rng, law_at=rows)
    at = all_at_rows(numpy_backend(), fit.spec, extended.values, rows.index)
    names = [p.name for p in fit.spec.law.parameters if p.role == "floor" and p.support == "positive"]
    floor = at[names[0]] if names and fit.spec.outcome == "loss" else np.zeros((extended.count, 1))
    return lambda x: law_along(extended, rows, np.broadcast_to(x, (extended.count, len(x))), ratio), floor
