"""Translation quality after fine-tuning, from the tokens of pre-training."""

from __future__ import annotations

from typing import Any

from bayes_scaling.errors import DataError
from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Input, Law, Parameter, Prior, Quantity

_TOKENS = Input("tokens", "count", "pre-training tokens D_p", reference=1e9)
_TARGET = Input("accuracy", "fraction", "BLEU / 100 to reach", low=0.001, high=0.999)
POINTS = 100.0
"""Points of BLEU in the column ``accuracy`` of 1."""
SMALLEST = 1e-6
"""Where the paper's form ends, at A D^alpha = 1: the base of the power over that at the reference is held at this."""
LARGEST_LOG = 600.0


class Bleu(Law):
    r"""BLEU of a fine-tuned model as a power of the logarithm of pre-training data, the log-law of Isik et al. (2024).

    BLEU, a score between 0 and 100 points, is read as a fraction from the column ``accuracy``. It is no share of items:
    ``n_items`` stays empty and the noise is a beta distribution. Rows differ in pre-training data alone; give a task or
    the size of its fine-tuning data as a group. The paper finds the law where pre-training and task are
    aligned well; elsewhere BLEU fluctuates or falls with more data, which this law cannot do. Its law of the downstream
    cross-entropy, :math:`L = E + A D_p^{-\alpha}`, is law ``m2`` with ``inputs = { scale = "tokens" }``.

    Sampled are what can be judged: the score at the reference tokens, :math:`q_0`, its relative gain per e-fold of
    tokens there, :math:`g`, and :math:`\beta`: :math:`q = q_0 (1 + (g / \beta) \log(D_p / D_0))^\beta`. Few tokens,
    where :math:`A D_p^\alpha` is below 1 and the paper's form ends, give a score of 0; the form passes 100 points at
    some size of data, and is held there.
    """

    name = "bleu"
    title = "Translation quality (BLEU) from pre-training tokens (log-law)"
    formula = r"f(D_p) = \left(\log(A\,D_p^{\alpha})\right)^{\beta}"
    citation = Citation(
        "Isik et al.",
        2024,
        "Scaling Laws for Downstream Task Performance of Large Language Models, log-law",
        "2402.04177",
    )
    use = "what more pre-training data bring to a fine-tuned translation model"
    outcome = "accuracy"
    noise = {"observation": "beta"}
    inputs = (_TOKENS,)
    parameters = (
        Parameter(
            "level", "q_0", "score at the reference tokens (BLEU / 100)", "unit", "offset",
            Prior("logitnormal", median=0.25, upper95=0.5), "fraction", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "gain", "g", "relative gain of the score per e-fold of tokens there", "positive", "slope",
            Prior("lognormal", median=0.05, upper95=0.2), "", "partial", Prior("halfnormal", upper95=0.7),
        ),
        Parameter(
            "beta", "\\beta", "power of the logarithm", "positive", "shape",
            Prior("lognormal", median=1.0, upper95=3.0), "", "complete", Prior("halfnormal", upper95=0.5),
        ),
    )  # fmt: skip
    published_symbols = {"log_A": "\\log A", "alpha": "\\alpha", "beta": "\\beta"}
    quantities = (
        Quantity(
            "doubling_gain", "points of BLEU that twice the pre-training tokens bring", "points", (_TOKENS,),
            "arXiv:2402.04177, the log-law",
        ),
        Quantity(
            "tokens_needed", "pre-training tokens at which a score is reached", "tokens", (_TARGET,),
            "arXiv:2402.04177, the log-law solved for D_p",
        ),
    )  # fmt: skip

    def check_table(self, frame: Any) -> None:
        """Raise DataError where rows count items: BLEU is no share of items."""
        if "n_items" in frame.columns and frame["n_items"].notna().any():
            counted = int(frame["n_items"].notna().sum())
            raise DataError(
                f"law bleu: found n_items in {counted} of {len(frame)} rows; expected none, since BLEU is no share of "
                "items. Leave the column out; for a share of right answers choose another law."
            )

    def mean(self, xp: Backend, *, tokens: Any, level: Any, gain: Any, beta: Any) -> Any:
        """Return BLEU / 100, shape ``(..., row)``."""
        ratio = 1 + gain / beta * xp.log(tokens / self.reference["tokens"])
        log_score = xp.log(level) + beta * xp.log(xp.maximum(ratio, SMALLEST))
        return xp.exp(xp.minimum(log_score, 0.0))

    def doubling_gain(self, xp: Backend, *, tokens: Any, **sampled: Any) -> Any:
        """Return the points of BLEU that twice the tokens bring, shape ``(..., row)``."""
        return POINTS * (self.mean(xp, tokens=2 * tokens, **sampled) - self.mean(xp, tokens=tokens, **sampled))

    def tokens_needed(self, xp: Backend, *, accuracy: Any, level: Any, gain: Any, beta: Any) -> Any:
        """Return the tokens at which a score is reached, shape ``(..., row)``; inf beyond any number."""
        efolds = beta / gain * xp.expm1(xp.minimum((xp.log(accuracy) - xp.log(level)) / beta, LARGEST_LOG))
        needed = self.reference["tokens"] * xp.exp(xp.minimum(efolds, LARGEST_LOG))
        return xp.where(efolds < LARGEST_LOG, needed, float("inf"))

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return log A, alpha and beta of BLEU in points (D_p in counts); A itself may be beyond any number."""
        level, beta = sampled["level"], sampled["beta"]
        root = xp.power(POINTS * level, 1 / beta)
        alpha = sampled["gain"] / beta * root
        return {"log_A": root - alpha * xp.log(self.reference["tokens"]), "alpha": alpha, "beta": beta}

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from log A, alpha and beta."""
        alpha, beta = published["alpha"], published["beta"]
        root = published["log_A"] + alpha * xp.log(self.reference["tokens"])
        return {"level": xp.power(root, beta) / POINTS, "gain": beta * alpha / root, "beta": beta}
