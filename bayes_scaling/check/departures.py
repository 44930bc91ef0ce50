"""How far the rows and the fitted discrepancy depart from the law, path by path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from bayes_scaling.errors import ForecastError, did_you_mean, listed
from bayes_scaling.fit import Fit
from bayes_scaling.fit.departure import departure
from bayes_scaling.fit.evaluate import fitted_draws, law, take
from bayes_scaling.fit.summary import check_interval
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.model.noise import modelled

DRAWS = 500


def departures(
    fit: Fit, *, paths: Sequence[str] | None = None, level: float = 0.9, points: int = 60, draws: int = DRAWS,
    random_seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """Return the law discrepancy along paths, given the fitted rows.

    Parameters
    ----------
    fit : Fit
        Of a model with a discrepancy.
    paths : sequence of str, optional
        Names of paths (``fit.paths.levels``); all by default.
    level : float
        Probability of the equal-tailed interval.
    points : int
        Scales per path, evenly spaced in the logarithm; those of its rows come on top.
    draws : int
        At most this many posterior draws.

    Returns
    -------
    DataFrame
        Per path and scale: ``path``, the scale's column, ``median``, ``lower``, ``upper`` of the departure in
        log loss (of accuracy: log-odds above chance), ``level`` and ``interval``.

    Raises
    ------
    ForecastError
        The model has no discrepancy, or a path was not fitted.
    """
    check_interval(level, "eti")
    chosen, code = _chosen(fit, paths), fit.rows.index["path"]
    over = fit.spec.noise.discrepancy.over
    source, rng, tables = fitted_draws(fit, limit=draws), np.random.default_rng(random_seed), []
    for number in chosen:
        here = np.flatnonzero(code == number)
        seen = fit.frame[over].to_numpy(dtype=float)[here]
        scale = np.unique(np.r_[seen, np.geomspace(seen.min(), seen.max(), points)])
        at = take(fit.rows, np.repeat(here[:1], len(scale)))
        at = replace(at, frame=at.frame.assign(**{over: scale}))
        found = departure(source, at, np.full(len(scale), number), rng).path
        low, middle, high = np.quantile(np.asarray(found), [(1 - level) / 2, 0.5, (1 + level) / 2], axis=0)
        name = fit.paths.levels[number] if fit.paths is not None else ""
        tables.append(pd.DataFrame({"path": name, over: scale, "median": middle, "lower": low, "upper": high}))
    return fit.marked(pd.concat(tables, ignore_index=True).assign(level=level, interval="eti"))


def law_residuals(fit: Fit, *, paths: Sequence[str] | None = None, draws: int = DRAWS) -> pd.DataFrame:
    """Return the fitted rows of paths with their residual from the law's median.

    Parameters
    ----------
    paths : sequence of str, optional
        Names of paths; all by default.

    Returns
    -------
    DataFrame
        The rows with ``path`` and ``residual`` in log loss (of accuracy: log-odds above chance), from the median
        over draws of the law (and of the run effect, where one is modelled).

    Raises
    ------
    ForecastError
        The model has no discrepancy, or a path was not fitted.
    """
    chosen, code = _chosen(fit, paths), fit.rows.index["path"]
    rows = take(fit.rows, np.flatnonzero(np.isin(code, chosen)))
    source, xp, outcome = fitted_draws(fit, limit=draws), numpy_backend(), fit.spec.outcome
    chance = rows.column("chance", 0.0)
    center = modelled(xp, outcome, law(source, rows)[0], chance)
    if fit.spec.noise.run_effect:
        center = center + source.values["run_effect"][:, rows.index["run"]]
    residual = modelled(xp, outcome, rows.column(outcome), chance) - np.median(center, axis=0)
    levels = np.array(fit.paths.levels if fit.paths is not None else [], dtype=object)
    return rows.frame.assign(path=levels[rows.index["path"]], residual=residual)


def spread_paths(fit: Fit, count: int) -> list[str]:
    """Return at most `count` paths, from the one whose rows depart least from the law to the one that departs most."""
    sizes = law_residuals(fit, draws=200).groupby("path", sort=True)["residual"].agg(lambda e: np.sqrt((e**2).mean()))
    names = list(sizes.sort_values(kind="stable").index)
    if len(names) <= count:
        return names
    return [names[i] for i in np.linspace(0, len(names) - 1, count).round().astype(int)]


def _chosen(fit: Fit, paths: Sequence[str] | None) -> list[int]:
    """Return the positions of paths by name."""
    if fit.paths is None:
        raise ForecastError(
            "this model has no law discrepancy, so that there is no departure to show; fit one with "
            'noise = {"discrepancy": "ou"} (or "wiener").'
        )
    known = {name: i for i, name in enumerate(fit.paths.levels)}
    for name in paths or ():
        if name not in known:
            raise ForecastError(
                f"path {name!r} was not fitted; fitted are {listed(known)}." + did_you_mean(str(name), known)
            )
    return [known[name] for name in paths] if paths is not None else list(known.values())
