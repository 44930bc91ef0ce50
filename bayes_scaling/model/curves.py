"""Effects of curves: groups whose levels have many rows each, sampled as each curve's own values.

The rows of a curve pin down its parameters, not their distance from the population, and they pin
them down along a narrow ridge. So a curve's parameters are sampled together, in coordinates in which its
posterior is nearly round where those are known (see :mod:`bayes_scaling.fit.coordinates`). Prior and
posterior are the same in all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayes_scaling.laws.backend import link, pytensor_backend
from bayes_scaling.laws.base import Parameter
from bayes_scaling.model.labels import run_labels
from bayes_scaling.model.rows import Rows
from bayes_scaling.model.spec import ModelSpec, effect_name, sd_name

CURVE_ROWS = 8.0  # rows per run from which runs are curves
END = "_curve_z"  # helper variables end like others that a posterior does not keep


@dataclass(frozen=True)
class Coordinates:
    """Affine coordinates of curves' parameters on the unconstrained scale.

    A curve's parameters are ``center + pull @ (population - population_there) + follow @ (shared - shared_there)
    + factor @ z``: where its rows say little they go with the population, where they say much they stay; and along the
    ridge between what is its own and what all curves share (a floor and the exponent) they go with what is shared.

    Attributes
    ----------
    parameters, shared : tuple of str
        Those of each curve, and those without effects of any group.
    center, population : ndarray, shape (curve, parameter)
        Values of the curve, and of what the population and other groups say of it, where they were learned.
    pull, factor : ndarray, shape (curve, parameter, parameter)
        ``factor`` is lower triangular.
    shared_there : ndarray, shape (shared,)
    follow : ndarray, shape (curve, parameter, shared)
    """

    parameters: tuple[str, ...]
    shared: tuple[str, ...]
    center: np.ndarray
    population: np.ndarray
    pull: np.ndarray
    factor: np.ndarray
    shared_there: np.ndarray
    follow: np.ndarray

    def containers(self, group: str) -> dict[str, np.ndarray]:
        """Return the numbers by the name of their data container, so that they can be swapped."""
        names = ("center", "population", "pull", "factor", "shared_there", "follow")
        return {f"{group}_curve_{name}": getattr(self, name) for name in names}

    def values(self, population: Any, shared: Any, z: Any) -> Any:
        """Return the parameters of each curve, shape (curve, parameter)."""
        moved = (self.pull * (population - self.population)[:, None, :]).sum(axis=-1)
        moved = moved + (self.follow * (shared - self.shared_there)).sum(axis=-1)
        return self.center + moved + (self.factor * z[:, None, :]).sum(axis=-1)


def is_curve(spec: ModelSpec, parameter: Parameter, group: str, rows: Rows) -> bool:
    """Return whether a group's levels are curves: whole runs of many rows, in one level of every other group.

    In a table of runs with a row or two each, a level has few runs and its effects are better
    sampled as distances from the population.
    """
    effects = spec.effects(parameter)
    if effects.get(group) != "partial" or "run" not in rows.frame.columns:
        return False
    if "run" in spec.law.new_where_unnamed:  # runs are members of a population, their rows not a curve
        return False
    run = pd.factorize(run_labels(rows.frame))[0]
    if len(rows) < CURVE_ROWS * (run.max() + 1) or not _within(run, rows.index[group]):
        return False
    complete = len(np.unique(rows.index[group])) == len(rows.coords[group])
    return complete and all(_within(rows.index[group], rows.index[g]) for g in effects)


def _within(inner: np.ndarray, outer: np.ndarray) -> bool:
    """Return whether every level of one grouping lies in one level of another."""
    first = np.full(inner.max() + 1, -1)
    first[inner] = outer
    return bool((first[inner] == outer).all())


def curves(spec: ModelSpec, rows: Rows) -> dict[str, list[Parameter]]:
    """Return the parameters that have effects of curves, by group; the finest group only."""
    found: dict[str, list[Parameter]] = {}
    for parameter in spec.parameters():
        groups = [g for g in spec.effects(parameter) if is_curve(spec, parameter, g, rows)]
        if groups:
            finest = max(groups, key=lambda g: len(rows.coords[g]))
            found.setdefault(finest, []).append(parameter)
    return found


def shared_parameters(spec: ModelSpec) -> list[Parameter]:
    """Return the sampled parameters that have one value for all rows."""
    fixed = spec.constants()
    return [p for p in spec.parameters() if not spec.effects(p) and p.name not in fixed]


def nesting(spec: ModelSpec, rows: Rows) -> dict[str, dict[str, list[int]]]:
    """Return each curve's positions in the other groups of its parameters: a compiled model holds them fixed."""
    found = {}
    for group, parameters in curves(spec, rows).items():
        first = np.unique(rows.index[group], return_index=True)[1]
        for parameter in parameters:
            others = [g for g in spec.effects(parameter) if g != group]
            found[effect_name(parameter.name, group)] = {g: rows.index[g][first].tolist() for g in others}
    return found


def declare_curves(
    spec: ModelSpec,
    rows: Rows,
    values: dict[str, Any],
    sds: Mapping[str, Any],
    coordinates: Mapping[str, Coordinates],
) -> None:
    """Add the effects of curves to the model in context.

    Parameters
    ----------
    values : dict
        Base and other effects of every parameter; the effects of curves are added.
    sds : mapping
        Standard deviations of effects by posterior name.
    coordinates : mapping
        By group; a group without them has each parameter of a curve sampled by itself.
    """
    import pymc as pm

    for group, parameters in curves(spec, rows).items():
        first = np.unique(rows.index[group], return_index=True)[1]
        own = _own_values(spec, rows, parameters, group, first, values, sds, coordinates.get(group))
        for parameter in parameters:
            name = effect_name(parameter.name, group)
            effect = own[parameter.name] - _center(spec, rows, parameter, group, first, values)
            values[name] = pm.Deterministic(name, effect, dims=group)


def _own_values(
    spec: ModelSpec, rows: Rows, parameters: list[Parameter], group: str, first: np.ndarray,
    values: Mapping[str, Any], sds: Mapping[str, Any], known: Coordinates | None,
) -> dict[str, Any]:  # fmt: skip
    """Return each parameter's value on each curve, with its prior in the model."""
    import pymc as pm
    import pytensor.tensor as pt

    own = {}
    centers = {p.name: _center(spec, rows, p, group, first, values) for p in parameters}
    if known is not None:
        population = pt.stack([centers[n] + np.zeros(len(first)) for n in known.parameters], axis=1)
        z = pm.Flat(f"{group}{END}", shape=known.center.shape)
        there = {name: pm.Data(name, value) for name, value in known.containers(group).items()}
        support = {p.name: p.support for p in spec.parameters()}
        shared = [link(pytensor_backend(), support[n], values[n]) for n in known.shared]
        together = pt.stack(shared) if shared else np.zeros(0)
        moved = Coordinates(known.parameters, known.shared, *there.values()).values(population, together, z)
        own = {name: moved[:, i] for i, name in enumerate(known.parameters)}
    for parameter in parameters:
        center = centers[parameter.name]
        sd, name = sds[sd_name(parameter.name, group)], effect_name(parameter.name, group)
        if parameter.name in own:
            prior = pm.logp(pm.Normal.dist(center, sd), own[parameter.name]).sum()
            pm.Potential(f"{name}_prior", prior)
        else:
            own[parameter.name] = pm.Normal(f"{name}{END}", center, sd, dims=group)
    return own


def _center(
    spec: ModelSpec, rows: Rows, parameter: Parameter, group: str, first: np.ndarray, values: Mapping[str, Any]
) -> Any:
    """Return what the population and the other groups say of each curve, on the unconstrained scale."""
    center = link(pytensor_backend(), parameter.support, values[parameter.name])
    for other, kind in spec.effects(parameter).items():
        if other == group:
            continue
        if kind == "none":
            center = center[rows.index[other][first]]
        else:
            center = center + values[effect_name(parameter.name, other)][rows.index[other][first]]
    return center
