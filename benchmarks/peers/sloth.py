"""Sloth, a law of latent skills, re-implemented from Maia Polo et al. (2024), arXiv:2412.06540.

    score_j = g_j + (1 - g_j) s_j(b_j + sum_k L_kj skill_k)
    skill_k = a_(family, k) + B_1k log T + B_2k log S + B_3k log S log T          (sections 3.1 and 3.2, d skills)

S counts parameters in billions, T tokens in trillions; slopes B are shared by all families, intercepts a are not (or
are, ``shared=True``). In the *basic* variant s_j is the logistic function and the floors g_j are known. In the full one
both are learned: s_j is an increasing network of two hidden layers (weights kept at or above zero) that ends in a
logistic function, and the fit starts from that of the basic variant. Loss: mean Huber loss of the scores, delta = 0.01.

What the paper leaves open, and what is chosen here
---------------------------------------------------
- Width and activation of the networks, rates and stopping are not in the paper; these are those of the authors'
  released scripts: 10 units, tanh (on the input of the network too); Adam three times, from the same start, at rates
  0.1, 0.01 and 0.001, each multiplied by 0.95 whenever the loss has not fallen by 1e-4 of itself for 20 steps; stop
  500 steps after the training error (mean absolute) last fell by 1e-5; the lowest training error of the three is kept.
- Start of the basic variant: slopes and loadings half-normal, intercepts and biases normal, all of scale one, from one
  seed. The paper says that several starts "can be applied"; its scripts use one. ``starts`` keeps the one of lowest
  training error.
- Single precision, as theirs.

Reached, and published, mean absolute error in points (full variant, seeds 0 to 4)
-----------------------------------------------------------------------------------
===================  =========  =====================  ====================  =============
leaderboard, skills  published  one start, mean of 5   its sd over 5 seeds   best fit of 5
===================  =========  =====================  ====================  =============
v1, 4                4.06       4.17                   0.16                  4.08
v2, 2                2.86       2.80                   0.18                  3.04
v1 and v2, 3         3.52       3.56                   0.28                  3.48
===================  =========  =====================  ====================  =============

The objective has many minima, and the end depends on the start: a published figure of one start can be compared no
closer than that spread. A lower training error does not mean a lower test error (last column).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.peers.interface import Floats
from benchmarks.peers.leaderboards import Fold, Setting, fold_errors

Single = NDArray[np.float32]
Parameters = dict[str, Single]

DELTA = np.float32(0.01)  # of the Huber loss
RATES = (0.1, 0.01, 0.001)
DECAY, PATIENCE, ENOUGH = 0.95, 20, 1e-4
STOP, LEAST, STEPS = 500, 1e-5, 100_000
UNITS = 10
_INCREASING = ("w1", "w2", "w3")


def _logistic(x: Single) -> Single:
    return 1 / (1 + np.exp(-x))


def _logit(p: Floats) -> Single:
    return np.log((p + 1e-5) / (1 - p + 1e-5)).astype(np.float32)


@dataclass(frozen=True)
class _Layout:
    """Names and shapes of the parameters, which lie one after the other in one vector."""

    shapes: dict[str, tuple[int, ...]]

    def split(self, vector: Single) -> Parameters:
        """Return views of the vector by name."""
        ends = np.cumsum([int(np.prod(shape)) for shape in self.shapes.values()])
        return {
            name: part.reshape(shape)
            for (name, shape), part in zip(self.shapes.items(), np.split(vector, ends[:-1]), strict=True)
        }

    def empty(self) -> Single:
        """Return a vector of zeros."""
        return np.zeros(sum(int(np.prod(shape)) for shape in self.shapes.values()), dtype=np.float32)


def _layout(columns: int, benchmarks: int, skills: int, link: bool) -> _Layout:
    shapes: dict[str, tuple[int, ...]] = {"B": (columns, skills), "L": (skills, benchmarks), "b": (benchmarks,)}
    if link:
        shapes |= {"g": (benchmarks,)}
        for name, width, height in (("1", 1, UNITS), ("2", UNITS, UNITS), ("3", UNITS, 1)):
            shapes |= {f"w{name}": (benchmarks, width, height), f"u{name}": (benchmarks, 1, height)}
    return _Layout(shapes)


def _network(p: Parameters, z: Single) -> tuple[Single, list[Single]]:
    """Return the increasing networks at z, shape (row, benchmark), and what their layers give."""
    layers = [np.tanh(z.T[:, :, None])]
    for name in "12":
        layers.append(np.tanh(layers[-1] @ p[f"w{name}"] + p[f"u{name}"]))
    return _logistic((layers[-1] @ p["w3"] + p["u3"])[:, :, 0].T), layers


def _network_gradient(p: Parameters, layers: list[Single], dz: Single, into: Parameters) -> Single:
    """Write the gradient of the networks' parameters, and return that of their input, shape (row, benchmark)."""
    out = dz.T[:, :, None]
    for name, layer in zip("321", reversed(layers), strict=True):
        into[f"w{name}"][...] = layer.transpose(0, 2, 1) @ out
        into[f"u{name}"][...] = out.sum(axis=1, keepdims=True)
        out = (out @ p[f"w{name}"].transpose(0, 2, 1)) * (1 - layer * layer)
    return out[:, :, 0].T


@dataclass(frozen=True)
class _Objective:
    """Huber loss of scores Y, shape (row, benchmark), at design A, shape (row, column)."""

    A: Single
    Y: Single
    floors: Single

    def predict(self, p: Parameters) -> Single:
        """Return fitted scores."""
        z = self.A @ p["B"] @ p["L"] + p["b"]
        floor = _logistic(p["g"]) if "g" in p else self.floors
        return floor + (1 - floor) * (_network(p, z)[0] if "g" in p else _logistic(z))

    def gradient(self, p: Parameters, into: Parameters) -> tuple[float, float]:
        """Write the gradient; return the loss and the mean absolute error."""
        link = "g" in p
        skills = self.A @ p["B"]
        z = skills @ p["L"] + p["b"]
        share, layers = _network(p, z) if link else (_logistic(z), [])
        floor = _logistic(p["g"]) if link else self.floors
        residual = floor + (1 - floor) * share - self.Y
        size = np.abs(residual)
        loss = np.where(size < DELTA, 0.5 * residual * residual / DELTA, size - DELTA / 2).mean()
        dy = np.clip(residual / DELTA, -1, 1) / np.float32(residual.size)
        dz = dy * (1 - floor) * share * (1 - share)
        if link:
            into["g"][...] = (dy * (1 - share)).sum(axis=0) * floor * (1 - floor)
            dz = _network_gradient(p, layers, dz, into)
        into["L"][...] = skills.T @ dz
        into["b"][...] = dz.sum(axis=0)
        into["B"][...] = self.A.T @ (dz @ p["L"].T)
        return float(loss), float(size.mean())


def _adam(objective: _Objective, layout: _Layout, start: Single, rate: float) -> tuple[float, Single]:
    """Return the lowest training error that gradient descent meets, and the parameters there."""
    vector, gradient, first, second = start.copy(), layout.empty(), layout.empty(), layout.empty()
    p, into = layout.split(vector), layout.split(gradient)
    best, kept, waited, lowest, stale = np.inf, vector.copy(), 0, np.inf, 0
    for step in range(1, STEPS + 1):
        loss, error = objective.gradient(p, into)
        waited += 1
        if error < best - LEAST:
            best, kept[:], waited = error, vector, 0
        if waited >= STOP:
            break
        first += np.float32(0.1) * (gradient - first)
        second += np.float32(0.001) * (gradient * gradient - second)
        scale = np.sqrt(second / np.float32(1 - 0.999**step)) + np.float32(1e-8)
        vector -= np.float32(rate / (1 - 0.9**step)) * first / scale
        for name in _INCREASING if "g" in p else ():
            np.maximum(p[name], 0, out=p[name])
        if loss < lowest * (1 - ENOUGH):
            lowest, stale = loss, 0
        else:
            stale += 1
        if stale > PATIENCE:
            rate, stale = rate * DECAY, 0
    return best, kept


def _start(layout: _Layout, floors: Floats, rng: np.random.Generator) -> Single:
    """Return a random start: slopes, loadings and weights of links not negative."""
    vector = layout.empty()
    p = layout.split(vector)
    for name in ("B", "L", "b"):
        p[name][...] = rng.normal(size=p[name].shape)
    p["B"][:3] = np.abs(p["B"][:3])
    p["L"][...] = np.abs(p["L"])
    if "g" in p:
        p["g"][...] = _logit(floors)
        for name, width in (("1", 1), ("2", UNITS), ("3", UNITS)):
            for kind in "wu":
                part = p[kind + name]
                part[...] = rng.uniform(-1, 1, size=part.shape) / np.sqrt(width)
            np.abs(p[f"w{name}"], out=p[f"w{name}"])
    return vector


def _design(models: pd.DataFrame, families: tuple[str, ...]) -> Single:
    """Return log T, log S, log S log T and one column a family (one of ones where there are none)."""
    size, tokens = np.log(models["params"].to_numpy() / 1e9), np.log(models["tokens"].to_numpy() / 1e12)
    groups = [models["family"].to_numpy() == family for family in families] or [np.ones(len(models))]
    return np.column_stack([tokens, size, size * tokens, *groups]).astype(np.float32)


@dataclass(frozen=True)
class Sloth:
    """A fitted law.

    Attributes
    ----------
    families : tuple of str
        Families with an intercept of their own; empty where it is shared.
    parameters : dict
        Arrays by name: B (columns of the design, skill), L (skill, benchmark), b, g (logits of the floors), networks.
    floors : numpy.ndarray
        Known floors, shape (benchmark,); those of the full variant are in ``parameters``.
    training_error : float
        Mean absolute error of the rows it was fitted to.
    """

    families: tuple[str, ...]
    parameters: Parameters
    floors: Single
    training_error: float

    def predict(self, models: pd.DataFrame) -> Floats:
        """Return accuracies, shape (model, benchmark), of models with columns family, params and tokens.

        Raises
        ------
        KeyError
            For a family without an intercept.
        """
        unknown = set(models["family"]) - set(self.families) if self.families else set()
        if unknown:
            raise KeyError(f"families that were not fitted: {', '.join(sorted(unknown))}")
        A = _design(models, self.families)
        return _Objective(A, np.zeros((len(A), 0), np.float32), self.floors).predict(self.parameters).astype(float)


def fit(
    models: pd.DataFrame, scores: Floats, floors: Floats, *, skills: int, link: bool = True, shared: bool = False,
    seed: int = 0, starts: int = 1, rates: tuple[float, ...] = RATES,
) -> Sloth:  # fmt: skip
    """Fit a law of skills.

    Parameters
    ----------
    models : pandas.DataFrame
        Columns family, params, tokens (counts), one row a model.
    scores : numpy.ndarray
        Accuracies without gaps, shape (model, benchmark).
    floors : numpy.ndarray
        Lower asymptotes, shape (benchmark,).
    skills : int
        Number of skills, at most that of benchmarks.
    link : bool
        Learn links and floors, starting from the basic variant.
    shared : bool
        One intercept for all families.
    seed, starts : int
        First seed, and how many; the fit of lowest training error is kept.

    Raises
    ------
    ValueError
        Where scores have gaps or there are more skills than benchmarks.
    """
    Y = np.asarray(scores, dtype=np.float32)
    if not np.isfinite(Y).all() or skills > Y.shape[1]:
        raise ValueError(f"expected finite scores and at most {Y.shape[1]} skills, found {skills} skills")
    families = () if shared else tuple(sorted(set(models["family"])))
    objective = _Objective(_design(models, families), Y, np.asarray(floors, dtype=np.float32))
    found = [_fit_once(objective, skills, link, np.random.default_rng(s), rates) for s in range(seed, seed + starts)]
    error, parameters = min(found, key=lambda one: one[0])
    return Sloth(families, parameters, objective.floors, error)


def _fit_once(
    objective: _Objective, skills: int, link: bool, rng: np.random.Generator, rates: tuple[float, ...]
) -> tuple[float, Parameters]:
    """Return training error and parameters from one start: the basic variant, then links and floors."""
    (_, columns), benchmarks = objective.A.shape, objective.Y.shape[1]
    basic = _layout(columns, benchmarks, skills, link=False)
    start = _start(basic, objective.floors, rng)
    error, vector = min((_adam(objective, basic, start, rate) for rate in rates), key=lambda one: one[0])
    if not link:
        return error, basic.split(vector)
    full = _layout(columns, benchmarks, skills, link=True)
    start = _start(full, objective.floors, rng)
    for name, part in basic.split(vector).items():
        full.split(start)[name][...] = part
    error, vector = min((_adam(objective, full, start, rate) for rate in rates), key=lambda one: one[0])
    return error, full.split(vector)


def score_fold(setting: Setting, fold: Fold, **options: object) -> dict[str, object]:
    """Return fold, training error and error over its tested models (percentage points), fitted with ``options``."""
    scores = setting.scores.to_numpy()
    law = fit(setting.models[fold.train], scores[fold.train], setting.floors, **options)  # type: ignore[arg-type]
    error = fold_errors(law.predict(setting.models[fold.test]), setting, fold)
    return {"fold": fold.name, "training_error": 100 * law.training_error, "error": float(error.mean())}
