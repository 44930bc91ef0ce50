"""A progress line for many fits or pages, on stderr, in a terminal, a notebook or a log."""

from __future__ import annotations

import sys
import time

LINES = 10  # in a log, at most about so many lines


class Progress:
    """Says how many of a number of jobs are done, how many are missing and how long the rest may take.

    Parameters
    ----------
    total : int
    title : str
    shown : bool
        False keeps silent.
    unit : str
        What is counted.
    """

    def __init__(self, total: int, title: str, *, shown: bool, unit: str = "fits") -> None:
        self.total, self.title, self.shown, self.unit = total, title, shown, unit
        self.done = self.missing = 0
        self._started = time.perf_counter()
        self._live = sys.stderr.isatty() or "ipykernel" in sys.modules
        self._width = 0

    def start(self, resumed: int) -> None:
        """Say what is there already, before the first new result."""
        self.done = resumed
        self._fresh_from = resumed
        unit = self.unit.removesuffix("s") if self.total == 1 else self.unit
        there = f" ({resumed} of them found in the folder)" if resumed else ""
        self._write(f"{self.title}: {self.total} {unit}{there}", last=not self._live)

    def step(self, *, missing: bool = False) -> None:
        """Count one more job."""
        self.done += not missing
        self.missing += missing
        ended = self.done + self.missing
        if self._live or ended == self.total or ended % max(1, self.total // LINES) == 0:
            self._write(self._text(ended), last=not self._live)

    def close(self) -> None:
        """End the line."""
        if self._live and self.shown:
            print(file=sys.stderr, flush=True)

    def _text(self, ended: int) -> str:
        text = f"{self.title}: {self.done} of {self.total} done"
        if self.missing:
            text += f", {self.missing} MISSING"
        passed, fresh = time.perf_counter() - self._started, ended - self._fresh_from
        if ended == self.total:
            return f"{text} in {_clock(passed)}"
        return f"{text}, about {_clock(passed / fresh * (self.total - ended))} left" if fresh else text

    def _write(self, text: str, *, last: bool) -> None:
        if not self.shown:
            return
        padded = text.ljust(self._width)  # what a longer text left behind is written over
        self._width = len(text)
        print(text if last else f"\r{padded}", end="\n" if last else "", file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
