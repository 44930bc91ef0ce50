"""What a plan wants to know: a loss at a target, a parameter, which of two levels wins, whether their curves cross."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling.compare.families import check_contrasts, level_columns
from bayes_scaling.data.columns import on_log
from bayes_scaling.errors import ForecastError, did_you_mean, listed
from bayes_scaling.forecasts.points import PATH, Points, along_path, as_frame
from bayes_scaling.model import simulate
from bayes_scaling.model.labels import labels
from bayes_scaling.plan.responses import modelled
from bayes_scaling.plan.surface import check_names

if TYPE_CHECKING:
    from bayes_scaling.fit import Fit

GRID = 24  # computes at which curves are compared for a crossover


@dataclass(frozen=True)
class Question:
    """A question of a fit.

    Attributes
    ----------
    name : str
        In words, for tables and sentences.
    unit : str
        Of the value that is told.
    points : DataFrame or None
        Where the law is asked for, if anywhere.
    draws : callable
        ``draws(values)`` returns the question on its own scale, shape (draw,), from the outcome at its points, shape
        (draw, point).
    told : callable
        Turns the scale of the question into that of the value.
    yes : str
        What a positive value means; empty where the question is not answered by yes or no.
    """

    name: str
    unit: str
    points: pd.DataFrame | None
    draws: Callable[[np.ndarray], np.ndarray]
    told: Callable[[np.ndarray], np.ndarray]
    yes: str = ""


def question_of(
    fit: Fit, *, target: Points | None = None, parameter: str | None = None, families: Sequence[str] | None = None,
    group: str = "family", at: Mapping[str, Any] | None = None, before: float | None = None,
    hold: Mapping[str, Any] | None = None, tokens_per_param: float | None = None,
) -> Question:  # fmt: skip
    """Return the one question that is asked; arguments as of :func:`bayes_scaling.plan.next_run`.

    Raises
    ------
    ForecastError
        None or several questions, an unknown parameter or level, more than one target.
    """
    asked = [
        name for name, v in (("target", target), ("parameter", parameter), ("families", families)) if v is not None
    ]
    if len(asked) != 1:
        raise ForecastError(
            f"found {listed(asked)}; give exactly one question: target= (a run's scales), parameter= (a name), or "
            "families= (two levels, with at= or before=)."
        )
    if target is not None:
        return _at_target(fit, target)
    if parameter is not None:
        return _of_parameter(fit, parameter, at or {})
    assert families is not None
    pair = tuple(families)
    if len(pair) != 2 or pair[0] == pair[1]:
        raise ForecastError(f"families = {list(families)}; expected two different levels of {group}.")
    if (at is None) == (before is None):
        raise ForecastError("give exactly one of at= (who wins there) and before= (whether they cross below, in FLOP).")
    check_names(fit, {**(hold or {}), **(at or {})}, "hold" if hold else "at")
    where = {**(hold or {}), **(at if at is not None else {"compute": before})}
    check_contrasts(fit, group=group, families=pair, at=where, tokens_per_param=tokens_per_param)
    if at is not None:
        return _winner(fit, pair, group, where)
    return _crossover(fit, pair, group, hold or {}, float(before or 0.0), tokens_per_param)


def _at_target(fit: Fit, target: Points) -> Question:
    """Return the question of the outcome at one point: law and discrepancy, without what only that run adds."""
    points = as_frame(target)
    if len(points) != 1:
        raise ForecastError(f"target has {len(points)} points; ask of one run at a time.")
    outcome = fit.spec.outcome
    back = np.exp if on_log(outcome) else np.asarray
    return Question(f"{outcome} of the target run", fit.spec.unit, points, lambda v: modelled(outcome, v[:, 0]), back)


def _of_parameter(fit: Fit, name: str, at: Mapping[str, Any]) -> Question:
    """Return the question of a parameter, at a level of the groups where it has effects."""
    index = check_parameter(fit, name, at)
    if not index:
        if fit.values()[name].ndim > 1:
            own = listed(p.name for p in fit.spec.parameters())
            raise ForecastError(f"{name} has a value per level of the groups; ask for one of {own}, with at=.")
        return Question(name, "", None, lambda v: fit.values(len(v))[name], np.asarray)
    declared = next(p for p in fit.spec.parameters() if p.name == name)
    where = ", ".join(str(v) for v in at.values())

    def draws(values: np.ndarray) -> np.ndarray:
        at_level = simulate.parameter_at(fit.spec, declared, fit.values(len(values)), index)
        return np.broadcast_to(at_level, (len(values), 1))[:, 0]

    return Question(f"{name} of {where}", declared.unit, None, draws, np.asarray)


def check_parameter(fit: Fit, name: str, at: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return the position of the level of each group at which a parameter is asked for; no draw is read.

    Raises
    ------
    ForecastError
        An unknown parameter or level, levels that are missing or that it does not have.
    """
    declared = {p.name: p for p in fit.spec.parameters()}
    known = list(dict.fromkeys([*declared, *fit.spec.law.published_symbols]))
    if name not in known:
        raise ForecastError(f"unknown parameter {name!r}; this model has {listed(known)}." + did_you_mean(name, known))
    effects = fit.spec.effects(declared[name]) if name in declared else {}
    if not at and "none" not in effects.values():
        return {}
    if not effects:
        raise ForecastError(f"{name} has one value for all levels of the groups; ask for it without at=.")
    missing = [part for g in effects for part in g.split(":") if part not in at]
    if missing:
        raise ForecastError(
            f"{name} differs between levels of {listed(effects)}; at= lacks {listed(missing)} and has {listed(at)}."
            + did_you_mean(next(iter(at), ""), missing)
        )
    return {g: _position(fit, g, at) for g in effects}


def _position(fit: Fit, group: str, at: Mapping[str, Any]) -> np.ndarray:
    """Return the position of the level of a group that is asked for, shape (1,)."""
    level = labels(pd.DataFrame({k: [str(v)] for k, v in at.items()}), group)[0]
    fitted = fit.coords[group]
    if level not in fitted:
        raise ForecastError(
            f"{group} {level!r} was not fitted; fitted are {listed(fitted)}." + did_you_mean(level, fitted)
        )
    return np.array([fitted.index(level)])


def capped(points: pd.DataFrame, tokens_per_param: float | None) -> pd.DataFrame:
    """Return points with no more unique tokens than tokens: so many are all that a small run sees."""
    if "unique_tokens" not in points:
        return points
    path = tokens_per_param if sum(c in points for c in PATH) < 2 else None
    tokens = along_path(points, path).get("tokens")
    return points if tokens is None else points.assign(unique_tokens=np.minimum(points["unique_tokens"], tokens))


def lead(outcome: str, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return by how much a is ahead of b, in log loss or accuracy; positive where a is better."""
    return modelled(outcome, b) - modelled(outcome, a) if on_log(outcome) else a - b


def lead_question(outcome: str, a: str, b: str, points: pd.DataFrame | None = None) -> Question:
    """Return the question which of two wins; positive where the first does."""
    unit = f"log {outcome}" if on_log(outcome) else "accuracy"

    def draws(values: np.ndarray) -> np.ndarray:
        return lead(outcome, values[:, 0], values[:, 1])

    return Question(f"lead of {a} over {b}", unit, points, draws, np.asarray, f"{a} beats {b}")


def _winner(fit: Fit, pair: tuple[str, str], group: str, where: Mapping[str, Any]) -> Question:
    """Return the question which of two levels wins at a point."""
    points = pd.DataFrame({**level_columns(fit, group, list(pair)), **where})
    return lead_question(fit.spec.outcome, *pair, points)


def _crossover(
    fit: Fit, pair: tuple[str, str], group: str, hold: Mapping[str, Any], before: float, tokens_per_param: float | None
) -> Question:
    """Return the question whether the curves of two levels cross between the smallest fitted run and a budget."""
    outcome, (a, b) = fit.spec.outcome, pair
    fitted = fit.frame.loc[labels(fit.frame, group).isin(pair)]
    if "compute" not in fitted.columns or not fitted["compute"].notna().any():
        raise ForecastError("a crossover is asked along compute, which the fitted rows do not have.")
    low = float(fitted["compute"].min())
    if not before > low:
        raise ForecastError(f"before = {before:g} FLOP is not above the smallest fitted run ({low:g} FLOP).")
    along = np.geomspace(low, before, GRID)
    named = level_columns(fit, group, [level for level in pair for _ in along])
    points = capped(pd.DataFrame({**named, "compute": np.tile(along, 2), **hold}), tokens_per_param)

    def margin(values: np.ndarray) -> np.ndarray:
        ahead = lead(outcome, values[:, :GRID], values[:, GRID:])
        return (-np.sign(ahead[:, :1]) * ahead).max(axis=1)

    name, yes = f"crossover of {a} and {b} below {before:.3g} FLOP", f"{a} and {b} cross below {before:.3g} FLOP"
    return Question(name, f"log {outcome}" if on_log(outcome) else "accuracy", points, margin, np.asarray, yes)
