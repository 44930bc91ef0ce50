"""Kaplan's joint law: loss from parameters and tokens, without a floor."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Constants, Input, Law, Parameter, Prior, PublishedAllocation
from bayes_scaling.laws.theories import intrinsic_dimension, ties
from bayes_scaling.laws.ties import exponent_of_data, in_symbols, tied

_RATIOS = {"free": r"\alpha_N / \alpha_D", "equal": "1", "quanta": r"1 + \alpha_N"}


def _formula(tie: str) -> str:
    of_data = in_symbols(tie, r"\alpha_N", r"\alpha_D")
    return rf"L(N, D) = \left[(N_c / N)^{{{_RATIOS[tie]}}} + D_c / D\right]^{{{of_data}}}"


class Kaplan(Law):
    r"""Joint law in size and data, equation 1.5 of Kaplan et al. (2020).

    Sampled are the two limits of the law at the reference point,
    :math:`L_N = (N_c / N_0)^{\alpha_N}` (unlimited data) and
    :math:`L_D = (D_c / D_0)^{\alpha_D}` (unlimited size), which can be judged in nats. Option ``exponents`` ties
    :math:`\alpha_D` to :math:`\alpha_N` as that of ``chinchilla``.
    """

    name = "kaplan"
    title = "Loss from parameters and tokens (Kaplan)"
    formula = _formula("free")
    citation = Citation("Kaplan et al.", 2020, "Scaling Laws for Neural Language Models, eq. 1.5", "2001.08361")
    use = "the law before Chinchilla, for comparison; no irreducible loss"
    outcome = "loss"
    inputs = (
        Input("params", "count", "parameters N (the paper: without embeddings)", reference=1e9),
        Input("tokens", "count", "training tokens D", reference=2e10),
    )
    parameters = (
        Parameter(
            "L_N", "(N_c/N_0)^{\\alpha_N}", "loss at the reference size with unlimited data", "positive", "amplitude",
            Prior("lognormal", median=2.3, upper95=4.0), "nats", "partial", Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "alpha_N", "\\alpha_N", "exponent of parameters", "positive", "exponent",
            Prior("lognormal", median=0.08, upper95=0.2), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "L_D", "(D_c/D_0)^{\\alpha_D}", "loss at the reference tokens with unlimited size", "positive", "amplitude",
            Prior("lognormal", median=2.0, upper95=4.0), "nats", "partial", Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "alpha_D", "\\alpha_D", "exponent of tokens", "positive", "exponent",
            Prior("lognormal", median=0.1, upper95=0.3), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.2),
        ),
    )  # fmt: skip
    published_symbols = {"N_c": "N_c", "alpha_N": "\\alpha_N", "D_c": "D_c", "alpha_D": "\\alpha_D"}
    published = {
        "kaplan2020": Constants(
            {"N_c": 6.4e13, "alpha_N": 0.076, "D_c": 1.8e13, "alpha_D": 0.103},
            "Kaplan et al. (2020), arXiv:2001.08361, Table 2",
            "non-embedding parameters, WebText2",
        ),
    }
    prior_sets = {
        "intrinsic_dimension": intrinsic_dimension("both exponents are about 4 / d", alpha_N=1.0, alpha_D=1.0),
        **ties("alpha_N", "alpha_D"),
    }
    published_allocations = {
        "kaplan": PublishedAllocation(
            1.3e9, 0.73, 8.64e19, "Kaplan et al. (2020), arXiv:2001.08361, Table 6 and Figure 14",
            "non-embedding parameters; compute in PF-days as they estimate it for small batches",
        ),
    }  # fmt: skip

    def with_options(self, **options: Any) -> Law:
        """Return the law with its exponents tied or free, as :func:`bayes_scaling.laws.ties.tied`."""
        return tied(self, "alpha_D", options, _formula)

    def mean(
        self, xp: Backend, *, params: Any, tokens: Any, L_N: Any, alpha_N: Any, L_D: Any, alpha_D: Any = None
    ) -> Any:
        """Return the loss in nats per token, shape ``(..., row)``."""
        alpha_D = exponent_of_data(self, alpha_N, alpha_D)
        log_size = xp.log(L_N) - alpha_N * xp.log(params / self.reference["params"])
        log_data = xp.log(L_D) - alpha_D * xp.log(tokens / self.reference["tokens"])
        return xp.exp(alpha_D * xp.logaddexp(log_size / alpha_D, log_data / alpha_D))

    def allocation(self, xp: Backend, *, product: Any, **sampled: Any) -> dict[str, Any]:
        r"""Return the size at which the law is smallest for a given N D: its derivative set to zero.

        In units of the reference point :math:`n = (r (L_N / L_D)^{1/\alpha_D} p)^{1/(1 + r)}` with
        :math:`r = \alpha_N / \alpha_D` and p = N D / (N_0 D_0). The paper's own rule (N with C^0.73) is another: it
        comes from runs that stop early.
        """
        p = product / (self.reference["params"] * self.reference["tokens"])
        alpha_D = exponent_of_data(self, sampled["alpha_N"], sampled.get("alpha_D"))
        r = sampled["alpha_N"] / alpha_D
        balance = (xp.log(sampled["L_N"]) - xp.log(sampled["L_D"])) / alpha_D
        n = xp.exp((xp.log(r) + balance + xp.log(p)) / (1 + r))
        return {"params": self.reference["params"] * n, "exponent": 1 / (1 + r)}

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return N_c, alpha_N, D_c, alpha_D as in the paper."""
        alpha_D = exponent_of_data(self, sampled["alpha_N"], sampled.get("alpha_D"))
        return {
            "N_c": self.reference["params"] * xp.power(sampled["L_N"], 1 / sampled["alpha_N"]),
            "alpha_N": sampled["alpha_N"],
            "D_c": self.reference["tokens"] * xp.power(sampled["L_D"], 1 / alpha_D),
            "alpha_D": alpha_D,
        }

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from N_c, alpha_N, D_c, alpha_D."""
        return {
            "L_N": xp.power(published["N_c"] / self.reference["params"], published["alpha_N"]),
            "alpha_N": published["alpha_N"],
            "L_D": xp.power(published["D_c"] / self.reference["tokens"], published["alpha_D"]),
            "alpha_D": published["alpha_D"],
        }
