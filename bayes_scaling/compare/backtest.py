"""Backtests: hold out the largest scales or whole families, refit, forecast, score."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling.compare.folds import Fold, Folds, Split, make_folds
from bayes_scaling.compare.scores import coverage, coverage_note, score, suffix
from bayes_scaling.data import check_runs
from bayes_scaling.data.columns import on_log
from bayes_scaling.errors import FitError, ForecastError, did_you_mean, listed
from bayes_scaling.fit import Fit, Job, JobResult, SamplerSettings, gaps, many_fits
from bayes_scaling.fit.summary import check_interval
from bayes_scaling.model import ModelSpec, Rows, encode
from bayes_scaling.model.rows import kept_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

LEVELS = (0.5, 0.8, 0.9, 0.95)
HORIZONS = (1, 2, 5, 10, 20, 50, 100, 1000)  # edges of the bands that `by="horizon"` groups by


@dataclass(frozen=True)
class Backtest:
    """Forecasts of held-out rows beside what was measured.

    Attributes
    ----------
    frame : DataFrame
        One row per held-out row and fold: ``fold``, ``cut``, ``row`` (position among the used rows), ``table_row``
        (its index in the table that was given, or its position there where the index repeats), the row's columns,
        ``unit``, ``horizon`` (scale over the largest training scale of its curve or family, else of all rows),
        ``observed``, ``median``, per level ``lower_90``, ``upper_90``, ``covered_90``, ``width_90``,
        ``lpd`` (log density of the outcome itself), ``crps`` (log loss, or accuracy), ``log_error``
        (log of median over observed, for loss), ``absolute_error``, ``relative_error``, ``pit``, and of the
        fold's fit ``rhat``, ``divergences``, ``ok`` and ``warning``.
    folds : DataFrame
        One row per fold: rows fitted and held out, seconds, diagnostics, and ``gap``, why it is missing.
    outcome, over, unit : str
        Outcome, column of the scale, and what the independent units are (``run``, ``family``, ...).
    levels : tuple of float
    gaps : dict of str to str
        Folds that could not be fitted, with the reason.
    notices : tuple of str
    title : str
    """

    frame: pd.DataFrame
    folds: pd.DataFrame
    outcome: str
    over: str
    unit: str
    levels: tuple[float, ...]
    gaps: Mapping[str, str]
    notices: tuple[str, ...] = ()
    title: str = ""

    @property
    def banner(self) -> str:
        """A sentence on missing and failed folds, empty where every fold is there and usable."""
        parts = []
        if self.gaps:
            parts.append(f"{len(self.gaps)} OF {len(self.folds)} FOLDS MISSING ({listed(self.gaps, 3)})")
        failed = self.folds.loc[self.folds["gap"].eq("") & ~self.folds["ok"], "fold"]
        if len(failed):
            parts.append(f"FIT NOT USABLE in {len(failed)} of {len(self.folds)} folds ({listed(failed, 3)})")
        return "; ".join(parts)

    def summary(self, by: str | None = None, *, unit: str = "unit", resamples: int = 4000) -> pd.DataFrame:
        """Return scores over all held-out rows, or by fold, family, horizon or any other column.

        Parameters
        ----------
        by : str, optional
            Column of ``frame``; ``horizon`` is grouped in bands.
        unit : str
            Column of the independent units that log density is averaged over and coverage resampled over.
        resamples : int
            Bootstrap resamples of the coverage.

        Returns
        -------
        DataFrame
            Per group ``rows``, ``units``, ``rmsle`` (root mean square of log errors over rows, loss only) and its
            ``rmsle_mean`` and ``rmsle_median`` over units, ``absolute_error``, ``relative_error``, ``crps``
            (means over rows), ``lpd`` (mean over a unit's rows, then over units), per level
            ``coverage90``, ``coverage90_lo``, ``coverage90_hi`` (90 % interval over resampled units), ``width90``,
            and how many folds failed (``failed``) or are missing (``gaps``), with a ``warning`` where there are any.

        Raises
        ------
        ForecastError
            Unknown column, with the nearest one.
        """
        for column in (by, unit):
            if column is not None and column not in self.frame.columns:
                raise ForecastError(
                    f"the backtest has no column {column!r}; it has {listed(self.frame.columns, 40)}."
                    + did_you_mean(column, self.frame.columns)
                )
        if by is None:
            groups: Iterable[tuple[Any, pd.DataFrame]] = [("all", self.frame)]
        else:
            key = horizon_band(self.frame["horizon"]) if by == "horizon" else self.frame[by]
            groups = self.frame.groupby(key, sort=by != "fold", observed=True, dropna=False)
        missing = 0 if by == "fold" else len(self.gaps)  # there a missing fold has a line of its own
        first = by or "held_out"
        lines = [{first: name, **self._line(part, unit, resamples), "gaps": missing} for name, part in groups]
        if by == "fold":
            lines += [{"fold": name, "rows": 0, "units": 0, "failed": 0, "gaps": 1} for name in self.gaps]
        table = pd.DataFrame(lines)
        return table.assign(warning=self.banner) if self.banner else table

    def _line(self, part: pd.DataFrame, unit: str, resamples: int) -> dict[str, Any]:
        squared = part["log_error"].astype(float) ** 2
        by_unit = squared.groupby(part[unit]).mean() ** 0.5
        line = {
            "rows": len(part), "units": part[unit].nunique(), "rmsle": float(squared.mean() ** 0.5),
            "rmsle_mean": float(by_unit.mean()), "rmsle_median": float(by_unit.median()),
            **{name: float(part[name].mean()) for name in ("absolute_error", "relative_error", "crps")},
            "lpd": float(part.groupby(unit)["lpd"].mean().mean()),
        }  # fmt: skip
        for level in self.levels:
            found, end = coverage(part, of=level, unit=unit, resamples=resamples), suffix(level)
            line |= {f"coverage{end}": found["coverage"], f"coverage{end}_lo": found["lo"],
                     f"coverage{end}_hi": found["hi"], f"width{end}": found["width"]}  # fmt: skip
        return {**line, "failed": int(part.loc[~part["ok"], "fold"].nunique())}

    def text(self, by: str | None = "fold") -> str:
        """Return what a person reads first: what is missing or failed, notices, scores over all and by a column."""
        level = min(self.levels, key=lambda v: abs(v - 0.9))
        error = "rmsle" if on_log(self.outcome) else "absolute_error"
        end = suffix(level)
        shown = ["rows", "units", error, "relative_error", "lpd", "crps", f"coverage{end}", f"coverage{end}_lo",
                 f"coverage{end}_hi", f"width{end}", "failed", "gaps"]  # fmt: skip
        tables = [self.summary(b)[[b or "held_out", *shown]] for b in dict.fromkeys((None, by))]
        told = [t.to_string(index=False, float_format=lambda v: f"{v:.4g}") for t in tables]
        missing = [f"MISSING {name}: {reason}" for name, reason in self.gaps.items()]
        head = [*(p for p in (self.banner, *missing) if p), *(f"note: {n}" for n in self.notices)]
        return "\n".join([*head, *told, coverage_note(f"coverage{end}", self.unit, of=level)])

    def __repr__(self) -> str:
        what = f"{len(self.frame)} held-out rows in {len(self.folds)} folds over {self.over}, unit {self.unit}"
        return f"<Backtest of {self.title or self.outcome}: {what}>\n{self.text()}"

    def _repr_html_(self) -> str:
        warning = f"<p><strong>{self.banner}</strong></p>" if self.banner else ""
        notes = "".join(f"<p>{coverage_note(f'coverage{suffix(v)}', self.unit, of=v)}</p>" for v in self.levels)
        return warning + self.summary("fold").to_html(index=False, float_format=lambda v: f"{v:.4g}") + notes


def horizon_band(horizon: pd.Series) -> pd.Series:
    """Return the band of each horizon, such as ``5-10``, in order."""
    edges = [-np.inf, *HORIZONS, np.inf]
    between = [f"{a}-{b}" for a, b in itertools.pairwise(HORIZONS)]
    names = [f"<= {HORIZONS[0]}", *between, f"> {HORIZONS[-1]}"]
    return pd.Series(pd.cut(horizon, edges, labels=names), index=horizon.index, name="horizon")


def backtest(
    spec: ModelSpec,
    frame: pd.DataFrame,
    *,
    over: str = "",
    beyond: float | Sequence[float] = (),
    cuts: float | Sequence[float] = (),
    within: str = "",
    families: bool = False,
    levels: Sequence[float] = LEVELS,
    settings: SamplerSettings | None = None,
    random_seed: int = 0,
    exclude_flags: Sequence[str] = (),
    folder: str | Path | None = None,
    executor: Any = None,
    workers: int | None = None,
    cores: int | None = None,
    progressbar: bool = True,
    card: Mapping[str, Any] | None = None,
    title: str = "",
) -> Backtest:
    """Hold out rows, fit the others, forecast what was held out, and score the forecasts.

    Parameters
    ----------
    spec : ModelSpec
    frame : DataFrame
        Runs in the package's vocabulary.
    over : str, optional
        Column of the scale, any positive one; the law's own, or compute, when left out.
    beyond : float or sequence of float
        Factors: a fold each, trained on rows up to the largest scale over the factor. 10 when neither
        this nor ``cuts`` is given.
    cuts : float or sequence of float
        Absolute scales: a fold each, trained on rows up to the scale.
    within : str, optional
        Column whose levels have a largest scale of their own, such as ``run`` for learning curves.
    families : bool
        Hold out each family but its smallest member instead, one fold per family. A member is as large as its
        largest scale; compute decides between equal ones, then the order of the table, with a notice.
    levels : sequence of float
        Levels of the equal-tailed intervals.
    settings : SamplerSettings, optional
    random_seed : int
        Each fold has a seed of its own that follows from this one and its name.
    exclude_flags : sequence of str
        Rows with one of these flags are used nowhere.
    folder, executor, workers, cores, progressbar :
        As in :func:`bayes_scaling.fit.many_fits`: with a folder, a rerun takes finished folds from there.
    card : mapping, optional
    title : str

    Returns
    -------
    Backtest
        Forecasts are of kind ``response``; runs and cells that keep no training row are drawn from their population.

    Raises
    ------
    ForecastError
        No scale column, a cut that holds out nothing or leaves nothing, a family without training rows.
    FitError
        No fold could be fitted, or the folder holds results of another card or other data.
    """
    split = Split(over, several(beyond), several(cuts), within, families)
    made = prepare(
        spec, frame, split, levels=levels, settings=settings, random_seed=random_seed, exclude_flags=exclude_flags,
        card=card, title=title,
    )  # fmt: skip
    results = many_fits(
        made.jobs, score_fold, folder=folder, executor=executor, workers=workers, cores=cores, progressbar=progressbar,
        title=f"backtest {title}".strip(),
    )  # fmt: skip
    return made.backtest(list(results))


@dataclass(frozen=True)
class Prepared:
    """A backtest before its fits.

    Attributes
    ----------
    jobs : tuple of Job
        One per fold; :func:`score_fold` reduces its fit.
    folds : Folds
    rows : Rows
    given : ndarray, shape (row,)
        Index, in the table that was given, of each used row.
    outcome : str
    levels : tuple of float
    title : str
    """

    jobs: tuple[Job, ...]
    folds: Folds
    rows: Rows
    given: np.ndarray
    outcome: str
    levels: tuple[float, ...]
    title: str = ""

    def backtest(self, results: Sequence[JobResult]) -> Backtest:
        """Return the backtest of the results of all jobs, in any order.

        Raises
        ------
        FitError
            No fold could be fitted.
        """
        missing = gaps(results)
        if len(missing) == len(self.jobs):
            told = "; ".join(f"{name}: {reason}" for name, reason in list(missing.items())[:3])
            raise FitError(f"none of {len(self.jobs)} folds could be fitted ({told}).")
        return _assemble(self.folds, results, self.rows, self.given, self.outcome, self.levels, self.title)


def prepare(
    spec: ModelSpec,
    frame: pd.DataFrame,
    split: Split,
    *,
    levels: Sequence[float] = LEVELS,
    settings: SamplerSettings | None = None,
    random_seed: int = 0,
    exclude_flags: Sequence[str] = (),
    card: Mapping[str, Any] | None = None,
    title: str = "",
) -> Prepared:
    """Return the folds of a table as jobs, each checked; parameters and errors as of :func:`backtest`."""
    for level in levels:
        check_interval(level, "eti")
    settled, rows = encode(spec, frame, exclude_flags=exclude_flags)
    made = make_folds(settled, rows, split)
    given = rows_of_table(spec, frame, exclude_flags)
    kept = {"title": title, "exclude_flags": list(exclude_flags), "asked_groups": list(spec.groups), "card": card}
    jobs = [_job(fold, settled, rows, settings or SamplerSettings(), random_seed, levels, kept) for fold in made.folds]
    return Prepared(tuple(jobs), made, rows, given, settled.outcome, tuple(levels), title)


def rows_of_table(spec: ModelSpec, frame: pd.DataFrame, exclude_flags: Sequence[str]) -> np.ndarray:
    """Return the index, in the table that was given, of each used row: what laws that use other rows share."""
    kept, _ = kept_rows(check_runs(frame, further=spec.law.columns), spec, exclude_flags)
    return (frame.index.to_numpy() if frame.index.is_unique else np.arange(len(frame)))[kept]


def several(values: float | Sequence[float]) -> tuple[float, ...]:
    """Return one number or several as a tuple, each once."""
    return tuple(dict.fromkeys(float(v) for v in np.atleast_1d(np.asarray(values, dtype=float))))


def _job(
    fold: Fold, spec: ModelSpec, rows: Rows, settings: SamplerSettings, seed: int, levels: Sequence[float],
    kept: Mapping[str, Any],
) -> Job:  # fmt: skip
    own_seed = (seed + zlib.crc32(fold.name.encode())) % 2**31
    about = {"fold": fold.name, "levels": [float(v) for v in levels]}
    named = {**kept, "title": f"{kept['title']}: {fold.name}".removeprefix(": ")}
    return Job(fold.name, spec, rows, settings, own_seed, chosen=fold.train, about=about, kept=named)


def score_fold(fit: Fit, job: Job) -> pd.DataFrame:
    """Return the scores of the rows that a fold held out, with ``row``, their position among the used rows."""
    held = job.held_out()
    levels = job.about["levels"]
    scores = score(
        fit, job.rows.frame.iloc[held], level=levels[-1], levels=levels, new_groups="population", random_seed=job.seed
    )
    spare = ["level", "interval", "lower", "upper", "covered", "width", "warning"]
    return scores.drop(columns=spare, errors="ignore").assign(row=held)


def _assemble(
    made: Folds, results: Sequence[JobResult], rows: Rows, given: np.ndarray, outcome: str, levels: tuple[float, ...],
    title: str,
) -> Backtest:  # fmt: skip
    """Return the backtest of finished folds, in the order of the folds, whatever order they arrived in."""
    by_name = {r.name: r for r in results}
    parts, lines = [], []
    for fold in made.folds:
        result = by_name[fold.name]
        told = {k: result.diagnostics.get(k) for k in ("rhat", "divergences", "ok", "warning")}
        line = {"fold": fold.name, "train_rows": int(fold.train.sum()), "held_out_rows": int((~fold.train).sum())}
        lines.append({**line, **told, "ok": bool(told["ok"]), "seconds": result.seconds, "gap": result.reason})
        if result.missing:
            continue
        at = result.value["row"].to_numpy()
        head = {"fold": fold.name, "cut": fold.cut[at], "row": at, "table_row": given[at], "unit": made.unit[at],
                "horizon": fold.horizon[at]}  # fmt: skip
        scores = result.value.drop(columns=[*head], errors="ignore").assign(**told)
        parts.append(pd.concat([pd.DataFrame(head), scores], axis=1))
    frame = pd.concat(parts, ignore_index=True)
    return Backtest(
        frame, pd.DataFrame(lines), outcome, made.over, made.unit_name, levels, gaps(results),
        (*rows.notices, *made.notices), title,
    )  # fmt: skip
