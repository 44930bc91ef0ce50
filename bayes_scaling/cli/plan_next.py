"""Questions of ``plan next`` and ``plan recipes``, as `[plan.next]` and `[plan.recipes]` of a card."""

from __future__ import annotations

import argparse
from typing import Any

from bayes_scaling.cli.plan_parser import own_words
from bayes_scaling.cli.questions import own_points, pairs, single
from bayes_scaling.errors import BayesScalingError
from bayes_scaling.model.next_run import ABOUT, QUESTIONS
from bayes_scaling.model.plan import PlanPart

PLAIN = {"value": "value", "cost_column": "cost", "unit": "unit", "by": "group", "tokens_per_param": "tokens_per_param"}
EXAMPLE = {
    "next": "--candidate params=1e8,3e8 tokens=2e9,2e10 --of-target params=7e10 tokens=1.4e12",
    "recipes": "--names A B --at compute=1e23 --tokens-per-param 20",
}


def own_part(options: argparse.Namespace, own: PlanPart | None) -> PlanPart:
    """Return the card's next run or recipes with what the command line asks instead.

    Raises
    ------
    BayesScalingError
        Neither says what is asked.
    """
    verb = options.verb
    table = dict(getattr(own, verb)) if own else {}
    given = _given_next(options) if verb == "next" else own_words(options, {"names": "names"})
    given |= own_words(options, PLAIN)
    given |= {name: single(points) for name, points in _points(options).items() if points}
    if "tokens_per_param" in given.get("at", {}):  # a path may be told either way
        at = dict(given["at"])
        given["tokens_per_param"], given["at"] = at.pop("tokens_per_param"), at
    asked = {k: v for k, v in table.items() if k not in _replaced(given)} | given
    if not asked:
        raise BayesScalingError(
            f"card {options.card} has no [plan.{verb}]; ask for it: plan {verb} {options.card} {EXAMPLE[verb]}"
        )
    parts: dict[str, Any] = {verb: asked}
    if options.level or own:
        parts["levels"] = options.level or (own.levels if own else [])
    return PlanPart(**parts)


def _given_next(options: argparse.Namespace) -> dict[str, Any]:
    found = own_words(options, {"of_parameter": "parameter", "of_families": "families", "before": "before",
                                "wanted_sd": "wanted_sd", "new_groups": "new_groups"})  # fmt: skip
    target = single(pairs(options.of_target or (), "--of-target"))
    return found | ({"target": target} if target else {})


def _points(options: argparse.Namespace) -> dict[str, dict[str, list[Any]]]:
    """Return what was given as NAME=VALUE, by the name of a card."""
    return {
        "at": own_points(options),
        "hold": pairs(options.group or (), "--group"),
        "candidates": pairs(options.candidate or (), "--candidate"),
        "small": pairs(getattr(options, "small", None) or (), "--small"),
    }


def _replaced(given: dict[str, Any]) -> set[str]:
    """Return the keys of the card that what was given stands for: another question, another rule to stop."""
    found = {"value", "wanted_sd"} if {"value", "wanted_sd"} & set(given) else set()
    if set(QUESTIONS) & set(given):
        found |= {*QUESTIONS, *ABOUT, "group"}
    return found | ({"at", "before"} if {"at", "before"} & set(given) else set())
