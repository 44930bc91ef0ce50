"""Cards: a study as one object, and what is asked of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bayes_scaling.api.models import ScalingModel, evaluations
from bayes_scaling.api.plans import Plan, check_plan_of, plan_answers
from bayes_scaling.check import Predictive
from bayes_scaling.compare import Backtest, contrasts
from bayes_scaling.compare import backtest as _backtest
from bayes_scaling.compare.families import check_contrasts
from bayes_scaling.data import load_dataset, read_table, task_table, thin
from bayes_scaling.errors import CardError, ForecastError, listed
from bayes_scaling.fit import ChainFit, Fit, SamplerSettings, sample, sample_chain, unsampled
from bayes_scaling.forecasts import Forecast, Reach, compute_to_reach, forecast, grid
from bayes_scaling.forecasts.asked import check_points_of
from bayes_scaling.forecasts.reach import targets_at
from bayes_scaling.model import ModelSpec
from bayes_scaling.model.card import CardSpec, ComparePart, ForecastPart, read_card
from bayes_scaling.model.plan import PlanPart

Question = ForecastPart | ComparePart | PlanPart


class Card:
    """A study: data, model, sampling, forecasts and comparisons, from one TOML file.

    Attributes
    ----------
    spec : CardSpec
        The card as plain data.
    """

    def __init__(self, spec: CardSpec) -> None:
        self.spec = spec

    @property
    def name(self) -> str:
        """Name of the study."""
        return self.spec.name

    @property
    def model(self) -> ScalingModel:
        """The card's model."""
        return ScalingModel.from_spec(self.spec.model)

    def data(self) -> pd.DataFrame:
        """Load the card's table: all rows that its `where` chooses, flags included, gathered where it says `thin`."""
        part = self.spec.data
        if part.dataset:
            frame = load_dataset(part.dataset)
        else:
            path = (self.spec.folder or Path()).absolute() / part.path
            if not path.is_file():
                raise CardError(
                    f"[data] path = {part.path!r}: there is no file {path}. A relative path is taken from the card's "
                    "folder."
                )
            frame = read_table(
                path, columns=part.columns or None, loss_unit=part.loss_unit or "nats",
                bytes_per_token=part.bytes_per_token, further=self.spec.model.law.columns,
            )  # fmt: skip
        for column, wanted in part.where.items():
            frame = _choose(frame, column, wanted)
        if part.thin:
            frame = thin(frame, **part.thin)
        of_skills = self.spec.model.law.name == "capability"
        return evaluations(frame, part.chance) if of_skills or part.chance else frame

    def fit(
        self, data: pd.DataFrame | None = None, *, progressbar: bool = True, random_seed: int | None = None,
        asked: Sequence[Question] | None = None, **changes: Any,
    ) -> Any:  # fmt: skip
        """Load the data, unless given, and sample; further keyword arguments replace the card's `[fit]` settings.

        What is `asked` (the card's own questions when left out) is checked first, see :meth:`check_questions`; a table
        that these questions are not about is fitted with ``asked=()``.

        Returns
        -------
        Fit, or ChainFit of a card with [then]
        """
        settings = {**vars(self.spec.fit), **changes}
        seed = settings.pop("random_seed")
        data = self.data() if data is None else data
        self.check_questions(data, asked)
        options: dict[str, Any] = {
            "settings": SamplerSettings(**settings), "random_seed": seed if random_seed is None else random_seed,
            "progressbar": progressbar, "exclude_flags": self.spec.data.exclude_flags, "card": self.spec.as_dict(),
            "title": self.spec.title or self.spec.name,
        }  # fmt: skip
        if self.spec.then is not None:
            return sample_chain(self.spec.model, self.spec.then.model, data, self.tasks(data), **options)
        return sample(self.spec.model, data, **options)

    def check_questions(self, data: pd.DataFrame, asked: Sequence[Question] | None = None) -> None:
        """Raise where `[[forecast]]`, `[[compare]]` or `[plan]` ask for what the rows lack; :meth:`fit` does it first.

        Parameters
        ----------
        data : DataFrame
            The card's table.
        asked : sequence of ForecastPart, ComparePart or PlanPart, optional
            The card's own when left out.

        Raises
        ------
        ForecastError
            As the forecast or comparison would raise it: a level that is not in the rows, missing columns.
        """
        own: list[Question] = [*self.spec.forecast, *self.spec.compare, *([self.spec.plan] if self.spec.plan else [])]
        asked = own if asked is None else asked
        if not asked:
            return
        flags = self.spec.data.exclude_flags
        stages = {k: unsampled(spec, table, exclude_flags=flags) for k, (spec, table) in self.stages(data).items()}
        fit = ChainFit(**stages, meta={}) if self.spec.then is not None else stages[self.spec.model.outcome]
        for part in asked:
            try:
                check_answer(fit, part)
            except ForecastError as error:
                raise ForecastError(f"{self._where(part)}: {error}") from error

    def _where(self, part: Question) -> str:
        """Return where a question stands, in words."""
        if isinstance(part, PlanPart):
            return "[plan]"
        name = "compare" if isinstance(part, ComparePart) else "forecast"
        own = part.title in {p.title for p in self.spec.forecast} | {p.title for p in self.spec.compare}
        return f"[[{name}]] {part.title!r}" if own else part.title

    def tasks(self, data: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of the second stage of a chain: loss and accuracy of the runs, by task."""
        then = self.spec.then
        return data if then is None else task_table(data, errors=then.errors, accuracies=then.accuracies)

    def stages(self, data: pd.DataFrame) -> dict[str, tuple[ModelSpec, pd.DataFrame]]:
        """Return each stage's model and table by its outcome; one stage unless the card has [then]."""
        first = {self.spec.model.outcome: (self.spec.model, data)}
        return first if self.spec.then is None else first | {"accuracy": (self.spec.then.model, self.tasks(data))}

    def sample_prior_predictive(
        self, data: pd.DataFrame | None = None, *, draws: int = 500, random_seed: int = 0
    ) -> Predictive:
        """Simulate the card's table from its priors; it is loaded unless given."""
        return self.model.sample_prior_predictive(
            self.data() if data is None else data, draws=draws, random_seed=random_seed,
            exclude_flags=self.spec.data.exclude_flags,
        )  # fmt: skip

    def backtest(self, **options: Any) -> Backtest:
        """Hold out the largest scales or families, refit, forecast, score; options as in :func:`backtest`."""
        return backtest(self, **options)

    def forecasts(self, fit: Fit | ChainFit) -> list[tuple[ForecastPart, Forecast | Reach]]:
        """Answer every `[[forecast]]` of the card."""
        return [(part, answer(fit, part)) for part in self.spec.forecast]

    def comparisons(self, fit: Fit) -> list[tuple[ComparePart, pd.DataFrame]]:
        """Answer every `[[compare]]` of the card with its table of contrasts."""
        return [(part, contrasts(fit, **compare_arguments(part))) for part in self.spec.compare]

    def plan(self, fit: Fit | ChainFit) -> list[Plan]:
        """Answer the `[plan]` of the card: allocation, regret, cost, targets, outlook, next run, recipes."""
        return plan_answers(fit, self.spec.plan) if self.spec.plan else []

    def to_toml(self) -> str:
        """Return the card as TOML text."""
        return self.spec.to_toml()

    def __repr__(self) -> str:
        return f"<Card {self.name}: {self.spec.title}>"


def load_card(name_or_path: str | Path) -> Card:
    """Read a model card by the name of a shipped one or by path.

    Raises
    ------
    CardError
        Not found or not a card; an unknown key comes with the nearest valid one.
    """
    return Card(read_card(name_or_path))


def backtest(
    study: Card | ScalingModel | str | Path,
    data: pd.DataFrame | None = None,
    *,
    settings: SamplerSettings | None = None,
    random_seed: int | None = None,
    **options: Any,
) -> Backtest:
    """Hold out rows of a card's or a model's table, fit the others, forecast and score what was held out.

    Parameters
    ----------
    study : Card, ScalingModel, or name or path of a card
    data : DataFrame, optional
        Table of runs; the card's own when left out.
    settings : SamplerSettings, optional
        The card's `[fit]`, or the defaults, when left out.
    random_seed : int, optional
        The card's, or 0, when left out.
    **options :
        ``over``, ``beyond``, ``cuts``, ``within`` or ``families`` (what is held out), ``levels``, ``folder``,
        ``executor``, ``workers``, ``cores``, ``progressbar`` of :func:`bayes_scaling.compare.backtest`;
        ``exclude_flags`` and ``title`` for a model. A script calls this under ``if __name__ == "__main__":``,
        because worker processes import it, or with ``workers=0``.

    Returns
    -------
    Backtest

    Raises
    ------
    CardError, ForecastError, FitError
    """
    if isinstance(study, str | Path):
        study = load_card(study)
    if isinstance(study, Card) and study.spec.then is not None:
        raise CardError(f"card {study.name} is a chain, which has no backtest yet; backtest its stages as models.")
    if isinstance(study, Card):
        card, fit = study.spec, vars(study.spec.fit).copy()
        seed = fit.pop("random_seed")
        options = {"exclude_flags": card.data.exclude_flags, "title": card.title or card.name, **options}
        data = study.data() if data is None else data
        settings, random_seed = settings or SamplerSettings(**fit), seed if random_seed is None else random_seed
        options["card"] = card.as_dict()
    elif not isinstance(study, ScalingModel):
        raise CardError(f"backtest of a {type(study).__name__}; expected a Card, its name or path, or a ScalingModel.")
    elif data is None:
        raise CardError("backtest of a ScalingModel needs data: backtest(model, runs).")
    spec = study.spec.model if isinstance(study, Card) else study.spec
    return _backtest(spec, data, settings=settings, random_seed=random_seed or 0, **options)


def answer(fit: Fit | ChainFit, part: ForecastPart) -> Forecast | Reach:
    """Return the forecast, or the compute to reach a target, that a card asks for."""
    points = grid(**part.points) if part.points else None
    if part.target:
        return compute_to_reach(
            fit.loss if isinstance(fit, ChainFit) else fit, part.target, points, levels=part.levels,
            tokens_per_param=part.tokens_per_param, new_groups=part.new_groups,
        )  # fmt: skip
    return forecast(
        fit, points if points is not None else {}, outcome=part.outcome or None, kind=part.kind,
        levels=part.levels, new_groups=part.new_groups, tokens_per_param=part.tokens_per_param,
    )  # fmt: skip


def check_answer(fit: Fit | ChainFit, part: Question) -> None:
    """Raise where a question of a card cannot be answered; no draw is read."""
    first = fit.loss if isinstance(fit, ChainFit) else fit
    if isinstance(part, PlanPart):
        check_plan_of(fit, part)
        return
    if isinstance(part, ComparePart):
        check_contrasts(first, **compare_arguments(part))
        return
    path: dict[str, Any] = {"new_groups": part.new_groups, "tokens_per_param": part.tokens_per_param}
    points = grid(**part.points) if part.points else None
    if part.target:
        targets_at(first, part.target, points, **path)
    else:
        check_points_of(fit, points if points is not None else {}, outcome=part.outcome, kind=part.kind, **path)


def compare_arguments(part: ComparePart) -> dict[str, Any]:
    """Return the keyword arguments of contrasts and ranking for a card's comparison."""
    return {
        "group": part.group, "families": part.families or None, "target": part.target, "at": part.at or None,
        "hold": part.hold, "tokens_per_param": part.tokens_per_param,
    }  # fmt: skip


def _choose(frame: pd.DataFrame, column: str, wanted: Any) -> pd.DataFrame:
    if column not in frame.columns:
        raise CardError(f"[data.where] names column {column!r}; the table has {listed(frame.columns, 30)}.")
    values = wanted if isinstance(wanted, list) else [wanted]
    chosen = frame[frame[column].isin(values)]
    if chosen.empty:
        raise CardError(f"[data.where] {column} = {wanted!r} chooses no row; found {listed(frame[column].unique())}.")
    return chosen.reset_index(drop=True)
