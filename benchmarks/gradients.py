"""What one gradient of a model's log posterior costs."""

from __future__ import annotations

import timeit

from pymc.blocking import DictToArrayBijection

from bayes_scaling.model import Rows, build
from bayes_scaling.model.spec import ModelSpec

GRADIENTS, TURNS = 20, 5


def gradient_seconds(spec: ModelSpec, rows: Rows) -> float:
    """Return the seconds of one gradient, compiled with numba: the shortest mean of several turns."""
    model = build(spec, rows)
    gradient = model.logp_dlogp_function(mode="NUMBA", ravel_inputs=True)
    gradient.set_extra_values({})
    at = DictToArrayBijection.map(model.initial_point()).data
    gradient(at)  # compiles
    return min(timeit.repeat(lambda: gradient(at), number=GRADIENTS, repeat=TURNS)) / GRADIENTS
