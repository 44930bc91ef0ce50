"""Budgets, prices and limits as plain data: the `[plan]` table of a card, and what `plan` is asked with in Python."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bayes_scaling.data.derive import FLOP_PER_PARAM_TOKEN
from bayes_scaling.errors import CardError, did_you_mean, listed
from bayes_scaling.laws import Law, available, get
from bayes_scaling.laws.prior import Prior
from bayes_scaling.model.choices import check_choice, check_levels, check_number
from bayes_scaling.model.next_run import NextPart, RecipesPart, check_next, check_recipes
from bayes_scaling.model.spec import ModelSpec, known_keys

SIZES = ("params", "active_params", "matmul_params")  # columns that can be the N of C = 6 N D
FLOP_PER_SERVED_TOKEN = 2.0  # a forward pass, per parameter: Sardana et al. (2024), arXiv:2401.00448
SECONDS_PER_DAY = 86_400.0


@dataclass(frozen=True)
class Prices:
    """What training and serving cost.

    Attributes
    ----------
    per_flop : float
        Price of a FLOP of training; 1 where cost is counted in FLOP.
    serving_per_flop : float, optional
        Price of a FLOP of serving; that of training when left out. Serving uses hardware less well.
    inference_tokens : float
        Tokens served over the model's lifetime: 2 N FLOP each (Sardana et al. 2024).
    currency : str
        Unit of the costs; FLOP where `per_flop` is 1, "units of money" where a price is told without it.
    """

    per_flop: float = 1.0
    serving_per_flop: float | None = None
    inference_tokens: float = 0.0
    currency: str = ""

    def __post_init__(self) -> None:
        check_number("prices.per_flop", self.per_flop)
        if not self.currency:
            object.__setattr__(self, "currency", "FLOP" if self.per_flop == 1 else "units of money")
        if self.per_flop == 1 and self.currency != "FLOP":
            raise CardError(
                f"prices: currency = {self.currency!r} without per_flop, the price of a FLOP of training in it; give "
                "it, such as per_flop = 1.4e-18 (--per-flop 1.4e-18), or leave currency out to count costs in FLOP."
            )
        check_number("prices.inference_tokens", self.inference_tokens, zero=True)
        if self.serving_per_flop is not None:
            check_number("prices.serving_per_flop", self.serving_per_flop, zero=True)

    @classmethod
    def of_gpu_hours(
        cls, price: float, *, peak_flops: float, utilisation: float = 0.4, serving_utilisation: float | None = None,
        inference_tokens: float = 0.0, currency: str = "USD",
    ) -> Prices:  # fmt: skip
        """Return the prices per FLOP of hardware that is paid by the hour.

        Parameters
        ----------
        price : float
            Of one hour of one GPU.
        peak_flops : float
            Its peak FLOP per second.
        utilisation, serving_utilisation : float
            Share of the peak that training and serving reach.
        """
        for name, value in (("price", price), ("peak_flops", peak_flops)):
            check_number(name, value)
        shares = {"utilisation": utilisation, "serving_utilisation": serving_utilisation}
        for name, share in shares.items():
            if share is None:
                continue
            check_number(name, share)
            if share > 1:
                raise CardError(f"{name} = {share!r}; expected a share of the peak, at most 1.")
        hour = 3600.0 * peak_flops
        serving = None if serving_utilisation is None else price / (hour * serving_utilisation)
        return cls(price / (hour * utilisation), serving, inference_tokens, currency)

    def training(self, params: Any, tokens: Any) -> Any:
        """Return the cost of training."""
        return self.per_flop * FLOP_PER_PARAM_TOKEN * params * tokens

    def serving(self, params: Any) -> Any:
        """Return the cost of serving over the lifetime."""
        price = self.per_flop if self.serving_per_flop is None else self.serving_per_flop
        return price * FLOP_PER_SERVED_TOKEN * params * self.inference_tokens


@dataclass(frozen=True)
class Limits:
    """What a choice may not exceed.

    Attributes
    ----------
    max_params, min_params : float, optional
        Parameters at most and at least.
    memory, bytes_per_param : float
        Bytes that the weights may take, and bytes per parameter.
    unique_tokens : float, optional
        Different tokens that there are. A law that reads ``unique_tokens`` prices their repetition; with any other law
        no token is repeated.
    gpus, days, peak_flops, utilisation : float
        Hardware and time for training: together a largest training compute.
    """

    max_params: float | None = None
    min_params: float | None = None
    memory: float | None = None
    bytes_per_param: float = 2.0
    unique_tokens: float | None = None
    gpus: float | None = None
    days: float | None = None
    peak_flops: float | None = None
    utilisation: float = 0.4

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None:
                check_number(f"limits.{name}", value)
        if self.utilisation > 1:
            raise CardError(f"limits.utilisation = {self.utilisation!r}; expected a share of the peak, at most 1.")
        if (self.gpus is None) != (self.peak_flops is None) or (self.days is not None and self.gpus is None):
            raise CardError(
                "limits: hardware is told by gpus and peak_flops (FLOP per second of one) together, and days need both."
            )

    @property
    def flop_per_day(self) -> float | None:
        """Training FLOP that the hardware does in a day; None where no hardware is told."""
        if self.gpus is None or self.peak_flops is None:
            return None
        return self.gpus * self.peak_flops * self.utilisation * SECONDS_PER_DAY

    @property
    def compute(self) -> float:
        """Largest training compute in FLOP; infinite without days."""
        return math.inf if self.days is None or self.flop_per_day is None else self.flop_per_day * self.days

    def __bool__(self) -> bool:
        bounds = (self.max_params, self.min_params, self.memory, self.unique_tokens, self.days)
        return any(b is not None for b in bounds)


@dataclass(frozen=True)
class GrowthPart:
    """How training compute grows with time.

    Attributes
    ----------
    dataset : str
        ``epoch``: doubling time and compute are learned from its frontier models; or empty.
    doubling_months, upper95 : float, optional
        Prior median and 95 % quantile of the doubling time, where it is not learned.
    compute, date :
        Compute in FLOP on a day (``"2025-02-24"``), from where it grows; of a family, that of its largest run.
    """

    dataset: str = ""
    doubling_months: float | None = None
    upper95: float | None = None
    compute: float | None = None
    date: str = ""

    def __post_init__(self) -> None:
        if self.dataset not in ("", "epoch"):
            raise CardError(f"growth.dataset = {self.dataset!r}; expected 'epoch', or doubling_months instead.")
        if bool(self.dataset) == (self.doubling_months is not None):
            raise CardError("growth needs exactly one of dataset = 'epoch' and doubling_months (with upper95).")
        if (self.compute is None) != (not self.date) or (not self.dataset and self.compute is None):
            raise CardError(
                "growth needs compute and date together (from where it grows), with doubling_months always."
            )
        if self.compute is not None:
            check_number("growth.compute", self.compute)
            decimal_year(self.date)
        if not self.dataset:
            self.doubling()

    def doubling(self) -> Prior:
        """Return the prior of the doubling time in months: log-normal."""
        if self.upper95 is None or self.doubling_months is None:
            raise CardError("growth.doubling_months needs upper95, its 95 % quantile: the growth is not known exactly.")
        return Prior("lognormal", median=self.doubling_months, upper95=self.upper95)


def decimal_year(date: str) -> float:
    """Return a date such as ``2025-02-24`` in years.

    Raises
    ------
    CardError
        Not a date.
    """
    try:
        day = datetime.date.fromisoformat(str(date))
    except ValueError as error:
        raise CardError(f"date {date!r}; expected a day such as '2025-02-24'.") from error
    start, end = datetime.date(day.year, 1, 1).toordinal(), datetime.date(day.year + 1, 1, 1).toordinal()
    return day.year + (day.toordinal() - start) / (end - start)


@dataclass(frozen=True)
class PlanPart:
    """What a card plans: budgets to split, costs to spend, targets to reach, the next run, recipes to compare.

    Attributes
    ----------
    budgets : list of float
        Training compute in FLOP.
    rules : list
        Whose regret is told: tokens per parameter, names, tables of levels; the usual ones when left out.
    costs : list of float
        Total costs in the currency of `prices`.
    targets : list of float
        Losses or accuracies to reach.
    outcome : str
        Of a chain, what targets are of: ``accuracy``, unless ``loss`` is asked for.
    tokens_per_param : float, optional
        Path along which targets are reached; the best split when left out.
    groups : dict
        One level of each group, such as ``{family = "A"}``.
    new_groups : str
        ``population`` lets `groups` name a level that was not fitted; it is an error when left out.
    levels : list of float
        Probabilities of intervals.
    prices, limits, growth : dict
        Fields of :class:`Prices`, :class:`Limits`, :class:`GrowthPart`.
    next, recipes : dict
        Fields of :class:`NextPart`, :class:`RecipesPart`.
    """

    budgets: list[float] = field(default_factory=list)
    rules: list[Any] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    targets: list[float] = field(default_factory=list)
    outcome: str = ""
    tokens_per_param: float | None = None
    groups: dict[str, Any] = field(default_factory=dict)
    new_groups: str = ""
    levels: list[float] = field(default_factory=lambda: [0.5, 0.9])
    prices: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)
    growth: dict[str, Any] = field(default_factory=dict)
    next: dict[str, Any] = field(default_factory=dict)
    recipes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("budgets", "rules", "costs", "targets"):
            value = getattr(self, name)
            if not isinstance(value, list):
                raise CardError(f"plan.{name} = {value!r}; expected a list.")
            for one in value if name != "rules" else ():
                check_number(f"plan.{name}", one)
        for name in ("groups", "prices", "limits", "growth", "next", "recipes"):
            if not isinstance(getattr(self, name), Mapping):
                raise CardError(f"plan.{name} = {getattr(self, name)!r}; expected a table.")
        if not (self.budgets or self.costs or self.targets or self.next or self.recipes):
            raise CardError("[plan] needs budgets (FLOP), costs, targets, [plan.next] or [plan.recipes].")
        if self.tokens_per_param is not None:
            check_number("plan.tokens_per_param", self.tokens_per_param)
        check_choice("plan.outcome", self.outcome, ("", "accuracy", "loss"))
        check_choice("plan.new_groups", self.new_groups, ("", "error", "population"))
        check_levels("plan.levels", self.levels)
        self.priced(), self.limited(), self.growing(), self.next_run(), self.compared()

    def priced(self) -> Prices:
        """Return the prices."""
        return Prices(**known_keys(self.prices, list(Prices.__dataclass_fields__), "plan.prices"))

    def limited(self) -> Limits:
        """Return the limits."""
        return Limits(**known_keys(self.limits, list(Limits.__dataclass_fields__), "plan.limits"))

    def growing(self) -> GrowthPart | None:
        """Return how compute grows, where that is told."""
        known = known_keys(self.growth, list(GrowthPart.__dataclass_fields__), "plan.growth")
        return GrowthPart(**known) if known else None

    def next_run(self) -> NextPart | None:
        """Return the candidates and the question of the next run, where there is one."""
        known = known_keys(self.next, list(NextPart.__dataclass_fields__), "plan.next")
        return NextPart(**known) if known else None

    def compared(self) -> RecipesPart | None:
        """Return the recipes to compare, where there are any."""
        known = known_keys(self.recipes, list(RecipesPart.__dataclass_fields__), "plan.recipes")
        return RecipesPart(**known) if known else None


def why_no_allocation(law: Law, outcome: str) -> str:
    """Return why a law says nothing of how a budget is split between parameters and tokens; empty where it does."""
    why = _unsettled(law, outcome)
    if not why:
        return ""
    others = [get(name) for name in available()]
    able = [one.name for one in others if one.outcome == "loss" and not _unsettled(one, "loss")]
    return f"law {law.name} has no allocation: {why}. Laws that have one: {listed(able)}."


def _unsettled(law: Law, outcome: str) -> str:
    """Return what keeps a law from splitting a budget; empty where nothing does."""
    read = [i.column for i in law.inputs]
    size = [c for c in SIZES if c in read]
    why = ""
    if outcome != "loss":
        why = f"it describes {outcome}; split the budget by a law of loss in params and tokens"
    elif "compute" in read:
        why = "it reads compute, and every split of a compute has the same loss in it"
    elif size and "tokens" not in read:
        why = f"it reads {size[0]} and no tokens, so that a larger model is better whatever it is trained on"
    elif not size:
        why = f"it reads {' and '.join(read)}, and no column that counts parameters ({listed(SIZES)})"
    elif further := [c for c in read if c not in (size[0], "tokens", "unique_tokens")]:
        why = f"it also reads {listed(further)}, which no budget of compute settles"
    return why


def check_plan(spec: ModelSpec, part: PlanPart) -> None:
    """Raise CardError where a plan cannot be asked of a model; after sampling would be late."""
    if (part.budgets or part.costs) and (why := why_no_allocation(spec.law, spec.outcome)):
        raise CardError(f"[plan] budgets and costs: {why}")
    own: Sequence[str] = [g for group in spec.groups for g in group.split(":")]
    if strange := [g for g in part.groups if g not in (*own, "task", "protocol", "run", "family")]:
        raise CardError(
            f"plan.groups names {listed(strange)}; the model has groups {listed(own)}."
            + did_you_mean(strange[0], [*own, "task"])
        )
    if (asked := part.next_run()) is not None:
        check_next(spec, asked)
    if (compared := part.compared()) is not None:
        check_recipes(spec, compared)
