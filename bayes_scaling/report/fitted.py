"""A law's cards in the catalogue: what was fitted, beside what was published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bayes_scaling.compare import beside_published
from bayes_scaling.errors import ForecastError
from bayes_scaling.fit import Fit, failure_banner
from bayes_scaling.laws import Law
from bayes_scaling.model.card import CardSpec
from bayes_scaling.report import words
from bayes_scaling.report.blocks import Bullets, Section, Table, Text, table

MOST_LEVELS = 12  # of a group with parameters of its own that are listed
LEVEL = 0.9
Place = Mapping[str, str]  # level by group


@dataclass(frozen=True)
class Fitted:
    """A card of a law and its fit.

    Attributes
    ----------
    card : CardSpec
        Of a chain, that of the stage which has the law.
    fit : Fit or None
    why : str
        Why there is no fit.
    """

    card: CardSpec
    fit: Fit | None
    why: str = ""


def fitted_sections(fitted: Sequence[Fitted]) -> list[Section]:
    """Return a section per fit, and one that names the cards without."""
    made = [_fitted_section(f.card, f.fit) for f in fitted if f.fit is not None]
    left = [f"{f.card.name}: {f.card.title or f.card.question} ({f.why})" for f in fitted if f.fit is None]
    return [*made, Section("Cards without a fit here", [Bullets(left)])] if left else made


def _fitted_section(card: CardSpec, fit: Fit) -> Section:
    """Return what a card's fit found of the law's constants, beside the published ones that are about its data."""
    told = Text(f"{card.title or card.name} (data: {card.data.dataset or card.data.path}). {card.question}")
    notes = [Text("Remarks of the card:"), Bullets(card.notes)] if card.notes else []
    state = [Text(failure_banner(fit), kind="banner")] if failure_banner(fit) else []
    draws = fit.idata["posterior"].sizes
    size = Text(f"{words.rows(len(fit.frame))} fitted, {draws['chain'] * draws['draw']} posterior draws.")
    try:
        tables = _tables(card, fit)
    except ForecastError as error:
        tables = [Text(f"There is no table of constants: {error}")]
    return Section(f"Fitted: {card.name}", [told, *state, size, *tables, *notes])


def constants_of(card: CardSpec, fit: Fit) -> list[str]:
    """Return the published sets that are about a card's data.

    Those that the card names; else those that belong to one of its levels, or all of a law whose runs these are.
    """
    law = fit.spec.law
    if card.constants:
        return list(card.constants)
    own = [name for name in law.published if _place_of(fit, law, name)]
    return own or (list(law.published) if law.verified.split()[:1] == [card.data.dataset] else [])


def _tables(card: CardSpec, fit: Fit) -> list[Any]:
    """Return a table per published set and level, or one of what was fitted."""
    law, made = fit.spec.law, []
    sets = constants_of(card, fit)
    for name in sets:
        own = _place_of(fit, law, name)
        for place in [own] if own else places(fit):
            made.append(_beside(fit, name, place))
    if made:
        return made
    parts = [beside_published(fit, at=place).assign(where=_where(place)) for place in places(fit)]
    show = {"parameter": "parameter", "where": "of", "median": "our median", "lower": "5 %", "upper": "95 %"}
    if len(parts) == 1:
        del show["where"]
    note = "Of a typical member of its groups, where parameters differ between them." if fit.coords else ""
    return [table(pd.concat(parts), f"Posterior, 90{words.GAP}% equal-tailed interval", columns=show, note=note)]


def _beside(fit: Fit, name: str, place: Place) -> Table:
    """Return a published set beside the fit."""
    found = beside_published(fit, name, at=place)
    show = {"parameter": "parameter", "published": "published", "median": "our median", "inside": "inside?",
            "lower": "5 %", "upper": "95 %"}  # fmt: skip
    how = {
        "published": lambda v: words.number(v, 4),
        "inside": lambda v: words.NONE if v is None else words.cell(v, ""),
    }
    constants = fit.spec.law.published[name]
    of = f", {_where(place)}" if place else ""
    return table(
        found, f"Published {name}{of} beside our 90{words.GAP}% equal-tailed interval", columns=show, formats=how,
        marked=[v is False for v in found["inside"]], note=words.source(constants),
    )  # fmt: skip


def places(fit: Fit) -> list[Place]:
    """Return where constants are told: of the population, or at each level of a group with parameters of its own.

    Raises
    ------
    ForecastError
        Too many such levels, or several such groups.
    """
    effects = [(p, g, kind) for p in fit.spec.law.parameters for g, kind in fit.spec.effects(p).items()]
    own = list(dict.fromkeys(g for _, g, kind in effects if kind == "none"))
    if not own:
        return [{}]
    if len(own) > 1 or len(fit.coords[own[0]]) > MOST_LEVELS:
        levels = " and ".join(f"{len(fit.coords[g])} levels of {words.group(g)}" for g in own)
        raise ForecastError(f"it has parameters for each of {levels}; by_group(fit, PARAMETER, group=...) lists them.")
    return [{own[0]: level} for level in fit.coords[own[0]]]


def _place_of(fit: Fit, law: Law, name: str) -> Place:
    """Return the level that a published set belongs to, where it was fitted."""
    of = law.published[name].of if name in law.published else ""
    groups = dict.fromkeys(g for p in law.parameters for g in fit.spec.effects(p))
    return next(({g: of} for g in groups if of and of in fit.coords[g]), {})


def _where(place: Place) -> str:
    return ", ".join(place.values())
