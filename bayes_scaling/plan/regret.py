"""What it costs to follow a rule: expected loss beside the best split, and the compute that is wasted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from bayes_scaling.data.derive import FLOP_PER_PARAM_TOKEN
from bayes_scaling.errors import ForecastError
from bayes_scaling.forecasts import words
from bayes_scaling.plan.allocation import Allocation, check_numbers, mcse
from bayes_scaling.plan.rules import USUAL, Given, Rule, rules
from bayes_scaling.plan.surface import Surface
from bayes_scaling.plan.tables import INTERVAL, budget, ends, tidy


@dataclass(frozen=True)
class Regret:
    """What rules cost beside each draw's own optimum.

    Attributes
    ----------
    surface : Surface
    points : DataFrame
        A row per budget and rule: groups, ``compute``, ``extrapolation``, ``rule``, ``params``, ``tokens``,
        ``tokens_per_param``.
    loss : ndarray, shape (draw, point)
        Loss of the rule minus the smallest loss at that compute.
    wasted : ndarray, shape (draw, point)
        Share of the compute that the best split would not need for the rule's loss.
    """

    surface: Surface
    points: pd.DataFrame
    loss: np.ndarray
    wasted: np.ndarray
    rules: tuple[Rule, ...]
    levels: tuple[float, ...]
    title: str = "Regret of rules"
    columns: tuple[str, ...] = field(default=("regret", "wasted_share", "wasted_compute"), repr=False)

    @property
    def banner(self) -> str:
        """Sentence about a fit that failed its diagnostics, else empty."""
        return self.surface.banner

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row per budget, rule, quantity and level: ``expected`` (mean over draws, with ``mcse``), median, interval.

        Quantities: ``regret`` (in the unit of the loss), ``wasted_share`` and ``wasted_compute`` (FLOP).
        """
        compute = self.points["compute"].to_numpy(dtype=float)
        draws = dict(zip(self.columns, (self.loss, self.wasted, self.wasted * compute), strict=True))
        found = tidy(self.points, draws, self.levels, fit=self.surface.fit, banner=self.banner)
        means = np.array([d.mean(axis=0) for d in draws.values()]).T
        error = np.array([mcse(self.surface, d) for d in (self.loss, self.wasted)])
        errors = np.array([*error, error[1] * compute]).T
        for name, values in (("mcse", errors), ("expected", means)):
            column = np.repeat(values.ravel(), len(self.levels))
            found.insert(int(found.columns.get_loc("median")), name, column)  # type: ignore[arg-type]
        return found

    @cached_property
    def choice(self) -> pd.DataFrame:
        """A row per budget and rule: expected regret with MCSE, its interval at the widest level, expected waste."""
        level = max(self.levels)
        low, high = ends(self.loss, [(1 - level) / 2, (1 + level) / 2])
        found = self.points.assign(
            expected_regret=self.loss.mean(axis=0), mcse=mcse(self.surface, self.loss), lower=low, upper=high,
            level=level, interval=INTERVAL, wasted_share=self.wasted.mean(axis=0),
        )  # fmt: skip
        return self.surface.fit.marked(found)

    @property
    def _unit(self) -> str:
        """Unit of the regret as it follows a number."""
        return words.outcome_unit(self.surface.fit.spec)

    @property
    def headline(self) -> str:
        """The rules of smallest and largest expected regret at the largest budget."""
        last = self.choice[self.choice["compute"] == self.choice["compute"].max()].sort_values("expected_regret")
        parts = [
            f"{row['rule']} ({words.number(row['expected_regret'], 2)}{self._unit}, as if "
            f"{words.percent(row['wasted_share'])} of the compute were wasted)"
            for row in (last.iloc[0], last.iloc[-1])
        ]
        where = f"At {budget(last['compute'].iloc[0])}"
        if len(last) == 1:
            return f"{where} the expected regret is that of {parts[0]}."
        return f"{where} {parts[0]} has the smallest expected regret of {len(last)} rules, {parts[1]} the largest."

    @property
    def sentences(self) -> list[str]:
        """A sentence per budget and rule, the largest budget's headline last."""
        found = []
        for row in self.choice.to_dict("records"):
            told = words.interval(words.number(row["lower"], 2), words.number(row["upper"], 2), row["level"], INTERVAL)
            found.append(
                f"{budget(row['compute'])}, {row['rule']}: {words.count(row['params'])} parameters at "
                f"{words.number(row['tokens_per_param'])} tokens each; expected regret "
                f"{words.number(row['expected_regret'], 2)}{self._unit} ({told}), as if "
                f"{words.percent(row['wasted_share'])} of the compute were wasted."
            )
        return [*found, self.headline]

    def __repr__(self) -> str:
        counted = words.counted(len(self.rules), "rule")
        budgets = words.counted(len(self.points) // len(self.rules), "budget")
        head = f"<{self.title}, {budgets} and {counted}, {self.surface.count} draws>"
        return "\n".join(line for line in [head, self.banner, *self.sentences] if line)


def regret(made: Allocation, choices: Given | Sequence[Given] | Mapping[str, Given] = USUAL) -> Regret:
    """Return the expected loss and compute that rules cost at the budgets of an allocation.

    Parameters
    ----------
    made : Allocation
    choices : sequence, dict or a single rule
        Rules as of :func:`bayes_scaling.plan.rules.rule`: 20 (tokens per parameter), ``"kaplan"`` (its published
        allocation), ``"median"``, ``"mean"``, ``"bayes"``, published constants such as ``"hoffmann2022"``, a family
        as ``{"family": "A"}``, or a function of compute. A dict names them.

    Returns
    -------
    Regret
        Expectations over posterior draws: each draw's own optimum is what it would have been best to do.

    Raises
    ------
    ForecastError
        Unknown or equal rules, a function that gives no positive numbers.
    """
    on, compute = made.surface, made.compute
    chosen = rules(choices, on)
    if not chosen:
        raise ForecastError("no rule to judge; give some, such as 20 (tokens per parameter) or 'kaplan'.")
    parts, losses, wasted = [], [], []
    for one in chosen:
        params = check_numbers(f"parameters of rule {one.name}", one.params(compute), example="1e9")
        if len(params) != len(compute):
            raise ForecastError(
                f"rule {one.name} gives {len(params)} sizes for {len(compute)} budgets; expected one each."
            )
        loss = on.loss_of_split(params, compute)
        tokens = compute / (FLOP_PER_PARAM_TOKEN * params)
        parts.append(made.points.assign(rule=one.name, params=params, tokens=tokens, tokens_per_param=tokens / params))
        losses.append(np.maximum(loss - made.loss, 0.0))
        wasted.append(1 - on.compute_for(np.maximum(loss, made.loss), compute) / compute)
    return Regret(
        on, pd.concat(parts, ignore_index=True), np.concatenate(losses, axis=1), np.concatenate(wasted, axis=1),
        tuple(chosen), made.levels,
    )  # fmt: skip
