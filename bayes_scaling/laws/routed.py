"""Loss of models that route each token to one of several experts."""

from __future__ import annotations

import math
from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Constants, Input, Law, Parameter, Prior, Quantity

_PARAMS = Input("active_params", "count", "parameters N that a token sees: those of the dense model", reference=1e9)
_EXPERTS = Input("experts", "experts", "experts per routed layer E, 1 for a dense model", kind="integer", low=1)
LARGEST = 600.0  # e-folds: what lies beyond any size is a number, not an overflow
_SOURCE = "Clark et al. (2022), arXiv:2202.01169, fit of equation 1"
_NOTE = "rounded to three decimals, which moves losses by up to 4 percent"


class Routed(Law):
    r"""Loss bilinear in log size and log experts, equations 1 and 2 of Clark et al. (2022) (decimal logarithms).

    Experts saturate: :math:`\hat E` runs from :math:`E_{start}` for a dense model to :math:`E_{max}`. The term in both
    logarithms makes routing help less the larger the model is, until it stops. Sampled are the dense loss and exponent
    at the reference size, the exponent of experts there, :math:`\gamma = -(b + c \log N_0)`, and :math:`c`.
    There is no floor: the law is one of models like those that were fitted.
    """

    name = "routed"
    title = "Loss from size and number of experts (routing)"
    formula = (
        r"\log L = a \log N + b \log \hat E + c \log N \log \hat E + d, \quad"
        r" \frac{1}{\hat E} = \frac{1}{E - 1 + (E_{start}^{-1} - E_{max}^{-1})^{-1}} + \frac{1}{E_{max}}"
    )
    citation = Citation("Clark et al.", 2022, "Unified Scaling Laws for Routed Language Models, eq. 1, 2", "2202.01169")
    use = (
        "loss of mixtures of experts; the dense model that they are worth, and the size at which routing stops helping"
    )
    outcome = "loss"
    verified = "routing"
    inputs = (_PARAMS, _EXPERTS)
    parameters = (
        Parameter(
            "L_ref", "L(N_0, 1)", "loss of the dense model at the reference size", "positive", "amplitude",
            Prior("lognormal", median=2.5, upper95=4.0), "nats", "partial", Prior("halfnormal", upper95=0.1),
        ),
        Parameter(
            "alpha", "-(a + c \\log E_{start})", "exponent of the size of dense models", "positive", "exponent",
            Prior("lognormal", median=0.07, upper95=0.2), group_sd=Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "gamma", "-(b + c \\log N_0)", "exponent of experts at the reference size", "real", "exponent",
            Prior("normal", mean=0.03, sd=0.05), group_sd=Prior("halfnormal", upper95=0.05),
        ),
        Parameter(
            "c", "c", "exponent of experts that is lost per tenfold size", "positive", "slope",
            Prior("lognormal", median=0.01, upper95=0.05), group_sd=Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "E_start", "E_{start}", "experts below which more of them bring little", "positive", "offset",
            Prior("lognormal", median=2.0, upper95=8.0), "experts", group_sd=Prior("halfnormal", upper95=0.7),
        ),
        Parameter(
            "span", "E_{max} / E_{start} - 1", "range of the experts that count, over their start", "positive", "shape",
            Prior("lognormal", median=150.0, upper95=1500.0), "", group_sd=Prior("halfnormal", upper95=0.7),
        ),
    )  # fmt: skip
    published_symbols = {
        "a": "a", "b": "b", "c": "c", "d": "d", "E_start": "E_{start}", "E_max": "E_{max}",
    }  # fmt: skip
    published = {
        f"clark2022_{router}": Constants(
            dict(zip(("a", "b", "c", "d", "E_start", "E_max"), values, strict=True)), _SOURCE, _NOTE
        )
        for router, values in {
            "s_base": (-0.082, -0.108, 0.009, 1.104, 1.847, 314.478),
            "rl_r": (-0.083, -0.126, 0.012, 1.111, 1.880, 469.982),
            "hash": (-0.087, -0.136, 0.012, 1.157, 4.175, 477.741),
        }.items()
    }
    quantities = (
        Quantity(
            "effective_params", "parameters of the dense model of the same loss", "parameters", (_PARAMS, _EXPERTS),
            "arXiv:2202.01169, section 5.1",
        ),
        Quantity(
            "cutoff_params", "size at which routing stops helping, 10^(-b/c)", "parameters",
            source="arXiv:2202.01169, section 5.1",
        ),
    )  # fmt: skip

    def gain(
        self, xp: Backend, *, active_params: Any, experts: Any, gamma: Any, c: Any, E_start: Any, span: Any
    ) -> Any:
        """Return the natural logarithm of the dense loss over that with these experts, shape ``(..., row)``."""
        largest = E_start * (1 + span)
        saturated = 1 / (1 / (experts - 1 + largest / span) + 1 / largest)
        log_size = xp.log10(active_params / self.reference["active_params"])
        return (gamma - c * log_size) * xp.log(saturated / E_start)

    def mean(
        self, xp: Backend, *, active_params: Any, experts: Any, L_ref: Any, alpha: Any, gamma: Any, c: Any,
        E_start: Any, span: Any,
    ) -> Any:  # fmt: skip
        """Return the loss in nats per token, shape ``(..., row)``."""
        own = {"gamma": gamma, "c": c, "E_start": E_start, "span": span}
        gain = self.gain(xp, active_params=active_params, experts=experts, **own)
        return L_ref * xp.power(active_params / self.reference["active_params"], -alpha) * xp.exp(-gain)

    def effective_params(
        self, xp: Backend, *, active_params: Any, experts: Any, alpha: Any, gamma: Any, c: Any, E_start: Any,
        span: Any, **others: Any,
    ) -> Any:  # fmt: skip
        """Return the parameters of the dense model of the same loss, shape ``(..., row)``."""
        own = {"gamma": gamma, "c": c, "E_start": E_start, "span": span}
        gain = self.gain(xp, active_params=active_params, experts=experts, **own)
        return active_params * xp.exp(xp.minimum(gain / alpha, LARGEST))

    def cutoff_params(self, xp: Backend, *, gamma: Any, c: Any, **others: Any) -> Any:
        """Return the size at which more experts no longer lower the loss, shape ``(..., row)``."""
        return self.reference["active_params"] * xp.exp(xp.minimum(math.log(10) * gamma / c, LARGEST))

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return a, b, c, d, E_start and E_max as in the paper (N in counts, decimal logarithms)."""
        size, start = xp.log10(self.reference["active_params"]), xp.log10(sampled["E_start"])
        a = -sampled["alpha"] - sampled["c"] * start
        b = -sampled["gamma"] - sampled["c"] * size
        return {
            "a": a, "b": b, "c": sampled["c"],
            "d": xp.log10(sampled["L_ref"]) - a * size - b * start - sampled["c"] * size * start,
            "E_start": sampled["E_start"], "E_max": sampled["E_start"] * (1 + sampled["span"]),
        }  # fmt: skip

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from a, b, c, d, E_start and E_max."""
        size, start = xp.log10(self.reference["active_params"]), xp.log10(published["E_start"])
        a, b, c = published["a"], published["b"], published["c"]
        return {
            "L_ref": xp.exp10(a * size + b * start + c * size * start + published["d"]),
            "alpha": -a - c * start, "gamma": -b - c * size, "c": c,
            "E_start": published["E_start"], "span": published["E_max"] / published["E_start"] - 1,
        }  # fmt: skip

    def example(self, rows: int = 24) -> dict[str, list[float]]:
        """Return values with 1 to 512 experts."""
        return {**super().example(rows), "experts": [float(2 ** (i % 10)) for i in range(rows)]}
