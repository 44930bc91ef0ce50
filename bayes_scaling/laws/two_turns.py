"""Loss of a task that larger models first answer better, then fall for, then master."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Input, Law, Parameter, Prior, Quantity

_COMPUTE = Input("compute", "FLOP", "training compute C", reference=1e21)


class TwoTurns(Law):
    r"""Four levels of a task's loss and three ordered transitions between them, in log compute.

    Wu and Lo (2024) find that performance on a task's easy questions follows an inverted U and improves steadily after
    it: the loss (a Brier score, 0 best) falls, rises and falls. We read this as shortcuts that work, larger models that
    fall for what is wrong with them, and models that know. The share of each state is a difference of logistic curves
    of one width whose midpoints are ordered by their distances, so that chains cannot exchange the transitions. Where
    the two turns have not begun, their places are the prior's, a decade apart: a forecast beyond the data is then that
    of tasks in general. The form is ours; the paper fits polynomials.
    """

    name = "two_turns"
    title = "Loss of a task that turns twice with scale: better, worse, better"
    formula = (
        r"L(C) = \sum_{j=0}^{3} b_j (\sigma_j - \sigma_{j+1}),\quad \sigma_j ="
        r" \operatorname{sigmoid}\frac{\log_{10} (C / C_j)}{w},\; \sigma_0 = 1,\; \sigma_4 = 0,\;"
        r" C_1 = C_s,\; C_2 = C_1 10^{g_1},\; C_3 = C_2 10^{g_2}"
    )
    citation = Citation(
        "Wu and Lo", 2024,
        "U-shaped and Inverted-U Scaling behind Emergent Abilities of Large Language Models, for the shape; the form "
        "is of this package", "2410.01692",
    )  # fmt: skip
    use = "a task on which larger models do worse before they do better: where it turns, and whether it has"
    outcome = "loss"
    outcome_unit = ""  # any loss: an error rate, a Brier score, a cross-entropy
    verified = "emergence"
    inputs = (_COMPUTE,)
    parameters = (
        Parameter(
            "guessing", "b_0", "loss of the smallest models", "positive", "ceiling",
            Prior("lognormal", median=0.6, upper95=1.2), "", "partial", Prior("halfnormal", upper95=0.7),
        ),
        Parameter(
            "shortcut", "b_1", "loss where shortcuts work", "positive", "amplitude",
            Prior("lognormal", median=0.3, upper95=0.8), "", "partial", Prior("halfnormal", upper95=1.0),
        ),
        Parameter(
            "trapped", "b_2", "loss where models fall for what is wrong with them", "positive", "amplitude",
            Prior("lognormal", median=0.4, upper95=0.8), "", "partial", Prior("halfnormal", upper95=0.7),
        ),
        Parameter(
            "mastered", "b_3", "loss where the task is mastered", "positive", "floor",
            Prior("lognormal", median=0.03, upper95=0.15), "", "partial", Prior("halfnormal", upper95=1.0),
        ),
        Parameter(
            "first", "C_s / C_0", "where shortcuts set in, over the reference compute", "positive", "offset",
            Prior("lognormal", median=0.3, upper95=10.0), "", "partial", Prior("halfnormal", upper95=2.0),
        ),
        Parameter(
            "to_trap", "g_1", "decades from there to the turn for the worse", "positive", "offset",
            Prior("lognormal", median=1.0, upper95=2.5), "decades", "partial", Prior("halfnormal", upper95=0.7),
        ),
        Parameter(
            "to_mastery", "g_2", "decades from there to the turn for the better", "positive", "offset",
            Prior("lognormal", median=1.0, upper95=2.5), "decades", "partial", Prior("halfnormal", upper95=0.7),
        ),
        Parameter(
            "width", "w", "width of a transition", "positive", "shape",
            Prior("lognormal", median=0.3, upper95=0.8), "decades", "complete", Prior("halfnormal", upper95=0.5),
        ),
    )  # fmt: skip
    quantities = (
        Quantity("first_turn", "compute at which half of the fall for the worse is done", "FLOP", source="the form"),
        Quantity("second_turn", "compute at which half of the way to mastery is done", "FLOP", source="the form"),
    )

    def mean(
        self, xp: Backend, *, compute: Any, guessing: Any, shortcut: Any, trapped: Any, mastered: Any, first: Any,
        to_trap: Any, to_mastery: Any, width: Any,
    ) -> Any:  # fmt: skip
        """Return the loss in units of the outcome, shape ``(..., row)``."""
        decades = xp.log10(compute / self.reference["compute"]) - xp.log10(first)
        known = xp.sigmoid(decades / width)
        fallen = xp.sigmoid((decades - to_trap) / width)
        done = xp.sigmoid((decades - to_trap - to_mastery) / width)
        early = guessing * (1 - known) + shortcut * (known - fallen)
        return early + trapped * (fallen - done) + mastered * done

    def first_turn(self, xp: Backend, *, first: Any, to_trap: Any, **others: Any) -> Any:
        """Return the compute in the middle of the turn for the worse, shape ``(..., row)``."""
        return self.reference["compute"] * first * xp.exp10(to_trap)

    def second_turn(self, xp: Backend, *, first: Any, to_trap: Any, to_mastery: Any, **others: Any) -> Any:
        """Return the compute in the middle of the turn for the better, shape ``(..., row)``."""
        return self.reference["compute"] * first * xp.exp10(to_trap + to_mastery)
