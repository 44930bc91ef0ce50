"""Choosing a law: the laws that a table allows, fitted to the same rows, ranked and stacked."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayes_scaling.check import Loo, loo
from bayes_scaling.compare.backtest import Backtest, Prepared, prepare, score_fold, several
from bayes_scaling.compare.candidates import FAILED, Candidates, LeftOut, Options, candidates, spec_of
from bayes_scaling.compare.choice import LawComparison
from bayes_scaling.compare.folds import SCALES, Split, scale_of
from bayes_scaling.compare.joined import by_unit, common_rows, common_units
from bayes_scaling.compare.stacking import Weights, law_weights, stacking_weights
from bayes_scaling.data.columns import on_log
from bayes_scaling.errors import CardError, FitError, ForecastError, InterruptedFitError, listed
from bayes_scaling.fit import Fit, JobResult, SamplerSettings, failure_banner, many_fits, sample
from bayes_scaling.fit.engine import applies
from bayes_scaling.fit.progress import Progress
from bayes_scaling.model import encode


def laws(
    data: pd.DataFrame,
    laws: Sequence[Any] | Mapping[str, Any] | None = None,
    *,
    outcome: str | None = None,
    groups: Sequence[str] = (),
    pooling: Mapping[str, str | Mapping[str, str]] | None = None,
    noise: Any = None,
    inputs: Mapping[str, str] | None = None,
    reference: Mapping[str, float] | None = None,
    like: Any = None,
    exclude_flags: Sequence[str] = (),
    backtest: bool = True,
    over: str = "",
    beyond: float | Sequence[float] = (),
    cuts: float | Sequence[float] = (),
    within: str = "",
    families: bool = False,
    settings: SamplerSettings | None = None,
    random_seed: int = 0,
    folder: str | Path | None = None,
    executor: Any = None,
    workers: int | None = None,
    cores: int | None = None,
    progressbar: bool = True,
    title: str = "",
) -> LawComparison:
    """Fit the laws that a table allows, rank them by leave-one-out and by a backtest, and stack them.

    Parameters
    ----------
    data : DataFrame
        Runs in the package's vocabulary, and further columns that laws declare. All laws are fitted to the same rows:
        those that have what each of them reads.
    laws : sequence or mapping of str, optional
        Names, laws, or models with settings of their own (``ScalingModel``), in a dict where two are of one law. When
        left out, all known laws of the outcome whose columns are there; then a law whose columns are missing in more
        than half of the rows is left out instead of costing the others these rows.
    outcome : str, optional
        ``loss``, ``accuracy`` or ``data_needed``; that of the laws that are named, else what the table has, in this
        order.
    groups, pooling, noise, inputs, reference :
        As of :class:`bayes_scaling.ScalingModel`, for laws that come without settings of their own. A parameter or
        input that a law lacks does not apply to it. Priors differ between laws: give them with a model.
    like : ScalingModel, optional
        A model, such as that of a card, whose groups, pooling, noise and inputs are taken instead; it stands for its
        own law, with its priors.
    exclude_flags : sequence of str
        Rows with one of these flags are used nowhere.
    backtest : bool
        Whether to hold out the largest scales.
    over, beyond, cuts, within, families :
        What is held out, as of :func:`bayes_scaling.compare.backtest`; the same for all laws.
    settings : SamplerSettings, optional
    random_seed : int
    folder, executor, workers, cores :
        Of the backtest's fits, as of :func:`bayes_scaling.fit.many_fits`. When `workers` is left out they are made in
        this process where every model is small enough for importance sampling.
    progressbar : bool
    title : str

    Returns
    -------
    LawComparison
        Laws whose fit is not usable are ranked last and get no weight. Laws that say the same on these rows share
        what one of them would get, and the prior towards equal weights counts each.

    Raises
    ------
    DataError
        A table that no law could use; rows that not all laws share.
    CardError
        Unknown law, group, parameter, input or flag, with the nearest one.
    FitError
        No law could be fitted.
    """
    options = _options(like, groups, pooling, noise, inputs, reference)
    found = candidates(data, laws, outcome=outcome, options=options, exclude_flags=exclude_flags)
    study = _Study(found, exclude_flags, settings or SamplerSettings(), random_seed, progressbar, title)
    split = Split(over, several(beyond), several(cuts), within, families)
    prepared, refused = study.prepared(split) if backtest else ({}, [])
    fits, failed = study.fits()
    held_out = {n: one for n, one in prepared.items() if n in fits}
    backtests, missing = study.backtests(held_out, folder=folder, executor=executor, workers=workers, cores=cores)
    loos, told = _loos(fits)
    usable = [n for n in fits if fits[n].diagnose().ok] or list(fits)
    elpd, of_loo = _loo_scores(fits, loos, usable)
    scores, weights, of_backtests = _backtest_scores(backtests, usable)
    left_out = (*found.left_out, *failed)
    notes = dict.fromkeys(
        [*found.notes, *_of_fits(fits), *_of_ends(fits), *refused, *missing, *told, *of_loo, *of_backtests]
    )
    over = next(iter(held_out.values())).folds.over if held_out else ""
    table = _table(_facts(fits).join([elpd, scores]), left_out)
    return LawComparison(table, fits, loos, backtests, weights, left_out, tuple(notes), found.outcome, over)


def _options(like: Any, groups: Sequence[str], *others: Any) -> Options:
    """Return what all laws share.

    Raises
    ------
    CardError
        Both a model to take it from and settings, or something that is no model.
    """
    plain = Options((groups,) if isinstance(groups, str) else tuple(groups), *others)
    if like is None:
        return plain
    spec = spec_of(like)
    if spec is None:
        raise CardError(f"like is a {type(like).__name__}; expected a ScalingModel, such as load_card(...).model.")
    if plain != Options():
        raise CardError("like= has groups, pooling, noise, inputs and reference; leave those out, or like=.")
    return Options.like(spec)


@dataclass(frozen=True)
class _Study:
    """The fits of a comparison."""

    candidates: Candidates
    exclude_flags: Sequence[str]
    settings: SamplerSettings
    seed: int
    progressbar: bool
    title: str

    def _titled(self, name: str) -> str:
        return f"{self.title}: {name}".removeprefix(": ")

    def fits(self) -> tuple[dict[str, Fit], list[LeftOut]]:
        """Return the fits by law, and the laws that could not be fitted.

        Raises
        ------
        FitError
            None could.
        """
        specs, found, failed = self.candidates.specs, dict[str, Fit](), list[LeftOut]()
        bar = Progress(len(specs), f"laws {self.title}".strip(), shown=self.progressbar)
        bar.start(0)
        for name, spec in specs.items():
            try:
                found[name] = sample(
                    spec, self.candidates.frame, settings=self.settings, random_seed=self.seed, progressbar=False,
                    exclude_flags=self.exclude_flags, title=self._titled(name),
                )  # fmt: skip
            except InterruptedFitError:
                raise
            except FitError as error:
                failed.append(LeftOut(name, FAILED, str(error)))
            bar.step(missing=name not in found)
        bar.close()
        if not found:
            raise FitError(f"none of {listed(specs)} could be fitted. {'; '.join(o.reason for o in failed[:3])}")
        return found, failed

    def prepared(self, split: Split) -> tuple[dict[str, Prepared], list[str]]:
        """Return the folds of each law, the same for all, and notes on laws without.

        Raises
        ------
        ForecastError
            What was asked to be held out cannot be, for any law.
        """
        found, refused, specs = dict[str, Prepared](), dict[str, ForecastError](), self.candidates.specs
        same = replace(split, over=split.over or self._common_scale())
        for name, spec in specs.items():
            try:
                found[name] = prepare(
                    spec, self.candidates.frame, same, settings=self.settings, random_seed=self.seed,
                    exclude_flags=self.exclude_flags, title=self._titled(name),
                )  # fmt: skip
            except ForecastError as error:
                refused[name] = error
        if not found:
            first = next(iter(refused.values()))
            if split != Split():  # it was asked for
                raise first
            return {}, [f"there is no backtest: {first}"]
        return found, [f"{name} has no backtest: {why}" for name, why in refused.items()]

    def _common_scale(self) -> str:
        """Return the scale that all laws are cut along: their own where it is the same, else the usual one."""
        own = list[str]()
        for spec in self.candidates.specs.values():
            settled, rows = encode(spec, self.candidates.frame, exclude_flags=self.exclude_flags)
            with contextlib.suppress(ForecastError):  # another law may have one
                own.append(scale_of(settled, rows.frame)[0])
        return next((c for c in SCALES if c in own), own[0]) if own else ""

    def backtests(
        self, prepared: Mapping[str, Prepared], *, executor: Any, workers: int | None, **how: Any
    ) -> tuple[dict[str, Backtest], list[str]]:
        """Return the backtests by law, all made in one go, and notes on laws without."""
        found, notes = dict[str, Backtest](), list[str]()
        jobs = {f"{n}: {job.name}": (n, job) for n, one in prepared.items() for job in one.jobs}
        if not jobs:
            return found, notes
        if workers is None and executor is None and all(applies(job.spec, job.rows) for _, job in jobs.values()):
            workers = 0
        results = many_fits(
            [replace(job, name=name) for name, (_, job) in jobs.items()], score_fold, executor=executor,
            workers=workers, progressbar=self.progressbar, title=f"backtests {self.title}".strip(), **how,
        )  # fmt: skip
        by_law: dict[str, list[JobResult]] = {n: [] for n in prepared}
        for result in results:
            name, job = jobs[result.name]
            by_law[name].append(replace(result, name=job.name))
        for name, one in prepared.items():
            try:
                found[name] = one.backtest(by_law[name])
            except FitError as error:
                notes.append(f"{name} has no backtest: {error}")
        return found, notes


# ---- what the fits say ----------------------------------------------------------------------


def _loos(fits: Mapping[str, Fit]) -> tuple[dict[str, Loo], list[str]]:
    """Return leave-one-out by law, and notes on laws without."""
    found, notes = dict[str, Loo](), list[str]()
    for name, fit in fits.items():
        try:
            found[name] = loo(fit)
        except FitError as error:
            notes.append(f"{name} has no leave-one-out: {error}")
    return found, notes


def _behind(density: np.ndarray, names: Sequence[str], usable: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return by how much each law's mean is behind the best usable one's, and its standard error, shape (law,).

    Parameters
    ----------
    density : ndarray, shape (unit, law)
    """
    of_usable = [names.index(n) for n in usable]
    best = max(of_usable, key=lambda i: density[:, i].mean())
    behind, units = density[:, [best]] - density, len(density)
    spread = behind.std(axis=0, ddof=1) if units > 1 else np.full(len(names), np.nan)
    return behind.mean(axis=0), spread / np.sqrt(units)


def _loo_scores(
    fits: Mapping[str, Fit], loos: Mapping[str, Loo], usable: Sequence[str]
) -> tuple[pd.DataFrame, list[str]]:
    """Return elpd, how far it is behind the best one's and weights, by law, and notes."""
    one = {n: found.table.iloc[0] for n, found in loos.items()}
    columns = {"elpd": "elpd_loo", "se": "elpd_se", "units": "units", "bad_k": "bad_k"}
    table = pd.DataFrame({n: row[list(columns)].rename(columns) for n, row in one.items()}).T.astype(float)
    table = table.reindex(columns=[*columns.values(), "elpd_diff", "elpd_diff_se", "loo_weight"])
    names, stacked = list(loos), [n for n in usable if n in loos]
    if not stacked:
        return table, []
    try:
        density, notes = common_units(fits, names, loos)
    except ForecastError as error:
        return table, [f"leave-one-out does not compare these laws: {error}"]
    behind, spread = _behind(density, names, stacked)
    table["elpd_diff"], table["elpd_diff_se"] = len(density) * behind, len(density) * spread
    of_stacked = [names.index(n) for n in stacked]
    table.loc[stacked, "loo_weight"] = stacking_weights(density[:, of_stacked], shrinkage=0.0)
    return table, notes


def _backtest_scores(
    backtests: Mapping[str, Backtest], usable: Sequence[str]
) -> tuple[pd.DataFrame, Weights | None, list[str]]:
    """Return scores of held-out rows by law, weights of usable laws, and notes."""
    table = pd.DataFrame({n: _held_out(one) for n, one in backtests.items()}).T
    table = table.reindex(columns=[*_HELD_OUT, "lpd_diff", "lpd_diff_se", *_WEIGHTS.values()]).astype(float)
    stacked = [n for n in usable if n in backtests]
    if not stacked:
        return table, None, []
    names, notes = list(backtests), list[str]()
    try:
        weights = law_weights({n: backtests[n] for n in stacked}) if len(stacked) > 1 else _alone(backtests, stacked[0])
        if len(names) > 1:
            joined, notes = common_rows(backtests)
            table["lpd_diff"], table["lpd_diff_se"] = _behind(by_unit(joined, names), names, stacked)
        else:
            table["lpd_diff"] = 0.0
    except ForecastError as error:  # the fits are not lost
        return table, None, [f"the backtest does not compare these laws: {error}"]
    found = weights.table.set_index("law").rename(columns=_WEIGHTS)
    table.loc[stacked, list(_WEIGHTS.values())] = found[list(_WEIGHTS.values())]
    return table, weights, [*notes, *weights.notes]


def _alone(backtests: Mapping[str, Backtest], only: str) -> Weights:
    """Return the whole weight of the only law that may have one."""
    one = backtests[only]
    table = pd.DataFrame([{"law": only, "weight": 1.0, "lower": np.nan, "upper": np.nan, "lpd": _held_out(one)["lpd"]}])
    return Weights(table, one.frame.groupby(["unit", "fold"]).ngroups, one.frame["unit"].nunique())


_HELD_OUT = ("lpd", "crps", "median_error", "coverage90", "coverage90_lo", "coverage90_hi", "width90", "failed", "gaps")
_WEIGHTS = {"weight": "backtest_weight", "lower": "backtest_weight_lo", "upper": "backtest_weight_hi"}


def _held_out(one: Backtest) -> dict[str, float]:
    """Return the scores of one backtest over all its held-out rows."""
    error = "relative_error" if on_log(one.outcome) else "absolute_error"
    found = one.summary().iloc[0].to_dict()
    return {k: found[k] for k in _HELD_OUT if k in found} | {"median_error": float(one.frame[error].median())}


def _facts(fits: Mapping[str, Fit]) -> pd.DataFrame:
    """Return what a fit says of itself, by law."""
    lines = {}
    for name, fit in fits.items():
        found = fit.diagnose()
        doubts = [c.name for c in found.checks if not c.ok and c.severity != "fail"]
        lines[name] = {
            "usable": found.ok, "parameters": len(fit.spec.parameters()), "engine": fit.meta["engine"]["name"],
            "seconds": sum(fit.meta["seconds"].values()), "doubts": "; ".join(doubts), "warning": failure_banner(fit),
        }  # fmt: skip
    return pd.DataFrame.from_dict(lines, orient="index")


def _of_fits(fits: Mapping[str, Fit]) -> list[str]:
    """Return what the fits tell of their rows, once where several say the same."""
    first = next(iter(fits.values()))
    left_out = [f"left out: {n} rows ({why})." for why, n in first.meta["left_out"].items()]
    return [*left_out, *(notice for fit in fits.values() for notice in fit.meta["notices"])]


def _of_ends(fits: Mapping[str, Fit]) -> list[str]:
    """Return a note where densities of some laws are probabilities of others: at accuracies of 0 and 1."""
    counted = [n for n, fit in fits.items() if fit.spec.noise.observation == "beta_binomial"]
    others = [n for n in fits if n not in counted]
    if not counted or not others:
        return []
    found = fits[counted[0]].frame["accuracy"]
    if not (ends := int((found.le(0) | found.ge(1)).sum())):
        return []
    return [
        f"{ends} rows have an accuracy of 0 or 1, where {listed(others)} tell a probability and {listed(counted)} a "
        "density, larger by about the log of n_items: scores do not compare these laws. Give all of them one noise="
        "{'observation': ...}."
    ]


_ORDER = (
    "law", "usable", "elpd_loo", "elpd_se", "elpd_diff", "elpd_diff_se", "units", "bad_k", "lpd", "lpd_diff",
    "lpd_diff_se", "crps", "median_error", "coverage90", "coverage90_lo", "coverage90_hi", "width90", "failed", "gaps",
    "loo_weight", "backtest_weight", "backtest_weight_lo", "backtest_weight_hi", "parameters", "engine", "seconds",
    "doubts", "warning", "left_out", "reason",
)  # fmt: skip


def _table(fitted: pd.DataFrame, left_out: Sequence[LeftOut]) -> pd.DataFrame:
    """Return the table of all laws: the best first, those that are not usable, those that were left out."""
    by = "lpd_diff" if fitted["lpd_diff"].notna().any() else "elpd_diff"
    ranked = fitted.rename_axis("law").reset_index().sort_values(
        ["usable", by], ascending=[False, True], kind="stable", na_position="last"
    ).assign(left_out="", reason="")  # fmt: skip
    others = pd.DataFrame([{"law": o.law, "left_out": o.kind, "reason": o.reason} for o in left_out])
    table = pd.concat([ranked, others], ignore_index=True) if left_out else ranked
    words = ["engine", "doubts", "warning", "left_out", "reason"]
    table[words] = table[words].fillna("")
    table["usable"] = table["usable"].eq(True)
    return table.reindex(columns=list(_ORDER))
