"""A Fit as one netCDF file: written to a temporary file and moved into place."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling import laws
from bayes_scaling.data import data_hash
from bayes_scaling.errors import BayesScalingError, FitError, listed
from bayes_scaling.fit.chain import ChainFit
from bayes_scaling.fit.result import Fit
from bayes_scaling.model.rows import locate
from bayes_scaling.model.spec import ModelSpec, effect_name, spec_from_dict

if TYPE_CHECKING:
    import xarray as xr

FORMAT = "bayes-scaling fit"
CHAIN = "bayes-scaling chain"
FORMAT_VERSION = 2


def save(fit: Fit | ChainFit, path: str | Path) -> Path:
    """Write a fit, or a chain of two, to one netCDF file.

    The file appears only when it is complete; an interrupted save leaves nothing behind.

    Returns
    -------
    Path
        Where it was written (``.nc`` is appended where the name has no suffix).
    """
    target = Path(path)
    target = target if target.suffix else target.with_suffix(".nc")
    target.parent.mkdir(parents=True, exist_ok=True)
    for stage in fit.stages.values():
        _check_law_known(stage)
    tree = _to_tree(fit) if isinstance(fit, Fit) else _chain_to_tree(fit)
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    os.close(handle)
    try:
        tree.to_netcdf(temporary, engine="netcdf4")
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return target


def _check_law_known(fit: Fit) -> None:
    """Refuse to save a law that loading would not find, or would take for another one."""
    name = fit.spec.law.name
    if name not in laws.available() or type(laws.get(name)) is not type(fit.spec.law):
        raise FitError(f"law {name!r} is not the registered law of that name; call bs.register_law on its class first.")


def load(path: str | Path) -> Fit | ChainFit:
    """Read a fit, or a chain of two, that :func:`save` wrote.

    Raises
    ------
    FitError
        No such file, not a netCDF file, not a fit of this package, a newer format, or rows
        that do not match their hash.
    """
    import xarray as xr

    source = Path(path)
    if not source.is_file():
        raise FitError(f"no saved fit at {source}; expected a netCDF file written by fit.save(path).")
    try:
        with xr.open_datatree(source, engine="netcdf4") as opened:
            tree = opened.load()
    except (OSError, ValueError, RuntimeError) as error:
        raise FitError(
            f"{source} cannot be read as netCDF ({type(error).__name__}: {error}); the file is damaged or not a "
            "saved fit. Fit again and save."
        ) from error
    return _chain_from_tree(tree, source) if tree.attrs.get("format") == CHAIN else _from_tree(tree, source)


def _chain_to_tree(fit: ChainFit) -> xr.DataTree:
    import xarray as xr

    tree = xr.DataTree(children={name: _to_tree(stage) for name, stage in fit.stages.items()})
    tree.attrs = {"format": CHAIN, "format_version": str(FORMAT_VERSION), "meta": json.dumps(dict(fit.meta))}
    return tree


def _chain_from_tree(tree: xr.DataTree, source: Path) -> ChainFit:
    try:
        stages: dict[str, Any] = {name: tree[name] for name in ("loss", "accuracy")}
        meta = json.loads(tree.attrs["meta"])
    except (KeyError, json.JSONDecodeError) as error:
        raise FitError(f"{source} lacks part of a saved chain ({error}); it is damaged. Fit again and save.") from error
    fits = {name: _from_tree(stage, source) for name, stage in stages.items()}
    return ChainFit(**fits, meta=meta)


def _to_tree(fit: Fit) -> xr.DataTree:
    import xarray as xr

    runs, dtypes = _frame_to_dataset(fit.frame)
    tree = xr.DataTree.from_dict(
        {
            "posterior": fit.idata["posterior"].to_dataset(),
            "sample_stats": fit.idata["sample_stats"].to_dataset(),
            "runs": runs,
        }
    )
    for node in tree.subtree:  # nutpie's attributes may hold None or lists, which netCDF rejects
        node.attrs = {k: v if isinstance(v, str) else json.dumps(v) for k, v in node.attrs.items()}
    tree.attrs = {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "spec": json.dumps(fit.spec.as_dict()),
        "meta": json.dumps(dict(fit.meta)),
        "column_types": json.dumps(dtypes),
        "draws_hash": _draws_hash(tree["posterior"].to_dataset()),
    }
    return tree


def _from_tree(tree: xr.DataTree, source: Path) -> Fit:
    import xarray as xr

    if tree.attrs.get("format") != FORMAT:
        raise FitError(f"{source} is a netCDF file but not a fit of this package; expected one written by fit.save.")
    if int(tree.attrs.get("format_version", 0)) > FORMAT_VERSION:
        raise FitError(
            f"{source} has fit format {tree.attrs['format_version']}, this version reads up to {FORMAT_VERSION}; "
            "update bayes-scaling."
        )
    if int(tree.attrs.get("format_version", 0)) < FORMAT_VERSION:
        raise FitError(f"{source} was written by an earlier version of this package. Fit again and save.")
    try:
        spec = spec_from_dict(json.loads(tree.attrs["spec"]))
        meta = json.loads(tree.attrs["meta"])
        frame = _dataset_to_frame(tree["runs"].to_dataset(), json.loads(tree.attrs["column_types"]))
        groups = {name: tree[name].to_dataset() for name in ("posterior", "sample_stats")}
    except (KeyError, json.JSONDecodeError) as error:
        raise FitError(f"{source} lacks part of a saved fit ({error}); it is damaged. Fit again and save.") from error
    except BayesScalingError as error:
        raise FitError(f"{source} holds a model this version cannot build: {error}") from error
    if _draws_hash(groups["posterior"]) != tree.attrs.get("draws_hash"):
        raise FitError(f"{source}: its draws do not match their hash; the file is damaged. Fit again and save.")
    if data_hash(frame) != meta["data_hash"]:
        raise FitError(f"{source}: its rows do not match their hash; the file was changed. Fit again and save.")
    _check_levels(spec, meta, frame, source)
    _check_parameters(spec, groups["posterior"], source)
    return Fit(xr.DataTree.from_dict(groups), spec, frame, meta)


def _check_levels(spec: ModelSpec, meta: dict[str, Any], frame: pd.DataFrame, source: Path) -> None:
    """Refuse a fit whose levels are named otherwise than its rows: every forecast would be one of new levels."""
    for group, names in locate(spec, meta["coords"], frame)[1].items():
        raise FitError(
            f"{source} names its {group} {listed(meta['coords'][group], 3)}, where this version expects "
            f"{listed(names, 3)}: it was written by an earlier version of this package. Fit again and save."
        )


def _check_parameters(spec: ModelSpec, posterior: xr.Dataset, source: Path) -> None:
    """Refuse a fit that lacks parameters or effects which the law has by now."""
    wanted = [p.name for p in spec.parameters()] + [
        effect_name(p.name, g) for p, g, k in spec.all_effects() if k != "none"
    ]
    if missing := [name for name in wanted if name not in posterior]:
        raise FitError(
            f"{source} has no draws of {listed(missing, 3)}, which law {spec.law.name} has in this version: it was "
            "written by an earlier version of this package. Fit again and save."
        )


def _draws_hash(posterior: xr.Dataset) -> str:
    digest = hashlib.sha256()
    for name in sorted(map(str, posterior.data_vars)):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(posterior[name].to_numpy(), dtype="<f8").tobytes())
    return digest.hexdigest()


def _frame_to_dataset(frame: pd.DataFrame) -> tuple[xr.Dataset, dict[str, str]]:
    """Return the rows as a dataset, and what each column was (text, number or truth)."""
    import xarray as xr

    variables: dict[str, Any] = {}
    kinds: dict[str, str] = {}
    for name in map(str, frame.columns):
        column = frame[name]
        if pd.api.types.is_bool_dtype(column):
            kinds[name], variables[name] = "truth", ("row", column.to_numpy(dtype=float))
        elif pd.api.types.is_numeric_dtype(column):
            kinds[name], variables[name] = "number", ("row", column.to_numpy(dtype=float))
        else:
            text = column.astype(object).where(column.notna(), "").astype(str).to_numpy(dtype=object)
            kinds[name], variables[name] = "text", ("row", text)
    data = xr.Dataset({f"column_{i}": v for i, v in enumerate(variables.values())})
    return data, kinds


def _dataset_to_frame(data: xr.Dataset, kinds: dict[str, str]) -> pd.DataFrame:
    columns: dict[str, Any] = {}
    for i, (name, kind) in enumerate(kinds.items()):
        values = data[f"column_{i}"].to_numpy()
        if kind == "truth":
            columns[name] = values.astype(bool)
        elif kind == "number":
            columns[name] = values.astype(np.float64)
        else:
            columns[name] = pd.Series([str(v) for v in values], dtype="str")
    return pd.DataFrame(columns)
