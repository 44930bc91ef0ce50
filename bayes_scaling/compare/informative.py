"""Which benchmark tells most about a skill of a new model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling.compare.latent import UNITS, at_scale, law_of, unit_of
from bayes_scaling.fit import evaluate
from bayes_scaling.fit.evaluate import Draws, fitted_draws, predict
from bayes_scaling.fit.summary import check_interval
from bayes_scaling.fit.typical import MEASURED, typical
from bayes_scaling.forecasts.points import with_task_facts
from bayes_scaling.forecasts.predict import bounds
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.laws.capability import Capability
from bayes_scaling.model.discrepancy import Discrepancy
from bayes_scaling.model.effects import unit_sd
from bayes_scaling.model.rows import Rows, read_inputs
from bayes_scaling.model.spec import PARTIAL, effect_name, sd_name

if TYPE_CHECKING:
    from bayes_scaling.fit import Fit

STEP = 0.01  # of a group's sd, for derivatives
REPLICATES = 200
NEW = "(new)"


def informative(
    fit: Fit,
    *,
    skill: int = 1,
    at: Mapping[str, Any] | None = None,
    level: float = 0.9,
    draws: int | None = 400,
    random_seed: int = 0,
) -> pd.DataFrame:
    r"""Tell how far each benchmark alone would narrow a skill of a new model of unknown family.

    Before any measurement the skill scatters as families and models do. A measurement of accuracy y is linearised in
    the effects e of the new family and model: :math:`s = s_0 + g^T e`, :math:`y = y_0 + h^T e + \epsilon`, with
    derivatives of the law by central differences. The variance of the skill then falls from
    :math:`V = \sum g^2 \sigma^2` to :math:`V - (\sum g h \sigma^2)^2 / (\sum h^2 \sigma^2 + \mathrm{var}\,\epsilon)`:
    deviations of families on the benchmark and other skills blur what it says of this one. The variance of
    :math:`\epsilon` is simulated at the point; a discrepancy along the scale is not part of it.

    Parameters
    ----------
    fit : Fit
        Of a capability model.
    skill : int
        Which skill, from 1.
    at : dict, optional
        Scale of the new model, such as ``{"params": 7e9, "tokens": 2e12}``; the law's reference scale when left out.
    level : float
        Probability of the equal-tailed intervals.
    draws : int, optional
        Use at most this many posterior draws.
    random_seed : int
        Of the simulated noise.

    Returns
    -------
    DataFrame
        Most informative first: ``task``, scales, ``skill``, ``unit``, ``sd_before`` and ``sd_after`` (medians) with
        their intervals (``sd_before_lower``, ...), ``median``, ``lower``, ``upper`` of the ratio after / before,
        ``p_best`` (the smallest ratio), ``level``, ``interval``. A benchmark near its floor or its ceiling at the
        point says little there and may say more elsewhere.

    Raises
    ------
    ForecastError
        A fit of another law, an unknown skill, a scale that the law does not read, families that are not pooled.
    """
    law = law_of(fit, skill)
    check_interval(level, "eti")
    scale = at_scale(law, at)
    rows, drawn = _typical_model(fit, scale, draws)
    before, moved, blurred = _moments(law, skill, rows, drawn)
    noise = _noise_variance(drawn, rows, np.random.default_rng(random_seed))
    with np.errstate(divide="ignore", invalid="ignore"):
        explained = np.nan_to_num(moved**2 / ((blurred + noise) * before))
    ratio = np.sqrt(np.maximum(1 - explained, 0.0))
    first = np.sqrt(np.broadcast_to(before, ratio.shape))
    table = pd.DataFrame({"task": rows.frame["task"], **scale, "skill": skill, "unit": unit_of(law, skill)})
    for name, values in (("sd_before", first), ("sd_after", first * ratio)):
        low, high = bounds(values, level, "eti")
        table = table.assign(**{name: np.median(values, axis=0), f"{name}_lower": low, f"{name}_upper": high})
    low, high = bounds(ratio, level, "eti")
    best = (ratio == ratio.min(axis=1, keepdims=True)).mean(axis=0)
    table = table.assign(median=np.median(ratio, axis=0), lower=low, upper=high, p_best=best, level=level)
    return fit.marked(table.assign(interval="eti").sort_values("median", ignore_index=True, kind="stable"))


def _typical_model(fit: Fit, scale: Mapping[str, float], draws: int | None) -> tuple[Rows, Draws]:
    """Return one row per benchmark of a model at a scale, and draws in which only benchmarks have effects."""
    tasks = sorted(fit.frame["task"].unique()) if "task" in fit.frame else ["(all)"]
    frame = with_task_facts(fit, pd.DataFrame({"task": tasks, "family": NEW, "run": NEW, **scale}))
    codes = {"task": np.arange(len(tasks))} if "task" in fit.coords else {}
    found, spec = fitted_draws(fit, limit=draws), fit.spec
    values, index = typical(spec, spec.parameters(), found.values, codes, len(tasks))
    spec = replace(spec, noise=replace(spec.noise, discrepancy=Discrepancy()))
    return Rows(frame, fit.coords, index, read_inputs(spec, frame)), replace(found, spec=spec, values=values)


def _moments(law: Capability, k: int, rows: Rows, drawn: Draws) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return variance of the skill, covariance with the accuracy and variance of the accuracy, shape (draw, row).

    They are over what is unknown of a new model: its effects of family and run.
    """
    before = moved = blurred = np.zeros((1, 1))
    spec, values, names = drawn.spec, drawn.values, {p.name for p in law.parameters}
    for parameter, group, kind in spec.all_effects():
        if parameter.name not in names or kind not in PARTIAL or not set(group.split(":")) & set(UNITS):
            continue
        step = STEP * unit_sd(kind) * values[sd_name(parameter.name, group)][:, None]
        name = effect_name(parameter.name, group)
        up, down = (_evaluate(law, k, rows, replace(drawn, values={**values, name: sign * step})) for sign in (1, -1))
        in_skill, in_accuracy = ((high - low) / (2 * STEP) for high, low in zip(up, down, strict=True))
        if set(group.split(":")) & set(MEASURED):  # a matter of one benchmark, no part of the skill
            in_skill = np.zeros_like(in_skill)
        before = before + in_skill**2
        moved = moved + in_skill * in_accuracy
        blurred = blurred + in_accuracy**2
    return before, moved, blurred


def _evaluate(law: Capability, k: int, rows: Rows, drawn: Draws) -> tuple[np.ndarray, np.ndarray]:
    """Return skill and accuracy, shape (draw, row); the skill may have one row for all."""
    mean, at_row = evaluate.law(drawn, rows)
    return law.skill(numpy_backend(), k, {**rows.inputs, **at_row}), mean


def _noise_variance(drawn: Draws, rows: Rows, rng: np.random.Generator) -> np.ndarray:
    """Return the variance of a measurement of one model, shape (draw, row)."""
    total = squares = np.zeros((drawn.count, len(rows)))
    center = predict(drawn, rows, kind="law", runs=np.array([]), rng=rng)
    for i in range(REPLICATES):
        runs = np.array([f"{NEW} {i} {j}" for j in range(len(rows))], dtype=object)
        off = predict(drawn, rows, kind="response", runs=runs, rng=rng) - center
        total, squares = total + off, squares + off**2
    return (squares - total**2 / REPLICATES) / (REPLICATES - 1)
