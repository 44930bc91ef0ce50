"""Answers as sentences: skills, forecasts, compute to reach, contrasts. Made from tables, never by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from bayes_scaling.compare import effective_compute, skills
from bayes_scaling.compare.latent import FAR, families_differ
from bayes_scaling.data.columns import SCALES
from bayes_scaling.forecasts import Forecast, Reach
from bayes_scaling.forecasts.points import describe_groups
from bayes_scaling.forecasts.scales import beside
from bayes_scaling.laws.capability import Capability
from bayes_scaling.model.card import ComparePart
from bayes_scaling.report import words
from bayes_scaling.report.study import Study

SHORT = 4  # sentences per question in the answer box


def answers(study: Study) -> list[str]:
    """Return the short answers of a study, each with its interval."""
    found = leaders(study)
    for part, answer in study.forecasts:
        made = reach(study, answer) if isinstance(answer, Reach) else forecast(study, answer)
        shown = _some(made)
        found += [f"{part.title}: {text}" for text in shown]
        if len(shown) < len(made):
            found.append(f"{part.title}: {len(made) - len(shown)} further points are in the table of forecasts.")
    for asked, contrasts, ranking in study.comparisons:
        found.append(f"{asked.title}: {best(ranking)}")
        if len(contrasts) == 1:
            found.append(contrast(study, asked, contrasts.iloc[0]))
    return found


def leaders(study: Study) -> list[str]:
    """Return who leads skill 1 at the reference scale and what its compute is worth; nothing for other laws.

    Where base and tuned families are told apart, families of one kind are compared: only the priors place the others.
    """
    frame, spec = study.fit.frame, study.fit.spec
    if not isinstance(spec.law, Capability) or not families_differ(study.fit, 1):
        return []
    apart = "tuned" in spec.groups
    kinds = frame["tuned"].astype(str) if apart else pd.Series("", frame.index)
    kinds = kinds.groupby(frame["family"]).agg(lambda of_one: " and ".join(sorted(set(of_one))))
    found = []
    for kind, count in kinds.value_counts().items():
        if count > 1:
            found += _leader(study, kinds.index[kinds == kind].tolist(), f"{kind} " if apart else "")
    return found


def _leader(study: Study, families: list[str], kind: str) -> list[str]:
    """Return the sentences about the first of some families, all of one kind where that is named."""
    board = skills(study.fit, by="family", families=families)
    first, scale = board.iloc[0], words.point(board.iloc[0], study.outcome, [])
    at = f" at {scale}" if scale else ""
    text = f"Skill 1{f' of {kind}families' if kind else ''}{at}: {best(board)}"
    if first["beyond"] > FAR:
        text += (
            f" That scale lies {words.number(first['beyond'], 2)} decades outside those of {first['family']}'s own "
            "models."
        )
    return [text, _worth(study, str(first["family"]), families, kind, at)] if scale else [text]


def _worth(study: Study, lead: str, families: list[str], kind: str, at: str) -> str:
    """Return what the leading family's compute is worth to the other family with the most fitted models."""
    fitted = study.fit.frame.drop_duplicates(["family", "run"] if "run" in study.fit.frame else ["family"])["family"]
    models = fitted.value_counts().loc[[f for f in families if f != lead]]
    other, goal = str(models.idxmax()), f"the skill that {lead} has{at}"
    row = effective_compute(study.fit, other, families=[lead]).iloc[0]
    lost = float(row["p_undefined"])
    if lost == 1:
        return f"What the compute of {lead} is worth to {other} is unknown: {other} does not gain from scale{at}."
    ends = [float(row[c]) for c in ("median", "lower", "upper")]
    ends = [math.inf if math.isnan(v) else v for v in ends]
    text = _times_less(lead, other, ends, float(row["p_more"]), float(row["level"]), goal)
    text += f" (Of the other {kind}families none has more fitted models than {other}: {models[other]}.)"
    return text + (
        f" (In {words.percent(lost, 0)} of the draws {other} does not gain from scale; they are left out.)"
        if lost else ""
    )  # fmt: skip


def _some(sentences: list[str]) -> list[str]:
    """Return the last sentences (the largest scales come last in a card)."""
    if len(sentences) <= SHORT:
        return sentences
    step = len(sentences) / SHORT
    return [sentences[math.ceil((i + 1) * step) - 1] for i in range(SHORT)]


def forecast(study: Study, answer: Forecast) -> list[str]:
    """Return a sentence per point, with the widest interval."""
    share = max(answer.levels)
    table = answer.tabulate([share], answer.interval)
    groups, differing = _telling(study, table), _differing(study, table)
    found = []
    for _, row in table.iterrows():
        low, high = (words.outcome(float(row[c]), study.outcome) for c in ("lower", "upper"))
        ends = words.interval(low, high, share, answer.interval)
        middle = words.outcome(float(row["median"]), study.outcome)
        where = ", ".join([words.point(row, study.outcome, groups), *_further(row, differing)])
        where += beside(str(row.get("extrapolation", "")))
        found.append(f"{where}: {study.outcome} {middle}{words.outcome_unit(study.fit.spec)} ({ends}).")
    return found


def _telling(study: Study, table: pd.DataFrame) -> list[str]:
    """Return the group columns that tell the points apart; the question's title names the others."""
    present = [g for g in study.groups if g in table.columns]
    return [g for g in present if table[g].nunique() > 1] or present[:1]


def _differing(study: Study, table: pd.DataFrame) -> list[str]:
    """Return the law's other inputs that tell the points apart, such as the number of unique tokens."""
    read = [i.column for i in study.fit.spec.law.inputs]
    return [c for c in read if c in table.columns and c not in SCALES and table[c].nunique() > 1]


def _further(row: pd.Series, columns: list[str]) -> list[str]:
    return [f"{c} {words.cell(row[c], c)}" for c in columns]


def target(value: float, outcome: str) -> str:
    """Return a target in words."""
    return f"accuracy {100 * value:g}{words.GAP}%" if outcome == "accuracy" else f"{outcome} {value:g}"


def reach(study: Study, answer: Reach) -> list[str]:
    """Return a sentence per group and target; a quantile that is not reached says so."""
    share = max(answer.levels)
    table = answer.table[answer.table["level"] == share]
    names = describe_groups(table, _telling(study, table))
    found = []
    for name, (_, row) in zip(names, table.iterrows(), strict=True):
        who = f"{name}, {target(row['target'], study.outcome)}".lstrip(", ")
        ends = words.interval(words.flop(row["lower"]), words.flop(row["upper"]), share, "eti")
        missing = float(row["p_unreachable"])
        text = f"{who}: {words.flop(row['median'])}{beside(str(row.get('extrapolation', '')))} ({ends})"
        found.append(text + (f"; with {words.p_equals(missing)} no compute reaches it." if missing else "."))
    return found


def contrast(study: Study, part: ComparePart, row: pd.Series) -> str:
    """Return one contrast as a sentence.

    Examples
    --------
    ``A needs 2.1 times less compute than B ..., 90 % equal-tailed interval 1.2 to 3.4, P = 0.97``.
    """
    a, b, share = row["a"], row["b"], float(row["level"])
    p = float(row["p_a_better"])
    if part.target is None:
        return _difference(study, part, row, words.p_equals(p))
    goal = f"{target(part.target, study.outcome)}{_held(part)}"
    if not np.isfinite(p):
        return f"Neither {a} nor {b} reaches {goal} at any compute."
    text = _times_less(a, b, [float(row[c]) for c in ("median", "lower", "upper")], p, share, goal)
    lost = float(row["p_undefined"])
    return text + (
        f" (In {words.percent(lost, 0)} of the draws neither reaches it; they are left out.)" if lost else ""
    )


def _times_less(a: str, b: str, ends: list[float], p: float, share: float, goal: str) -> str:
    """Return how many times less compute one needs than the other: median, lower and upper end, P that a needs less."""
    middle, low, high = ends
    if middle < 1:  # said from the side of the one that needs less
        a, b, p = b, a, 1 - p
        middle, low, high = (1 / v if v > 0 else math.inf for v in (middle, high, low))
    times = [words.number(v) if math.isfinite(v) else "no limit" for v in (middle, low, high)]
    text = f"{a} needs {times[0]} times less compute than {b} to reach {goal}, "
    if not math.isfinite(middle):
        text = f"{a} reaches {goal}, {b} probably does not; times less compute: "
    return text + f"{words.interval(times[1], times[2], share, 'eti')}, {words.p_equals(p)} that {a} needs less."


def _difference(study: Study, part: ComparePart, row: pd.Series, p: str) -> str:
    a, b, share = row["a"], row["b"], float(row["level"])
    middle, low, high = (float(row[c]) for c in ("median", "lower", "upper"))
    if middle < 0:
        sign = -1.0
        low, high = -high, -low
    else:
        sign = 1.0
    name = study.outcome
    more = "higher" if sign > 0 else "lower"
    scale, what = (100, " points") if name == "accuracy" else (1, words.outcome_unit(study.fit.spec))
    low_text, high_text = (words.number(scale * v, 2) for v in (low, high))
    at = ", ".join(f"{k} {words.cell(v, k)}" for k, v in part.at.items())
    return (
        f"{a} has {words.number(scale * sign * middle, 2)}{what} {more} {name} than {b} at {at}{_held(part)}, "
        f"{words.interval(low_text, high_text, share, 'eti')}, {p} that {a} is better."
    )


def _held(part: ComparePart) -> str:
    held = ", ".join(str(v) for v in part.hold.values())
    path = f" along {part.tokens_per_param:g} tokens per parameter" if part.tokens_per_param else ""
    return (f" on {held}" if held else "") + path


def best(ranking: pd.DataFrame) -> str:
    """Return who ranks first, and how sure that is."""
    first = ranking.iloc[0]
    group = str(ranking.columns[0])
    lead = f"{first[group]} ranks first with {words.p_equals(float(first['p_best']))}"
    ranks = words.interval(str(first["rank_lower"]), str(first["rank_upper"]), float(first["level"]), "eti")
    text = f"{lead} (rank: {ranks}) of {len(ranking)} compared"
    if len(ranking) > 1:
        second = ranking.iloc[1]
        text += f"; next {second[group]}, first with {words.p_equals(float(second['p_best']))}"
    return text + "."
