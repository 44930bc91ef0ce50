"""Fits to some of a table's rows: the rows taken, and only the levels they have kept.

Many fits share one compiled model when their rows keep the levels of the full table. A level
without rows is then drawn from its prior or population. It is taken out of the draws again,
so that such a fit is what a fit to these rows alone would be, and a forecast of that level says that it is new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from bayes_scaling.errors import FitError
from bayes_scaling.fit.evaluate import take
from bayes_scaling.model import Rows
from bayes_scaling.model.discrepancy import Paths
from bayes_scaling.model.labels import labels, names_run, path_names
from bayes_scaling.model.spec import ModelSpec


def positions(chosen: Sequence[Any] | np.ndarray, rows: int) -> np.ndarray:
    """Return a row mask, or positions that may repeat (a bootstrap sample), as positions.

    Raises
    ------
    FitError
        A mask of another length, a position outside the table, or no row.
    """
    given = np.asarray(chosen)
    if given.dtype == bool and given.shape != (rows,):
        raise FitError(f"the row mask has shape {given.shape}; expected ({rows},), one truth value per used row.")
    found = np.flatnonzero(given) if given.dtype == bool else given
    if found.size == 0:
        raise FitError(f"none of {rows} rows is chosen; a fit needs at least one, better several scales.")
    if found.ndim != 1 or found.dtype.kind not in "iu" or found.min() < 0 or found.max() >= rows:
        raise FitError(f"chosen rows are not positions from 0 to {rows - 1}; give those, or a mask of {rows} truths.")
    return found.astype(np.int64)


def subset(rows: Rows, chosen: Sequence[Any] | np.ndarray | None) -> Rows:
    """Return some rows of an encoded table; groups and paths keep every level of the full table.

    Parameters
    ----------
    rows : Rows
    chosen : sequence, optional
        A mask, shape (row,), or positions, which may repeat; every row when left out.
    """
    if chosen is None:
        return rows
    where = positions(chosen, len(rows))
    part = take(rows, where)
    without = len(rows) - len(np.unique(where))
    left_out = {**rows.left_out, **({"not chosen for this fit": without} if without else {})}
    frame = part.frame.reset_index(drop=True)
    if "run" in frame.columns and any(_names_runs(rows, group) for group in rows.index):
        own = pd.Series([f"row {i}" for i in where])  # a nameless run is called by its row, which has moved
        frame["run"] = frame["run"].where(names_run(frame), own).astype("str")
    return replace(part, frame=frame, left_out=left_out)


def fitted_levels(spec: ModelSpec, rows: Rows, posterior: Any) -> tuple[Rows, Any]:
    """Return rows and posterior with only the levels and paths that have rows.

    Parameters
    ----------
    posterior : xarray.Dataset
        With group levels as dimensions.
    """
    coords, index, kept = dict(rows.coords), dict(rows.index), dict[str, np.ndarray]()
    for group, code in rows.index.items():
        kept[group], first, index[group] = np.unique(code, return_index=True, return_inverse=True)
        coords[group] = [coords[group][i] for i in kept[group]]
        if _names_runs(rows, group):  # nameless runs were named
            found = path_names(rows.frame, "run") if group == "path" else labels(rows.frame, group)
            coords[group] = [str(v) for v in found.iloc[first]]
    paths = None if rows.paths is None else _fitted_paths(rows.paths, coords["path"], kept)
    dims = {g: levels for g, levels in kept.items() if g in posterior.dims}
    posterior = posterior.isel(dims).assign_coords({g: coords[g] for g in dims})
    return replace(rows, coords=coords, index=index, paths=paths), posterior


def _names_runs(rows: Rows, group: str) -> bool:
    """Return whether the levels of a group, or the paths of a discrepancy, have the names of runs in them."""
    if group == "path":
        return rows.paths is not None and rows.paths.discrepancy.by == "run"
    return "run" in group.split(":")


def _fitted_paths(paths: Paths, names: list[str], kept: Mapping[str, np.ndarray]) -> Paths:
    """Return the paths that have rows; their groups are counted among the levels that have rows."""
    index = {}
    for group, codes in paths.index.items():
        own = codes[kept["path"]]
        if np.isin(own, kept[group]).all():  # else the group varies along the path and says nothing of it
            index[group] = np.searchsorted(kept[group], own)
    knots = None if paths.knots is None else paths.knots[kept["path"]]
    return replace(paths, levels=names, knots=knots, index=index)
