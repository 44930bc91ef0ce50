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

from bayes_scaling.compare.joined import common_rows, common_units
from bayes_scaling.compare.scores import HeldOut, predictive, score_draws
from bayes_scaling.errors import ForecastError, listed
from bayes_scaling.forecasts import Forecast
from bayes_scaling.forecasts.scales import together

if TYPE_CHECKING:
    from bayes_scaling.compare.backtest import Backtest
    from bayes_scaling.fit import Fit

LEAST_UNITS = 10
SHRINKAGE = 5.0
_ROUNDS, _TOLERANCE = 20_000, 1e-12


@dataclass(frozen=True)
class Weights:
    """Weights of laws.

    Attributes
    ----------
    table : DataFrame
        One row per law: ``weight`` (stacking on held-out scales), its ``lower`` and ``upper`` ends (90 % interval,
        bootstrapped over units), ``lpd`` (mean over a block's rows, a unit's blocks, then units), and ``loo_weight``
        where fits were given.
    blocks : int
        Number of blocks, a unit (run, family) in a fold each.
    units : int
        Number of units, which are what counts as evidence: further folds of the same units are not new runs.
    notes : tuple of str
        What limits the weights.
    """

    table: pd.DataFrame
    blocks: int
    units: int
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, float]:
        """Return the weight of each law."""
        return {str(k): float(v) for k, v in self.table.set_index("law")["weight"].items()}

    def __repr__(self) -> str:
        notes = "".join(f"\nnote: {n}" for n in self.notes)
        what = f"{len(self.table)} laws from {self.units} units in {self.blocks} blocks"
        return f"<Weights of {what}>\n{self.table.to_string(index=False)}{notes}"


def stacking_weights(
    log_density: np.ndarray,
    block: np.ndarray | None = None,
    unit: np.ndarray | None = None,
    *,
    shrinkage: float = SHRINKAGE,
) -> np.ndarray:
    """Return the weights that maximise the mean log density of the mixture.

    Parameters
    ----------
    log_density : ndarray, shape (row, law)
        Log predictive density of each held-out row under each law.
    block : ndarray, shape (row,), optional
        Block of each row; its rows are averaged. Each row by itself when left out.
    unit : ndarray, shape (row,), optional
        Unit of each row; it counts once, however many blocks (folds) it has. Each block by itself when left out.
    shrinkage : float
        Strength of the prior towards equal weights, in units (a Dirichlet prior with
        concentration ``1 + shrinkage / laws``).

    Returns
    -------
    ndarray, shape (law,)

    Raises
    ------
    ForecastError
        A row whose density is missing, infinite, or zero under every law.

    Notes
    -----
    Yao, Vehtari, Simpson and Gelman (2018), arXiv:1704.02030, eq. 5, with a prior; by expectation-maximisation.
    """
    log_density = np.asarray(log_density, dtype=float)
    _check_density(log_density)
    share = _shares(len(log_density), block, unit)
    units, laws = share.sum(), log_density.shape[1]
    density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    weights = np.full(laws, 1.0 / laws)
    for _ in range(_ROUNDS):
        mixed = density * weights
        belongs = (share[:, None] * mixed / mixed.sum(axis=1, keepdims=True)).sum(axis=0)
        fresh = (belongs + shrinkage / laws) / (units + shrinkage)
        change, weights = np.abs(fresh - weights).max(), fresh
        if change < _TOLERANCE:
            break
    return weights


def _check_density(log_density: np.ndarray) -> None:
    """Raise where a row cannot be weighed."""
    rows = len(log_density)
    unknown = int((np.isnan(log_density) | np.isposinf(log_density)).any(axis=1).sum())
    nowhere = int(np.isneginf(log_density).all(axis=1).sum())
    if unknown or nowhere or not rows:
        raise ForecastError(
            f"of {rows} rows, {unknown} have a log density that is missing or infinite under some law, and {nowhere} "
            "have density zero under every law; expected at least one row, and for each a log density per law. Look "
            "at these rows (outcome, diagnostics of the fits), and leave them out of every law's."
        )


def _shares(rows: int, block: np.ndarray | None, unit: np.ndarray | None) -> np.ndarray:
    """Return what each row counts: units one each, shared among their blocks, and those among their rows."""
    codes = np.arange(rows) if block is None else np.asarray(pd.factorize(block)[0])
    share = 1.0 / np.bincount(codes)[codes]
    if unit is None:
        return share
    of_unit = np.asarray(pd.factorize(unit)[0])
    return share / np.bincount(of_unit, weights=share)[of_unit]


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
        The same folds of the same table, by name of the law. Laws may use different rows of it.
    fits : mapping of str to Fit, optional
        Fits of the same laws to all rows, for the weights by leave-one-out beside.
    shrinkage : float
        Strength of the prior towards equal weights, in units.
    resamples : int
        Bootstrap resamples of units for the interval of the weights.

    Returns
    -------
    Weights
        Equal ones, with a note, under 10 units: so few cannot tell laws apart. Densities are averaged over the
        rows of a block (a unit in a fold), then over a unit's blocks: repeated folds are no further evidence.

    Raises
    ------
    ForecastError
        One law only, backtests without common held-out rows or of different tables, a row without density.
    """
    density, notes = common_rows(backtests)
    names = list(backtests)
    unit = np.asarray(pd.factorize(density["unit"].astype(str))[0])
    block = np.asarray(pd.factorize(density["unit"].astype(str) + "|" + density["fold"].astype(str))[0])
    values, units, blocks = density[names].to_numpy(dtype=float), int(unit.max()) + 1, int(block.max()) + 1
    _check_density(values)
    table = pd.DataFrame({"law": names, "lpd": _shares(len(values), block, unit) @ values / units})
    if units < LEAST_UNITS:
        table["weight"], table["lower"], table["upper"] = 1 / len(names), np.nan, np.nan
        notes.append(
            f"{units} units ({blocks} blocks of unit and fold) are too few to tell laws apart (at least {LEAST_UNITS} "
            "units; further folds of the same are not new evidence): weights are equal."
        )
    else:
        table["weight"] = stacking_weights(values, block, unit, shrinkage=shrinkage)
        table["lower"], table["upper"] = _bootstrap(values, block, unit, shrinkage, resamples, random_seed)
    if fits is not None:
        elpd, told = common_units(fits, names)
        table["loo_weight"], notes = stacking_weights(elpd, shrinkage=0.0), [*notes, *told]
    order = ["law", "weight", "lower", "upper", "lpd", *(["loo_weight"] if fits is not None else [])]
    return Weights(table[order], blocks, units, tuple(notes))


def _bootstrap(
    values: np.ndarray, block: np.ndarray, unit: np.ndarray, shrinkage: float, resamples: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the 90 % interval of each weight over resampled units."""
    rng = np.random.default_rng(seed)
    rows = [np.flatnonzero(unit == u) for u in range(unit.max() + 1)]
    found = []
    for _ in range(resamples):
        chosen = rng.integers(0, len(rows), len(rows))
        where = np.concatenate([rows[u] for u in chosen])
        again = np.repeat(np.arange(len(chosen)), [len(rows[u]) for u in chosen])
        blocks = again * (block.max() + 1) + block[where]
        found.append(stacking_weights(values[where], blocks, again, shrinkage=shrinkage))
    low, high = np.quantile(found, [0.05, 0.95], axis=0)
    return low, high


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
        parts[0], draws=draws, mcse_median=np.full(draws.shape[1], np.nan), banner=banner, title=f"mixture of {told}",
        extrapolation=together([p.extrapolation for p in parts]),
    )  # fmt: skip


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
