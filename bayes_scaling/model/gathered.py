r"""Rows that stand for several evaluations: the noise of their mean, and what their scatter says of it.

A loss that is the mean of n evaluations (column ``averaged``) has noise smaller by the root of n. Where they lie along
a stretch of the discrepancy's path (``averaged_span``, see :mod:`bayes_scaling.data.thinning`), departures are averaged
too. Two stretches covary as their middles do, but for the square of their length, because the mean distance of their
points is that of the middles; the variance of a mean is that at its middle less half the squared change over a third of
the span. So the chain at the middles stays as it is, and the noise of a row is smaller by that. The evaluations'
variance about a straight line (``averaged_scatter``) is that of the noise and of the departure within the stretch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling.data.thinning import line_distance
from bayes_scaling.errors import CardError, DataError
from bayes_scaling.laws.backend import Backend

if TYPE_CHECKING:
    from bayes_scaling.model.spec import ModelSpec

AVERAGED, SPAN, SCATTER = "averaged", "averaged_span", "averaged_scatter"
LEAST = 0.1  # of the noise of a mean that a departure leaves; nearer to it stretches are too long, and a fit says so


def read_averages(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return what a model reads of rows that are means, shape (row,): where unknown, one evaluation, scatter -1."""
    unknown = {AVERAGED: 1.0, SPAN: 0.0, SCATTER: -1.0}
    if AVERAGED not in frame.columns:
        return {}
    return {c: frame[c].fillna(v).to_numpy(dtype=float) for c, v in unknown.items() if c in frame.columns}


def check_gathered(spec: ModelSpec, frame: pd.DataFrame) -> None:
    """Raise where a settled specification has noise or paths for which gathered rows do not stand.

    Raises
    ------
    CardError
        Noise that is not normal, or a discrepancy whose paths are not runs.
    DataError
        A span or scatter without the number of evaluations.
    """
    told = [c for c in (SPAN, SCATTER) if c in frame.columns and bool((frame[c].fillna(0) > 0).any())]
    if spec.outcome != "loss" or not told:
        return
    if AVERAGED not in frame.columns:
        raise DataError(
            f"column {told[0]!r} is of rows that are means, but column {AVERAGED!r}, their number, is missing."
        )
    if spec.noise.observation != "normal":
        raise CardError(
            f"noise.observation = {spec.noise.observation!r}, but rows stand for several checkpoints, of which mean "
            'and scatter are kept: enough for normal noise alone. Say "normal", or fit the table that was not thinned.'
        )
    if spec.noise.discrepancy and spec.noise.discrepancy.by != "run":
        raise CardError(
            f"noise.discrepancy has by = {spec.noise.discrepancy.by!r}, but rows were gathered along runs; say by = "
            '"run", or fit the table that was not thinned.'
        )


def of_averages(xp: Backend, kind: str, at_row: dict[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters at rows with the noise of each row: that of one evaluation, over the root of their number.

    Exact for normal noise; for Student-t, whose mean is nearer to normal, right in its scale. What a departure
    along the row's stretch averages out is taken off.

    Parameters
    ----------
    kind : str
        Kind of the discrepancy.
    """
    if AVERAGED not in inputs or "sigma" not in at_row:
        return at_row
    variance = at_row["sigma"] ** 2 / inputs[AVERAGED]
    if SPAN in inputs and kind != "none":
        variance = variance * xp.maximum(1 - departure_share(kind, at_row, inputs), LEAST)
    return {**at_row, "sigma": xp.sqrt(variance)}


def departure_share(kind: str, at_row: Mapping[str, Any], inputs: Mapping[str, Any]) -> Any:
    """Return what a departure averages out along each row's stretch, of the noise of the mean, shape (..., row).

    Parameters
    ----------
    at_row : mapping
        Parameters with the noise of one evaluation.
    """
    return half_change(kind, inputs[SPAN] / 3, at_row) * inputs[AVERAGED] / at_row["sigma"] ** 2


def half_change(kind: str, distance: Any, at_row: Mapping[str, Any]) -> Any:
    """Return half the mean squared change of a departure over short distances in decades, shape (..., row)."""
    sd = at_row["discrepancy_sd"]
    if kind == "wiener":
        return sd**2 * distance / 2
    return sd**2 * distance / (at_row["discrepancy_length"] + distance)  # to first order, and never above the variance


def scatter_density(xp: Backend, kind: str, at_row: Mapping[str, Any], inputs: Mapping[str, Any]) -> Any:
    """Return the log density of each row's scatter but for a constant, shape (..., row); None where no row has one.

    With n evaluations, (n - 2) times the scatter over its expectation is chi-squared with n - 2 degrees of freedom.

    Parameters
    ----------
    at_row : mapping
        Parameters with the noise of one evaluation.
    """
    if SCATTER not in inputs:
        return None
    known, count = inputs[SCATTER] >= 0, xp.maximum(inputs[AVERAGED], 2.0)
    freedom = xp.where(known, count - 2, 0.0)
    variance = at_row["sigma"] ** 2
    if SPAN in inputs and kind != "none":
        variance = variance + half_change(kind, line_distance(count, inputs[SPAN]), at_row)
    return -freedom / 2 * (xp.log(variance) + xp.maximum(inputs[SCATTER], 0.0) / variance)


def average_notice(frame: pd.DataFrame) -> str:
    """Return a sentence about rows of losses that are means, or nothing."""
    several = int((frame[AVERAGED] > 1).sum()) if AVERAGED in frame.columns else 0
    if not several:
        return ""
    if SCATTER in frame.columns:
        whole = int(frame[AVERAGED].fillna(1).sum())
        return (
            f"{len(frame):,} rows stand for {whole:,} checkpoints: {several:,} are means of "
            "neighbours along a run, whose scatter is kept (thin). sigma is the noise of one checkpoint, and points "
            "to forecast are single ones."
        )
    return (
        f"{several} of {len(frame)} rows are means of several evaluations (column {AVERAGED}); sigma is the noise "
        "of one evaluation, and points to forecast are single ones where they say nothing else."
    )
