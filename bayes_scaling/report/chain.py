"""A chain in the report: its stages as studies, and which tasks are within reach."""

from __future__ import annotations

from dataclasses import replace

from bayes_scaling.model.card import CardSpec
from bayes_scaling.report import words
from bayes_scaling.report.blocks import Section, Text, table
from bayes_scaling.report.study import Study

STAGES = {"loss": "loss from scale", "accuracy": "accuracy from loss"}


def stage_card(card: CardSpec, outcome: str) -> CardSpec:
    """Return the card of one stage of a chain, as a study reads it."""
    title = f"{card.title or card.name}: {STAGES[outcome]}"
    if outcome == "loss" or card.then is None:
        return replace(card, title=title, then=None)
    return replace(card, title=title, model=card.then.model, then=None, constants=[])


def reach_section(study: Study) -> Section | None:
    """Return the probability that each task is within reach of each corpus; None where it was not asked."""
    made = study.within_reach
    if made is None:
        return None
    groups = [c for c in made.columns if c in ("task", *study.groups, "family")]
    show = {**{g: g for g in dict.fromkeys(groups)}, "L_0": "inflection loss", "L_0_lower": "5 %", "L_0_upper": "95 %",
            "E": "irreducible loss", "E_lower": "5 %", "E_upper": "95 %", "p_reachable": "P(within reach)",
            "mcse": "MCSE"}  # fmt: skip
    how = {"p_reachable": words.probability, "mcse": lambda v: words.number(v, 1)}
    text = (
        "At the inflection loss a task is half way between its floor and its ceiling. Where the irreducible loss of a "
        "corpus lies above it, no compute gets a model of that corpus there. Both posteriors are extrapolated: they "
        "rest on the laws' forms and priors beyond the fitted runs."
    )
    law = study.fit.spec.law  # the loss is the outcome of the first stage and an input of the second
    unit = study.fit.spec.unit if study.outcome == "loss" else next(i.unit for i in law.inputs if i.column == "loss")
    caption = f"Is a task within reach at all? Medians and 90 % equal-tailed intervals{words.within(unit)}"
    return Section("Within reach", [Text(text), table(made, caption, columns=show, formats=how)])
