"""Resampling until a verifier accepts, where it also accepts some wrong answers."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Constants, Input, Law, Parameter, Prior, Quantity
from bayes_scaling.laws.parts import whole_numbers

_SAMPLES = Input("samples", "samples", "most samples K per problem", kind="integer", low=1)
_COST = Input("cost", "ratio", "cost of a false positive over the benefit of a right answer", kind="amount", low=0)


class ImperfectVerifier(Law):
    r"""Right answers after up to K samples, when sampling stops at the first that a verifier accepts.

    The model of Stroebl, Kapoor and Narayanan (2024), as their notebook ``limits_to_inference_scaling_model`` states
    it: problems are of an easy and a hard kind; a sample is right with probability :math:`r_i`; the verifier accepts
    every right answer and rejects a wrong one with probability s, its soundness. A sample of kind i is rejected with
    probability :math:`\beta_i = s (1 - r_i)`, and of those accepted a share :math:`r_i / (1 - \beta_i)` is right: no
    number of samples goes beyond. Where wrong answers cost something, hard problems, which are what is left after many
    rejections, make a finite number of samples the best one.
    """

    name = "imperfect_verifier"
    title = "Accuracy from repeated samples with an imperfect verifier"
    formula = (
        r"acc(K) = \sum_i p_i\,r_i\,\frac{1 - \beta_i^K}{1 - \beta_i}, \quad \beta_i = s\,(1 - r_i),\;"
        r" i = 1, 2"
    )
    citation = Citation(
        "Stroebl, Kapoor, Narayanan", 2024,
        "Inference Scaling fLaws: The Limits of LLM Resampling with Imperfect Verifiers", "2411.17501",
    )  # fmt: skip
    use = "the ceiling of resampling with unit tests that wrong programs can pass; how many samples to stop at"
    outcome = "accuracy"
    inputs = (_SAMPLES,)
    parameters = (
        Parameter(
            "easy_share", "p_1", "share of easy problems", "unit", "shape",
            Prior("logitnormal", median=0.5, upper95=0.85), "fraction", "partial", Prior("halfnormal", upper95=1.0),
        ),
        Parameter(
            "easy", "r_1", "probability that a sample solves an easy problem", "unit", "amplitude",
            Prior("logitnormal", median=0.75, upper95=0.97), "fraction", "partial", Prior("halfnormal", upper95=1.0),
        ),
        Parameter(
            "hard_ratio", "r_2 / r_1", "that of a hard problem over that of an easy one", "unit", "shape",
            Prior("logitnormal", median=0.15, upper95=0.6), "", "partial", Prior("halfnormal", upper95=1.0),
        ),
        Parameter(
            "soundness", "s", "probability that the verifier rejects a wrong answer", "unit", "ceiling",
            Prior("logitnormal", median=0.8, upper95=0.97), "fraction", "complete", Prior("halfnormal", upper95=1.0),
        ),
    )  # fmt: skip
    published_symbols = {"p_1": "p_1", "r_1": "r_1", "r_2": "r_2", "s": "s"}
    published = {
        "stroebl2024_example": Constants(
            {"p_1": 0.58, "r_1": 0.87, "r_2": 0.13, "s": 0.75},
            "benediktstroebl/inference-scaling-limits, notebooks/limits_to_inference_scaling_model.ipynb",
            "an example of the authors, not an estimate",
        ),
    }
    quantities = (
        Quantity("ceiling", "accuracy after unlimited samples", "fraction", (), "arXiv:2411.17501"),
        Quantity(
            "optimal_samples", "samples to stop at: 0 where not one pays, infinite where every further one does",
            "samples", (_COST,), "arXiv:2411.17501",
        ),
    )  # fmt: skip

    def mean(self, xp: Backend, *, samples: Any, easy_share: Any, easy: Any, hard_ratio: Any, soundness: Any) -> Any:
        """Return the accuracy as a fraction, shape ``(..., row)``."""
        total = 0.0
        for share, right in self._kinds(easy_share, easy, hard_ratio):
            rejected = soundness * (1 - right)
            stopped = -xp.expm1(samples * xp.log(rejected))
            total = total + share * right * stopped / (1 - rejected)
        return total

    @staticmethod
    def _kinds(easy_share: Any, easy: Any, hard_ratio: Any) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
        """Return share and probability of a right sample of both kinds of problems."""
        return (easy_share, easy), (1 - easy_share, easy * hard_ratio)

    def ceiling(
        self, xp: Backend, *, easy_share: Any, easy: Any, hard_ratio: Any, soundness: Any, **others: Any
    ) -> Any:
        """Return the accuracy after unlimited samples, shape ``(..., row)``."""
        kinds = self._kinds(easy_share, easy, hard_ratio)
        first, second = (share * right / (1 - soundness * (1 - right)) for share, right in kinds)
        return first + second

    def optimal_samples(
        self, xp: Backend, *, cost: Any, easy_share: Any, easy: Any, hard_ratio: Any, soundness: Any, **others: Any
    ) -> Any:
        r"""Return the number of samples of greatest value, shape ``(..., row)``.

        Sample k adds :math:`\sum_i p_i \beta_i^{k-1} (r_i - \lambda (1 - r_i)(1 - s))` for a cost :math:`\lambda`: the
        term of easy problems is the larger one and fades first, so that the sum changes its sign once at most.
        """
        import numpy as np

        kinds = self._kinds(easy_share, easy, hard_ratio)
        gain, loss = (share * (right - cost * (1 - right) * (1 - soundness)) for share, right in kinds)
        fades, lasts = (soundness * (1 - right) for _, right in kinds)
        finite = (gain > 0) & (loss < 0)
        balance = np.log(np.where(finite, -loss, 1.0) / np.where(finite, gain, 1.0))
        last = np.maximum(np.ceil(balance / (np.log(fades) - np.log(lasts))), 0.0)
        return np.where(finite, last, np.where(gain > 0, np.inf, 0.0))

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return p_1, r_1, r_2 and s."""
        return {
            "p_1": sampled["easy_share"],
            "r_1": sampled["easy"],
            "r_2": sampled["easy"] * sampled["hard_ratio"],
            "s": sampled["soundness"],
        }

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from p_1, r_1, r_2 and s."""
        return {
            "easy_share": published["p_1"],
            "easy": published["r_1"],
            "hard_ratio": published["r_2"] / published["r_1"],
            "soundness": published["s"],
        }

    def example(self, rows: int = 24) -> dict[str, list[float]]:
        """Return values from 1 to 100 samples."""
        return {"samples": whole_numbers(rows, 100)}
