"""Settling a discrepancy on a table: its scale, its paths, and where to switch it off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_scaling.errors import DataError, did_you_mean, listed
from bayes_scaling.model.discrepancy import Discrepancy, Paths, make_paths
from bayes_scaling.model.labels import ONE_PATH, has_repeats, path_names

if TYPE_CHECKING:
    from bayes_scaling.model.spec import ModelSpec

LEAST_SCALES = 4  # distinct scales on one path below which a departure cannot be told from noise
_OFF = Discrepancy()


def settle_discrepancy(spec: ModelSpec, frame: pd.DataFrame) -> tuple[ModelSpec, list[str]]:
    """Return the specification with the discrepancy's scale and paths named, and notices.

    Raises
    ------
    DataError
        The scale or the path column is missing.
    """
    asked = spec.noise.discrepancy
    if not asked:
        return spec, []
    own = [i.column for i in spec.law.inputs if i.reference is not None]
    over = asked.over or (own[0] if len(own) == 1 else "compute")
    by = asked.by or ("run" if has_repeats(frame) else "family" if "family" in spec.groups else "all")
    if by not in (*ONE_PATH, *frame.columns):
        raise DataError(
            f"noise.discrepancy has by = {by!r}, a column that the table lacks; it has {listed(frame.columns)}. Name "
            "one of these, or 'all' for one path." + did_you_mean(by, frame.columns)
        )
    settled = replace(asked, over=over, by=by)  # settled again it stays the same
    scales = _scale(frame, over)
    most = scales.groupby(path_names(frame, settled.by)).nunique().max()
    if most < LEAST_SCALES:
        where = "the table has not" if by in ONE_PATH else f"no {by} has"
        notice = (
            f"{where} {LEAST_SCALES} different values of {over} (at most {most}), so a departure from the law "
            "cannot be told from noise; the discrepancy is switched off."
        )
        return without_discrepancy(spec), [notice]
    return replace(spec, noise=replace(spec.noise, discrepancy=settled)), []


def _scale(frame: pd.DataFrame, over: str) -> pd.Series:
    """Return the scale of the discrepancy, checked."""
    if over not in frame.columns:
        raise DataError(
            f"the discrepancy varies over column {over!r}, which the table lacks; it has {listed(frame.columns)}. "
            "Give that column, or name another scale in noise.discrepancy." + did_you_mean(over, frame.columns)
        )
    scale = frame[over].astype(float)
    bad = np.flatnonzero(~(np.isfinite(scale) & (scale > 0)))
    if len(bad):
        raise DataError(f"column {over!r} of the discrepancy is missing or not positive in rows {listed(bad)}.")
    return scale


def without_discrepancy(spec: ModelSpec) -> ModelSpec:
    """Return the specification without discrepancy and without what was said about its parameters."""
    kept = {k: v for k, v in spec.priors.items() if not k.startswith("discrepancy_")}
    pooling = {k: v for k, v in spec.pooling.items() if not k.startswith("discrepancy_")}
    return replace(spec, noise=replace(spec.noise, discrepancy=_OFF), priors=kept, pooling=pooling)


def encode_paths(spec: ModelSpec, frame: pd.DataFrame, index: Mapping[str, np.ndarray]) -> Paths | None:
    """Return the paths of a settled specification on its rows, or None without a discrepancy.

    Raises
    ------
    DataError
        A group that moves the discrepancy's parameters varies along a path: what is said of the path between
        two rows would then depend on the rows that are asked about.
    """
    discrepancy = spec.noise.discrepancy
    if not discrepancy:
        return None
    names = path_names(frame, discrepancy.by)
    paths = make_paths(discrepancy, names, frame, sampled=spec.sampled_paths)
    code = paths.codes(frame)
    first = np.array([np.flatnonzero(code == p)[0] for p in range(len(paths.levels))])
    for parameter, group, _ in spec.all_effects():
        moved = parameter.name.startswith("discrepancy_")
        if moved and (index[group] != index[group][first][code]).any():
            raise DataError(
                f"{parameter.name} has effects of {group}, which varies along a path of the discrepancy "
                f"(by = {discrepancy.by or 'all'!r}); let effects of the discrepancy follow its paths."
            )
    return replace(paths, index={g: positions[first] for g, positions in index.items()})
