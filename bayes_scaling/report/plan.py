"""What a card plans, in the report: one section per answer, with sentences, a picture and a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from bayes_scaling import plots
from bayes_scaling.plan import Allocation, Frontier, NextRun, Outlook, Recipes, Regret, Target
from bayes_scaling.plan.growth import day
from bayes_scaling.report import words
from bayes_scaling.report.blocks import Bullets, Section, Table, Text, table
from bayes_scaling.report.figures import picture
from bayes_scaling.report.next_run import next_blocks, recipe_blocks
from bayes_scaling.report.study import Study

SHORT = 2  # sentences of each answer in the box of short answers
NAMES = {
    "params": "parameters N", "tokens": "tokens D", "tokens_per_param": "tokens per parameter", "loss": "loss",
    "accuracy": "accuracy", "a": "exponent a of N", "b": "exponent b of D", "compute": "compute (FLOP)",
    "serving_share": "share of serving", "days": "days", "year": "date", "regret": "regret",
    "wasted_share": "share of compute wasted", "wasted_compute": "compute wasted (FLOP)",
    "reducible": "reducible loss", "per_decade": "change per tenfold compute", "per_year": "change per year",
    "halving_decades": "decades of compute that halve the reducible loss", "halving_years": "years that halve it",
}  # fmt: skip
MEANING = {
    Allocation: "For each posterior draw of the law, the split of a training compute C = 6 N D with the smallest loss.",
    Regret: "What a rule costs beside the best split of each posterior draw: the mean over draws of its extra loss, "
    "and the share of the compute that the best split would not need for the same loss.",
    Frontier: "Training costs 6 N D FLOP, serving 2 N for each token that is served over the lifetime.",
    Target: "What it takes to reach a target, by the law alone; an end that is not reached has no number.",
    Outlook: "How fast the law changes with compute and, where the growth of compute is told, with time.",
    NextRun: "What each affordable run is expected to tell about the question before it is made: the share of the "
    "posterior variance (of the entropy, where the answer is yes or no) that its measurement would settle, against its "
    "cost. The set to buy is the cheapest found that reaches the goal.",
    Recipes: "Two recipes at a budget, by joint draws of their laws: who wins there, how much more compute the other "
    "needs for what the first reaches, and whether the ranking at the small scale is another.",
}


def plan_sections(study: Study) -> list[Section]:
    """Return a section per answer of the card's plan."""
    return [Section(made.title, _blocks(study, made)) for made in study.plan]


def plan_sentences(study: Study) -> list[str]:
    """Return the short answers: the last sentences of each answer, which are about the largest scales."""
    return [f"{made.title}: {text}" for made in study.plan for text in _short(made)]


def _short(made: Any) -> list[str]:
    if isinstance(made, NextRun | Recipes):
        return made.sentences[:SHORT]
    return made.sentences[-(SHORT if isinstance(made, Allocation) else 1) :]


def _blocks(study: Study, made: Any) -> list[Any]:
    if isinstance(made, NextRun | Recipes):
        drawn = next_blocks(made) if isinstance(made, NextRun) else recipe_blocks(made)
        return [Text(MEANING[type(made)]), Bullets(made.sentences), *drawn]
    draw, alt, caption = _picture(study, made)
    told = [made.headline] if isinstance(made, Regret) else made.sentences  # its table has the others
    blocks: list[Any] = [Text(MEANING[type(made)]), Bullets(told), picture(draw, alt, caption)]
    if note := getattr(made, "note", ""):
        blocks.append(Text(note))
    if getattr(made, "growth", ""):
        blocks.append(Text(f"Compute grows as {made.growth} tell; growth and law are taken as independent."))
    if isinstance(made, Regret):
        return [*blocks, _rules(made)]
    if isinstance(made, Allocation | Frontier):
        blocks.append(_choice(made))
    return [*blocks, _numbers(made)]


def _picture(study: Study, made: Any) -> tuple[Callable[[], Any], str, str]:
    """Return how an answer is drawn, its alternative text and its caption."""
    warning = study.banner
    if isinstance(made, Allocation):
        return (lambda: plots.plan_isoflop(made, warning=warning), "Loss against parameters along equal compute.",
                "Bands are 90 % equal-tailed intervals of the law, bars those of the best size; small marks are runs "
                "within a factor 1.25 of the budget.")  # fmt: skip
    if isinstance(made, Regret):
        return (lambda: plots.plan_regret(made, warning=warning), "Expected regret of rules against compute.",
                "Posterior expectation of the extra loss; both axes are logarithmic.")  # fmt: skip
    if isinstance(made, Frontier):
        return (lambda: plots.plan_frontier(made, warning=warning), "Smallest loss against total cost.",
                "90 % equal-tailed intervals; numbers are parameters above tokens of the choice.")  # fmt: skip
    if isinstance(made, Target):
        return (lambda: plots.plan_target(made, warning=warning), "What each target takes, with intervals.",
                "90 % equal-tailed intervals; an arrow means that this end is not reached.")  # fmt: skip
    return (lambda: plots.plan_outlook(made, warning=warning), "What is left of the loss against compute.",
            "90 % equal-tailed intervals of the law.")  # fmt: skip


def _choice(made: Allocation | Frontier) -> Table:
    first = {"compute": "compute (FLOP)"} if isinstance(made, Allocation) else {"cost": "cost"}
    show = {**first, "params": "parameters", "tokens": "tokens", "tokens_per_param": "tokens per parameter",
            "expected_loss": "expected loss", "expected_regret": "expected regret", "mcse": "MCSE of regret",
            "binding": "bound by", "extrapolation": "where"}  # fmt: skip
    how = {"compute": _flop, "params": words.count, "tokens": words.count, "mcse": lambda v: words.number(v, 1),
           "expected_loss": lambda v: words.number(v, 4), "expected_regret": lambda v: words.number(v, 2)}  # fmt: skip
    unit = "" if isinstance(made, Allocation) else f"; costs in {made.menu.prices.currency}"
    return table(made.choice, f"The choice of smallest posterior expected loss{_unit(made)}{unit}", columns=show,
                 formats=how)  # fmt: skip


def _rules(made: Regret) -> Table:
    show = {"compute": "compute (FLOP)", "rule": "rule", "params": "parameters",
            "tokens_per_param": "tokens per parameter", "expected_regret": "expected regret", "lower": "from",
            "upper": "to", "wasted_share": "compute wasted", "mcse": "MCSE of regret"}  # fmt: skip
    how: dict[str, Any] = dict.fromkeys(("expected_regret", "lower", "upper"), lambda v: words.number(v, 2))
    how |= {"compute": _flop, "params": words.count, "wasted_share": words.percent,
            "mcse": lambda v: words.number(v, 1)}  # fmt: skip
    share = words.level(max(made.levels))
    caption = f"Regret{_unit(made)}: posterior expectation and {share} equal-tailed interval; expected waste"
    return table(made.choice, caption, columns=show, formats=how)


def _unit(made: Allocation | Frontier | Regret) -> str:
    """Return the unit of the loss as it follows a name."""
    return words.within(made.surface.fit.spec.unit)


def _flop(value: float) -> str:
    return words.power(float(value), 2)


def _numbers(made: Any) -> Table:
    """Return the tidy table at its widest level, with values written as their quantity asks."""
    rows = made.table[(made.table["level"] == max(made.levels)) & (made.table["quantity"] != "b")]  # b = 1 - a
    told = pd.DataFrame({c: rows[c].map(lambda v, c=c: _point(v, c)) for c in _point_columns(rows)})
    told["quantity"] = [NAMES.get(q, str(q)) + (_unit(made) if q == "regret" else "") for q in rows["quantity"]]
    for column in [c for c in ("expected", "median", "lower", "upper") if c in rows]:
        told[column] = [_cell(v, q) for v, q in zip(rows[column], rows["quantity"], strict=True)]
    share = words.level(max(made.levels))
    told["mcse_median"] = rows["mcse_median"].map(lambda v: words.number(v, 2))
    show = {**{c: c for c in _point_columns(rows)}, "quantity": "quantity", "expected": "expected", "median": "median",
            "mcse_median": "MCSE of median", "lower": "from", "upper": "to"}  # fmt: skip
    caption = f"{made.title}: medians and {share} equal-tailed intervals of the law"
    return table(told, caption, columns=show, formats=dict.fromkeys(told.columns, str))


def _point_columns(rows: pd.DataFrame) -> list[str]:
    """Return the columns that name a point and differ."""
    skipped = ("extrapolation", "currency", "params", "tokens", "tokens_per_param", "p_unreachable")
    names = [str(c) for c in rows.columns[: list(rows.columns).index("quantity")] if c not in skipped]
    return [c for c in names if rows[c].nunique() > 1 or c in ("compute", "cost", "target")]


def _point(value: Any, column: str) -> str:
    return _flop(value) if column == "compute" else words.cell(value, column)


def _cell(value: float, quantity: str) -> str:
    """Return a value of a quantity; what is not reached has none."""
    if pd.isna(value):
        return "not reached"
    if quantity == "year":
        return day(float(value))
    if quantity in ("params", "tokens"):
        return words.count(float(value))
    if quantity in ("compute", "wasted_compute"):
        return _flop(value)
    if quantity in ("wasted_share", "serving_share"):
        return words.percent(float(value))
    return words.number(float(value), 4 if quantity == "loss" else 3)
