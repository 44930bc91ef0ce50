"""Accuracy as an exponential of the loss, from a floor towards 1."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Constants, Input, Law, Parameter, Prior


class LossExponential(Law):
    r"""Accuracy that rises exponentially as the loss falls, equation 5 of Gadre et al. (2024).

    The paper writes the top-1 error, :math:`\varepsilon - k e^{-\gamma L}`. Sampled are the floor of the accuracy,
    :math:`1 - \varepsilon`, and the share of the way from there to 1 that is gone at the reference loss,
    :math:`s = (k / \varepsilon)\, e^{-\gamma L_0}`, which can be judged; k follows from them. The form
    passes 1 at a low enough loss; there the accuracy is held at 1.
    """

    name = "loss_exponential"
    title = "Accuracy from loss, an exponential from a floor towards 1"
    formula = r"acc(L) = 1 - \left(\varepsilon - k\,e^{-\gamma L}\right)"
    citation = Citation(
        "Gadre et al.", 2024, "Language models scale reliably with over-training and on downstream tasks", "2403.08540"
    )
    use = "accuracy, or the mean of many tasks, against the loss of the same models"
    outcome = "accuracy"
    verified = "overtraining"
    inputs = (Input("loss", "nats per token", "loss L of the model", reference=3.0, spread=2.0),)
    parameters = (
        Parameter(
            "floor", "1 - \\varepsilon", "accuracy of a model with a very high loss", "unit", "floor",
            Prior("logitnormal", median=0.2, upper95=0.6), "fraction", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "share", "s", "share of the way from the floor to 1 at the reference loss", "unit", "offset",
            Prior("logitnormal", median=0.2, upper95=0.7), "fraction", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "decay", "\\gamma", "logarithm of accuracy above the floor that is lost per nat", "positive", "slope",
            Prior("lognormal", median=1.0, upper95=3.0), "per nat", "complete", Prior("halfnormal", upper95=0.5),
        ),
    )  # fmt: skip
    published = {
        f"gadre2024_{corpus}": Constants(
            dict(zip(("epsilon", "k", "gamma"), values, strict=True)),
            "Gadre et al. (2024), arXiv:2403.08540",
            f"mean of 17 tasks of models trained on {name}, against the loss on C4's validation set",
            name,
        )
        for corpus, name, values in (
            ("c4", "C4", (0.850, 2.08, 0.756)),
            ("redpajama", "RedPajama", (0.857, 2.21, 0.715)),
            ("refinedweb", "RefinedWeb", (0.865, 2.21, 0.707)),
        )
    }
    published_symbols = {"epsilon": "\\varepsilon", "k": "k", "gamma": "\\gamma"}

    def mean(self, xp: Backend, *, loss: Any, floor: Any, share: Any, decay: Any) -> Any:
        """Return the accuracy as a fraction, shape ``(..., row)``."""
        log_share = xp.log(share) - decay * (loss - self.reference["loss"])
        return floor + (1 - floor) * xp.exp(xp.minimum(log_share, 0.0))

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return epsilon, k and gamma of the top-1 error, as in the paper."""
        epsilon = 1 - sampled["floor"]
        k = epsilon * sampled["share"] * xp.exp(sampled["decay"] * self.reference["loss"])
        return {"epsilon": epsilon, "k": k, "gamma": sampled["decay"]}

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from epsilon, k and gamma."""
        gone = published["k"] * xp.exp(-published["gamma"] * self.reference["loss"])
        return {"floor": 1 - published["epsilon"], "share": gone / published["epsilon"], "decay": published["gamma"]}
