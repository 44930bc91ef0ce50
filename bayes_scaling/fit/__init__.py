"""Fit: sample a model, say whether the result is usable, keep it.

``sampler.py`` compiles once and samples often (nutpie); ``sample.py`` makes a Fit;
``result.py`` is the Fit; ``summary.py`` and ``diagnostics.py`` its tables; ``store.py`` its file;
``chain.py`` two of them, loss and then accuracy.
``many.py`` many fits, with ``subset.py`` (some rows), ``crew.py`` (who works), ``folder.py`` (what is kept).
"""

from __future__ import annotations

from bayes_scaling.fit.chain import ChainFit, ChainModel, sample_chain
from bayes_scaling.fit.cluster import connect
from bayes_scaling.fit.diagnostics import Check, Diagnosis, diagnose, failure_banner
from bayes_scaling.fit.many import Job, JobResult, diagnostics_of, gaps, many_fits
from bayes_scaling.fit.result import Fit
from bayes_scaling.fit.sample import assemble, sample, unsampled
from bayes_scaling.fit.sampler import Sampler, SamplerSettings
from bayes_scaling.fit.store import load, save
from bayes_scaling.fit.summary import summary

__all__ = [
    "ChainFit",
    "ChainModel",
    "Check",
    "Diagnosis",
    "Fit",
    "Job",
    "JobResult",
    "Sampler",
    "SamplerSettings",
    "assemble",
    "connect",
    "diagnose",
    "diagnostics_of",
    "failure_banner",
    "gaps",
    "load",
    "many_fits",
    "sample",
    "sample_chain",
    "save",
    "summary",
    "unsampled",
]
