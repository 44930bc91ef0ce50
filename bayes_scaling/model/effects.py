"""How a parameter gets its value at a row: base + group effects on the unconstrained scale.

Used twice, with PyTensor to build the model and with NumPy on draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayes_scaling.laws.backend import Backend, link, unlink
from bayes_scaling.laws.base import Parameter
from bayes_scaling.model.discrepancy import Paths
from bayes_scaling.model.spec import PARTIAL, TAIL, ModelSpec, effect_name


def unit_effects(kind: str, rng: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
    """Return draws of effects in units of their scale."""
    return rng.standard_t(TAIL, size) if kind == "student_t" else rng.standard_normal(size)


def unit_sd(kind: str) -> float:
    """Return the standard deviation of effects in units of their scale."""
    return float(np.sqrt(TAIL / (TAIL - 2))) if kind == "student_t" else 1.0


def at_rows(
    xp: Backend, spec: ModelSpec, parameter: Parameter, values: Mapping[str, Any], index: Mapping[str, Any]
) -> Any:
    """Return a parameter's value at each row, shape (..., row) or (..., 1).

    Parameters
    ----------
    values : mapping
        Variables by posterior name; levels are the last axis, draws before it.
    index : mapping
        Position of each row's level, by group, shape (row,).
    """
    base = values[parameter.name]
    effects = spec.effects(parameter)
    own = [g for g, kind in effects.items() if kind == "none"]
    base = base[..., index[own[0]]] if own else base[..., None]
    partial = [g for g, kind in effects.items() if kind in PARTIAL]
    if not partial:
        return base
    moved = link(xp, parameter.support, base)
    for group in partial:
        moved = moved + values[effect_name(parameter.name, group)][..., index[group]]
    return unlink(xp, parameter.support, moved)


def all_at_rows(xp: Backend, spec: ModelSpec, values: Mapping[str, Any], index: Mapping[str, Any]) -> dict[str, Any]:
    """Return every parameter of law and noise at each row."""
    return {p.name: at_rows(xp, spec, p, values, index) for p in spec.parameters()}


def law_mean(xp: Backend, spec: ModelSpec, inputs: Mapping[str, Any], at_row: Mapping[str, Any]) -> Any:
    """Return the law's value at each row from parameters at rows."""
    read = {i.name: inputs[i.name] for i in spec.law.inputs}
    return spec.law.mean(xp, **read, **{p.name: at_row[p.name] for p in spec.law.parameters})


def parameters_at_paths(xp: Backend, spec: ModelSpec, values: Mapping[str, Any], paths: Paths) -> dict[str, Any]:
    """Return the discrepancy's parameters on each path, shape (..., path); a length of one where there is none."""
    found = {
        p.name: at_rows(xp, spec, p, values, paths.index) + np.zeros(len(paths.levels))
        for p in spec.parameters()
        if p.name.startswith("discrepancy_")
    }
    return {"discrepancy_length": np.ones(len(paths.levels)), **found}
