"""The catalogue of laws from the command line or a notebook: which cards a law has, and the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayes_scaling import laws as room
from bayes_scaling.api.cards import Card, load_card
from bayes_scaling.fit import ChainFit, Fit
from bayes_scaling.model.card import shipped_cards

if TYPE_CHECKING:
    from bayes_scaling.report.fitted import Fitted

Found = Fit | ChainFit | str
"""A card's fit, or why there is none."""


def cards_by_law() -> dict[str, list[tuple[Card, str]]]:
    """Return the shipped cards of each law, with the outcome of the stage that has it.

    Of cards that fit the same model to the same data only the first is there.
    """
    found: dict[str, list[tuple[Card, str]]] = {}
    known: list[tuple[Any, ...]] = []
    for name in shipped_cards():
        card = load_card(name)
        parts = (card.spec.data, card.spec.model.as_dict(), card.spec.then, card.spec.fit)
        if parts in known:
            continue
        known.append(parts)
        models = [card.spec.model, *([card.spec.then.model] if card.spec.then else [])]
        for model in models:
            found.setdefault(model.law.name, []).append((card, model.outcome))
    return found


def write_catalogue(
    path: str | Path,
    laws: Sequence[str] | None = None,
    *,
    fits: Callable[[Card], Found] | None = None,
    progress: Callable[[], Any] | None = None,
) -> Path:
    """Write a page of laws: formula, priors, curves, published constants, and the fits of their cards beside these.

    Parameters
    ----------
    path : str or Path
        HTML file to write.
    laws : sequence of str, optional
        Names of laws; all of them when left out.
    fits : callable, optional
        Returns a card's fit, or a sentence that says why there is none. Without it cards are only named.
    progress : callable, optional
        Called after each law.

    Returns
    -------
    Path

    Raises
    ------
    CardError
        An unknown law.
    """
    from bayes_scaling.report.catalogue import entry, write_entries

    chosen = [room.get(name) for name in (room.available() if laws is None else laws)]
    cards, entries = cards_by_law(), []
    for law in chosen:
        shown = [_fitted(card, outcome, fits) for card, outcome in cards.get(law.name, [])]
        entries.append(entry(law, shown))
        if progress is not None:
            progress()
    return write_entries(entries, path)


def _fitted(card: Card, outcome: str, fits: Callable[[Card], Found] | None) -> Fitted:
    """Return a card with its fit; of a chain, the stage of an outcome."""
    from bayes_scaling.report import stage_card
    from bayes_scaling.report.fitted import Fitted

    found = "not asked for" if fits is None else fits(card)
    spec = card.spec if card.spec.then is None else replace(stage_card(card.spec, outcome), notes=card.spec.notes)
    if isinstance(found, str):
        return Fitted(spec, None, found)
    return Fitted(spec, found.stages[outcome])
