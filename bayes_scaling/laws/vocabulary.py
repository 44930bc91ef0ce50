"""Loss of models that differ in the size of their vocabulary."""

from __future__ import annotations

from typing import Any

from bayes_scaling.data.columns import FLOP_PER_PARAM_TOKEN
from bayes_scaling.errors import CardError
from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Constants, Input, Law, Parameter, Prior, Quantity
from bayes_scaling.laws.parts import refuse_options
from bayes_scaling.laws.solve import increasing_root

_NON_VOCAB = Input("non_vocab_params", "count", "parameters outside the vocabulary N_nv", 1e9, kind="count", low=1e4)
_VOCAB = Input("vocab_params", "count", "vocabulary times width N_v = V d", reference=1e8, kind="count", low=1e3)
_EXPONENT = Prior("lognormal", median=0.35, upper95=0.7)
_SPREAD = Prior("halfnormal", upper95=0.2)

SMALLEST, LARGEST = 0.0, 60.0  # natural logarithm of the vocabulary parameters that an optimum is looked for in


class Vocabulary(Law):
    r"""Unigram-normalised loss from vocabulary, size and tokens, the third approach of Tao et al. (2024).

    Losses of different vocabularies cannot be compared. The paper subtracts that of a unigram model,
    :math:`L_u = L - L_{unigram}`, which is negative, and fits
    :math:`L_u = -E + A_1 N_{nv}^{-\alpha_1} + A_2 N_v^{-\alpha_2} + B D^{-\beta}` with :math:`\alpha_1 = \beta`; here
    both are free. Noise is that of a log loss, so a constant is added to :math:`L_u`: the column ``loss`` holds
    :math:`L_u + \text{offset}`. The option ``offset`` (7 nats unless stated) is about the loss of a unigram model, so
    that ``loss`` is about that of the model itself. Sampled is the floor of that column, :math:`\text{offset} - E`.
    """

    name = "vocabulary"
    title = "Loss from vocabulary, other parameters and tokens"
    formula = (
        r"L_u + \text{offset} = E_0 + A_1 N_{nv}^{-\alpha_1} + A_2 N_v^{-\alpha_2} + B D^{-\beta},"
        r" \quad E_0 = \text{offset} - E"
    )
    citation = Citation(
        "Tao et al.", 2024, "Scaling Laws with Vocabulary: Larger Models Deserve Larger Vocabularies, approach 3",
        "2407.13623",
    )  # fmt: skip
    use = "how large a vocabulary should be at a budget"
    outcome = "loss"
    verified = "vocab"
    offset: float = 7.0
    inputs = (_NON_VOCAB, _VOCAB, Input("tokens", "count", "training tokens D", reference=2e10))
    parameters = (
        Parameter(
            "floor", "E_0", "irreducible part of the loss column", "positive", "floor",
            Prior("lognormal", median=1.7, upper95=3.5), "nats", "partial", Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "A1_ref", "A_1 N_{nv,0}^{-\\alpha_1}", "loss due to finite size at the reference size", "positive",
            "amplitude", Prior("lognormal", median=0.4, upper95=1.2), "nats", "partial",
            Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "alpha_1", "\\alpha_1", "exponent of parameters outside the vocabulary", "positive", "exponent",
            _EXPONENT, group_sd=_SPREAD,
        ),
        Parameter(
            "A2_ref", "A_2 N_{v,0}^{-\\alpha_2}", "loss due to a finite vocabulary at the reference", "positive",
            "amplitude", Prior("lognormal", median=0.03, upper95=0.3), "nats", "partial",
            Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "alpha_2", "\\alpha_2", "exponent of vocabulary parameters", "positive", "exponent",
            Prior("lognormal", median=0.5, upper95=1.0), group_sd=_SPREAD,
        ),
        Parameter(
            "B_ref", "B D_0^{-\\beta}", "loss due to finite data at the reference tokens", "positive", "amplitude",
            Prior("lognormal", median=0.4, upper95=1.2), "nats", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter("beta", "\\beta", "exponent of tokens", "positive", "exponent", _EXPONENT, group_sd=_SPREAD),
    )  # fmt: skip
    published_symbols = {
        "E": "E", "A1": "A_1", "alpha_1": "\\alpha_1", "A2": "A_2", "alpha_2": "\\alpha_2", "B": "B", "beta": "\\beta",
    }  # fmt: skip
    published = {
        "tao2024": Constants(
            {
                "E": 5.5327846803337435, "A1": 1.8313851559554126 * 1e6**0.44660634152009615,
                "alpha_1": 0.44660634152009615, "A2": 0.19584238398665638 * 1e6**0.6707374679896795,
                "alpha_2": 0.6707374679896795, "B": 2.1241123120064955 * 1e9**0.44660634152009615,
                "beta": 0.44660634152009615,
            },
            "Tao et al. (2024), arXiv:2407.13623, optimal_Nv_predict.py of sail-sg/scaling-with-vocab",
            "there in millions of parameters and billions of tokens; fitted with tokens about 2.9 times "
            "FLOP / (6 (N_nv + N_v)), because the function of tokens per character was given V in thousands",
        ),
    }  # fmt: skip
    quantities = (
        Quantity(
            "optimal_vocab", "vocabulary with the lowest loss at this compute, size and width", "entries",
            (
                _NON_VOCAB,
                Input("embed_dim", "count", "width of the embedding d", kind="count", low=1),
                Input("compute", "FLOP", "training compute C = 6 (N_nv + N_v) D"),
            ),
            "arXiv:2407.13623, approach 3",
        ),
    )  # fmt: skip

    def with_options(self, **options: Any) -> Law:
        """Return the law for a loss column with another ``offset`` (nats, above zero)."""
        refuse_options(self.name, options, ["offset"])
        offset = options.get("offset", self.offset)
        if isinstance(offset, bool) or not isinstance(offset, int | float) or not 0 < offset < 100:
            raise CardError(f"{self.name}: offset = {offset!r}; expected nats above 0 that make every loss positive.")
        other = type(self)()
        other.offset = float(offset)
        other.options = {} if other.offset == type(self).offset else {"offset": other.offset}
        return self.carried_to(other)

    def mean(
        self, xp: Backend, *, non_vocab_params: Any, vocab_params: Any, tokens: Any, floor: Any, A1_ref: Any,
        alpha_1: Any, A2_ref: Any, alpha_2: Any, B_ref: Any, beta: Any,
    ) -> Any:  # fmt: skip
        """Return the unigram-normalised loss plus the offset, nats per token, shape ``(..., row)``."""
        at = self.reference
        size = xp.power(non_vocab_params / at["non_vocab_params"], -alpha_1)
        vocabulary = xp.power(vocab_params / at["vocab_params"], -alpha_2)
        return floor + A1_ref * size + A2_ref * vocabulary + B_ref * xp.power(tokens / at["tokens"], -beta)

    def optimal_vocab(
        self, xp: Backend, *, non_vocab_params: Any, embed_dim: Any, compute: Any, A2_ref: Any, alpha_2: Any,
        B_ref: Any, beta: Any, **others: Any,
    ) -> Any:  # fmt: skip
        """Return the entries of the vocabulary at which the loss is lowest, shape ``(..., row)``.

        More vocabulary costs tokens: :math:`D = C / (6 (N_{nv} + N_v))`. The loss has one minimum in :math:`N_v`.
        """
        log_budget = xp.log(compute / (FLOP_PER_PARAM_TOKEN * self.reference["tokens"]))
        log_gain = xp.log(alpha_2 * A2_ref) + alpha_2 * xp.log(self.reference["vocab_params"])

        def slope(log_size: Any) -> Any:
            """Return log of what another share of vocabulary costs over what it gains; it increases."""
            log_all = xp.log(non_vocab_params + xp.exp(log_size))
            log_cost = xp.log(beta * B_ref) + beta * (log_all - log_budget) + log_size - log_all
            return log_cost - log_gain + alpha_2 * log_size

        return xp.exp(increasing_root(xp, slope, SMALLEST, LARGEST)) / embed_dim

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return E, A1, alpha_1, A2, alpha_2, B, beta as in the paper (parameters and tokens in counts)."""
        at = self.reference
        return {
            "E": self.offset - sampled["floor"],
            "A1": sampled["A1_ref"] * xp.power(at["non_vocab_params"], sampled["alpha_1"]),
            "alpha_1": sampled["alpha_1"],
            "A2": sampled["A2_ref"] * xp.power(at["vocab_params"], sampled["alpha_2"]),
            "alpha_2": sampled["alpha_2"],
            "B": sampled["B_ref"] * xp.power(at["tokens"], sampled["beta"]),
            "beta": sampled["beta"],
        }

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from the paper's constants."""
        at = self.reference
        return {
            "floor": self.offset - published["E"],
            "A1_ref": published["A1"] * xp.power(at["non_vocab_params"], -published["alpha_1"]),
            "alpha_1": published["alpha_1"],
            "A2_ref": published["A2"] * xp.power(at["vocab_params"], -published["alpha_2"]),
            "alpha_2": published["alpha_2"],
            "B_ref": published["B"] * xp.power(at["tokens"], -published["beta"]),
            "beta": published["beta"],
        }
