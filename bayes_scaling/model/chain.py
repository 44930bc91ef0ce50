"""The second stage of a chain: accuracy from the loss of the same runs, the `[then]` table of a card.

Two regressions on measured values: the loss of a run from its scale, and its accuracy from its measured loss. Given the
losses they share no parameter, so that the joint posterior is the product of the two, and fitting them
apart is fitting them jointly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bayes_scaling.errors import CardError, listed
from bayes_scaling.model.questions import check_points
from bayes_scaling.model.rows import group_columns
from bayes_scaling.model.spec import _KEYS, ModelSpec, known_keys, spec_from_dict


@dataclass(frozen=True)
class ThenPart:
    """Which map of accuracy in loss, and where the accuracies stand.

    Attributes
    ----------
    model : ModelSpec
        Accuracy from loss.
    errors, accuracies : dict of str to str
        Task -> column with its error, or its accuracy; none where the table has a column ``accuracy``.
    """

    model: ModelSpec
    errors: Mapping[str, str] = field(default_factory=dict)
    accuracies: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, table: Any) -> ThenPart:
        """Read the `[then]` table of a card: the keys of `[model]`, `errors` and `accuracies`."""
        known = known_keys(table, (*_KEYS, "errors", "accuracies"), "then")
        tasks = {k: known.pop(k, {}) for k in ("errors", "accuracies")}
        for key, value in tasks.items():
            if not isinstance(value, Mapping) or not all(isinstance(v, str) for v in value.values()):
                raise CardError(f'then.{key} = {value!r}; expected a table such as {{ hellaswag = "err_hellaswag" }}.')
        return cls(spec_from_dict(known), **tasks)

    def as_dict(self) -> dict[str, Any]:
        """Return the `[then]` table of a card."""
        model = {k: v for k, v in self.model.as_dict().items() if v not in ([], {})}
        tasks = {"errors": dict(self.errors), "accuracies": dict(self.accuracies)}
        return model | {k: v for k, v in tasks.items() if v}


def check_chain(loss: ModelSpec, then: ModelSpec) -> None:
    """Raise CardError where two models do not make a chain from scale to loss to accuracy."""
    if loss.outcome != "loss":
        raise CardError(f"the first stage of a chain gives loss; law {loss.law.name} describes {loss.outcome}.")
    if then.outcome != "accuracy" or "loss" not in [i.column for i in then.law.inputs]:
        raise CardError(
            f"the second stage of a chain reads loss and gives accuracy; law {then.law.name} does not. Choose "
            "loss_exponential or loss_sigmoid, or a law of your own with the input 'loss'."
        )
    others = [i.column for i in then.law.inputs if i.column not in ("loss", "chance")]
    if missing := [c for c in others if c not in [i.column for i in loss.law.inputs]]:
        raise CardError(f"the second stage reads {listed(missing)} beside the loss, which the first does not know.")
    over = then.noise.discrepancy.over
    if then.noise.discrepancy and over in ("", "loss"):
        raise CardError(
            "a departure from the map of loss must vary over a scale that is known beforehand, not over the forecast "
            'loss; write noise.discrepancy = { kind = "ou", over = "compute" }.'
        )
    if "run" in group_columns(loss) or "run" in group_columns(then):
        raise CardError("a chain has no effects of single runs: a new run has none of them.")


def check_chain_points(loss: ModelSpec, then: ModelSpec, points: Mapping[str, Any], where: str) -> None:
    """Raise CardError where points name what neither stage reads."""
    second = {"task", "chance", "n_items", *group_columns(then)} - set(group_columns(loss))
    check_points(loss, {k: v for k, v in points.items() if k not in second}, where)
    check_points(then, {k: v for k, v in points.items() if k in second}, where)
