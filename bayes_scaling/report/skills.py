"""What a capability model says in the report: skills of families, loadings, the most telling benchmark."""

from __future__ import annotations

from typing import Any

from bayes_scaling import plots
from bayes_scaling.compare import informative, loadings
from bayes_scaling.laws.capability import Capability
from bayes_scaling.report import words
from bayes_scaling.report.blocks import Section, Text, table
from bayes_scaling.report.figures import picture
from bayes_scaling.report.study import Study

MOST_FAMILIES = 25
MOST_BENCHMARKS = 30


def skills_section(study: Study) -> Section | None:
    """Return skills of families, loadings of benchmarks and which of these tells most; None for other laws."""
    law = study.fit.spec.law
    if not isinstance(law, Capability):
        return None
    blocks: list[Any] = [Text(_meaning(study, law))]
    if "family" in study.fit.frame.columns:
        blocks += [_families(study, k) for k in range(1, law.skills + 1)]
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
        parts.append("Only the priors place tuned families against base families; compare families of one kind.")
    return " ".join(parts)


def _families(study: Study, k: int) -> Any:
    return picture(
        lambda: plots.plot_skills(study.fit, skill=k, by="family", top=MOST_FAMILIES, warning=study.banner),
        f"Skill {k} of families with 90 % intervals and ranks.",
        f"Skill {k} of each family at the reference scale, models' own residuals left out; at most {MOST_FAMILIES} "
        "families are shown. Intervals are 90 % equal-tailed.",
    )


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
    made = informative(study.fit)
    show = {"task": "benchmark", "median": "sd after / before", "lower": "5 %", "upper": "95 %", "p_best": "P(best)"}
    caption = "How far each benchmark alone narrows skill 1 of a new model at the reference scale; smaller tells more"
    return [table(made, caption, columns=show, formats={"p_best": words.probability}, most=MOST_BENCHMARKS)]
