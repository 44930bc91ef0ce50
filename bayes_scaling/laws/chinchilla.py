"""Chinchilla's law: loss from parameters and training tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Constants, Input, Law, Parameter, Prior
from bayes_scaling.laws.theories import intrinsic_dimension, one_half, superposition, ties
from bayes_scaling.laws.ties import exponent_of_data, in_symbols, tied


class Chinchilla(Law):
    r"""Loss as a floor and two power laws, equation 2 of Hoffmann et al. (2022).

    Sampled are the two reducible losses at the reference point,
    :math:`A_{ref} = A N_0^{-\alpha}` and :math:`B_{ref} = B D_0^{-\beta}`, which can be judged
    in nats; ``A`` and ``B`` follow from them.

    Option ``exponents``: ``free``, or without a parameter :math:`\beta` of its own: ``equal``
    (:math:`\beta = \alpha`) and ``quanta`` (:math:`\beta = \alpha / (1 + \alpha)`, Michaud et al. 2023).
    """

    name = "chinchilla"
    title = "Loss from parameters and tokens (Chinchilla)"
    formula = r"L(N, D) = E + A\,N^{-\alpha} + B\,D^{-\beta}"
    citation = Citation("Hoffmann et al.", 2022, "Training Compute-Optimal Large Language Models, eq. 2", "2203.15556")
    use = "final loss of runs that differ in size and training tokens"
    outcome = "loss"
    verified = "chinchilla"
    inputs = (
        Input("params", "count", "parameters N", reference=1e9),
        Input("tokens", "count", "training tokens D", reference=2e10),
    )
    parameters: tuple[Parameter, ...] = (
        Parameter(
            "E", "E", "irreducible loss", "positive", "floor",
            Prior("lognormal", median=1.7, upper95=2.6), "nats", "partial", Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "A_ref", "A N_0^{-\\alpha}", "loss due to finite size at the reference size", "positive", "amplitude",
            Prior("lognormal", median=0.4, upper95=1.2), "nats", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "alpha", "\\alpha", "exponent of parameters", "positive", "exponent",
            Prior("lognormal", median=0.35, upper95=0.7), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "B_ref", "B D_0^{-\\beta}", "loss due to finite data at the reference tokens", "positive", "amplitude",
            Prior("lognormal", median=0.4, upper95=1.2), "nats", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "beta", "\\beta", "exponent of tokens", "positive", "exponent",
            Prior("lognormal", median=0.35, upper95=0.7), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.2),
        ),
    )  # fmt: skip
    published_symbols = {"E": "E", "A": "A", "alpha": "\\alpha", "B": "B", "beta": "\\beta"}
    published = {
        "hoffmann2022": Constants(
            {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28},
            "Hoffmann et al. (2022), arXiv:2203.15556, eq. 10 (approach 3)",
            "rounded in the paper; disagrees with its approaches 1 and 2",
        ),
        "besiroglu2024": Constants(
            {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658},
            "Besiroglu et al. (2024), arXiv:2404.10102",
            "240 of the 245 points read from Figure 4 of Hoffmann et al.",
        ),
    }
    prior_sets = {
        "intrinsic_dimension": intrinsic_dimension("both exponents are about 4 / d", alpha=1.0, beta=1.0),
        "superposition": superposition("alpha is", alpha=1.0),
        "one_half": one_half("both exponents are about 1/2 (of tokens at most)", alpha=1.0, beta=1.0),
        **ties("alpha", "beta", ", so that the best split scales both in proportion"),
    }

    def with_options(self, **options: Any) -> Law:
        """Return the law with its exponents ``free``, ``equal`` or tied as those of ``quanta``.

        Raises
        ------
        CardError
            Unknown option or value.
        """
        return with_beta_tied(self, options)

    def mean(
        self, xp: Backend, *, params: Any, tokens: Any, E: Any, A_ref: Any, alpha: Any, B_ref: Any, beta: Any = None
    ) -> Any:
        """Return the loss in nats per token, shape ``(..., row)``."""
        size = xp.power(params / self.reference["params"], -alpha)
        data = xp.power(tokens / self.reference["tokens"], -exponent_of_data(self, alpha, beta))
        return E + A_ref * size + B_ref * data

    def allocation(self, xp: Backend, *, product: Any, **sampled: Any) -> dict[str, Any]:
        r"""Return the compute-optimal size, equation 4 of Hoffmann et al. (2022).

        In units of the reference point :math:`n = (\alpha A_{ref} / \beta B_{ref})^{1/(\alpha + \beta)}
        p^{\beta/(\alpha + \beta)}` with p = N D / (N_0 D_0).
        """
        alpha, beta = sampled["alpha"], exponent_of_data(self, sampled["alpha"], sampled.get("beta"))
        p = product / (self.reference["params"] * self.reference["tokens"])
        balance = xp.log(alpha * sampled["A_ref"]) - xp.log(beta * sampled["B_ref"])
        n = xp.exp((balance + beta * xp.log(p)) / (alpha + beta))
        return {"params": self.reference["params"] * n, "exponent": beta / (alpha + beta)}

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return E, A, alpha, B, beta as in the paper (N and D in counts)."""
        beta = exponent_of_data(self, sampled["alpha"], sampled.get("beta"))
        return {
            "E": sampled["E"],
            "A": sampled["A_ref"] * xp.power(self.reference["params"], sampled["alpha"]),
            "alpha": sampled["alpha"],
            "B": sampled["B_ref"] * xp.power(self.reference["tokens"], beta),
            "beta": beta,
        }

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from E, A, alpha, B, beta."""
        return {
            "E": published["E"],
            "A_ref": published["A"] * xp.power(self.reference["params"], -published["alpha"]),
            "alpha": published["alpha"],
            "B_ref": published["B"] * xp.power(self.reference["tokens"], -published["beta"]),
            "beta": published["beta"],
        }


def with_beta_tied(law: Law, options: Mapping[str, Any]) -> Law:
    """Return a law with Chinchilla's exponents and its option for them; as :func:`bayes_scaling.laws.ties.tied`."""
    formula = type(law).formula
    return tied(law, "beta", options, lambda tie: formula.replace(r"\beta", in_symbols(tie, r"\alpha", r"\beta")))


def chinchilla_at(law: Law) -> Chinchilla:
    """Return Chinchilla's law at the reference size and tokens of another law, of which it is a part."""
    part = Chinchilla()
    part.reference = {name: law.reference[name] for name in part.reference}
    return part
