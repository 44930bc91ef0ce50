"""From studies to one HTML file that needs nothing else."""

from __future__ import annotations

import datetime
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from bayes_scaling.report import results, sections, sentences
from bayes_scaling.report.blocks import Section
from bayes_scaling.report.chain import reach_section
from bayes_scaling.report.departures import discrepancy_section
from bayes_scaling.report.plan import plan_sections, plan_sentences
from bayes_scaling.report.sensitivity import sensitivity_section
from bayes_scaling.report.skills import skills_section
from bayes_scaling.report.study import Study

TEMPLATES = Path(__file__).resolve().parent / "templates"


@dataclass(frozen=True)
class Page:
    """A study as the template shows it."""

    anchor: str
    title: str
    question: str
    banner: str
    answers: list[str]
    sections: list[Section]


def write_report(studies: Sequence[Study], path: str | Path, *, title: str | None = None) -> Path:
    """Write studies as one self-contained HTML file.

    Parameters
    ----------
    studies : sequence of Study
    path : str or Path
        Where to write; the file appears only when it is complete.
    title : str, optional
        Heading of the page; the study's own title for one study.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        No study was given.
    """
    if not studies:
        raise ValueError("no study to report; give at least one.")
    heading = title or (studies[0].title if len(studies) == 1 else "Scaling laws: report")
    return write_page(path, render("report.html.j2", heading, pages=[_page(s, i) for i, s in enumerate(studies)]))


def render(template: str, title: str, **shown: Any) -> str:
    """Return the HTML text of a template; everything that is not markup of ours is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    css = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return environment.get_template(template).render(title=title, css=css, date=today, **shown)


def write_page(path: str | Path, text: str) -> Path:
    """Write HTML text to a file, in a folder that is made where there is none."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    _write_whole(target, text)
    return target


def _page(study: Study, number: int) -> Page:
    name = re.sub(r"[^a-z0-9]+", "-", study.card.name.lower()).strip("-") or "study"
    anchor = f"{name}-{number + 1}"
    made = [
        sections.data_section(study),
        sections.model_section(study),
        sections.prior_section(study),
        sections.diagnostics_section(study),
        sections.posterior_section(study),
        discrepancy_section(study),
        results.checks_section(study),
        results.loo_section(study),
        results.forecast_section(study),
        sensitivity_section(study),
        reach_section(study),
        skills_section(study),
        results.comparison_section(study),
        *plan_sections(study),
        results.caveats_section(study),
        results.provenance_section(study),
    ]
    return Page(
        anchor, study.title, study.card.question, study.banner,
        [*sentences.answers(study), *plan_sentences(study)],
        [s for s in made if s is not None],
    )  # fmt: skip


def _write_whole(target: Path, text: str) -> None:
    """Write to a temporary file and move it into place: an interrupted report leaves nothing."""
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
