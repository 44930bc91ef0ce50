"""The sections of a study: data, model, diagnostics and posterior."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bayes_scaling import plots
from bayes_scaling.check import range_table
from bayes_scaling.data import flag_counts
from bayes_scaling.data.columns import SCALES
from bayes_scaling.fit.summary import LATENT
from bayes_scaling.laws import Law
from bayes_scaling.model.rows import kept_rows
from bayes_scaling.plots.groups import drawn_by_default
from bayes_scaling.report import words
from bayes_scaling.report.blocks import Bullets, Figure, Section, Table, Text, table
from bayes_scaling.report.figures import formulas, picture
from bayes_scaling.report.study import Study

MOST_VARIABLES = 30
MOST_LEVELS = 12  # of a group whose effects are listed


def data_section(study: Study) -> Section:
    """Return counts, ranges, flags and what was left out."""
    frame, meta = study.fit.frame, study.fit.meta
    where = study.card.data.dataset or study.card.data.path
    text = f"{words.rows(len(study.data))} of {where}; {words.rows(len(frame))} are used."
    left = pd.DataFrame(meta["left_out"].items(), columns=["reason", "rows"])
    blocks: list[Any] = [Text(text), _ranges(frame, study.outcome)]
    if len(left):
        blocks.append(table(left, "Rows left out, in the order in which the reasons are applied"))
    else:
        blocks.append(Text("No row was left out."))
    flags = flag_counts(study.data)
    if flags:
        kept, _ = kept_rows(study.data, study.card.model, meta["exclude_flags"])
        used = flag_counts(study.data[kept])
        rows = [
            [f, str(n), str(used.get(f, 0)), "left out" if f in meta["exclude_flags"] else "kept"]
            for f, n in flags.items()
        ]
        blocks.append(Table("Flags: remarks on rows", ["flag", "rows", "among used rows", "by the card"], rows))
    if meta["notices"]:
        blocks += [Text("Notices:"), Bullets(list(meta["notices"]))]
    if study.card.notes:
        blocks += [Text("Choices and their reasons:"), Bullets(study.card.notes)]
    return Section("Data", blocks)


def _ranges(frame: pd.DataFrame, outcome: str) -> Table:
    rows = []
    for name in ("family", "task", "protocol", "run"):
        if name in frame.columns and frame[name].nunique() > 1:
            rows.append([name, f"{frame[name].nunique()} different", ""])
    for name in (*SCALES, outcome):
        if name in frame.columns and frame[name].notna().any():
            low, high = float(frame[name].min()), float(frame[name].max())
            ends = [words.outcome(v, outcome) if name == outcome else words.power(v) for v in (low, high)]
            decades = "" if name == outcome else f"{np.log10(high / low):.1f} decades"
            rows.append([name, f"{ends[0]} to {ends[1]}", decades])
    return Table("The rows that are used", ["column", "range", "span"], rows)


def model_section(study: Study) -> Section:
    """Return the model in words, its formula and its parameters."""
    spec = study.fit.spec
    law = spec.law
    column = {i.name: i.column for i in law.inputs}
    scale = ", ".join(f"{column[k]} = {words.power(v)}" for k, v in law.reference.items())
    groups = ", ".join(words.group(g) for g in study.groups) or "none"
    rows = [
        [
            p.name,
            f"{p.meaning}" + (f" ({p.unit})" if p.unit else ""),
            words.prior(spec.prior(p)),
            words.pooling(spec, p),
        ]
        for p in spec.parameters()
    ]
    heads = ["parameter", "meaning", "prior", "pooling"]
    inputs = ", ".join(f"{i.column} ({i.meaning})" for i in law.inputs)
    blocks = [
        Text(f"{law.title}, after {law.citation}. It reads {inputs}."),
        *formulas(law.formula),
        Text(words.noise(spec)),
        Text(f"Groups with effects: {groups}. Effects add on the unconstrained scale (log, or log-odds)."),
        Table("Parameters", heads, rows, note=f"Priors are stated at the reference scale {scale}." if scale else ""),
    ]
    if spec.prior_set:
        found = law.prior_sets[spec.prior_set.name]
        blocks.insert(-1, Text(f"Prior set {spec.prior_set.label}. {found.meaning} After {found.source}."))
    if spec.noise.run_effect:
        blocks.append(Text(f"Standard deviation of the run effect: {words.prior(spec.run_sd_prior())}."))
    return Section("Model", blocks)


def prior_section(study: Study) -> Section:
    """Return what the priors imply, beside the data."""
    show = {"what": "", "q05": "5 %", "q25": "25 %", "q50": "median", "q75": "75 %", "q95": "95 %"}
    ranges = range_table(study.prior).reset_index()
    how = dict.fromkeys(["q05", "q25", "q50", "q75", "q95"], lambda v: words.outcome(v, study.outcome))
    caption = words.quantiles_of(study.outcome, study.fit.spec.unit)
    x = study.scale
    drawn = picture(
        lambda: plots.prior_predictive(study.prior, x=x),
        f"Prior predictive of {study.outcome} in bins of {x}, with the data as points.",
        "What the priors imply before the data are seen, pooled over all rows of a bin. The data should lie inside, "
        "and the bands should not reach absurd values.",
    )  # fmt: skip
    return Section("Prior predictive", [drawn, table(ranges, caption, columns=show, formats=how)])


def diagnostics_section(study: Study) -> Section:
    """Return every check of the fit, failures first."""
    checks = sorted(study.diagnosis.checks, key=lambda c: (c.ok, c.severity != "fail"))
    rows = []
    for check in checks:
        state = "passed" if check.ok else "FAILED" if check.severity == "fail" else "warning"
        means = "" if check.ok else f"{check.cause} {check.advice}"
        rows.append([check.name, state, words.number(check.found), check.expected, means])
    bad = frozenset(i for i, c in enumerate(checks) if not c.ok)
    head = ["check", "state", "found", "expected", "what it means, what to do"]
    verdict = "The fit is not usable." if study.banner else "The fit is usable: no check that makes it unusable failed."
    return Section("Diagnostics", [Text(verdict), Table("Checks of the fit", head, rows, marked=bad)])


def posterior_section(study: Study) -> Section:
    """Return the posterior under published names, with Monte-Carlo error, ESS and R-hat."""
    names, left_out = _listed_variables(study)
    made = study.fit.summary(var_names=names, level=0.9).reset_index()
    show = {"variable": "variable", "median": "median", "lower": "5 %", "upper": "95 %", "r_hat": "R-hat",
            "mcse_median": "MCSE of median", "ess_bulk": "ESS bulk", "ess_tail": "ESS tail"}  # fmt: skip
    how = {"ess_bulk": lambda v: words.number(round(v)), "ess_tail": lambda v: words.number(round(v)),
           "r_hat": lambda v: f"{v:.3f}", "mcse_median": lambda v: words.number(v, 2)}  # fmt: skip
    caption = "Posterior median and 90 % equal-tailed interval (of the population where groups have effects)"
    note = f"Constants are under their published names, with inputs in counts and FLOP.{left_out}"
    blocks = [table(made, caption, columns=show, formats=how, most=MOST_VARIABLES, note=note)]
    return Section("Posterior", [_posterior_picture(study), *blocks, *published_blocks(study.fit.spec.law)])


def _listed_variables(study: Study) -> tuple[list[str], str]:
    """Return the variables of the posterior's table in order, and a sentence about those of many levels."""
    posterior, spec = study.fit.idata["posterior"].to_dataset(), study.fit.spec
    shape = {str(n): v.isel(chain=0, draw=0).sizes for n, v in posterior.data_vars.items()}
    shape = {n: sizes for n, sizes in shape.items() if n not in {*LATENT, *spec.constants()}}
    first = [*spec.law.published_symbols, *(p.name for p in spec.parameters())]
    order = dict.fromkeys([*first, *(n for n in shape if n.endswith("_sd")), *shape])
    many = {n: group for n, sizes in shape.items() for group, size in sizes.items() if size > MOST_LEVELS}
    left_out = ""
    for group in dict.fromkeys(many.values()):
        count = sum(posterior[n].isel(chain=0, draw=0).size for n, g in many.items() if g == group)
        left_out += (
            f" The {count} values that belong to one of the {posterior.sizes[group]} levels of "
            f'{words.group(str(group))} are not listed; by_group(fit, PARAMETER, group="{group}") gives them.'
        )
    return [n for n in order if n in shape and n not in many], left_out


def _posterior_picture(study: Study) -> Figure:
    names = ", ".join(drawn_by_default(study.fit))
    return picture(
        lambda: plots.posterior(study.fit, constants=study.card.constants, warning=study.banner),
        f"Posterior and prior densities of {names}.",
        "Posterior (filled) and prior (dashed), each scaled to the same height"
        + ("; vertical lines are published constants." if study.card.constants else "."),
    )  # fmt: skip


def published_blocks(law: Law) -> list[Any]:
    """Return a table of a law's published constants; nothing where it has none."""
    if not law.published:
        return []
    rows = []
    for name, constants in law.published.items():
        values = ", ".join(f"{k} = {words.number(v, 4)}" for k, v in constants.values.items())
        rows.append([name, values, words.source(constants)])
    note = "Loss constants hold for their own data and tokenizer; another data set need not agree with them."
    return [Table("Published constants of this law, for comparison", ["name", "values", "source"], rows, note)]
