"""Where to forecast: from what a user writes to rows a fit can be evaluated at."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from bayes_scaling.data import check_runs, has_flag
from bayes_scaling.data.columns import COLUMNS, FLOP_PER_PARAM_TOKEN, OUTCOMES
from bayes_scaling.data.sizes import COLUMNS_WITH_SIZES, read_sizes
from bayes_scaling.errors import DataError, ForecastError, did_you_mean, listed
from bayes_scaling.forecasts.facts import add_benchmark, named_models, with_task_facts
from bayes_scaling.forecasts.words import numbered
from bayes_scaling.model import Rows
from bayes_scaling.model.choices import NEW_GROUPS
from bayes_scaling.model.labels import ONE_PATH, names_run, path_names
from bayes_scaling.model.questions import readable
from bayes_scaling.model.rows import group_columns, labels, locate, read_inputs, run_labels, unknown_level_message

if TYPE_CHECKING:
    from bayes_scaling.fit import Fit

Points = pd.DataFrame | Mapping[str, Any]
PATH = ("params", "tokens", "compute")  # two of them give the third, and with tokens per parameter any one the others
RATIO = "tokens_per_param"
POPULATION = "new_groups='population' (--new-groups population)"


def grid(**columns: Any) -> pd.DataFrame:
    """Return every combination of the given values, the last column varying fastest.

    Examples
    --------
    >>> grid(family=["A", "B"], compute=[1e24, 1e25]).shape
    (4, 2)
    """
    values = [[v] if np.ndim(v) == 0 else list(v) for v in columns.values()]
    return pd.DataFrame(list(itertools.product(*values)), columns=list(columns))


def as_frame(points: Points) -> pd.DataFrame:
    """Return points as a table; single values of a mapping are repeated, sizes in words ("405B") read."""
    if isinstance(points, pd.DataFrame):
        frame = points.reset_index(drop=True).copy()
    elif isinstance(points, Mapping):
        listed_ = {k: [v] if np.ndim(v) == 0 else list(v) for k, v in points.items()}
        sizes = {k: len(v) for k, v in listed_.items() if len(v) != 1}
        if len(set(sizes.values())) > 1:
            raise ForecastError(
                f"points have columns of different lengths ({sizes}); give equal lengths, or use "
                "grid(...) for every combination."
            )
        length = next(iter(sizes.values()), 1)
        frame = pd.DataFrame({k: v * length if len(v) == 1 else v for k, v in listed_.items()})
    else:
        raise ForecastError(f"points are a {type(points).__name__}; expected a DataFrame or a dict of columns.")
    if frame.empty:
        raise ForecastError("no points to forecast: the table has no rows.")
    for name in [c for c in COLUMNS_WITH_SIZES if c in frame.columns and not is_numeric_dtype(frame[c])]:
        counts = read_sizes(frame[name])
        frame[name] = frame[name].where(counts.isna(), counts)
        if pd.to_numeric(frame[name], errors="coerce").notna().all():
            frame[name] = frame[name].astype("float64")
    return frame


def along_path(frame: pd.DataFrame, tokens_per_param: float | None) -> pd.DataFrame:
    """Return points with params and tokens filled in along D = tokens_per_param x N, an argument or a column."""
    frame = _scales(frame)
    if tokens_per_param is None and RATIO not in frame:
        return frame
    if tokens_per_param is not None and RATIO in frame:
        raise ForecastError(f"{RATIO} is an argument and a column of the points; give it once.")
    if tokens_per_param is not None and not tokens_per_param > 0:
        raise ForecastError(f"{RATIO} = {tokens_per_param!r}; expected a positive number, for example 20.")
    given = [name for name in PATH if name in frame]
    if len(given) > 1:
        raise ForecastError(
            f"points give {listed(given)} and {RATIO}; give one of params, tokens, compute with a path, or leave "
            f"{RATIO} out."
        )
    if given and frame[given[0]].isna().any():
        raise ForecastError(f"{given[0]} is missing in {numbered('point', np.flatnonzero(frame[given[0]].isna()))}.")
    path, ratio = frame.copy(), frame[RATIO] if tokens_per_param is None else tokens_per_param
    if "params" not in path and "compute" in path:
        path["params"] = np.sqrt(path["compute"] / (FLOP_PER_PARAM_TOKEN * ratio))
    if "tokens" not in path and "params" in path:
        path["tokens"] = path["params"] * ratio
    if "params" not in path and "tokens" in path:
        path["params"] = path["tokens"] / ratio
    return path


def _scales(frame: pd.DataFrame) -> pd.DataFrame:
    """Return points with the scales as numbers; refuse what is none, and what is not above zero."""
    frame = frame.copy()
    for name in [n for n in (*PATH, "active_params", RATIO) if n in frame]:
        numbers = pd.to_numeric(frame[name], errors="coerce").astype(float)
        wrong = (numbers.isna() & frame[name].notna()) | ~(numbers.fillna(1.0) > 0) | np.isinf(numbers)
        if wrong.any():
            found = listed([repr(v) for v in dict.fromkeys(frame.loc[wrong, name].tolist())])
            raise ForecastError(f"points have {name} = {found}; expected numbers above zero, for example 1e24.")
        frame[name] = numbers
    return frame


def prepare(
    fit: Fit,
    points: Points,
    *,
    new_groups: str = "error",
    tokens_per_param: float | None = None,
    kind: str = "response",
    scored: bool = False,
) -> tuple[pd.DataFrame, Rows, dict[str, list[str]]]:
    """Check points and place them among the fitted levels.

    Parameters
    ----------
    kind : str
        What is forecast of them; ``law`` reads nothing of a discrepancy.
    scored : bool
        They were measured: a compute that is not 6 x params x tokens is used as it is, as in fitted rows.

    Returns
    -------
    frame : DataFrame
        The points with derived columns.
    rows : Rows
        As the model reads them; positions beyond the fitted levels are new ones.
    new : dict of str to list of str
        New levels by group.

    Raises
    ------
    ForecastError
        Missing columns, an unknown level or run without ``new_groups="population"``.
    """
    if new_groups not in NEW_GROUPS:
        raise ForecastError(f"new_groups = {new_groups!r}; expected {listed(NEW_GROUPS)}.")
    frame = named_models(fit, with_task_facts(fit, along_path(as_frame(points), tokens_per_param)))
    _check_runs(fit, frame, new_groups)
    check_levels(fit, frame, new_groups)
    _check_paths(fit, frame, new_groups, kind)
    frame = _checked(fit, frame, scored=scored)
    if kind != "law":
        _check_departure_scale(fit, frame)
    index, new = locate(fit.spec, fit.coords, frame, nameless="point")
    if kind != "law":
        _check_along_paths(fit, frame, index)
    if new:
        frame["new_levels"] = _new_levels(fit, index)
    return frame, Rows(frame, fit.coords, index, read_inputs(fit.spec, frame), paths=fit.paths), new


def _new_levels(fit: Fit, index: Mapping[str, np.ndarray]) -> list[str]:
    """Return, per point, the groups whose level is drawn from the population."""
    fresh = {g: code >= len(fit.coords[g]) for g, code in index.items()}
    return [", ".join(g for g in fresh if fresh[g][i]) for i in range(len(next(iter(index.values()))))]


def _checked(fit: Fit, frame: pd.DataFrame, *, scored: bool) -> pd.DataFrame:
    inputs = [i.column for i in fit.spec.law.inputs]
    missing = [n for n in inputs if n not in frame.columns]
    derivable = set(PATH) & set(frame.columns)
    if missing and not (set(missing) <= set(PATH) and len(derivable) >= 2):
        near = [c for c in frame.columns if c not in (*COLUMNS, *inputs) and did_you_mean(missing[0], [str(c)])]
        hint = f" Is {near[0]!r} what is called {missing[0]!r} here? Rename it." if near else ""
        if "compute" in frame and "params" in missing:
            hint = " With compute alone, add tokens_per_param=20 beside the points (--tokens-per-param 20)."
        told = "; ".join(f"{i.column}: {i.meaning}" for i in fit.spec.law.inputs if i.column in missing)
        raise ForecastError(
            f"points lack {listed(missing)}, which law {fit.spec.law.name} reads ({told}); found "
            f"{listed(frame.columns)}.{hint}"
        )
    unread = [c for c in (*OUTCOMES, "flags") if c in frame.columns and c not in inputs]
    spare = frame.drop(columns=unread)
    try:
        unique = spare.assign(_point=np.arange(len(spare)))
        known = unique.drop(columns=[c for c in ("model", "run") if c in unique.columns])
        checked = check_runs(known, require=inputs, further=fit.spec.law.columns)
        read_inputs(fit.spec, checked)
    except DataError as error:
        raise ForecastError(f"points cannot be used: {error}") from error
    mismatch = has_flag(checked, ["compute_mismatch"])
    if mismatch.any() and not scored:
        raise ForecastError(
            f"points {listed(np.flatnonzero(mismatch))} give a compute that is not 6 x params x tokens; leave one out."
        )
    fresh = [c for c in checked.columns if c not in frame.columns and c not in ("_point", "flags")]
    result = frame.copy()
    for name in [*inputs, *fresh]:
        result[name] = checked[name].to_numpy()
    return result


def needed_groups(fit: Fit) -> list[str]:
    """Return the groups that points must name: not those that are completely pooled, or new where none is named."""
    used = {part for _, g, _ in fit.spec.all_effects() for part in g.split(":")}
    return [c for c in group_columns(fit.spec) if c in used and c not in fit.spec.law.new_where_unnamed]


def check_levels(fit: Fit, frame: pd.DataFrame, new_groups: str) -> None:
    """Raise where points lack a group that matters, or name a level that was not fitted."""
    _check_switched_off(fit, frame)
    for column in group_columns(fit.spec):
        if column not in frame.columns and column not in needed_groups(fit):
            continue
        fitted = sorted(labels(fit.frame, column).unique())
        if column not in frame.columns:
            raise ForecastError(
                f"points need column {column!r}, a group of this model; fitted are {listed(fitted)}. To draw a new "
                f"{column} from the population, write {column}='new' with {POPULATION}."
            )
        if new_groups == "population":
            continue
        named = names_run(frame) if column in fit.spec.law.new_where_unnamed else pd.Series(True, index=frame.index)
        for level in dict.fromkeys(labels(frame, column, nameless="point")[named]):
            if level not in fitted:
                raise ForecastError(
                    unknown_level_message(column, level, fitted)
                    + add_benchmark(fit, column)
                    + f" For a draw from the population of {column}, pass {POPULATION}."
                )


def runs_matter(fit: Fit) -> bool:
    """Return whether a forecast depends on which run its point belongs to."""
    noise = fit.spec.noise
    return "run" in group_columns(fit.spec) or noise.run_effect or noise.discrepancy.by == "run"


def _check_runs(fit: Fit, frame: pd.DataFrame, new_groups: str) -> None:
    """Refuse runs that are named otherwise than fitted ones, where it matters which run a point belongs to."""
    if "run" not in frame.columns or not runs_matter(fit):
        return
    named = names_run(frame)
    grouped = "run" in group_columns(fit.spec) and "run" not in fit.spec.law.new_where_unnamed
    if grouped and not named.all() and new_groups != "population":
        raise ForecastError(
            f"points {listed(np.flatnonzero(~named))} name no run, a group of this model. Name one that was fitted, or "
            f"pass {POPULATION} for a new one."
        )
    if not named.any():
        return
    fitted = sorted(run_labels(fit.frame)[names_run(fit.frame)].unique())
    new = "For a new run " + (f"pass {POPULATION}" if grouped else "leave 'run' out")
    if "family" in fit.frame.columns and "family" not in frame.columns:
        raise ForecastError(
            f"points name runs ({listed(frame['run'].unique(), 3)}) but not their family, and a run is known within "
            f"its family; fitted are {listed(fitted, 6)} (family|run). Add column 'family'. {new}."
        )
    if "family" in frame.columns and "family" not in fit.frame.columns:
        raise ForecastError(
            f"points name runs within families, but the fitted rows have no column 'family': fitted are "
            f"{listed(fitted, 6)}. Leave 'family' out."
        )
    if new_groups == "population":
        return
    for level in run_labels(frame)[named].unique():
        if level not in fitted:
            shared = f"for new runs whose points share what is new of them, pass {POPULATION}"
            raise ForecastError(f"{unknown_level_message('run', level, fitted)} {new}; {shared}.")


def _check_paths(fit: Fit, frame: pd.DataFrame, new_groups: str, kind: str) -> None:
    """Refuse points that do not say on which fitted path of the discrepancy they lie; a point may name no run."""
    by = fit.spec.noise.discrepancy.by
    if fit.paths is None or by == "run" or by in ONE_PATH:
        return
    if by not in frame.columns:
        if kind == "law":
            return
        raise ForecastError(
            f"points need column {by!r}, which says whose departure from the law they share; fitted are "
            f"{listed(fit.paths.levels)}. kind='law' does without."
        )
    if new_groups == "population":
        return
    for level in path_names(frame, by).unique():
        if level not in fit.paths.levels:
            raise ForecastError(
                f"{unknown_level_message(by, level, fit.paths.levels)} For a departure that is new, pass {POPULATION}."
            )


def _check_departure_scale(fit: Fit, frame: pd.DataFrame) -> None:
    """Refuse points without the scale that the discrepancy varies over: its logarithm is read."""
    over = fit.spec.noise.discrepancy.over
    if fit.paths is None:
        return
    if over not in frame.columns:
        raise ForecastError(
            f"points need column {over!r}, over which the departure from the law varies; found "
            f"{listed(frame.columns)}. kind='law' does without."
        )
    scale = pd.to_numeric(frame[over], errors="coerce").to_numpy(dtype=float)
    bad = np.flatnonzero(~(np.isfinite(scale) & (scale > 0)))
    if len(bad):
        found = listed([repr(v) for v in frame[over].iloc[bad].unique().tolist()])
        raise ForecastError(
            f"points {listed(bad)} have {over} = {found}, over which the departure from the law varies; expected "
            "finite numbers above zero."
        )


def _check_along_paths(fit: Fit, frame: pd.DataFrame, index: Mapping[str, np.ndarray]) -> None:
    """Refuse points that leave a path's level of a group which moves the discrepancy's parameters."""
    by, paths = fit.spec.noise.discrepancy.by, fit.paths
    for parameter, group, _ in fit.spec.all_effects():
        if paths is None or not parameter.name.startswith("discrepancy_"):
            continue
        path = run_identity(frame) if by == "run" else path_names(frame, by).to_numpy()
        own = dict(zip(paths.levels, paths.index[group].tolist(), strict=True))
        for name, level in zip(path, index[group].tolist(), strict=True):
            if own.setdefault(name, level) != level:
                raise ForecastError(
                    f"{parameter.name} has effects of {group}, but points of one path of the departure from the law "
                    f"({name!r}) are of several {group}; expected one {group} on each path, that of its fitted rows."
                )


def _check_switched_off(fit: Fit, frame: pd.DataFrame) -> None:
    """Refuse new levels of a group that was asked for but had one level, so no spread was learned."""
    for column in fit.meta.get("asked_groups", ()):
        if column in fit.spec.groups or column not in frame.columns:
            continue
        fitted = sorted(labels(fit.frame, column).unique())
        for level in dict.fromkeys(labels(frame, column, nameless="point")):
            if level not in fitted:
                raise ForecastError(
                    unknown_level_message(column, level, fitted)
                    + f" Only one {column} was fitted, so the spread between levels of {column} is unknown."
                )


def unread(fit: Fit, columns: Iterable[str]) -> str:
    """Return a sentence on columns of points that change no forecast of this fit, else an empty text."""
    asked = fit.meta.get("asked_groups", ())
    columns = [str(c) for c in columns]
    read = {*readable(fit.spec), *asked, fit.spec.outcome, "flags", "new_levels"}
    read |= {"family"} if "run" in columns and runs_matter(fit) else set()
    spare = [c for c in columns if c not in read and (c not in COLUMNS or not COLUMNS[c].numeric)]
    return f"this fit has no effects of {listed(spare)}: forecasts are the same at every value." if spare else ""


def run_identity(frame: pd.DataFrame) -> np.ndarray:
    """Return each point's run; points without one are runs of their own."""
    if "run" in frame.columns:
        return run_labels(frame, nameless="point").to_numpy(dtype=object)
    return np.array([f"point {i}" for i in range(len(frame))], dtype=object)


def describe_groups(frame: pd.DataFrame, columns: Sequence[str]) -> pd.Series:
    """Return a readable label per point from its group columns."""
    present = [c for c in columns if c in frame.columns]
    if not present:
        return pd.Series([""] * len(frame), index=frame.index)
    return frame[present].astype(str).agg(", ".join, axis=1)
