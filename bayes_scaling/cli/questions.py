"""Questions of the command line (``--at``, ``--target``), checked before anything is fitted."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bayes_scaling.api import Card
from bayes_scaling.compare.latent import at_scale, skill_law
from bayes_scaling.compare.skills import power_of
from bayes_scaling.data.columns import COLUMNS
from bayes_scaling.errors import BayesScalingError
from bayes_scaling.laws.capability import Capability
from bayes_scaling.model.card import ComparePart, ForecastPart, check_asked
from bayes_scaling.model.choices import check_levels
from bayes_scaling.model.questions import check_comparison

TITLE = "asked on the command line"


def own_points(options: argparse.Namespace) -> dict[str, list[Any]]:
    """Return the points of ``--at``, with tokens per parameter told in one way only."""
    points = pairs(options.at or ())
    if options.tokens_per_param is not None and "tokens_per_param" in points:
        raise BayesScalingError("--at tokens_per_param and --tokens-per-param are the same; give one of them.")
    return points


def pairs(words: Sequence[str], option: str = "--at") -> dict[str, list[Any]]:
    """Read ``NAME=VALUE,VALUE`` pairs: numbers become floats, what is a name stays text."""
    points: dict[str, list[Any]] = {}
    for pair in words:
        name, equals, values = pair.partition("=")
        if not equals or not values:
            raise BayesScalingError(
                f"{option} {pair!r}; expected NAME=VALUE, for example compute=1e24 or family=Pythia."
            )
        if name in points:
            raise BayesScalingError(f"{option} names {name} twice; write {name}=VALUE,VALUE for several values.")
        text = name in COLUMNS and not COLUMNS[name].numeric
        points[name] = [v if text else _number(v) for v in values.split(",")]
    return points


def single(points: dict[str, list[Any]]) -> dict[str, Any]:
    """Return one value where one was given."""
    return {k: v[0] if len(v) == 1 else v for k, v in points.items()}


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def forecasts(options: argparse.Namespace, card: Card) -> list[ForecastPart]:
    """Return what is to be forecast: the question of the command line, or those of the card."""
    names = ("kind", "new_groups", "tokens_per_param", "outcome")
    own = {k: getattr(options, k) for k in names if getattr(options, k) is not None}
    if options.level:
        own["levels"] = options.level
    if options.target and options.kind not in (None, "law"):
        raise BayesScalingError(f"--kind {options.kind} does not apply to --target: targets are reached by the law.")
    if not options.at and not options.target:
        parts = [replace(p, **own) for p in card.spec.forecast]
    else:
        points = own_points(options)
        if len(points.get("tokens_per_param", ())) == 1:  # a path may be told either way
            own["tokens_per_param"] = points.pop("tokens_per_param")[0]
        asked = {"tokens_per_param": own.get("tokens_per_param", 1.0), **points}
        check_asked(card.spec, asked, options.target or [], own.get("outcome", ""), "--at")
        parts = [ForecastPart(TITLE, points, options.target or [], **own)]
    if not parts:
        raise BayesScalingError(f"card {card.name} asks for no forecast; give points with --at or a --target.")
    return parts


def comparisons(options: argparse.Namespace, card: Card) -> list[ComparePart]:
    """Return what is to be compared: the question of the command line, or those of the card."""
    check_levels("--level", options.level or [0.9])
    ratio = {} if options.tokens_per_param is None else {"tokens_per_param": options.tokens_per_param}
    parts = [replace(p, **ratio) for p in card.spec.compare]
    if options.at or options.target is not None:
        given = single(own_points(options))
        families = given.pop("family", [])
        families = [families] if isinstance(families, str) else families
        if "tokens_per_param" in given:
            ratio["tokens_per_param"] = given.pop("tokens_per_param")
        check_comparison(card.spec.model, "family", {**given, **ratio}, {})
        hold = {k: given.pop(k) for k in list(given) if isinstance(given[k], str)}
        parts = [ComparePart(TITLE, families=families, target=options.target, at=given, hold=hold, **ratio)]
    if not parts:
        hint = ""
        if isinstance(card.spec.model.law, Capability):
            hint = f" Its families are ranked by skill with: bayes-scaling skills {options.card}"
        raise BayesScalingError(f"card {card.name} compares nothing; give --target or --at compute=1e24.{hint}")
    return parts


def skills(options: argparse.Namespace, card: Card) -> dict[str, Any]:
    """Return the arguments of skills that are asked for: skill, by, at, families and level."""
    check_levels("--level", [options.level])
    law = skill_law(card.spec.model.law, options.skill, f"card {card.name}")
    if options.at and options.by == "run":
        raise BayesScalingError("--at is the scale of families; models (--by run) are told at their own. Leave it out.")
    at = single(pairs(options.at or ())) or None
    at_scale(law, at)
    if options.reference is not None:
        power_of(law, options.skill, "compute")
    families = options.family.split(",") if options.family else None
    return {"skill": options.skill, "by": options.by, "at": at, "families": families, "level": options.level}
