"""Draws at levels that were not fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.fit.evaluate import Draws
from bayes_scaling.model import Rows, simulate
from bayes_scaling.model.labels import names_run
from bayes_scaling.model.spec import PARTIAL, effect_name

if TYPE_CHECKING:
    from bayes_scaling.fit import Fit


def extend(
    fit: Fit, draws: Draws, new: Mapping[str, list[str]], rng: np.random.Generator, *, law_at: Rows | None = None
) -> Draws:
    """Return draws with new levels drawn from the population.

    With ``law_at``, rows at which the law itself is asked for: those that name no run are of a typical model.
    """
    values = simulate.with_new_levels(fit.spec, draws.values, {g: len(v) for g, v in new.items()}, rng)
    for parameter, group, kind in fit.spec.all_effects():
        if law_at is None or group not in fit.spec.law.new_where_unnamed or kind not in PARTIAL:
            continue
        unnamed = law_at.index[group][~names_run(law_at.frame).to_numpy()]
        effect = values[effect_name(parameter.name, group)].copy()
        effect[..., unnamed] = 0.0
        values[effect_name(parameter.name, group)] = effect
    return replace(draws, values=values)
