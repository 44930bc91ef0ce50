"""Skills of every model of a capability fit, draw by draw, as inputs of the link to a downstream score.

In every draw skills are standardised over the models of the skill fit: a weight is the log-odds gained per standard
deviation between models, whatever the unit of the skill.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_scaling.data.evaluations import model_names
from bayes_scaling.errors import ForecastError, did_you_mean, listed
from bayes_scaling.fit import Fit
from bayes_scaling.fit.evaluate import fitted_draws, take
from bayes_scaling.fit.typical import MEASURED, at_places, of_skill
from bayes_scaling.laws.backend import numpy_backend

if TYPE_CHECKING:
    from bayes_scaling.laws.capability import Capability


@dataclass(frozen=True)
class Skills:
    """Draws of the skills of every model of a capability fit.

    Attributes
    ----------
    models : list of str
    values : ndarray, shape (draw, skill, model)
        Standardised over models in every draw.
    groups : dict of str to list
        Labels of the models, by column: their family, where it is known.
    """

    models: list[str]
    values: np.ndarray
    groups: Mapping[str, list[str]] = field(default_factory=dict)

    def labels(self, models: Iterable[str]) -> dict[str, list[str]]:
        """Return the labels of some models, by column."""
        position = {m: i for i, m in enumerate(self.models)}
        return {column: [values[position[str(m)]] for m in models] for column, values in self.groups.items()}

    def at(self, models: Iterable[str]) -> dict[str, np.ndarray]:
        """Return each skill of some models, by input of the link's law, shape (draw, row).

        Raises
        ------
        ForecastError
            A model that the skill fit does not know.
        """
        position = {m: i for i, m in enumerate(self.models)}
        names = [str(m) for m in models]
        if unknown := [m for m in dict.fromkeys(names) if m not in position]:
            raise ForecastError(
                f"model {unknown[0]!r} is not in the skill fit, which has {len(self.models)} models such as "
                f"{listed(self.models[:3])}." + did_you_mean(unknown[0], self.models)
                + (f" So are {len(unknown) - 1} others." if len(unknown) > 1 else "")
                + " Add its benchmark scores, and the scales that the link reads, to the table of the skill fit."
            )  # fmt: skip
        chosen = self.values[..., [position[m] for m in names]]
        return {f"skill_{k + 1}": chosen[:, k] for k in range(chosen.shape[1])}


def skill_draws(fit: Fit, draws: int | None = None, *, further: Sequence[str] = ()) -> Skills:
    """Return the standardised skills of every model of a capability fit.

    Parameters
    ----------
    fit : Fit
        Of law ``capability``; its table names the model of every row.
    draws : int, optional
        At most so many, evenly spaced over the posterior.
    further : sequence of str
        Scales in the table, such as compute, whose logarithm is one more skill; models of which one is not known are
        left out.

    Raises
    ------
    ForecastError
        A fit of another law, or of a table without models or without a further scale.
    """
    if fit.spec.law.name != "capability":
        raise ForecastError(f"skills come from a fit of law capability, not {fit.spec.law.name}.")
    column = "model" if "model" in fit.frame.columns else "run"
    if column not in fit.frame.columns:
        raise ForecastError("the table of the skill fit names no model: add column 'model' to its rows.")
    every = fitted_draws(fit)
    chosen = np.linspace(0, every.count - 1, min(draws or every.count, every.count)).round().astype(int)
    every = replace(every, values={name: value[chosen] for name, value in every.values.items()})
    names = model_names(fit.frame) if column == "model" else fit.frame[column]
    first = np.flatnonzero(~names.duplicated().to_numpy())
    at_first = take(fit.rows, first)
    capability: Capability = fit.spec.law  # type: ignore[assignment]
    own = {g: code for g, code in at_first.index.items() if not set(g.split(":")) & set(MEASURED)}
    parts = [p for k in range(1, capability.skills + 1) for p in of_skill(capability, k)]
    values = {**at_first.inputs, **at_places(fit.spec, parts, every.values, own, len(first))}
    shape = (len(chosen), len(first))
    made = [
        np.broadcast_to(capability.skill(numpy_backend(), k, values), shape) for k in range(1, capability.skills + 1)
    ]
    named = fit.frame.iloc[first].assign(_name=names.iloc[first])
    made += [np.broadcast_to(_logarithm(named, scale), shape) for scale in further]
    skills = np.stack(made, axis=1)
    known = np.isfinite(skills).all(axis=(0, 1))
    skills, named = skills[..., known], named[known]
    skills = (skills - skills.mean(axis=-1, keepdims=True)) / skills.std(axis=-1, keepdims=True)
    groups = {c: [str(v) for v in named[c]] for c in ("family",) if c in named.columns}
    return Skills([str(m) for m in named["_name"]], skills, groups)


def _logarithm(frame: pd.DataFrame, scale: str) -> np.ndarray:
    """Return the decimal logarithm of a scale, NaN where it is not known, shape (row,)."""
    if scale not in frame.columns:
        raise ForecastError(f"the table of the skill fit has no column {scale!r}." + did_you_mean(scale, frame.columns))
    return np.log10(frame[scale].to_numpy(dtype=float))
