"""Weighting laws: their predictive distributions combined by stacking.

Weights come from densities of rows that were held out at the largest scales, and beside them from
leave-one-out, which asks for another run like these. The mixture of forecasts is itself a Forecast.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_scaling.compare.scores import HeldOut, predictive, score_draws
from bayes_scaling.errors import ForecastError, listed
from bayes_scaling.forecasts import Forecast

if TYPE_CHECKING:
    from bayes_scaling.compare.backtest import Backtest
    from bayes_scaling.fit import Fit

LEAST_BLOCKS = 10
SHRINKAGE = 5.0
_ROUNDS, _TOLERANCE = 20_000, 1e-12


@dataclass(frozen=True)
class Weights:
    """Weights of laws.

    Attributes
    ----------
    table : DataFrame
        One row per law: ``weight`` (stacking on held-out scales), its ``lower`` and ``upper`` ends (90 % interval,
        bootstrapped over blocks), ``lpd`` (mean over a block's rows, then over blocks), and ``loo_weight`` where
        fits were given.
    blocks : int
        Number of blocks, a unit (run, family) in a fold each.
    notes : tuple of str
        What limits the weights.
    """

    table: pd.DataFrame
    blocks: int
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, float]:
        """Return the weight of each law."""
        return {str(k): float(v) for k, v in self.table.set_index("law")["weight"].items()}

    def __repr__(self) -> str:
        notes = "".join(f"\nnote: {n}" for n in self.notes)
        return (
            f"<Weights of {len(self.table)} laws from {self.blocks} blocks>\n{self.table.to_string(index=False)}{notes}"
        )


def stacking_weights(
    log_density: np.ndarray, block: np.ndarray | None = None, *, shrinkage: float = SHRINKAGE
) -> np.ndarray:
    """Return the weights that maximise the mean log density of the mixture.

    Parameters
    ----------
    log_density : ndarray, shape (row, law)
        Log predictive density of each held-out row under each law.
    block : ndarray, shape (row,), optional
        Block of each row; a block counts once, however many rows it has. Each row by itself when left out.
    shrinkage : float
        Strength of the prior towards equal weights, in blocks (a Dirichlet prior with
        concentration ``1 + shrinkage / laws``).

    Returns
    -------
    ndarray, shape (law,)

    Notes
    -----
    Yao, Vehtari, Simpson and Gelman (2018), arXiv:1704.02030, eq. 5, with a prior; by expectation-maximisation.
    """
    codes = np.arange(len(log_density)) if block is None else pd.factorize(block)[0]
    share = 1.0 / np.bincount(codes)[codes]
    blocks, laws = codes.max() + 1, log_density.shape[1]
    density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    weights = np.full(laws, 1.0 / laws)
    for _ in range(_ROUNDS):
        mixed = density * weights
        belongs = (share[:, None] * mixed / mixed.sum(axis=1, keepdims=True)).sum(axis=0)
        fresh = (belongs + shrinkage / laws) / (blocks + shrinkage)
        change, weights = np.abs(fresh - weights).max(), fresh
        if change < _TOLERANCE:
            break
    return weights


def law_weights(
    backtests: Mapping[str, Backtest],
    fits: Mapping[str, Fit] | None = None,
    *,
    shrinkage: float = SHRINKAGE,
    resamples: int = 200,
    random_seed: int = 0,
) -> Weights:
    """Weight laws by the densities that they gave to rows held out at the largest scales.

    Parameters
    ----------
    backtests : mapping of str to Backtest
        The same folds of the same table, by name of the law.
    fits : mapping of str to Fit, optional
        Fits of the same laws to all rows, for the weights by leave-one-out beside.
    shrinkage : float
        Strength of the prior towards equal weights, in blocks.
    resamples : int
        Bootstrap resamples for the interval of the weights.

    Returns
    -------
    Weights
        Equal ones, with a note, under 10 blocks: so few cannot tell laws apart.

    Raises
    ------
    ForecastError
        One law only, or backtests without common held-out rows.
    """
    density, notes = _common_rows(backtests)
    names = list(backtests)
    block = pd.factorize(density["unit"].astype(str) + "|" + density["fold"].astype(str))[0]
    values, count = density[names].to_numpy(), int(block.max()) + 1
    table = pd.DataFrame(
        {"law": names, "lpd": [pd.Series(values[:, i]).groupby(block).mean().mean() for i in range(len(names))]}
    )
    if count < LEAST_BLOCKS:
        table["weight"], table["lower"], table["upper"] = 1 / len(names), np.nan, np.nan
        notes.append(f"{count} blocks are too few to tell laws apart (at least {LEAST_BLOCKS}): weights are equal.")
    else:
        table["weight"] = stacking_weights(values, block, shrinkage=shrinkage)
        table["lower"], table["upper"] = _bootstrap(values, block, shrinkage, resamples, random_seed)
    if fits is not None:
        table["loo_weight"], told = _loo_weights(fits, names)
        notes += told
    order = ["law", "weight", "lower", "upper", "lpd", *(["loo_weight"] if fits is not None else [])]
    return Weights(table[order], count, tuple(notes))


def _common_rows(backtests: Mapping[str, Backtest]) -> tuple[pd.DataFrame, list[str]]:
    """Return log densities of rows that every law forecast, and notes on what is missing."""
    if len(backtests) < 2:
        raise ForecastError(f"weights need at least two laws; found {listed(backtests)}.")
    notes, joined, most = [], pd.DataFrame(), 0
    for name, one in backtests.items():
        if one.banner:
            notes.append(f"{name}: {one.banner}")
        part = one.frame[["fold", "row", "unit", "lpd"]].rename(columns={"lpd": name})
        most = max(most, len(part))
        joined = part if joined.empty else joined.merge(part, on=["fold", "row", "unit"])
    if joined.empty:
        raise ForecastError(
            f"the backtests of {listed(backtests)} share no held-out row; make them on the same table and folds."
        )
    if len(joined) < most:
        notes.append(f"weights rest on the {len(joined)} held-out rows that every law forecast, of {most}.")
    return joined, notes


def _bootstrap(
    values: np.ndarray, block: np.ndarray, shrinkage: float, resamples: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the 90 % interval of each weight over resampled blocks."""
    rng = np.random.default_rng(seed)
    rows = [np.flatnonzero(block == b) for b in range(block.max() + 1)]
    found = []
    for _ in range(resamples):
        chosen = rng.integers(0, len(rows), len(rows))
        where = np.concatenate([rows[b] for b in chosen])
        again = np.repeat(np.arange(len(chosen)), [len(rows[b]) for b in chosen])
        found.append(stacking_weights(values[where], again, shrinkage=shrinkage))
    low, high = np.quantile(found, [0.05, 0.95], axis=0)
    return low, high


def _loo_weights(fits: Mapping[str, Fit], names: list[str]) -> tuple[np.ndarray, list[str]]:
    """Return stacking weights by leave-one-out, and notes on units whose Pareto k is too large."""
    from bayes_scaling.check import loo

    missing = [n for n in names if n not in fits]
    if missing:
        raise ForecastError(f"no fit is given for {listed(missing)}; give one per law, or leave fits out.")
    found = {name: loo(fits[name]) for name in names}
    units = {name: tuple(one.pointwise["unit"]) for name, one in found.items()}
    if len(set(units.values())) > 1:
        sizes = {name: len(u) for name, u in units.items()}
        raise ForecastError(
            f"leave-one-out of the fits has different units ({sizes}); fit the same rows with like noise."
        )
    bad = {name: int(one.table["bad_k"].iloc[0]) for name, one in found.items()}
    notes = [f"{name}: {n} units with a Pareto k above its limit; loo_weight is unsure" for name, n in bad.items() if n]
    elpd = np.stack([one.pointwise["elpd"].to_numpy() for one in found.values()], axis=1)
    return stacking_weights(elpd, shrinkage=0.0), notes


def _counts(weights: np.ndarray, total: int) -> np.ndarray:
    """Return whole numbers of draws in proportion to weights (largest remainders), adding up to the total."""
    exact = weights * total
    counts = np.floor(exact).astype(int)
    rest = total - counts.sum()
    counts[np.argsort(exact - counts)[::-1][:rest]] += 1
    return counts


def _mixed_draws(draws: list[np.ndarray], weights: np.ndarray, seed: int) -> np.ndarray:
    """Return draws of the mixture, shape (draw, point); a kept draw keeps all its points."""
    rng = np.random.default_rng(seed)
    total = min(len(d) for d in draws)
    parts = [d[rng.choice(len(d), n, replace=False)] for d, n in zip(draws, _counts(weights, total), strict=True)]
    return rng.permutation(np.concatenate(parts), axis=0)


def _as_array(weights: Weights | Mapping[str, float], names: list[str]) -> np.ndarray:
    given = weights.as_dict() if isinstance(weights, Weights) else dict(weights)
    if set(given) != set(names):
        raise ForecastError(
            f"weights are of {listed(given)}, forecasts of {listed(names)}; name the same laws in both."
        )
    found = np.array([given[n] for n in names], dtype=float)
    if (found < 0).any() or not np.isclose(found.sum(), 1.0, atol=1e-6):
        raise ForecastError(f"weights are {given}; expected numbers of at least 0 that add up to 1.")
    return found / found.sum()


def mixture(
    forecasts: Mapping[str, Forecast], weights: Weights | Mapping[str, float], *, random_seed: int = 0
) -> Forecast:
    """Combine forecasts of the same points into one.

    Parameters
    ----------
    forecasts : mapping of str to Forecast
        By law; the same points, outcome and kind.
    weights : Weights or mapping of str to float
    random_seed : int

    Returns
    -------
    Forecast
        Its draws are drawn from the parts in proportion to the weights; levels are those of the first.

    Raises
    ------
    ForecastError
        Forecasts of different points, kinds or outcomes; weights of other laws.
    """
    names, parts = list(forecasts), list(forecasts.values())
    shares = _as_array(weights, names)
    shared = [c for c in parts[0].points.columns if all(c in p.points.columns for p in parts)]
    for name, part in forecasts.items():
        same = (part.outcome, part.kind, len(part.points)) == (parts[0].outcome, parts[0].kind, len(parts[0].points))
        if not same or not part.points[shared].equals(parts[0].points[shared]):
            raise ForecastError(f"the forecast of {name} is of other points, outcome or kind than that of {names[0]}.")
    draws = _mixed_draws([p.draws for p in parts], shares, random_seed)
    told = ", ".join(f"{n} {w:.2f}" for n, w in zip(names, shares, strict=True))
    banner = "; ".join(f"{n}: {p.banner}" for n, p in forecasts.items() if p.banner)
    return replace(
        parts[0], draws=draws, mcse_median=np.full(draws.shape[1], np.nan), banner=banner, title=f"mixture of {told}"
    )


def score_mixture(
    fits: Mapping[str, Fit],
    weights: Weights | Mapping[str, float],
    held_out: pd.DataFrame,
    *,
    level: float = 0.9,
    levels: tuple[float, ...] = (),
    new_groups: str = "error",
    random_seed: int = 0,
) -> pd.DataFrame:
    """Score the mixture's forecasts of rows that were not fitted; as :func:`bayes_scaling.compare.score`."""
    shares = _as_array(weights, list(fits))
    parts = [predictive(fit, held_out, new_groups=new_groups, random_seed=random_seed) for fit in fits.values()]
    return score_draws(mixed(parts, shares, random_seed=random_seed), level=level, levels=levels)


def mixed(parts: list[HeldOut], weights: np.ndarray, *, random_seed: int = 0) -> HeldOut:
    """Return the mixture of predictive distributions of the same rows: mixed draws, exact density."""
    draws = _mixed_draws([p.draws for p in parts], weights, random_seed)
    with np.errstate(divide="ignore"):
        lpd = np.logaddexp.reduce([np.log(w) + p.lpd for w, p in zip(weights, parts, strict=True)], axis=0)
    return replace(parts[0], draws=draws, lpd=lpd)
