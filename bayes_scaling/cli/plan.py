"""``bayes-scaling plan``: what a card plans, or a question of the command line, as sentences, tables or JSON."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import pandas as pd

from bayes_scaling.api import plan_answers
from bayes_scaling.api.plans import Plan
from bayes_scaling.cli.fits import card_and_fit, changed_card
from bayes_scaling.cli.plan_next import own_part
from bayes_scaling.cli.plan_parser import own_words
from bayes_scaling.cli.show import records, show, tell
from bayes_scaling.errors import BayesScalingError
from bayes_scaling.fit import failure_banner
from bayes_scaling.forecasts import words
from bayes_scaling.model.plan import Limits, PlanPart, Prices, check_plan
from bayes_scaling.plan import NextRun, Recipes
from bayes_scaling.plan.growth import day
from bayes_scaling.plan.rules import POSTERIOR, published
from bayes_scaling.plan.tables import best_rows

SHOWN = 12  # candidates
ENDS = ("median", "lower", "upper")
ASKED = {"budget": "budgets", "cost": "costs", "target": "targets", "level": "levels",
         "tokens_per_param": "tokens_per_param", "outcome": "outcome", "new_groups": "new_groups"}  # fmt: skip
NEEDS = {"allocation": "budgets", "cost": "costs", "reach": "targets", "when": "targets"}
EXAMPLE = {"allocation": "--budget 1e21 5.76e23", "cost": "--cost 1e6 --per-flop 1.4e-18", "reach": "--target 2.0",
           "when": "--target 2.0"}  # fmt: skip


def plan(options: argparse.Namespace) -> int:
    """Print what the card or the command line plans."""
    card = changed_card(options, options.card)
    part = (own_part if options.verb in ("next", "recipes") else asked_of)(options, card.spec.plan)
    check_plan(card.spec.model, part)
    card, made, _ = card_and_fit(options, options.card, [part])
    answers = plan_answers(made, part, verbs=(options.verb,))
    text = "\n\n".join("\n".join([found.title, *found.sentences, *_tables(found)]) for found in answers)
    result = {"card": card.name, "answers": [_as_json(found) for found in answers]}
    banner = failure_banner(made)
    return tell(banner, options, result, f"{banner}\n\n{text}" if banner else text)


def _tables(found: Plan) -> list[str]:
    """Return what is printed: the choice or the best runs where there are any, else the widest intervals."""
    if isinstance(found, NextRun):
        shown = best_rows(found, SHOWN)
        told = (
            f"{len(shown)} of {len(found.table)} candidates: the first to buy, and those that tell most (cost in "
            f"{found.unit}; share: of what is open; lower and upper: {words.level(found.level)} "
            f"{words.KINDS['eti']} interval of its Monte-Carlo error; as_good: may be the best per cost; "
            "step: place in the set to buy)"
        )
        return ["", told, show(shown.rename_axis("candidate").reset_index())]
    if isinstance(found, Recipes):
        columns = ["quantity", "median", "lower", "upper", "level", "interval", "p", "mcse", "means"]
        return ["", show(found.table[columns]), *(_tables(found.settle) if found.settle else [])]
    if hasattr(found, "choice"):
        return ["", show(found.choice)]
    return ["", show(_dated(found.table[found.table["level"] == max(found.levels)]))]


def _dated(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a table with years told as months."""
    year = rows["quantity"] == "year"
    ends = {c: rows[c].astype(object).where(~year | rows[c].isna(), rows[c].map(day)) for c in ENDS}
    return rows.assign(**ends) if year.any() else rows


def _as_json(found: Plan) -> dict[str, Any]:
    tables: dict[str, Any] = {"table": records(found.table)}
    for name in ("choice", "sets", "curves"):
        if hasattr(found, name):
            tables[name] = records(getattr(found, name))
    if isinstance(found, Recipes) and found.settle is not None:
        tables["settle"] = _as_json(found.settle)
    return {"title": found.title, "sentences": found.sentences, **tables}


def asked_of(options: argparse.Namespace, own: PlanPart | None) -> PlanPart:
    """Return the card's plan with what the command line asks instead.

    Raises
    ------
    BayesScalingError
        Neither says what this verb needs.
    """
    given = own_words(options, ASKED)
    if getattr(options, "rule", None):
        given["rules"] = [_rule(word) for word in options.rule]
    if options.group:
        given["groups"] = dict(_pair(word) for word in options.group)
    kept = own.prices if own else {}, own.limits if own else {}
    prices = {**kept[0], **own_words(options, {k: k for k in Prices.__dataclass_fields__})}
    limits = {**kept[1], **own_words(options, {k: k for k in Limits.__dataclass_fields__})}
    given |= {k: v for k, v in (("prices", prices), ("limits", limits), ("growth", _growth(options))) if v}
    needed = NEEDS[options.verb]
    if not given.get(needed) and not (own and getattr(own, needed)):
        raise BayesScalingError(
            f"card {options.card} has no {needed} under [plan]; give some: plan {options.verb} {options.card} "
            f"{EXAMPLE[options.verb]}"
        )
    part = replace(own, **given) if own else PlanPart(**given)
    if options.verb == "when" and not part.growth:
        raise BayesScalingError(
            "dates need a growth of compute: --growth epoch, or --doubling-months 6 12 --from-compute 5e25 "
            "--from-date 2025-02-24."
        )
    return part


def _growth(options: argparse.Namespace) -> dict[str, Any]:
    """Return the growth that the command line tells; empty for that of the card."""
    names = {"growth": "dataset", "from_compute": "compute", "from_date": "date"}
    found = own_words(options, names)
    if getattr(options, "doubling_months", None):
        found["doubling_months"], found["upper95"] = options.doubling_months
    return found


def _rule(word: str) -> Any:
    """Return a rule of the command line: a number, a name, or levels as ``family=A``."""
    try:
        return float(word)
    except ValueError:
        return dict([_pair(word)]) if "=" in word and word not in {*POSTERIOR, *published()} else word


def _pair(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals or not value:
        raise BayesScalingError(f"{word!r}; expected NAME=VALUE, for example family=Pythia.")
    return name, value
