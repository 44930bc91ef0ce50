"""Models: a law with pooling, priors and noise, ready to be fitted to a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bayes_scaling.check import Predictive
from bayes_scaling.check import prior_predictive as _prior_predictive
from bayes_scaling.compare import Backtest
from bayes_scaling.data.evaluations import check_evaluations, model_names
from bayes_scaling.errors import CardError, listed
from bayes_scaling.fit import ChainModel, Fit, SamplerSettings, sample
from bayes_scaling.laws import Law, Prior
from bayes_scaling.model import ModelSpec, Noise, make_spec
from bayes_scaling.model.labels import check_groups
from bayes_scaling.model.rows import group_columns


class ScalingModel:
    """A scaling law with pooling, priors and noise, ready to be fitted to a table of runs.

    Parameters
    ----------
    law : str or Law
        Name of a law (``bayes-scaling laws`` lists them) or a law of your own.
    options : dict, optional
        Choices of the law's form, where it has any, for example ``{"skills": 2}`` of ``capability``.
    outcome : str, optional
        ``loss`` or ``accuracy``; the law's own by default.
    groups : sequence of str
        Columns whose levels may differ, for example ``["family", "task", "protocol"]``.
    pooling : dict, optional
        Per parameter, and per group or interaction: ``complete``, ``partial`` or ``none``.
    priors : dict, optional
        ``Prior`` objects by posterior variable name.
    prior_set : str or dict, optional
        One of the law's prior sets: ``"symmetric"``, or with its argument ``{"intrinsic_dimension": 40}``.
    noise : Noise or dict, optional
        Observation noise and run effect.
    inputs : dict, optional
        Column that an input of the law reads, for example ``{"scale": "tokens"}``.
    reference : dict, optional
        Scale at which priors are stated, for example ``{"params": 1e9}``.
    outcome_unit : str, optional
        Unit of the outcome as texts and plots name it, such as ``"Brier score"``; the law's by default.

    Examples
    --------
    >>> model = ScalingModel("chinchilla", groups=["family"])  # doctest: +SKIP
    >>> fit = model.fit(runs, random_seed=1)  # doctest: +SKIP
    """

    def __init__(
        self,
        law: str | Law,
        *,
        options: Mapping[str, Any] | None = None,
        outcome: str | None = None,
        groups: Sequence[str] = (),
        pooling: Mapping[str, str | Mapping[str, str]] | None = None,
        priors: Mapping[str, Prior | Mapping[str, Any]] | None = None,
        noise: Noise | Mapping[str, Any] | None = None,
        inputs: Mapping[str, str] | None = None,
        reference: Mapping[str, float] | None = None,
        prior_set: str | Mapping[str, Any] | None = None,
        outcome_unit: str = "",
    ) -> None:
        self.spec: ModelSpec = make_spec(
            law,
            options=options,
            outcome=outcome,
            groups=groups,
            pooling=pooling,
            priors=priors,
            noise=noise,
            inputs=inputs,
            reference=reference,
            prior_set=prior_set,
            outcome_unit=outcome_unit,
        )

    @classmethod
    def from_spec(cls, spec: ModelSpec) -> ScalingModel:
        """Return a model of an existing specification."""
        model = cls.__new__(cls)
        model.spec = spec
        return model

    def fit(
        self,
        data: pd.DataFrame,
        *,
        draws: int = 1000,
        tune: int = 1000,
        chains: int = 4,
        random_seed: int | None = None,
        progressbar: bool = True,
        target_accept: float = 0.9,
        adaptation: str = "auto",
        engine: str = "auto",
        exclude_flags: Sequence[str] = (),
        title: str = "",
    ) -> Fit:
        """Sample the posterior on a table of runs.

        Parameters
        ----------
        data : DataFrame
            Runs in the package's vocabulary (``read_table`` and ``check_runs`` bring them there). Rows without the
            outcome or an input of the law are left out and counted.
        draws, tune, chains : int
            Kept and warm-up draws per chain, number of chains.
        random_seed : int, optional
            The same seed gives the same numbers on the same machine and versions, once the model is compiled
            and cached.
        progressbar : bool
        target_accept, adaptation, engine :
            As of :class:`bayes_scaling.SamplerSettings`.
        exclude_flags : sequence of str
            Rows with one of these flags are left out and counted.

        Returns
        -------
        Fit
        """
        settings = SamplerSettings(draws, tune, chains, target_accept, adaptation, engine=engine)
        return sample(
            self.spec, data, settings=settings, random_seed=random_seed, progressbar=progressbar,
            exclude_flags=exclude_flags, title=title,
        )  # fmt: skip

    def sample_prior_predictive(
        self, data: pd.DataFrame, *, draws: int = 500, random_seed: int = 0, exclude_flags: Sequence[str] = ()
    ) -> Predictive:
        """Simulate the outcome of a table from the prior, to see what the priors imply beside the data."""
        return _prior_predictive(self.spec, data, draws=draws, random_seed=random_seed, exclude_flags=exclude_flags)

    def backtest(self, data: pd.DataFrame, **options: Any) -> Backtest:
        """Hold out the largest scales or families, refit, forecast, score; options as in :func:`backtest`."""
        from bayes_scaling.api.cards import backtest  # a card holds a model

        return backtest(self, data, **options)

    def then(self, other: ScalingModel) -> ChainModel:
        """Return the chain of this model of loss and a model of accuracy in loss."""
        return ChainModel(self.spec, other.spec)

    def __repr__(self) -> str:
        return f"<ScalingModel {self.spec.law.name}, groups {listed(self.spec.groups)}>"


class CapabilityModel(ScalingModel):
    """Latent skills of many model families, measured by many benchmarks.

    Each skill of a model is made of its scale, the efficiency of its family and a residual of its own; the accuracy
    of a benchmark rises with them from chance to a learned ceiling. Further: a deviation of each family on each
    benchmark, and an offset of each protocol within a benchmark where the table has several. See the law
    ``capability`` for the formula, and for the units that settle scale, sign and rotation of the skills.

    Parameters
    ----------
    skills : int
        Number of skills, 1 to 4.
    scale : str
        What skills are made of: ``params+tokens``, ``params``, ``compute``, or ``none`` (measured only).
    anchors : sequence of str
        One benchmark for each skill from the second on, its unit; see the law.
    product : bool
        Whether the product of log parameters and log tokens counts too.
    groups : sequence of str
        Add ``protocol`` where benchmarks were run in several ways, ``tuned`` where base and instruct models are mixed.
    pooling, priors, noise, reference :
        As of :class:`ScalingModel`; noise is a logistic distribution censored at 0 and 1 by default.

    Examples
    --------
    >>> model = CapabilityModel(skills=2, anchors=["gsm8k"])  # doctest: +SKIP
    >>> fit = model.fit(scores, chance={"truthfulqa": 0.3}, random_seed=1)  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        skills: int = 1,
        scale: str = "params+tokens",
        anchors: Sequence[str] = (),
        product: bool = True,
        groups: Sequence[str] = ("family", "task", "run"),
        pooling: Mapping[str, str | Mapping[str, str]] | None = None,
        priors: Mapping[str, Prior | Mapping[str, Any]] | None = None,
        noise: Noise | Mapping[str, Any] | None = None,
        reference: Mapping[str, float] | None = None,
    ) -> None:
        options = {"skills": skills, "scale": scale, "anchors": list(anchors), "product": product}
        super().__init__(
            "capability", options=options, groups=groups, pooling=pooling, priors=priors,
            noise=noise, reference=reference,
        )  # fmt: skip

    def fit(self, data: pd.DataFrame, *, chance: Mapping[str, float] | None = None, **options: Any) -> Fit:
        """Check a table of evaluations and sample the posterior.

        Parameters
        ----------
        data : DataFrame
            A row per model, benchmark and protocol with an accuracy; missing cells are simply not there.
        chance : dict of str to float, optional
            Accuracy of guessing by benchmark, where the table and the registry have none.
        **options :
            As of :meth:`ScalingModel.fit`.

        Returns
        -------
        Fit

        Raises
        ------
        DataError
            Different scores for one model and benchmark, an unknown chance level, accuracies in percent, ...
        """
        checked = evaluations(data, chance)
        check_groups(group_columns(self.spec), checked.columns)
        benchmarks = checked["task"].nunique()
        if "task" not in self.spec.groups and benchmarks > 1:
            raise CardError(
                f"groups = {list(self.spec.groups)}, but the table has {benchmarks} benchmarks, which would share one "
                'loading, ceiling and intercept; add "task" to groups.'
            )
        return super().fit(checked, **options)

    def sample_prior_predictive(
        self, data: pd.DataFrame, *, chance: Mapping[str, float] | None = None, **options: Any
    ) -> Predictive:
        """Check a table of evaluations and simulate it from the prior; options as of :class:`ScalingModel`."""
        return super().sample_prior_predictive(evaluations(data, chance), **options)

    def backtest(self, data: pd.DataFrame, *, chance: Mapping[str, float] | None = None, **options: Any) -> Backtest:
        """Check a table of evaluations, hold out, refit, forecast, score; options as in :func:`backtest`."""
        return super().backtest(evaluations(data, chance), **options)


def evaluations(data: pd.DataFrame, chance: Mapping[str, float] | None = None) -> pd.DataFrame:
    """Return a checked table of evaluations in which every model is a run of its own, unless runs are named."""
    if {"task", "accuracy"} <= set(data.columns):  # a row with neither lists a model, and evaluates none
        data = data[data["task"].notna() | data["accuracy"].notna()]
    checked = check_evaluations(data, chance=chance)
    return checked if "run" in checked.columns else checked.assign(run=model_names(checked))
