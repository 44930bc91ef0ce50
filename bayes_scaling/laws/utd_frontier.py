"""Data that value-based reinforcement learning needs, from updates per sample."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Input, Law, Parameter, Prior, Quantity
from bayes_scaling.laws.optimum import minimum

FLOP_PER_UPDATE = 10.0  # per parameter and example of a batch, as in the code of the paper
_FAR = 18.0  # e-folds of the ratio, on either side of its reference, among which the best is looked for
_UTD = Input("utd", "updates per sample", "updates-to-data ratio sigma", reference=1.0, spread=10.0)
_PARAMS = Input("params", "count", "parameters of the model")
_BATCH = Input("batch", "examples", "best batch size at the reference ratio", kind="positive")
_SHRINK = Input("shrink", "", "power of the ratio by which the best batch shrinks", kind="real", low=0.0, high=0.99)
_PRICE = Input("price", "FLOP per sample", "price delta of a sample, in compute", kind="positive")


class UtdFrontier(Law):
    r"""Samples that reach a performance, as Rybkin et al. (2025) fit them.

    More updates per sample save samples, down to a least number: :math:`D_J = D_{min} + (\beta / \sigma)^\alpha`.
    All constants belong to the performance J and to the task: name them as groups. They hold where batch size and
    learning rate are the best at each ratio; both fall with it as power laws, which this law is not fitted to and is
    given where it is asked of compute. Compute is :math:`C_J = 10\,N\,B(\sigma)\,\sigma\,D_J(\sigma)` and a budget
    :math:`F = C + \delta D`, for a price of samples. The best ratio minimises what J takes of it.
    """

    name = "utd_frontier"
    title = "Samples needed in reinforcement learning, from updates per sample"
    formula = r"D_J(\sigma) = D_{min} + \left(\beta / \sigma\right)^{\alpha}"
    citation = Citation("Rybkin et al.", 2025, "Value-Based Deep RL Scales Predictably", "2502.04327")
    use = "samples and compute that reach a performance; how many updates per sample to make at a price of samples"
    outcome = "data_needed"
    inputs = (_UTD,)
    parameters = (
        Parameter(
            "D_min", "D_{min}", "samples needed with endless updates", "positive", "floor",
            Prior("lognormal", median=1.5e5, upper95=1.5e6), "samples", "partial", Prior("halfnormal", upper95=1.5),
        ),
        Parameter(
            "D_more", "(\\beta / \\sigma_0)^\\alpha", "further samples at the reference ratio", "positive",
            "amplitude", Prior("lognormal", median=1.5e5, upper95=1.5e6), "samples", "partial",
            Prior("halfnormal", upper95=1.5),
        ),
        Parameter(
            "alpha", "\\alpha", "exponent of the ratio", "positive", "exponent",
            Prior("lognormal", median=0.7, upper95=1.8), group_sd=Prior("halfnormal", upper95=0.3),
        ),
    )  # fmt: skip
    published_symbols = {"D_min": "D_{min}", "beta": "\\beta", "alpha": "\\alpha"}
    quantities = (
        Quantity(
            "compute_needed", "compute that reaches the performance at this ratio", "FLOP",
            (_UTD, _PARAMS, _BATCH, _SHRINK), "arXiv:2502.04327",
        ),
        Quantity(
            "best_utd", "ratio at which compute and samples that reach the performance cost least",
            "updates per sample", (_PARAMS, _BATCH, _SHRINK, _PRICE), "arXiv:2502.04327",
        ),
    )  # fmt: skip

    def mean(self, xp: Backend, *, utd: Any, D_min: Any, D_more: Any, alpha: Any) -> Any:
        """Return the samples needed, shape ``(..., row)``."""
        return D_min + D_more * xp.power(utd / self.reference["utd"], -alpha)

    def compute_needed(self, xp: Backend, *, utd: Any, params: Any, batch: Any, shrink: Any, **sampled: Any) -> Any:
        """Return the compute in FLOP, shape ``(..., row)``."""
        examples = batch * xp.power(utd / self.reference["utd"], -shrink)
        return FLOP_PER_UPDATE * params * examples * utd * self.mean(xp, utd=utd, **sampled)

    def best_utd(self, xp: Backend, *, params: Any, batch: Any, shrink: Any, price: Any, **sampled: Any) -> Any:
        """Return the ratio of the cheapest way to the performance, shape ``(..., row)``."""
        import numpy as np

        def log_cost(log_ratio: Any) -> Any:
            utd = self.reference["utd"] * np.exp(log_ratio)
            compute = self.compute_needed(xp, utd=utd, params=params, batch=batch, shrink=shrink, **sampled)
            return np.log(compute + price * self.mean(xp, utd=utd, **sampled))

        far = np.full(np.shape(log_cost(0.0)), _FAR)
        return self.reference["utd"] * np.exp(minimum(log_cost, -far, far))

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return D_min, beta and alpha as in the paper."""
        beta = self.reference["utd"] * xp.power(sampled["D_more"], 1 / sampled["alpha"])
        return {"D_min": sampled["D_min"], "beta": beta, "alpha": sampled["alpha"]}

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from D_min, beta and alpha."""
        more = xp.power(published["beta"] / self.reference["utd"], published["alpha"])
        return {"D_min": published["D_min"], "D_more": more, "alpha": published["alpha"]}
