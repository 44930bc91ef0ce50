"""Benchmarks as typed facts with their source: chance level, number of items, metric."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bayes_scaling.errors import DataError, did_you_mean, listed

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Benchmark:
    """One benchmark.

    Parameters
    ----------
    name : str
        Value of the column ``task``.
    title : str
        Full name.
    chance : float or None
        Accuracy of guessing, as a fraction; None where it is not known.
    n_items : int or None
        Number of items of the usual split; None where it is not certain.
    metric : str
        What the score measures.
    citation : str
        Source of the figures.
    note : str
        Split, checks made, traps.
    """

    name: str
    title: str
    chance: float | None
    n_items: int | None
    metric: str
    citation: str
    note: str


def _read(path: Path) -> dict[str, Benchmark]:
    return {
        name: Benchmark(
            name=name,
            title=entry["title"],
            chance=entry.get("chance"),
            n_items=entry.get("n_items"),
            metric=entry["metric"],
            citation=entry["citation"],
            note=entry["note"],
        )
        for name, entry in tomllib.loads(path.read_text(encoding="utf-8")).items()
    }


BENCHMARKS: dict[str, Benchmark] = _read(Path(__file__).with_name("benchmarks.toml"))
"""All benchmarks by name."""


def benchmark(name: str) -> Benchmark:
    """Return the facts of one benchmark.

    Parameters
    ----------
    name : str
        Name as in the column ``task``, such as ``"mmlu"``.

    Returns
    -------
    Benchmark
        Its facts.

    Raises
    ------
    DataError
        If the benchmark is not in the registry.
    """
    if name not in BENCHMARKS:
        raise DataError(
            f"Benchmark {name!r} is not in the registry.{did_you_mean(name, BENCHMARKS)} "
            f"Known: {listed(BENCHMARKS, 30)}. For another one, give 'chance' and 'n_items' as columns."
        )
    return BENCHMARKS[name]


def facts_of(task: str) -> dict[str, float]:
    """Return chance and number of items of a benchmark as columns of a table.

    Parameters
    ----------
    task : str
        Name in the registry, or another, of which nothing is known.

    Returns
    -------
    dict of str to float
        ``chance`` and ``n_items``, NaN where they are not known.
    """
    entry = BENCHMARKS.get(task)
    known = {} if entry is None else {"chance": entry.chance, "n_items": entry.n_items}
    values = {name: known.get(name) for name in ("chance", "n_items")}
    return {name: math.nan if value is None else float(value) for name, value in values.items()}


def facts_by_row(tasks: pd.Series, fact: str) -> pd.Series:
    """Return one fact of the benchmark of each row.

    Parameters
    ----------
    tasks : pandas.Series, shape (row,)
        Names of benchmarks.
    fact : str
        ``chance`` or ``n_items``.

    Returns
    -------
    pandas.Series, shape (row,)
        float64, NaN where it is not known.
    """
    return tasks.map({task: facts_of(str(task))[fact] for task in tasks.dropna().unique()}).astype("float64")


def other_spellings(names: Iterable[object]) -> dict[str, str]:
    """Return the names that the registry has in another spelling: other case, blanks or hyphens.

    Parameters
    ----------
    names : iterable of str
        Names of benchmarks, or of columns.

    Returns
    -------
    dict of str to str
        The registry's name -> what was found; the first where two are the same benchmark.
    """
    plain = {_plain(name): name for name in BENCHMARKS}
    found: dict[str, str] = {}
    for name in map(str, names):
        if _plain(name) in plain and name not in BENCHMARKS:
            found.setdefault(plain[_plain(name)], name)
    return found


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c not in "_- ")
