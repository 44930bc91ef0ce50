"""The model specification: law + groups + pooling + priors + noise, as plain data.

A specification can be written as a dictionary of TOML types and read back without loss; it is
the `[model]` table of a card.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bayes_scaling import laws
from bayes_scaling.data.columns import OUTCOMES
from bayes_scaling.errors import CardError, did_you_mean, listed
from bayes_scaling.laws.base import Law, Parameter, Prior
from bayes_scaling.laws.prior_sets import Asked, ChosenSet, chosen_set, refuse_elsewhere
from bayes_scaling.model import discrepancy as discrepancy_room
from bayes_scaling.model import noise as noise_room
from bayes_scaling.model.discrepancy import Discrepancy
from bayes_scaling.model.support import check_support

POOLINGS = ("complete", "partial", "student_t", "none")
PARTIAL = ("partial", "student_t")
"""Poolings whose levels are members of a population: a normal one, or one with outliers."""
TAIL = 4.0  # degrees of freedom of a population with outliers


@dataclass(frozen=True)
class Noise:
    """The three parts of the noise.

    Attributes
    ----------
    observation : str
        ``student_t`` or ``normal`` (on log loss), ``beta_binomial`` or ``beta`` (accuracy), or
        ``auto``: Student-t for loss (normal for curves with a discrepancy); beta-binomial where
        every row has `n_items`, else beta.
    run_effect : bool
        Rows of one run share an error; switched off with a notice where no run has two rows.
    discrepancy : Discrepancy
        Smooth departure from the law along a scale; a kind (``"ou"``) or a table is read as one.
    """

    observation: str = "auto"
    run_effect: bool = True
    discrepancy: Discrepancy = Discrepancy()

    def __post_init__(self) -> None:
        kinds = ("auto", *noise_room.OBSERVATIONS)
        if self.observation not in kinds:
            raise CardError(
                f"noise.observation = {self.observation!r}; expected one of {listed(kinds)}."
                + did_you_mean(str(self.observation), kinds)
            )
        if not isinstance(self.run_effect, bool):
            raise CardError(f"noise.run_effect = {self.run_effect!r}; expected true or false.")
        object.__setattr__(self, "discrepancy", Discrepancy.read(self.discrepancy))


@dataclass(frozen=True)
class ModelSpec:
    """What a model is, before any data.

    Attributes
    ----------
    law : Law
        The functional form at its reference scale.
    outcome : str
        ``loss`` or ``accuracy``.
    groups : tuple of str
        Columns whose levels may have effects, for example family, task, protocol.
    pooling : dict of str to dict of str to str
        Per parameter and group (or interaction ``"family:task"``): complete, partial or none.
    priors : dict of str to Prior
        Priors that replace the declared ones, by the name of the variable in the posterior:
        a parameter (``alpha``), a group standard deviation (``alpha_family_sd``) or ``run_sd``.
    noise : Noise
    prior_set : ChosenSet, optional
        Priors of a theory, between the declared ones and `priors`.
    outcome_unit : str
        Unit of the runs' outcome where it is not the law's, such as ``Brier score``.
    """

    law: Law
    outcome: str
    groups: tuple[str, ...] = ()
    pooling: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    priors: Mapping[str, Prior] = field(default_factory=dict)
    noise: Noise = Noise()
    prior_set: ChosenSet | None = None
    outcome_unit: str = ""

    # ---- what follows from the declaration ------------------------------------------------
    def parameters(self) -> tuple[Parameter, ...]:
        """Return the law's parameters and those of observation noise and discrepancy (resolved)."""
        return (
            *self.law.parameters,
            *noise_room.parameters(self.noise.observation),
            *discrepancy_room.parameters(self.noise.discrepancy, self.outcome),
        )

    def possible_parameters(self) -> tuple[Parameter, ...]:
        """Return the law's parameters and those that the noise can have once it is settled."""
        return (
            *self.law.parameters,
            *noise_room.every_parameter(self.outcome),
            *discrepancy_room.parameters(self.noise.discrepancy, self.outcome),
        )

    @property
    def unit(self) -> str:
        """Unit of the outcome: that stated, else the law's; empty where neither says."""
        return self.outcome_unit or self.law.unit

    @property
    def marginal(self) -> bool:
        """Whether the discrepancy is integrated out (normal noise) and not sampled."""
        return bool(self.noise.discrepancy) and self.noise.observation == "normal"

    @property
    def sampled_paths(self) -> bool:
        """Whether the discrepancy is sampled at knots."""
        return bool(self.noise.discrepancy) and not self.marginal

    def effects(self, parameter: Parameter) -> dict[str, str]:
        """Return the pooling of one parameter by group, without the complete ones."""
        if parameter.name in self.pooling:
            given = self.pooling[parameter.name]
        elif parameter.role == "noise":
            given = self._known(self.law.noise_pooling.get(parameter.name, {}))
        elif isinstance(parameter.pooling, Mapping):
            given = self._known(parameter.pooling)
        else:
            given = dict.fromkeys(self.groups, parameter.pooling)
        return {g: kind for g, kind in given.items() if kind != "complete"}

    def _known(self, pooling: Mapping[str, str]) -> dict[str, str]:
        """Return the part of a default pooling that speaks of this model's groups."""
        return {g: kind for g, kind in pooling.items() if set(g.split(":")) <= set(self.groups)}

    def all_effects(self) -> Iterator[tuple[Parameter, str, str]]:
        """Yield (parameter, group, pooling) of every effect that is not complete."""
        for parameter in self.parameters():
            for group, kind in self.effects(parameter).items():
                yield parameter, group, kind

    def prior(self, parameter: Parameter) -> Prior:
        """Return the prior of a parameter."""
        of_set = self.prior_set.priors if self.prior_set else {}
        return self.priors.get(parameter.name, of_set.get(parameter.name, parameter.prior))

    def sd_prior(self, parameter: Parameter, group: str) -> Prior:
        """Return the prior of the standard deviation of a parameter between levels."""
        return self.priors.get(sd_name(parameter.name, group), parameter.group_sd)

    def constants(self) -> set[str]:
        """Return the posterior names of what a constant prior holds fixed."""
        fixed = {p.name for p in self.parameters() if self.prior(p).dist == "constant"}
        for parameter, group, kind in self.all_effects():
            if kind in PARTIAL and self.sd_prior(parameter, group).dist == "constant":
                fixed.add(sd_name(parameter.name, group))
        return fixed

    def run_sd_prior(self) -> Prior:
        """Return the prior of the standard deviation of the run effect."""
        return self.priors.get("run_sd", noise_room.RUN_SD[self.outcome])

    def without_group(self, group: str) -> ModelSpec:
        """Return the specification with one group's effects switched off."""
        pooling = {
            p.name: {g: k for g, k in self.effects(p).items() if group not in g.split(":")} for p in self.parameters()
        }
        kept = tuple(g for g in self.groups if g != group)
        priors = {k: v for k, v in self.priors.items() if not _is_sd_of(k, group, self)}
        return replace(self, groups=kept, pooling=pooling, priors=priors)

    # ---- plain data -----------------------------------------------------------------------
    def as_dict(self) -> dict[str, Any]:
        """Return the `[model]` table of a card."""
        of_set = self.prior_set.options if self.prior_set else {}
        options = {k: v for k, v in self.law.options.items() if k not in of_set}
        return {
            "law": self.law.name,
            "outcome": self.outcome,
            **({"outcome_unit": self.outcome_unit} if self.outcome_unit else {}),
            "groups": list(self.groups),
            **({"options": options} if options else {}),
            **({"prior_set": self.prior_set.plain} if self.prior_set else {}),
            **({"inputs": self.law.readings()} if self.law.readings() else {}),
            "reference": dict(self.law.reference),
            "pooling": {p: dict(v) for p, v in self.pooling.items()},
            "priors": {k: p.as_dict() for k, p in self.priors.items()},
            "noise": {
                "observation": self.noise.observation,
                "run_effect": self.noise.run_effect,
                "discrepancy": self.noise.discrepancy.as_plain(),
            },
        }


def effect_name(parameter: str, group: str) -> str:
    """Return the posterior name of a group's effects (on the unconstrained scale)."""
    return f"{parameter}_{group}_effect"


def sd_name(parameter: str, group: str) -> str:
    """Return the posterior name of the standard deviation of a group's effects."""
    return f"{parameter}_{group}_sd"


def _is_sd_of(name: str, group: str, spec: ModelSpec) -> bool:
    return any(name == sd_name(p.name, g) for p, g, _ in spec.all_effects() if group in g.split(":"))


_KEYS = ("law", "options", "outcome", "outcome_unit", "groups", "inputs", "reference", "pooling", "prior_set", "priors",
         "noise")  # fmt: skip


def make_spec(
    law: str | Law,
    *,
    options: Mapping[str, Any] | None = None,
    outcome: str | None = None,
    groups: Sequence[str] = (),
    inputs: Mapping[str, str] | None = None,
    reference: Mapping[str, float] | None = None,
    pooling: Mapping[str, str | Mapping[str, str]] | None = None,
    priors: Mapping[str, Prior | Mapping[str, Any]] | None = None,
    noise: Noise | Mapping[str, Any] | None = None,
    prior_set: Asked | None = None,
    outcome_unit: str = "",
) -> ModelSpec:
    """Check and complete a model specification.

    Parameters
    ----------
    law : str or Law
        Name of a law or the law itself.
    options : dict, optional
        Choices of the law's form, where it has any, for example ``{"skills": 2}``.
    outcome : str, optional
        One of ``OUTCOMES``; the law's own by default.
    groups : sequence of str
        Columns whose levels may have effects.
    inputs : dict, optional
        Column that an input of the law reads, for example ``{"scale": "tokens"}``.
    reference : dict, optional
        Reference scale of the priors, by input.
    pooling : dict, optional
        ``{"alpha": {"family": "partial"}}`` or ``{"alpha": "partial"}`` for every group.
        A parameter that is named gets exactly what is written; others the law's default.
        ``student_t`` is partial pooling with outliers: effects have four degrees of freedom, and
        the variable called standard deviation is their scale.
    priors : dict, optional
        Priors by posterior variable name.
    noise : Noise or dict, optional
        What is not chosen is the law's (``capability``) or the usual choice.
    prior_set : str or dict, optional
        One of the law's prior sets, ``"symmetric"`` or with its argument ``{"intrinsic_dimension": 40}``; `priors`
        go before it.
    outcome_unit : str, optional
        Unit of the runs' outcome as texts and plots name it, such as ``"Brier score"``; the law's by default.

    Returns
    -------
    ModelSpec

    Raises
    ------
    CardError
        Unknown parameter, input, column, group, pooling or prior name, with the nearest valid one.
    """
    chosen = laws.get(law)
    if options is not None and not isinstance(options, Mapping):
        raise CardError(f"model.options = {options!r}; expected a table, such as {{ skills = 2 }}.")
    of_set = chosen_set(chosen, prior_set) if prior_set is not None else None
    asked_options = {**(options or {}), **_own_form(of_set, options or {})}
    chosen = chosen.with_options(**asked_options) if asked_options else chosen
    columns = known_keys(inputs or {}, [i.name for i in chosen.inputs], "model.inputs")
    chosen = chosen.reading(**columns, reference=reference)
    refuse_elsewhere(chosen, of_set)
    outcome = outcome or chosen.outcome
    if outcome not in OUTCOMES:
        raise CardError(f"outcome = {outcome!r}; expected {listed(OUTCOMES)}." + did_you_mean(outcome, OUTCOMES))
    if outcome != chosen.outcome:
        raise CardError(
            f"law {chosen.name} describes {chosen.outcome}, but outcome = {outcome!r}; leave `outcome` out "
            f"or choose another law."
        )
    if isinstance(groups, str):
        groups = (groups,)
    repeated = [g for i, g in enumerate(groups) if g in groups[:i]]
    if repeated:
        raise CardError(f"groups names {listed(repeated)} twice: {list(groups)}; name each group once.")
    asked = noise if isinstance(noise, Noise) else known_keys(noise or {}, Noise.__annotations__, "noise")
    parts = asked if isinstance(asked, Noise) else Noise(**{**chosen.noise, **asked})
    if not isinstance(outcome_unit, str):
        raise CardError(f'model.outcome_unit = {outcome_unit!r}; expected words, such as "error rate".')
    spec = ModelSpec(chosen, outcome, tuple(groups), noise=parts, prior_set=of_set, outcome_unit=outcome_unit)
    noise_room.check_fits_outcome(parts.observation, outcome)
    spec = replace(spec, pooling=_pooling(spec, pooling or {}))
    return replace(spec, priors=_priors(spec, priors or {}))


def _own_form(of_set: ChosenSet | None, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the options of a prior set, or raise where the model asks for others."""
    if of_set is None:
        return {}
    other = [f"{k} = {options[k]!r}" for k, v in of_set.options.items() if k in options and options[k] != v]
    if other:
        raise CardError(
            f"prior_set {of_set.label} is the law with {dict(of_set.options)}, but options say {listed(other)}; leave "
            "one of them out."
        )
    return of_set.options


def spec_from_dict(table: Mapping[str, Any]) -> ModelSpec:
    """Read the `[model]` table of a card; an unknown key is an error."""
    known = known_keys(table, _KEYS, "model")
    if "law" not in known:
        raise CardError(f"[model] needs `law`; known laws: {listed(laws.available())}.")
    return make_spec(known.pop("law"), **known)


def known_keys(table: Mapping[str, Any], keys: Any, where: str) -> dict[str, Any]:
    """Return a table of a card as a dict, or raise CardError at a key that is not one of `keys`."""
    if not isinstance(table, Mapping):
        raise CardError(f"[{where}] is {table!r}; expected a table with {listed(keys)}.")
    for key in table:
        if key not in keys:
            raise CardError(f"unknown key {key!r} in [{where}]; expected {listed(keys)}." + did_you_mean(key, keys))
    return dict(table)


def _pooling(spec: ModelSpec, given: Mapping[str, str | Mapping[str, str]]) -> dict[str, dict[str, str]]:
    names = [p.name for p in spec.possible_parameters()]
    checked: dict[str, dict[str, str]] = {}
    if not isinstance(given, Mapping):
        raise CardError(f'pooling is {given!r}; expected a table by parameter, such as {{alpha = "partial"}}.')
    for name, value in given.items():
        if name not in names:
            raise CardError(
                f"pooling names {name!r}, which law {spec.law.name} with {spec.outcome} does not have; "
                f"it has {listed(names)}." + did_you_mean(name, names)
            )
        if not isinstance(value, str | Mapping):
            raise CardError(f"pooling of {name} is {value!r}; expected {listed(POOLINGS)}, or a table by group.")
        table = dict.fromkeys(spec.groups, value) if isinstance(value, str) else dict(value)
        for group, kind in table.items():
            for part in group.split(":"):
                if part not in spec.groups:
                    raise CardError(
                        f"pooling of {name} names group {part!r}, but groups = {list(spec.groups)}."
                        + (did_you_mean(part, spec.groups) or f' Add "{part}" to groups.')
                    )
            if kind not in POOLINGS:
                raise CardError(
                    f"pooling of {name} by {group} is {kind!r}; expected {listed(POOLINGS)}."
                    + did_you_mean(str(kind), POOLINGS)
                )
        if list(table.values()).count("none") > 1:
            raise CardError(
                f"pooling of {name} is none for several groups; at most one group can have independent levels, "
                "because two would share one location. Use partial for the others."
            )
        checked[name] = table
    return checked


def _priors(spec: ModelSpec, given: Mapping[str, Prior | Mapping[str, Any]]) -> dict[str, Prior]:
    names = [p.name for p in spec.possible_parameters()]
    names += [sd_name(p.name, g) for p, g, kind in spec.all_effects() if kind in PARTIAL] + ["run_sd"]
    if spec.noise.observation == "auto":  # group effects on noise parameters are known only with data
        names += [sd_name(p, g) for p, table in spec.pooling.items() for g in table]
    checked = {}
    for name, prior in given.items():
        if name not in names:
            raise CardError(
                f"priors names {name!r}, which this model does not have; it has {listed(names, 20)}."
                + did_you_mean(name, names)
            )
        checked[name] = prior if isinstance(prior, Prior) else Prior.from_dict(prior)
        check_support(spec, name, checked[name])
    return checked
