"""A fitted law as a loss surface over parameters and tokens, per posterior draw; its smallest loss at a compute."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling.data.columns import COLUMNS
from bayes_scaling.data.derive import FLOP_PER_PARAM_TOKEN
from bayes_scaling.errors import ForecastError, did_you_mean, listed
from bayes_scaling.fit import ChainFit, failure_banner
from bayes_scaling.fit.evaluate import Draws, fitted_draws, law
from bayes_scaling.forecasts.levels import extend
from bayes_scaling.forecasts.points import POPULATION, as_frame, needed_groups, prepare, unread
from bayes_scaling.laws import Law
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.laws.optimum import minimum
from bayes_scaling.model import Rows
from bayes_scaling.model.effects import all_at_rows
from bayes_scaling.model.plan import SIZES, why_no_allocation
from bayes_scaling.model.questions import readable
from bayes_scaling.model.rows import group_columns, labels

if TYPE_CHECKING:
    from bayes_scaling.fit import Fit

NEWTON, STEP = 80, 1e-4  # most steps: the first may overshoot by 40, and each back is one over the steepness


@dataclass(frozen=True)
class Surface:
    """The loss of one law over parameters and tokens, per posterior draw.

    Attributes
    ----------
    fit : Fit
    draws : Draws
        With a level that was not fitted drawn from the population, where that was asked for.
    rows : Rows
        One row: the levels of groups at which the surface is taken.
    where : DataFrame
        One row: the group levels as given.
    size, tokens, unique : str
        Names, in the formula, of the inputs that are the size, the tokens and (if any) the unique tokens.
    """

    fit: Fit
    draws: Draws
    rows: Rows
    where: pd.DataFrame
    size: str
    tokens: str
    unique: str = ""

    @property
    def law(self) -> Law:
        """The law."""
        return self.fit.spec.law

    @property
    def size_column(self) -> str:
        """Column that counts the parameters: the N of C = 6 N D."""
        return next(i.column for i in self.law.inputs if i.name == self.size)

    @property
    def count(self) -> int:
        """Number of draws."""
        return self.draws.count

    @property
    def banner(self) -> str:
        """Sentence about a fit that failed its diagnostics, else empty."""
        return failure_banner(self.fit)

    @property
    def name(self) -> str:
        """The levels in words; empty where there are no groups."""
        return ", ".join(str(v) for v in self.where.iloc[0]) if len(self.where.columns) else ""

    @cached_property
    def note(self) -> str:
        """What is to be known of the surface, in sentences: columns that change nothing, another count of compute."""
        told = [unread(self.fit, self.where.columns)]
        frame = self.fit.frame
        if "compute" in frame:
            ratio = (frame["compute"] / (FLOP_PER_PARAM_TOKEN * frame[self.size_column] * frame["tokens"])).median()
            if abs(np.log(ratio)) > 0.1:
                told.append(
                    f"the compute of the fitted runs is {ratio:.2g} times 6 x {self.size_column} x tokens, which is "
                    "what a budget means here."
                )
        return " ".join(t for t in told if t)

    @cached_property
    def parameters(self) -> dict[str, np.ndarray]:
        """The law's parameters here, shape (draw, 1)."""
        found = all_at_rows(numpy_backend(), self.fit.spec, self.draws.values, self.rows.index)
        return {p.name: found[p.name] for p in self.law.parameters}

    def loss(self, params: Any, tokens: Any, *, unique_tokens: float = np.inf) -> np.ndarray:
        """Return the loss, shape (draw, point).

        Parameters
        ----------
        params, tokens : array
            Shape (point,) or (draw, point).
        unique_tokens : float
            Different tokens that there are; read by laws of repeated data only.
        """
        inputs = {self.size: np.asarray(params, dtype=float), self.tokens: np.asarray(tokens, dtype=float)}
        inputs[self.size], inputs[self.tokens] = np.broadcast_arrays(inputs[self.size], inputs[self.tokens])
        if self.unique:
            inputs[self.unique] = np.minimum(inputs[self.tokens], unique_tokens)
        return law(self.draws, Rows(self.rows.frame, self.rows.coords, self.rows.index, inputs))[0]

    def loss_of_split(self, params: Any, compute: Any) -> np.ndarray:
        """Return the loss of a model of so many parameters that uses a compute up, shape (draw, point)."""
        return self.loss(params, np.asarray(compute) / (FLOP_PER_PARAM_TOKEN * np.asarray(params)))

    def optimum(self, compute: Any) -> np.ndarray:
        """Return the parameters at which the loss is smallest for a compute, shape (draw, budget).

        In closed form where the law has one, else by a search in log parameters.

        Parameters
        ----------
        compute : array
            FLOP, shape (budget,) or (draw, budget).
        """
        compute = np.atleast_1d(np.asarray(compute, dtype=float))
        found = self._closed(compute)
        if found is not None:
            return np.asarray(found["params"] + np.zeros((self.count, 1)))
        shape = np.broadcast_shapes(compute.shape, (self.count, 1))
        high = np.broadcast_to(np.log(compute / FLOP_PER_PARAM_TOKEN), shape)
        return np.exp(minimum(lambda x: self.loss_of_split(np.exp(x), compute), np.zeros(shape), high))

    def _closed(self, compute: np.ndarray) -> dict[str, Any] | None:
        if self.unique:
            return None
        return self.law.allocation(numpy_backend(), product=compute / FLOP_PER_PARAM_TOKEN, **self.parameters)

    def exponent(self, compute: np.ndarray) -> np.ndarray:
        """Return a = d log N* / d log C, shape (draw, budget)."""
        found = self._closed(compute)
        if found is not None:
            return np.broadcast_to(found["exponent"], (self.count, len(compute))).copy()
        wide = 0.05  # the search narrows log N* down to 1e-7 at best; a flat minimum, less
        up, down = (np.log(self.optimum(compute * np.exp(s))) for s in (wide, -wide))
        return np.asarray((up - down) / (2 * wide))

    def best(self, compute: np.ndarray) -> np.ndarray:
        """Return the smallest loss for a compute, shape (draw, budget)."""
        return self.loss_of_split(self.optimum(compute), compute)

    def compute_for(self, loss: np.ndarray, compute: np.ndarray) -> np.ndarray:
        """Return the smallest compute that has a loss, shape (draw, budget), by Newton steps.

        Parameters
        ----------
        loss : ndarray (draw, budget)
            Not below the smallest loss for `compute`: it is where steps start. The smallest loss is convex and falls
            in log compute where the surface is convex in both logarithms, so that steps cannot miss.
        """
        x = np.broadcast_to(np.log(compute), loss.shape)
        start = x
        for _ in range(NEWTON):
            at = np.exp(x)
            params = self.optimum(at)
            here, above = (self.loss_of_split(params, at * np.exp(h)) for h in (0.0, STEP))
            slope = np.minimum((above - here) / STEP, -1e-300)  # by the envelope theorem N* need not move
            x = np.minimum(x - np.clip((here - loss) / slope, -40.0, 40.0), start)
            if np.max(np.abs(here - loss)) < 1e-9:
                break
        return np.exp(x)

    @cached_property
    def floor(self) -> np.ndarray | None:
        """Irreducible loss, shape (draw,); None for a law that has none."""
        named = [p.name for p in self.law.parameters if p.role == "floor" and p.support == "positive"]
        return self.parameters[named[0]][:, 0] if named else None


def surface(
    fit: Fit | ChainFit,
    groups: Mapping[str, Any] | None = None,
    *,
    new_groups: str = "error",
    draws: int | None = None,
    random_seed: int = 0,
) -> Surface:
    """Return the loss surface of a fit at one level of each group.

    Parameters
    ----------
    fit : Fit or ChainFit
        Of a law that reads parameters and tokens; of a chain, its first stage.
    groups : dict, optional
        One level per group of the model, such as ``{"family": "A"}``.
    new_groups : str
        ``error``, or ``population`` for a level that was not fitted.
    draws : int, optional
        At most this many posterior draws.

    Raises
    ------
    ForecastError
        A law that has no allocation, a level that was not fitted, several levels.
    """
    first = first_stage(fit)
    size, tokens, unique = allocation_inputs(first.spec.law, first.spec.outcome)
    where = level_points(first, groups)
    if len(where) != 1:
        raise ForecastError(f"groups name {len(where)} levels; expected one of each group. Ask once per level.")
    if missing := [g for g in needed_groups(first) if g not in where.columns]:
        fitted = sorted(labels(first.frame, missing[0]).unique())
        raise ForecastError(
            f"the optimum differs between levels of {listed(missing)}; name one, such as groups={{{missing[0]!r}: "
            f"{fitted[0]!r}}} (--group {missing[0]}={fitted[0]}); fitted are {listed(fitted)}. "
            f"{missing[0]}='new' with {POPULATION} draws one from the population."
        )
    columns = {i.name: i.column for i in first.spec.law.inputs}
    point = where.assign(**{columns[n]: first.spec.law.reference[n] for n in (size, tokens, unique) if n})
    _, rows, new = prepare(first, point, new_groups=new_groups, kind="law")
    if not first.idata.children:
        return Surface(first, Draws(first.spec, {}, first.coords), rows, where, size, tokens, unique)
    rng = np.random.default_rng(random_seed)
    extended = extend(first, fitted_draws(first, limit=draws), new, rng, law_at=rows)
    return Surface(first, extended, rows, where, size, tokens, unique)


def first_stage(fit: Fit | ChainFit) -> Fit:
    """Return the fit that tells what scale does: of a chain, its law of loss."""
    return fit.loss if isinstance(fit, ChainFit) else fit


def level_points(fit: Fit | ChainFit, groups: Mapping[str, Any] | None) -> pd.DataFrame:
    """Return levels of groups as a table, one row without columns where none are named.

    Raises
    ------
    ForecastError
        A name that is neither a group nor any column that a model or the vocabulary knows.
    """
    if not groups:
        return pd.DataFrame(index=[0])
    where = as_frame(groups)
    check_names(fit, where.columns, "groups")
    return where


def check_names(fit: Fit | ChainFit, names: Iterable[str], what: str) -> None:
    """Raise ForecastError where names of groups are of nothing that a fit or the vocabulary knows."""
    specs = [stage.spec for stage in fit.stages.values()]
    own = list(dict.fromkeys(g for spec in specs for g in group_columns(spec)))
    known = {*COLUMNS, *(c for spec in specs for c in readable(spec)), *own}
    strange = [str(name) for name in names if name not in known]
    if strange:
        have = f"this fit has groups {listed(own)}" if own else "this fit has no groups"
        raise ForecastError(f"{what} names {listed(strange)}; {have}." + did_you_mean(strange[0], own))


def allocation_inputs(law_: Law, outcome: str = "loss") -> tuple[str, str, str]:
    """Return the names of the inputs that are size, tokens and unique tokens (the last may be empty).

    Raises
    ------
    ForecastError
        A law that says nothing of how a budget is split, and why.
    """
    if why := why_no_allocation(law_, outcome):
        raise ForecastError(why)
    column = {i.column: i.name for i in law_.inputs}
    size = next(c for c in SIZES if c in column)
    return column[size], column["tokens"], column.get("unique_tokens", "")
