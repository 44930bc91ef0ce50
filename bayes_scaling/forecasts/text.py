"""Forecasts as text that fits into 80 columns; the full numbers are in their tables."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

WIDTH = 80
MOST = 20


def compact(points: pd.DataFrame, found: pd.DataFrame) -> str:
    """Return what is found at points: what all points share on a line of its own, the rest as a table.

    Parameters
    ----------
    points : DataFrame
        One row per point.
    found : DataFrame
        What is told of each point, in the same order.
    """
    shared = [c for c in points if points[c].nunique(dropna=False) == 1]
    at = ", ".join(f"{c} = {told(points[c].iloc[0])}" for c in shared)
    varying = points.drop(columns=shared).map(told).reset_index(drop=True)
    table = pd.concat([varying, found.map(told).reset_index(drop=True)], axis=1)
    lines = [textwrap.fill(f"at {at}", WIDTH)] if at else []
    lines.append(table.head(MOST).to_string(index=False, line_width=WIDTH))
    if len(table) > MOST:
        lines.append(f"... {len(table)} points in all, see .table")
    return "\n".join(lines)


def noted(text: str) -> str:
    """Return a remark as lines that fit into 80 columns; empty where there is none."""
    return textwrap.fill(f"note: {text}", WIDTH) if text else ""


def told(value: Any) -> str:
    """Return a cell of a table: numbers with four digits."""
    if isinstance(value, float | np.floating):
        return f"{value:.4g}"
    return str(value)


def intervals(table: pd.DataFrame, levels: Sequence[float], interval: str) -> dict[str, list[str]]:
    """Return the intervals of a tidy table by level, as ``lower to upper``."""
    texts = {}
    for level in levels:
        part = table[table["level"] == level]
        ends = zip(part["lower"], part["upper"], strict=True)
        texts[f"{100 * level:g} % {interval}"] = [f"{told(low)} to {told(high)}" for low, high in ends]
    return texts
