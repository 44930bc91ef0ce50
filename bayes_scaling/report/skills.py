"""What a capability model says in the report: skills of families, loadings, the most telling benchmark."""

from __future__ import annotations

from typing import Any

import pandas as pd

from bayes_scaling import plots
from bayes_scaling.compare import informative, loadings, skills
from bayes_scaling.compare.latent import APART, FAR, families_differ
from bayes_scaling.errors import ForecastError
from bayes_scaling.laws.capability import Capability
from bayes_scaling.report import words
from bayes_scaling.report.blocks import Section, Table, Text, table
from bayes_scaling.report.figures import picture
from bayes_scaling.report.study import Study

MOST_FAMILIES = 25  # in the picture
LEVEL = 0.9
MOST_BENCHMARKS = 30


def skills_section(study: Study) -> Section | None:
    """Return skills of families, loadings of benchmarks and which of these tells most; None for other laws."""
    law = study.fit.spec.law
    if not isinstance(law, Capability):
        return None
    blocks: list[Any] = [Text(_meaning(study, law))]
    for k in range(1, law.skills + 1):
        if families_differ(study.fit, k):
            blocks += _families(study, k)
    if "task" in study.fit.frame.columns:
        blocks += [_loadings(study), *_informative(study)]
    return Section("Skills", blocks)


def _meaning(study: Study, law: Capability) -> str:
    first = next(iter(law.reference), None)
    parts = []
    if first:
        parts.append(
            f"Skill 1 is what {first} moves, in tenfold {first} from the reference scale: 0.3 more is worth twice the "
            f"{first} of a typical family."
        )
    further = [f"skill {k} in log-odds of {a}" for k, a in enumerate(law.anchors, start=law.first_anchored)]
    if further:
        parts.append(f"Beyond it families differ in further skills ({', '.join(further)})." if first else
                     f"Skills are measured in the log-odds of their anchors ({', '.join(further)}).")  # fmt: skip
    if "tuned" in study.fit.spec.groups:
        parts.append(APART)
    return " ".join(parts)


def _families(study: Study, k: int) -> list[Any]:
    """Return the picture of the first families and the table of all of them."""
    made = skills(study.fit, skill=k, by="family", level=LEVEL)
    shown, interval = made.head(MOST_FAMILIES), f"{words.level(LEVEL)} equal-tailed"
    far = int((shown["beyond"] > FAR).sum())
    caption = (
        f"Skill {k} of each family at the reference scale, models' own residuals left out; at most {MOST_FAMILIES} "
        f"families are drawn, the table has all. Intervals are {interval}."
    )
    if far:
        caption += (
            f" Hollow: the reference scale lies more than {FAR:g} decades outside the scales of the family's own "
            f"models ({far} of the {len(shown)} drawn), so that its skill is extrapolated."
        )
    drawn = picture(
        lambda: plots.plot_skills(
            study.fit, skill=k, by="family", level=LEVEL, top=MOST_FAMILIES, warning=study.banner
        ),
        f"Skill {k} of families with {words.level(LEVEL)} intervals and ranks.",
        caption,
    )
    return [drawn, _all_families(made, k, interval)]


def _all_families(made: pd.DataFrame, k: int, interval: str) -> Table:
    """Return the table of every family."""
    ranks = [
        f"{a} ({b} to {c})".replace(" ", words.GAP) for a, b, c in made[["rank", "rank_lower", "rank_upper"]].to_numpy()
    ]
    show = {"family": "family", "tuned": "tuned", "median": "median", "lower": "from", "upper": "to", "rank": "rank",
            "p_best": "P(best)", "beyond": "decades outside"}  # fmt: skip
    if not made["beyond"].any():
        del show["beyond"]
    how: dict[str, Any] = dict.fromkeys(["median", "lower", "upper", "beyond"], words.hundredths)
    how["p_best"] = words.probability
    unit = made["unit"].iloc[0]
    caption = f"Skill {k} of all families at the reference scale ({unit}), with {interval} intervals of skill and rank"
    note = (
        "Decades outside: how far that scale is from the scales of the family's own models." if "beyond" in show else ""
    )
    return table(made.assign(rank=ranks), caption, columns=show, formats=how, most=len(made), note=note)


def _loadings(study: Study) -> Any:
    ceilings = loadings(study.fit).query("parameter == 'ceiling'").drop_duplicates("task")
    ends = ceilings[["median", "lower", "upper"]].map(lambda v: words.outcome(float(v), study.outcome))
    told = ceilings["task"] + " " + ends["median"] + " (" + ends["lower"] + " to " + ends["upper"] + ")"
    far = ", ".join(told.head(MOST_BENCHMARKS))
    return picture(
        lambda: plots.plot_loadings(study.fit, warning=study.banner),
        "Loadings of benchmarks on skills with 90 % intervals.",
        "Log-odds of a benchmark per unit of skill; hollow where an anchor settles it. Ceilings, median and 90 % "
        f"equal-tailed interval: {far}.",
    )


def _informative(study: Study) -> list[Any]:
    try:
        made = informative(study.fit)
    except ForecastError as error:  # families that are not pooled say nothing of a new one
        return [Text(f"There is no table of the most informative benchmark: {error}")]
    show = {"task": "benchmark", "median": "sd after / before", "lower": "5 %", "upper": "95 %", "p_best": "P(best)"}
    caption = "How far each benchmark alone narrows skill 1 of a new model at the reference scale; smaller tells more"
    return [table(made, caption, columns=show, formats={"p_best": words.probability}, most=MOST_BENCHMARKS)]
