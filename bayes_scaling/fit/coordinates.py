"""Coordinates in which the posterior of curves is nearly round.

They are affine and fixed before sampling, so that prior and posterior stay what they are; only the sampler's
steps change. They start from a mode and the curvature of each curve there (with standard deviations between curves
found by a few rounds of expectation-maximisation), and are then learned from short pilot runs:
a mass matrix with a dense block per curve, which moves with the population.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy import optimize

from bayes_scaling.laws.backend import link, numpy_backend
from bayes_scaling.laws.base import Parameter
from bayes_scaling.model import Rows, build
from bayes_scaling.model.curves import END, Coordinates, curves
from bayes_scaling.model.effects import at_rows
from bayes_scaling.model.priors import draw
from bayes_scaling.model.spec import ModelSpec, effect_name, sd_name

PILOTS = 3
PILOT = {"draws": 300, "tune": 500, "chains": 2, "maxdepth": 9, "target_accept": 0.85}
BLEND = 20.0  # pseudo-draws that pull a pilot's covariance to its diagonal
STEP = 1e-4
ITERATIONS = 2000
ROUNDS = 4
LEAST_SD = 0.02


def find_coordinates(spec: ModelSpec, rows: Rows) -> dict[str, Coordinates]:
    """Return coordinates of each group of curves; empty where the model has none."""
    groups = curves(spec, rows)
    if not groups:
        return {}
    surface = _Surface(spec, rows)
    mode = surface.start
    for turn in range(ROUNDS):
        mode = surface.mode(mode)
        found = {group: _at(surface, mode, group, parameters) for group, parameters in groups.items()}
        if turn + 1 < ROUNDS:
            for group, one in found.items():
                surface.set_sds(group, one)
    return found


class _Surface:
    """Log density of the model without coordinates, as a function of one vector; standard deviations are fixed."""

    def __init__(self, spec: ModelSpec, rows: Rows) -> None:
        model = build(spec, rows)
        point = model.initial_point()
        rng = np.random.default_rng(0)
        self.sds = {
            sd_name(p.name, group): float(np.median(draw(spec.sd_prior(p, group), rng, 4001)))
            for p, group, kind in spec.all_effects()
            if kind == "partial"
        }
        self._names = {name: v.name for name in self.sds for v in model.value_vars if v.name.startswith(f"{name}_")}
        free = [v for v in model.value_vars if v.name not in self._names.values()]
        self._function = model.logp_dlogp_function(grad_vars=free, ravel_inputs=True)
        self._fix()
        effects = [model[effect_name(p.name, g)] for g, ps in curves(spec, rows).items() for p in ps]
        self._effects = model.compile_fn(
            model.replace_rvs_by_values(effects), inputs=model.value_vars, on_unused_input="ignore"
        )
        self._effect_names = [effect_name(p.name, g) for g, ps in curves(spec, rows).items() for p in ps]
        self.start = np.concatenate([np.ravel(point[v.name]) for v in free])
        ends = np.cumsum([np.size(point[v.name]) for v in free])
        self.place = {v.name: slice(e - np.size(point[v.name]), e) for v, e in zip(free, ends, strict=True)}
        self._shape = {v.name: np.shape(point[v.name]) for v in free}

    def _fix(self) -> None:
        self._function.set_extra_values({v: np.asarray(np.log(self.sds[n])) for n, v in self._names.items()})

    def set_sds(self, group: str, at: Coordinates) -> None:
        """Set standard deviations between curves to those that the curves at the mode show."""
        spread = (at.factor**2).sum(axis=2)
        for i, name in enumerate(at.parameters):
            second = ((at.center - at.population)[:, i] ** 2 + spread[:, i]).mean()
            self.sds[sd_name(name, group)] = max(float(np.sqrt(second)), LEAST_SD)
        self._fix()

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = self._function(x)
        return float(value), np.array(gradient)

    def effects(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Return the effects of curves by posterior name, shape (curve,) each."""
        point = {name: np.reshape(x[place], self._shape[name]) for name, place in self.place.items()}
        point |= {v: np.asarray(np.log(self.sds[n])) for n, v in self._names.items()}
        return dict(zip(self._effect_names, self._effects(point), strict=True))

    def mode(self, start: np.ndarray) -> np.ndarray:
        """Return a point of high density; it needs not be exact."""

        def down(x: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = self(x)
            return (-value, -gradient) if np.isfinite(value) else (1e300, np.zeros_like(x))

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            options: Any = {"maxiter": ITERATIONS, "maxfun": 2 * ITERATIONS, "maxcor": 30}
            return optimize.minimize(down, start, jac=True, method="L-BFGS-B", options=options).x


def _at(surface: _Surface, mode: np.ndarray, group: str, parameters: list[Parameter]) -> Coordinates:
    """Return coordinates from the curvature at the mode; curves do not move each other there."""
    effects = [effect_name(p.name, group) for p in parameters]
    places = [surface.place[f"{name}{END}"] for name in effects]
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
    from_population = surface.effects(mode)
    population = center - np.stack([from_population[name] for name in effects], axis=1)
    precision = np.array([surface.sds[sd_name(p.name, group)] ** -2.0 for p in parameters])
    covariance = _covariance((curvature + curvature.transpose(0, 2, 1)) / 2, precision)
    names = tuple(p.name for p in parameters)
    return Coordinates(names, center, population, covariance * precision, np.linalg.cholesky(covariance))


def _covariance(curvature: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """Return inverse curvatures; directions flatter than the prior get the prior's width."""
    scale = np.sqrt(precision)
    values, vectors = np.linalg.eigh(curvature / (scale[:, None] * scale))
    values = np.maximum(values, 1.0)
    inverse = np.einsum("cik,ck,cjk->cij", vectors, 1 / values, vectors)
    return inverse / (scale[:, None] * scale)


def learn(spec: ModelSpec, rows: Rows, posterior: Any, known: dict[str, Coordinates]) -> dict[str, Coordinates]:
    """Return coordinates from the posterior draws of a pilot run.

    With covariance C of a curve's parameters and prior variances S between curves, the curve follows
    the population by ``C / S`` (both normal); no direction is taken to be wider than the prior.
    """
    fresh = {}
    for group, parameters in curves(spec, rows).items():
        names = [p.name for p in parameters]
        draws = _parameters(spec, rows, posterior, group, parameters)
        effects = np.stack([_flat(posterior[effect_name(n, group)]) for n in names], axis=2)
        center, population = draws.mean(axis=0), (draws - effects).mean(axis=0)
        sd = np.exp([np.log(_flat(posterior[sd_name(n, group)])).mean() for n in names])
        away = draws - center
        covariance = np.einsum("dci,dcj->cij", away, away) / len(draws)
        share = len(draws) / (len(draws) + BLEND)
        diagonal = np.einsum("cii->ci", covariance)[:, :, None] * np.eye(len(names))
        covariance = share * covariance + (1 - share) * diagonal
        values, vectors = np.linalg.eigh(covariance / (sd[:, None] * sd))
        within = np.einsum("cik,ck,cjk->cij", vectors, np.minimum(values, 1.0), vectors)
        pull = within * (sd[:, None] / sd)
        fresh[group] = Coordinates(known[group].parameters, center, population, pull, np.linalg.cholesky(covariance))
    return fresh


def _flat(variable: Any) -> np.ndarray:
    """Return draws of a variable with one draw axis in front."""
    values = variable.transpose("chain", "draw", ...).to_numpy()
    return values.reshape(-1, *values.shape[2:])


def _parameters(spec: ModelSpec, rows: Rows, posterior: Any, group: str, parameters: list[Parameter]) -> np.ndarray:
    """Return the parameters of each curve on the unconstrained scale, shape (draw, curve, parameter)."""
    xp = numpy_backend()
    first = np.unique(rows.index[group], return_index=True)[1]
    index = {g: code[first] for g, code in rows.index.items()}
    values = {str(n): _flat(v) for n, v in posterior.data_vars.items()}
    curve = [link(xp, p.support, at_rows(xp, spec, p, values, index)) for p in parameters]
    return np.stack(curve, axis=2)
