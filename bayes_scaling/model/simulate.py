"""The same model in NumPy: prior draws, law, noise and density on draws.

``values`` maps posterior names to arrays with the draw first and levels last, for example
``alpha`` (draw,), ``E_family_effect`` (draw, family). Nothing here touches a PyMC model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.laws.base import Parameter
from bayes_scaling.model import gathered, noise
from bayes_scaling.model.effects import all_at_rows, law_mean, unit_effects
from bayes_scaling.model.priors import draw
from bayes_scaling.model.spec import PARTIAL, ModelSpec, effect_name, sd_name

Values = dict[str, np.ndarray]


def prior_values(spec: ModelSpec, levels: Mapping[str, int], draws: int, rng: np.random.Generator) -> Values:
    """Return draws of every variable from the prior.

    Parameters
    ----------
    levels : mapping
        Number of levels by group, and of runs under ``run`` when there is a run effect.
    """
    values: Values = {}
    for parameter in spec.parameters():
        effects = spec.effects(parameter)
        own = [g for g, kind in effects.items() if kind == "none"]
        size = (draws, levels[own[0]]) if own else (draws,)
        values[parameter.name] = draw(spec.prior(parameter), rng, size)
        for group, kind in effects.items():
            if kind in PARTIAL:
                sd = draw(spec.sd_prior(parameter, group), rng, draws)
                values[sd_name(parameter.name, group)] = sd
                z = unit_effects(kind, rng, (draws, levels[group]))
                values[effect_name(parameter.name, group)] = sd[:, None] * z
    if spec.noise.run_effect:
        values["run_sd"] = draw(spec.run_sd_prior(), rng, draws)
        values["run_effect"] = values["run_sd"][:, None] * rng.standard_normal((draws, levels["run"]))
    return values


def with_new_levels(
    spec: ModelSpec, values: Mapping[str, np.ndarray], new: Mapping[str, int], rng: np.random.Generator
) -> Values:
    """Return values with levels appended that are drawn from the population.

    One draw per level and posterior draw, so two rows of one new family share it.
    """
    extended = dict(values)
    draws = next(iter(values.values())).shape[0]
    for parameter, group, kind in spec.all_effects():
        count = new.get(group, 0)
        if not count:
            continue
        if kind == "none":
            fresh = draw(spec.prior(parameter), rng, (draws, count))
            name = parameter.name
        else:
            name = effect_name(parameter.name, group)
            fresh = values[sd_name(parameter.name, group)][:, None] * unit_effects(kind, rng, (draws, count))
        extended[name] = np.concatenate([extended[name], fresh], axis=-1)
    return extended


def parameter_at(
    spec: ModelSpec, parameter: Parameter, values: Mapping[str, np.ndarray], index: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Return one parameter's value at rows, shape (draw, row) or (draw, 1)."""
    from bayes_scaling.model.effects import at_rows

    return at_rows(numpy_backend(), spec, parameter, values, index)


def law_values(
    spec: ModelSpec,
    inputs: Mapping[str, np.ndarray],
    values: Mapping[str, np.ndarray],
    index: Mapping[str, np.ndarray],
) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the law at rows, shape (draw, row), and every parameter at rows."""
    xp = numpy_backend()
    at_row = gathered.of_averages(xp, spec.noise.discrepancy.kind, all_at_rows(xp, spec, values, index), inputs)
    rows = next(iter(inputs.values())).shape[-1]
    draws = next(iter(values.values())).shape[0]
    mean = np.broadcast_to(law_mean(xp, spec, inputs, at_row), (draws, rows))
    return mean, at_row


def center(spec: ModelSpec, mean: np.ndarray, shift: Any, chance: Any) -> np.ndarray:
    """Return the law moved by run effect and discrepancy on the modelled scale, shape (draw, row)."""
    return noise.location(numpy_backend(), spec.outcome, mean, shift, chance)


def response(
    spec: ModelSpec,
    rng: np.random.Generator,
    centered: np.ndarray,
    at_row: Mapping[str, Any],
    data: Mapping[str, Any],
) -> np.ndarray:
    """Return simulated observations, shape (draw, row)."""
    kind = noise.OBSERVATIONS[spec.noise.observation]
    return kind.simulate(rng, centered, dict(at_row), dict(data))


def log_density(
    spec: ModelSpec,
    y: np.ndarray,
    centered: np.ndarray,
    at_row: Mapping[str, Any],
    data: Mapping[str, Any],
) -> np.ndarray:
    """Return the log density of the outcome itself at rows, shape (draw, row)."""
    kind = noise.OBSERVATIONS[spec.noise.observation]
    return kind.log_density(y, centered, dict(at_row), dict(data))
