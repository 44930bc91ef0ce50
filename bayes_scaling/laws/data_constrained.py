"""Loss of models that see limited data several times."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Constants, Input, Law, Parameter, Prior, Quantity
from bayes_scaling.laws.chinchilla import Chinchilla, chinchilla_at, with_beta_tied
from bayes_scaling.laws.parts import refuse_rows
from bayes_scaling.laws.ties import exponent_of_data

_PARAMS, _TOKENS = Chinchilla.inputs
_UNIQUE = Input("unique_tokens", "count", "different training tokens U_D", reference=2e10)
_LARGEST = 50.0  # of log(1 + repeats): e^50 repeats are worth exactly what infinitely many are
EPOCHS = Input("epochs", "epochs", "times that the data are seen", low=1.0)


class DataConstrained(Law):
    r"""Chinchilla's law in effective parameters and tokens, equations 5 and 6 of Muennighoff et al. (2023).

    A repeated token is worth less than a new one, by :math:`e^{-R_D / R_D^*}` after :math:`R_D` repetitions
    (:math:`R_D = D / U_D - 1`); so are parameters beyond those that would be optimal for the unique tokens,
    :math:`U_N = \min(N, N_{opt}(U_D))` with :math:`\alpha A\,N_{opt}^{-\alpha} = \beta B\,U_D^{-\beta}`. With every
    token seen once and a model no larger than optimal it is Chinchilla's law. Loss never rises with epochs or size:
    runs that overfit lie outside the law. The paper has :math:`\alpha = \beta`, which here is the option ``exponents =
    "equal"`` or the prior set ``symmetric``.
    """

    name = "data_constrained"
    title = "Loss when unique data are limited and repeated"
    formula = (
        r"L = E + A\,N'^{-\alpha} + B\,D'^{-\beta}, \quad D' = U_D + U_D R_D^* (1 - e^{-R_D / R_D^*}), \quad"
        r" N' = U_N + U_N R_N^* (1 - e^{-R_N / R_N^*})"
    )
    citation = Citation("Muennighoff et al.", 2023, "Scaling Data-Constrained Language Models, eq. 5, 6", "2305.16264")
    use = "final loss of runs that repeat their data; what an epoch more is worth"
    outcome = "loss"
    verified = "datablations"
    inputs = (_PARAMS, _TOKENS, _UNIQUE)
    parameters = (
        *Chinchilla.parameters,
        Parameter(
            "R_D", "R_D^*", "repetitions after which a token is worth 1/e of a new one", "positive", "shape",
            Prior("lognormal", median=10.0, upper95=50.0), "epochs", "complete", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "R_N", "R_N^*", "excess, in optimal sizes, after which a parameter is worth 1/e of one", "positive",
            "shape", Prior("lognormal", median=5.0, upper95=50.0), "optimal sizes", "complete",
            Prior("halfnormal", upper95=0.5),
        ),
    )  # fmt: skip
    published_symbols = {**Chinchilla.published_symbols, "R_D": "R_D^*", "R_N": "R_N^*"}
    published = {
        "muennighoff2023": Constants(
            {"E": 1.87, "A": 521.0, "B": 1488.0, "alpha": 0.353, "beta": 0.353, "R_D": 15.387756, "R_N": 5.309743},
            "Muennighoff et al. (2023), arXiv:2305.16264, section 6 and appendix A",
            "A, B, E and the exponent (alpha = beta) from runs without repetition, R_D and R_N afterwards",
        ),
    }
    prior_sets = Chinchilla.prior_sets
    quantities = (
        Quantity(
            "effective_tokens", "tokens D' that the repeated data are worth", "tokens", (_TOKENS, _UNIQUE),
            "arXiv:2305.16264, eq. 5",
        ),
        Quantity(
            "effective_params", "parameters N' that the model is worth on these unique tokens", "parameters",
            (_PARAMS, _UNIQUE), "arXiv:2305.16264, eq. 6",
        ),
        Quantity(
            "epoch_value", "value of the last of these epochs over that of the first", "", (EPOCHS,),
            "arXiv:2305.16264, eq. 5",
        ),
    )  # fmt: skip

    def with_options(self, **options: Any) -> Law:
        """Return the law with its exponents tied or free, as :meth:`Chinchilla.with_options`."""
        return with_beta_tied(self, options)

    def mean(
        self, xp: Backend, *, params: Any, tokens: Any, unique_tokens: Any, E: Any, A_ref: Any, alpha: Any,
        B_ref: Any, R_D: Any, R_N: Any, beta: Any = None,
    ) -> Any:  # fmt: skip
        """Return the loss in nats per token, shape ``(..., row)``."""
        own = {"A_ref": A_ref, "alpha": alpha, "B_ref": B_ref, "beta": exponent_of_data(self, alpha, beta)}
        size = self.effective_params(xp, params=params, unique_tokens=unique_tokens, R_N=R_N, **own)
        data = self.effective_tokens(xp, tokens=tokens, unique_tokens=unique_tokens, R_D=R_D)
        return chinchilla_at(self).mean(xp, params=size, tokens=data, E=E, **own)

    def effective_tokens(self, xp: Backend, *, tokens: Any, unique_tokens: Any, R_D: Any, **others: Any) -> Any:
        """Return the effective tokens D', shape ``(..., row)``: at most ``unique_tokens * (1 + R_D)``."""
        return unique_tokens * worth(xp, xp.log(tokens / unique_tokens), R_D)

    def effective_params(
        self, xp: Backend, *, params: Any, unique_tokens: Any, A_ref: Any, alpha: Any, B_ref: Any, R_N: Any,
        beta: Any = None, **others: Any,
    ) -> Any:  # fmt: skip
        """Return the effective parameters N', shape ``(..., row)``."""
        beta = exponent_of_data(self, alpha, beta)
        log_size = xp.log(params / self.reference["params"])
        log_data = xp.log(unique_tokens / self.reference["tokens"])
        # In logarithms: the optimum itself overflows where alpha is near 0.
        optimal = (xp.log(alpha * A_ref) - xp.log(beta * B_ref) + beta * log_data) / alpha
        base = xp.minimum(log_size, optimal)
        return self.reference["params"] * xp.exp(base + xp.log(worth(xp, log_size - base, R_N)))

    def epoch_value(self, xp: Backend, *, epochs: Any, R_D: Any, **others: Any) -> Any:
        """Return what the last of so many epochs adds to the effective tokens, in unique tokens, shape (..., row)."""
        before = xp.log(xp.maximum(epochs - 1, 1.0))
        return worth(xp, xp.log(epochs), R_D) - xp.where(epochs < 2, epochs - 1, worth(xp, before, R_D))

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return the paper's constants (N and D in counts)."""
        own = {**sampled, "beta": exponent_of_data(self, sampled["alpha"], sampled.get("beta"))}
        return {**chinchilla_at(self).to_published(xp, **own), "R_D": sampled["R_D"], "R_N": sampled["R_N"]}

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from the paper's constants."""
        return {**chinchilla_at(self).from_published(xp, **published), "R_D": published["R_D"], "R_N": published["R_N"]}

    def check_values(self, frame: Any) -> None:
        """Raise DataError where more tokens are unique than were seen."""
        wrong = frame["unique_tokens"] > frame["tokens"] * (1 + 1e-9)  # a product of epochs may be rounded
        refuse_rows(self.name, frame[wrong], ("unique_tokens", "tokens"), "unique tokens among those seen, at most all")

    def example(self, rows: int = 24) -> dict[str, list[float]]:
        """Return values with 1 to 64 epochs of the unique tokens."""
        found = super().example(rows)
        epochs = [2 ** (6 * (i % 8) / 7) for i in range(rows)]
        return {**found, "tokens": [u * e for u, e in zip(found["unique_tokens"], epochs, strict=True)]}


def worth(xp: Backend, log_times: Any, scale: Any) -> Any:
    """Return what so many times a unit (as a logarithm, at least 0) is worth, in units, with repeats that decay."""
    repeats = xp.expm1(xp.minimum(xp.maximum(log_times, 0.0), _LARGEST))
    return 1 - scale * xp.expm1(-repeats / scale)
