"""How to split a budget between parameters and tokens: per posterior draw, and the one choice to make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling.data.derive import FLOP_PER_PARAM_TOKEN
from bayes_scaling.errors import ForecastError, listed
from bayes_scaling.forecasts import words
from bayes_scaling.forecasts.scales import extrapolation
from bayes_scaling.plan.rules import bayes_choice
from bayes_scaling.plan.surface import Surface, surface
from bayes_scaling.plan.tables import budget, tidy, told, widest

if TYPE_CHECKING:
    from bayes_scaling.fit import ChainFit, Fit

QUANTITIES = ("params", "tokens", "tokens_per_param", "loss", "a", "b")


def check_numbers(name: str, values: Any, *, example: str = "1e21") -> np.ndarray:
    """Return numbers above zero as an array, shape (budget,).

    Raises
    ------
    ForecastError
        None, or one that is not a finite number above zero.
    """
    try:
        found = np.atleast_1d(np.asarray(values, dtype=float)).ravel()
    except (TypeError, ValueError) as error:
        raise ForecastError(f"{name} = {values!r}; expected numbers, for example {example}.") from error
    if not len(found) or not (np.isfinite(found) & (found > 0)).all():
        raise ForecastError(f"{name} = {values!r}; expected finite numbers above zero, for example {example}.")
    return found


@dataclass(frozen=True)
class Allocation:
    """Compute-optimal allocation at budgets.

    Attributes
    ----------
    surface : Surface
        The loss surface that was asked.
    points : DataFrame
        A row per budget: groups, ``compute`` and ``extrapolation``.
    params, loss, exponent : ndarray, shape (draw, budget)
        N*, the loss there and a = d log N* / d log C of each draw. D* = C / (6 N*), b = 1 - a.
    bayes_params : ndarray, shape (budget,)
        The choice of smallest posterior expected loss.
    levels : tuple of float
    """

    surface: Surface
    points: pd.DataFrame
    params: np.ndarray
    loss: np.ndarray
    exponent: np.ndarray
    bayes_params: np.ndarray
    levels: tuple[float, ...]
    title: str = "Compute-optimal allocation"

    @property
    def compute(self) -> np.ndarray:
        """The budgets in FLOP, shape (budget,)."""
        return self.points["compute"].to_numpy(dtype=float)

    @property
    def tokens(self) -> np.ndarray:
        """D*, shape (draw, budget)."""
        return np.asarray(self.compute / (FLOP_PER_PARAM_TOKEN * self.params))

    @property
    def tokens_per_param(self) -> np.ndarray:
        """D* / N*, shape (draw, budget)."""
        return np.asarray(self.tokens / self.params)

    @property
    def banner(self) -> str:
        """Sentence about a fit that failed its diagnostics, else empty."""
        return self.surface.banner

    @property
    def note(self) -> str:
        """What is to be known of the budgets."""
        return self.surface.note

    def draws(self, quantity: str) -> np.ndarray:
        """Return the draws of one of ``QUANTITIES``, shape (draw, budget)."""
        if quantity not in QUANTITIES:
            raise ForecastError(f"unknown quantity {quantity!r}; expected {listed(QUANTITIES)}.")
        if quantity in ("a", "b"):
            return self.exponent if quantity == "a" else 1 - self.exponent
        return np.asarray(getattr(self, quantity))

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row per budget, quantity and level: median (with MCSE) and equal-tailed interval (kind ``law``).

        Quantities: ``params`` (N*), ``tokens`` (D*), ``tokens_per_param``, ``loss``, and the exponents ``a`` and ``b``.
        """
        draws = {q: self.draws(q) for q in QUANTITIES}
        return tidy(self.points, draws, self.levels, fit=self.surface.fit, banner=self.banner)

    @cached_property
    def choice(self) -> pd.DataFrame:
        """The Bayes choice per budget: params, tokens, expected loss there and expected regret (with MCSE)."""
        made = self.surface.loss_of_split(self.bayes_params, self.compute)
        tokens = self.compute / (FLOP_PER_PARAM_TOKEN * self.bayes_params)
        found = self.points.assign(
            params=self.bayes_params, tokens=tokens, tokens_per_param=tokens / self.bayes_params,
            expected_loss=made.mean(axis=0), expected_regret=(made - self.loss).mean(axis=0),
            mcse=mcse(self.surface, made - self.loss),
        )  # fmt: skip
        return self.surface.fit.marked(found)

    def probability(self, quantity: str, *, above: float) -> np.ndarray:
        """Return the probability that a quantity lies above a value, shape (budget,)."""
        return (self.draws(quantity) > above).mean(axis=0)

    @property
    def sentences(self) -> list[str]:
        """A sentence per budget, with the widest interval."""
        rows = {q: widest(self.table, q, self.levels) for q in QUANTITIES}
        who = f"{self.surface.name}, " if self.surface.name else ""
        found = []
        for i, where in enumerate(self.points["extrapolation"]):
            chosen = self.choice.iloc[i]
            text = (
                f"{who}{budget(self.compute[i])} ({where}): {told(rows['params'][i], unit=' parameters')} on "
                f"{words.count(rows['tokens'][i]['median'])} tokens, {told(rows['tokens_per_param'][i])} tokens per "
                f"parameter, loss {told(rows['loss'][i])}. The choice of smallest expected loss is "
                f"{words.count(chosen['params'])} parameters on {words.count(chosen['tokens'])} tokens."
            )
            found.append(text)
        return [*found, self._growth()]

    def _growth(self) -> str:
        row = widest(self.table, "a", self.levels)[-1]
        return f"Parameters grow as compute to the power {told(row)} there, tokens as the rest."

    def __repr__(self) -> str:
        head = f"<{self.title}, {words.counted(len(self.points), 'budget')}, {self.surface.count} draws>"
        return "\n".join(line for line in [head, self.banner, self.note, *self.sentences] if line)


def allocation(
    fit: Fit | ChainFit,
    budgets: float | Sequence[float],
    *,
    groups: Mapping[str, Any] | None = None,
    levels: Sequence[float] = (0.5, 0.9),
    new_groups: str = "error",
    draws: int | None = None,
    random_seed: int = 0,
) -> Allocation:
    """Return how many parameters and tokens have the smallest loss at budgets, per posterior draw.

    Parameters
    ----------
    fit : Fit or ChainFit
        Of a law in parameters and tokens; of a chain, its first stage.
    budgets : float or sequence of float
        Training compute in FLOP, C = 6 N D. A budget below the smallest run is marked as an extrapolation downward.
    groups : dict, optional
        One level per group of the model, such as ``{"family": "A"}``.
    levels : sequence of float
        Probabilities of the equal-tailed intervals.

    Returns
    -------
    Allocation

    Raises
    ------
    ForecastError
        A law without an allocation (and why), budgets that are no positive numbers, an unknown level.
    """
    compute = check_numbers("budgets", budgets)
    on = surface(fit, groups, new_groups=new_groups, draws=draws, random_seed=random_seed)
    params = on.optimum(compute)
    points = pd.concat([on.where] * len(compute), ignore_index=True) if len(on.where.columns) else pd.DataFrame()
    points = points.assign(compute=compute, extrapolation=extrapolation(on.fit, on.where, compute))
    return Allocation(
        on, points, params, on.loss_of_split(params, compute), on.exponent(compute),
        bayes_choice(on, compute, params), tuple(levels),
    )  # fmt: skip


def mcse(on: Surface, values: np.ndarray) -> np.ndarray:
    """Return the Monte-Carlo standard error of the mean over draws, shape (point,).

    Draws of NUTS are correlated: the effective number of ArviZ is used where all draws are there.
    """
    from arviz_stats.base import array_stats

    sizes: Any = on.fit.idata["posterior"].sizes
    chains, kept = sizes["chain"], sizes["draw"]
    if len(values) != chains * kept or kept < 4:
        return np.asarray(values.std(axis=0) / np.sqrt(len(values)) * np.sqrt(on.fit.chosen_noise))
    shaped = values.reshape(chains, kept, -1)
    errors = [array_stats.mcse(shaped[..., i], method="mean") for i in range(shaped.shape[-1])]
    return np.array(errors, dtype=float) * np.sqrt(on.fit.chosen_noise)
