"""Laws compared on one table: what was found, in a table, in words, and as a stacked forecast."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from bayes_scaling.compare.candidates import OTHER, LeftOut
from bayes_scaling.compare.scores import coverage_note
from bayes_scaling.compare.stacking import LEAST_UNITS, Weights, mixture
from bayes_scaling.errors import ForecastError, did_you_mean, listed
from bayes_scaling.forecasts import Forecast, forecast, words
from bayes_scaling.forecasts.points import Points

if TYPE_CHECKING:
    from bayes_scaling.check import Loo
    from bayes_scaling.compare.backtest import Backtest
    from bayes_scaling.fit import Fit

LEAST_DIFFERENCE, LEAST_SES = 4.0, 2.0
NEGLIGIBLE = 1e-4  # weight
LEVEL = 0.9  # of the intervals whose coverage is in the table
SHOWN = {
    "law": "law", "usable": "usable", "elpd_loo": "elpd_loo", "elpd_diff": "behind", "elpd_diff_se": "se",
    "bad_k": "bad_k", "lpd": "lpd", "lpd_diff": "lpd_behind", "lpd_diff_se": "lpd_se", "crps": "crps",
    "median_error": "error", "coverage90": "cov90", "coverage90_lo": "cov90_lo", "coverage90_hi": "cov90_hi",
    "loo_weight": "w_loo", "backtest_weight": "w_backtest",
}  # fmt: skip
MOST_REASON = 300  # letters of a reason in the text; the table has all of it


def apart(difference: float, se: float) -> bool:
    """Return whether a summed log density is clearly behind the best one's.

    Notes
    -----
    Sivula, Magnusson and Vehtari (2020), arXiv:2008.10296: a difference below 4 is small whatever its standard error
    says; a larger one is compared with its standard error.
    """
    return bool(difference > LEAST_DIFFERENCE and difference > LEAST_SES * se)


@dataclass(frozen=True)
class LawComparison:
    """Laws fitted to the same rows, ranked and stacked.

    Attributes
    ----------
    table : DataFrame
        One row per law, the best first, then laws whose fit is not usable, then those left out. ``law``, ``usable``;
        leave-one-out: ``elpd_loo`` and ``elpd_se``, ``elpd_diff`` (how far behind the best usable law) and
        ``elpd_diff_se``, ``units``, ``bad_k`` (units whose Pareto k is above its limit); backtest, on held-out rows
        of the largest scales: ``lpd`` (mean log density over units), ``lpd_diff`` and ``lpd_diff_se``, ``crps``,
        ``median_error`` (of the median forecast: absolute for accuracy, else relative; median over rows),
        ``coverage90`` with its 90 % interval ``coverage90_lo``, ``coverage90_hi``, and ``width90``; ``loo_weight``,
        ``backtest_weight`` with its 90 % interval ``backtest_weight_lo``, ``backtest_weight_hi``; ``parameters``,
        ``engine``, ``seconds``, ``doubts`` (checks that limit what can be concluded), ``warning`` (of a fit that is
        not usable), and ``left_out`` with its ``reason``. What does not apply is missing.
    fits : dict of str to Fit
    loos : dict of str to Loo
    backtests : dict of str to Backtest
        Empty where none could be made; ``notes`` say why.
    weights : Weights or None
        Of usable laws by the backtest.
    left_out : tuple of LeftOut
    notes : tuple of str
    outcome, over : str
        Outcome, and column of the scale that the backtest cuts.
    """

    table: pd.DataFrame
    fits: Mapping[str, Fit]
    loos: Mapping[str, Loo]
    backtests: Mapping[str, Backtest]
    weights: Weights | None
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]
    outcome: str
    over: str

    @property
    def ranking(self) -> pd.DataFrame:
        """The table without laws that were left out."""
        return self.table[self.table["left_out"] == ""].reset_index(drop=True)

    @property
    def banner(self) -> str:
        """A sentence on fits that are not usable, empty where all are."""
        bad = [str(n) for n in self.ranking.loc[~self.ranking["usable"].astype(bool), "law"]]
        weight = "" if len(bad) == len(self.fits) else "; they get no weight"
        return f"FIT NOT USABLE of {listed(bad, 4)}: do not quote their figures{weight}" if bad else ""

    def stack_weights(self, by: str = "") -> dict[str, float]:
        """Return the weights of usable laws.

        Parameters
        ----------
        by : str
            ``backtest`` (larger runs; the default where there is one) or ``loo`` (runs like these).

        Raises
        ------
        ForecastError
            Another name, or a backtest that could not be made.
        """
        by = by or ("backtest" if self.weights is not None else "loo")
        if by not in ("backtest", "loo"):
            raise ForecastError(f"weights by {by!r}; expected backtest or loo." + did_you_mean(by, ("backtest", "loo")))
        given = self.ranking.set_index("law")[f"{by}_weight"].dropna()
        if given.empty:
            raise ForecastError(f"there are no weights by {by}: {' '.join(self.notes) or 'none were asked for'}.")
        return {str(k): float(v) for k, v in given.items()}

    def forecast(
        self, points: Points, *, weights: str | Mapping[str, float] = "", random_seed: int = 0, **options: Any
    ) -> Forecast:
        """Forecast with the stack: a mixture of the laws' draws in proportion to their weights.

        Parameters
        ----------
        points : DataFrame or dict of columns
            With the inputs of every law that has a weight.
        weights : str or mapping of str to float
            As of :meth:`stack_weights`, or weights of your own.
        random_seed : int
        **options :
            ``kind``, ``levels``, ``interval``, ``new_groups``, ``tokens_per_param`` of
            :func:`bayes_scaling.forecasts.forecast`.

        Returns
        -------
        Forecast
            Its title has the weights; its intervals carry level and kind.

        Raises
        ------
        ForecastError
            Unknown law, weights that do not add up to 1, columns that a law reads and the points lack.
        """
        shares = (
            self.stack_weights(weights) if isinstance(weights, str) else {str(k): float(v) for k, v in weights.items()}
        )
        if unknown := [n for n in shares if n not in self.fits]:
            raise ForecastError(
                f"weights name {listed(unknown)}; fitted are {listed(self.fits)}." + did_you_mean(unknown[0], self.fits)
            )
        parts = {}
        for name in shares:
            try:
                parts[name] = forecast(self.fits[name], points, random_seed=random_seed, **options)
            except ForecastError as error:
                raise ForecastError(f"law {name} of the stack: {error}") from error
        return mixture(parts, shares, random_seed=random_seed)

    def _shares(self, by: str) -> dict[str, float]:
        """Return the weights without those so small that a mixture of thousands of draws has none of theirs."""
        large = {n: w for n, w in self.stack_weights(by).items() if w >= NEGLIGIBLE}
        return {n: w / sum(large.values()) for n, w in large.items()}

    @property
    def sentences(self) -> list[str]:
        """What was found, in words."""
        ranked = self.ranking
        usable = ranked[ranked["usable"].astype(bool)]
        rows = len(next(iter(self.fits.values())).frame)
        told = [
            f"{len(ranked)} of {words.counted(len(self.table), 'law')} {'was' if len(ranked) == 1 else 'were'} fitted "
            f"to the same {words.counted(rows, 'row')} of {self.outcome}; {words.counted(len(usable), 'fit')} "
            f"{'is' if len(usable) == 1 else 'are'} usable."
        ]
        if ranked["elpd_diff"].count() > 1:
            told.append(_order(ranked, "elpd", 1.0, "Another run like these (leave-one-out)"))
        if self.weights is not None and ranked["lpd_diff"].count() > 1:
            units = self.weights.units
            told.append(_order(ranked, "lpd", units, f"Larger runs ({self._held_out()}; {units} units held out)"))
            told += _covered(usable)
        for by, why in (("backtest", "for larger runs, by the backtest"), ("loo", "for runs like these")):
            weights = usable.set_index("law")[f"{by}_weight"].dropna()
            if len(weights) > 1:
                shares = weights.sort_values(ascending=False)
                first = listed([f"{n} {w:.2f}" for n, w in shares.items() if w >= 0.005], 6)
                told.append(f"Stack {why}: {first}.")
        if any(line.startswith("Stack") for line in told):
            told.append(f"Weights are those of the best mixture, not ranks{self._towards_equal()}.")
        return [*told, *self._differ(usable)]

    def _towards_equal(self) -> str:
        """Return how few units draw the weights of the backtest towards equal ones."""
        if self.weights is None:
            return ""
        if self.weights.units < LEAST_UNITS:
            return "; those of the backtest are equal, as so few units cannot tell laws apart"
        return "; those of the backtest have a prior towards equal ones: with few units a law that is behind keeps some"

    def _held_out(self) -> str:
        return listed(next(iter(self.backtests.values())).folds["fold"], 3)

    def _differ(self, usable: pd.DataFrame) -> list[str]:
        """Return a sentence where the two questions have different answers."""
        if self.weights is None or usable["elpd_diff"].isna().all():
            return []
        first, second = (str(usable.sort_values(c)["law"].iloc[0]) for c in ("elpd_diff", "lpd_diff"))
        if first == second:
            return []
        return [
            f"The first laws differ, {first} for runs like these and {second} for larger ones: a forecast beyond the "
            "data asks the second question."
        ]

    def text(self) -> str:
        """Return banner, sentences, notes, the ranking, and which laws were left out and why."""
        shown = self.ranking[list(SHOWN)].dropna(axis=1, how="all").rename(columns=SHOWN)
        shown = shown.assign(**{c: shown[c].round(3) for c in ("w_loo", "w_backtest") if c in shown})
        why = [f"left out: {o.law} ({o.kind}): {_short(o.reason)}" for o in self.left_out if o.kind != OTHER]
        others = [o.law for o in self.left_out if o.kind == OTHER]
        why += [f"left out: {listed(others, 40)} ({OTHER} than {self.outcome})"] if others else []
        parts = [self.banner, *self.sentences, *(f"note: {n}" for n in self.notes)]
        told = [self._coverage_note(SHOWN["coverage90"])] if "cov90_lo" in shown else []
        return "\n".join([*(p for p in parts if p), shown.to_string(index=False, float_format=_digits), *told, *why])

    def _coverage_note(self, name: str) -> str:
        """Return what the coverage of the backtests and its interval are."""
        return coverage_note(name, next(iter(self.backtests.values())).unit)

    def __repr__(self) -> str:
        return f"<LawComparison of {words.counted(len(self.fits), 'law')} of {self.outcome}>\n{self.text()}"

    def _repr_html_(self) -> str:
        told = "".join(f"<p>{s}</p>" for s in self.sentences)
        warning = f"<p><strong>{self.banner}</strong></p>" if self.banner else ""
        note = f"<p>{self._coverage_note('coverage90')}</p>" if self.backtests else ""
        return warning + told + self.table.to_html(index=False, float_format=_digits) + note


def _covered(usable: pd.DataFrame) -> list[str]:
    """Return how often intervals held larger runs, and of which laws they are too narrow; nothing without scores."""
    scored = usable.dropna(subset=["lpd_diff", "coverage90"]).sort_values("lpd_diff")
    if scored.empty:
        return []
    best, narrow = scored.iloc[0], scored[scored["coverage90_hi"] < LEVEL]
    share, low, high = (words.percent(best[f"coverage90{end}"], 0) for end in ("", "_lo", "_hi"))
    told = [
        f"The {words.percent(LEVEL, 0)} equal-tailed intervals of {best['law']} hold {share} of the held-out rows "
        f"(90 % equal-tailed interval of that share {low} to {high})."
    ]
    if len(narrow):
        of_law = zip(narrow["law"], narrow["coverage90"], strict=True)
        each = listed([f"{law} ({words.percent(float(share), 0)})" for law, share in of_law], 4)
        told.append(f"Too narrow for larger runs are those of {each}: a discrepancy (noise=) widens them.")
    return told


def _digits(value: float) -> str:
    return f"{value:.4g}"


def _short(reason: str) -> str:
    told = " ".join(reason.split())
    return told if len(told) <= MOST_REASON else told[: MOST_REASON - 4] + " ..."


def _order(ranked: pd.DataFrame, name: str, units: float, question: str) -> str:
    """Return which law is best, which cannot be told apart from it, and how far the next one is behind."""
    usable = ranked[ranked["usable"].astype(bool)] if ranked["usable"].any() else ranked
    shown = usable.dropna(subset=[f"{name}_diff"]).sort_values(f"{name}_diff")
    best, rest = str(shown["law"].iloc[0]), shown.iloc[1:]
    behind = {
        str(law): (units * float(d), units * float(se))
        for law, d, se in zip(rest["law"], rest[f"{name}_diff"], rest[f"{name}_diff_se"], strict=True)
    }
    near = [law for law, (d, se) in behind.items() if not apart(d, se)]
    far = next((law for law in behind if law not in near), "")
    told = f"{question}: {best} predicts best"
    if near:
        told += f", but not clearly better than {listed(near, 4)}"
    if far:
        d, se = behind[far]
        error = f" (standard error {words.number(se, 2)})" if math.isfinite(se) else ""
        told += f"; {far} is behind by {words.number(d)}{error} in log density"
    return told + "."
