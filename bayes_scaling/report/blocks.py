"""The pieces a report is put together from, as plain data; the template draws them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from bayes_scaling.report import words


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: str = "text"


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: Sequence[str]
    kind: str = "bullets"


@dataclass(frozen=True)
class Table:
    """A table that scrolls in its own box; the first column is the row's head. A cell is text, or a formula."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""
    marked: frozenset[int] = frozenset()  # rows to set in bold
    kind: str = "table"


@dataclass(frozen=True)
class Figure:
    """A picture with its text for those who do not see it."""

    source: str
    alt: str
    caption: str
    kind: str = "figure"


@dataclass(frozen=True)
class Formula:
    """A formula as inline SVG, with its LaTeX as text."""

    svg: str
    latex: str
    kind: str = "formula"


@dataclass(frozen=True)
class Code:
    """Text shown as it is."""

    caption: str
    text: str
    kind: str = "code"


@dataclass(frozen=True)
class Folded:
    """Blocks that are shown when their caption is opened."""

    caption: str
    blocks: Sequence[Any]
    kind: str = "folded"


@dataclass(frozen=True)
class Section:
    """A part of a study under one heading."""

    title: str
    blocks: list[Any] = field(default_factory=list)


def table(
    frame: pd.DataFrame,
    caption: str,
    *,
    columns: Mapping[str, str] | None = None,
    formats: Mapping[str, Callable[[Any], str]] | None = None,
    most: int = 60,
    marked: Any = (),
    note: str = "",
) -> Table:
    """Return a table of a frame's columns under the given heads; a long one is cut and says so.

    Parameters
    ----------
    columns : dict of str to str, optional
        Column -> head, in order; every column by default.
    formats : dict of str to callable, optional
        How a column's values are written; by its name otherwise.
    most : int
        Most rows shown.
    marked : iterable of bool, optional
        Rows to set in bold.
    """
    heads = {k: v for k, v in (columns or {str(c): str(c) for c in frame.columns}).items() if k in frame.columns}
    how = formats or {}
    rows = []
    for values in frame[list(heads)].head(most).itertuples(index=False):
        pairs = zip(heads, values, strict=True)
        rows.append([how[c](v) if c in how else words.cell(v, c) for c, v in pairs])
    if len(frame) > most:
        note = f"{note} The first {most} of {len(frame)} rows are shown.".strip()
    chosen = frozenset(i for i, m in enumerate(marked) if m)
    return Table(caption, list(heads.values()), rows, note, chosen)
