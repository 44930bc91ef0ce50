"""Loss of language models trained with differential privacy."""

from __future__ import annotations

from typing import Any

from bayes_scaling.data.columns import FLOP_PER_PARAM_TOKEN
from bayes_scaling.errors import CardError
from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Input, Law, Parameter, Prior, Quantity
from bayes_scaling.laws.chinchilla import Chinchilla
from bayes_scaling.laws.optimum import minimum
from bayes_scaling.laws.parts import refuse_options

SEQUENCE = 512
"""Tokens of an example in the paper."""
CENTRE, WIDTH = -8.0, 1.6
"""Log of the noise-batch ratio at which its effect is half of what it can be, and on which scale it grows (eq. 4)."""
_NOISE = Input(
    "noise_batch_ratio", "1",
    "standard deviation of the noise on the mean gradient of a batch, over the norm that gradients are clipped to",
    reference=1e-4,
)  # fmt: skip
_COMPUTE = Input("compute", "FLOP", "training compute 6 M x tokens")
_WHERE = "arXiv:2501.18914, figure 19"


class Private(Law):
    r"""Loss from size, examples and the noise of private training, equations 4 and 5 of McKenna et al. (2025).

    Noise that is added to gradients counts by its ratio to the batch, :math:`\bar\sigma`: the effect levels off as the
    ratio vanishes and as it overwhelms training. Sampled instead of C is the loss that noise adds at the reference
    size and ratio. The paper's best fit has :math:`\alpha = 0.47`, :math:`\beta = 0.12`, :math:`\gamma = 0.95` and
    :math:`\alpha_2 = -0.07` (its other constants are not printed): below zero, larger models suffer more from the same
    noise. Without noise it is Chinchilla's law in examples.

    Which ratio a privacy budget needs is not part of the law: it follows from budget, number of examples, batch size
    and steps by an accountant, such as the package dp-accounting.

    Option ``sequence``: tokens of an example, by which the best size of a budget is found (512 unless stated).
    """

    name = "private"
    title = "Loss of models trained with differential privacy"
    formula = (
        r"L(M, N, \bar\sigma) = E + A\,M^{-\alpha} + B\,N^{-\beta} + C\,s^{\gamma} M^{-\alpha_2}, \quad"
        r" s = \frac{1}{1 + \exp(-(\ln \bar\sigma + 8) / 1.6)}"
    )
    citation = Citation(
        "McKenna et al.", 2025, "Scaling Laws for Differentially Private Language Models, appendix E, eq. 4, 5",
        "2501.18914",
    )  # fmt: skip
    use = "what privacy costs in loss; which size to train privately at a compute budget"
    outcome = "loss"
    inputs = (
        Input("params", "count", "parameters M", reference=1e9),
        Input("examples", "count", "training examples N", reference=1e8, kind="count"),
        _NOISE,
    )
    parameters = (
        Parameter(
            "E", "E", "irreducible loss", "positive", "floor",
            Prior("lognormal", median=1.2, upper95=2.5), "nats", "partial", Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "A_ref", "A M_0^{-\\alpha}", "loss due to finite size at the reference size", "positive", "amplitude",
            Prior("lognormal", median=0.4, upper95=1.2), "nats", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Chinchilla.parameters[2],
        Parameter(
            "B_ref", "B N_0^{-\\beta}", "loss due to finite data at the reference examples", "positive", "amplitude",
            Prior("lognormal", median=0.6, upper95=2.0), "nats", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "beta", "\\beta", "exponent of examples", "positive", "exponent",
            Prior("lognormal", median=0.25, upper95=0.7), group_sd=Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "noise_ref", "C s_0^{\\gamma} M_0^{-\\alpha_2}", "loss due to noise at the reference size and ratio",
            "positive", "amplitude", Prior("lognormal", median=1.0, upper95=4.0), "nats", "partial",
            Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "gamma", "\\gamma", "exponent of the transformed noise-batch ratio", "positive", "exponent",
            Prior("lognormal", median=1.0, upper95=2.0), group_sd=Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "alpha_2", "\\alpha_2", "exponent of parameters in the loss due to noise", "real", "exponent",
            Prior("normal", mean=0.0, sd=0.15), group_sd=Prior("halfnormal", upper95=0.1),
        ),
    )  # fmt: skip
    published_symbols = {
        "E": "E", "A": "A", "alpha": "\\alpha", "B": "B", "beta": "\\beta", "C": "C", "gamma": "\\gamma",
        "alpha_2": "\\alpha_2",
    }  # fmt: skip
    quantities = (
        Quantity(
            "optimal_params", "parameters with the lowest loss at a compute and noise-batch ratio", "parameters",
            (_COMPUTE, _NOISE), _WHERE,
        ),
        Quantity(
            "optimal_examples", "examples that such a model is then trained on", "examples", (_COMPUTE, _NOISE), _WHERE
        ),
    )  # fmt: skip

    def with_options(self, **options: Any) -> Law:
        """Return the law with another number of tokens in an example.

        Raises
        ------
        CardError
            Unknown option, a length that is no positive whole number.
        """
        refuse_options(self.name, options, ["sequence"])
        length = options.get("sequence", self.sequence)
        if isinstance(length, bool) or not isinstance(length, int) or length < 1:
            raise CardError(f"{self.name}: sequence = {length!r}; expected a positive whole number of tokens.")
        other = type(self)()
        other.options = {} if length == SEQUENCE else {"sequence": length}
        return self.carried_to(other)

    @property
    def sequence(self) -> int:
        """Tokens of an example."""
        return int(self.options.get("sequence", SEQUENCE))

    def mean(
        self, xp: Backend, *, params: Any, examples: Any, noise_batch_ratio: Any, E: Any, A_ref: Any, alpha: Any,
        B_ref: Any, beta: Any, noise_ref: Any, gamma: Any, alpha_2: Any,
    ) -> Any:  # fmt: skip
        """Return the loss in nats per token, shape ``(..., row)``."""
        size = xp.log(params / self.reference["params"])
        data = xp.log(examples / self.reference["examples"])
        noise = self._log_share(xp, noise_batch_ratio) - self._log_share(xp, self.reference["noise_batch_ratio"])
        private = noise_ref * xp.exp(gamma * noise - alpha_2 * size)
        return E + A_ref * xp.exp(-alpha * size) + B_ref * xp.exp(-beta * data) + private

    def _log_share(self, xp: Backend, ratio: Any) -> Any:
        """Return the log of the transformed noise-batch ratio, equation 4: below 0."""
        return -xp.softplus(-(xp.log(ratio) - CENTRE) / WIDTH)

    def optimal_params(self, xp: Backend, *, compute: Any, noise_batch_ratio: Any, **sampled: Any) -> Any:
        """Return the parameters with the lowest loss, shape ``(..., row)``: one to as many as leave one example.

        The loss is a sum of exponentials of log size, which has one minimum.
        """
        most = compute / (FLOP_PER_PARAM_TOKEN * self.sequence)  # parameters times examples

        def loss(log_params: Any) -> Any:
            params = xp.exp(log_params)
            at = {"params": params, "examples": most / params, "noise_batch_ratio": noise_batch_ratio}
            return self.mean(xp, **at, **sampled)

        zero = 0.0 * loss(0.0)
        return xp.exp(minimum(loss, zero, zero + xp.log(most)))

    def optimal_examples(self, xp: Backend, *, compute: Any, noise_batch_ratio: Any, **sampled: Any) -> Any:
        """Return the examples of the run with the lowest loss, shape ``(..., row)``."""
        params = self.optimal_params(xp, compute=compute, noise_batch_ratio=noise_batch_ratio, **sampled)
        return compute / (FLOP_PER_PARAM_TOKEN * self.sequence * params)

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return E, A, alpha, B, beta, C, gamma and alpha_2 as in the paper (counts)."""
        shape = {name: sampled[name] for name in ("E", "alpha", "beta", "gamma", "alpha_2")}
        scale = self._log_scales(xp, shape)
        return {
            "A": sampled["A_ref"] * xp.exp(scale["A"]), "B": sampled["B_ref"] * xp.exp(scale["B"]),
            "C": sampled["noise_ref"] * xp.exp(scale["C"]), **shape,
        }  # fmt: skip

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from the paper's constants."""
        shape = {name: published[name] for name in ("E", "alpha", "beta", "gamma", "alpha_2")}
        scale = self._log_scales(xp, shape)
        return {
            "A_ref": published["A"] * xp.exp(-scale["A"]), "B_ref": published["B"] * xp.exp(-scale["B"]),
            "noise_ref": published["C"] * xp.exp(-scale["C"]), **shape,
        }  # fmt: skip

    def _log_scales(self, xp: Backend, shape: dict[str, Any]) -> dict[str, Any]:
        """Return the logs of A, B and C over the losses at the reference point."""
        size, data = xp.log(self.reference["params"]), xp.log(self.reference["examples"])
        share = self._log_share(xp, self.reference["noise_batch_ratio"])
        noise = shape["alpha_2"] * size - shape["gamma"] * share
        return {"A": shape["alpha"] * size, "B": shape["beta"] * data, "C": noise}
