"""Loss from width, depth, parameters and tokens."""

from __future__ import annotations

from typing import Any

from bayes_scaling.data.columns import FLOP_PER_PARAM_TOKEN
from bayes_scaling.errors import DataError, listed
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
    Input("width", "count", "hidden size w", reference=1024.0, kind="count", low=1),
    Input("depth", "count", "layers d", reference=16.0, kind="count", low=1),
)


def params_of(width: Any, depth: Any) -> Any:
    """Return the parameters of a Gemstone of a shape, both embeddings of its vocabulary included."""
    return BLOCK * depth * width**2 + 2 * VOCABULARY * width


class WidthDepth(Law):
    r"""A power law each in width, depth, parameters and tokens (McLeish et al. 2025).

    Width and depth nearly fix the number of parameters, so that three of the terms are told apart by shapes far from
    usual only. The best shape at a budget is that of Gemstones: blocks of
    :math:`15 w^2` parameters and two embeddings of 50304 words, which :func:`params_of` counts.
    """

    name = "width_depth"
    title = "Loss from width, depth, parameters and tokens"
    formula = r"L(w, d, N, D) = E + A\,w^{-\alpha} + B\,d^{-\beta} + C\,N^{-\gamma} + F\,D^{-\zeta}"
    citation = Citation(
        "McLeish et al.", 2025,
        "Gemstones: A Model Suite for Multi-Faceted Scaling Laws, the form with four terms of its depth_width.py",
        "2502.06857",
    )  # fmt: skip
    use = "models of unusual shapes; the best width and depth at a budget, and what another shape costs"
    verified = "gemstones"
    outcome = "loss"
    inputs = (
        *SHAPE,
        Input("params", "count", "parameters N with embeddings", reference=1e9),
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
            "C_ref", "C N_0^{-\\gamma}", "loss due to finite size at the reference size", "positive", "amplitude",
            Prior("lognormal", median=0.2, upper95=0.8), "nats", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "gamma", "\\gamma", "exponent of parameters", "positive", "exponent",
            Prior("lognormal", median=0.35, upper95=0.8), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "F_ref", "F D_0^{-\\zeta}", "loss due to finite data at the reference tokens", "positive", "amplitude",
            Prior("lognormal", median=0.4, upper95=1.2), "nats", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "zeta", "\\zeta", "exponent of tokens", "positive", "exponent",
            Prior("lognormal", median=0.35, upper95=0.8), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.2),
        ),
    )  # fmt: skip
    published_symbols = {
        "E": "E", "A": "A", "alpha": "\\alpha", "B": "B", "beta": "\\beta", "C": "C", "gamma": "\\gamma", "F": "F",
        "zeta": "\\zeta",
    }  # fmt: skip
    quantities = (
        Quantity("optimal_width", "width of the smallest loss at a budget", "count", (COMPUTE,), "by search"),
        Quantity("optimal_depth", "depth of the smallest loss at a budget", "count", (COMPUTE,), "by search"),
        Quantity(
            "shape_cost", "loss of a shape over that of the best shape at a budget", "nats", (*SHAPE, COMPUTE),
            "by search",
        ),
    )  # fmt: skip
    _TERMS = (("A", "width", "alpha"), ("B", "depth", "beta"), ("C", "params", "gamma"), ("F", "tokens", "zeta"))

    def mean(
        self, xp: Backend, *, width: Any, depth: Any, params: Any, tokens: Any, E: Any, A_ref: Any, alpha: Any,
        B_ref: Any, beta: Any, C_ref: Any, gamma: Any, F_ref: Any, zeta: Any,
    ) -> Any:  # fmt: skip
        """Return the loss in nats per token, shape ``(..., row)``."""
        at = self.reference
        shape = A_ref * xp.power(width / at["width"], -alpha) + B_ref * xp.power(depth / at["depth"], -beta)
        size = C_ref * xp.power(params / at["params"], -gamma)
        return E + shape + size + F_ref * xp.power(tokens / at["tokens"], -zeta)

    def loss_of_shape(self, xp: Backend, *, width: Any, depth: Any, compute: Any, **sampled: Any) -> Any:
        """Return the loss of a shape that is trained with a whole budget, shape ``(..., row)``."""
        params = params_of(width, depth)
        tokens = compute / (FLOP_PER_PARAM_TOKEN * params)
        return self.mean(xp, width=width, depth=depth, params=params, tokens=tokens, **sampled)

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
            return minimum(lambda log_width: loss(log_width, log_depth), *widths, points=15, steps=20)

        def loss(log_width: Any, log_depth: Any) -> Any:
            return self.loss_of_shape(
                xp, width=xp.exp(log_width), depth=xp.exp(log_depth), compute=compute, **sampled
            )  # fmt: skip

        log_depth = minimum(lambda d: loss(best_width(d), d), *depths, points=13, steps=20)
        return xp.exp(best_width(log_depth)), xp.exp(log_depth)

    def check_values(self, frame: Any) -> None:
        """Raise DataError where a model has fewer parameters than its embeddings."""
        if not {"width", "depth", "params"} <= set(frame):
            return
        wrong = frame[frame["params"] < frame["width"] ** 2]
        if len(wrong):
            raise DataError(
                f"law {self.name}: rows {listed(wrong.index)} have fewer parameters than the square of their width; "
                "expected all parameters of a model of that width. Correct params (a count) or width."
            )

    def example(self, rows: int = 24) -> dict[str, list[float]]:
        """Return shapes of 20 million to 5 billion parameters on 5 billion to 500 billion tokens, by column."""
        share = [[radical_inverse(i + 1, base) for i in range(rows)] for base in PRIMES[:3]]
        width = [float(round(256 * 16**u)) for u in share[0]]
        depth = [float(round(4 * 20**u)) for u in share[1]]
        params = [float(params_of(w, d)) for w, d in zip(width, depth, strict=True)]
        return {"width": width, "depth": depth, "params": params, "tokens": [5e9 * 100**u for u in share[2]]}

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
