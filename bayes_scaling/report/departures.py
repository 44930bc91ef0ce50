"""The section of the law discrepancy: its size and length beside their priors, and departures along the scale."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayes_scaling import plots
from bayes_scaling.compare import by_group
from bayes_scaling.data.columns import on_log
from bayes_scaling.laws.backend import numpy_backend
from bayes_scaling.laws.base import Parameter, Prior
from bayes_scaling.model.discrepancy import transitions
from bayes_scaling.model.priors import quantile
from bayes_scaling.model.spec import PARTIAL, sd_name
from bayes_scaling.plots.departures import MOST
from bayes_scaling.report import words
from bayes_scaling.report.blocks import Section, Table, Text
from bayes_scaling.report.figures import picture
from bayes_scaling.report.study import Study

NAMES = {"discrepancy_sd": "amplitude", "discrepancy_length": "length"}
HEAD = ("", "prior median", "prior 95 %", "posterior median", "posterior interval", "its width, of the prior's")


def discrepancy_section(study: Study) -> Section | None:
    """Return amplitude and length beside their priors, and the departures of some paths; None without them."""
    spec = study.fit.spec
    chosen = spec.noise.discrepancy
    if not chosen:
        return None
    told = [p for p in spec.parameters() if p.name in NAMES]
    rows = [row for p in told for row in _rows(study, p)]
    drawn = picture(
        lambda: plots.posterior(study.fit, var_names=[p.name for p in told], warning=study.banner),
        "Posterior and prior densities of amplitude and length of the law discrepancy.",
        "Posterior (filled) and prior (dashed), each scaled to the same height: "
        + "; ".join(f"{p.name} in {unit(study, p)}" for p in told) + ".",
    )  # fmt: skip
    caption = "Law discrepancy: prior (median, 95 % quantile) and posterior (90 % equal-tailed interval)"
    note = "; ".join(f"{NAMES[p.name]}: variable {p.name}" for p in told).capitalize() + "."
    note += " In log loss 0.01 is 1 % of the loss." if study.outcome == "loss" else ""
    blocks: list[Any] = [Text(_meaning(study)), Table(caption, HEAD, rows, note)]
    return Section("Law discrepancy", [*blocks, drawn, Text(_ahead(study)), _departures(study)])


def unit(study: Study, parameter: Parameter) -> str:
    """Return the unit of a parameter of the discrepancy."""
    grows = parameter.name == "discrepancy_sd" and study.fit.spec.noise.discrepancy.kind == "wiener"
    return parameter.unit + (" per √decade" if grows else "")


def _meaning(study: Study) -> str:
    chosen = study.fit.spec.noise.discrepancy
    if chosen.kind == "wiener":
        return (
            f"The departure from the law is a Wiener process over {chosen.over}: its variance grows with every decade, "
            "also beyond the data."
        )
    return (
        f"The departure from the law is an Ornstein-Uhlenbeck process over {chosen.over}: its standard deviation is "
        "the amplitude at every scale, and what it was is forgotten (to 1/e) over the length."
    )


def _rows(study: Study, parameter: Parameter) -> list[list[str]]:
    """Return the table's rows of one parameter: its value, its spread between levels, and the extreme levels."""
    fit = study.fit
    spec, values, name = fit.spec, fit.values(), parameter.name
    label, effects = f"{NAMES[name]}, {unit(study, parameter)}", spec.effects(parameter)
    draws = values[name] if values[name].ndim == 1 else np.median(values[name], axis=1)
    whose = " (median level)" if "none" in effects.values() else " (population)" if effects else ""
    rows = [_row(label + whose, spec.prior(parameter), draws)]
    for group, kind in effects.items():
        if kind in PARTIAL:
            spread = f"sd of its logarithm between levels of {words.group(group)}"
            rows.append(_row(spread, spec.sd_prior(parameter, group), values[sd_name(name, group)]))
        levels = by_group(fit, name, group=group).iloc[1:].sort_values("median")
        for place, which in ((0, "smallest"), (-1, "largest")):
            row = levels.iloc[place]
            middle, low, high = (words.number(float(row[c]), 2) for c in ("median", "lower", "upper"))
            who = f"{which} of {len(levels)} levels of {words.group(group)}: {words.cell(str(row[group]), group)}"
            rows.append([who, words.NONE, words.NONE, middle, f"{low} to {high}", words.NONE])
    return rows


def _row(label: str, prior: Prior, draws: np.ndarray) -> list[str]:
    before = [quantile(prior, share) for share in (0.5, 0.95, 0.05)]
    low, middle, high = np.quantile(draws, [0.05, 0.5, 0.95])
    narrower = np.log(high / low) / np.log(before[1] / before[2])
    told = [words.number(float(v), 2) for v in (*before[:2], middle)]
    ends = f"{words.number(float(low), 2)} to {words.number(float(high), 2)}"
    return [label, *told, ends, words.percent(float(narrower), 0)]


def _ahead(study: Study) -> str:
    """Return how far the departure moves within one decade beyond the data, in a sentence."""
    fit = study.fit
    values, kind = fit.values(), fit.spec.noise.discrepancy.kind
    sd, length = (values.get(name, np.ones(1)) for name in ("discrepancy_sd", "discrepancy_length"))
    sd, length = (v if v.ndim == 1 else np.median(v, axis=1) for v in (sd, length))
    moved = np.sqrt(transitions(numpy_backend(), kind, 1.0, False, sd, length)[1])
    low, middle, high = (words.number(float(v), 2) for v in np.quantile(moved, [0.05, 0.5, 0.95]))
    in_units = f"log {study.outcome}" if on_log(study.outcome) else "log-odds"
    return (
        "From the last row of a path to ten times its scale the departure moves with a standard deviation of "
        f"{middle} in {in_units} (posterior median; {words.interval(low, high, 0.9, 'eti')})."
    )


def _departures(study: Study) -> Any:
    chosen = study.fit.spec.noise.discrepancy
    count = len(study.fit.paths.levels) if study.fit.paths is not None else 0
    some = f" {MOST} of {count} are shown, from the one whose rows depart least to the one whose rows depart most."
    return picture(
        lambda: plots.departures(study.fit, warning=study.banner),
        f"Rows and fitted departure from the law against {chosen.over}, a panel per path.",
        "Points: fitted rows against the law's median (triangles: beyond the panel). Band: the departure given the "
        "rows, 90 % equal-tailed. Where it is wide although the points scatter little, law and departure can trade "
        "places: the rows fix their sum. A departure that runs the same way in most panels means another law. Panels "
        f"of one line share their vertical axis.{some if count > MOST else ''}",
    )  # fmt: skip
