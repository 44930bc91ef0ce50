"""Forecasts at scales nobody has trained: draws and a tidy table with labelled intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling.errors import ForecastError, did_you_mean, listed
from bayes_scaling.fit import ChainFit, failure_banner
from bayes_scaling.fit.crew import in_threads
from bayes_scaling.fit.evaluate import fitted_draws, predict
from bayes_scaling.fit.summary import check_interval
from bayes_scaling.forecasts.chain import at_tasks, check_outcome, runs_and_tasks, through_map
from bayes_scaling.forecasts.levels import extend
from bayes_scaling.forecasts.points import Points, as_frame, prepare, run_identity, unread
from bayes_scaling.forecasts.scales import beside_rows, outside_note, together
from bayes_scaling.forecasts.text import compact, intervals, noted
from bayes_scaling.forecasts.words import counted, within
from bayes_scaling.model.choices import KINDS

if TYPE_CHECKING:
    from bayes_scaling.fit import Fit

MCSE_POINTS = 500
SORTED_AT_ONCE = 64  # columns


def quantiles(draws: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """Return quantiles over the first axis of draws (draw, row), shape (share, row).

    As :func:`numpy.quantile` interpolates them; sorting short columns in turn takes a fraction of its time.
    """
    count, rows = draws.shape
    found = np.empty((len(shares), rows))
    place = np.array(shares) * (count - 1)
    below = np.floor(place).astype(int)
    above, share = np.minimum(below + 1, count - 1), place - below

    def sort(start: int) -> None:
        part = np.sort(draws[:, start : start + SORTED_AT_ONCE].T, axis=1)
        between = part[:, below] * (1 - share) + part[:, above] * share
        between[np.isnan(part[:, -1])] = np.nan  # which is sorted last
        found[:, start : start + SORTED_AT_ONCE] = between.T

    in_threads(sort, range(0, rows, SORTED_AT_ONCE))
    return found


def bounds(draws: np.ndarray, level: float, interval: str) -> tuple[np.ndarray, np.ndarray]:
    """Return lower and upper ends of an interval over the first axis, shape (row,)."""
    check_interval(level, interval)
    if interval == "eti":
        low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
        return low, high
    from arviz_stats.base import array_stats

    ends = array_stats.hdi(draws, level, axis=0)
    return ends[..., 0], ends[..., 1]


@dataclass(frozen=True)
class Forecast:
    """Predictive draws at points.

    Attributes
    ----------
    points : DataFrame
        One row per point.
    draws : ndarray, shape (draw, point)
    kind : str
        ``law``, ``mean`` or ``response``.
    outcome : str
        ``loss``, ``accuracy``, ``data_needed``, or the name of a quantity.
    levels, interval :
        Probabilities and kind (``eti`` or ``hdi``) of the intervals in the table.
    mcse_median : ndarray, shape (point,)
        Monte-Carlo standard error of the median (NaN beyond 500 points).
    banner : str
        Not empty when the fit failed its diagnostics.
    note : str
        Names columns of the points that change nothing, if there are any.
    extrapolation : tuple of str
        Where each point lies beside the fitted rows (:func:`bayes_scaling.forecasts.scales.beside_rows`); empty where
        that was not looked at.
    unit : str
        Unit of the outcome, empty where it is not known.
    """

    points: pd.DataFrame
    draws: np.ndarray
    kind: str
    outcome: str
    levels: tuple[float, ...]
    interval: str
    mcse_median: np.ndarray
    banner: str = ""
    title: str = ""
    note: str = ""
    extrapolation: tuple[str, ...] = ()
    unit: str = ""

    @cached_property
    def table(self) -> pd.DataFrame:
        """Tidy table: a row per point and level.

        Columns: those of the points, ``extrapolation`` (where they lie beside the fitted rows), then outcome, kind,
        median, mcse_median, level, interval, lower, upper, and ``warning`` when the fit failed its diagnostics.
        """
        return self.tabulate(self.levels, self.interval)

    def tabulate(self, levels: Sequence[float], interval: str = "eti") -> pd.DataFrame:
        """Return the table at other levels or with another kind of interval."""
        for level in levels:
            check_interval(level, interval)
        tails = [t for level in levels for t in ((1 - level) / 2, (1 + level) / 2)]
        median, *ends = quantiles(self.draws, [0.5, *tails])
        parts = []
        for i, level in enumerate(levels):
            equal = interval == "eti"
            low, high = ends[2 * i : 2 * i + 2] if equal else bounds(self.draws, level, interval)
            part = self.points.copy()
            if self.extrapolation:
                part["extrapolation"] = self.extrapolation
            part["outcome"], part["kind"] = self.outcome, self.kind
            part["median"], part["mcse_median"] = median, self.mcse_median
            part["level"], part["interval"] = level, interval
            part["lower"], part["upper"] = low, high
            if self.banner:
                part["warning"] = self.banner
            parts.append(part.assign(_point=np.arange(len(part))))
        table = pd.concat(parts).sort_values(["_point", "level"], kind="stable")
        return table.drop(columns="_point").reset_index(drop=True)

    @property
    def median(self) -> np.ndarray:
        """The point forecast, shape (point,)."""
        return np.median(self.draws, axis=0)

    def probability(self, *, above: float | None = None, below: float | None = None) -> np.ndarray:
        """Return the probability that the outcome lies above or below a value, shape (point,)."""
        if (above is None) == (below is None):
            raise ForecastError("give exactly one of above= and below=.")
        hit = self.draws > above if above is not None else self.draws < below
        return hit.mean(axis=0)

    def __repr__(self) -> str:
        found = {"median": self.median, **intervals(self.table, self.levels, self.interval)}
        size = f"{counted(len(self.points), 'point')}, {len(self.draws)} draws"
        head = f"<Forecast of {self.outcome}{within(self.unit)}, kind {self.kind}, {size}>"
        table = compact(self.points, pd.DataFrame(found))
        told = [head, self.banner, noted(self.note), table, noted(outside_note(self.extrapolation))]
        return "\n".join(line for line in told if line)

    def _repr_html_(self) -> str:
        warning = f"<p><strong>{self.banner}</strong></p>" if self.banner else ""
        warning += f"<p>{self.note}</p>" if self.note else ""
        outside = outside_note(self.extrapolation)
        table = self.table.to_html(max_rows=30, float_format=lambda v: f"{v:.4g}")
        return warning + table + (f"<p>{outside}</p>" if outside else "")


def forecast(
    fit: Fit | ChainFit,
    points: Points,
    *,
    outcome: str | None = None,
    kind: str = "response",
    levels: Sequence[float] = (0.5, 0.9),
    interval: str = "eti",
    new_groups: str = "error",
    tokens_per_param: float | None = None,
    draws: int | None = None,
    random_seed: int = 0,
) -> Forecast:
    """Forecast loss or accuracy at new scales.

    Parameters
    ----------
    fit : Fit or ChainFit
        Of a chain, every draw of the loss goes through the map to accuracy.
    points : DataFrame or dict of columns
        Inputs of the law and the model's groups; any one of params, tokens and compute is
        derived from the other two, or from ``tokens_per_param``. ``grid(...)`` makes every combination.
    outcome : str, optional
        Of a chain, ``accuracy`` (the default) or ``loss``; otherwise that of the model.
    kind : str
        ``law``: the formula with its parameters' uncertainty; ``mean``: law and discrepancy
        (given what was fitted of the same path); ``response``: what a new run would
        measure, with run effect and observation noise (the default).
    levels : sequence of float
        Probabilities of the intervals.
    interval : str
        ``eti`` (equal-tailed) or ``hdi`` (highest density).
    new_groups : str
        ``error``: a level that was not fitted is an error; ``population``: it is drawn from the
        population, one draw shared by all points of that level.
    tokens_per_param : float, optional
        Path D = tokens_per_param x N on which compute alone gives params and tokens; may be a column of
        the points instead.
    draws : int, optional
        Use at most this many posterior draws.
    random_seed : int
        The same seed gives the same draws.

    Returns
    -------
    Forecast

    Raises
    ------
    ForecastError
        Unknown kind, outcome, level, family or task, missing columns.
    """
    check_forecast(kind, levels, interval)
    if isinstance(fit, ChainFit):
        return _chained(
            fit, points, outcome=outcome or "accuracy", kind=kind, levels=levels, interval=interval,
            new_groups=new_groups, tokens_per_param=tokens_per_param, draws=draws, random_seed=random_seed,
        )  # fmt: skip
    if outcome not in (None, fit.spec.outcome):
        raise ForecastError(f"outcome = {outcome!r}, but this fit describes {fit.spec.outcome}.")
    frame, rows, new = prepare(fit, points, new_groups=new_groups, tokens_per_param=tokens_per_param, kind=kind)
    rng = np.random.default_rng(random_seed)
    extended = extend(fit, fitted_draws(fit, limit=draws), new, rng, law_at=rows if kind == "law" else None)
    simulated = predict(extended, rows, kind=kind, runs=run_identity(frame), rng=rng)
    return Forecast(
        frame, simulated, kind, fit.spec.outcome, tuple(levels), interval,
        mcse_of_median(fit, simulated, fit.chosen_noise), failure_banner(fit), fit.title,
        unread(fit, as_frame(points).columns), beside_rows(fit, frame), fit.spec.unit,
    )  # fmt: skip


def check_forecast(kind: str, levels: Sequence[float], interval: str) -> None:
    """Raise where a kind of forecast, a level or a kind of interval is unknown."""
    if kind not in KINDS:
        raise ForecastError(f"kind = {kind!r}; expected {listed(KINDS)}." + did_you_mean(kind, KINDS))
    for level in levels:
        check_interval(level, interval)


def _chained(chain: ChainFit, points: Points, *, outcome: str, random_seed: int, **options: Any) -> Forecast:
    """Return a forecast of a chain: of the loss, or of the accuracy with every draw of the loss passed on."""
    check_outcome(outcome)
    told: dict[str, Any] = {"banner": failure_banner(chain), "title": chain.title}
    if outcome == "loss":
        return replace(forecast(chain.loss, points, random_seed=random_seed, **options), **told)
    runs, tasks, position = runs_and_tasks(chain, points)
    losses = forecast(chain.loss, runs, random_seed=random_seed, **options)
    where = at_tasks(losses.points, tasks, position)
    kind, new_groups = options["kind"], options["new_groups"]
    frame, simulated = through_map(
        chain, where, losses.draws[:, position], runs=run_identity(losses.points)[position], kind=kind,
        new_groups=new_groups, rng=np.random.default_rng(random_seed + 1),
    )  # fmt: skip
    of_losses, of_map = [losses.extrapolation[i] for i in position], beside_rows(chain.accuracy, frame, compute=False)
    return replace(
        losses, points=frame, draws=simulated, outcome="accuracy", note="", extrapolation=together([of_losses, of_map]),
        unit=chain.accuracy.spec.unit,
        mcse_median=mcse_of_median(chain.accuracy, simulated, chain.chosen_noise), **told,
    )  # fmt: skip


def mcse_of_median(fit: Fit, simulated: np.ndarray, factor: float) -> np.ndarray:
    """Return the Monte-Carlo error of the medians; NaN for subsets of draws, many points and infinite draws."""
    from arviz_stats.base import array_stats

    sizes: Any = fit.idata["posterior"].sizes
    chains, kept = sizes["chain"], sizes["draw"]
    points = simulated.shape[1]
    if simulated.shape[0] != chains * kept or points > MCSE_POINTS:
        return np.full(points, np.nan)
    shaped = simulated.reshape(chains, kept, points)
    finite = np.isfinite(simulated).all(axis=0)
    errors = [array_stats.mcse(shaped[..., i], method="median") if finite[i] else np.nan for i in range(points)]
    return np.array(errors, dtype=float) * np.sqrt(factor)
