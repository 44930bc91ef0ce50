"""From a specification and rows to a PyMC model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayes_scaling.laws.backend import link, pytensor_backend
from bayes_scaling.laws.base import Parameter
from bayes_scaling.model import gathered, noise
from bayes_scaling.model.curves import Coordinates, curves, declare_curves
from bayes_scaling.model.discrepancy import along_lines, knot_factor, transitions
from bayes_scaling.model.effects import all_at_rows, law_mean, parameters_at_paths
from bayes_scaling.model.priors import to_pymc
from bayes_scaling.model.rows import Rows, observed
from bayes_scaling.model.spec import PARTIAL, TAIL, ModelSpec, effect_name, sd_name

CENTRED_FROM = 4.0  # rows per level from which an effect may be sampled centred; same posterior either way


def build(spec: ModelSpec, rows: Rows, *, coordinates: Mapping[str, Coordinates] | None = None) -> Any:
    """Return the PyMC model of a settled specification on encoded rows.

    Parameters
    ----------
    spec : ModelSpec
        As settled by :func:`bayes_scaling.model.encode`.
    rows : Rows
    coordinates : mapping, optional
        Coordinates in which curves are sampled, by group; the posterior is the same without.

    Returns
    -------
    pymc.Model
        Data containers have dimension ``row``; effects are non-centred
        but for run effects, nested cells and curves with many rows, whose prior the data outweigh.
    """
    import pymc as pm

    xp = pytensor_backend()
    coords: dict[str, Any] = {"row": np.arange(len(rows)), **rows.coords}
    if rows.paths is not None and rows.paths.knots is not None:
        coords["knot"] = np.arange(rows.paths.knots.shape[1])
    with pm.Model(coords=coords) as model:
        inputs = {name: pm.Data(name, value, dims="row") for name, value in rows.inputs.items()}
        index = {g: pm.Data(f"{g}_index", code, dims="row") for g, code in rows.index.items() if g != "path"}
        values: dict[str, Any] = {}
        sds: dict[str, Any] = {}
        later = {effect_name(p.name, g) for g, parameters in curves(spec, rows).items() for p in parameters}
        for parameter in spec.parameters():
            _declare(spec, parameter, rows, values, sds, later)
        declare_curves(spec, rows, values, sds, coordinates or {})
        kind, of_one = spec.noise.discrepancy.kind, all_at_rows(xp, spec, values, index)
        at_row = gathered.of_averages(xp, kind, of_one, inputs)
        scatter = gathered.scatter_density(xp, kind, of_one, inputs)
        if scatter is not None:
            pm.Potential("scatter", scatter.sum())
        mean = law_mean(xp, spec, inputs, at_row)
        data = observed(spec, rows)
        data["chance"] = inputs.get("chance", data["chance"])
        steps = {name: pm.Data(name, value, dims="row") for name, value in rows.path_data().items()}
        shift = noise.both_shifts(_run_effect(spec, rows, index), _sampled_discrepancy(spec, rows, values, steps))
        center = noise.location(xp, spec.outcome, mean, shift, data["chance"])
        data["y"] = pm.Data("y", data["y"], dims="row")
        for name in {"n_items", "log_choose", "inverse_items"} & set(data):
            data[name] = pm.Data(name, data[name], dims="row")
        if spec.marginal:
            _observe_along_paths(spec, center, at_row, data, steps)
        else:
            noise.OBSERVATIONS[spec.noise.observation].observe(center, at_row, data)
    return model


def _sampled_discrepancy(spec: ModelSpec, rows: Rows, values: dict[str, Any], steps: dict[str, Any]) -> Any:
    """Add the discrepancy at the knots of each path; return it at the rows, or None."""
    import pymc as pm

    if not spec.sampled_paths or rows.paths is None or rows.paths.knots is None:
        return None
    xp, paths, knots = pytensor_backend(), rows.paths, rows.paths.knots
    at_path = parameters_at_paths(xp, spec, values, paths)
    factor = knot_factor(
        xp, spec.noise.discrepancy.kind, knots, paths.knot_gap(), at_path["discrepancy_sd"][:, None],
        at_path["discrepancy_length"][:, None],
    )  # fmt: skip
    z = pm.Normal("discrepancy_z", 0, 1, shape=knots.shape)
    at_knots = (factor * z[:, None, :]).sum(axis=-1)
    at_knots = pm.Deterministic("discrepancy", at_knots, dims=("path", "knot"))
    path, low, share = (steps[n] for n in ("path_index", "path_knot", "path_share"))
    return along_lines(lambda knot: at_knots[path, knot], low, share)


def _observe_along_paths(
    spec: ModelSpec, center: Any, at_row: dict[str, Any], data: dict[str, Any], steps: dict[str, Any]
) -> None:
    """Add the likelihood with the discrepancy integrated out."""
    import pymc as pm
    import pytensor.tensor as pt

    from bayes_scaling.model.markov_op import markov_density

    order = steps["path_order"]

    def along(name: str) -> Any:
        return (at_row[name] + pt.zeros_like(center))[order] if name in at_row else None

    decay, innovation = transitions(
        pytensor_backend(), spec.noise.discrepancy.kind, steps["path_gap"], steps["path_start"],
        along("discrepancy_sd"), along("discrepancy_length"),
    )  # fmt: skip
    residual = (data["y"] - pt.log(center))[order]
    pm.Potential("log_loss", markov_density(residual, decay, innovation, along("sigma") ** 2)[0])


def _declare(
    spec: ModelSpec, parameter: Parameter, rows: Rows, values: dict[str, Any], sds: dict[str, Any], later: set[str]
) -> None:
    """Add a parameter's base and its group effects, but for those of curves, to the model in context."""
    import pymc as pm

    effects = spec.effects(parameter)
    own = [g for g, kind in effects.items() if kind == "none"]
    values[parameter.name] = to_pymc(spec.prior(parameter), parameter.name, dims=own[0] if own else None)
    for group, kind in effects.items():
        if kind not in PARTIAL:
            continue
        name, scale = effect_name(parameter.name, group), sd_name(parameter.name, group)
        sds[scale] = sd = to_pymc(spec.sd_prior(parameter, group), scale)
        if name in later:
            continue
        if own and own[0] in group.split(":") and _many_rows(rows, group):
            effect = _nested(parameter, own[0], group, rows, values[parameter.name], sd, kind)
        else:
            effect = sd * _population(f"{name}_z", kind, 0, 1, group)
        values[name] = pm.Deterministic(name, effect, dims=group)


def _population(name: str, kind: str, center: Any, scale: Any, group: str) -> Any:
    """Add the levels of one group, members of a normal population or of one with outliers."""
    import pymc as pm

    if kind == "student_t":
        return pm.StudentT(name, nu=TAIL, mu=center, sigma=scale, dims=group)
    return pm.Normal(name, center, scale, dims=group)


def _many_rows(rows: Rows, group: str) -> bool:
    return len(rows) >= CENTRED_FROM * len(rows.coords[group])


def _nested(parameter: Parameter, own: str, group: str, rows: Rows, base: Any, sd: Any, kind: str) -> Any:
    """Return effects of cells nested in a group with levels of its own, sampled as whole cells.

    The data pin down the cell (this benchmark under this protocol), not its two parts.
    """
    parent = np.zeros(len(rows.coords[group]), dtype=np.int64)  # that of a cell without rows is of no consequence
    parent[rows.index[group]] = rows.index[own]
    center = link(pytensor_backend(), parameter.support, base)[parent]
    return _population(f"{effect_name(parameter.name, group)}_cell_z", kind, center, sd, group) - center


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
