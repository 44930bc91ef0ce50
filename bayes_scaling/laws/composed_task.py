"""A task with two answers that is made of a gradual and a sudden one, such as questions with a negation."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import SCALE_UNIT, Citation, Input, Law, Parameter, Prior, Quantity
from bayes_scaling.laws.optimum import minimum


class ComposedTask(Law):
    r"""Accuracy at questions with a negation: answering, linear in the log scale, and understanding "not", a sigmoid.

    A question with two answers comes out right where both parts succeed or both fail: :math:`t_1 t_2 + (1 - t_1)(1 -
    t_2)`, the composition in the authors' simulation of Figure 5 (yuhui-zh15/NeQA, ``simulation/task_decompose.py``)
    of Zhang et al. (2023). While negation is not understood, better answering makes it worse (inverse scaling); beyond
    the transition it helps, which gives a U, or plain scaling where the transition comes early. The line is held
    between 1/2, guessing, and 1.
    """

    name = "composed_task"
    title = "Accuracy of a task composed of a linear and a sigmoid one (NeQA)"
    formula = (
        r"acc = t_1 t_2 + (1 - t_1)(1 - t_2), \quad t_1 = u + v \log_{10}(N / N_0),\;"
        r" t_2 = \sigma\left(k\,(\log_{10}(N / N_0) - x)\right)"
    )
    citation = Citation(
        "Zhang et al.", 2023, "Beyond Positive Scaling: How Negation Impacts Scaling Trends of Language Models",
        "2305.17311",
    )  # fmt: skip
    use = "inverse, U-shaped or plain scaling of a task whose second part is learned late; where accuracy turns"
    outcome = "accuracy"
    inputs = (Input("scale", "count", "the scale N", reference=1e9, column="params"),)
    parameters = (
        Parameter(
            "answering", "u", "accuracy of the first part at the reference scale", "unit", "amplitude",
            Prior("logitnormal", median=0.7, upper95=0.9), "fraction", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "gain", "v", "accuracy of the first part gained per decade", "positive", "slope",
            Prior("lognormal", median=0.07, upper95=0.2), "fraction per decade", "complete",
            Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "transition", "x", "place of the transition of the second part from the reference scale", "real", "offset",
            Prior("normal", mean=1.0, sd=1.5), "decades", "partial", Prior("halfnormal", upper95=1.0),
        ),
        Parameter(
            "slope", "k", "log-odds of the second part per decade", "positive", "slope",
            Prior("lognormal", median=3.0, upper95=10.0), "log-odds per decade", "complete",
            Prior("halfnormal", upper95=0.5),
        ),
    )  # fmt: skip
    quantities = (
        Quantity(
            "turning_scale", "scale with the lowest accuracy; infinite where it never falls", SCALE_UNIT,
            (), "lowest point of the formula",
        ),
    )  # fmt: skip

    def mean(self, xp: Backend, *, scale: Any, answering: Any, gain: Any, transition: Any, slope: Any) -> Any:
        """Return the accuracy as a fraction, shape ``(..., row)``."""
        decades = xp.log10(scale / self.reference["scale"])
        return self._composed(xp, decades, answering, gain, transition, slope)

    @staticmethod
    def _composed(xp: Backend, decades: Any, answering: Any, gain: Any, transition: Any, slope: Any) -> Any:
        """Return the accuracy at decades from the reference scale."""
        answered = xp.minimum(xp.maximum(answering + gain * decades, 0.5), 1.0)
        understood = xp.sigmoid(slope * (decades - transition))
        return answered * understood + (1 - answered) * (1 - understood)

    def turning_scale(
        self, xp: Backend, *, answering: Any, gain: Any, transition: Any, slope: Any, **others: Any
    ) -> Any:
        """Return the scale with the lowest accuracy, shape ``(..., row)``.

        It lies between where the first part leaves guessing, from where on accuracy falls, and the transition, beyond
        which it rises.
        """

        def accuracy(decades: Any) -> Any:
            return self._composed(xp, decades, answering, gain, transition, slope)

        high = transition + 0.0 * (answering + gain + slope)
        leaves = (0.5 - answering) / gain + 0.0 * high
        lowest = minimum(accuracy, xp.minimum(leaves, high), high)
        return xp.where(leaves < high, self.reference["scale"] * xp.exp10(lowest), float("inf"))
