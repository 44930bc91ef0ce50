"""A chain of two fits, loss from scale and accuracy from loss: sampled, told and kept as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from bayes_scaling.errors import DataError
from bayes_scaling.fit.diagnostics import Diagnosis, failure_banner
from bayes_scaling.fit.result import Fit
from bayes_scaling.fit.sample import choose_seed, sample
from bayes_scaling.fit.sampler import SamplerSettings
from bayes_scaling.model.chain import check_chain
from bayes_scaling.model.spec import ModelSpec


@dataclass(frozen=True)
class ChainFit:
    """Two fits of the same runs, with independent posteriors.

    Given the measured losses the stages share no parameter, so that the joint posterior is the product of both:
    any pairing of their draws is a draw of it.

    Attributes
    ----------
    loss : Fit
        Loss from the scale of a run.
    accuracy : Fit
        Accuracy from the measured loss of a run.
    meta : mapping
        Title and card.
    """

    loss: Fit
    accuracy: Fit
    meta: Mapping[str, Any]

    @property
    def chosen_noise(self) -> float:
        """The larger factor of both stages, see :attr:`Fit.chosen_noise`."""
        return max(self.loss.chosen_noise, self.accuracy.chosen_noise)

    @property
    def stages(self) -> dict[str, Fit]:
        """The two fits by their outcome."""
        return {"loss": self.loss, "accuracy": self.accuracy}

    @property
    def title(self) -> str:
        """Name of the study."""
        return str(self.meta.get("title") or f"{self.loss.title}, then {self.accuracy.title}")

    def diagnose(self) -> Diagnosis:
        """Return the checks of both stages (made once); one that failed makes the chain unusable."""
        return self._diagnosis

    @cached_property
    def _diagnosis(self) -> Diagnosis:
        return Diagnosis(
            tuple(
                replace(check, name=f"{name} stage: {check.name}")
                for name, fit in self.stages.items()
                for check in fit.diagnose().checks
            )
        )

    def marked(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return a table with a column `warning` if a stage failed its diagnostics."""
        banner = failure_banner(self)
        return table.assign(warning=banner) if banner else table

    def summary(self, **options: Any) -> pd.DataFrame:
        """Return the tables of :func:`bayes_scaling.fit.summary` of both stages; column ``stage`` names them."""
        tables = [fit.summary(**options).assign(stage=name) for name, fit in self.stages.items()]
        table = pd.concat([t.drop(columns="warning", errors="ignore") for t in tables])
        return self.marked(table[["stage", *(c for c in table.columns if c != "stage")]])

    def save(self, path: str | Path) -> Path:
        """Write one netCDF file; see :func:`bayes_scaling.fit.save`."""
        from bayes_scaling.fit.store import save

        return save(self, path)

    def __repr__(self) -> str:
        state = "diagnostics passed" if self.diagnose().ok else "DIAGNOSTICS FAILED, see .diagnose()"
        return "\n".join(
            [f"<ChainFit {self.title!r}, {state}>", *(f"  {name}: {fit!r}" for name, fit in self.stages.items())]
        )


class ChainModel:
    """A model of loss from scale and one of accuracy from loss; ``loss_model.then(accuracy_model)`` makes one.

    Raises
    ------
    CardError
        The two do not make a chain.
    """

    def __init__(self, loss: ModelSpec, accuracy: ModelSpec) -> None:
        check_chain(loss, accuracy)
        self.loss, self.accuracy = loss, accuracy

    def fit(self, runs: pd.DataFrame, tasks: pd.DataFrame | None = None, **options: Any) -> ChainFit:
        """Sample both stages; arguments as in :func:`sample_chain`."""
        return sample_chain(self.loss, self.accuracy, runs, tasks, **options)

    def __repr__(self) -> str:
        return f"<ChainModel {self.loss.law.name}, then {self.accuracy.law.name}>"


def sample_chain(
    loss: ModelSpec,
    then: ModelSpec,
    runs: pd.DataFrame,
    tasks: pd.DataFrame | None = None,
    *,
    settings: SamplerSettings | None = None,
    random_seed: int | None = None,
    progressbar: bool = True,
    exclude_flags: Sequence[str] = (),
    card: Mapping[str, Any] | None = None,
    title: str = "",
) -> ChainFit:
    """Sample both stages of a chain.

    Parameters
    ----------
    loss, then : ModelSpec
        Loss from scale, and accuracy from loss.
    runs : DataFrame
        A row per run, with its loss.
    tasks : DataFrame, optional
        Rows with loss and accuracy, as :func:`bayes_scaling.data.task_table` makes them; `runs` when left out.
    settings, random_seed, progressbar, exclude_flags, card, title :
        As in :func:`bayes_scaling.fit.sample`; the second stage takes the next seed.

    Returns
    -------
    ChainFit

    Raises
    ------
    CardError, DataError, FitError
        Also where the models do not make a chain or rows with accuracy lack the loss.
    """
    check_chain(loss, then)
    tasks = runs if tasks is None else tasks
    for column in ("loss", "accuracy"):
        if column not in tasks.columns:
            raise DataError(
                f"the second stage needs column {column!r}: the measured loss and accuracy of the same run. "
                "task_table(runs, errors={...}) makes such rows from a column per task."
            )
    seed = choose_seed(random_seed)
    titles = (f"{title}: loss", f"{title}: accuracy from loss") if title else ("", "")
    options: dict[str, Any] = {"settings": settings, "progressbar": progressbar, "exclude_flags": exclude_flags}
    first = sample(loss, runs, random_seed=seed, title=titles[0], **options)
    second = sample(then, tasks, random_seed=seed + 1, title=titles[1], **options)
    return ChainFit(first, second, {"title": title, "card": dict(card) if card else None})
