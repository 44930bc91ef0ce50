"""The numbers of a law under its priors, before any data: its outcome along each of its inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayes_scaling import laws
from bayes_scaling.data.columns import COLUMNS
from bayes_scaling.errors import BayesScalingError, ForecastError
from bayes_scaling.laws import Input, Law
from bayes_scaling.model import make_spec, simulate
from bayes_scaling.model.rows import read_inputs
from bayes_scaling.model.spec import ModelSpec

MOST_INPUTS = 6  # that one picture shows
LOG_FROM = 10.0  # a scale that spans such a factor is drawn on a log scale
MOST_BASES, PROBES = 6, 5  # places at which other inputs are held, points of each that are tried first
COUNTED = ("positive", "count", "integer")  # kinds of inputs that are scales


def law_curve_table(
    law: str | Law,
    *,
    constants: Sequence[str] | None = None,
    level: float = 0.9,
    points: int = 41,
    lines: int = 12,
    draws: int = 500,
    random_seed: int = 0,
) -> pd.DataFrame:
    """Return a law's outcome under its priors along each of its inputs, the others held.

    Inputs run over the values of the law's example; those that are held are at their reference scale, or at the first
    value of the example. Only values that the law accepts together are kept.

    Parameters
    ----------
    law : str or Law
    constants : sequence of str, optional
        Published constants to evaluate beside; the sets that state every parameter when left out.
    level : float
        Probability of the equal-tailed interval.
    points, lines, draws : int
        Values per input, single draws that are returned, prior draws.

    Returns
    -------
    DataFrame
        A row per input and value: ``input``, ``x``, ``median``, ``lower``, ``upper``, ``level``, ``interval``,
        ``held`` (the other inputs, in words), ``constants_NAME``, and ``draw_1``, ``draw_2``, ...

    Raises
    ------
    ForecastError
        No input can be changed alone; the message says why.
    """
    chosen = laws.get(law)
    spec = make_spec(chosen, noise={"run_effect": False})  # the law alone is drawn
    names = complete_constants(chosen) if constants is None else list(constants)
    values = simulate.prior_values(spec, {}, draws, np.random.default_rng(random_seed))
    parts, reasons = [], []
    for item in _changed(chosen):
        try:
            frame = _along(spec, item, points)
        except BayesScalingError as error:
            reasons.append(str(error))
            continue
        parts.append(_evaluated(spec, item, frame, values, names, level, lines))
    if not parts:
        why = reasons[0] if reasons else "it reads no number that could be changed."
        raise ForecastError(f"law {chosen.name} has no curve along one input alone: {why}")
    return pd.concat(parts, ignore_index=True)


def complete_constants(law: Law) -> list[str]:
    """Return the sets of published constants that state every parameter of a law."""
    found = []
    for name in law.published:
        try:
            sampled = law.constants(name)
        except KeyError:  # the paper states some of them
            continue
        if {p.name for p in law.parameters} <= set(sampled):
            found.append(name)
    return found


def _changed(law: Law) -> list[Input]:
    """Return the inputs to draw against: scales and what the law alone reads, not facts such as chance."""
    numbers = [i for i in law.inputs if i.column not in COLUMNS or COLUMNS[i.column].numeric]
    own = [i for i in numbers if i.name in law.reference or i.column not in COLUMNS]
    return (own or numbers)[:MOST_INPUTS]


def _along(spec: ModelSpec, item: Input, points: int) -> pd.DataFrame:
    """Return points along one input that the law accepts, the others held where most points are left.

    Raises
    ------
    BayesScalingError
        No two values of the input are accepted.
    """
    example = pd.DataFrame(spec.law.example())
    grid = _grid(item, example[item.column].to_numpy(dtype=float), points)
    found: pd.DataFrame = pd.DataFrame()
    why: BayesScalingError = ForecastError(f"{item.column} has one value.")
    for row in _bases(spec.law, example):
        frame = pd.DataFrame([dict(row)] * len(grid)).assign(**{item.column: grid})
        probe, error = _accepted(spec, frame.iloc[np.unique(np.linspace(0, len(grid) - 1, PROBES).astype(int))])
        if len(probe) < 2:
            why = error or why
            continue
        kept, error = _accepted(spec, frame)
        found, why = max(found, kept, key=len), error or why
        if len(found) >= len(grid) / 2:
            break
    if len(found) < 2:
        raise why
    return found.reset_index(drop=True)


def _grid(item: Input, values: np.ndarray, points: int) -> np.ndarray:
    """Return values of an input from the smallest to the largest of its example."""
    low, high = values.min(), values.max()
    spaced = np.geomspace if is_scale(item, low, high) else np.linspace
    grid = spaced(low, high, points)
    return np.unique(np.round(grid)) if item.kind == "integer" else np.unique(grid)


def is_scale(item: Input, low: float, high: float) -> bool:
    """Say whether an input is drawn on a log scale."""
    return item.kind in COUNTED and 0 < low * LOG_FROM <= high


def _bases(law: Law, example: pd.DataFrame) -> Iterator[Mapping[Any, Any]]:
    """Yield rows that the other inputs may be held at: the reference first, then rows of the example."""
    rows = example.to_dict("records")
    scales = {column: law.reference[name] for name, column in law.scales.items()}
    yield dict(rows[0]) | scales
    yield from rows[: MOST_BASES - 1]


def _accepted(spec: ModelSpec, frame: pd.DataFrame) -> tuple[pd.DataFrame, BayesScalingError | None]:
    """Return the points whose values the law accepts together, and why it refuses others."""
    try:
        read_inputs(spec, frame)
        return frame, None
    except BayesScalingError as error:
        why = error
    good = []
    for i in range(len(frame)):
        try:
            read_inputs(spec, frame.iloc[[i]].reset_index(drop=True))
            good.append(i)
        except BayesScalingError as error:
            why = error  # it lists one row instead of all
    return frame.iloc[good], why


def _evaluated(
    spec: ModelSpec, item: Input, frame: pd.DataFrame, values: simulate.Values, constants: Sequence[str],
    level: float, lines: int,
) -> pd.DataFrame:  # fmt: skip
    """Return the law's quantiles, published curves and some draws at points along one input."""
    inputs = read_inputs(spec, frame)
    with np.errstate(all="ignore"):  # far draws overflow; such points are left out
        drawn, _ = simulate.law_values(spec, inputs, values, {})
    finite = np.isfinite(drawn).all(axis=0)
    low, middle, high = np.quantile(drawn[:, finite], [(1 - level) / 2, 0.5, (1 + level) / 2], axis=0)
    columns: dict[str, Any] = {
        "input": item.name, "x": frame[item.column].to_numpy(dtype=float)[finite], "median": middle, "lower": low,
        "upper": high, "level": level, "interval": "eti", "held": _held(spec.law, item, frame),
    }  # fmt: skip
    needed = {i.name: inputs[i.name][finite] for i in spec.law.inputs}
    columns |= {f"constants_{name}": spec.law.at_constants(name, **needed) for name in constants}
    return pd.DataFrame(columns | {f"draw_{i + 1}": drawn[i, finite] for i in range(min(lines, len(drawn)))})


def _held(law: Law, item: Input, frame: pd.DataFrame) -> str:
    """Return what the other inputs are held at, in words."""
    first = frame.iloc[0]
    return ", ".join(
        f"{i.column} = {first[i.column]:.3g}"
        if isinstance(first[i.column], float)
        else f"{i.column} = {first[i.column]}"
        for i in law.inputs
        if i.name != item.name and i.column in frame.columns
    )
