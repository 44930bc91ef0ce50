"""Chinchilla's law for sizes counted without embeddings, which reconciles it with Kaplan's exponents."""

from __future__ import annotations

from typing import Any

from bayes_scaling.data.columns import FLOP_PER_PARAM_TOKEN
from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Constants, Input, Law, Parameter, Prior, Quantity
from bayes_scaling.laws.chinchilla import Chinchilla, chinchilla_at
from bayes_scaling.laws.optimum import minimum

COMPUTE = Input("compute", "FLOP", "training compute without embeddings, 6 N D")
SIZES = (4.0, 34.0)
"""Natural logarithms of the smallest and largest number of parameters that an optimum is looked for."""


class Reconciled(Law):
    r"""Chinchilla's law in non-embedding parameters (Pearce and Song 2024).

    Sizes are without embeddings, as Kaplan counted; the loss follows Chinchilla's law of all parameters,
    :math:`N_T = N + \omega N^{1/3}` (their fit to Chinchilla's models; the embedding of a vocabulary V at a constant
    ratio r of width to depth has :math:`\omega = V (r / 12)^{1/3}`). Sampled are the reducible losses at reference
    numbers of all parameters and of tokens, as in Chinchilla's law. The exponent of the best N in compute, counted so,
    falls from
    :math:`\beta / (\alpha / 3 + \beta)` for small models to :math:`\beta / (\alpha + \beta)` for large ones.
    """

    name = "reconciled"
    title = "Loss from parameters without embeddings and tokens (Kaplan and Chinchilla reconciled)"
    formula = r"L(N, D) = E + A\,(N + \omega N^{1/3})^{-\alpha} + B\,D^{-\beta}"
    citation = Citation("Pearce, Song", 2024, "Reconciling Kaplan and Chinchilla Scaling Laws, section 2", "2406.12907")
    use = "runs whose size is counted without embeddings; the exponent of the best size at small and at large compute"
    verified = "steplaw"
    outcome = "loss"
    inputs = (
        Input("params", "count", "parameters N without embeddings", reference=1e9),
        Input("tokens", "count", "training tokens D", reference=2e10),
    )
    parameters = (
        *Chinchilla.parameters,
        Parameter(
            "omega", "\\omega", "embedding parameters over the cube root of the others", "positive", "offset",
            Prior("lognormal", median=5e4, upper95=2e5), "count", "complete", Prior("halfnormal", upper95=0.5),
        ),
    )  # fmt: skip
    published_symbols = {**Chinchilla.published_symbols, "omega": "\\omega"}
    published = {
        "pearce2024": Constants(
            {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658, "omega": 47491.0},
            "Pearce and Song (2024), arXiv:2406.12907: omega of Chinchilla's models, the rest of Besiroglu et al.",
        ),
    }
    quantities = (
        Quantity(
            "optimal_params", "parameters without embeddings of the smallest loss at a budget", "count", (COMPUTE,),
            "Pearce and Song (2024), section 3",
        ),
        Quantity(
            "optimal_exponent", "local exponent of the best number of parameters in compute", "", (COMPUTE,),
            "Pearce and Song (2024), section 3",
        ),
    )  # fmt: skip

    def all_params(self, xp: Backend, params: Any, omega: Any) -> Any:
        """Return the parameters with embeddings of models of so many without."""
        return params + omega * xp.power(params, 1 / 3)

    def mean(
        self, xp: Backend, *, params: Any, tokens: Any, E: Any, A_ref: Any, alpha: Any, B_ref: Any, beta: Any,
        omega: Any,
    ) -> Any:  # fmt: skip
        """Return the loss in nats per token, shape ``(..., row)``."""
        own = {"E": E, "A_ref": A_ref, "alpha": alpha, "B_ref": B_ref, "beta": beta}
        return chinchilla_at(self).mean(xp, params=self.all_params(xp, params, omega), tokens=tokens, **own)

    def optimal_params(self, xp: Backend, *, compute: Any, **sampled: Any) -> Any:
        """Return the best number of parameters without embeddings at ``compute = 6 N D``, shape ``(..., row)``."""
        zero = 0.0 * (compute + sampled["omega"])

        def loss(log_n: Any) -> Any:
            n = xp.exp(log_n)
            return self.mean(xp, params=n, tokens=compute / (FLOP_PER_PARAM_TOKEN * n), **sampled)

        return xp.exp(minimum(loss, SIZES[0] + zero, SIZES[1] + zero))

    def optimal_exponent(self, xp: Backend, *, compute: Any, **sampled: Any) -> Any:
        """Return d log N* / d log C at ``compute``, shape ``(..., row)``."""
        alpha, beta, omega = sampled["alpha"], sampled["beta"], sampled["omega"]
        root = xp.power(self.optimal_params(xp, compute=compute, **sampled), 2 / 3)
        fewer = (root + omega / 9) / (root + omega / 3)
        more = (root + omega / 3) / (root + omega)
        return 1 / (1 - fewer / beta + (1 + alpha) / beta * more)

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return E, A, alpha, B, beta (all parameters and tokens in counts) and omega."""
        omega = sampled.pop("omega")
        return {**chinchilla_at(self).to_published(xp, **sampled), "omega": omega}

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from E, A, alpha, B, beta and omega."""
        omega = published.pop("omega")
        return {**chinchilla_at(self).from_published(xp, **published), "omega": omega}
