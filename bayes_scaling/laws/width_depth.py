"""Loss from width, depth and tokens."""

from __future__ import annotations

from typing import Any

from bayes_scaling.data.columns import FLOP_PER_PARAM_TOKEN
from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Input, Law, Parameter, Prior, Quantity
from bayes_scaling.laws.optimum import minimum
from bayes_scaling.laws.parts import PRIMES, radical_inverse

VOCABULARY = 50304
BLOCK = 15
"""Parameters of a block over the square of its width: attention of grouped queries (3), a gated layer (12)."""
WIDTHS, DEPTHS = (64.0, 65536.0), (1.0, 1024.0)
COMPUTE = Input("compute", "FLOP", "training compute, 6 times all parameters times tokens")
SHAPE = (
    Input("width", "count", "hidden size w", reference=1024.0, kind="count", low=1.0),
    Input("depth", "count", "layers d", reference=16.0, kind="count", low=1.0),
)


def params_of(width: Any, depth: Any) -> Any:
    """Return the parameters of a Gemstone of a shape, both embeddings of its vocabulary included."""
    return BLOCK * depth * width**2 + 2 * VOCABULARY * width


class WidthDepth(Law):
    r"""A power law each in width, depth and tokens (McLeish et al. 2025).

    Their code has this form by default, and one with a fourth term in the parameters. Width and depth nearly fix these:
    on Gemstones the noise of that form is half as large, but its chains did not agree. The best shape at a
    budget is that of Gemstones: blocks of :math:`15 w^2` parameters and two embeddings of 50304 words, which
    :func:`params_of` counts.
    """

    name = "width_depth"
    title = "Loss from width, depth and tokens"
    formula = r"L(w, d, D) = E + A\,w^{-\alpha} + B\,d^{-\beta} + C\,D^{-\gamma}"
    citation = Citation(
        "McLeish et al.", 2025,
        "Gemstones: A Model Suite for Multi-Faceted Scaling Laws, the default form of its depth_width.py",
        "2502.06857",
    )  # fmt: skip
    use = "models of unusual shapes; the best width and depth at a budget, and what another shape costs"
    verified = "gemstones"
    outcome = "loss"
    inputs = (
        *SHAPE,
        Input("tokens", "count", "training tokens D", reference=2e10),
    )
    parameters = (
        Parameter(
            "E", "E", "irreducible loss", "positive", "floor",
            Prior("lognormal", median=1.7, upper95=2.6), "nats", "partial", Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "A_ref", "A w_0^{-\\alpha}", "loss due to finite width at the reference width", "positive", "amplitude",
            Prior("lognormal", median=0.2, upper95=0.8), "nats", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "alpha", "\\alpha", "exponent of width", "positive", "exponent",
            Prior("lognormal", median=0.6, upper95=1.8), pooling="complete", group_sd=Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "B_ref", "B d_0^{-\\beta}", "loss due to finite depth at the reference depth", "positive", "amplitude",
            Prior("lognormal", median=0.1, upper95=0.5), "nats", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "beta", "\\beta", "exponent of depth", "positive", "exponent",
            Prior("lognormal", median=0.6, upper95=2.0), pooling="complete", group_sd=Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "C_ref", "C D_0^{-\\gamma}", "loss due to finite data at the reference tokens", "positive", "amplitude",
            Prior("lognormal", median=0.4, upper95=1.2), "nats", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "gamma", "\\gamma", "exponent of tokens", "positive", "exponent",
            Prior("lognormal", median=0.35, upper95=0.8), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.2),
        ),
    )  # fmt: skip
    published_symbols = {
        "E": "E", "A": "A", "alpha": "\\alpha", "B": "B", "beta": "\\beta", "C": "C", "gamma": "\\gamma",
    }  # fmt: skip
    quantities = (
        Quantity("optimal_width", "width of the smallest loss at a budget", "count", (COMPUTE,), "by search"),
        Quantity("optimal_depth", "depth of the smallest loss at a budget", "count", (COMPUTE,), "by search"),
        Quantity(
            "shape_cost", "loss of a shape over that of the best shape at a budget", "nats", (*SHAPE, COMPUTE),
            "by search",
        ),
    )  # fmt: skip
    _TERMS = (("A", "width", "alpha"), ("B", "depth", "beta"), ("C", "tokens", "gamma"))

    def mean(
        self, xp: Backend, *, width: Any, depth: Any, tokens: Any, E: Any, A_ref: Any, alpha: Any, B_ref: Any,
        beta: Any, C_ref: Any, gamma: Any,
    ) -> Any:  # fmt: skip
        """Return the loss in nats per token, shape ``(..., row)``."""
        at = self.reference
        shape = A_ref * xp.power(width / at["width"], -alpha) + B_ref * xp.power(depth / at["depth"], -beta)
        return E + shape + C_ref * xp.power(tokens / at["tokens"], -gamma)

    def loss_of_shape(self, xp: Backend, *, width: Any, depth: Any, compute: Any, **sampled: Any) -> Any:
        """Return the loss of a shape that is trained with a whole budget, shape ``(..., row)``."""
        tokens = compute / (FLOP_PER_PARAM_TOKEN * params_of(width, depth))
        return self.mean(xp, width=width, depth=depth, tokens=tokens, **sampled)

    def optimal_width(self, xp: Backend, *, compute: Any, **sampled: Any) -> Any:
        """Return the best width at a budget, shape ``(..., row)``; between 64 and 65536."""
        return self._best_shape(xp, compute, sampled)[0]

    def optimal_depth(self, xp: Backend, *, compute: Any, **sampled: Any) -> Any:
        """Return the best depth at a budget, shape ``(..., row)``; between 1 and 1024, no whole number."""
        return self._best_shape(xp, compute, sampled)[1]

    def shape_cost(self, xp: Backend, *, width: Any, depth: Any, compute: Any, **sampled: Any) -> Any:
        """Return what a shape loses against the best one at a budget, in nats, shape ``(..., row)``."""
        wide, deep = self._best_shape(xp, compute, sampled)
        best = self.loss_of_shape(xp, width=wide, depth=deep, compute=compute, **sampled)
        return self.loss_of_shape(xp, width=width, depth=depth, compute=compute, **sampled) - best

    def _best_shape(self, xp: Backend, compute: Any, sampled: dict[str, Any]) -> tuple[Any, Any]:
        """Return width and depth of the smallest loss, by a search over width within one over depth."""
        zero = 0.0 * (compute + sampled["E"])
        widths = [xp.log(end) + zero for end in WIDTHS]
        depths = [xp.log(end) + zero for end in DEPTHS]

        def best_width(log_depth: Any) -> Any:
            return minimum(lambda log_width: loss(log_width, log_depth), *widths, points=15, width=1e-4)

        def loss(log_width: Any, log_depth: Any) -> Any:
            return self.loss_of_shape(
                xp, width=xp.exp(log_width), depth=xp.exp(log_depth), compute=compute, **sampled
            )  # fmt: skip

        log_depth = minimum(lambda d: loss(best_width(d), d), *depths, points=13, width=1e-4)
        return xp.exp(best_width(log_depth)), xp.exp(log_depth)

    def example(self, rows: int = 24) -> dict[str, list[float]]:
        """Return shapes of 30 million to 20 billion parameters on 5 billion to 500 billion tokens, by column."""
        share = [[radical_inverse(i + 1, base) for i in range(rows)] for base in PRIMES[:3]]
        width = [float(round(256 * 16**u)) for u in share[0]]
        depth = [float(round(4 * 20**u)) for u in share[1]]
        return {"width": width, "depth": depth, "tokens": [5e9 * 100**u for u in share[2]]}

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return floor, amplitudes of counts and exponents."""
        found = {"E": sampled["E"]}
        for name, column, exponent in self._TERMS:
            found[name] = sampled[f"{name}_ref"] * xp.power(self.reference[column], sampled[exponent])
            found[exponent] = sampled[exponent]
        return found

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from the constants of :meth:`to_published`."""
        found = {"E": published["E"]}
        for name, column, exponent in self._TERMS:
            found[f"{name}_ref"] = published[name] * xp.power(self.reference[column], -published[exponent])
            found[exponent] = published[exponent]
        return found
