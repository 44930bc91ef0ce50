"""Sensitivity to prior sets, of a fit or of a card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bayes_scaling.api.cards import Card, load_card
from bayes_scaling.compare import Sensitivity
from bayes_scaling.compare import sensitivity as _sensitivity
from bayes_scaling.errors import CardError, listed
from bayes_scaling.fit import ChainFit, Fit
from bayes_scaling.forecasts import grid
from bayes_scaling.forecasts.points import Points
from bayes_scaling.laws.prior_sets import Asked
from bayes_scaling.model.card import ForecastPart


def sensitivity(
    study: Fit | Card | str | Path,
    points: Points | None = None,
    *,
    prior_sets: Sequence[Asked] | None = None,
    **options: Any,
) -> Sensitivity:
    """Forecast under other prior sets of the law, and tell how far that moves.

    Parameters
    ----------
    study : Fit, Card, or name or path of a card
        A card is fitted first.
    points : DataFrame or dict of columns, optional
        Those of a card's `[check]`, or of its first forecast at points, when left out.
    prior_sets : sequence of str or dict, optional
        ``["symmetric", {"intrinsic_dimension": 40}]``; those of a card's `[check]`, or all that need no number, when
        left out.
    **options :
        ``kind``, ``level``, ``new_groups``, ``tokens_per_param``, ``workers``, ``random_seed``, ``progressbar`` of
        :func:`bayes_scaling.compare.sensitivity`.

    Returns
    -------
    Sensitivity

    Raises
    ------
    CardError, ForecastError, FitError
    """
    card = load_card(study) if isinstance(study, str | Path) else study
    if isinstance(card, Fit | ChainFit):
        if points is None:
            law = next(iter(card.stages.values())).spec.law
            raise CardError(
                f"sensitivity of a fit needs points, sensitivity(fit, points): a dict or a table with what law "
                f"{law.name} reads ({listed(i.column for i in law.inputs)}) and a level of each group."
            )
        return _sensitivity(card, points, prior_sets=prior_sets, **options)
    if not isinstance(card, Card):
        raise CardError(f"sensitivity of a {type(card).__name__}; expected a Fit, a Card, or a card's name or path.")
    if points is None:
        asked = asked_of(card)
        points, options = grid(**asked.points), {**how_of(asked), **options}
    return _sensitivity(
        card.fit(asked=(), progressbar=False), points, prior_sets=prior_sets or sets_of(card), **options
    )


def sets_of(card: Card) -> list[Asked] | None:
    """Return the prior sets that a card's `[check]` names, if it has one."""
    return card.spec.check.prior_sets or None if card.spec.check else None


def asked_of(card: Card) -> ForecastPart:
    """Return the forecast that a card's sensitivity is about.

    Raises
    ------
    CardError
        The card has no forecast at points.
    """
    if all(f.target for f in card.spec.forecast):
        raise CardError(f"card {card.name} has no forecast at points; say which points.")
    return card.spec.checked_forecast()


def how_of(part: ForecastPart) -> dict[str, Any]:
    """Return how a forecast of a card is made, as options of :func:`sensitivity`."""
    return {
        "kind": part.kind, "level": max(part.levels), "new_groups": part.new_groups,
        "tokens_per_param": part.tokens_per_param,
    }  # fmt: skip


def card_sensitivity(card: Card, fit: Fit) -> Sensitivity | None:
    """Return what a card's `[check]` asks of its fit, or None where it has none."""
    if card.spec.check is None:
        return None
    part = asked_of(card)
    return _sensitivity(fit, grid(**part.points), prior_sets=sets_of(card), workers=0, **how_of(part))
