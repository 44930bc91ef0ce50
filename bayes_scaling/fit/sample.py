"""Fit a specification to a table."""

from __future__ import annotations

import importlib.metadata
import platform
import secrets
import time
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import pandas as pd

from bayes_scaling.data import data_hash
from bayes_scaling.errors import FitError
from bayes_scaling.fit.engine import draw_posterior
from bayes_scaling.fit.result import Fit
from bayes_scaling.fit.sampler import Sampler, SamplerSettings, with_published
from bayes_scaling.model import Rows, encode
from bayes_scaling.model.spec import ModelSpec

_REPORTED = ("bayes-scaling", "pymc", "pytensor", "nutpie", "arviz", "numpy", "pandas", "xarray")


def versions() -> dict[str, str]:
    """Return the versions that a fit depends on."""
    return dict(_versions())


@cache
def _versions() -> dict[str, str]:
    """Return them, looked up once: that takes 20 ms, a tenth of a small fit."""
    found = {"python": platform.python_version()}
    for name in _REPORTED:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # a source tree that was not installed
            found[name] = "not installed"
    return found


def sample(
    spec: ModelSpec,
    frame: pd.DataFrame,
    *,
    settings: SamplerSettings | None = None,
    random_seed: int | None = None,
    progressbar: bool = True,
    exclude_flags: Sequence[str] = (),
    card: Mapping[str, Any] | None = None,
    title: str = "",
) -> Fit:
    """Sample the posterior of a model on a table of runs.

    Parameters
    ----------
    spec : ModelSpec
    frame : DataFrame
        Runs in the package's vocabulary.
    settings : SamplerSettings, optional
    random_seed : int, optional
        The same seed gives the same draws on the same machine and versions once the model is compiled and
        cached: a first fit, which compiles, may differ in the last digits, and chains then drift apart. One is
        chosen and stored when left out.
    progressbar : bool
    exclude_flags : sequence of str
        Rows with one of these flags are left out and counted.
    card : mapping, optional
        The card this fit was made from, kept with it.

    Returns
    -------
    Fit

    Raises
    ------
    DataError, CardError, FitError
    """
    settings = settings or SamplerSettings()
    seed = choose_seed(random_seed)
    settled, rows = encode(spec, frame, exclude_flags=exclude_flags)
    started = time.perf_counter()
    seconds = {"compile": 0.0}

    def nuts() -> Any:
        begun = time.perf_counter()
        sampler = Sampler(settled, rows)
        seconds["compile"] = time.perf_counter() - begun
        return sampler.sample(settings, seed=seed, progressbar=progressbar)

    tree, engine = draw_posterior(settled, rows, settings, seed, nuts)
    seconds["sample"] = time.perf_counter() - started - seconds["compile"]
    return assemble(
        settled, rows, tree, settings=settings, seed=seed, seconds=seconds, card=card, title=title,
        exclude_flags=exclude_flags, asked_groups=spec.groups, engine=engine,
    )  # fmt: skip


def assemble(
    spec: ModelSpec,
    rows: Rows,
    tree: Any,
    *,
    settings: SamplerSettings,
    seed: int,
    seconds: Mapping[str, float] | None = None,
    card: Mapping[str, Any] | None = None,
    title: str = "",
    exclude_flags: Sequence[str] = (),
    asked_groups: Sequence[str] | None = None,
    engine: Mapping[str, Any] | None = None,
) -> Fit:
    """Return the Fit of sampled draws: published names added, provenance attached."""
    import xarray as xr

    posterior = with_published(spec, tree["posterior"].to_dataset())
    stats = tree["sample_stats"].to_dataset()
    wanted = ["diverging", "depth", "energy", "n_steps", "maxdepth_reached", "step_size", "logp"]
    kept = stats[[n for n in wanted if n in stats]]
    kept = kept.assign({n: kept[n].astype(float) for n in kept if kept[n].dtype.kind not in "fb"})
    idata = xr.DataTree.from_dict({"posterior": posterior, "sample_stats": kept})
    meta = {
        "title": title,
        "seed": seed,
        "settings": vars(settings).copy(),
        "seconds": dict(seconds or {}),
        "engine": dict(engine or {"name": "nuts"}),
        "versions": versions(),
        "data_hash": data_hash(rows.frame),
        "exclude_flags": list(exclude_flags),
        **_of_rows(rows, spec.groups if asked_groups is None else asked_groups),
        "card": dict(card) if card else None,
    }
    return Fit(idata, spec, rows.frame, meta)


def _of_rows(rows: Rows, asked_groups: Sequence[str]) -> dict[str, Any]:
    """Return what a fit keeps of its rows beside the table: levels, paths, what was left out."""
    return {
        "left_out": dict(rows.left_out),
        "notices": list(rows.notices),
        "coords": rows.coords,
        "paths": None if rows.paths is None else rows.paths.as_dict(),
        "asked_groups": list(asked_groups),
    }


def unsampled(spec: ModelSpec, frame: pd.DataFrame, *, exclude_flags: Sequence[str] = ()) -> Fit:
    """Return a fit that knows its rows and levels and has no draws yet, so that questions can be checked against it.

    Parameters
    ----------
    spec, frame, exclude_flags :
        As of :func:`sample`.

    Raises
    ------
    DataError, CardError
    """
    import xarray as xr

    settled, rows = encode(spec, frame, exclude_flags=exclude_flags)
    return Fit(xr.DataTree(), settled, rows.frame, _of_rows(rows, spec.groups))


def choose_seed(random_seed: int | None) -> int:
    """Return the seed, or a new one where none is given."""
    if random_seed is None:
        return secrets.randbits(31)
    if not isinstance(random_seed, int) or isinstance(random_seed, bool) or random_seed < 0:
        raise FitError(f"random_seed = {random_seed!r}; expected a whole number of at least 0.")
    return random_seed
