"""Loss of translation models from the sizes of encoder and decoder."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Input, Law, Parameter, Prior, Quantity

_TOTAL = Input("params", "count", "parameters of encoder and decoder together")
_SHARE = Input(
    "encoder_share", "fraction", "share of these parameters in the encoder", kind="fraction", low=0.001, high=0.999
)


class EncoderDecoder(Law):
    r"""A product of two power laws, one of the encoder and one of the decoder, equation 2 of Ghorbani et al. (2021).

    The baseline sizes :math:`\bar N_e, \bar N_d` of the paper are the reference, where :math:`\alpha` is the
    reducible loss. Tokens are so many that they do not limit the loss. Since sizes enter as a product, the best split
    of a total size is the same at every size: the encoder's share is :math:`p_e / (p_e + p_d)`, and the loss there is a
    power law of the total with exponent :math:`p_e + p_d`. Each test set has constants of its own in the paper: give
    it as a group.
    """

    name = "encoder_decoder"
    title = "Loss from the sizes of encoder and decoder (translation)"
    formula = r"L(N_e, N_d) = \alpha\,(\bar N_e / N_e)^{p_e} (\bar N_d / N_d)^{p_d} + L_\infty"
    citation = Citation("Ghorbani et al.", 2021, "Scaling Laws for Neural Machine Translation, eq. 2", "2109.07740")
    use = "how to split parameters between encoder and decoder, and the loss that this gives"
    outcome = "loss"
    inputs = (
        Input("encoder_params", "count", "parameters of the encoder N_e", reference=1e8, kind="count", low=1e4),
        Input("decoder_params", "count", "parameters of the decoder N_d", reference=1e8, kind="count", low=1e4),
    )
    parameters = (
        Parameter(
            "E", "L_\\infty", "irreducible loss", "positive", "floor",
            Prior("lognormal", median=1.0, upper95=2.5), "nats", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "A_ref", "\\alpha", "reducible loss at the reference sizes", "positive", "amplitude",
            Prior("lognormal", median=0.5, upper95=1.5), "nats", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "p_e", "p_e", "exponent of the encoder", "positive", "exponent",
            Prior("lognormal", median=0.2, upper95=0.6), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.3),
        ),
        Parameter(
            "p_d", "p_d", "exponent of the decoder", "positive", "exponent",
            Prior("lognormal", median=0.2, upper95=0.6), pooling="complete",
            group_sd=Prior("halfnormal", upper95=0.3),
        ),
    )  # fmt: skip
    published_symbols = {"L_inf": "L_\\infty", "alpha": "\\alpha", "p_e": "p_e", "p_d": "p_d"}
    quantities = (
        Quantity(
            "best_encoder_share", "share of the parameters in the encoder with the lowest loss, the same at every size",
            "fraction", (), "arXiv:2109.07740, p_e / (p_e + p_d)",
        ),
        Quantity("best_split_loss", "loss at the best split of a total size", "nats", (_TOTAL,), "arXiv:2109.07740"),
        Quantity(
            "split_cost", "loss at a share of the encoder over that at the best split", "nats", (_TOTAL, _SHARE),
            "arXiv:2109.07740",
        ),
    )  # fmt: skip

    def mean(
        self, xp: Backend, *, encoder_params: Any, decoder_params: Any, E: Any, A_ref: Any, p_e: Any, p_d: Any
    ) -> Any:
        """Return the loss in nats per token, shape ``(..., row)``."""
        encoder = xp.log(encoder_params / self.reference["encoder_params"])
        decoder = xp.log(decoder_params / self.reference["decoder_params"])
        return E + A_ref * xp.exp(-p_e * encoder - p_d * decoder)

    def best_encoder_share(self, xp: Backend, *, p_e: Any, p_d: Any, **others: Any) -> Any:
        """Return the encoder's share of the parameters with the lowest loss, shape ``(..., row)``."""
        return p_e / (p_e + p_d)

    def best_split_loss(self, xp: Backend, *, params: Any, **sampled: Any) -> Any:
        """Return the loss at the best split of a total size, shape ``(..., row)``."""
        return self._at_share(xp, params, self.best_encoder_share(xp, **sampled), sampled)

    def split_cost(self, xp: Backend, *, params: Any, encoder_share: Any, **sampled: Any) -> Any:
        """Return what a share of the encoder costs against the best one, in nats, shape ``(..., row)``."""
        return self._at_share(xp, params, encoder_share, sampled) - self.best_split_loss(xp, params=params, **sampled)

    def _at_share(self, xp: Backend, params: Any, share: Any, sampled: dict[str, Any]) -> Any:
        """Return the loss of a total size of which the encoder has a share."""
        return self.mean(xp, encoder_params=share * params, decoder_params=(1 - share) * params, **sampled)

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return the paper's names; alpha is that at the reference sizes as baseline."""
        return {"L_inf": sampled["E"], "alpha": sampled["A_ref"], "p_e": sampled["p_e"], "p_d": sampled["p_d"]}

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters; state the paper's baseline sizes with ``law.at`` first."""
        return {
            "E": published["L_inf"],
            "A_ref": published["alpha"],
            "p_e": published["p_e"],
            "p_d": published["p_d"],
        }
