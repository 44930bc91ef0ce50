"""``bayes-scaling sensitivity``: how far a card's forecast moves between prior sets."""

from __future__ import annotations

import argparse
from typing import Any

from bayes_scaling.api import Card
from bayes_scaling.api.prior_sets import asked_of, how_of, sets_of
from bayes_scaling.cli.fits import card_and_fit, changed_card
from bayes_scaling.cli.questions import own_points
from bayes_scaling.cli.show import records, show, tell
from bayes_scaling.compare import sensitivity as compare_sets
from bayes_scaling.errors import BayesScalingError, CardError
from bayes_scaling.forecasts import grid
from bayes_scaling.laws.prior_sets import Asked
from bayes_scaling.model.card import ForecastPart, check_asked
from bayes_scaling.model.choices import check_levels
from bayes_scaling.model.prior_sets import compared_sets

TOLD = [
    "set",
    "engine",
    "rhat",
    "ess_bulk",
    "usable",
    "elpd_difference",
    "se",
    "log_bayes_factor",
    "mcse",
    "largest_shift",
]


def sensitivity(options: argparse.Namespace) -> int:
    """Print forecasts under other prior sets, how far they move, and what the runs contradict."""
    card = changed_card(options, options.card)
    if card.spec.then is not None:
        raise CardError(f"card {card.name} is a chain; compare prior sets by a card of one of its stages.")
    sets = [_set(word) for word in options.sets] if options.sets else sets_of(card)
    compared_sets(card.spec.model, sets)
    part, how = _asked(options, card)
    card, made, _ = card_and_fit(options, options.card, [part])
    found = compare_sets(
        made, grid(**part.points), prior_sets=sets, workers=options.workers, progressbar=not options.quiet, **how
    )
    columns = ["set", *found.columns, "median", "mcse_median", "lower", "upper", "shift", "mcse_shift"]
    base = found.power[found.power["set"] == found.base]
    text = [*found.sentences, "", f"forecasts of {found.outcome}, kind {found.kind} ({found.ends})",
            show(found.table[columns]), "", "prior sets and their fits", show(found.sets[TOLD])]  # fmt: skip
    text += ["", f"power-scaling of {found.base}", show(base)] if len(base) else []
    tables = {"table": found.table, "sets": found.sets, "power": found.power, "parameters": found.parameters}
    result = {"card": card.name, "base": found.base, "sentences": found.sentences, "gaps": found.gaps}
    return tell(found.banner, options, {**result, **{k: records(v) for k, v in tables.items()}}, "\n".join(text))


def _set(word: str) -> Asked:
    """Read ``NAME`` or ``NAME=NUMBER``."""
    name, equals, value = word.partition("=")
    if not equals:
        return name
    try:
        return {name: float(value)}
    except ValueError:
        raise BayesScalingError(
            f"--sets {word!r}; expected NAME or NAME=NUMBER, e.g. intrinsic_dimension=40."
        ) from None


def _asked(options: argparse.Namespace, card: Card) -> tuple[ForecastPart, dict[str, Any]]:
    """Return the points that are asked about, and how forecasts are made there."""
    own = {k: getattr(options, k) for k in ("kind", "tokens_per_param", "level") if getattr(options, k) is not None}
    check_levels("--level", [own.get("level", 0.9)])
    if not options.at:
        part = asked_of(card)
        return part, {**how_of(part), **own}
    points = own_points(options)
    if len(points.get("tokens_per_param", ())) == 1:
        own["tokens_per_param"] = points.pop("tokens_per_param")[0]
    check_asked(card.spec, {"tokens_per_param": own.get("tokens_per_param", 1.0), **points}, [], "", "--at")
    how = {k: v for k, v in own.items() if k != "level"}
    return ForecastPart("asked on the command line", points, **how), own
