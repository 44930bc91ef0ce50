"""Forecasts under other prior sets, in the report."""

from __future__ import annotations

from typing import Any

import pandas as pd

from bayes_scaling import plots
from bayes_scaling.compare import Sensitivity
from bayes_scaling.report import words
from bayes_scaling.report.blocks import Bullets, Section, Table, Text, table
from bayes_scaling.report.figures import picture
from bayes_scaling.report.study import Study

MEANING = (
    "The same forecast under other prior sets of the law, each with a fit of its own. Shifts are of medians, in widths "
    "of the base's interval. Power-scaling asks the same of one fit without another: how far its draws move when "
    "the law's priors, or the likelihood, count a little more or less."
)


def sensitivity_section(study: Study) -> Section | None:
    """Return how far forecasts move between prior sets, where the card asks for it."""
    made = study.sensitivity
    if made is None:
        return None
    level = words.level(made.level)
    drawn = picture(
        lambda: plots.sensitivity(made),
        "Median forecasts and intervals under each prior set, in widths of the base's interval.",
        f"Points are medians, bars {level} equal-tailed intervals, about the base's median and in widths of its "
        "interval (grey). Hollow: sets that the runs contradict.",
    )  # fmt: skip
    return Section(
        made.title, [Text(MEANING), Bullets(made.sentences), drawn, _forecasts(made), *_sets(made), *_power(made)]
    )


def _forecasts(made: Sensitivity) -> Table:
    scales = {c: c for c in made.columns}
    show = {"set": "prior set", **scales, "median": "median", "lower": "from", "upper": "to", "shift": "shift",
            "mcse_shift": "its MCSE"}  # fmt: skip
    how: dict[str, Any] = dict.fromkeys(["median", "lower", "upper"], lambda v: words.outcome(v, made.outcome))
    how |= {"shift": words.hundredths, "mcse_shift": lambda v: words.number(v, 1)}
    caption = f"Forecasts by prior set: median, {words.level(made.level)} equal-tailed interval, shift in its widths"
    return table(made.table, caption, columns=show, formats=how)


def _sets(made: Sensitivity) -> list[Table]:
    show = {"set": "prior set", "elpd_difference": "elpd difference", "se": "its standard error",
            "log_bayes_factor": "log Bayes factor", "mcse": "its MCSE", "engine": "engine",
            "rhat": "R-hat", "ess_bulk": "ESS bulk", "meaning": "what it assumes", "source": "source"}  # fmt: skip
    how = {"rhat": lambda v: f"{v:.3f}", "ess_bulk": lambda v: words.number(round(v)),
           "mcse": lambda v: words.number(v, 1),
           **dict.fromkeys(["elpd_difference", "se", "log_bayes_factor"], lambda v: words.number(v, 2))}  # fmt: skip
    made_of = [table(made.sets, "The prior sets, and their fits", columns=show, formats=how)]
    if len(made.parameters):
        away = {"set": "prior set", "parameter": "parameter", "prior": "its prior median", "runs": "the runs say",
                "lower": "from", "upper": "to", "away": "standard deviations away"}  # fmt: skip
        note = "What the runs say is the base's posterior with its prior taken out, both taken as normal."
        numbers = {c: lambda v: words.number(v, 2) for c in ("prior", "runs", "lower", "upper", "away")}
        made_of.append(
            table(
                made.parameters,
                "What the sets state, beside the runs (90 % equal-tailed interval)",
                columns=away,
                formats=numbers,
                note=note,
            )
        )
    return made_of


def _power(made: Sensitivity) -> list[Table]:
    if made.power.empty:
        return []
    wide = made.power[made.power["set"] == made.base]
    show = {"variable": "variable", "prior": "to the law's priors", "likelihood": "to the likelihood",
            "diagnosis": "diagnosis"}  # fmt: skip
    how = dict.fromkeys(["prior", "likelihood"], lambda v: words.number(v, 2))
    caption = f"Power-scaling sensitivity under {made.base}; from 0.05 on it counts"
    return [table(pd.DataFrame(wide), caption, columns=show, formats=how)]
