"""Loss along training of models that differ in the size of their vocabulary, from the first checkpoints on."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Input, Law, Parameter, Prior, Quantity
from bayes_scaling.laws.optimum import minimum

LARGEST = 100.0  # e-folds of the start: a model that knows nothing yet, not an overflow
SMALLEST_LOG, LARGEST_LOG = -5.0, 8.0  # e-folds about the reference that the best vocabulary is looked for in
_SIZE = Input("non_vocab_params", "count", "parameters outside the vocabulary N_nv", 1e9, kind="count", low=1e4)
_VOCAB = Input("vocab_size", "entries", "vocabulary V", reference=16384.0, kind="count", low=2, spread=10.0)
_TEXT = Input("characters", "count", "training characters H", reference=1e11, kind="count")
_SPREAD = Prior("halfnormal", upper95=0.2)


class VocabularyCurve(Law):
    r"""Unigram-normalised loss from a start, where nothing is learnt, to a floor that depends on the vocabulary.

    The terms of Tao et al. (2024) hold late in training. Here their sum x is saturated, :math:`x / (1 + x)`, so that
    the first checkpoints stay finite; the vocabulary acts on how fast text is learnt and, by a square in its logarithm
    about a best one that grows with size, on where learning ends. As in ``vocabulary`` a constant must be added to the
    loss to make it positive. Saturation and square are ours.
    """

    name = "vocabulary_curve"
    title = "Loss along training from vocabulary, other parameters and characters"
    formula = (
        r"L_u + \text{offset} = E_0 + s \frac{x}{1 + x} + c\,(v - v^*)^2,\quad"
        r" x = A N_{nv}^{-\alpha} + B H^{-\beta} N_{nv}^{\delta} e^{g_1 v + g_2 v^2},\;"
        r" v = \ln \frac{V}{V_0},\; v^* = v_0 + k \ln N_{nv}"
    )
    citation = Citation(
        "Tao et al.", 2024,
        "Scaling Laws with Vocabulary: Larger Models Deserve Larger Vocabularies, for the runs; the form is of this "
        "package", "2407.13623",
    )  # fmt: skip
    use = "loss at larger vocabularies than were trained, at any checkpoint"
    outcome = "loss"
    verified = "vocab"
    inputs = (_SIZE, _VOCAB, _TEXT)
    parameters = (
        Parameter(
            "floor", "E_0", "irreducible part of the loss column at the best vocabulary", "positive", "floor",
            Prior("lognormal", median=1.7, upper95=3.5), "nats", "partial", Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "span", "s", "loss of a model that knows nothing, over the floor", "positive", "ceiling",
            Prior("lognormal", median=6.0, upper95=10.0), "nats", "partial", Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "A_ref", "A N_{nv,0}^{-\\alpha}", "share of that due to finite size at the reference", "positive",
            "amplitude", Prior("lognormal", median=0.07, upper95=0.3), "", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "alpha", "\\alpha", "exponent of parameters outside the vocabulary", "positive", "exponent",
            Prior("lognormal", median=0.35, upper95=0.7), group_sd=_SPREAD,
        ),
        Parameter(
            "B_ref", "B H_0^{-\\beta}", "share of that due to finite text at the reference", "positive", "amplitude",
            Prior("lognormal", median=0.03, upper95=0.3), "", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "beta", "\\beta", "exponent of characters", "positive", "exponent",
            Prior("lognormal", median=0.6, upper95=1.5), group_sd=_SPREAD,
        ),
        Parameter(
            "beta_size", "\\delta", "exponent of size in the term of text", "real", "exponent",
            Prior("normal", mean=0.0, sd=0.3), group_sd=_SPREAD,
        ),
        Parameter(
            "learn", "g_1", "exponent of the vocabulary in the term of text", "real", "exponent",
            Prior("normal", mean=0.2, sd=0.3), group_sd=_SPREAD,
        ),
        Parameter(
            "learn_curve", "g_2", "its curvature", "real", "shape", Prior("normal", mean=0.0, sd=0.1), group_sd=_SPREAD,
        ),
        Parameter(
            "curve", "c", "curvature in the logarithm of the vocabulary", "positive", "slope",
            Prior("lognormal", median=0.03, upper95=0.15), "nats", group_sd=Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "best_ref", "V_0 e^{v_0}", "best vocabulary after endless training at the reference size", "positive",
            "offset", Prior("lognormal", median=3e4, upper95=3e5), "entries", group_sd=Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "best_size", "k", "exponent of size in it", "real", "exponent", Prior("normal", mean=0.3, sd=0.3),
            group_sd=_SPREAD,
        ),
    )  # fmt: skip
    quantities = (
        Quantity("best_vocab", "vocabulary of the lowest loss on so much text", "entries", (_SIZE, _TEXT), "the form"),
    )  # fmt: skip

    def mean(
        self, xp: Backend, *, non_vocab_params: Any, vocab_size: Any, characters: Any, floor: Any, span: Any,
        A_ref: Any, alpha: Any, B_ref: Any, beta: Any, beta_size: Any, learn: Any, learn_curve: Any, curve: Any,
        best_ref: Any, best_size: Any,
    ) -> Any:  # fmt: skip
        """Return the unigram-normalised loss plus the offset, nats per token, shape ``(..., row)``."""
        at = self.reference
        size, text = xp.log(non_vocab_params / at["non_vocab_params"]), xp.log(characters / at["characters"])
        entries = xp.log(vocab_size / at["vocab_size"])
        log_text = xp.log(B_ref) - beta * text + beta_size * size + learn * entries + learn_curve * entries**2
        left = xp.sigmoid(xp.minimum(xp.logaddexp(xp.log(A_ref) - alpha * size, log_text), LARGEST))
        off = xp.log(vocab_size) - xp.log(best_ref) - best_size * size
        return floor + span * left + curve * off**2

    def best_vocab(self, xp: Backend, *, non_vocab_params: Any, characters: Any, **sampled: Any) -> Any:
        """Return the vocabulary at which the loss is lowest, shape ``(..., row)``: searched for, in 110 to 5e7."""

        def loss(entries: Any) -> Any:
            vocab_size = self.reference["vocab_size"] * xp.exp(entries)
            return self.mean(
                xp, non_vocab_params=non_vocab_params, vocab_size=vocab_size, characters=characters, **sampled
            )

        zero = 0.0 * loss(0.0)
        found = minimum(loss, zero + SMALLEST_LOG, zero + LARGEST_LOG, points=27, width=1e-4)
        return self.reference["vocab_size"] * xp.exp(found)
