"""A model under another of its law's prior sets, and the `[check]` of a card that asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bayes_scaling.errors import CardError, did_you_mean, listed
from bayes_scaling.laws.base import Law
from bayes_scaling.laws.prior_sets import DECLARED, Asked, ChosenSet, chosen_set, refuse_elsewhere
from bayes_scaling.model.spec import ModelSpec, sd_name


def set_label(spec: ModelSpec) -> str:
    """Return the name of a model's prior set; where it states priors of its own, that says so."""
    label = spec.prior_set.label if spec.prior_set else DECLARED
    stated = [p.name for p in spec.law.parameters if p.name in spec.priors]
    return f"{label}, own {', '.join(stated)}" if stated else label


def with_prior_set(spec: ModelSpec, asked: Asked) -> ModelSpec:
    """Return a model with another prior set, all else as it was.

    Parameters
    ----------
    spec : ModelSpec
        May be settled on rows.
    asked : str or dict
        As of :func:`bayes_scaling.model.make_spec`; ``declared`` is the law without a set.

    Returns
    -------
    ModelSpec
        Priors that the model itself states give way where the set speaks of their parameter. A tie takes a parameter
        away, with its priors and pooling.

    Raises
    ------
    CardError
        As :func:`bayes_scaling.laws.prior_sets.chosen_set`; a set that speaks of another scale.
    """
    chosen = chosen_set(spec.law, asked)
    law = _law(spec, chosen)
    refuse_elsewhere(law, chosen)
    there = {p.name for p in law.parameters}
    gone = [p.name for p in spec.law.parameters if p.name not in there]
    stated = set(chosen.priors) if chosen else set()
    dropped = {*gone, *stated, *(sd_name(name, group) for name in gone for group in _groups(spec, name))}
    return replace(
        spec, law=law, prior_set=chosen, priors={k: v for k, v in spec.priors.items() if k not in dropped},
        pooling={k: v for k, v in spec.pooling.items() if k not in gone},
    )  # fmt: skip


def _groups(spec: ModelSpec, name: str) -> list[str]:
    return [group for parameter, group, _ in spec.all_effects() if parameter.name == name]


def _law(spec: ModelSpec, chosen: ChosenSet | None) -> Law:
    """Return the law in the form that a set asks for, its reference and readings kept."""
    before, after = (dict(s.options) if s else {} for s in (spec.prior_set, chosen))
    if before == after:
        return spec.law
    own = {k: v for k, v in spec.law.options.items() if k not in before}
    law = type(spec.law)().with_options(**{**own, **after}) if {**own, **after} else type(spec.law)()
    return law.reading(reference=spec.law.reference, **spec.law.readings())


def compared_sets(spec: ModelSpec, asked: Sequence[Asked] | None) -> dict[str, ModelSpec]:
    """Return the models that a model is compared with, by the names of their prior sets.

    Parameters
    ----------
    spec : ModelSpec
    asked : sequence of str or dict, optional
        All sets that need no number and speak of what the law reads when left out.

    Raises
    ------
    CardError
        Unknown sets, sets that repeat or that the model has already, none left.
    """
    if asked is not None and (isinstance(asked, str) or not isinstance(asked, Sequence)):
        raise CardError(
            f'prior_sets = {asked!r}; expected a list, such as ["symmetric", {{ intrinsic_dimension = 40 }}].'
        )
    base = set_label(spec)
    if asked is None:
        usual = [k for k, s in spec.law.prior_sets.items() if s.complete and s.speaks_of(spec.law)]
        asked = [name for name in (DECLARED, *usual) if set_label(with_prior_set(spec, name)) != base]
    found: dict[str, ModelSpec] = {}
    for one in asked:
        other = with_prior_set(spec, one)
        name = set_label(other)
        if name in found or name == base:
            where = "twice" if name in found else "which is the model's own"
            raise CardError(f"prior_sets names {name!r}, {where}; found {list(asked)}. Name each other set once.")
        found[name] = other
    if not found:
        raise CardError(
            f"there is no prior set to compare with: law {spec.law.name} has {listed(spec.law.prior_sets)}, and none "
            "was named."
        )
    return found


@dataclass(frozen=True)
class CheckPart:
    """What a card's report checks besides: the forecast titled `forecast`, the first at points, under `prior_sets`."""

    prior_sets: list[Any] = field(default_factory=list)
    forecast: str = ""


def check_sensitivity(spec: ModelSpec, part: CheckPart, titles: Sequence[str]) -> None:
    """Raise CardError where a card's `[check]` cannot be done; `titles` are its forecasts at points."""
    compared_sets(spec, part.prior_sets)
    if not titles:
        raise CardError("[check] prior_sets needs a [[forecast]] with points: it compares that under each set.")
    if part.forecast and part.forecast not in titles:
        raise CardError(
            f"check.forecast = {part.forecast!r}; forecasts at points are {listed(titles)}."
            + did_you_mean(part.forecast, titles)
        )
