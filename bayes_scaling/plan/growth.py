"""How the compute of training runs grows with time: learned from Epoch's frontier models, or a prior."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bayes_scaling.data import load_dataset
from bayes_scaling.errors import ForecastError
from bayes_scaling.forecasts.reach import LOG10_COMPUTE
from bayes_scaling.laws.prior import Prior
from bayes_scaling.model.plan import GrowthPart, decimal_year
from bayes_scaling.model.priors import draw

LOG10_2 = np.log10(2.0)
SINCE = 2018.0
FEWEST = 10


@dataclass(frozen=True)
class Growth:
    """Training compute that doubles in a time which is not known exactly: log10 C = level + rate (year - origin).

    Attributes
    ----------
    origin : float
        A date in years.
    level : ndarray, shape (draw,)
        Log10 compute in FLOP then.
    rate : ndarray, shape (draw,)
        Decades of compute per year.
    source : str
        In words.
    """

    origin: float
    level: np.ndarray
    rate: np.ndarray
    source: str

    @property
    def doubling_months(self) -> np.ndarray:
        """Doubling time in months, shape (draw,)."""
        return np.asarray(12 * LOG10_2 / self.rate)

    def starting(self, compute: float, date: str) -> Growth:
        """Return the same growth from a compute on a day, such as that of a family's largest run."""
        if not (np.isfinite(compute) and compute > 0):
            raise ForecastError(f"compute {compute!r}; expected a number of FLOP above zero.")
        level = np.full(len(self.rate), np.log10(compute))
        source = f"{self.source}, from {compute:.3g} FLOP on {date}"
        return replace(self, origin=decimal_year(date), level=level, source=source)

    def like(self, draws: int, rng: np.random.Generator) -> Growth:
        """Return so many draws of the growth, chosen at random: growth and law are independent."""
        chosen = rng.integers(len(self.rate), size=draws)
        return replace(self, level=self.level[chosen], rate=self.rate[chosen])

    def year_of(self, compute: np.ndarray) -> np.ndarray:
        """Return when compute is reached, in years, shape (draw, point); infinite where it is not.

        Parameters
        ----------
        compute : ndarray (draw, point)
            As many draws as the growth has. What 1e10 FLOP reach already, was reached when they were.
        """
        decades = np.log10(np.maximum(compute, 10.0 ** LOG10_COMPUTE[0])) - self.level[:, None]
        grows = self.rate[:, None] > 0
        years = self.origin + decades / np.where(grows, self.rate[:, None], 1.0)
        return np.asarray(np.where(grows & np.isfinite(compute), years, np.inf))


def growth_of(doubling_months: Prior, compute: float, date: str, *, draws: int = 4000, random_seed: int = 0) -> Growth:
    """Return growth from a compute on a day with a prior of the doubling time.

    Parameters
    ----------
    doubling_months : Prior
        Such as ``Prior("lognormal", median=6, upper95=12)``.
    compute : float
        FLOP.
    date : str
        Such as ``"2025-02-24"``.

    Raises
    ------
    ForecastError
        A doubling time that is no prior, or one below zero.
    """
    if not isinstance(doubling_months, Prior):
        raise ForecastError(
            f'doubling time {doubling_months!r}; expected a prior, such as Prior("lognormal", median=6, upper95=12).'
        )
    months = draw(doubling_months, np.random.default_rng(random_seed), draws)
    if not (months > 0).all():
        raise ForecastError(f"doubling time {doubling_months}; expected a prior of numbers above zero.")
    source = f"doubling time with the prior {doubling_months.as_dict()} in months"
    return Growth(0.0, np.zeros(draws), 12 * LOG10_2 / months, source).starting(compute, date)


def fit_growth(
    frame: pd.DataFrame | None = None, *, since: float = SINCE, draws: int = 4000, random_seed: int = 0
) -> Growth:
    """Learn how the training compute of frontier models grows.

    A line through log10 compute against date with normal residuals and a flat prior, whose posterior is exact: the
    variance is scaled inverse chi-squared, level and rate are normal given it (Gelman et al., Bayesian Data Analysis,
    section 14.2). The level is that of a typical frontier model, not of the largest.

    Parameters
    ----------
    frame : DataFrame, optional
        Columns ``date``, ``compute`` and, where only some rows count, a boolean ``frontier``; the dataset ``epoch``
        when left out.
    since : float
        First year that counts.
    draws : int
    random_seed : int

    Raises
    ------
    ForecastError
        Fewer than ten rows, or all of one day.
    """
    frame = load_dataset("epoch") if frame is None else frame
    rows = frame[frame["frontier"].astype(bool)] if "frontier" in frame else frame
    rows = rows[rows["compute"].notna() & rows["date"].notna()]
    year = np.array([decimal_year(str(d)[:10]) for d in rows["date"]])
    rows, year = rows[year >= since], year[year >= since]
    if len(rows) < FEWEST:
        raise ForecastError(f"{len(rows)} models with date and compute since {since:g}; expected at least {FEWEST}.")
    if not np.ptp(year):
        raise ForecastError(f"all {len(rows)} models are of one day; growth needs models of different dates.")
    origin = float(year.max())
    design = np.column_stack([np.ones(len(year)), year - origin])
    y = np.log10(rows["compute"].to_numpy(dtype=float))
    middle, rest, *_ = np.linalg.lstsq(design, y)
    rng, free = np.random.default_rng(random_seed), len(y) - 2
    variance = float(rest[0]) / rng.chisquare(free, draws)
    root = np.linalg.cholesky(np.linalg.inv(design.T @ design))
    made = middle + np.sqrt(variance)[:, None] * (rng.standard_normal((draws, 2)) @ root.T)
    source = f"{len(y)} frontier models since {since:g}"
    return Growth(origin, made[:, 0], made[:, 1], source)


def growth_from(part: GrowthPart, *, random_seed: int = 0) -> Growth:
    """Return the growth that a card tells."""
    if not part.dataset:
        return growth_of(part.doubling(), float(part.compute or 0), part.date, random_seed=random_seed)
    learned = fit_growth(random_seed=random_seed)
    return learned if part.compute is None else learned.starting(part.compute, part.date)


def day(year: float) -> str:
    """Return a date in words, such as ``May 2027``; far ones as a year."""
    if not np.isfinite(year):
        return "never"
    if not 1 < year < 2200:
        return f"year {year:.3g}" if year < 1e5 else "beyond any date"
    whole = int(year)
    start, end = datetime.date(whole, 1, 1).toordinal(), datetime.date(whole + 1, 1, 1).toordinal()
    return datetime.date.fromordinal(start + int((year - whole) * (end - start) + 1e-4)).strftime("%B %Y")
