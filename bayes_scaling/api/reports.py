"""Reports of cards and their fits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bayes_scaling.api.cards import Card, compare_arguments
from bayes_scaling.api.prior_sets import card_sensitivity
from bayes_scaling.check import prior_predictive
from bayes_scaling.compare import contrasts, ranking
from bayes_scaling.fit import ChainFit, Fit
from bayes_scaling.forecasts import reachable


def write_card_report(
    pairs: Sequence[tuple[Card, Fit | ChainFit]], path: str | Path, *, title: str | None = None
) -> Path:
    """Write one HTML report of cards and their fits.

    Parameters
    ----------
    pairs : sequence of (Card, Fit or ChainFit)
        Each stage of a chain is a study of its own.
    path : str or Path
        HTML file to write.

    Returns
    -------
    Path
    """
    from bayes_scaling.report import write_report

    return write_report([study for card, fit in pairs for study in _studies(card, fit)], path, title=title)


def _studies(card: Card, fit: Fit | ChainFit) -> list[Any]:
    """Return what a report shows of a card: one study, or one of each stage of a chain."""
    from bayes_scaling.report import Study, stage_card

    data, answers, spec = card.data(), card.forecasts(fit), card.spec
    if isinstance(fit, Fit):
        asked = [(part, compare_arguments(part)) for part in spec.compare]
        comparisons = [(part, contrasts(fit, **how), ranking(fit, **how)) for part, how in asked]
        prior = card.sample_prior_predictive(data)
        return [
            Study(
                spec,
                fit,
                prior,
                data,
                answers,
                comparisons,
                plan=card.plan(fit),
                sensitivity=card_sensitivity(card, fit),
            )
        ]
    studies, sigmoid = [], "L_0" in fit.accuracy.spec.law.published_symbols
    for name, (model, table) in card.stages(data).items():
        prior = prior_predictive(model, table, exclude_flags=spec.data.exclude_flags)
        told = [(part, made) for part, made in answers if made.outcome == name]
        within = reachable(fit) if sigmoid and name == "accuracy" else None
        plan = card.plan(fit) if name == "loss" else []
        studies.append(Study(stage_card(spec, name), fit.stages[name], prior, table, told, [], spec, within, plan))
    return studies
