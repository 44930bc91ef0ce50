"""The `[plan.next]` and `[plan.recipes]` of a card: their answers, and the checks before sampling."""

from __future__ import annotations

from typing import Any

from bayes_scaling.compare.families import check_contrasts
from bayes_scaling.fit import Fit
from bayes_scaling.forecasts import grid
from bayes_scaling.model.next_run import NextPart, RecipesPart
from bayes_scaling.plan import NextRun, Recipes, compare_recipes, next_run
from bayes_scaling.plan.question import check_parameter, question_of
from bayes_scaling.plan.responses import check_runs_of


def answer_next(fit: Fit, part: NextPart, level: float) -> NextRun:
    """Rank the candidates of a card, by the question that it asks."""
    return next_run(
        fit, grid(**part.candidates), **_question(part), cost=part.cost, unit=part.unit, wanted_sd=part.wanted_sd,
        value=part.value, level=level, new_groups=part.new_groups,
    )  # fmt: skip


def answer_recipes(fit: Fit, part: RecipesPart, level: float) -> Recipes:
    """Compare the recipes of a card."""
    return compare_recipes(
        fit, part.names, at=part.at, small=part.small or None, group=part.group, hold=part.hold or None,
        tokens_per_param=part.tokens_per_param, candidates=grid(**part.candidates) if part.candidates else None,
        cost=part.cost, unit=part.unit, value=part.value, level=level,
    )  # fmt: skip


def check_next_of(fit: Fit, part: NextPart) -> None:
    """Raise ForecastError where :func:`answer_next` would; no draw is read, so that a fit without draws will do."""
    path: dict[str, Any] = {"tokens_per_param": part.tokens_per_param, "new_groups": part.new_groups}
    check_runs_of(fit, grid(**part.candidates), cost=part.cost, **path)
    if part.parameter:
        check_parameter(fit, part.parameter, part.at)
        return
    question_of(fit, **_question(part))
    if part.target:
        check_runs_of(fit, part.target, **path)


def check_recipes_of(fit: Fit, part: RecipesPart) -> None:
    """Raise ForecastError where :func:`answer_recipes` would; no draw is read."""
    ratio = part.tokens_per_param
    for where in (part.at, part.small):
        if where:
            check_contrasts(
                fit, group=part.group, families=part.names, at={**where, **part.hold}, tokens_per_param=ratio
            )
    if part.candidates:
        check_runs_of(fit, grid(**part.candidates), cost=part.cost, tokens_per_param=ratio)


def _question(part: NextPart) -> dict[str, Any]:
    """Return the keyword arguments of the question."""
    return {
        "target": part.target or None, "parameter": part.parameter or None, "families": part.families or None,
        "group": part.group, "at": part.at or None, "before": part.before, "hold": part.hold or None,
        "tokens_per_param": part.tokens_per_param,
    }  # fmt: skip
