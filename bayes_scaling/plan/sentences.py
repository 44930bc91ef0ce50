"""What the next run and a comparison of recipes found, in sentences; ``forecasts/words.py`` words the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_scaling.forecasts import words
from bayes_scaling.plan.tables import value

if TYPE_CHECKING:
    from bayes_scaling.plan.next_run import NextRun
    from bayes_scaling.plan.recipes import Recipes

DIGITS = 4  # of a loss: differences of a percent count


def next_sentences(found: NextRun) -> list[str]:
    """Return what is known of a question, and which run to make next."""
    return [_known(found), _advice(found)]


def recipe_sentences(found: Recipes) -> list[str]:
    """Return which of two recipes wins, what it is worth in compute, and whether the ranking reverses."""
    a, b = found.names
    row, ratio = found.table.iloc[0], found.table.iloc[1]
    wins = words.p_equals(float(row["p"]), f"{a} beats {b} at {where(found.at)}")
    told = [f"{wins}; {row['quantity']} = {_interval(row)}."]
    if ratio["p"] == ratio["p"]:  # a path of compute was known
        needs = f"{b} needs {_interval(ratio)} times the compute of {a} for what {a} reaches there."
        never = f"{b} probably never reaches what {a} reaches there; times the compute of {a}: {_interval(ratio)}."
        told.append(needs if np.isfinite(ratio["median"]) else never)
    told.append(words.p_equals(found.p_reverses, f"the ranking at {where(found.small)} reverses") + ".")
    return [*told, *(found.settle.sentences[1:] if found.settle else [])]


def where(point: Mapping[str, Any]) -> str:
    """Return a point in words: ``2.41 billion parameters, 48.2 billion tokens``."""
    units = {"params": " parameters", "tokens": " tokens"}
    return ", ".join(
        value(float(v), k) + units[k] if k in units else value(float(v), k) if k == "compute" else f"{k} {_plain(v)}"
        for k, v in point.items()
    )


def _plain(found: Any) -> str:
    return found if isinstance(found, str) else words.number(found)


def end(found: float) -> str:
    """Return an end of an interval of a difference or a ratio; a ratio to what is never reached has none."""
    return "no limit" if np.isposinf(found) else words.number(found)


def _interval(row: Any) -> str:
    low, high = end(row["lower"]), end(row["upper"])
    return f"{end(row['median'])} ({words.interval(low, high, float(row['level']), str(row['interval']))})"


def _known(found: NextRun) -> str:
    middle, low, high = (words.number(v, DIGITS) for v in found.interval())
    unit = f" {found.question.unit}" if found.question.unit else ""
    points = found.question.points
    at = where({str(k): v for k, v in points.iloc[0].items()}) if points is not None and len(points) == 1 else ""
    told = (
        f"{found.question.name}{at and f' ({at})'}: {middle}{unit} ({words.interval(low, high, found.level, 'eti')})."
    )
    return f"{words.p_equals(found.p_yes, found.question.yes)}; {told}" if found.question.yes else told


def cost(found: NextRun, amount: float) -> str:
    """Return a cost in its unit, in words."""
    return f"{words.power(amount, 2) if found.unit == 'FLOP' else words.number(amount)}{words.GAP}{found.unit}"


def _advice(found: NextRun) -> str:
    best = found.best
    if best is None:
        return _why_stop(found)
    share, error = found.single.value[best] / found.now, found.single.mcse[best] / found.now
    at = where({c: found.candidates[c].iloc[best] for c in ("params", "tokens") if c in found.candidates})
    told = f"Make candidate {best}{f' ({at})' if at else ''} next, for {cost(found, found.cost[best])}: it is expected "
    told += f"to remove {words.percent(share)} of the {found.measure} (Monte-Carlo error {words.percent(error, 2)}"
    again = found.check.get(best)
    nested = f"; {words.percent(again.reduction / found.now)} by nested Monte Carlo" if again and again.usable else ""
    told += f"{nested})."
    if found.value is None and len(found.buy) > 1:
        size, spent = words.counted(len(found.buy), "run"), cost(found, found.cost[list(found.buy)].sum())
        whole, error = (words.percent(v / found.now) for v in (found.reduction(found.buy), found.whole.mcse[0]))
        told += f" It is the cheapest of {size} for {spent}, which together remove {whole} (Monte-Carlo error {error})."
        if spare := len(found.chosen) - len(found.buy):
            told += f" {words.counted(spare, 'further run')} would add less than that error."
    if not found.reachable:
        least = words.number(np.sqrt(found.moments.left_of_all()))
        told += f" All candidates together leave a standard deviation of {least}, above the one wanted."
    return told


def _why_stop(found: NextRun) -> str:
    if found.question.yes and not found.now > 0:
        return "Stop: all draws answer it alike."
    if found.moments.question <= found.goal and found.value is None and found.now > 0:
        now, goal = (words.number(np.sqrt(v)) for v in (found.moments.question, found.goal))
        return f"Stop: the standard deviation {now} is at most the one wanted ({goal})."
    if found.value is not None and found.single.value.any():
        best = found.sets.sort_values("worth", ascending=False).iloc[0]
        gain = cost(found, found.value * best["reduction"])
        return f"Stop: the best set costs {cost(found, best['cost'])} and is worth {gain}."
    return "Stop: no candidate is expected to tell anything about it."
