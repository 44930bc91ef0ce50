"""What a loss costs: training and serving, under limits of memory, hardware, time and data; the frontier of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling.data.columns import COLUMNS
from bayes_scaling.data.derive import FLOP_PER_PARAM_TOKEN
from bayes_scaling.errors import ForecastError
from bayes_scaling.forecasts import words
from bayes_scaling.forecasts.reach import search
from bayes_scaling.forecasts.scales import extrapolation
from bayes_scaling.laws.optimum import minimum
from bayes_scaling.model.plan import Limits, Prices
from bayes_scaling.plan.allocation import check_numbers, mcse
from bayes_scaling.plan.surface import Surface, allocation_inputs, surface
from bayes_scaling.plan.tables import tidy, told, widest

if TYPE_CHECKING:
    from bayes_scaling.fit import ChainFit, Fit

QUANTITIES = ("params", "tokens", "tokens_per_param", "loss", "compute", "serving_share")
FEWEST_TOKENS, SMALLEST = COLUMNS["tokens"].low, COLUMNS["params"].low
UNPRICED = (
    " No price of a FLOP was told, so that costs count FLOP: give prices=Prices(per_flop=1.4e-18, currency='USD'), in "
    "a card per_flop under [plan.prices], or --per-flop 1.4e-18; what is served adds inference_tokens."
)
COST, HARDWARE, DATA = "the cost", "GPUs and days", "unique tokens"
MEMORY, LARGEST, LEAST = "memory", "max_params", "min_params"


@dataclass(frozen=True)
class Menu:
    """The models that a cost and limits leave: how many tokens a size may see, and which sizes there are.

    Attributes
    ----------
    prices : Prices
    limits : Limits
    repeats : bool
        The law prices repeated tokens, so that unique tokens do not end training.
    """

    prices: Prices
    limits: Limits
    repeats: bool = False

    def caps(self, params: Any, cost: Any) -> dict[str, Any]:
        """Return the most tokens that each limit leaves to a size, broadcast shape."""
        train = self.prices.training(params, 1.0)
        found = {COST: (cost - self.prices.serving(params)) / train}
        if np.isfinite(self.limits.compute):
            found[HARDWARE] = self.limits.compute / (FLOP_PER_PARAM_TOKEN * params)
        if self.limits.unique_tokens is not None and not self.repeats:
            found[DATA] = self.limits.unique_tokens + 0.0 * params
        return found

    def tokens(self, params: Any, cost: Any) -> np.ndarray:
        """Return the most tokens that a size may see."""
        found = np.broadcast_arrays(*self.caps(params, cost).values())
        return np.asarray(np.maximum(np.minimum.reduce(found), FEWEST_TOKENS))

    def sizes(self, cost: Any) -> dict[str, Any]:
        """Return the largest size that each limit leaves, with the fewest tokens that count as training."""
        served = self.prices.serving(1.0) + self.prices.training(1.0, FEWEST_TOKENS)
        found = {COST: np.asarray(cost) / served}
        if np.isfinite(self.limits.compute):
            found[HARDWARE] = self.limits.compute / (FLOP_PER_PARAM_TOKEN * FEWEST_TOKENS)
        if self.limits.memory is not None:
            found[MEMORY] = self.limits.memory / self.limits.bytes_per_param
        if self.limits.max_params is not None:
            found[LARGEST] = self.limits.max_params
        if self.limits.unique_tokens is not None and self.limits.unique_tokens < FEWEST_TOKENS:
            found[DATA] = 0.0
        return found

    @property
    def least(self) -> float:
        """Smallest size that there may be."""
        return self.limits.min_params or SMALLEST

    def largest(self, cost: Any) -> np.ndarray:
        """Return the largest size that all limits leave, shape of `cost`."""
        return np.asarray(np.minimum.reduce(np.broadcast_arrays(*self.sizes(cost).values())))

    def check(self, costs: np.ndarray) -> None:
        """Raise ForecastError where limits leave no model at a cost, and say which binds."""
        for cost in costs:
            found = {name: float(size) for name, size in self.sizes(cost).items()}
            bind = [self._bound(name, size) for name, size in found.items() if size < self.least]
            if bind:
                floor = f"min_params = {self.least:g}" if self.limits.min_params else f"a model of {self.least:g}"
                raise ForecastError(
                    f"at a cost of {cost:g} {self.prices.currency} the limits leave no choice: {' and '.join(bind)} "
                    f"exclude{'s' if len(bind) == 1 else ''} {floor} parameters. Loosen that, or raise the cost."
                    + (UNPRICED if self.prices.per_flop == 1 and found[COST] < self.least else "")
                )

    def _bound(self, name: str, size: float) -> str:
        if name == DATA:
            return f"{name} ({self.limits.unique_tokens:g}, fewer than the {FEWEST_TOKENS:g} that count as training)"
        return f"{name} (at most {size:.3g} parameters)"

    def binding(self, params: float, cost: float) -> str:
        """Return which limits a choice uses up, in words."""
        found = []
        for name, size in self.sizes(cost).items():
            if name in (MEMORY, LARGEST) and params > float(size) * (1 - 1e-4):
                found.append(name)
        if self.limits.min_params is not None and params < self.least * (1 + 1e-4):
            found.append(LEAST)
        caps = {name: float(cap) for name, cap in self.caps(params, cost).items()}
        least = min(caps.values())
        return ", ".join([*(name for name, cap in caps.items() if cap < least * (1 + 1e-4)), *found])

    def best(self, on: Surface, cost: np.ndarray) -> np.ndarray:
        """Return the size of smallest loss at a cost per draw, shape (draw, cost); where none is left, the smallest."""
        low = np.full(np.broadcast_shapes(cost.shape, (on.count, 1)), np.log(self.least))
        high = np.log(np.maximum(self.largest(cost), self.least))
        return np.exp(minimum(lambda x: self.loss(on, np.exp(x), cost), low, high))

    def loss(self, on: Surface, params: Any, cost: Any) -> np.ndarray:
        """Return the loss of a size that sees all tokens it may, shape (draw, cost)."""
        unique = self.limits.unique_tokens if self.limits.unique_tokens is not None else np.inf
        return on.loss(params, self.tokens(params, cost), unique_tokens=unique)

    def cost_to_reach(self, on: Surface, target: float | np.ndarray) -> np.ndarray:
        """Return the smallest cost that reaches a loss under the limits, shape (draw, 1); infinite where none does."""
        unit = self.prices.per_flop

        def best_loss(log10_flop: np.ndarray) -> np.ndarray:
            cost = 10.0**log10_flop * unit
            made = self.loss(on, self.best(on, cost), cost)
            return np.where(self.largest(cost) < self.least, np.inf, made)

        return np.asarray(search(best_loss, target, "loss", (on.count, 1)) * unit)


@dataclass(frozen=True)
class Frontier:
    """The smallest loss at each cost, per draw, and the choice of smallest expected loss.

    Attributes
    ----------
    surface : Surface
    points : DataFrame
        A row per cost: groups, ``cost`` and ``currency``.
    params, tokens, loss : ndarray, shape (draw, cost)
        The best choice of each draw and its loss.
    bayes_params : ndarray, shape (cost,)
    menu : Menu
        Prices and limits.
    """

    surface: Surface
    points: pd.DataFrame
    params: np.ndarray
    tokens: np.ndarray
    loss: np.ndarray
    bayes_params: np.ndarray
    menu: Menu
    levels: tuple[float, ...]
    title: str = "Loss against cost"

    @property
    def cost(self) -> np.ndarray:
        """Total costs, shape (cost,)."""
        return self.points["cost"].to_numpy(dtype=float)

    @property
    def banner(self) -> str:
        """Sentence about a fit that failed its diagnostics, else empty."""
        return self.surface.banner

    @property
    def note(self) -> str:
        """What is to be known of the surface."""
        return self.surface.note

    def draws(self, quantity: str) -> np.ndarray:
        """Return the draws of one of ``QUANTITIES``, shape (draw, cost)."""
        prices = self.menu.prices
        made: dict[str, Any] = {
            "tokens_per_param": self.tokens / self.params,
            "compute": FLOP_PER_PARAM_TOKEN * self.params * self.tokens,
            "serving_share": prices.serving(self.params)
            / (prices.serving(self.params) + prices.training(self.params, self.tokens)),
        }
        return np.asarray(made[quantity] if quantity in made else getattr(self, quantity))

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row per cost, quantity and level: median (with MCSE) and equal-tailed interval (kind ``law``)."""
        draws = {q: self.draws(q) for q in QUANTITIES}
        return tidy(self.points, draws, self.levels, fit=self.surface.fit, banner=self.banner)

    @cached_property
    def choice(self) -> pd.DataFrame:
        """The Bayes choice: params, tokens, expected loss and regret (with MCSE), what is spent, which limits bind."""
        params, prices, fit = self.bayes_params, self.menu.prices, self.surface.fit
        tokens = self.menu.tokens(params, self.cost)
        made = self.menu.loss(self.surface, params, self.cost)
        binding = [self.menu.binding(float(n), float(c)) for n, c in zip(params, self.cost, strict=True)]
        found = self.points.assign(
            params=params, tokens=tokens, tokens_per_param=tokens / params, expected_loss=made.mean(axis=0),
            expected_regret=(made - self.loss).mean(axis=0), mcse=mcse(self.surface, made - self.loss),
            training_cost=prices.training(params, tokens), serving_cost=prices.serving(params),
            extrapolation=extrapolation(fit, self.surface.where, FLOP_PER_PARAM_TOKEN * params * tokens),
            binding=binding,
        )  # fmt: skip
        return fit.marked(found)

    @property
    def sentences(self) -> list[str]:
        """A sentence per cost, with the widest interval."""
        losses = widest(self.table, "loss", self.levels)
        sizes = widest(self.table, "params", self.levels)
        found = []
        for i, chosen in enumerate(self.choice.to_dict("records")):
            found.append(
                f"{self._spent(chosen)}: the best size is {told(sizes[i], unit=' parameters')}, loss "
                f"{told(losses[i])}. "
                f"The choice of smallest expected loss is {words.count(chosen['params'])} parameters on "
                f"{words.count(chosen['tokens'])} tokens ({chosen['extrapolation']}), bound by {chosen['binding']}."
            )
        return found

    def _spent(self, chosen: Mapping[Any, Any]) -> str:
        """Return a cost in words: what of it is for serving, and what is left over."""
        spent = chosen["training_cost"] + chosen["serving_cost"]
        text = f"{words.number(chosen['cost'])} {chosen['currency']}"
        if chosen["serving_cost"]:
            text += f", {words.percent(chosen['serving_cost'] / spent, 0)} of what is spent for serving"
        if spent < 0.99 * chosen["cost"]:
            text += f", {words.percent(1 - spent / chosen['cost'], 0)} left over"
        return text

    def __repr__(self) -> str:
        head = f"<{self.title}, {words.counted(len(self.points), 'cost')}, {self.surface.count} draws>"
        return "\n".join(line for line in [head, self.banner, self.note, *self.sentences] if line)


def check_costs(fit: Fit, costs: Sequence[float], *, prices: Prices, limits: Limits) -> None:
    """Raise ForecastError where limits leave no choice at a cost; no draw is read."""
    unique = allocation_inputs(fit.spec.law, fit.spec.outcome)[2]
    Menu(prices, limits, repeats=bool(unique)).check(check_numbers("costs", costs, example="1e6"))


def frontier(
    fit: Fit | ChainFit,
    costs: float | Sequence[float],
    *,
    prices: Prices | None = None,
    limits: Limits | None = None,
    groups: Mapping[str, Any] | None = None,
    levels: Sequence[float] = (0.5, 0.9),
    new_groups: str = "error",
    draws: int | None = None,
    random_seed: int = 0,
) -> Frontier:
    """Return the smallest loss at total costs, with the model that has it, under limits.

    A model of N parameters on D tokens costs 6 N D FLOP of training and 2 N FLOP for each token that it will serve
    (Sardana et al. 2024, arXiv:2401.00448): the more it serves, the smaller and the longer trained the best one.

    Parameters
    ----------
    costs : float or sequence of float
        Total costs of training and serving, in the currency of `prices` (FLOP when left out).
    prices : Prices, optional
    limits : Limits, optional
    groups, levels, new_groups, draws, random_seed :
        As of :func:`bayes_scaling.plan.allocation.allocation`.

    Returns
    -------
    Frontier

    Raises
    ------
    ForecastError
        A law without an allocation, limits that leave no choice (and which one binds), costs that are not positive.
    """
    spent = check_numbers("costs", costs, example="1e6")
    on = surface(fit, groups, new_groups=new_groups, draws=draws, random_seed=random_seed)
    menu = Menu(prices or Prices(), limits or Limits(), repeats=bool(on.unique))
    menu.check(spent)
    params = menu.best(on, spent)
    tokens = menu.tokens(params, spent)
    logs = np.log(params)

    def expected(x: np.ndarray) -> np.ndarray:
        return np.asarray(menu.loss(on, np.exp(x), spent).mean(axis=0))

    chosen = np.exp(minimum(expected, logs.min(axis=0), logs.max(axis=0)))
    points = pd.concat([on.where] * len(spent), ignore_index=True) if len(on.where.columns) else pd.DataFrame()
    points = points.assign(cost=spent, currency=menu.prices.currency)
    return Frontier(on, points, params, tokens, menu.loss(on, params, spent), chosen, menu, tuple(levels))
