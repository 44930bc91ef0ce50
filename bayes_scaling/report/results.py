"""The sections of a study: checks, forecasts, comparisons, provenance."""

from __future__ import annotations

from typing import Any

import pandas as pd

from bayes_scaling import plots
from bayes_scaling.check import predictive_table
from bayes_scaling.compare import by_group
from bayes_scaling.data.columns import SCALES, on_log
from bayes_scaling.forecasts import Forecast, Reach
from bayes_scaling.forecasts.scales import outside_note
from bayes_scaling.model.card import ComparePart, ForecastPart
from bayes_scaling.plots.tables import lone_scale
from bayes_scaling.report import sentences, words
from bayes_scaling.report.blocks import Bullets, Code, Section, Table, Text, table
from bayes_scaling.report.caveats import caveats, identified
from bayes_scaling.report.figures import picture
from bayes_scaling.report.study import Study

OF_IMPORTANCE = ("draws", "chains", "engine")  # settings that mean something without NUTS
MOST_GROUPS = 15
MOST_CONTRASTS = 30
MOST_PAIRS = 45  # beyond, families are ranked in the picture
CURVE_DRAWS = 400


def checks_section(study: Study) -> Section:
    """Return posterior predictive checks, overall, per family and against scale."""
    made = study.replicates
    by = "family" if "family" in made.frame.columns and made.frame["family"].nunique() > 1 else None
    unit = f"log {study.outcome}" if on_log(study.outcome) else "points of accuracy"
    departs = bool(study.fit.spec.noise.discrepancy)
    anew = ", which depart from the law anew" if departs else ""
    few = "at most one in ten" if departs else "one in ten"
    overall = picture(
        lambda: plots.posterior_predictive(made, by=by, warning=study.banner),
        f"Observed {study.outcome} against the posterior predictive median with 90 % intervals.",
        f"Each fitted row against its replicates{anew}. Crosses lie outside their interval; {few} is expected.",
    )  # fmt: skip
    blocks: list[Any] = [overall, _coverage(predictive_table(made), f"All rows; residuals in {unit}")]
    x = study.scale
    if x in made.frame.columns:
        blocks.append(
            picture(
                lambda: plots.residuals(made, against=x, by=by, warning=study.banner),
                f"Residuals against {x}.",
                f"A trend with {x} would mean that the law bends otherwise than the data."
                + (" Coloured are the families whose mean residual is most unusual." if by else ""),
            )
        )
    if by:
        part = predictive_table(made, by=by).sort_values("z", key=abs, ascending=False, na_position="last")
        blocks.append(_coverage(part, f"By family, the most unusual mean first; residuals in {unit}"))
    return Section("Posterior predictive checks", blocks)


def _coverage(made: pd.DataFrame, caption: str) -> Table:
    first = str(made.columns[0])
    show = {first: "" if first == "rows" else first, "n": "rows", "coverage": "inside the 90 % equal-tailed interval",
            "mean_residual": "mean residual", "standard_error": "its standard error", "z": "ratio",
            "largest_residual": "largest residual"}  # fmt: skip
    numbers = ["z", "mean_residual", "standard_error", "largest_residual"]
    how: dict[str, Any] = dict.fromkeys(numbers, lambda v: words.number(v, 2))
    return table(made, caption, columns=show, formats=how, most=MOST_GROUPS)


def loo_section(study: Study) -> Section:
    """Return leave-one-out with Pareto k, and the calibration of left-out rows."""
    head = study.loo.table.iloc[0]
    unit = str(head["unit"])
    text = (
        f"Expected log density of a left-out {unit}, summed over {head['units']}: {words.number(head['elpd'], 4)} "
        f"(standard error {words.number(head['se'], 2)}); effective parameters {words.number(head['p_loo'], 3)}. "
        f"{head['bad_k']} have Pareto k above {head['good_k']:.2f}. From {study.loo_draws} draws. "
        f"This answers “another {unit} like these”, not “a larger run”."
    )
    together = "Rows of one run are left out together"
    if study.fit.spec.marginal:
        together = "Rows are left out one by one, given every other row of their path,"
    k = picture(
        lambda: plots.loo_k(study.loo, warning=study.banner),
        f"Pareto k of each left-out {unit}; {head['bad_k']} lie above the threshold.",
        f"Pareto k per {unit}. Above the threshold the approximation fails, usually because the model leans on it.",
    )  # fmt: skip
    pit = picture(
        lambda: plots.loo_pit(study.pit, warning=study.banner),
        "ECDF of LOO-PIT values minus the uniform, with a 95 % simultaneous band.",
        f"Calibrated intervals keep the line in the band. {together} and are not independent, so leaving the band "
        "slightly is not yet a failure.",
    )  # fmt: skip
    return Section("Leave-one-out", [Text(text), k, pit])


def forecast_section(study: Study) -> Section:
    """Return every forecast with its intervals and a picture."""
    blocks: list[Any] = []
    for part, answer in study.forecasts:
        blocks += [Text(f"{part.title}.")]
        blocks += _reach(study, answer) if isinstance(answer, Reach) else _forecast(study, part, answer)
    if not blocks:
        blocks = [Text("The card asks for no forecast.")]
    if lone_scale(study.fit) is None or len(study.groups) == 0:
        constants = study.card.constants
        blocks.append(
            picture(
                lambda: plots.curve(study.fit, constants=constants, draws=CURVE_DRAWS, warning=study.banner),
                f"The fitted law against {study.scale} with the data{' and published constants' if constants else ''}.",
                "The law's posterior bands."
                if lone_scale(study.fit)
                else "The law's posterior bands at the runs' usual ratio of tokens to parameters; runs with another "
                "ratio are hollow and belong to other curves.",
            )
        )
    return Section("Forecasts", blocks)


KIND_TEXT = {
    "law": "the law itself, without noise",
    "mean": "law and discrepancy, given what was fitted of the same path",
    "response": "what a new run would measure: parameter uncertainty, discrepancy, run effect and observation noise",
}


def _forecast(study: Study, part: ForecastPart, answer: Forecast) -> list[Any]:
    groups = [g for g in study.groups if g in answer.points.columns]
    scales = [c for c in (*SCALES[1:], SCALES[0]) if c in answer.table.columns]
    show = {**{c: c for c in [*groups, *scales]}, "median": "median", "level": "level", "lower": "from",
            "upper": "to", "mcse_median": "MCSE of median", **_where(answer)}  # fmt: skip
    how = dict.fromkeys(["median", "lower", "upper"], lambda v: words.outcome(v, study.outcome))
    scale = 100 if study.outcome == "accuracy" else 1
    extra = {"level": words.level, "mcse_median": lambda v: words.number(scale * v, 2)}
    kind = words.KINDS[answer.interval]
    unit = "MCSE in points of accuracy" if study.outcome == "accuracy" else study.fit.spec.unit
    caption = f"{part.title}: median and {kind} intervals{words.within(unit)}; {KIND_TEXT[answer.kind]}"
    drawn = picture(
        lambda: plots.forecast(answer, fit=study.fit, warning=study.banner),
        f"{part.title}: forecasts with intervals against scale, over the fitted runs.",
        f"Kind: {answer.kind}. Thick bars {words.level(min(answer.levels))}, thin bars "
        f"{words.level(max(answer.levels))}, {kind}. Bands are the law alone, 50 % and 90 %. Right of the dotted line "
        "there are no runs. Groups at one scale are drawn side by side.",
    )  # fmt: skip
    return [drawn, table(answer.table, caption, columns=show, formats={**how, **extra})]


def _where(answer: Forecast | Reach) -> dict[str, str]:
    """Return the column that says how far outside the fitted runs points lie, and its head, where some do."""
    return {"extrapolation": "where"} if outside_note(answer.extrapolation) else {}


def _reach(study: Study, answer: Reach) -> list[Any]:
    groups = [g for g in study.groups if g in answer.table.columns]
    show = {**{g: g for g in groups}, "target": "target", "median": "median", "level": "level", "lower": "from",
            "upper": "to", "p_unreachable": "P(not reached at any compute)", **_where(answer)}  # fmt: skip
    how = {**dict.fromkeys(["median", "lower", "upper"], words.bare_flop), "level": words.level,
           "p_unreachable": words.probability, "target": lambda v: sentences.target(v, study.outcome)}  # fmt: skip
    drawn = picture(
        lambda: plots.reach(answer, level=max(answer.levels), warning=study.banner),
        "Compute to reach each target, with intervals.",
        f"{words.level(max(answer.levels))} equal-tailed intervals; an arrow means that this end is not reached at any "
        "compute.",
    )  # fmt: skip
    caption = "Compute (FLOP) to reach the target: median and equal-tailed intervals of the law"
    return [drawn, table(answer.table, caption, columns=show, formats=how)]


def comparison_section(study: Study) -> Section | None:
    """Return contrasts in sentences, ranking, parameters by family and identification."""
    blocks: list[Any] = []
    for part, contrasts, ranking in study.comparisons:
        blocks += _comparison(study, part, contrasts, ranking)
    for parameter, group, _ in study.fit.spec.all_effects():
        if group == "family":
            blocks += _by_family(study, parameter.name)
    if any(True for _ in study.fit.spec.all_effects()):
        blocks += [Text("How far the effects are identified:"), Bullets(identified(study))]
    title = "Comparison of families" if "family" in study.groups else "Differences between groups"
    return Section(title, blocks) if blocks else None


def _comparison(study: Study, part: ComparePart, contrasts: pd.DataFrame, ranking: pd.DataFrame) -> list[Any]:
    many = len(contrasts) > MOST_PAIRS
    lines = [sentences.contrast(study, part, row) for _, row in contrasts.head(MOST_CONTRASTS).iterrows()]
    if len(contrasts) > MOST_CONTRASTS:
        lines.append(f"The first {MOST_CONTRASTS} of {len(contrasts)} pairs are written out.")
    if many:
        lines = [f"The {len(contrasts)} pairs are not written out; contrasts(fit, families=[A, B], ...) gives any."]
    value = words.bare_flop if part.target is not None else (lambda v: words.outcome(v, study.outcome))
    group = str(ranking.columns[0])
    show = {group: group, "median": "median", "lower": "from", "upper": "to", "rank": "rank", "rank_lower": "rank from",
            "rank_upper": "rank to", "p_best": "P(best)"}  # fmt: skip
    show |= {"p_unreachable": "P(not reached)"} if part.target is not None else {}
    how = {**dict.fromkeys(["median", "lower", "upper"], value), "p_best": words.probability,
           "p_unreachable": words.probability}  # fmt: skip
    share = words.level(float(ranking["level"].iloc[0]))
    what = "compute to the target (FLOP)" if part.target is not None else study.outcome
    drawn = picture(
        lambda: plots.ranking(ranking, warning=study.banner),
        f"{part.title}: ranking with {share} intervals.",
        f"Ranking, {share} equal-tailed; at the right the rank and its interval.",
    ) if many else picture(
        lambda: plots.contrasts(contrasts, warning=study.banner),
        f"{part.title}: pairwise contrasts with {share} intervals.",
        f"Pairwise contrasts, {share} equal-tailed; at the right the probability that the first of the pair is better.",
    )  # fmt: skip
    caption = f"{part.title}: ranking by {what}, best first; {share} equal-tailed intervals"
    return [Text(f"{part.title}."), drawn, Bullets(lines), table(ranking, caption, columns=show, formats=how)]


def _by_family(study: Study, parameter: str) -> list[Any]:
    made = by_group(study.fit, parameter)
    meaning = next(p.meaning for p in study.fit.spec.parameters() if p.name == parameter)
    drawn = picture(
        lambda: plots.parameters_by_group(study.fit, parameter, warning=study.banner),
        f"{parameter} of each family with 90 % intervals beside the population.",
        f"{parameter}: {meaning}. Medians and 90 % equal-tailed intervals; the grey band is the population.",
    )  # fmt: skip
    show = {"family": "family", "median": "median", "lower": "5 %", "upper": "95 %",
            "effect": "effect (unconstrained scale)", "runs": "runs"}  # fmt: skip
    how = {"runs": lambda v: words.number(v, 3)}
    return [
        drawn,
        table(made, f"{parameter} by family: median and 90 % equal-tailed interval", columns=show, formats=how),
    ]


def caveats_section(study: Study) -> Section:
    """Return what would change the conclusion."""
    return Section("What would change the conclusion", [Bullets(caveats(study))])


def provenance_section(study: Study) -> Section:
    """Return what reproduces this fit: seed, data hash, settings, versions and the card."""
    meta = study.fit.meta
    rows = [["seed", str(meta["seed"])], ["data hash (SHA-256 of the rows used)", str(meta["data_hash"])]]
    engine = meta.get("engine", {"name": "nuts"})
    rows += [[f"engine: {k}", str(v) if isinstance(v, str) else words.number(v)] for k, v in engine.items()]
    used = OF_IMPORTANCE if engine["name"] == "importance" else meta["settings"]
    rows += [[f"sampler: {k}", str(v)] for k, v in meta["settings"].items() if k in used]
    rows += [[f"seconds: {k}", words.number(v)] for k, v in meta["seconds"].items()]
    rows += [[f"version: {k}", str(v)] for k, v in meta["versions"].items()]
    text = (
        "This card, the data with this hash, the seed and these versions reproduce the fit: on the same machine, once "
        "the model is compiled and cached, to the last digit, elsewhere within the Monte-Carlo error."
    )
    card = Code("The card", (study.whole or study.card).to_toml())
    return Section("Reproduce", [Text(text), Table("Provenance", ["what", "value"], rows), card])
