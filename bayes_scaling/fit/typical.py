"""Parameters of a typical member of the groups that are not told, and of one benchmark like another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bayes_scaling.errors import ForecastError
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.laws.base import Law, Parameter
from bayes_scaling.model.effects import at_rows
from bayes_scaling.model.spec import ModelSpec, effect_name

Values = Mapping[str, np.ndarray]
MEASURED = ("task", "protocol")  # groups of how a model is measured; all others are of the model itself


def of_skill(law: Law, k: int) -> tuple[Parameter, ...]:
    """Return the parameters that make a skill, without the loadings that measure it."""
    return tuple(p for p in law.parameters if p.name.endswith(f"_{k}") and not p.name.startswith("loading"))


def typical(
    spec: ModelSpec, parameters: Sequence[Parameter], values: Values, index: Mapping[str, np.ndarray], rows: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return values and index in which groups without a position have no effect.

    Raises
    ------
    ForecastError
        A parameter has levels of its own (pooling ``none``) by such a group: there is no typical level.
    """
    changed, place = dict(values), dict(index)
    count = next(iter(values.values())).shape[0]
    for parameter in parameters:
        for group, kind in spec.effects(parameter).items():
            if group in index:
                continue
            if kind == "none":
                raise ForecastError(
                    f"{parameter.name} has levels of its own by {group} (pooling none), so that there is no typical "
                    f"one; pool it partially over {group}."
                )
            changed[effect_name(parameter.name, group)] = np.zeros((count, 1))
            place[group] = np.zeros(rows, dtype=np.int64)
    return changed, place


def at_places(
    spec: ModelSpec, parameters: Sequence[Parameter], values: Values, index: Mapping[str, np.ndarray], rows: int
) -> dict[str, np.ndarray]:
    """Return parameters by name, shape (draw, row) or (draw, 1), other groups at no effect."""
    changed, place = typical(spec, parameters, values, index, rows)
    return {p.name: at_rows(numpy_backend(), spec, p, changed, place) for p in parameters}
