"""Loss of models that are trained on what earlier models wrote."""

from __future__ import annotations

from typing import Any

from bayes_scaling.errors import CardError, did_you_mean, listed
from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Input, Law, Parameter, Prior, Quantity
from bayes_scaling.laws.parts import refuse_options

CUTS = ("tokens", "rank")
_LEAST = 1e-30  # share of real data that stands in for none, where it is not used
_LARGEST = 600.0  # of log nats: a steep exponent far from its reference is a number, not an overflow
_TOKENS = Input("tokens", "count", "training tokens T, real and synthetic", reference=2e10, spread=30.0)
_SOURCE = {
    "tokens": Input(
        "source", "count", "real tokens T_0 that the first generator was trained on", reference=2e10, kind="count",
        column="source_tokens", spread=30.0,
    ),
    "rank": Input("source", "rank", "rank k beyond which the generator writes nothing", reference=1e5, column="cutoff"),
}  # fmt: skip
_GENERATIONS = Input(
    "generations", "count", "generations n of models behind the synthetic data; 0 for none", kind="integer", low=0.0
)  # fmt: skip
_REAL = Input(
    "real", "fraction", "share of real data in training", kind="fraction", low=0.0, high=1.0, column="real_share"
)


def _quantities(cut: str) -> tuple[Quantity, ...]:
    """Return what the law is used for, asked of tokens or of a rank."""
    at = (_SOURCE[cut], _GENERATIONS)
    return (
        Quantity(
            "useful_tokens",
            "synthetic tokens beyond which the loss levels off; so many real ones reach that level alone",
            "tokens", at, "arXiv:2402.07043, theorem 2.1",
        ),
        Quantity(
            "resumes_at", "tokens from which this share of real data makes the loss fall again", "tokens", (*at, _REAL),
            "arXiv:2402.07043, theorem 3.2",
        ),
    )  # fmt: skip


class ModelCollapse(Law):
    r"""Loss with the rare part of the data cut off, as Dohmatob et al. (2024) find for a Zipf law of exponent beta.

    A generator writes nothing that is rarer than rank k. Training on what it wrote has the double scaling law
    :math:`T^{-c} + k^{-c'}` with :math:`c = (\beta - 1) / \beta, c' = \beta - 1` (theorem 2.1); a generator that has
    seen :math:`T_0` tokens cuts at :math:`k \sim T_0^{1 / \beta}` (eq. 6), where :math:`k^{-c'} = T_0^{-c}`, and n
    generations that train on each other cost n times that: loss no longer falls with T. A share :math:`\pi` of real
    data has no effect until :math:`T \sim k^\beta / \pi`, when the loss falls again as :math:`(\pi T)^{-c}` (theorem
    3.2). The paper gives orders of magnitude; the minimum here has them on either side, is exact for real data alone,
    and puts generations and mixing into one formula, which the paper does not.

    Option ``cut``: ``"tokens"`` reads T_0 from ``source_tokens``, ``"rank"`` reads k from ``cutoff``.
    """

    name = "model_collapse"
    title = "Loss when training on synthetic data (model collapse)"
    formula = (
        r"L = E + A\,T^{-c} + \min\left(n B\,T_0^{-c},\; A\,(\pi^{-c} - 1)\,T^{-c}\right)"
        r"\quad (\text{or } k^{-c / (1 - c)} \text{ for } T_0^{-c})"
    )
    citation = Citation(
        "Dohmatob et al.", 2024,
        "A Tale of Tails: Model Collapse as a Change of Scaling Laws, eq. 6, theorems 2.1, 3.2", "2402.07043",
    )  # fmt: skip
    use = "loss of training on data of earlier models; when more synthetic data, or mixing, no longer helps"
    outcome = "loss"
    cut = "tokens"
    inputs = (_TOKENS, _SOURCE["tokens"], _GENERATIONS, _REAL)
    parameters = (
        Parameter(
            "E", "E", "irreducible loss", "positive", "floor",
            Prior("lognormal", median=1.7, upper95=2.6), "nats", "partial", Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "A_ref", "A T_{ref}^{-c}", "loss due to finite data at the reference tokens", "positive", "amplitude",
            Prior("lognormal", median=0.6, upper95=1.8), "nats", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "c", "c", "exponent of tokens", "unit", "exponent", Prior("logitnormal", median=0.3, upper95=0.6),
            group_sd=Prior("halfnormal", upper95=0.3),
        ),
        Parameter(
            "B_ref", "B T_{0, ref}^{-c}", "loss due to what one generator at the reference leaves out", "positive",
            "amplitude", Prior("lognormal", median=0.3, upper95=1.8), "nats", "partial",
            Prior("halfnormal", upper95=0.5),
        ),
    )  # fmt: skip
    published_symbols = {"E": "E", "A": "A", "c": "c", "B": "B"}
    quantities = _quantities("tokens")

    def with_options(self, **options: Any) -> Law:
        """Return the law with the cut given by the generator's tokens or by a rank.

        Raises
        ------
        CardError
            Unknown option or cut.
        """
        refuse_options(self.name, options, ["cut"])
        cut = options.get("cut", self.cut)
        if cut not in CUTS:
            raise CardError(f"{self.name}: cut = {cut!r}; expected {listed(CUTS)}." + did_you_mean(str(cut), CUTS))
        other = type(self)()
        other.cut, other.options = cut, {} if cut == "tokens" else {"cut": cut}
        other.inputs = (_TOKENS, _SOURCE[cut], _GENERATIONS, _REAL)
        other.declared, other.quantities = other.inputs, _quantities(cut)
        other.reference = {i.name: i.reference for i in other.inputs if i.reference is not None}
        return self.carried_to(other)

    def mean(
        self, xp: Backend, *, tokens: Any, source: Any, generations: Any, real: Any, E: Any, A_ref: Any, c: Any,
        B_ref: Any,
    ) -> Any:  # fmt: skip
        """Return the loss in nats per token, shape ``(..., row)``."""
        fresh = A_ref * xp.power(tokens / self.reference["tokens"], -c)
        rare = fresh * xp.expm1(-c * xp.log(xp.maximum(real, _LEAST)))  # learned from the real data alone
        cut = generations * self._cut(xp, source, c, B_ref)
        return E + fresh + xp.where(real > 0, xp.minimum(cut, rare), cut)

    def _power(self, c: Any) -> Any:
        """Return the exponent of the cut: that of T_0 is c, that of a rank beta - 1."""
        return c if self.cut == "tokens" else c / (1 - c)

    def _cut(self, xp: Backend, source: Any, c: Any, B_ref: Any) -> Any:
        """Return what one generation's cut costs, in nats."""
        log_cost = xp.log(B_ref) - self._power(c) * xp.log(source / self.reference["source"])
        return xp.exp(xp.minimum(log_cost, _LARGEST))

    def useful_tokens(
        self, xp: Backend, *, source: Any, generations: Any, A_ref: Any, c: Any, B_ref: Any, **others: Any
    ) -> Any:
        """Return where the loss due to finite data equals that due to the cut, shape ``(..., row)``; inf without one.

        Theorem 2.1 has its plateau beyond these tokens.
        """
        cost = generations * self._cut(xp, source, c, B_ref)
        some = cost > 0
        times = xp.exp((xp.log(A_ref) - xp.log(xp.where(some, cost, 1.0))) / c)
        return xp.where(some, self.reference["tokens"] * times, float("inf"))

    def resumes_at(self, xp: Backend, *, source: Any, generations: Any, real: Any, c: Any, **sampled: Any) -> Any:
        """Return where the real share alone does better than the cut, shape ``(..., row)``; inf without real data."""
        plateau = self.useful_tokens(xp, source=source, generations=generations, c=c, **sampled)
        share = xp.where((real > 0) & (real < 1), real, 0.5)  # the others have no number
        found = plateau * xp.exp(xp.log(xp.expm1(-c * xp.log(share))) / c)
        return xp.where((generations < 1) | (real >= 1), 0.0, xp.where(real > 0, found, float("inf")))

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return E, A, c and B (T and T_0, or k, in counts)."""
        c = sampled["c"]
        return {
            "E": sampled["E"],
            "A": sampled["A_ref"] * xp.power(self.reference["tokens"], c),
            "c": c,
            "B": sampled["B_ref"] * xp.power(self.reference["source"], self._power(c)),
        }

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from E, A, c and B."""
        c = published["c"]
        return {
            "E": published["E"],
            "A_ref": published["A"] * xp.power(self.reference["tokens"], -c),
            "c": c,
            "B_ref": published["B"] * xp.power(self.reference["source"], -self._power(c)),
        }

    def example(self, rows: int = 24) -> dict[str, list[float]]:
        """Return mixtures, real data alone, and synthetic data alone of up to three generations, in turn."""
        found = super().example(rows)
        turns = [(1, 0.1), (0, 1.0), (1, 0.0), (2, 0.0), (3, 0.0), (1, 0.5)]  # at the first every input matters
        found["generations"] = [float(turns[i % len(turns)][0]) for i in range(rows)]
        found["real_share"] = [turns[i % len(turns)][1] for i in range(rows)]
        return found
