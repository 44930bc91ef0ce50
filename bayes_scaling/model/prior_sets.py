"""A model under another of its law's prior sets."""

from __future__ import annotations

from dataclasses import replace

from bayes_scaling.laws.base import Law
from bayes_scaling.laws.prior_sets import DECLARED, Asked, ChosenSet, chosen_set
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
        As :func:`bayes_scaling.laws.prior_sets.chosen_set`.
    """
    chosen = chosen_set(spec.law, asked)
    law = _law(spec, chosen)
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
