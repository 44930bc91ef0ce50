"""Loss on a language of models that are trained on several."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Input, Law, Parameter, Prior, Quantity
from bayes_scaling.laws.chinchilla import Chinchilla, chinchilla_at

TARGET = Input(
    "tokens", "count", "training tokens D_t of the language of the loss", reference=2e10, column="target_tokens",
    kind="count", spread=30.0,
)  # fmt: skip
_LANGUAGES = Input("languages", "count", "languages K in training", kind="integer", low=1.0)
_TIMES = Input("times", "count", "how many times as many languages, r", kind="positive")
_WHERE = "arXiv:2510.22037, section 5"


class Languages(Law):
    r"""Chinchilla's law with K languages in training, section 5 of Longpre et al. (2025, ATLAS).

    A model of K languages has less room for each, :math:`\phi > 0`, and needs fewer tokens of each where languages
    help one another, :math:`\psi < 0`; the paper finds 0.11 and -0.04. With one language it is Chinchilla's law.
    Languages have equal shares of the tokens, and are not told apart: which ones help is the law ``transfer``. Loss is
    kept, with r times as many languages, by :math:`r^{\phi / \alpha}` times the parameters and :math:`r^{1 + \psi /
    \beta}` times the tokens of all languages, which leave both terms as they are.
    """

    name = "languages"
    title = "Loss from size, tokens and number of languages (ATLAS)"
    formula = r"L(K, N, D_t) = E + A\,K^{\phi} N^{-\alpha} + B\,K^{\psi} D_t^{-\beta}"
    citation = Citation(
        "Longpre et al.", 2025,
        "ATLAS: Adaptive Transfer Scaling Laws for Multilingual Pretraining, Finetuning, and Decoding the Curse of "
        "Multilinguality, section 5", "2510.22037",
    )  # fmt: skip
    use = "loss of multilingual models; parameters and tokens that more languages take"
    outcome = "loss"
    inputs = (Chinchilla.inputs[0], TARGET, _LANGUAGES)
    parameters = (
        *Chinchilla.parameters,
        Parameter(
            "phi", "\\phi", "exponent of languages in the loss due to finite size", "real", "exponent",
            Prior("normal", mean=0.1, sd=0.1), group_sd=Prior("halfnormal", upper95=0.1),
        ),
        Parameter(
            "psi", "\\psi", "exponent of languages in the loss due to finite data", "real", "exponent",
            Prior("normal", mean=0.0, sd=0.1), group_sd=Prior("halfnormal", upper95=0.1),
        ),
    )  # fmt: skip
    published_symbols = {**Chinchilla.published_symbols, "phi": "\\phi", "psi": "\\psi"}
    quantities = (
        Quantity("size_factor", "parameters, times those before, that keep the loss", "times", (_TIMES,), _WHERE),
        Quantity("tokens_factor", "tokens of all languages, times those before", "times", (_TIMES,), _WHERE),
        Quantity("compute_factor", "compute, times that before, for both", "times", (_TIMES,), _WHERE),
    )

    def mean(
        self, xp: Backend, *, params: Any, tokens: Any, languages: Any, E: Any, A_ref: Any, alpha: Any, B_ref: Any,
        beta: Any, phi: Any, psi: Any,
    ) -> Any:  # fmt: skip
        """Return the loss in nats per token, shape ``(..., row)``."""
        size, data = A_ref * xp.power(languages, phi), B_ref * xp.power(languages, psi)
        return chinchilla_at(self).mean(
            xp, params=params, tokens=tokens, E=E, A_ref=size, alpha=alpha, B_ref=data, beta=beta
        )

    def size_factor(self, xp: Backend, *, times: Any, alpha: Any, phi: Any, **others: Any) -> Any:
        """Return by how much parameters grow with `times` as many languages, shape ``(..., row)``."""
        return xp.power(times, phi / alpha)

    def tokens_factor(self, xp: Backend, *, times: Any, beta: Any, psi: Any, **others: Any) -> Any:
        """Return by how much the tokens of all languages together grow, shape ``(..., row)``."""
        return xp.power(times, 1 + psi / beta)

    def compute_factor(self, xp: Backend, *, times: Any, **sampled: Any) -> Any:
        """Return by how much compute grows, shape ``(..., row)``."""
        return self.size_factor(xp, times=times, **sampled) * self.tokens_factor(xp, times=times, **sampled)

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return the paper's constants (N and D_t in counts)."""
        return {**chinchilla_at(self).to_published(xp, **sampled), "phi": sampled["phi"], "psi": sampled["psi"]}

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from the paper's constants."""
        return {**chinchilla_at(self).from_published(xp, **published), "phi": published["phi"], "psi": published["psi"]}

    def example(self, rows: int = 24) -> dict[str, list[float]]:
        """Return values with 1, 4, 16 and 64 languages."""
        return {**super().example(rows), "languages": [float(4 ** (i % 4)) for i in range(rows)]}
