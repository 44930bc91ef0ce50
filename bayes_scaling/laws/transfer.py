"""Loss on a language that learns from others, with data that are repeated."""

from __future__ import annotations

from typing import Any

from bayes_scaling.errors import CardError, listed
from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Input, Law, Parameter, Prior, Quantity
from bayes_scaling.laws.chinchilla import Chinchilla, chinchilla_at
from bayes_scaling.laws.data_constrained import worth
from bayes_scaling.laws.languages import TARGET
from bayes_scaling.laws.parts import distinct_names, refuse_options

LANGUAGES = ("other",)
_UNIQUE = Input(
    "unique", "count", "different tokens U_t of the language of the loss", reference=2e10, column="target_unique",
    kind="count", spread=10.0,
)  # fmt: skip
_PARAMS = Chinchilla.inputs[0]
_WHICH = Input("language", "rank", "position of the language in the option, from 1", kind="integer", low=1.0)


def _data(languages: tuple[str, ...]) -> tuple[Input, ...]:
    """Return seen and different tokens of the target and of every other language."""
    found = [TARGET, _UNIQUE]
    for name in languages:
        found += [
            Input(f"d_{name}", "count", f"training tokens of {name}, 0 where there are none", kind="amount", low=0.0),
            Input(f"u_{name}", "count", f"different tokens of {name} that there are", kind="count", low=1.0),
        ]
    return tuple(found)


def _parameters(languages: tuple[str, ...]) -> tuple[Parameter, ...]:
    """Return Chinchilla's parameters, the decay of repeats and what a token of each language is worth."""
    decay = Parameter(
        "R", "1 / \\lambda", "repetitions after which a token is worth 1/e of a new one", "positive", "shape",
        Prior("lognormal", median=5.0, upper95=30.0), "epochs", group_sd=Prior("halfnormal", upper95=0.5),
    )  # fmt: skip
    value = [
        Parameter(
            f"tau_{name}", f"\\tau_{{{name}}}", f"tokens of the target that a token of {name} is worth", "positive",
            "slope", Prior("lognormal", median=0.1, upper95=0.8), group_sd=Prior("halfnormal", upper95=0.5),
        )
        for name in languages
    ]  # fmt: skip
    return (*Chinchilla.parameters, decay, *value)


def _quantities(languages: tuple[str, ...]) -> tuple[Quantity, ...]:
    """Return what the law is used for."""
    return (
        Quantity(
            "effective_tokens", "new tokens of the target that all the data are worth", "tokens", _data(languages),
            "arXiv:2510.22037, section 3",
        ),
        Quantity(
            "repeat_until", "epochs of the target after which a new token of the language is worth more", "epochs",
            (_WHICH,), "arXiv:2510.22037, section 3",
        ),
    )  # fmt: skip


class Transfer(Law):
    r"""Chinchilla's law in effective tokens of a target language, section 3 of Longpre et al. (2025, ATLAS).

    Effective are the target's own tokens and :math:`\tau_i` of those of other languages, each source with repeats that
    decay, by the rate :math:`\lambda` that all share: up to one epoch :math:`S_\lambda(D; U) = D`, beyond it
    :math:`U [1 + (1 - e^{-\lambda (D / U - 1)}) / \lambda]`. With the target alone and no repeats it is Chinchilla's
    law. Languages help or do nothing here (:math:`\tau_i > 0`): where one harms, effective tokens could be negative,
    and the law has no loss.

    Option ``languages``: names of the other languages; columns ``d_NAME`` and ``u_NAME`` hold their tokens, seen and
    different. Languages that are not told apart may be one of them, ``other``.
    """

    name = "transfer"
    title = "Loss on a language from its own and other languages' tokens (ATLAS)"
    formula = (
        r"L = E + A\,N^{-\alpha} + B\,D_{eff}^{-\beta}, \quad"
        r" D_{eff} = S_\lambda(D_t; U_t) + \sum_i \tau_i\, S_\lambda(D_i; U_i)"
    )
    citation = Citation(
        "Longpre et al.", 2025,
        "ATLAS: Adaptive Transfer Scaling Laws for Multilingual Pretraining, Finetuning, and Decoding the Curse of "
        "Multilinguality, section 3", "2510.22037",
    )  # fmt: skip
    use = "loss on a language of a multilingual model; what tokens of other languages are worth to it"
    outcome = "loss"
    languages: tuple[str, ...] = LANGUAGES
    inputs = (_PARAMS, *_data(LANGUAGES))
    parameters = _parameters(LANGUAGES)
    quantities = _quantities(LANGUAGES)

    def with_options(self, **options: Any) -> Law:
        """Return the law with other languages beside the target.

        Raises
        ------
        CardError
            Unknown option, no language, names that repeat.
        """
        refuse_options(self.name, options, ["languages"])
        names = distinct_names(self.name, "languages", options.get("languages", self.languages))
        other = type(self)()
        other.languages = names
        other.options = {} if names == LANGUAGES else {"languages": list(names)}
        other.inputs = (_PARAMS, *_data(other.languages))
        other.declared = other.inputs
        other.parameters, other.quantities = _parameters(other.languages), _quantities(other.languages)
        return self.carried_to(other)

    def mean(
        self, xp: Backend, *, params: Any, tokens: Any, unique: Any, E: Any, A_ref: Any, alpha: Any, B_ref: Any,
        beta: Any, R: Any, **values: Any,
    ) -> Any:  # fmt: skip
        """Return the loss in nats per token, shape ``(..., row)``."""
        data = self.effective_tokens(xp, tokens=tokens, unique=unique, R=R, **values)
        return chinchilla_at(self).mean(
            xp, params=params, tokens=data, E=E, A_ref=A_ref, alpha=alpha, B_ref=B_ref, beta=beta
        )

    def effective_tokens(self, xp: Backend, *, tokens: Any, unique: Any, R: Any, **values: Any) -> Any:
        """Return new tokens of the target that the data are worth, shape ``(..., row)``."""
        found = _saturated(xp, tokens, unique, R)
        for name in self.languages:
            found = found + values[f"tau_{name}"] * _saturated(xp, values[f"d_{name}"], values[f"u_{name}"], R)
        return found

    def repeat_until(self, xp: Backend, *, language: Any, R: Any, **values: Any) -> Any:
        """Return the epochs of the target at which one token more is worth a new one of a language, shape (..., row).

        One, where that is worth more than a new token of the target.

        Raises
        ------
        CardError
            A position beyond the last language.
        """
        import numpy as np

        if np.max(language) > len(self.languages):
            raise CardError(
                f"{self.name}: repeat_until of language {np.max(language):g}; it has {listed(self.languages)}."
            )
        value = sum((language == i) * values[f"tau_{n}"] for i, n in enumerate(self.languages, 1))
        return 1 + xp.maximum(-R * xp.log(value), 0.0)

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return the paper's constants (N and D in counts)."""
        found = {**chinchilla_at(self).to_published(xp, **sampled), "lambda": 1 / sampled["R"]}
        return found | {f"tau_{n}": sampled[f"tau_{n}"] for n in self.languages}

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from the paper's constants."""
        found = {**chinchilla_at(self).from_published(xp, **published), "R": 1 / published["lambda"]}
        return found | {f"tau_{n}": published[f"tau_{n}"] for n in self.languages}

    def example(self, rows: int = 24) -> dict[str, list[float]]:
        """Return the target alone, with every other language and with all of them, in turn, some of it repeated."""
        found, count = super().example(rows), len(self.languages)
        for i, name in enumerate(self.languages):
            chosen = [turn % (count + 2) in (i + 1, count + 1) for turn in range(rows)]
            found[f"d_{name}"] = [8 * d * c for d, c in zip(found["target_tokens"], chosen, strict=True)]
            found[f"u_{name}"] = [1e11] * rows
        return found


def _saturated(xp: Backend, tokens: Any, unique: Any, repeats: Any) -> Any:
    """Return what tokens are worth that are drawn from so many different ones, in new tokens."""
    epochs = xp.log(xp.maximum(tokens / unique, 1.0))
    return xp.minimum(tokens, unique) * worth(xp, epochs, repeats)
