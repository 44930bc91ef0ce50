"""Model cards: one TOML file per study, read strictly and written back without loss."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bayes_scaling.errors import CardError, did_you_mean, listed
from bayes_scaling.model.chain import ThenPart, check_chain, check_chain_points
from bayes_scaling.model.choices import ADAPTATIONS, ENGINES, KINDS, NEW_GROUPS, check_choice, check_levels
from bayes_scaling.model.plan import PlanPart, check_plan
from bayes_scaling.model.prior_sets import CheckPart, check_sensitivity
from bayes_scaling.model.questions import check_comparison, check_points, check_single
from bayes_scaling.model.spec import OUTCOMES, ModelSpec, known_keys, spec_from_dict

SHIPPED = Path(__file__).resolve().parent.parent / "cards"  # in the wheel
SOURCE = Path(__file__).resolve().parent.parent.parent / "models"  # in a checkout

Table = dict[str, Any]
_HEAD = ("name", "title", "question", "notes", "constants")


def _plain(part: Any) -> Table:
    """Return the fields of a card's part that are not empty."""
    return {k: v for k, v in vars(part).items() if v not in (None, "", (), [], {})}


@dataclass(frozen=True)
class DataPart:
    """Which table: a dataset of the catalogue or a file, what is chosen of it, what is left out.

    ``chance`` is the accuracy of guessing by benchmark, where neither the table nor the registry states it. ``thin``
    gathers checkpoints: the keyword arguments of :func:`bayes_scaling.data.thin`, such as ``{ over = "compute" }``.
    """

    dataset: str = ""
    path: str = ""
    columns: Table = field(default_factory=dict)
    loss_unit: str = ""
    bytes_per_token: float | None = None
    where: Table = field(default_factory=dict)
    chance: Table = field(default_factory=dict)
    thin: Table | None = None
    exclude_flags: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        examples = {
            "columns": '{ n_params = "params" }', "where": '{ family = ["A"] }', "chance": "{ my_task = 0.25 }",
        }  # fmt: skip
        for name, example in examples.items():
            if not isinstance(getattr(self, name), Mapping):
                raise CardError(f"data.{name} = {getattr(self, name)!r}; expected a table, such as {example}.")
        if bool(self.dataset) == bool(self.path):
            raise CardError("[data] needs exactly one of `dataset` (a name of the catalogue) and `path` (a file).")
        if self.thin is not None and not known_keys(self.thin, ("over", "knots"), "data.thin").get("over"):
            raise CardError(f'data.thin = {self.thin!r}; it needs `over`, a scale, such as {{ over = "compute" }}.')


@dataclass(frozen=True)
class FitPart:
    """How the posterior is sampled."""

    draws: int = 1000
    tune: int = 1000
    chains: int = 4
    target_accept: float = 0.9
    adaptation: str = "auto"
    engine: str = "auto"
    maxdepth: int = 10
    random_seed: int = 1

    def __post_init__(self) -> None:
        check_choice("fit.adaptation", self.adaptation, ADAPTATIONS)
        check_choice("fit.engine", self.engine, ENGINES)
        for name in ("draws", "tune", "chains", "maxdepth"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise CardError(f"fit.{name} = {value!r}; expected a whole number of at least 1.")
        if isinstance(self.target_accept, bool) or not 0.5 <= float(self.target_accept) < 1:
            raise CardError(f"fit.target_accept = {self.target_accept!r}; expected a number from 0.5 to below 1.")


@dataclass(frozen=True)
class ForecastPart:
    """One question about new scales: points (every combination), or a target to reach."""

    title: str
    points: Table = field(default_factory=dict)
    target: list[float] = field(default_factory=list)
    kind: str = "response"
    levels: list[float] = field(default_factory=lambda: [0.5, 0.9])
    new_groups: str = "error"
    tokens_per_param: float | None = None
    outcome: str = ""  # of a chain: accuracy, unless loss is asked for

    def __post_init__(self) -> None:
        check_choice("forecast.kind", self.kind, KINDS)
        check_choice("forecast.outcome", self.outcome, ("", *OUTCOMES))
        check_choice("forecast.new_groups", self.new_groups, NEW_GROUPS)
        check_levels("forecast.levels", self.levels)
        if not isinstance(self.points, Mapping):
            raise CardError(f"forecast.points = {self.points!r}; expected a table such as {{compute = [1e24]}}.")
        if not self.points and not self.target:
            raise CardError(
                f"[[forecast]] {self.title!r} needs `points` (where to forecast) or `target` (what to reach)."
            )


@dataclass(frozen=True)
class ComparePart:
    """One comparison of families at a target or at a point."""

    title: str
    group: str = "family"
    families: list[str] = field(default_factory=list)
    target: float | None = None
    at: Table = field(default_factory=dict)
    hold: Table = field(default_factory=dict)
    tokens_per_param: float | None = None

    def __post_init__(self) -> None:
        for name, part in (("compare.at", self.at), ("compare.hold", self.hold), ("compare", {"target": self.target})):
            check_single(name, part)
        if (self.target is None) == (not self.at):
            raise CardError(f"[[compare]] {self.title!r} needs exactly one of `target` and `at`.")


@dataclass(frozen=True)
class CardSpec:
    """A study as plain data: data + model + fit + what to forecast and compare.

    Attributes
    ----------
    name : str
    title, question : str
        For people; the report opens with them.
    notes : list of str
        Choices and their reasons, shown in the report.
    constants : list of str
        Published constants of the law that the report draws beside the posterior.
    data, model, fit, forecast, compare :
        The parts of the card.
    plan : PlanPart, optional
        Budgets, costs, prices and targets to plan with.
    then : ThenPart, optional
        Second stage of a chain: accuracy from the loss that `model` gives.
    check : CheckPart, optional
        Prior sets under which the report forecasts too.
    folder : Path, optional
        Where the card was read; a relative `path` in [data] starts there.
    """

    name: str
    model: ModelSpec
    data: DataPart
    title: str = ""
    question: str = ""
    notes: list[str] = field(default_factory=list)
    constants: list[str] = field(default_factory=list)
    fit: FitPart = FitPart()
    forecast: tuple[ForecastPart, ...] = ()
    compare: tuple[ComparePart, ...] = ()
    plan: PlanPart | None = None
    then: ThenPart | None = None
    check: CheckPart | None = None
    folder: Path | None = None

    def as_dict(self) -> Table:
        """Return the card as TOML tables; :func:`card_from_dict` reads them back."""
        head = {k: getattr(self, k) for k in _HEAD if getattr(self, k)}
        model = {k: v for k, v in self.model.as_dict().items() if v not in ([], {})}
        then = {"then": self.then.as_dict()} if self.then else {}
        parts: Table = {**head, "data": _plain(self.data), "model": model, **then, "fit": vars(self.fit).copy()}
        if self.forecast:
            parts["forecast"] = [_plain(f) for f in self.forecast]
        if self.compare:
            parts["compare"] = [_plain(c) for c in self.compare]
        if self.plan is not None:
            parts["plan"] = _plain(self.plan)
        if self.check is not None:
            parts["check"] = _plain(self.check)
        return parts

    def checked_forecast(self) -> ForecastPart:
        """Return the forecast that `[check]` asks under each prior set, or the first at points."""
        title = self.check.forecast if self.check else ""
        return next(f for f in self.forecast if not f.target and title in ("", f.title))

    def to_toml(self) -> str:
        """Return the card as TOML text."""
        import tomli_w

        return tomli_w.dumps(self.as_dict())


_KEYS = (*_HEAD, "data", "model", "then", "fit", "forecast", "compare", "plan", "check")


def card_from_dict(table: Mapping[str, Any], *, folder: Path | None = None) -> CardSpec:
    """Read a card's tables strictly.

    Raises
    ------
    CardError
        An unknown key (with the nearest valid one), a missing or contradictory part.
    """
    known = known_keys(table, _KEYS, "card")
    for needed in ("name", "data", "model"):
        if needed not in known:
            raise CardError(f"the card lacks {needed!r}; it needs name, [data] and [model].")
    parts: Table = {k: known[k] for k in _HEAD if k in known}
    for key in ("notes", "constants"):
        if not isinstance(parts.get(key, []), list):
            raise CardError(f"{key} = {parts[key]!r}; expected a list of texts.")
    card = CardSpec(
        **parts,
        data=_part(DataPart, known["data"], "data"),
        model=spec_from_dict(known["model"]),
        fit=_part(FitPart, known.get("fit", {}), "fit"),
        forecast=tuple(_part(ForecastPart, t, "forecast") for t in _list(known, "forecast")),
        compare=tuple(_part(ComparePart, t, "compare") for t in _list(known, "compare")),
        plan=_part(PlanPart, known["plan"], "plan") if "plan" in known else None,
        then=ThenPart.read(known["then"]) if "then" in known else None,
        check=_part(CheckPart, known["check"], "check") if "check" in known else None,
        folder=folder,
    )
    _check_questions(card)
    return card


def _check_questions(card: CardSpec) -> None:
    """Raise where a question cannot be asked of the model; after sampling would be late."""
    if card.then is not None:
        check_chain(card.model, card.then.model)
        if card.compare:
            raise CardError("a card with [then] compares nothing; compare families by a card of one of its stages.")
    if card.plan is not None:
        check_plan(card.model, card.plan)
    if card.check is not None:
        if card.then is not None:
            raise CardError("a card with [then] compares no prior sets; do that by a card of one of its stages.")
        check_sensitivity(card.model, card.check, [f.title for f in card.forecast if not f.target])
    for asked in card.forecast:
        check_asked(card, asked.points, asked.target, asked.outcome, f"[[forecast]] {asked.title!r}, points")
    for part in card.compare:
        check_comparison(card.model, part.group, part.at, part.hold, f"[[compare]] {part.title!r}")
    known = card.model.law.published
    for name in card.constants:
        if name not in known:
            raise CardError(
                f"constants names {name!r}; law {card.model.law.name} has {listed(known)}." + did_you_mean(name, known)
            )


def check_asked(card: CardSpec, points: Table, target: list[float], outcome: str, where: str) -> None:
    """Raise CardError where a forecast cannot be asked of a card."""
    if card.then is None:
        if outcome not in ("", card.model.outcome):
            raise CardError(f"{where}: outcome = {outcome!r}, but the card's model describes {card.model.outcome}.")
        check_points(card.model, points, where)
        return
    if target and outcome != "loss":
        raise CardError(
            f"{where}: a forecast of a chain has no compute to reach an accuracy; ask by [plan] targets (plan reach), "
            'or for a target of loss with outcome = "loss".'
        )
    check_chain_points(card.model, card.then.model, points, where)


def _list(known: Table, key: str) -> list[Any]:
    value = known.get(key, [])
    if not isinstance(value, list):
        raise CardError(f"{key!r} is {value!r}; expected a list of tables, written [[{key}]].")
    return value


def _part(kind: Any, table: Any, where: str) -> Any:
    fields = kind.__dataclass_fields__
    known = known_keys(table, list(fields), where)
    for name in known:
        if isinstance(known[name], str) and fields[name].type.startswith(("list", "float", "int")):
            raise CardError(f"{where}.{name} = {known[name]!r}; expected {fields[name].type}.")
    try:
        return kind(**known)
    except TypeError as error:
        raise CardError(f"[{where}] cannot be read: {error}.") from error


def shipped_cards() -> list[str]:
    """Return the names of the cards that come with the package."""
    folder = SHIPPED if SHIPPED.is_dir() else SOURCE
    return sorted(p.stem for p in folder.glob("*.toml"))


def find_card(name_or_path: str | Path) -> Path:
    """Return the file of a card given its name or path.

    Raises
    ------
    CardError
        Neither a file nor the name of a shipped card.
    """
    path = Path(name_or_path)
    if path.suffix == ".toml":
        if path.is_file():
            return path
        raise CardError(f"no card at {path}; shipped cards are {listed(shipped_cards())}.")
    for folder in (SHIPPED, SOURCE):
        candidate = folder / f"{name_or_path}.toml"
        if candidate.is_file():
            return candidate
    raise CardError(
        f"no card named {str(name_or_path)!r}; shipped are {listed(shipped_cards())}. A file needs its .toml suffix."
        + did_you_mean(str(name_or_path), shipped_cards())
    )


def read_card(name_or_path: str | Path) -> CardSpec:
    """Read a card by name or path.

    Raises
    ------
    CardError
        Not found, not TOML, or not a card.
    """
    path = find_card(name_or_path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CardError(f"{path} is not valid TOML: {error}.") from error
    try:
        return card_from_dict(table, folder=path.parent)
    except CardError as error:
        raise CardError(f"{path.name}: {error}") from error
