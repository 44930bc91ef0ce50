"""Many fits: backtests, calibration, bootstraps, laws by data sets. The one function for all of them.

A model is compiled once per structure and worker; after that only its rows are swapped. Results are reduced
where they are made, arrive one by one, are written as they arrive and found again on a rerun.
"""

from __future__ import annotations

import json
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayes_scaling.errors import BayesScalingError, FitError, InterruptedFitError, listed
from bayes_scaling.fit.crew import Crew, cpus, hire
from bayes_scaling.fit.diagnostics import failure_banner
from bayes_scaling.fit.engine import draw_posterior
from bayes_scaling.fit.folder import ResultFolder, pack, unpack
from bayes_scaling.fit.importance import ROWS_MAX
from bayes_scaling.fit.kept import compiled_model, shared_ladder
from bayes_scaling.fit.progress import Progress
from bayes_scaling.fit.result import Fit
from bayes_scaling.fit.sample import assemble
from bayes_scaling.fit.sampler import Sampler, SamplerSettings
from bayes_scaling.fit.subset import fitted_levels, positions, subset
from bayes_scaling.model import Rows, encode
from bayes_scaling.model.spec import ModelSpec

SHARED_BY = 2  # a fit to fewer of a table's rows than one in so many gains nothing from its particles
DIED = "the worker process died (killed, out of memory, or ended by the code it ran)"


@dataclass(frozen=True)
class Job:
    """One fit among many.

    Attributes
    ----------
    name : str
        Names the result and, where it fails, the gap.
    spec : ModelSpec
        As settled by :func:`bayes_scaling.model.encode`.
    rows : Rows
        The full encoded table. Jobs that share it share one compiled model.
    settings : SamplerSettings
    seed : int
    chosen : array, optional
        The rows to fit: a mask, shape (row,), or positions, which may repeat; all when left out.
    about : mapping
        Plain facts for `reduce`; a stored result counts as this job's only where they are equal.
    kept : mapping
        ``card``, ``title``, ``exclude_flags`` and ``asked_groups`` for the Fit.
    """

    name: str
    spec: ModelSpec
    rows: Rows
    settings: SamplerSettings
    seed: int
    chosen: Any = None
    about: Mapping[str, Any] = field(default_factory=dict)
    kept: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_table(
        cls, name: str, spec: ModelSpec, frame: pd.DataFrame, *, settings: SamplerSettings, seed: int,
        exclude_flags: Sequence[str] = (), chosen: Any = None, about: Mapping[str, Any] | None = None,
    ) -> Job:  # fmt: skip
        """Return a job on a table that is not encoded yet; `chosen` counts the used rows."""
        settled, rows = encode(spec, frame, exclude_flags=exclude_flags)
        kept = {"exclude_flags": list(exclude_flags), "asked_groups": list(spec.groups)}
        return cls(name, settled, rows, settings, seed, chosen, about or {}, kept)

    def positions(self) -> np.ndarray:
        """Return the positions of the rows to fit."""
        return np.arange(len(self.rows)) if self.chosen is None else positions(self.chosen, len(self.rows))

    def held_out(self) -> np.ndarray:
        """Return the positions of the rows that are not fitted."""
        return np.setdiff1d(np.arange(len(self.rows)), self.positions())


Reduce = Callable[[Fit, Job], Any]


@dataclass(frozen=True)
class JobResult:
    """What one job gave, or why it is missing.

    Attributes
    ----------
    name : str
    value :
        What `reduce` returned; None where the job is missing.
    reason : str
        Why the job is missing, in a sentence; empty where it is there.
    diagnostics : dict
        ``rhat``, ``ess_bulk``, ``divergences``, ``ok``, ``warning`` (the banner of a fit that is not usable).
    seconds : float
        Time of sampling and reducing, and of compiling where this job came first.
    attempts : int
        0 where the result was found in the folder.
    """

    name: str
    value: Any = None
    reason: str = ""
    diagnostics: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    attempts: int = 0

    @property
    def missing(self) -> bool:
        """True where the job failed twice: a gap."""
        return bool(self.reason)


def many_fits(
    jobs: Iterable[Job],
    reduce: Reduce,
    *,
    folder: str | Path | None = None,
    executor: Any = None,
    workers: int | None = None,
    cores: int | None = None,
    progressbar: bool = True,
    title: str = "many fits",
) -> Iterator[JobResult]:
    """Fit every job, reduce each fit where it was made, and yield results as they arrive.

    Parameters
    ----------
    jobs : iterable of Job
        With different names.
    reduce : callable
        ``reduce(fit, job)``, run in the worker; returns a DataFrame or what JSON holds.
    folder : path, optional
        Every result is written there as it arrives; a rerun takes those of the same model, formula, table, rows,
        settings, seed, ``about``, name of `reduce` and version of this package from it.
    executor : concurrent.futures.Executor or Dask client, optional
        Processes of our own when left out. Theirs stay open.
    workers : int, optional
        Fits at a time; 0 fits in this process. As many as processors when left out.
    cores : int, optional
        Processors per fit; when left out they are shared out, so that two workers on two processors take one each.
    progressbar : bool
    title : str

    Yields
    ------
    JobResult
        In the order of arrival. A job that raises, or whose worker dies, is tried once more, alone, after the
        others; if that fails too its result is ``missing``, with a reason. Averages must say so (:func:`gaps`).

    Raises
    ------
    FitError
        Two jobs of one name, a folder of other results, workers that do not start.
    """
    listed_jobs = list(jobs)
    repeated = sorted({j.name for j in listed_jobs if [k.name for k in listed_jobs].count(j.name) > 1})
    if repeated or not listed_jobs:
        raise FitError(f"{len(listed_jobs)} jobs, names used twice: {listed(repeated)}; expected one name per job.")
    for job in listed_jobs:
        job.positions()  # a wrong mask is said now, not in a worker
    store = ResultFolder(folder, listed_jobs, reduce) if folder is not None else None
    found = {j.name: stored for j in listed_jobs if store and (stored := store.finished(j)) is not None}
    waiting = [j for j in listed_jobs if j.name not in found]
    bar = Progress(len(listed_jobs), title, shown=progressbar)

    def arrive() -> Iterator[JobResult]:  # workers start with the first result that is asked for
        bar.start(len(found))
        yield from (_result(job, found[job.name], 0) for job in listed_jobs if job.name in found)
        crew = hire(executor, workers, len(waiting))
        calls = _Calls(reduce, cores or max(1, cpus() // crew.width))
        yield from _arrive(waiting, crew, calls, store, bar)

    return arrive()


def gaps(results: Iterable[JobResult]) -> dict[str, str]:
    """Return the missing jobs of results: name -> reason."""
    return {r.name: r.reason for r in results if r.missing}


@dataclass(frozen=True)
class _Calls:
    """How a job is handed to a crew."""

    reduce: Reduce
    cores: int

    def start(self, crew: Crew, job: Job) -> Future[str]:
        if not crew.remote:
            return crew.start(run_job, job, self.reduce, self.cores)
        import cloudpickle  # a law or a reduce of a notebook travels by value

        return crew.start(run_packed, cloudpickle.dumps((job, self.reduce, self.cores)))


@dataclass
class _Shift:
    """The crew at work; a spent one is replaced before the next call."""

    crew: Crew
    spent: bool = False

    def start(self, calls: _Calls, job: Job) -> Future[str]:
        if self.spent:
            self.crew, self.spent = self.crew.renewed(), False
        return calls.start(self.crew, job)


def _arrive(
    waiting: list[Job], crew: Crew, calls: _Calls, store: ResultFolder | None, bar: Progress
) -> Iterator[JobResult]:
    """Yield new results, then those of further tries, each written before it is yielded.

    A job is tried again alone. One whose process died may have died with another's at first, so that only its
    death alone counts as its own, and it is tried a third time.
    """
    shift, again, finished = _Shift(crew), waiting, False
    try:
        for attempt in (1, 2, 3):
            jobs, again, width = again, list[Job](), crew.width if attempt == 1 else 1
            shift.spent = shift.spent or attempt > 1
            for job, text, reason in _attempt(list(jobs), width, shift, calls):
                if reason and (attempt == 1 or (attempt == 2 and reason == DIED and crew.width > 1)):
                    again.append(job)
                    continue
                if reason:
                    made = JobResult(job.name, reason=reason, attempts=attempt)
                else:
                    made = _result(job, json.loads(text), attempt)
                    if store:
                        store.write(job, json.loads(text))
                bar.step(missing=made.missing)
                yield made
        finished = True
    finally:
        bar.close()
        shift.crew.close(kill=not finished)


def _attempt(jobs: list[Job], width: int, shift: _Shift, calls: _Calls) -> Iterator[tuple[Job, str, str]]:
    """Yield (job, result as text, reason of failure), `width` jobs at a time.

    When a process dies every job under way fails with it: which one was the cause shows when each is
    tried again alone. The jobs that had not begun go on with fresh processes.
    """
    waiting, running = deque(jobs), dict[Future[str], Job]()
    try:
        while waiting or running:
            while waiting and (not running or (len(running) < width and not shift.spent)):
                try:
                    running[shift.start(calls, waiting[0])] = waiting[0]
                    waiting.popleft()
                except BrokenExecutor:
                    shift.spent = True
            done = wait(running, return_when=FIRST_COMPLETED).done
            if any(_outcome(f)[1] == DIED for f in done):
                shift.spent = True
                wait(running)
            for future in [f for f in running if f.done()]:
                yield running.pop(future), *_outcome(future)
    finally:
        for future in running:
            future.cancel()


def _outcome(future: Future[str]) -> tuple[str, str]:
    """Return the text of a finished call and, where it failed, the reason."""
    if future.cancelled():
        return "", "it was cancelled by the executor"
    error = future.exception()
    if error is None:
        return future.result(), ""
    if isinstance(error, BrokenExecutor):
        return "", DIED
    if isinstance(error, _JobError):
        return "", str(error)
    return "", f"{type(error).__name__}: {error}"


def _result(job: Job, stored: Mapping[str, Any], attempts: int) -> JobResult:
    return JobResult(
        job.name, unpack(stored["value"]), diagnostics=stored["diagnostics"], seconds=stored["seconds"],
        attempts=attempts,
    )  # fmt: skip


# ---- in the worker --------------------------------------------------------------------------


class _JobError(Exception):
    """What went wrong in a job, as text: any exception's own class may not travel between processes."""


def fit_job(job: Job, *, cores: int | None = None) -> Fit:
    """Return the fit of one job: its chosen rows, and only the levels that have some.

    Raises
    ------
    FitError
        The sampler stopped.
    """
    part = subset(job.rows, job.chosen)
    started = time.perf_counter()

    def nuts() -> Any:
        if job.spec.noise.observation == "beta":  # censored rows are part of its graph: nothing to keep
            return Sampler(job.spec, part).sample(job.settings, seed=job.seed, cores=cores)
        return compiled_model(job.spec, job.rows).sample(job.settings, seed=job.seed, rows=part, cores=cores)

    ladder = None
    most = job.chosen is not None and len(job.rows) <= SHARED_BY * len(part)
    if most and len(job.rows) <= ROWS_MAX:  # of a larger table it would take longer than the fit
        ladder = partial(shared_ladder, job.spec, job.rows)
    tree, engine = draw_posterior(job.spec, part, job.settings, job.seed, nuts, ladder)
    seconds = {"sample": time.perf_counter() - started}
    part, posterior = fitted_levels(job.spec, part, tree["posterior"].to_dataset())
    kept = type(tree).from_dict({"posterior": posterior, "sample_stats": tree["sample_stats"].to_dataset()})
    return assemble(
        job.spec, part, kept, settings=job.settings, seed=job.seed, seconds=seconds, engine=engine, **job.kept
    )


def run_packed(payload: bytes) -> str:
    """Run a job that was packed for another process."""
    import cloudpickle

    try:
        job, reduce, cores = cloudpickle.loads(payload)
    except Exception as error:
        raise _JobError(f"the job could not be read in the worker: {type(error).__name__}: {error}") from None
    return run_job(job, reduce, cores)


def run_job(job: Job, reduce: Reduce, cores: int) -> str:
    """Fit, reduce and return value, diagnostics and seconds as JSON text."""
    started = time.perf_counter()
    try:
        fit = fit_job(job, cores=cores)
        value = pack(reduce(fit, job))
        result = {"value": value, "diagnostics": diagnostics_of(fit), "seconds": time.perf_counter() - started}
        return json.dumps(result)
    except InterruptedFitError:  # Ctrl-C ends all jobs; it is no gap
        raise KeyboardInterrupt from None
    except BayesScalingError as error:
        raise _JobError(f"{type(error).__name__}: {error}") from error
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name} line {place.lineno}"
        raise _JobError(f"{type(error).__name__}: {error} ({where})") from error


def diagnostics_of(fit: Fit) -> dict[str, Any]:
    """Return the diagnostics that a result carries: ``rhat``, ``ess_bulk``, ``divergences``, ``ok``, ``warning``."""
    found = {c.name: float(c.found) for c in fit.diagnose().checks}
    return {
        "rhat": found["largest R-hat"], "ess_bulk": found["smallest bulk ESS"],
        "divergences": int(found["divergences"]), "ok": fit.diagnose().ok, "warning": failure_banner(fit),
    }  # fmt: skip
