"""Coordinates in which the posterior of curves is nearly round: a mode and the curvature of each curve there.

They are affine and fixed before sampling, so that prior and posterior stay what they are; only the sampler's
steps change (in a hierarchy of learning curves about ten times fewer).
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy import optimize

from bayes_scaling.model import Rows, build
from bayes_scaling.model.curves import END, Coordinates, curves
from bayes_scaling.model.priors import draw
from bayes_scaling.model.spec import ModelSpec, effect_name

STEP = 1e-4
ITERATIONS = 2000


def find_coordinates(spec: ModelSpec, rows: Rows) -> dict[str, Coordinates]:
    """Return coordinates of each group of curves; empty where the model has none.

    The mode is that of the model with the standard deviations between levels at their prior
    medians (with them free it has none).
    """
    groups = curves(spec, rows)
    if not groups:
        return {}
    surface = _Surface(spec, rows)
    mode = surface.mode()
    return {
        group: _at(surface, mode, [(p.name, f"{effect_name(p.name, group)}{END}_value") for p in parameters])
        for group, parameters in groups.items()
    }


class _Surface:
    """Log density of the model without coordinates, as a function of one vector."""

    def __init__(self, spec: ModelSpec, rows: Rows) -> None:
        model = build(spec, rows)
        point = model.initial_point()
        rng = np.random.default_rng(0)
        fixed = {}
        for parameter, group, kind in spec.all_effects():
            name = f"{parameter.name}_{group}_sd"
            if kind == "partial" and f"{name}_log__" in point:
                fixed[f"{name}_log__"] = np.log(np.median(draw(spec.sd_prior(parameter, group), rng, 4001)))
        free = [v for v in model.value_vars if v.name not in fixed]
        self._function = model.logp_dlogp_function(grad_vars=free, ravel_inputs=True)
        self._function.set_extra_values({k: np.asarray(v) for k, v in fixed.items()})
        self.start = np.concatenate([np.ravel(point[v.name]) for v in free])
        ends = np.cumsum([np.size(point[v.name]) for v in free])
        self.place = {v.name: slice(e - np.size(point[v.name]), e) for v, e in zip(free, ends, strict=True)}

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = self._function(x)
        return float(value), np.array(gradient)

    def mode(self) -> np.ndarray:
        """Return a point of high density; it needs not be exact."""

        def down(x: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = self(x)
            return (-value, -gradient) if np.isfinite(value) else (1e300, np.zeros_like(x))

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            options: Any = {"maxiter": ITERATIONS, "maxfun": 2 * ITERATIONS, "maxcor": 30}
            return optimize.minimize(down, self.start, jac=True, method="L-BFGS-B", options=options).x


def _at(surface: _Surface, mode: np.ndarray, names: list[tuple[str, str]]) -> Coordinates:
    """Return coordinates from the curvature at the mode; curves do not move each other there."""
    places = [surface.place[variable.removesuffix("_value")] for _, variable in names]
    curvature = np.empty((places[0].stop - places[0].start, len(places), len(places)))
    for i, place in enumerate(places):
        ends = []
        for sign in (1, -1):
            moved = mode.copy()
            moved[place] += sign * STEP
            ends.append(surface(moved)[1])
        slope = (ends[1] - ends[0]) / (2 * STEP)
        for j, other in enumerate(places):
            curvature[:, i, j] = slope[other]
    center = np.stack([mode[p] for p in places], axis=1)
    return Coordinates(tuple(n for n, _ in names), center, _factor((curvature + curvature.transpose(0, 2, 1)) / 2))


def _factor(curvature: np.ndarray) -> np.ndarray:
    """Return lower factors of the inverse curvatures; flat and falling directions get the width of the prior."""
    scale = np.sqrt(np.maximum(np.abs(np.diagonal(curvature, axis1=1, axis2=2)), 1e-3))
    values, vectors = np.linalg.eigh(curvature / (scale[:, :, None] * scale[:, None, :]))
    values = np.maximum(values, 1e-3)
    covariance = np.einsum("cik,ck,cjk->cij", vectors, 1 / values, vectors)
    return np.linalg.cholesky(covariance / (scale[:, :, None] * scale[:, None, :]))
