"""The one vocabulary of column names, with meaning, unit and range.

Every table that enters the package uses these names; users map their own with
``check_runs(frame, columns={"theirs": "ours"})``. A law may declare further
columns of its own as :class:`Column` objects.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

FLOP_PER_PARAM_TOKEN = 6.0
"""Compute is this times active parameters times tokens (Kaplan et al. 2020, section 2.1)."""

KINDS = ("count", "positive", "amount", "fraction", "integer", "real", "text")


@dataclass(frozen=True)
class Column:
    """One column: its meaning, its unit and the values it may hold.

    Parameters
    ----------
    name : str
        Name of the column in a table of runs.
    meaning : str
        What the column holds, in a few words.
    unit : str
        Unit, such as ``"count"``, ``"FLOP"`` or ``"nats per token"``.
    kind : {"count", "positive", "amount", "fraction", "integer", "real", "text"}
        ``count`` and ``positive`` are above zero, ``amount`` may also be zero, ``fraction`` lies in [0, 1],
        ``integer`` is a whole number, ``real`` any number, ``text`` is a label.
    low, high : float, optional
        Smallest and largest plausible value, inclusive.
    slip : str, optional
        What to say when a value lies outside that range although its sign is
        right, which usually means another unit.

    Raises
    ------
    ValueError
        If ``kind`` is none of the seven.
    """

    name: str
    meaning: str
    unit: str
    kind: str
    low: float = -math.inf
    high: float = math.inf
    slip: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"column {self.name!r} has kind {self.kind!r}, expected one of {', '.join(KINDS)}")

    @property
    def numeric(self) -> bool:
        """Whether the column holds numbers."""
        return self.kind != "text"


_MILLIONS = "These look like millions or billions: multiply by 1e6 or 1e9"
_BILLIONS = "These look like billions or trillions: multiply by 1e9 or 1e12"
PERCENT = "These look like percent: divide by 100"
_LOSS = "These look like perplexities: pass loss_unit='perplexity'. Take out the rows of runs that diverged"

_VOCABULARY = (
    Column("family", "model family, the group that shares parameters of a law", "label", "text"),
    Column("model", "name of the model", "label", "text"),
    Column("run", "training run; rows of one run share an error", "label", "text"),
    Column("params", "parameters of the model (N)", "count", "count", low=1e4, slip=_MILLIONS),
    Column(
        "active_params",
        "parameters used per token; equal to params for a dense model",
        "count",
        "count",
        low=1e4,
        slip=_MILLIONS,
    ),
    Column(
        "matmul_params",
        "parameters that multiply activations: all but the input embedding, which is looked up",
        "count",
        "count",
        low=1e4,
        slip=_MILLIONS,
    ),
    Column("tokens", "training tokens seen, repeats included (D)", "count", "count", low=1e4, slip=_BILLIONS),
    Column("unique_tokens", "different tokens in the training data", "count", "count", low=1e4, slip=_BILLIONS),
    Column(
        "compute",
        "training compute (C), 6 * active_params * tokens",
        "FLOP",
        "positive",
        low=1e10,
        slip="These look like units of 1e18 or 1e21 FLOP: multiply by 1e18 or 1e21",
    ),
    Column("step", "optimiser step of a checkpoint", "count", "integer", low=0),
    Column("seen", "training examples or tokens seen up to a checkpoint", "count", "count"),
    Column("loss", "cross-entropy loss", "nats per token", "positive", high=20, slip=_LOSS),
    Column("data_needed", "samples that reach the performance asked for", "samples", "count"),
    Column("accuracy", "share of items answered right", "fraction", "fraction", 0, 1, PERCENT),
    Column("n_items", "items that the accuracy was measured on", "count", "integer", low=1),
    Column("chance", "accuracy of guessing", "fraction", "fraction", 0, 1, PERCENT),
    Column("averaged", "evaluations that the loss is in effect the mean of (1 if not given)", "count", "count", low=1),
    Column("averaged_span", "stretch of the scale that these lie on (0 if not given)", "decades", "amount", low=0),
    Column("averaged_scatter", "variance of their log loss about a line of their own", "1", "amount", low=0),
    Column("task", "benchmark or validation set of the outcome", "label", "text"),
    Column("protocol", "how the task was run (shots, metric)", "label", "text"),
    Column("flags", "remarks on the row, joined by ';'", "label", "text"),
)

SCALES = ("compute", "params", "tokens", "seen", "step")
"""Columns that outcomes are drawn against, the usual one first."""

COLUMNS: dict[str, Column] = {column.name: column for column in _VOCABULARY}
"""The vocabulary: name -> :class:`Column`."""

OUTCOMES = ("loss", "accuracy", "data_needed")
"""Columns that a law may describe."""


def on_log(outcome: str) -> bool:
    """Whether an outcome is modelled by its logarithm, and the smaller the better; an accuracy is not."""
    return outcome != "accuracy"


LOSS_UNITS: dict[str, str] = {
    "nats": "nats per token, the unit used throughout",
    "bits": "bits per token; times ln 2",
    "perplexity": "exp of the loss per token; its natural logarithm",
    "bits_per_byte": "bits per byte of text; times ln 2 and bytes per token",
}
"""Units of loss that are converted to nats per token on reading."""
