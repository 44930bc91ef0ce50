"""The catalogue: a page that shows every law with its formula, priors, curves, published constants and fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from bayes_scaling import plots
from bayes_scaling.errors import ForecastError
from bayes_scaling.laws import Law, Parameter
from bayes_scaling.laws.base import UNVERIFIED
from bayes_scaling.model.priors import quantile
from bayes_scaling.plots.tables import law_curve_table
from bayes_scaling.report import words
from bayes_scaling.report.blocks import Code, Folded, Formula, Section, Table, Text, table
from bayes_scaling.report.figures import formula, formulas, picture
from bayes_scaling.report.fitted import Fitted, fitted_sections
from bayes_scaling.report.html import render, write_page
from bayes_scaling.report.sections import published_blocks

SYMBOL = 12.0  # points, of the letters of a symbol in a table
SHOWN = 5  # values of an input whose quantiles the page lists; plots.tables.law_curve_table has all
TITLE = "Catalogue of scaling laws"


@dataclass(frozen=True)
class Entry:
    """A law as the page shows it.

    Attributes
    ----------
    outcome, use, quantities : str
        What the index says; ``mark`` is empty for a law that was fitted to runs.
    formulas : list of Formula or Code
    sections : list of Section
    """

    name: str
    title: str
    outcome: str
    use: str
    quantities: str
    mark: str
    citation: str
    arxiv: str
    formulas: list[Formula | Code]
    sections: list[Section] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        """Where the page shows it."""
        return f"law-{self.name}"


def write_entries(entries: Sequence[Entry], path: str | Path, *, title: str = TITLE) -> Path:
    """Write the catalogue as one HTML file that needs nothing else.

    Parameters
    ----------
    entries : sequence of Entry
    path : str or Path
        The file appears only when it is complete.
    title : str

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        No entry was given.
    """
    if not entries:
        raise ValueError("no law to show; give at least one.")
    return write_page(path, render("catalogue.html.j2", title, entries=list(entries), mark=UNVERIFIED))


def entry(law: Law, fitted: Sequence[Fitted] = ()) -> Entry:
    """Return what the page shows of a law and of the fits of its cards."""
    cited = law.citation
    made = [
        _inputs(law),
        _parameters(law),
        _quantities(law),
        _curves(law),
        Section("Published constants", published_blocks(law)) if law.published else None,
        *fitted_sections(fitted),
    ]
    return Entry(
        law.name, law.title, law.outcome, law.use or law.title, ", ".join(q.name for q in law.quantities),
        "" if law.verified else UNVERIFIED, f"{cited.authors} ({cited.year}), {cited.title}", cited.arxiv,
        formulas(law.formula), [s for s in made if s is not None],
    )  # fmt: skip


def _inputs(law: Law) -> Section:
    """Return what the law reads."""
    rows = []
    for i in law.inputs:
        reference = words.number(law.reference[i.name]) if i.name in law.reference else words.NONE
        rows.append([i.column, i.meaning, i.unit or words.NONE, reference])
    note = "Priors are stated at the reference scale." if law.reference else ""
    return Section("Inputs", [Table("What it reads", ["column", "meaning", "unit", "reference"], rows, note)])


def _parameters(law: Law) -> Section:
    """Return parameters with meaning and prior."""
    rows = [
        [
            p.name, _symbol(p.symbol), p.meaning + (f" ({p.unit})" if p.unit else ""),
            words.number(quantile(p.prior, 0.5)), words.number(quantile(p.prior, 0.95)), words.distribution(p.prior),
            _pooling(p),
        ]
        for p in law.parameters
    ]  # fmt: skip
    head = ["parameter", "symbol", "meaning", "prior median", "prior 95 %", "prior", "between groups"]
    note = (
        f"A parameter exceeds its prior 95 % with probability 5{words.GAP}%. Cards may choose other priors and pooling."
    )
    blocks = [Table("What is learned", head, rows, note)]
    if law.prior_sets:
        theories = [
            [name, made.meaning, ", ".join(made.columns) or words.NONE, made.source]
            for name, made in law.prior_sets.items()
        ]
        head = ["name", "what it assumes", "if the scale is", "source"]
        blocks.append(Table("Prior sets that a card may choose", head, theories))
    return Section("Parameters and priors", blocks)


def _symbol(latex: str) -> Formula | str:
    """Return a symbol as it is set in the formula, as LaTeX where mathtext cannot set it."""
    try:
        return formula(latex, size=SYMBOL)
    except ValueError:
        return latex


def _pooling(parameter: Parameter) -> str:
    """Return the default pooling in words."""
    if isinstance(parameter.pooling, str):
        return parameter.pooling
    return ", ".join(f"{kind} over {words.group(group)}" for group, kind in parameter.pooling.items()) or "complete"


def _quantities(law: Law) -> Section | None:
    """Return what the law answers besides its outcome."""
    if not law.quantities:
        return None
    rows = [
        [q.name, q.meaning, q.unit or words.NONE, ", ".join(i.column for i in q.asked) or words.NONE, q.source]
        for q in (law.quantity(declared.name) for declared in law.quantities)
    ]
    head = ["quantity", "meaning", "unit", "asked of", "source"]
    note = "bs.quantity(fit, NAME, points) gives each with an interval."
    return Section("Questions that it answers", [Table("Besides its outcome", head, rows, note)])


def _curves(law: Law) -> Section:
    """Return the picture of the law under its priors with its numbers, or the reason why there is none."""
    try:
        made = law_curve_table(law)
    except ForecastError as error:
        return Section("Curves under the prior", [Text(f"There is no picture: {error}")])
    names = list(dict.fromkeys(made["input"]))
    published = [c.removeprefix("constants_") for c in made.columns if c.startswith("constants_")]
    drawn = picture(
        lambda: plots.law_curves(law, made),
        f"{law.outcome} under the priors of {law.name} along {', '.join(names)}: median, band and single draws.",
        f"What the priors imply before any data, along one input with the others held: median, 90{words.GAP}% "
        "equal-tailed band and single draws" + (", and the published constants." if published else "."),
    )  # fmt: skip
    rest = [i.column for i in law.inputs if i.name not in names]
    held = [Text(f"Held in every panel (facts, or not free to change alone): {', '.join(rest)}.")] if rest else []
    numbers = Folded("The numbers", [_numbers(law, made, published)])
    return Section("Curves under the prior", [drawn, *held, numbers])


def _numbers(law: Law, made: pd.DataFrame, published: Sequence[str]) -> Table:
    """Return quantiles at some values of each input."""
    step = {name: max(1, (len(part) - 1) // (SHOWN - 1)) for name, part in made.groupby("input")}
    some = pd.concat([part.iloc[:: step[str(name)]] for name, part in made.groupby("input", sort=False)])
    show = {"input": "along", "x": "value", "median": "median", "lower": "5 %", "upper": "95 %"}
    show |= {f"constants_{n}": n for n in published} | {"held": "held"}
    how = dict.fromkeys(
        ["median", "lower", "upper", *(f"constants_{n}" for n in published)], lambda v: words.outcome(v, law.outcome)
    )
    note = f'plots.tables.law_curve_table("{law.name}") has every number of the picture, single draws included.'
    return table(some, words.quantiles_of(law.outcome, law.unit), columns=show, formats=how, note=note)
