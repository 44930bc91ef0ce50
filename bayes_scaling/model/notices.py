"""What a fit tells of its rows: sentences on what is used but doubtful, and on what is lost."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayes_scaling.data import compute_ratio, has_flag
from bayes_scaling.errors import listed
from bayes_scaling.model.gathered import AVERAGED, average_notice
from bayes_scaling.model.spec import ModelSpec


def lost_families(spec: ModelSpec, checked: pd.DataFrame, kept: np.ndarray) -> list[str]:
    """Return a sentence about families with evaluations of which no row is used; they cannot be forecast as fitted.

    Parameters
    ----------
    checked : DataFrame
        All rows.
    kept : ndarray of bool, shape (row,)
        Which of them the model uses.
    """
    if "family" not in spec.groups or not {"family", spec.outcome} <= set(checked.columns):
        return []
    meant = checked[spec.outcome].notna() | has_flag(checked, ["empty_family"])
    lost = sorted(set(checked.loc[meant, "family"].dropna().astype(str)) - set(checked.loc[kept, "family"].astype(str)))
    if not lost:
        return []
    many = len(lost) > 1
    return [
        f"{len(lost)} famil{'ies have' if many else 'y has'} no row that is used ({listed(lost, 6)}): no "
        f"{spec.outcome}, or left out. {'They are' if many else 'It is'} not in this fit."
    ]


def flag_notices(spec: ModelSpec, frame: pd.DataFrame) -> list[str]:
    """Return sentences about rows that are used but flagged."""
    notices = []
    off = has_flag(frame, ["compute_mismatch"])
    if off.any():
        factor = float(compute_ratio(frame)[off].median())
        notices.append(
            f"{int(off.sum())} of {len(frame)} rows have a compute that is not 6 x params x tokens but, in the median, "
            f"{factor:.4g} times that; they are used as they are. Check the unit of compute (FLOP)."
        )
    below = int(has_flag(frame, ["below_chance"]).sum())
    if spec.outcome == "accuracy" and below:
        notices.append(f"{below} of {len(frame)} rows lie below chance; they are used (scatter at the floor).")
    lone = has_flag(frame, ["single_model_benchmark"])
    if lone.any():
        named = listed(frame.loc[lone, "task"].unique(), 6)
        notices.append(f"benchmarks scored on one model: {named}; what is said of them rests on the priors.")
    means = average_notice(frame)
    if means and spec.outcome == "accuracy":
        means = f"column {AVERAGED} says nothing of accuracy; let n_items count the questions of all evaluations."
    notices += [means] if means else []
    if "family" in spec.groups:
        unit = "run" if "run" in frame.columns else None
        sizes = frame.groupby("family")[unit].nunique() if unit else frame.groupby("family").size()
        single = sizes[sizes == 1]
        if len(single):
            notices.append(
                f"{len(single)} of {len(sizes)} families have one run ({listed(single.index, 4)}); "
                "their effects rest on the population."
            )
    return notices
