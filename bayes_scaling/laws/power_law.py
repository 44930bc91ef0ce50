"""Power law in training compute with a floor."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Constants, Input, Law, Parameter, Prior
from bayes_scaling.laws.theories import HALF, intrinsic_dimension, one_half

_PF_DAY = 1e15 * 86_400


class PowerLaw(Law):
    r"""Loss as a floor and a power law in compute.

    Kaplan et al. (2020), eq. 1.3, have no floor; Henighan et al. (2020), eq. 1.1, add one.
    Sampled is the reducible loss at the reference compute, :math:`A_{ref} = A C_0^{-\alpha}`.
    """

    name = "power_law"
    title = "Loss from training compute, with a floor"
    formula = r"L(C) = E + A\,C^{-\alpha}"
    citation = Citation(
        "Henighan et al.", 2020, "Scaling Laws for Autoregressive Generative Modeling, eq. 1.1", "2010.14701"
    )
    use = "loss along a ladder of runs in which size and tokens grow together"
    outcome = "loss"
    verified = "published_models"
    inputs = (Input("compute", "FLOP", "training compute C", reference=1e21),)
    parameters = (
        Parameter(
            "E", "E", "irreducible loss", "positive", "floor",
            Prior("lognormal", median=1.5, upper95=2.6), "nats", "partial", Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "A_ref", "A C_0^{-\\alpha}", "reducible loss at the reference compute", "positive", "amplitude",
            Prior("lognormal", median=0.7, upper95=2.0), "nats", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "alpha", "\\alpha", "exponent of compute", "positive", "exponent",
            Prior("lognormal", median=0.15, upper95=0.4), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.2),
        ),
    )  # fmt: skip
    published_symbols = {"E": "E", "A": "A", "alpha": "\\alpha"}
    published = {
        "kaplan2020": Constants(
            {"E": 0.0, "A": (3.1e8 * _PF_DAY) ** 0.050, "alpha": 0.050},
            "Kaplan et al. (2020), arXiv:2001.08361, eq. 1.3 (C_min in PF-days, here in FLOP)",
            "no floor; WebText2, non-embedding compute at the critical batch size",
        ),
        "brown2020": Constants(
            {"E": 0.0, "A": 2.57 * _PF_DAY**0.048, "alpha": 0.048},
            "Brown et al. (2020), arXiv:2005.14165, Figure 3.1",
            "no floor; GPT-3 training mixture",
        ),
    }
    prior_sets = {
        "intrinsic_dimension": intrinsic_dimension(
            "the exponents of size and data are about 4 / d, that of compute half of it where both grow in proportion",
            columns=("compute",), alpha=HALF,
        ),
        "one_half": one_half(
            "the exponents of size and data are about 1/2 (of tokens at most), that of compute half of it where both "
            "grow in proportion",
            columns=("compute",), alpha=HALF,
        ),
    }  # fmt: skip

    def mean(self, xp: Backend, *, compute: Any, E: Any, A_ref: Any, alpha: Any) -> Any:
        """Return the loss in nats per token, shape ``(..., row)``."""
        return E + A_ref * xp.power(compute / self.reference["compute"], -alpha)

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return E, A and alpha with compute in FLOP."""
        scale = xp.power(self.reference["compute"], sampled["alpha"])
        return {"E": sampled["E"], "A": sampled["A_ref"] * scale, "alpha": sampled["alpha"]}

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from E, A and alpha."""
        scale = xp.power(self.reference["compute"], -published["alpha"])
        return {"E": published["E"], "A_ref": published["A"] * scale, "alpha": published["alpha"]}
