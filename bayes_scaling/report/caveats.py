"""What would change the conclusion, and how far effects are identified: sentences made from facts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayes_scaling.check import predictive_table
from bayes_scaling.compare import identification
from bayes_scaling.data.columns import SCALES
from bayes_scaling.errors import listed
from bayes_scaling.forecasts import Forecast
from bayes_scaling.forecasts.scales import outside_note
from bayes_scaling.forecasts.words import counted
from bayes_scaling.report import words
from bayes_scaling.report.study import Study

PRIOR_BOUND = 0.7
CONFOUNDED = 0.8


def caveats(study: Study) -> list[str]:
    """Return what limits the conclusions of a study, the gravest first."""
    failed = sum(1 for c in study.diagnosis.checks if not c.ok and c.severity == "fail")  # these come first
    found = [
        f"{'A check that makes the fit unusable failed' if i < failed else 'A check warned'}: {problem}"
        for i, problem in enumerate(study.diagnosis.problems)
    ]
    found += [*_extrapolation(study), *_prior_bound(study), *_calibration(study), *_pareto(study)]
    found += [*_single(study), *_protocol(study)]
    if not study.fit.spec.noise.discrepancy:
        found.append(
            "The model has no law discrepancy: intervals hold if the formula holds at every scale. "
            "Far beyond the data they are too narrow."
        )
    return found


def distances(study: Study) -> pd.DataFrame:
    """Return how far each forecast point lies beyond the fitted runs.

    Returns
    -------
    DataFrame
        ``where``, ``times`` (scale over the largest fitted one), ``own_times`` (over the largest
        fitted of the same family), for every point of every forecast.
    """
    rows = []
    frame = study.fit.frame
    for _, answer in study.forecasts:
        if not isinstance(answer, Forecast):
            continue
        for _, point in answer.points.iterrows():
            for scale in [s for s in (study.scale, *SCALES) if s in point and s in frame][:1]:
                own = frame[frame["family"] == point["family"]] if "family" in point and "family" in frame else frame
                largest = float(own[scale].max()) if len(own) else np.nan
                rows.append(
                    {"where": words.point(point, study.outcome, study.groups),
                     "times": float(point[scale] / frame[scale].max()), "own_times": float(point[scale] / largest)}
                )  # fmt: skip
    return pd.DataFrame(rows, columns=["where", "times", "own_times"])


def _extrapolation(study: Study) -> list[str]:
    table = distances(study)
    beyond = table[(table["times"] > 1) | (table["own_times"] > 1)]
    if beyond.empty:
        where = [text for _, answer in study.forecasts for text in answer.extrapolation if isinstance(answer, Forecast)]
        note = outside_note(where)
        return [f"{note}. A run there is what would test it."] if note else []
    far = beyond.assign(most=beyond["own_times"].fillna(beyond["times"])).sort_values("most").iloc[-1]
    text = (
        f"{len(beyond)} of {counted(len(table), 'forecast point')} {'lies' if len(beyond) == 1 else 'lie'} "
        f"beyond the fitted runs. The farthest ({far['where']}) has {words.number(far['most'], 2)} times the largest "
        f"fitted {study.scale}"
    )
    of_family = far["most"] != far["times"]  # else it names no family, a new one, or that of the largest run
    text += f" of its family ({words.number(far['times'], 2)} times that of all runs). " if of_family else ". "
    return [text + "A run at that scale is what would test it."]


def _prior_bound(study: Study) -> list[str]:
    found = []
    meanings = {p.name: p.meaning for p in study.fit.spec.parameters()}
    for name, ratio in study.prior_ratio.items():
        if ratio > PRIOR_BOUND:
            meaning = meanings[name]
            width = words.percent(min(ratio, 9.99), 0)
            found.append(
                f"The data say little about {name} ({meaning}): its posterior is {width} as wide as its prior. "
                "Another prior would move what rests on it."
            )
    return found


def _calibration(study: Study) -> list[str]:
    row = predictive_table(study.replicates).iloc[0]
    n, share, nominal = int(row["n"]), float(row["coverage"]), float(row["level"])
    error = np.sqrt(nominal * (1 - nominal) / n)
    fresh = bool(study.fit.spec.noise.discrepancy) and share > nominal  # replicates depart anew from a fitted law
    if abs(share - nominal) < 3 * error or fresh:
        return []
    way = "too narrow" if share < nominal else "too wide"
    return [
        f"The {words.level(nominal)} posterior predictive intervals hold {words.percent(share)} of the {n} fitted "
        f"rows: they look {way}."
    ]


def _pareto(study: Study) -> list[str]:
    head = study.loo.table.iloc[0]
    if not head["bad_k"]:
        return []
    worst = study.loo.pointwise.sort_values("pareto_k", ascending=False)["unit"].head(3)
    names = listed([str(w).replace("|", " ") for w in worst])
    return [
        f"{head['bad_k']} of {head['units']} {head['unit']}s have Pareto k above {head['good_k']:.2f} (worst: "
        f"{names}): the model leans on them, and leave-one-out is not reliable there. Check these figures first."
        + (f" {study.loo.note[0].upper()}{study.loo.note[1:]}." if study.loo.note else "")
    ]


def _single(study: Study) -> list[str]:
    frame = study.fit.frame
    if "family" not in study.groups:
        return []
    unit = "run" if "run" in frame.columns else None
    sizes = frame.groupby("family")[unit].nunique() if unit else frame.groupby("family").size()
    single = sizes[sizes == 1]
    if single.empty:
        return []
    return [
        f"{len(single)} of {len(sizes)} families rest on one run ({listed(single.index, 6)}): what is said of them "
        "is mostly the population. A second run of each would change it."
    ]


def _protocol(study: Study) -> list[str]:
    return [s for s in identified(study) if "protocol" in s.split(":")[0] or "cannot be told" in s]


def identified(study: Study) -> list[str]:
    """Return, per parameter and group, how far its effects are identified, in words."""
    table = identification(study.fit)
    found = []
    for row in table.to_dict("records"):
        ratio = float(row["ratio"])
        state = "well identified" if ratio < 0.4 else "partly identified" if ratio < CONFOUNDED else "hardly identified"
        text = (
            f"Effects of {words.group(str(row['group']))} on {row['parameter']}: {state}. The posterior sd of an "
            f"effect is {words.percent(ratio, 0)} of the learned sd between its {row['levels']} levels"
        )
        if ratio >= CONFOUNDED:
            text += (
                "; they cannot be told from other effects, for example a protocol that only one family uses"
                if len(study.groups) > 1
                else "; a level's own rows say little about it, which rests on the population"
            )
        found.append(text + ".")
    return found + _nested(study)


def _nested(study: Study) -> list[str]:
    """Count the families of which all rows have one protocol: there, the two are confounded."""
    frame = study.fit.frame
    if not {"family", "protocol"} <= set(study.groups):
        return []
    within = ["family", "task"] if "task" in frame else ["family"]
    kinds = frame.groupby(within)["protocol"].nunique()
    alone = int((kinds == 1).sum())
    return [
        f"Family and protocol: in {alone} of {len(kinds)} pairs of family and task every row was measured with one "
        "protocol, so the family's and the protocol's part are told apart only through other families that used it."
    ]
