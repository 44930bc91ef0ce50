"""Coverage: problems that at least one of many samples solves."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Constants, Input, Law, Parameter, Prior, Quantity
from bayes_scaling.laws.exponentiated import ratio_for, success
from bayes_scaling.laws.parts import whole_numbers

_TARGET = Input("target", "fraction", "coverage to reach", kind="positive", high=1)


class Coverage(Law):
    r"""Share of problems that at least one of k samples solves, an exponentiated power law in k.

    Equations 2 and 3 of Brown et al. (2024), :math:`\log c = a k^b` with negative a and b. Sampled are the coverage at
    the reference number of samples, :math:`\exp(a k_0^b)`, and :math:`-b`. The sum over problems makes the power law:
    of one problem the failures fall exponentially (Schaeffer et al. 2025, arXiv:2502.17578), so that the exponent
    belongs to a set of problems. A perfect verifier is taken for granted; see ``imperfect_verifier``.
    """

    name = "coverage"
    title = "Coverage from repeated samples, with a perfect verifier"
    formula = r"c(k) = \exp\left(a\,k^{b}\right), \quad a, b < 0"
    citation = Citation(
        "Brown et al.", 2024,
        "Large Language Monkeys: Scaling Inference Compute with Repeated Sampling, eq. 2, 3", "2407.21787",
    )  # fmt: skip
    use = "share of problems solved by any of k samples; how many samples reach a coverage"
    outcome = "accuracy"
    verified = "repeated"
    inputs = (Input("samples", "samples", "samples k per problem", reference=100.0, kind="integer", low=1),)
    parameters = (
        Parameter(
            "coverage_ref", "\\exp(a\\,k_0^{b})", "coverage at the reference number of samples", "unit", "amplitude",
            Prior("logitnormal", median=0.4, upper95=0.95), "fraction", "partial", Prior("halfnormal", upper95=2.0),
        ),
        Parameter(
            "exponent", "-b", "exponent of samples", "positive", "exponent",
            Prior("lognormal", median=0.25, upper95=0.8), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.5),
        ),
    )  # fmt: skip
    published_symbols = {"a": "a", "b": "b"}
    published = {
        "brown2024_pythia_70m_math": Constants(
            {"a": -7.59, "b": -0.18}, "Brown et al. (2024), arXiv:2407.21787, Figure 5",
            "Pythia 70M on 128 problems of MATH; least squares at 40 numbers of samples",
        ),
    }  # fmt: skip
    quantities = (
        Quantity(
            "samples_needed", "samples per problem that reach a coverage (at least one)", "samples", (_TARGET,),
            "arXiv:2407.21787, eq. 3 solved for k",
        ),
    )  # fmt: skip

    def mean(self, xp: Backend, *, samples: Any, coverage_ref: Any, exponent: Any) -> Any:
        """Return the coverage as a fraction, shape ``(..., row)``."""
        ratio = samples / self.reference["samples"]
        return success(xp, ratio=ratio, nats=-xp.log(coverage_ref), exponent=exponent)

    def samples_needed(self, xp: Backend, *, target: Any, coverage_ref: Any, exponent: Any, **others: Any) -> Any:
        """Return the samples that reach a coverage, shape ``(..., row)``; infinite for a coverage of 1."""
        ratio = ratio_for(xp, wanted=target, nats=-xp.log(coverage_ref), exponent=exponent)
        return xp.maximum(1.0, self.reference["samples"] * ratio)

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return a and b as in the paper, both negative."""
        scale = xp.power(self.reference["samples"], sampled["exponent"])
        return {"a": xp.log(sampled["coverage_ref"]) * scale, "b": -sampled["exponent"]}

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from a and b."""
        scale = xp.power(self.reference["samples"], published["b"])
        return {"coverage_ref": xp.exp(published["a"] * scale), "exponent": -published["b"]}

    def example(self, rows: int = 24) -> dict[str, list[float]]:
        """Return values from 1 to 10000 samples."""
        return {"samples": whole_numbers(rows, 10_000)}
