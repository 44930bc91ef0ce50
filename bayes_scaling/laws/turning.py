"""Accuracy that turns with scale: U-shaped, inverted U, inverse or plain."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import SCALE_UNIT, Citation, Input, Law, Parameter, Prior, Quantity

_TINY = 1e-300
_SHARE = Prior("logitnormal", median=0.5, upper95=0.8)


class Turning(Law):
    r"""Accuracy with two ordered transitions between three levels, which may rise or fall each.

    Wei et al. (2022, arXiv:2211.02011) explain U-shaped scaling by a distractor task, which middling models learn, and
    the true task, which larger ones learn after it; McKenzie et al. (2023, arXiv:2306.09479) find inverse, U-shaped and
    inverted-U curves. Neither states a formula: this one is the package's, the plainest with that mechanism. The first
    transition goes from ``start`` to ``middle``, the second from there to ``end``; the second lies a positive distance
    beyond the first, so that the two cannot change places. Where both go the same way the curve does not turn; with the
    first transition below or the second beyond all models it is a plain or an inverse sigmoid.
    """

    name = "turning"
    title = "Accuracy that may turn with scale (U-shaped, inverted U, inverse)"
    formula = (
        r"acc(N) = a_0\,(1 - \sigma_1) + a_1\,(\sigma_1 - \sigma_2) + a_2\,\sigma_2, \quad"
        r" \sigma_i = \sigma\left(k\,(\log_{10} N - x_i)\right),\; x_2 = x_1 + g,\; g > 0"
    )
    citation = Citation(
        "Wei, Kim, Tay, Le", 2022, "Inverse scaling can become U-shaped (mechanism; the formula is the package's)",
        "2211.02011",
    )  # fmt: skip
    use = "whether the accuracy of a task turns with scale, and where"
    outcome = "accuracy"
    verified = "inverse"
    inputs = (Input("scale", "count", "the scale N", reference=1e9, column="params"),)
    parameters = (
        Parameter(
            "start", "a_0", "accuracy far below the first transition", "unit", "floor", _SHARE, "fraction", "partial",
            Prior("halfnormal", upper95=1.0),
        ),
        Parameter(
            "middle", "a_1", "accuracy between the transitions", "unit", "shape", _SHARE, "fraction", "partial",
            Prior("halfnormal", upper95=1.5),
        ),
        Parameter(
            "end", "a_2", "accuracy far beyond the second transition", "unit", "ceiling", _SHARE, "fraction", "partial",
            Prior("halfnormal", upper95=1.5),
        ),
        Parameter(
            "first", "x_1 - \\log_{10} N_0", "place of the first transition from the reference scale", "real", "offset",
            Prior("normal", mean=0.0, sd=1.0), "decades", "partial", Prior("halfnormal", upper95=1.0),
        ),
        Parameter(
            "gap", "g", "distance of the second transition from the first", "positive", "offset",
            Prior("lognormal", median=1.5, upper95=4.0), "decades", "complete", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "slope", "k", "log-odds of both transitions per decade", "positive", "slope",
            Prior("lognormal", median=4.0, upper95=12.0), "log-odds per decade", "complete",
            Prior("halfnormal", upper95=0.5),
        ),
    )  # fmt: skip
    quantities = (
        Quantity(
            "turning_scale", "scale at which accuracy turns; infinite where it never does", SCALE_UNIT,
            (), "where the derivative of the formula is zero",
        ),
        Quantity("shape", "1 for a U, -1 for an inverted U, 0 where accuracy does not turn", "", (), "the same"),
    )  # fmt: skip

    def mean(
        self, xp: Backend, *, scale: Any, start: Any, middle: Any, end: Any, first: Any, gap: Any, slope: Any
    ) -> Any:
        """Return the accuracy as a fraction, shape ``(..., row)``."""
        beyond = xp.log10(scale / self.reference["scale"]) - first
        one, two = xp.sigmoid(slope * beyond), xp.sigmoid(slope * (beyond - gap))
        return start * (1 - one) + middle * (one - two) + end * two

    @staticmethod
    def _turn(xp: Backend, start: Any, middle: Any, end: Any, gap: Any, slope: Any) -> tuple[Any, Any]:
        r"""Return whether the curve turns, and the log-odds of the first transition there.

        The slopes of the transitions balance where their ratio :math:`(1 + a g)^2 / (g (1 + a)^2)`, with a the odds of
        the first and :math:`g = e^{-k\,gap}`, is that of the second step to the first: at one place a or at none.
        """
        up, on = middle - start, end - middle
        log_g = -slope * gap
        log_q = (xp.log(xp.maximum(abs(on), _TINY)) - xp.log(xp.maximum(abs(up), _TINY)) + log_g) / 2
        turns = (up * on < 0) & (log_q < 0) & (log_q > log_g)
        log_q = xp.where(turns, log_q, log_g / 2)
        return turns, xp.log(-xp.expm1(log_q)) - log_q - xp.log(-xp.expm1(log_g - log_q))

    def turning_scale(
        self, xp: Backend, *, start: Any, middle: Any, end: Any, first: Any, gap: Any, slope: Any, **others: Any
    ) -> Any:
        """Return the scale at which accuracy turns, shape ``(..., row)``."""
        turns, log_odds = self._turn(xp, start, middle, end, gap, slope)
        return xp.where(turns, self.reference["scale"] * xp.exp10(first + log_odds / slope), float("inf"))

    def shape(self, xp: Backend, *, start: Any, middle: Any, end: Any, gap: Any, slope: Any, **others: Any) -> Any:
        """Return 1 for a U, -1 for an inverted U, 0 where accuracy does not turn, shape ``(..., row)``."""
        turns, _ = self._turn(xp, start, middle, end, gap, slope)
        return xp.where(turns, xp.where(middle < start, 1.0, -1.0), 0.0)
