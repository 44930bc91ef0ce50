"""A Dask cluster of a scheduler and worker processes on this machine: same results, a killed worker loses nothing."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import simulated

from bayes_scaling import cli
from bayes_scaling.errors import FitError
from bayes_scaling.fit import Job, SamplerSettings, cluster, connect, many_fits
from bayes_scaling.model import encode, make_spec

SETTINGS = SamplerSettings(draws=100, tune=100, chains=2)
WAIT = 60  # seconds


@contextlib.contextmanager
def process(*words):
    """Run a Dask program; yield the process and what it has said so far."""
    started = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli." + words[0], *words[1:]], stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    try:
        yield started
    finally:
        started.kill()
        started.wait()
        started.stderr.close()


def said(started, pattern):
    """Return the first match in what a process says."""
    until = time.monotonic() + WAIT
    while time.monotonic() < until:
        line = started.stderr.readline()
        if found := re.search(pattern, line):
            return found.group(1) if found.groups() else found.group()
        if started.poll() is not None:
            break
    raise AssertionError(f"no {pattern!r} was said")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The address of a scheduler with two workers."""
    folder = str(tmp_path_factory.mktemp("dask"))
    with process("dask_scheduler", "--port", "0", "--no-dashboard", "--host", "127.0.0.1") as scheduler:
        address = said(scheduler, r"Scheduler at:\s+(tcp://\S+)")
        common = ("dask_worker", address, "--nthreads", "1", "--no-dashboard", "--local-directory", folder)
        with process(*common, "--name", "one") as one, process(*common, "--name", "two") as two:
            for worker in (one, two):
                said(worker, "Registered to")
            yield address


@pytest.fixture(scope="module")
def client(address):
    """A client that has checked the workers."""
    with contextlib.closing(connect(address)) as made:
        yield made


def jobs(count):
    spec, rows = encode(make_spec("power_law", noise={"observation": "normal"}), simulated.ladder())
    return [Job(f"job {i}", spec, rows, SETTINGS, i, chosen=np.arange(len(rows)) != i) for i in range(count)]


def median(fit, job):
    return {name: float(np.median(value)) for name, value in fit.values().items()}


def slow_median(fit, job):
    time.sleep(0.4)
    return {**median(fit, job), "process": os.getpid()}


def test_results_are_those_of_this_process(client):
    there = {r.name: r for r in many_fits(jobs(6), median, executor=client, progressbar=False)}
    here = {r.name: r for r in many_fits(jobs(6), median, workers=0, progressbar=False)}
    assert {n: r.value for n, r in there.items()} == {n: r.value for n, r in here.items()}
    assert not any(r.missing for r in there.values())


def test_a_killed_worker_loses_nothing(client):
    killed, found = None, {}
    for result in many_fits(jobs(12), slow_median, executor=client, progressbar=False):
        found[result.name] = result
        if killed is None:  # its nanny starts another process in its place
            killed = result.value["process"]
            os.kill(killed, signal.SIGKILL)
    assert len(found) == 12
    assert not any(r.missing for r in found.values())
    here = {r.name: r.value for r in many_fits(jobs(12), median, workers=0, progressbar=False)}
    assert {n: {k: v for k, v in r.value.items() if k != "process"} for n, r in found.items()} == here


def test_workers_with_other_versions_are_refused(address, monkeypatch):
    monkeypatch.setattr(cluster, "versions", lambda real=cluster.versions: {**real(), "pymc": "0.1"})
    monkeypatch.setattr(cluster, "_there", lambda client: client.run(real_versions))
    with pytest.raises(FitError, match=r"2 of 2 workers have other versions.*pymc .*\(here 0\.1\)"):
        connect(address)


def real_versions():
    from bayes_scaling.fit.sample import versions

    return versions()


def test_a_scheduler_that_does_not_answer(capsys):
    with pytest.raises(FitError, match=r"no scheduler answers at tcp://127\.0\.0\.1:9 within 1 s"):
        connect("tcp://127.0.0.1:9", timeout=1)


def test_the_command_line_asks_the_cluster(address, capsys, tmp_path, monkeypatch):
    asked = {}

    def backtest(card, **options):
        asked["workers"] = len(options["executor"].nthreads())
        raise FitError("enough")

    monkeypatch.setattr("bayes_scaling.api.Card.backtest", backtest)
    code = cli.main(["backtest", "chinchilla", "--scheduler", address, "--folder", str(tmp_path), "--quiet"])
    assert code == cli.EXIT_ERROR
    assert asked["workers"] == 2
