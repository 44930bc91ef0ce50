"""The numbers behind the plots that no other room gives as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling.check import Predictive
from bayes_scaling.errors import ForecastError, did_you_mean, listed
from bayes_scaling.forecasts import forecast
from bayes_scaling.forecasts.points import PATH, along_path
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.model import simulate
from bayes_scaling.model.rows import group_columns, read_inputs
from bayes_scaling.plan import Allocation
from bayes_scaling.plan.tables import INTERVAL, ends
from bayes_scaling.plots.law_tables import law_curve_table as law_curve_table

if TYPE_CHECKING:
    from bayes_scaling.fit import Fit

CURVES = 6  # more lines in one picture cannot be told apart
AROUND, GRID = 30.0, 81  # how far to each side of its optimum a line of equal compute goes, and at how many sizes


def lone_scale(fit: Fit) -> str | None:
    """Return the column that a law of one scale reads, None where it reads params and tokens."""
    scales = list(fit.spec.law.scales.values())
    return scales[0] if len(scales) == 1 else None


def curve_scale(fit: Fit, x: str | None = None) -> str:
    """Return the column that a law is drawn against: the one asked for, or the usual one.

    Raises
    ------
    ForecastError
        The law cannot be drawn against that column.
    """
    lone = lone_scale(fit)
    have = [s for s in ("compute", "params", "tokens") if s in fit.frame.columns]
    if lone and x not in (lone, None) and x in have:
        raise ForecastError(f"law {fit.spec.law.name} reads {lone} alone; draw it against x={lone!r}.")
    have = [lone] if lone else have
    if x not in (*have, None):
        raise ForecastError(f"x = {x!r}; expected one of {listed(have)}." + did_you_mean(str(x), have))
    return x or have[0]


def usual_ratio(fit: Fit) -> float:
    """Return the median tokens per parameter of the fitted runs, to two digits."""
    ratio = float(np.median(fit.frame["tokens"] / fit.frame["params"]))
    return float(f"{ratio:.2g}")


def used_groups(fit: Fit) -> list[str]:
    """Return the columns whose levels have effects in this fit."""
    used = {part for _, g, _ in fit.spec.all_effects() for part in g.split(":")}
    return [g for g in group_columns(fit.spec) if g in used]


def level_columns(fit: Fit) -> list[str]:
    """Return the columns that name a level of every group that a point must name: a run is known within its family."""
    groups = [g for g in used_groups(fit) if g not in fit.spec.law.new_where_unnamed]
    return groups + [c for c in ("family",) if "run" in groups and c in fit.frame.columns and c not in groups]


def default_levels(fit: Fit, *, count: int = 3) -> pd.DataFrame:
    """Return the levels to draw: the most common task and protocol, then the largest families.

    Returns
    -------
    DataFrame
        One row per curve; no columns where no group has effects.
    """
    groups = level_columns(fit)
    if not groups:
        return pd.DataFrame(index=[0])
    first, rest = groups[0], groups[1:]
    chosen = fit.frame
    if rest:
        common = chosen.groupby(rest).size().idxmax()
        wanted = common if isinstance(common, tuple) else (common,)
        for column, level in zip(rest, wanted, strict=True):
            chosen = chosen[chosen[column] == level]
    sizes = chosen.groupby(first).size().sort_values(ascending=False, kind="stable")
    rows = chosen.drop_duplicates(subset=[first]).set_index(first).loc[sizes.index[:count]].reset_index()
    return rows[groups].reset_index(drop=True)


def curve_levels(fit: Fit, groups: Mapping[str, Any] | pd.DataFrame | None) -> pd.DataFrame:
    """Return the levels that a caller named, or the default ones.

    Raises
    ------
    ForecastError
        More curves than can be told apart.
    """
    from bayes_scaling.forecasts import grid

    if groups is None:
        return default_levels(fit)
    named = groups if isinstance(groups, pd.DataFrame) else grid(**groups)
    if len(named) > CURVES:
        raise ForecastError(f"{len(named)} curves cannot be told apart in one picture; choose at most {CURVES} levels.")
    return named.reset_index(drop=True)


def curve_table(
    fit: Fit,
    *,
    x: str | None = None,
    groups: Mapping[str, Any] | pd.DataFrame | None = None,
    up_to: float | None = None,
    tokens_per_param: float | None = None,
    kind: str = "law",
    levels: Sequence[float] = (0.5, 0.9),
    constants: Sequence[str] = (),
    points: int = 60,
    draws: int | None = 1000,
) -> pd.DataFrame:
    """Return what :func:`bayes_scaling.plots.curve` draws.

    Parameters
    ----------
    x : str, optional
        The one scale that the law reads; for laws in params and tokens ``compute`` (the default),
        ``params`` or ``tokens``, followed along D = tokens_per_param x N (default: the fitted runs' median ratio).
    up_to : float, optional
        Largest x; ten times the largest fitted one by default.
    constants : sequence of str
        Published constants to evaluate beside the posterior, a column ``constants_NAME`` each.
    points, draws : int
        Points per curve and posterior draws used.

    Returns
    -------
    DataFrame
        A row per curve, point and level, as a forecast's table, with ``curve`` (its number).
    """
    x, lone = curve_scale(fit, x), lone_scale(fit)
    named = curve_levels(fit, groups)
    low = float(fit.frame[x].min())
    scale = np.geomspace(low / 1.5, max(up_to or 10 * float(fit.frame[x].max()), 2 * low), points)
    frame = pd.concat([named.assign(curve=np.arange(len(named)), **{x: value}) for value in scale])
    ratio = None if lone else (tokens_per_param or usual_ratio(fit))
    frame = frame.sort_values(["curve", x], kind="stable")
    if other := [c for c in fit.spec.law.scales.values() if c not in PATH and ratio]:
        frame, ratio = _with_sizes(fit, along_path(frame, ratio), other), None
    made = forecast(fit, frame, kind=kind, levels=levels, tokens_per_param=ratio, draws=draws)
    return _with_constants(fit, made.table, constants)


def _with_sizes(fit: Fit, frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return points with other counts of parameters, in their ratio to params among the fitted runs."""
    runs = fit.frame.groupby("params", as_index=False)[list(columns)].median()
    ratios = {c: np.interp(np.log(frame["params"]), np.log(runs["params"]), runs[c] / runs["params"]) for c in columns}
    return frame.assign(**{c: frame["params"] * ratio for c, ratio in ratios.items()})


def _with_constants(fit: Fit, table: pd.DataFrame, constants: Sequence[str]) -> pd.DataFrame:
    read = read_inputs(fit.spec, table)
    inputs = {i.name: read[i.name] for i in fit.spec.law.inputs}
    values = {f"constants_{name}": fit.spec.law.at_constants(name, **inputs) for name in constants}
    return table.assign(**values)


def prior_draws(fit: Fit, *, draws: int = 2000, random_seed: int = 0) -> dict[str, np.ndarray]:
    """Return prior draws of every variable and of the law's published constants, draw first."""
    levels = {g: len(v) for g, v in fit.coords.items()}
    values = simulate.prior_values(fit.spec, levels, draws, np.random.default_rng(random_seed))
    published = fit.spec.law.to_published(numpy_backend(), **_named(fit, values))
    return {**{name: np.asarray(value) for name, value in published.items()}, **values}


def _named(fit: Fit, values: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return the law's parameters with named dimensions, so that levels of one meet draws of another."""
    import xarray as xr

    named = {}
    for parameter in fit.spec.law.parameters:
        own = [g for g, kind in fit.spec.effects(parameter).items() if kind == "none"]
        named[parameter.name] = xr.DataArray(values[parameter.name], dims=("draw", *own))
    return named


def binned(predictive: Predictive, *, x: str = "compute", bins: int = 12) -> pd.DataFrame:
    """Return quantiles of a predictive in bins of equal row count along x.

    Returns
    -------
    DataFrame
        Per bin: ``x_low``, ``x_high``, ``rows``, q05, q25, q50, q75, q95 over draws and rows.
    """
    values = predictive.frame[x].to_numpy(dtype=float)
    edges = np.unique(np.quantile(values, np.linspace(0, 1, min(bins, max(len(values) // 3, 1)) + 1)))
    codes = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, max(len(edges) - 2, 0))
    rows = []
    for code in np.unique(codes):
        ends = np.quantile(predictive.draws[:, codes == code], [0.05, 0.25, 0.5, 0.75, 0.95])
        rows.append(
            {"x_low": edges[code], "x_high": edges[min(code + 1, len(edges) - 1)], "rows": int((codes == code).sum()),
             **dict(zip(("q05", "q25", "q50", "q75", "q95"), ends, strict=True))}
        )  # fmt: skip
    return pd.DataFrame(rows)


def pit_table(pit: np.ndarray, *, level: float = 0.95, points: int = 60, random_seed: int = 0) -> pd.DataFrame:
    """Return the ECDF of PIT values minus the uniform, with a simultaneous band.

    Parameters
    ----------
    pit : ndarray, shape (row,)
    level : float
        Probability that the whole curve of independent uniform values stays in the band.

    Returns
    -------
    DataFrame
        ``z``, ``difference``, ``lower``, ``upper``, ``level``.

    Notes
    -----
    Simulated as in Säilynoja, Bürkner and Vehtari (2022), arXiv:2103.10522, algorithm 1.
    """
    from scipy import stats

    n = len(pit)
    z = np.linspace(0, 1, points + 2)[1:-1]
    rng = np.random.default_rng(random_seed)
    counts = np.array([np.searchsorted(np.sort(rng.random(n)), z, side="right") for _ in range(500)])
    tails = 2 * np.minimum(stats.binom.cdf(counts, n, z), stats.binom.sf(counts - 1, n, z))
    gamma = float(np.quantile(tails.min(axis=1), 1 - level))
    difference = np.searchsorted(np.sort(pit), z, side="right") / n - z
    low, high = (stats.binom.ppf(q, n, z) / n - z for q in (gamma / 2, 1 - gamma / 2))
    return pd.DataFrame({"z": z, "difference": difference, "lower": low, "upper": high, "level": level})


def pit_histogram(pit: np.ndarray, *, bins: int = 10, level: float = 0.9) -> pd.DataFrame:
    """Return counts of PIT values in bins of equal width, with the binomial interval of a calibrated forecast.

    Parameters
    ----------
    pit : ndarray, shape (row,)
    bins : int
    level : float
        Probability that the count of one bin of independent uniform values lies in its interval.

    Returns
    -------
    DataFrame
        ``low``, ``high``, ``count``, ``expected``, ``lower``, ``upper``, ``level``.
    """
    from scipy import stats

    values = np.asarray(pit, dtype=float)
    if not ((values >= 0) & (values <= 1)).all():
        raise ForecastError("PIT values must lie between 0 and 1, without gaps; found others.")
    counts, edges = np.histogram(values, bins=bins, range=(0.0, 1.0))
    ends = stats.binom(len(values), 1 / bins).ppf([(1 - level) / 2, (1 + level) / 2])
    return pd.DataFrame(
        {"low": edges[:-1], "high": edges[1:], "count": counts, "expected": len(values) / bins, "lower": ends[0],
         "upper": ends[1], "level": level}
    )  # fmt: skip


def isoflop_table(made: Allocation, *, budgets: Sequence[float] | None = None, level: float = 0.9) -> pd.DataFrame:
    """Return the law along lines of equal compute: ``compute``, ``params``, median, interval, level, interval's kind.

    Parameters
    ----------
    budgets : sequence of float, optional
        Of those of the allocation; at most six, spread over them, when left out.
    """
    compute = made.compute if budgets is None else np.asarray(budgets, dtype=float)
    if budgets is None and len(compute) > CURVES:
        compute = compute[np.unique(np.linspace(0, len(compute) - 1, CURVES).round().astype(int))]
    if strange := [c for c in compute if not np.isclose(made.compute, c, rtol=1e-9).any()]:
        raise ForecastError(f"budgets {listed(strange)} are none of the allocation's {listed(made.compute)}.")
    parts = []
    for c in compute:
        middle = float(np.median(made.params[:, np.isclose(made.compute, c, rtol=1e-9).argmax()]))
        sizes = np.geomspace(middle / AROUND, middle * AROUND, GRID)
        found = ends(made.surface.loss_of_split(sizes, c), [0.5, (1 - level) / 2, (1 + level) / 2])
        columns = {"compute": c, "params": sizes, "median": found[0], "lower": found[1], "upper": found[2]}
        parts.append(pd.DataFrame(columns | {"level": level, "interval": INTERVAL}))
    return made.surface.fit.marked(pd.concat(parts, ignore_index=True))
