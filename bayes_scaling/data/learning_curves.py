"""Loader of the 92 learning curves (Alabdulmohsin et al. 2022, arXiv:2209.06640), and what their rows are.

Rows of image classification (IC) to be fitted, and all rows of BIG-bench (BB), are means of evaluations at even
distances, taken in bins of one ratio; upstream gives the lower edge of a bin as its position. That follows from
the positions alone, and where errors are counts of images (ImageNet, CIFAR) the means show it too. Before that, the
evaluations were made to fall by isotonic regression (in BB those of fitted and later rows, each by themselves).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayes_scaling.data.averages import evaluations, fallen, pooled
from bayes_scaling.data.flags import add_flag
from bayes_scaling.data.registry import dataset, fetch
from bayes_scaling.data.validate import check_runs

SPACING = {"IC": 4.096e6, "BB": 2.62144e9}
"""Examples (IC) or tokens (BB) between two evaluations."""


def load_curves() -> pd.DataFrame:
    """Load the 92 learning curves of Alabdulmohsin et al. (2022, arXiv:2209.06640).

    Returns
    -------
    pandas.DataFrame
        19595 points, ordered by curve and upstream's position: family (the domain: BB, IC, LM, NMT), task and model
        (upstream's names), dataset (the task without its number of shots), run (the curve: ``family/task/model``),
        seen, loss (an error rate or a normalised loss, not nats), ``training`` (True where a point may be fitted; the
        others are the later part of the curve), ``averaged`` (evaluations that the row is in effect the mean of, see
        :func:`~bayes_scaling.data.averages.fallen`) and ``seen_upstream``. Copies of points, three of each in LM, are
        left out.

        ``seen`` is the mean position of the evaluations of a row; upstream gives the lower edge of their bin. Rows to
        be fitted were made to fall: neighbours of one value are one mean. The first of them stands for it; the others
        keep upstream's position and are flagged ``pooled``: leave these out of a fit.
    """
    files = [fetch("curves", file.path) for file in dataset("curves").files]
    raw = pd.concat([pd.read_csv(path) for path in files]).drop_duplicates()
    frame = pd.DataFrame(
        {
            "family": raw["Domain"],
            "task": raw["Task"],
            "model": raw["Model"],
            "dataset": raw["Task"].str.replace(r"_\d+$|', '\d+-shot'\)$|^\('", "", regex=True),
            "run": raw["Domain"] + "/" + raw["Task"] + "/" + raw["Model"],
            "seen_upstream": raw["Seen Examples"],
            "loss": raw["Loss"],
            "training": raw["Training"] == 1,
        }
    )
    frame = _with_means(frame.sort_values(["run", "seen_upstream"], ignore_index=True))
    return check_runs(frame, require=("family", "task", "model", "run", "seen", "loss"))


def _with_means(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with positions and numbers of the evaluations that rows are means of."""
    frame = frame.assign(seen=frame["seen_upstream"].astype(float), averaged=1.0)
    again = pd.Series(False, index=frame.index)
    smoothed = frame[frame["family"].isin(list(SPACING))]
    for (domain, _, training), part in smoothed.groupby(["family", "run", "training"]):
        if domain == "IC" and not training:
            continue
        spacing, loss = SPACING[str(domain)], part["loss"].to_numpy(dtype=float)
        count, seen = evaluations(part["seen_upstream"].to_numpy(dtype=float), spacing)
        chosen = part.index
        if training:
            first, seen, count = pooled(seen, loss, count)
            count = fallen(seen, loss[first], count, spacing)
            chosen = part.index[first]
            again[part.index.difference(chosen)] = True
        frame.loc[chosen, ["seen", "averaged"]] = np.column_stack([seen, count])
    return add_flag(frame, again, "pooled")
