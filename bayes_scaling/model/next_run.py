"""`[plan.next]` and `[plan.recipes]` of a card as plain data, and what can be said against them before sampling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bayes_scaling.errors import CardError, did_you_mean, listed
from bayes_scaling.model.choices import NEW_GROUPS, check_choice, check_number
from bayes_scaling.model.questions import check_comparison, check_points, check_single
from bayes_scaling.model.spec import ModelSpec

QUESTIONS = ("target", "parameter", "families")
ABOUT = {"at": ("parameter", "families"), "before": ("families",), "hold": ("families",)}
COMPUTE = "compute"


@dataclass(frozen=True)
class NextPart:
    """Which runs could be made, and what is asked.

    Attributes
    ----------
    candidates : dict
        Values by column: every combination could be run.
    target : dict
        Question: the outcome of one run, such as ``{params = 7e10, tokens = 1.4e12}``.
    parameter : str
        Question: a parameter of the law; ``at`` names the level where it has effects of groups.
    families : list of str
        Question: which of two levels of ``group`` wins ``at`` a point, or whether they cross ``before`` a compute.
    group : str
        Of ``families``.
    at, hold : dict
        One point or level; one level of each other group.
    before : float, optional
        FLOP.
    tokens_per_param : float, optional
        Path along which a compute is spent.
    wanted_sd, value : float, optional
        Standard deviation at which to stop; worth of a unit of reduction in the unit of the cost.
    cost, unit : str
        Column of the candidates and its unit; compute in FLOP.
    new_groups : str
        Whether candidates may be of levels that were not fitted.
    """

    candidates: dict[str, Any] = field(default_factory=dict)
    target: dict[str, Any] = field(default_factory=dict)
    parameter: str = ""
    families: list[str] = field(default_factory=list)
    group: str = "family"
    at: dict[str, Any] = field(default_factory=dict)
    before: float | None = None
    hold: dict[str, Any] = field(default_factory=dict)
    tokens_per_param: float | None = None
    wanted_sd: float | None = None
    value: float | None = None
    cost: str = COMPUTE
    unit: str = "FLOP"
    new_groups: str = "error"

    def __post_init__(self) -> None:
        asked = [name for name in QUESTIONS if getattr(self, name)]
        if len(asked) != 1:
            raise CardError(
                f"[plan.next] asks {listed(asked)}; it needs exactly one question: target (a run), parameter (a name) "
                "or families (two levels, with at or before)."
            )
        for name, of in ABOUT.items():
            if getattr(self, name) and asked[0] not in of:
                raise CardError(f"plan.next.{name} belongs to a question of {listed(of)}, not of {asked[0]}.")
        if self.families:
            _check_pair("plan.next.families", self.families)
            if bool(self.at) == (self.before is not None):
                raise CardError("plan.next.families needs exactly one of at (who wins there) and before (FLOP).")
        if self.value is not None and self.wanted_sd is not None:
            raise CardError("[plan.next] has value (worth of a reduction) and wanted_sd (where to stop); give one.")
        if not self.candidates:
            raise CardError(
                "[plan.next] has no candidates; give values by column, such as "
                "candidates = { params = [1e8, 3e8], tokens = [2e9, 2e10] }."
            )
        _check_numbers(self, "plan.next", ("before", "tokens_per_param", "wanted_sd", "value"))
        _check_tables(self, "plan.next", ("candidates", "target", "at", "hold"))
        check_choice("plan.next.new_groups", self.new_groups, NEW_GROUPS)


@dataclass(frozen=True)
class RecipesPart:
    """Two recipes to compare at a budget.

    Attributes
    ----------
    names : list of str
        Two levels of ``group``.
    at : dict
        The budget, such as ``{compute = 1e23}``.
    small : dict
        Where the ranking of now is read; the smallest compute at which both were run when left out.
    group : str
    hold : dict
        One level of each other group.
    tokens_per_param : float, optional
        Path along which a compute is spent.
    candidates : dict
        Values by column: runs that could settle it.
    value : float, optional
    cost, unit : str
        As of :class:`NextPart`.
    """

    names: list[str] = field(default_factory=list)
    at: dict[str, Any] = field(default_factory=dict)
    small: dict[str, Any] = field(default_factory=dict)
    group: str = "family"
    hold: dict[str, Any] = field(default_factory=dict)
    tokens_per_param: float | None = None
    candidates: dict[str, Any] = field(default_factory=dict)
    value: float | None = None
    cost: str = COMPUTE
    unit: str = "FLOP"

    def __post_init__(self) -> None:
        _check_pair("plan.recipes.names", self.names)
        _check_tables(self, "plan.recipes", ("at", "small", "hold", "candidates"))
        if not self.at:
            raise CardError("[plan.recipes] needs at, the budget, such as at = { compute = 1e23 }.")
        _check_numbers(self, "plan.recipes", ("tokens_per_param", "value"))


def _check_pair(where: str, names: Any) -> None:
    """Raise CardError where a value is not two different names."""
    pair = isinstance(names, list) and len(names) == 2 and all(isinstance(n, str) and n for n in names)
    if not pair or names[0] == names[1]:
        raise CardError(f'{where} = {names!r}; expected two different levels, such as ["A", "B"].')


def _check_numbers(part: Any, where: str, names: Sequence[str]) -> None:
    for name in names:
        if getattr(part, name) is not None:
            check_number(f"{where}.{name}", getattr(part, name))


def _check_tables(part: Any, where: str, names: Sequence[str]) -> None:
    for name in names:
        if not isinstance(getattr(part, name), Mapping):
            raise CardError(f"{where}.{name} = {getattr(part, name)!r}; expected a table of values by column.")


def check_next(spec: ModelSpec, part: NextPart) -> None:
    """Raise CardError where the next run cannot be asked of a model."""
    _check_candidates(spec, part.candidates, part.cost, "plan.next")
    check_single("plan.next.target", part.target)
    check_points(spec, part.target, "plan.next.target")
    if part.families:
        check_comparison(spec, part.group, part.at, part.hold, "plan.next")
    if part.parameter:
        known = list(dict.fromkeys([*(p.name for p in spec.parameters()), *spec.law.published_symbols]))
        if part.parameter not in known:
            raise CardError(
                f"plan.next.parameter = {part.parameter!r}; this model has {listed(known)}."
                + did_you_mean(part.parameter, known)
            )
        check_single("plan.next.at", part.at)
        check_points(spec, part.at, "plan.next.at")


def check_recipes(spec: ModelSpec, part: RecipesPart) -> None:
    """Raise CardError where recipes cannot be compared by a model."""
    check_comparison(spec, part.group, part.at, part.hold, "plan.recipes")
    check_single("plan.recipes.small", part.small)
    check_points(spec, part.small, "plan.recipes.small")
    if part.candidates:
        _check_candidates(spec, part.candidates, part.cost, "plan.recipes")


def _check_candidates(spec: ModelSpec, columns: Mapping[str, Any], cost: str, where: str) -> None:
    """Raise CardError where candidates name what the model does not read, or have no cost."""
    check_points(spec, {k: v for k, v in columns.items() if k != cost}, f"{where}.candidates")
    if cost not in (COMPUTE, *columns):
        raise CardError(
            f"{where}.cost = {cost!r} is no column of the candidates, which have {listed(columns)}."
            + did_you_mean(cost, [COMPUTE, *columns])
        )
    empty = [k for k, v in columns.items() if isinstance(v, list | tuple) and not v]
    if empty:
        raise CardError(f"{where}.candidates: {listed(empty)} has no values, so that there are no candidates.")
    if cost in columns:
        value = columns[cost]
        for one in value if isinstance(value, list | tuple) else [value]:
            check_number(f"{where}.candidates.{cost}", one)
