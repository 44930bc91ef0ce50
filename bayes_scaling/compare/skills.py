"""What a capability model says of models, families and benchmarks: skills, loadings, effective compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling.compare.latent import Places, beyond, law_of, places, skill_draws, unit_of
from bayes_scaling.errors import ForecastError, did_you_mean, listed
from bayes_scaling.fit.summary import check_interval
from bayes_scaling.fit.typical import at_places, of_skill
from bayes_scaling.forecasts.predict import bounds
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.laws.capability import Capability
from bayes_scaling.model.labels import labels

if TYPE_CHECKING:
    from bayes_scaling.fit import Fit

QUANTITIES = ("compute", "params")
TUNED = "task:tuned"


def skills(
    fit: Fit,
    *,
    skill: int = 1,
    by: str = "run",
    at: Mapping[str, Any] | None = None,
    families: Sequence[str] | None = None,
    level: float = 0.9,
    draws: int | None = None,
) -> pd.DataFrame:
    """Rank models or families by a skill, with the uncertainty of skill and rank.

    Parameters
    ----------
    fit : Fit
        Of a capability model.
    skill : int
        Which skill, from 1.
    by : str
        ``run``: every fitted model at its own scale, with what it has beyond its family; ``family``: every
        family at one scale.
    at : dict, optional
        Scale of families, such as ``{"params": 7e9, "tokens": 2e12}``; the law's reference scale when left out.
    families : sequence of str, optional
        Only these families (or models of them); ranks are among what is chosen.
    level : float
        Probability of the equal-tailed intervals.
    draws : int, optional
        Use at most this many posterior draws.

    Returns
    -------
    DataFrame
        Best first: names, scales, ``skill``, ``median``, ``lower``, ``upper`` in ``unit``, ``level``, ``interval``,
        ``rank`` (median over draws), ``rank_lower``, ``rank_upper``, ``p_best``. Skill 1 counts decades of the
        first scale from the reference scale and a typical family; further skills count log-odds of their anchor.
        For families, ``beyond`` counts the decades by which the point lies outside the scales of the family's own
        fitted models: 0 inside, with several scales the largest, only of scales that move the skill.

    Raises
    ------
    ForecastError
        A fit of another law, an unknown skill or family, a scale that the law does not read.
    """
    from scipy import stats

    law = law_of(fit, skill)
    check_interval(level, "eti")
    where = places(fit, by, at=at, names=families)
    found = skill_draws(fit, skill, where, fit.values(draws))
    table = _placed(fit, skill, by, where).assign(skill=skill, **_told(found, level), unit=unit_of(law, skill))
    order = stats.rankdata(-found, method="max", axis=1).astype(int)  # ties: the worst
    tail = (1 - level) / 2
    ranks = np.quantile(order, [0.5, tail, 1 - tail], axis=0, method="inverted_cdf").astype(int)
    table = table.assign(rank=ranks[0], rank_lower=ranks[1], rank_upper=ranks[2], p_best=(order == 1).mean(axis=0))
    return fit.marked(table.sort_values("median", ascending=False, ignore_index=True, kind="stable"))


def _placed(fit: Fit, skill: int, by: str, where: Places) -> pd.DataFrame:
    """Return names and scales of places and, for families, how far these lie outside the families' own."""
    return where.frame.assign(beyond=beyond(fit, skill, where)) if by == "family" else where.frame


def _told(draws: np.ndarray, level: float) -> dict[str, Any]:
    """Return median, interval and its label over the first axis."""
    low, high = bounds(draws, level, "eti")
    return {"median": np.median(draws, axis=0), "lower": low, "upper": high, "level": level, "interval": "eti"}


def loadings(fit: Fit, *, level: float = 0.9, draws: int | None = None) -> pd.DataFrame:
    """Tell how every benchmark measures the skills.

    Parameters
    ----------
    fit : Fit
        Of a capability model.
    level : float
        Probability of the equal-tailed intervals.
    draws : int, optional
        Use at most this many posterior draws.

    Returns
    -------
    DataFrame
        A row per benchmark (and ``tuned``, where base and tuned models are told apart) and ``parameter``:
        ``loading`` on each ``skill`` (log-odds per unit of the skill),
        ``intercept`` (log-odds at the reference scale, typical family), ``ceiling`` (as accuracy: c + (1 - c) u),
        ``spread`` (sd of a family's deviation, log-odds); ``unit``, ``median``, ``lower``, ``upper``, ``level``,
        ``interval``, and ``settled`` where an anchor holds a loading at 0 or 1.
    """
    law = law_of(fit)
    check_interval(level, "eti")
    tasks, index, kinds = _tasks(fit)
    chance = fit.frame["chance"].groupby(fit.frame["task"]).median()[tasks].to_numpy() if "task" in fit.frame else 0.0
    names = ["intercept", "ceiling", "spread", *(f"loading_{k}" for k in range(1, law.skills + 1))]
    at_task = at_places(fit.spec, [law.parameter(n) for n in names], fit.values(draws), index, len(tasks))
    xp, facts = numpy_backend(), law.prepare(pd.DataFrame({"task": tasks}))
    rows = []
    for k in range(1, law.skills + 1):
        name = f"loading_{k}"
        # what stays a number without any loading is held by an anchor
        held = np.isfinite(law.loading(xp, k, {**facts, name: np.full(len(tasks), np.nan)}))
        drawn = law.loading(xp, k, {**facts, name: at_task[name]})
        unit = unit_of(law, k).replace("decades of", "decade of")
        rows.append((drawn, {"parameter": "loading", "skill": k, "unit": f"log-odds per {unit}", "settled": held}))
    ceiling = chance + (1 - chance) * at_task["ceiling"]
    for name, drawn, unit in (
        ("intercept", at_task["intercept"], "log-odds"),
        ("ceiling", ceiling, "accuracy"),
        ("spread", at_task["spread"], "log-odds"),
    ):
        rows.append((drawn, {"parameter": name, "skill": 0, "unit": unit, "settled": False}))
    parts = [
        pd.DataFrame({"task": tasks, **kinds, **about, **_told(np.broadcast_to(d, (len(d), len(tasks))), level)})
        for d, about in rows
    ]
    table = pd.concat(parts, ignore_index=True)
    return fit.marked(table[[*(c for c in table if c != "settled"), "settled"]])


def _tasks(fit: Fit) -> tuple[list[str], dict[str, np.ndarray], dict[str, list[str]]]:
    """Return the benchmarks, their position among the fitted ones and, where it matters, whether models are tuned.

    A single benchmark has no effects.
    """
    if TUNED in fit.coords:
        cells = fit.frame.assign(cell=labels(fit.frame, TUNED)).drop_duplicates("cell").set_index("cell")
        cells = cells.loc[fit.coords[TUNED]]
        place = {task: i for i, task in enumerate(fit.coords["task"])}
        index = {"task": cells["task"].map(place).to_numpy(), TUNED: np.arange(len(cells))}
        return cells["task"].tolist(), index, {"tuned": cells["tuned"].tolist()}
    if "task" in fit.coords:
        tasks = list(fit.coords["task"])
        return tasks, {"task": np.arange(len(tasks))}, {}
    return (sorted(fit.frame["task"].unique()) if "task" in fit.frame else ["(all)"]), {}, {}


def effective_compute(
    fit: Fit,
    reference: str,
    *,
    at: Mapping[str, Any] | None = None,
    by: str = "family",
    families: Sequence[str] | None = None,
    skill: int = 1,
    quantity: str = "compute",
    level: float = 0.9,
    draws: int | None = None,
) -> pd.DataFrame:
    """Return how many times the compute a reference family needs for the same skill.

    The reference family is scaled up or down from the point of the other one until it has the same skill. Where the
    law reads parameters and tokens, both grow alike: the tokens per parameter stay those of the point, and compute
    grows with the square of the parameters. So it does where the law reads parameters alone: tokens are taken to grow
    with them.

    The skill is that of a typical benchmark: where benchmarks differ in what tokens are worth, or a family's slope is
    another one on a benchmark, equal skill does not mean equal scores on it.

    Parameters
    ----------
    fit : Fit
        Of a capability model with a scale.
    reference : str
        A fitted family.
    at : dict, optional
        Point of the families, such as ``{"compute": 1e24}``; the law's reference scale when left out.
    by : str
        ``family``: families at the point; ``run``: fitted models, each at its own scale and with what it has beyond
        its family.
    families : sequence of str, optional
        Only these families (or models of them).
    skill : int
        Which skill is to be the same.
    quantity : str
        ``compute``, or ``params`` where the law reads them.
    level : float
        Probability of the equal-tailed interval.
    draws : int, optional
        Use at most this many posterior draws.

    Returns
    -------
    DataFrame
        Most efficient first: names, scales, for families ``beyond`` (decades outside their own fitted scales, as in
        :func:`skills`; the reference's is in its own row), ``reference``, ``quantity``, ``median``, ``lower``,
        ``upper`` of the ratio (missing where that quantile is unreachable, 0 where every scale of the reference gives
        more), ``level``, ``interval``, ``p_more`` (the reference needs more), ``p_unreachable`` (no scale of the
        reference gives the skill: the ratio is infinite) and ``p_undefined`` (the reference does not gain from scale
        at the point; those draws are left out of the rest).

    Raises
    ------
    ForecastError
        A fit of another law or without a scale, an unknown family, skill or quantity.
    """
    law = law_of(fit, skill)
    check_interval(level, "eti")
    power = power_of(law, skill, quantity)
    where, values = places(fit, by, at=at, names=families), fit.values(draws)
    own = skill_draws(fit, skill, where, values)
    decades = _decades(fit, skill, _moved(fit, where, reference), values, own)
    with np.errstate(over="ignore"):
        ratio = 10.0 ** (power * decades)
    rows = [_ratio(ratio[:, i], level) for i in range(len(where))]
    table = _placed(fit, skill, by, where).assign(
        reference=reference, skill=skill, quantity=f"{quantity} of the reference / {quantity}",
    ).join(pd.DataFrame(rows))  # fmt: skip
    reached = table["median"].mask(table["p_unreachable"] > 0.5, np.inf)
    order = reached.sort_values(ascending=False, kind="stable").index  # undefined ones last
    return fit.marked(table.loc[order].reset_index(drop=True))


def power_of(law: Capability, skill: int, quantity: str) -> float:
    """Return the decades of a quantity per decade of the scale along the path.

    Raises
    ------
    ForecastError
        The skill is worth nothing of this quantity.
    """
    read = list(law.scales.values())
    if quantity not in QUANTITIES:
        raise ForecastError(
            f"quantity = {quantity!r}; expected {listed(QUANTITIES)}." + did_you_mean(str(quantity), QUANTITIES)
        )
    if not read:
        raise ForecastError(
            "the skills are not made of a scale (option scale = 'none'), so that they are worth no compute; fit with "
            "scale = 'params+tokens', 'params' or 'compute'."
        )
    if quantity == "params" and read == ["compute"]:
        raise ForecastError("the skills are made of compute; expected quantity = 'compute'.")
    if not any(p.name.startswith("slope_") for p in of_skill(law, skill)):
        raise ForecastError(
            f"skill {skill} is what families differ in beyond {listed(read)}, so that it is worth no {quantity}; ask "
            "for skill = 1."
        )
    return 2.0 if quantity == "compute" and read != ["compute"] else 1.0


def _moved(fit: Fit, where: Places, reference: str) -> Places:
    """Return the same scales with the reference family in every place."""
    one = places(fit, "family", names=[reference])
    index = {g: np.repeat(code, len(where)) for g, code in one.index.items()}
    return Places(where.frame, index, where.scales)


def _decades(fit: Fit, k: int, where: Places, values: Mapping[str, np.ndarray], target: np.ndarray) -> np.ndarray:
    """Return the decades of scale from each place to a skill, shape (draw, place).

    Along a path the skill is at most quadratic in the decades, so that three values give all of it. Of its two branches
    the rising one is meant: infinite where it ends below the skill, minus infinite where it begins above,
    missing where the skill does not rise at the place.
    """
    below, here, above = (
        skill_draws(fit, k, where, values, scales={n: v * 10.0**t for n, v in where.scales.items()})
        for t in (-1.0, 0.0, 1.0)
    )
    slope, curvature, gap = (above - below) / 2, (above + below) / 2 - here, target - here
    inside = slope**2 + 4 * curvature * gap
    with np.errstate(divide="ignore", invalid="ignore"):
        found = 2 * gap / (slope + np.sqrt(np.maximum(inside, 0.0)))
    found = np.where(inside < 0, np.copysign(np.inf, gap), found)
    return np.where(slope > 0, found, np.nan)


def _ratio(ratio: np.ndarray, level: float) -> dict[str, Any]:
    """Return the row of one place from its draws, shape (draw,)."""
    known = ratio[~np.isnan(ratio)]
    shown = {"median": np.nan, "lower": np.nan, "upper": np.nan, "level": level, "interval": "eti"}
    undefined = float(np.isnan(ratio).mean())
    if not len(known):
        return {**shown, "p_more": np.nan, "p_unreachable": np.nan, "p_undefined": undefined}
    ends = np.quantile(known, [0.5, (1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    median, low, high = np.where(np.isinf(ends), np.nan, ends).tolist()
    return {
        **shown, "median": median, "lower": low, "upper": high, "p_more": float((known > 1).mean()),
        "p_unreachable": float(np.isinf(known).mean()), "p_undefined": undefined,
    }  # fmt: skip
