"""Who does the work of many fits: this process, processes of our own, or an executor that is given."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any, Protocol

from bayes_scaling.errors import FitError

BLAS_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def cpus() -> int:
    """Return the number of processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_threads(call: Callable[..., None], *arguments: Sequence[Any]) -> None:
    """Make calls, in as many threads as there are processors: NumPy lets others work during long operations."""
    width = min(cpus(), len(arguments[0]))
    if width <= 1:
        list(map(call, *arguments))
        return
    with ThreadPoolExecutor(width) as threads:
        list(threads.map(call, *arguments))


class Crew(Protocol):
    """Starts calls; ``width`` of them at a time."""

    width: int
    remote: bool

    def start(self, call: Callable[..., str], *args: Any) -> Future[str]:
        """Start a call."""
        ...

    def renewed(self) -> Crew:
        """Return a crew without a past, after a worker died or before a second try."""
        ...

    def close(self, *, kill: bool) -> None:
        """Let go; with ``kill`` what still runs is ended."""
        ...


class Here:
    """The process we are in: one call after the other."""

    width, remote = 1, False

    def start(self, call: Callable[..., str], *args: Any) -> Future[str]:
        """Run a call now; an interrupt passes through."""
        future: Future[str] = Future()
        try:
            future.set_result(call(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def renewed(self) -> Crew:
        """Return itself."""
        return self

    def close(self, *, kill: bool) -> None:
        """Do nothing."""


class Processes:
    """Processes of our own, started afresh (`spawn`): forked ones inherit threads of numba and nutpie, and may hang.

    Raises
    ------
    FitError
        The processes do not start.
    """

    remote = True

    def __init__(self, width: int) -> None:
        self.width = width
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(width, mp_context=context, initializer=_leave_interrupts_to_parent)
        try:
            with _one_thread_each():
                started = [self._pool.submit(os.getpid) for _ in range(width)]
                for answer in started:
                    answer.result()
        except BrokenExecutor as error:
            raise FitError(
                "worker processes ended before they began. They import the script that starts them, so a script must "
                'call this under `if __name__ == "__main__":`; workers=0 does the work in this process instead.'
            ) from error

    def start(self, call: Callable[..., str], *args: Any) -> Future[str]:
        """Start a call."""
        return self._pool.submit(call, *args)

    def renewed(self) -> Crew:
        """Return fresh processes."""
        self.close(kill=True)
        return Processes(self.width)

    def close(self, *, kill: bool) -> None:
        """Shut down; with ``kill`` running calls are ended."""
        running = list((getattr(self._pool, "_processes", None) or {}).values()) if kill else []
        self._pool.shutdown(wait=not kill, cancel_futures=True)
        for process in running:
            process.terminate()


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let processes that start now do linear algebra on one thread each, unless the environment says otherwise."""
    ours = {name: "1" for name in BLAS_THREADS if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            del os.environ[name]


def _leave_interrupts_to_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class Given:
    """An executor of the caller's, which stays open; when it breaks, processes of our own go on."""

    remote = True

    def __init__(self, executor: Executor, width: int) -> None:
        self.width, self._executor = width, executor

    def start(self, call: Callable[..., str], *args: Any) -> Future[str]:
        """Start a call."""
        return self._executor.submit(call, *args)

    def renewed(self) -> Crew:
        """Return itself where the executor still works, else processes of our own."""
        try:
            self._executor.submit(os.getpid).result()
        except (BrokenExecutor, RuntimeError):
            return Processes(min(self.width, cpus()))
        return self

    def close(self, *, kill: bool) -> None:
        """Leave the caller's executor open."""


def hire(executor: Any, workers: int | None, jobs: int) -> Crew:
    """Return the crew for a number of jobs.

    Parameters
    ----------
    executor : Executor, Dask client or None
    workers : int, optional
        Calls at a time: 0 is this process; as many as processors or jobs when left out.

    Raises
    ------
    FitError
        Not an executor, not a number of workers.
    """
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 0):
        raise FitError(f"workers = {workers!r}; expected a whole number, 0 for this process.")
    if executor is None:
        width = cpus() if workers is None else workers
        return Processes(max(1, min(width, jobs))) if width and jobs else Here()
    threads = executor.nthreads() if hasattr(executor, "nthreads") else {}  # a Dask client
    if hasattr(executor, "get_executor"):
        executor = executor.get_executor()
    if not hasattr(executor, "submit"):
        raise FitError(
            f"executor is a {type(executor).__name__}; expected a concurrent.futures.Executor, a Dask client or None."
        )
    width = workers or getattr(executor, "_max_workers", 0) or sum(threads.values()) or cpus()
    return Given(executor, width)
