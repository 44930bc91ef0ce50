"""The folder of many fits: a stored result is of the same formula, reduction, version and facts, or it is refused."""

import errno
import functools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bayes_scaling.errors import FitError
from bayes_scaling.fit import Job, SamplerSettings, folder
from bayes_scaling.fit.folder import ResultFolder, formula_hash, name_of
from bayes_scaling.laws.m1 import M1
from bayes_scaling.model import encode, make_spec

RESULT = {"value": 1.0, "diagnostics": {}, "seconds": 0.0}


class Bent(M1):
    """M1's declarations with another formula."""

    def mean(self, xp, *, scale, L_ref, alpha):
        return L_ref * xp.exp(-alpha * xp.log(scale / self.reference["scale"]) ** 2)


class Again(M1):
    """M1 itself, by another name."""


def average(fit, job):
    return 1.0


def another(fit, job):
    return 2.0


def job_of(law, **about):
    tokens = np.geomspace(1e8, 1e10, 8)
    frame = pd.DataFrame({"tokens": tokens, "loss": 2.3 * (tokens / 2e10) ** -0.05})
    settled, rows = encode(make_spec(law.reading(scale="tokens"), noise={"run_effect": False}), frame)
    return Job("one", settled, rows, SamplerSettings(), 0, about=about)


def store(path, job, reduce=average):
    return ResultFolder(path, [job], reduce)


@pytest.fixture
def kept(tmp_path):
    """A folder that holds the result of one job."""
    job = job_of(M1())
    store(tmp_path / "kept", job).write(job, RESULT)
    return tmp_path / "kept"


def test_the_same_job_is_found(kept):
    job = job_of(M1())
    assert store(kept, job).finished(job) == RESULT


def test_another_formula_of_the_same_name_is_refused(kept):
    job = job_of(Bent())
    assert Bent.name == M1.name
    with pytest.raises(FitError, match="was made otherwise: formula is"):
        store(kept, job).finished(job)


def test_another_reduction_is_refused(kept):
    job = job_of(M1())
    with pytest.raises(FitError, match=r"reduce is \".*average\" there and \".*another\" here"):
        store(kept, job, another).finished(job)


def test_another_version_is_refused(kept, monkeypatch):
    monkeypatch.setattr(folder, "versions", lambda: {"bayes-scaling": "99.0"})
    job = job_of(M1())
    with pytest.raises(FitError, match=r'version is .* there and "99.0" here'):
        store(kept, job).finished(job)


def test_what_is_not_a_number_is_equal_to_itself(tmp_path):
    job = job_of(M1(), cut=float("nan"), cuts=[1.0, np.nan, np.inf])
    store(tmp_path, job).write(job, RESULT)
    assert store(tmp_path, job).finished(job) == RESULT
    other = replace(job, about={"cut": 1.0, "cuts": [1.0, np.nan, np.inf]})
    with pytest.raises(FitError, match=r'about.cut is "NaN" there and 1.0 here'):
        store(tmp_path, other).finished(other)


def test_names_of_reductions():
    assert name_of(average).endswith("test_folder.average")
    assert name_of(functools.partial(average, job=3)) == name_of(average) + "(job=3)"
    assert name_of(functools.partial(average, another)) == f"{name_of(average)}({name_of(another)})"

    class Called:
        def __call__(self, fit, job):
            return 1.0

    assert name_of(Called()).endswith("Called")


def test_hashes_of_formulas():
    assert formula_hash(M1) == formula_hash(M1)
    assert len({formula_hash(law) for law in (M1, Bent, Again)}) == 3


def test_a_formula_typed_at_a_prompt(monkeypatch):
    """Without a file the compiled formula is compared."""

    def nowhere(part):
        raise OSError("source code not available")

    monkeypatch.setattr(folder.inspect, "getsource", nowhere)
    assert formula_hash(M1) != formula_hash(Bent)
    assert formula_hash(M1) == formula_hash(Again)


def test_a_full_disk_is_told_and_keeps_what_was_written(kept, monkeypatch):
    def full(*paths):
        raise OSError(errno.ENOSPC, "No space left on device")

    job, before = job_of(M1()), sorted(kept.iterdir())
    there = store(kept, job)
    monkeypatch.setattr(folder.os, "replace", full)
    with pytest.raises(FitError, match=r"could not be written \(No space left on device\).*a rerun goes on"):
        there.write(job, {**RESULT, "value": 2.0})
    monkeypatch.undo()
    assert sorted(kept.iterdir()) == before
    assert store(kept, job).finished(job) == RESULT
