"""From a specification and rows to a PyMC model."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayes_scaling.laws.backend import link, pytensor_backend
from bayes_scaling.laws.base import Parameter
from bayes_scaling.model import noise
from bayes_scaling.model.effects import all_at_rows, law_mean
from bayes_scaling.model.priors import to_pymc
from bayes_scaling.model.rows import Rows, observed
from bayes_scaling.model.spec import ModelSpec, effect_name, sd_name

CENTRED_FROM = 4.0  # rows per level from which an effect may be sampled centred; same posterior either way


def build(spec: ModelSpec, rows: Rows) -> Any:
    """Return the PyMC model of a settled specification on encoded rows.

    Parameters
    ----------
    spec : ModelSpec
        As settled by :func:`bayes_scaling.model.encode`.
    rows : Rows

    Returns
    -------
    pymc.Model
        Data containers have dimension ``row``; effects are non-centred
        but for run effects and nested cells with many rows, whose prior the data outweigh.
    """
    import pymc as pm

    xp = pytensor_backend()
    coords: dict[str, Any] = {"row": np.arange(len(rows)), **rows.coords}
    with pm.Model(coords=coords) as model:
        inputs = {name: pm.Data(name, value, dims="row") for name, value in rows.inputs.items()}
        index = {g: pm.Data(f"{g}_index", code, dims="row") for g, code in rows.index.items()}
        values: dict[str, Any] = {}
        for parameter in spec.parameters():
            _declare(spec, parameter, rows, values)
        at_row = all_at_rows(xp, spec, values, index)
        mean = law_mean(xp, spec, inputs, at_row)
        data = observed(spec, rows)
        data["chance"] = inputs.get("chance", data["chance"])
        run_effect = _run_effect(spec, rows, index)
        center = noise.location(xp, spec.outcome, mean, run_effect, data["chance"])
        data["y"] = pm.Data("y", data["y"], dims="row")
        for name in {"n_items", "log_choose"} & set(data):
            data[name] = pm.Data(name, data[name], dims="row")
        noise.OBSERVATIONS[spec.noise.observation].observe(center, at_row, data)
    return model


def _declare(spec: ModelSpec, parameter: Parameter, rows: Rows, values: dict[str, Any]) -> None:
    """Add a parameter's base and its group effects to the model in context."""
    import pymc as pm

    effects = spec.effects(parameter)
    own = [g for g, kind in effects.items() if kind == "none"]
    values[parameter.name] = to_pymc(spec.prior(parameter), parameter.name, dims=own[0] if own else None)
    for group, kind in effects.items():
        if kind != "partial":
            continue
        sd = to_pymc(spec.sd_prior(parameter, group), sd_name(parameter.name, group))
        name = effect_name(parameter.name, group)
        if own and own[0] in group.split(":") and _many_rows(rows, group):
            effect = _nested(parameter, own[0], group, rows, values[parameter.name], sd)
        else:
            effect = sd * pm.Normal(f"{name}_z", 0, 1, dims=group)
        values[name] = pm.Deterministic(name, effect, dims=group)


def _many_rows(rows: Rows, group: str) -> bool:
    return len(rows) >= CENTRED_FROM * len(rows.coords[group])


def _nested(parameter: Parameter, own: str, group: str, rows: Rows, base: Any, sd: Any) -> Any:
    """Return effects of cells nested in a group with levels of its own, sampled as whole cells.

    The data pin down the cell (this benchmark under this protocol), not its two parts.
    """
    import pymc as pm

    part = group.split(":").index(own)
    parent = [rows.coords[own].index(cell.split("|")[part]) for cell in rows.coords[group]]
    center = link(pytensor_backend(), parameter.support, base)[parent]
    return pm.Normal(f"{effect_name(parameter.name, group)}_cell_z", center, sd, dims=group) - center


def _run_effect(spec: ModelSpec, rows: Rows, index: dict[str, Any]) -> Any:
    """Add the run effect: centred where runs have many rows, which then outweigh its prior."""
    import pymc as pm

    if not spec.noise.run_effect:
        return None
    sd = to_pymc(spec.run_sd_prior(), "run_sd")
    if _many_rows(rows, "run"):
        return pm.Normal("run_effect", 0, sd, dims="run")[index["run"]]
    z = pm.Normal("run_effect_z", 0, 1, dims="run")
    return pm.Deterministic("run_effect", sd * z, dims="run")[index["run"]]
