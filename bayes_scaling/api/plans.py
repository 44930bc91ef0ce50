"""The `[plan]` of a card: its answers, and what can be said against it before sampling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bayes_scaling.api.next_runs import answer_next, answer_recipes, check_next_of, check_recipes_of
from bayes_scaling.fit import ChainFit, Fit
from bayes_scaling.model.plan import PlanPart
from bayes_scaling.plan import (
    Allocation,
    Frontier,
    Growth,
    NextRun,
    Outlook,
    Recipes,
    Regret,
    Target,
    allocation,
    frontier,
    growth_from,
    outlook,
    regret,
    surface,
    to_reach,
)  # fmt: skip
from bayes_scaling.plan.costs import check_costs
from bayes_scaling.plan.rules import USUAL, rules
from bayes_scaling.plan.targets import check_targets_of

Plan = Allocation | Regret | Frontier | Target | Outlook | NextRun | Recipes


def plan_answers(fit: Fit | ChainFit, part: PlanPart, *, verbs: tuple[str, ...] = ()) -> list[Plan]:
    """Answer what a card plans, or those of its questions that `verbs` name.

    Parameters
    ----------
    fit : Fit or ChainFit
    part : PlanPart
    verbs : tuple of str
        Of ``allocation``, ``cost``, ``reach``, ``when``, ``next`` and ``recipes``; all when left out, with dates where
        growth is told.

    Returns
    -------
    list
        Allocation and Regret, Frontier, Target, Outlook, NextRun, and Recipes, where they are asked for.
    """
    return list(_answers(fit, part, verbs))


def _answers(fit: Fit | ChainFit, part: PlanPart, verbs: tuple[str, ...]) -> Iterator[Plan]:
    """Yield the answers in their order."""
    every = not verbs
    asked: dict[str, Any] = {**_where(part), "levels": part.levels}
    first = fit.loss if isinstance(fit, ChainFit) else fit
    if part.budgets and (every or "allocation" in verbs):
        split = allocation(first, part.budgets, **asked)
        yield split
        yield regret(split, part.rules or USUAL)
    if part.costs and (every or "cost" in verbs):
        yield frontier(first, part.costs, prices=part.priced(), limits=part.limited(), **asked)
    dated = "when" in verbs or (every and bool(part.growth))
    if part.targets and (every or dated or "reach" in verbs):
        yield to_reach(fit, part.targets, **_means(part), growth=_growth(part) if dated else None, **asked)
    if part.budgets and dated:
        path = part.tokens_per_param
        yield outlook(first, part.budgets, tokens_per_param=path, growth=_growth(part), **asked)
    if (runs := part.next_run()) is not None and (every or "next" in verbs):
        yield answer_next(first, runs, max(part.levels))
    if (compared := part.compared()) is not None and (every or "recipes" in verbs):
        yield answer_recipes(first, compared, max(part.levels))


def _where(part: PlanPart) -> dict[str, Any]:
    """Return the level of each group that is planned for."""
    return {"groups": part.groups or None, "new_groups": part.new_groups or "error"}


def _means(part: PlanPart) -> dict[str, Any]:
    """Return outcome, path, prices and limits of a target."""
    found: dict[str, Any] = {"outcome": part.outcome or None, "tokens_per_param": part.tokens_per_param}
    found |= {"prices": part.priced()} if part.prices else {}
    return found | ({"limits": part.limited()} if part.limits else {})


def _growth(part: PlanPart) -> Growth | None:
    told = part.growing()
    return growth_from(told) if told else None


def check_plan_of(fit: Fit | ChainFit, part: PlanPart) -> None:
    """Raise where a plan cannot be answered; no draw is read, so that a fit without draws will do.

    Raises
    ------
    ForecastError
        A level that was not fitted, an unknown rule, targets outside the outcome's range, runs without a cost.
    """
    first = fit.loss if isinstance(fit, ChainFit) else fit
    if part.budgets or part.costs:
        rules(part.rules or USUAL, surface(first, **_where(part)))
    if part.costs:
        check_costs(first, part.costs, prices=part.priced(), limits=part.limited())
    if part.targets:
        check_targets_of(fit, part.targets, **_where(part), **_means(part))
    if (runs := part.next_run()) is not None:
        check_next_of(first, runs)
    if (compared := part.compared()) is not None:
        check_recipes_of(first, compared)


__all__ = ["Plan", "check_plan_of", "plan_answers"]
