"""The next run and recipes compared, in the report: pictures and tables of their sections."""

from __future__ import annotations

from typing import Any

import pandas as pd

from bayes_scaling import plots
from bayes_scaling.plan import NextRun, Recipes
from bayes_scaling.plan.sentences import end
from bayes_scaling.plan.tables import best_rows
from bayes_scaling.report import words
from bayes_scaling.report.blocks import Table, Text, table
from bayes_scaling.report.figures import picture

SHOWN = 12  # candidates


def next_blocks(made: NextRun) -> list[Any]:
    """Return picture and table of candidate runs."""
    drawn = picture(
        lambda: plots.next_run(made), "Expected share of what is open that each candidate run settles, against cost.",
        f"Bars are {words.level(made.level)} Monte-Carlo intervals; the line is the best run or set up to each cost; "
        "numbers are the order of the set to buy.",
    )  # fmt: skip
    return [drawn, *([Text(made.note)] if made.note else []), _candidates(made)]


def recipe_blocks(made: Recipes) -> list[Any]:
    """Return pictures and tables of two recipes, and of the runs that would settle which wins."""
    drawn = picture(
        lambda: plots.recipes(made), "Loss or accuracy of both recipes against compute, up to the budget.",
        f"{words.level(max(made.levels))} equal-tailed bands of the law, from where both were run to the budget.",
    )  # fmt: skip
    return [drawn, _quantities(made), *(next_blocks(made.settle) if made.settle else [])]


def _candidates(made: NextRun) -> Table:
    shown = best_rows(made, SHOWN)
    count, whole = len(shown), len(made.table)
    spans = [f"{_share(a)} to {_share(b)}" for a, b in zip(shown["lower"], shown["upper"], strict=True)]
    steps = [words.NONE if pd.isna(step) else str(step) for step in shown["step"]]
    told = shown.assign(error=spans, step=steps)
    heads = {c: c for c in shown.columns[: list(shown.columns).index("cost")]}
    heads |= {
        "cost": f"cost ({made.unit})", "share": f"{made.measure} settled",
        "error": f"{words.level(made.level)} Monte-Carlo interval", "nested": "by nested Monte Carlo",
        "step": "place in the set to buy", "as_good": "as good as the best per cost",
    }  # fmt: skip
    cost = (lambda v: words.power(float(v), 2)) if made.unit == "FLOP" else words.number
    how: dict[str, Any] = {"share": _share, "nested": _share, "cost": cost}
    caption = f"The first runs to buy, and those that tell most: {count} of {whole} candidates"
    return table(told, caption, columns=heads, formats=how)


def _share(value: float) -> str:
    return words.percent(float(value))


def _quantities(made: Recipes) -> Table:
    heads = {"quantity": "quantity", "median": "median", "lower": "from", "upper": "to", "means": "statement",
             "p": "probability", "mcse": "its MCSE"}  # fmt: skip
    a, b = made.names
    level = words.level(max(made.levels))
    how = {
        "p": words.probability,
        "mcse": lambda v: words.number(v, 1),
        **dict.fromkeys(("median", "lower", "upper"), end),
    }
    return table(made.table, f"{a} (a) and {b} (b): medians and {level} equal-tailed intervals of the law",
                 columns=heads, formats=how)  # fmt: skip
