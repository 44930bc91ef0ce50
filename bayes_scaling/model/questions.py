"""Points that a card or a command asks about, checked against the model before anything is sampled."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

from bayes_scaling.data.columns import COLUMNS
from bayes_scaling.errors import CardError, did_you_mean, listed
from bayes_scaling.model.spec import ModelSpec

PATH = ("params", "tokens", "compute", "active_params", "tokens_per_param")  # any law's, or derived from each other


def readable(spec: ModelSpec) -> list[str]:
    """Return the columns of points that a model reads, or that name what is forecast."""
    own = [i.column for i in spec.law.inputs]
    groups = [part for g in spec.groups for part in g.split(":")]
    facts = ["task", "chance", "n_items"] if spec.outcome == "accuracy" else []
    along = [c for c in (spec.noise.discrepancy.over, spec.noise.discrepancy.by) if c not in ("", "all")]
    return list(dict.fromkeys([*own, *groups, *PATH, *facts, *along, "model", "run"]))


def check_points(spec: ModelSpec, points: Mapping[str, Any], where: str) -> None:
    """Raise CardError where points name a column that the model does not read, or a scale that is no number.

    Parameters
    ----------
    spec : ModelSpec
    points : mapping
        Values or lists of values by column.
    where : str
        What is checked, such as ``forecast.points`` or ``--at``.
    """
    known = readable(spec) + (["family"] if "run" in points else [])  # a run is known within its family
    for name, value in points.items():
        if name not in known:
            raise CardError(_unread(spec, name, known, where))
        scale = name in PATH or name in spec.law.scales.values()
        for one in value if isinstance(value, list | tuple) else [value]:
            number = isinstance(one, Real) and not isinstance(one, bool)
            if not number and (scale or (name in COLUMNS and COLUMNS[name].numeric)):
                raise CardError(f"{where}: {name}={one!r} is not a number; write a number such as 1e24.")
            if scale and not 0 < one < math.inf:
                raise CardError(f"{where}: {name}={one!r}; expected a finite number above zero.")


def _unread(spec: ModelSpec, name: str, known: list[str], where: str) -> str:
    if name in COLUMNS and not COLUMNS[name].numeric:
        have = f"its groups are {listed(spec.groups)}" if spec.groups else "it has no groups"
        return (
            f'{where} names {name!r}, but this model has no effects of {name} ({have}). Leave it out, or add "{name}" '
            "to groups."
        )
    return (
        f"{where} names {name!r}, which law {spec.law.name} and the groups do not read; expected {listed(known, 20)}."
        + did_you_mean(name, known)
    )


def check_comparison(
    spec: ModelSpec, group: str, at: Mapping[str, Any], hold: Mapping[str, Any], where: str = "compare"
) -> None:
    """Raise CardError where families cannot be compared as asked: no such group, lists, unknown columns."""
    if missing := [part for part in group.split(":") if part not in spec.groups]:
        have = f"has groups {listed(spec.groups)}" if spec.groups else "has no groups"
        word = "families" if group == "family" else f"levels of {group}"
        raise CardError(f'{where}: this card\'s model {have}; add groups = ["{missing[0]}"] to compare {word}.')
    for name, part in (("at", at), ("hold", hold)):
        check_single(f"{where}.{name}", part)
        check_points(spec, part, f"{where}.{name}")


def check_single(where: str, values: Mapping[str, Any], error: type[Exception] = CardError) -> None:
    """Raise where a comparison is given several values: families are compared at one point."""
    if not isinstance(values, Mapping):
        raise error(f"{where} = {values!r}; expected names with one value each, such as {{'compute': 1e24}}.")
    for name, value in values.items():
        if isinstance(value, Iterable) and not isinstance(value, str):
            found = list(value)
            raise error(f"{where}: {name} = {found!r}; expected one value. Compare once per value.")
