"""How much compute a target needs, with its interval and the probability that none is enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling.data.derive import FLOP_PER_PARAM_TOKEN
from bayes_scaling.errors import ForecastError
from bayes_scaling.fit import failure_banner
from bayes_scaling.fit.evaluate import Draws, fitted_draws, law
from bayes_scaling.fit.summary import check_interval
from bayes_scaling.forecasts.levels import extend
from bayes_scaling.forecasts.points import PATH, RATIO, Points, as_frame, prepare, unread
from bayes_scaling.forecasts.scales import extrapolation, outside_note
from bayes_scaling.forecasts.text import compact, intervals, noted, told
from bayes_scaling.forecasts.words import counted
from bayes_scaling.model import Rows

if TYPE_CHECKING:
    from bayes_scaling.fit import Fit

LOG10_COMPUTE = (10.0, 40.0)  # searched range: beyond it is unreachable, below it no compute is needed
STEPS = 50


@dataclass(frozen=True)
class Reach:
    """Compute needed to reach a target.

    Attributes
    ----------
    points : DataFrame
        One row per group and target.
    draws : ndarray, shape (draw, point)
        Compute in FLOP; infinite where no compute up to 1e40 FLOP reaches the target, 0 where
        1e10 FLOP already do.
    extrapolation : tuple of str
        Where the median compute of each point lies beside the fitted runs.
    """

    points: pd.DataFrame
    draws: np.ndarray
    outcome: str
    levels: tuple[float, ...]
    banner: str = ""
    note: str = ""
    extrapolation: tuple[str, ...] = ()

    @property
    def p_unreachable(self) -> np.ndarray:
        """Probability that no compute reaches the target, shape (point,)."""
        return np.isinf(self.draws).mean(axis=0)

    @cached_property
    def table(self) -> pd.DataFrame:
        """Tidy table: a row per point and level.

        ``median``, ``lower`` and ``upper`` are compute in FLOP over all draws (equal-tailed);
        they are missing where that quantile is unreachable, and ``p_unreachable`` says how likely
        that is.
        """
        parts = []
        for level in self.levels:
            check_interval(level, "eti")
            ends = [0.5, (1 - level) / 2, (1 + level) / 2]
            median, low, high = (self._quantile(q) for q in ends)
            part = self.points.copy()
            if self.extrapolation:
                part["extrapolation"] = self.extrapolation
            part["quantity"], part["median"] = "compute (FLOP)", median
            part["level"], part["interval"] = level, "eti"
            part["lower"], part["upper"] = low, high
            part["p_unreachable"] = self.p_unreachable
            if self.banner:
                part["warning"] = self.banner
            parts.append(part.assign(_point=np.arange(len(part))))
        table = pd.concat(parts).sort_values(["_point", "level"], kind="stable")
        return table.drop(columns="_point").reset_index(drop=True)

    def _quantile(self, q: float) -> np.ndarray:
        value = _quantile(self.draws, q)
        return np.where(np.isinf(value), np.nan, value)

    def __repr__(self) -> str:
        cells: dict[str, Any] = {"FLOP": self._quantile(0.5), **intervals(self.table, self.levels, "eti")}
        found: dict[str, Any] = {k: [_said(told(v)) for v in values] for k, values in cells.items()}
        found |= {"P(unreachable)": self.p_unreachable}
        head = f"<compute to reach {self.outcome}, {counted(len(self.points), 'point')}, {len(self.draws)} draws>"
        lines = [head, self.banner, self.note and f"note: {self.note}", compact(self.points, pd.DataFrame(found))]
        lines.append(noted(outside_note(self.extrapolation)))
        return "\n".join(line for line in lines if line)


def _quantile(draws: np.ndarray, q: float) -> np.ndarray:
    """Return a quantile over the first axis, shape (point,), without mixing a number with infinity."""
    return np.asarray(np.quantile(draws, q, axis=0, method="inverted_cdf"))


def _said(text: str) -> str:
    """Return a cell of the printed table; what is missing is beyond reach."""
    return "never" if text == "nan to nan" else text.replace("nan", "never")


def compute_to_reach(
    fit: Fit,
    target: float | Sequence[float],
    groups: Points | None = None,
    *,
    tokens_per_param: float | None = None,
    levels: Sequence[float] = (0.5, 0.9),
    new_groups: str = "error",
    draws: int | None = None,
    random_seed: int = 0,
) -> Reach:
    """Return the compute at which the law (kind ``law``) reaches a loss or an accuracy.

    Parameters
    ----------
    target : float or sequence of float
        Loss in the unit of the runs, or accuracy as a fraction; each target is asked of each group.
    groups : DataFrame or dict of columns, optional
        Levels of the model's groups, for example ``{"family": ["A", "B"], "task": "mmlu"}``, and what the law reads
        beside scales (proportions of domains, a sparsity).
    tokens_per_param : float, optional
        Needed for laws in params and tokens: the path along which compute grows.

    Returns
    -------
    Reach
        Laws must be monotone in compute along the path; the search is per draw.

    Raises
    ------
    ForecastError
        A target outside the outcome's range, a missing path, an unknown level, a law that reads
        a scale which no path ties to compute (steps, examples seen).
    """
    base, frame, rows, new = targets_at(fit, target, groups, tokens_per_param=tokens_per_param, new_groups=new_groups)
    goal = frame["target"].to_numpy(dtype=float)
    found = search_along(fit, rows, new, goal, tokens_per_param=tokens_per_param, draws=draws, random_seed=random_seed)
    note = unread(fit, base.columns.drop("target"))
    where = tuple(extrapolation(fit, base.drop(columns="target"), _quantile(found, 0.5)))
    return Reach(base, found, fit.spec.outcome, tuple(levels), failure_banner(fit), note, where)


def search_along(
    fit: Fit, rows: Rows, new: dict[str, list[str]], goal: np.ndarray, *, tokens_per_param: float | None,
    draws: int | None = None, random_seed: int = 0,
) -> np.ndarray:  # fmt: skip
    """Return the compute at which the law meets goals at rows of :func:`targets_at`, shape (draw, point).

    Parameters
    ----------
    goal : ndarray, shape (point,) or (draw, point)
    """
    rng = np.random.default_rng(random_seed)
    extended = extend(fit, fitted_draws(fit, limit=draws), new, rng, law_at=rows)
    return np.asarray(search(
        lambda log10_compute: law_along(extended, rows, log10_compute, tokens_per_param), goal, fit.spec.outcome,
        (extended.count, len(rows)),
    ))  # fmt: skip


def targets_at(
    fit: Fit, target: float | Sequence[float], groups: Points | None, *, tokens_per_param: float | None,
    new_groups: str = "error",
) -> tuple[pd.DataFrame, pd.DataFrame, Rows, dict[str, list[str]]]:  # fmt: skip
    """Return every target at every level as given, and checked as :func:`prepare` does; no draw is read."""
    targets = [float(t) for t in np.atleast_1d(np.asarray(target, dtype=float))]
    check_targets(fit, targets)
    base = as_frame(groups) if groups is not None else pd.DataFrame(index=[0])
    base = pd.concat([base.assign(target=t) for t in targets], ignore_index=True)
    return base, *placed(fit, base, tokens_per_param=tokens_per_param, new_groups=new_groups)


def placed(
    fit: Fit, base: pd.DataFrame, *, tokens_per_param: float | None, new_groups: str = "error"
) -> tuple[pd.DataFrame, Rows, dict[str, list[str]]]:
    """Return levels of groups, each with its ``target``, as points along the path of compute, checked."""
    if RATIO in base:
        raise ForecastError(f"{RATIO} is an argument beside the groups (--tokens-per-param 20), not a column of them.")
    _check_path(fit, tokens_per_param)
    frame, rows, new = prepare(
        fit, base.assign(compute=1e21), new_groups=new_groups, tokens_per_param=tokens_per_param, kind="law"
    )
    check_above_chance(fit, frame)
    return frame, rows, new


def check_targets(fit: Fit, targets: Sequence[float]) -> None:
    """Raise ForecastError where a target is no accuracy or loss."""
    for target in targets:
        if fit.spec.outcome == "accuracy" and not 0 < target < 1:
            hint = " Divide percent by 100." if target > 1 else ""
            raise ForecastError(f"target accuracy {target:g}; expected a fraction between 0 and 1.{hint}")
        if not target > 0 or not np.isfinite(target):
            outcome, of = fit.spec.outcome, fit.spec.unit and f" of {fit.spec.unit}"
            raise ForecastError(f"target {outcome} {target:g}; expected a positive number{of}.")


def _check_path(fit: Fit, tokens_per_param: float | None) -> None:
    """Raise where compute does not say what the law reads."""
    law_, read = fit.spec.law, list(fit.spec.law.scales.values())
    loose = [c for c in read if c not in PATH]
    if loose:
        raise ForecastError(
            f"law {law_.name} reads {' and '.join(read)}, and no path ties {' and '.join(loose)} to compute. Forecast "
            f"at a grid of {loose[0]} instead and see where the target is met, or fit a law that reads compute."
        )
    if "compute" not in read and tokens_per_param is None:
        raise ForecastError(
            f"law {law_.name} reads {' and '.join(read)}; say along which path compute grows, for example "
            "tokens_per_param=20 (--tokens-per-param 20)."
        )


def check_above_chance(fit: Fit, frame: pd.DataFrame) -> None:
    """Raise ForecastError where an accuracy to reach is one that guessing has."""
    if fit.spec.outcome != "accuracy" or "chance" not in frame.columns:
        return
    low = frame[frame["target"] <= frame["chance"]]
    if len(low):
        raise ForecastError(
            f"target accuracy {low['target'].iloc[0]:g} is not above chance ({low['chance'].iloc[0]:g}): guessing "
            "reaches it without any compute. Give a higher target."
        )


def search(
    outcome_at: Callable[[np.ndarray], np.ndarray], target: Any, outcome: str, shape: tuple[int, ...], *,
    span: tuple[float, float] = LOG10_COMPUTE,
) -> Any:  # fmt: skip
    """Bisect log10 compute until an outcome that gets better with compute meets its target.

    Parameters
    ----------
    outcome_at : callable
        Log10 compute -> loss or accuracy, both of the given shape.
    target : float or ndarray
        Broadcasts to the shape.
    outcome : str
        ``loss`` falls, ``accuracy`` rises.
    span : two of float
        Range that is searched.

    Returns
    -------
    ndarray
        Compute, infinite where the end of the searched range does not reach the target, 0 where its start does.
    """
    sign = 1.0 if outcome == "accuracy" else -1.0

    def reached(log10_compute: np.ndarray) -> np.ndarray:
        return sign * (outcome_at(log10_compute) - target) >= 0

    low, high = (np.full(shape, end) for end in span)
    never, always = ~reached(high), reached(low)
    for _ in range(STEPS):
        middle = (low + high) / 2
        hit = reached(middle)
        high, low = np.where(hit, middle, high), np.where(hit, low, middle)
    return np.where(never, np.inf, np.where(always, 0.0, 10.0**high))


def law_along(draws: Draws, rows: Rows, log10_compute: np.ndarray, tokens_per_param: float | None) -> np.ndarray:
    """Return the law at a compute that differs by draw, shape (draw, point)."""
    compute = 10.0**log10_compute
    along: dict[str, np.ndarray] = {"compute": compute}
    if tokens_per_param is not None:
        along["params"] = np.sqrt(compute / (FLOP_PER_PARAM_TOKEN * tokens_per_param))
        along["tokens"] = along["params"] * tokens_per_param
    needed = {i.name: along.get(i.column, rows.inputs[i.name]) for i in draws.spec.law.inputs}
    return law(draws, Rows(rows.frame, rows.coords, rows.index, needed))[0]
