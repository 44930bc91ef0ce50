"""Loss of models that run several parallel streams."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Constants, Input, Law, Parameter, Prior, Quantity

_PARAMS = Input("params", "count", "parameters N (without embedding)", reference=1e9)
_STREAMS = Input("streams", "streams", "parallel streams P", kind="integer", low=1)
_REFITTED = "least Huber loss of log loss over the 24 runs of the corpus, as the authors' parametric_fit.py does"


class ParallelStreams(Law):
    r"""Loss when P streams of one model are run and combined, the law of Chen et al. (2025) in parameters and P.

    P streams are worth :math:`N (k \log P + 1)` parameters of one stream (natural logarithm). Sampled is
    :math:`A_{ref} = (A / N_0)^\alpha`, the reducible loss of one stream at the reference size. Training tokens are the
    same in all runs.
    """

    name = "parallel_streams"
    title = "Loss from parameters and parallel streams (ParScale)"
    formula = r"L(N, P) = E + \left(\frac{A}{N\,(k \log P + 1)}\right)^{\alpha}"
    citation = Citation("Chen et al.", 2025, "Parallel Scaling Law for Language Models, section 3", "2505.10475")
    use = "final loss of models with parallel streams; how many parameters P streams are worth"
    outcome = "loss"
    verified = "parscale"
    inputs = (_PARAMS, _STREAMS)
    parameters = (
        Parameter(
            "E", "E", "irreducible loss", "positive", "floor",
            Prior("lognormal", median=1.3, upper95=2.6), "nats", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "A_ref", "(A / N_0)^\\alpha", "reducible loss of one stream at the reference size", "positive",
            "amplitude", Prior("lognormal", median=0.6, upper95=1.5), "nats", "partial",
            Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "alpha", "\\alpha", "exponent of parameters", "positive", "exponent",
            Prior("lognormal", median=0.3, upper95=0.7), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "k", "k", "share of the parameters that e-fold streams add", "positive", "slope",
            Prior("lognormal", median=0.3, upper95=1.0), "", "complete", Prior("halfnormal", upper95=0.3),
        ),
    )  # fmt: skip
    published_symbols = {"E": "E", "A": "A", "alpha": "\\alpha", "k": "k"}
    published = {
        "chen2025_pile": Constants(
            {"E": 1.2886, "A": 1.9752e8, "alpha": 0.19628, "k": 0.33444}, "Chen et al. (2025), arXiv:2505.10475, Pile",
            _REFITTED, "Pile",
        ),
        "chen2025_stack": Constants(
            {"E": 0.69121, "A": 1.1307e7, "alpha": 0.18936, "k": 0.39346},
            "Chen et al. (2025), arXiv:2505.10475, Stack-V2 (Python)", _REFITTED, "Stack-V2-Python",
        ),
    }  # fmt: skip
    quantities = (
        Quantity(
            "equivalent_params", "parameters of a model with one stream that has the same loss", "parameters",
            (_PARAMS, _STREAMS), "arXiv:2505.10475, section 3",
        ),
    )  # fmt: skip

    def mean(self, xp: Backend, *, params: Any, streams: Any, E: Any, A_ref: Any, alpha: Any, k: Any) -> Any:
        """Return the loss in nats per token, shape ``(..., row)``."""
        worth = self.equivalent_params(xp, params=params, streams=streams, k=k)
        return E + A_ref * xp.power(worth / self.reference["params"], -alpha)

    def equivalent_params(self, xp: Backend, *, params: Any, streams: Any, k: Any, **others: Any) -> Any:
        """Return the parameters that the streams are worth, shape ``(..., row)``."""
        return params * (k * xp.log(streams) + 1)

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return E, A, alpha, k as in the paper (N in counts)."""
        at_one = xp.power(sampled["A_ref"], 1 / sampled["alpha"])
        return {
            "E": sampled["E"],
            "A": self.reference["params"] * at_one,
            "alpha": sampled["alpha"],
            "k": sampled["k"],
        }

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from E, A, alpha, k."""
        return {
            "E": published["E"],
            "A_ref": xp.power(published["A"] / self.reference["params"], published["alpha"]),
            "alpha": published["alpha"],
            "k": published["k"],
        }

    def example(self, rows: int = 24) -> dict[str, list[float]]:
        """Return values with 1, 2, 4 and 8 streams."""
        return {**super().example(rows), "streams": [float(2 ** (i % 4)) for i in range(rows)]}
