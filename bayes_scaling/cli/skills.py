"""What ``bayes-scaling skills`` prints: tables of a fitted capability card, each under a line that says what it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from bayes_scaling import compare
from bayes_scaling.cli.show import show
from bayes_scaling.compare.latent import APART
from bayes_scaling.errors import ForecastError
from bayes_scaling.fit import Fit

TOLD_ONCE = ["skill", "unit", "level", "interval", "reference", "quantity", "warning"]  # in the line above, or on top
_KEPT = {("loadings", "skill"), ("loadings", "unit")}  # there they differ by row
SPREADS = ["sd_before_lower", "sd_before_upper", "sd_after_lower", "sd_after_upper"]


def tables_of(made: Fit, asked: Mapping[str, Any], reference: str | None) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Return the tables by name, and what is to be said of them: why one is missing, who cannot be compared."""
    level = asked["level"]
    found = {"skills": compare.skills(made, **asked)}
    if reference is not None:
        found["effective_compute"] = compare.effective_compute(made, reference, **asked)
    found["loadings"] = compare.loadings(made, level=level)
    notes = [APART] if "tuned" in made.spec.groups else []
    try:
        found["informative"] = compare.informative(made, skill=asked["skill"], at=asked["at"], level=level)
    except ForecastError as error:  # families that are not pooled say nothing of a new one
        notes.append(f"there is no table of informative benchmarks: {error}")
    return found, notes


def text_of(found: Mapping[str, pd.DataFrame], asked: Mapping[str, Any]) -> str:
    """Return the tables as text."""
    by, k, interval = asked["by"], asked["skill"], f"{100 * asked['level']:g} % equal-tailed interval"
    unit = found["skills"]["unit"].iloc[0]
    beyond = "; beyond: decades outside the scales of a family's own models" if by == "family" else ""
    who = "families" if by == "family" else "models, each at its own scale"
    heads = {
        "skills": f"skill {k} of {who} ({unit}): median, {interval}, rank and its interval{beyond}",
        "loadings": f"what benchmarks measure: median, {interval}",
        "informative": f"sd of skill {k} of a new model, after one benchmark / before: median, {interval}",
    }
    if "effective_compute" in found:
        first = found["effective_compute"].iloc[0]
        told = str(first["quantity"]).replace("the reference", str(first["reference"]))
        heads["effective_compute"] = f"effective compute, {told} for the same skill {k}: median, {interval}"
    parts = []
    for name, table in found.items():
        hidden = [c for c in (*TOLD_ONCE, *SPREADS) if c in table and (name, c) not in _KEPT]
        parts.append(f"{heads[name]}\n{show(table.drop(columns=hidden))}")
    return "\n\n".join(parts)
