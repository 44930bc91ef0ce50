"""Skills of a capability model on its draws: which levels, at which scale, one evaluation of the law's own formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling.data.derive import fill_derived
from bayes_scaling.errors import ForecastError, did_you_mean, listed
from bayes_scaling.fit.typical import MEASURED, at_places, of_skill
from bayes_scaling.forecasts.points import PATH, RATIO, along_path, as_frame
from bayes_scaling.laws import Law
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.laws.capability import Capability
from bayes_scaling.model.labels import labels, names_run, run_labels
from bayes_scaling.model.rows import unknown_level_message

if TYPE_CHECKING:
    from bayes_scaling.fit import Fit

Values = Mapping[str, np.ndarray]
UNITS = ("run", "family")
FAR = 0.5  # decades outside its fitted scales from which a family is marked in pictures and texts


@dataclass(frozen=True)
class Places:
    """Models or families at a scale.

    Attributes
    ----------
    frame : DataFrame
        One row per place: names and scales.
    index : dict of str to ndarray
        Position of each place's fitted level by group, shape (place,). A group that is not here has no effect.
    scales : dict of str to ndarray
        Scales by the law's input, shape (place,).
    """

    frame: pd.DataFrame
    index: dict[str, np.ndarray]
    scales: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.frame)


APART = "Only the priors place tuned families against base families; compare families of one kind."


def law_of(fit: Fit, skill: int = 1) -> Capability:
    """Return the capability law of a fit, or raise ForecastError where there is none or not this skill."""
    law = getattr(getattr(fit, "spec", None), "law", None)
    return skill_law(law, skill, "this fit" if law is not None else f"a {type(fit).__name__}")


def skill_law(law: Law | None, skill: int, whose: str) -> Capability:
    """Return a law that has this skill, or raise ForecastError: `whose` law it is, in words."""
    if not isinstance(law, Capability):
        found = f"{whose} has law {law.name}" if law is not None else f"found {whose}"
        raise ForecastError(
            f'{found}, which has no skills; fit a model with law = "capability" to scores of several benchmarks.'
        )
    if isinstance(skill, bool) or skill not in range(1, law.skills + 1):
        known = "skill 1 only" if law.skills == 1 else f"skills 1 to {law.skills}"
        raise ForecastError(f"skill = {skill!r}; {whose} has {known} (option skills of the law).")
    return law


def unit_of(law: Capability, k: int) -> str:
    """Return the unit of a skill in words."""
    if k == 1 and law.reference:
        return f"decades of {next(iter(law.reference))}"
    return f"log-odds of {law.anchors[k - law.first_anchored]}"


def families_differ(fit: Fit, k: int) -> bool:
    """Return whether families have a skill k of their own: otherwise nothing ranks them."""
    return any("family" in g.split(":") for p in of_skill(law_of(fit, k), k) for g in fit.spec.effects(p))


def at_scale(law: Capability, at: Mapping[str, Any] | None) -> dict[str, float]:
    """Return the scale of a point by column, or the reference scale.

    Raises
    ------
    ForecastError
        Names that are no scales, several values, or a scale that the law reads and the point does not give.
    """
    columns = list(law.scales.values())
    if at is None:
        return {column: float(law.reference[name]) for name, column in law.scales.items()}
    known = list(dict.fromkeys([*columns, *PATH, "active_params", RATIO]))
    for name, value in at.items():
        if name not in known:
            raise ForecastError(f"at names {name!r}; expected scales {listed(known)}." + did_you_mean(name, known))
        if np.ndim(value) != 0:
            raise ForecastError(f"at has several values of {name}; give one point, such as {{{name!r}: 1e24}}.")
    if not columns:
        return {}
    point = fill_derived(along_path(as_frame(at), None))
    missing = [c for c in columns if c not in point or not np.isfinite(point[c].iloc[0])]
    if missing:
        raise ForecastError(
            f"at lacks {listed(missing)}, which the skills are made of; found {listed(at)}. Give "
            f"{' and '.join(columns)}."
        )
    return {c: float(point[c].iloc[0]) for c in columns}


def places(fit: Fit, by: str, *, at: Mapping[str, Any] | None = None, names: Sequence[str] | None = None) -> Places:
    """Return every fitted model at its own scale, or every family at one.

    Parameters
    ----------
    by : str
        ``run`` or ``family``.
    at : mapping, optional
        Scale of families; the reference scale when left out.
    names : sequence of str, optional
        Families to choose.

    Raises
    ------
    ForecastError
        Another ``by``, a family that was not fitted, a table without names of models or families.
    """
    if by not in UNITS:
        raise ForecastError(f"by = {by!r}; expected {listed(UNITS)}." + did_you_mean(str(by), UNITS))
    frame, columns = fit.frame, list(fit.spec.law.scales.values())
    if names is not None or by == "family":
        frame = frame[_of_families(fit, names)].reset_index(drop=True)
    if by == "family":
        order = {name: i for i, name in enumerate(names or ())}
        kept = frame.drop_duplicates("family").sort_values("family", key=lambda f: f.map(order) if order else f)
        kept = kept.assign(**at_scale(law_of(fit), at))
        shown = ["family", *_tuned(fit)]
    else:
        if at is not None:
            raise ForecastError("at is the scale of families; models (by='run') are told at their own. Leave it out.")
        if not names_run(frame).all():
            raise ForecastError("some rows name no run, so that models cannot be told apart; add a column 'run'.")
        own = pd.DataFrame({"label": run_labels(frame), **{c: frame[c] for c in columns}})
        kept = frame[~own.duplicated()].sort_values(["family", "run"] if "family" in frame else ["run"])
        shown = [c for c in ("family", "run", "tuned") if c in frame and (c != "tuned" or c in fit.spec.groups)]
    index = {g: _position(fit, g, kept) for g in _groups(fit, by)}
    kept = kept[[*shown, *columns]].reset_index(drop=True)
    return Places(kept, index, scales_of(fit, kept))


def _tuned(fit: Fit) -> list[str]:
    """Return the column that tells base families from tuned ones, where benchmarks measure these differently."""
    if "tuned" not in fit.spec.groups or "tuned" not in fit.frame:
        return []
    apart = "family" not in fit.frame or (fit.frame.groupby("family")["tuned"].nunique() == 1).all()
    return ["tuned"] if apart else []


def beyond(fit: Fit, k: int, where: Places) -> np.ndarray:
    """Return the decades by which places lie outside the scales of their family's fitted models, shape (place,).

    The largest over the scales that move skill k; 0 inside their range, or where no scale moves the skill.
    """
    law, outside = fit.spec.law, np.zeros(len(where))
    moving = {p.name for p in of_skill(law, k)}
    for name, column in law.scales.items():
        if f"slope_{name}_{k}" in moving:
            ends = fit.frame.groupby("family")[column].agg(["min", "max"]).loc[where.frame["family"]]
            low, high = np.log10(ends.to_numpy(dtype=float)).T
            point = np.log10(where.scales[name])
            outside = np.maximum(outside, np.maximum(low - point, point - high))
    return outside.round(9)  # a point at the end of a range is inside


def scales_of(fit: Fit, frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the scales of a table by the law's input, shape (row,)."""
    return {name: frame[column].to_numpy(dtype=float) for name, column in fit.spec.law.scales.items()}


def _of_families(fit: Fit, names: Sequence[str] | None) -> np.ndarray:
    """Return which rows belong to the families, shape (row,)."""
    if isinstance(names, str):
        raise ForecastError(f"families = {names!r}; expected a list of names: [{names!r}].")
    if "family" not in fit.frame:
        raise ForecastError("the fitted rows have no column 'family', so there are no families to tell of.")
    fitted = sorted(fit.frame["family"].unique())
    for name in names or ():
        if name not in fitted:
            raise ForecastError(unknown_level_message("family", name, fitted))
    return fit.frame["family"].isin(names if names is not None else fitted).to_numpy()


def _groups(fit: Fit, by: str) -> list[str]:
    """Return the groups whose level a model (or a family) settles."""
    found = []
    for group in dict.fromkeys(g for _, g, _ in fit.spec.all_effects()):
        parts = group.split(":")
        if set(parts) & set(MEASURED) or (by == "family" and "run" in parts):
            continue
        unit = run_labels(fit.frame) if by == "run" else fit.frame["family"]
        if (labels(fit.frame, group).groupby(unit.to_numpy()).nunique() == 1).all():
            found.append(group)
    return found


def _position(fit: Fit, group: str, frame: pd.DataFrame) -> np.ndarray:
    position = {level: i for i, level in enumerate(fit.coords[group])}
    return labels(frame, group).map(position).to_numpy(dtype=np.int64)


def skill_draws(
    fit: Fit, k: int, where: Places, values: Values, *, scales: Mapping[str, np.ndarray] | None = None
) -> np.ndarray:
    """Return skill k at places, shape (draw, place); at other scales than theirs where given."""
    law = law_of(fit, k)
    found = at_places(fit.spec, of_skill(law, k), values, where.index, len(where))
    skill = law.skill(numpy_backend(), k, {**(scales or where.scales), **found})
    count = next(iter(values.values())).shape[0]
    return np.broadcast_to(skill, (count, len(where)))
