"""Repeated data, and what few tokens cost however often they are new."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Law, Parameter, Prior
from bayes_scaling.laws.chinchilla import with_beta_tied
from bayes_scaling.laws.data_constrained import DataConstrained


class DataSteps(Law):
    r"""The law of repeated data with a term of its own for short training.

    Muennighoff et al. (2023) give one term to data, in effective tokens. Here a second falls with the tokens seen,
    repeats included (:math:`C D^{-\gamma}`): what few updates cost, whatever the data. On their runs it takes the steep
    start, and leaves a flatter law of data. The added term is ours.
    """

    name = "data_steps"
    title = "Loss from parameters, unique tokens and tokens seen, with a term of short training"
    formula = r"L = E + A N'^{-\alpha} + B D'^{-\beta} + C D^{-\gamma}"
    citation = Citation(
        "Muennighoff et al.", 2023,
        "Scaling Data-Constrained Language Models, eq. 5 and 6; the last term is of this package", "2305.16264",
    )  # fmt: skip
    use = "value of repeated data where runs are short"
    outcome = "loss"
    verified = "datablations"
    inputs = DataConstrained.inputs
    parameters = (
        *DataConstrained.parameters,
        Parameter(
            "C_ref", "C D_0^{-\\gamma}", "loss due to short training at the reference tokens", "positive", "amplitude",
            Prior("lognormal", median=0.05, upper95=0.3), "nats", "partial", Prior("halfnormal", upper95=0.5),
        ),
        Parameter(
            "gamma", "\\gamma", "exponent of the tokens seen", "positive", "exponent",
            Prior("lognormal", median=0.7, upper95=1.5), group_sd=Prior("halfnormal", upper95=0.2),
        ),
    )  # fmt: skip
    prior_sets = DataConstrained.prior_sets
    quantities = DataConstrained.quantities

    @property
    def repeated(self) -> DataConstrained:
        """The law without the term of short training, at the same reference."""
        law = DataConstrained()
        law.reference, law.options = dict(self.reference), dict(self.options)
        return law

    def with_options(self, **options: Any) -> Law:
        """Return the law with its exponents alpha and beta tied or free, as those of Chinchilla's law."""
        return with_beta_tied(self, options)

    def mean(self, xp: Backend, *, params: Any, tokens: Any, unique_tokens: Any, **sampled: Any) -> Any:
        """Return the loss in nats per token, shape ``(..., row)``."""
        own = {k: v for k, v in sampled.items() if k not in ("C_ref", "gamma")}
        data = self.repeated.mean(xp, params=params, tokens=tokens, unique_tokens=unique_tokens, **own)
        return data + sampled["C_ref"] * xp.power(tokens / self.reference["tokens"], -sampled["gamma"])

    def effective_tokens(self, xp: Backend, **given: Any) -> Any:
        """Return the effective tokens D', shape ``(..., row)``; in the term of data alone."""
        return self.repeated.effective_tokens(xp, **given)

    def effective_params(self, xp: Backend, **given: Any) -> Any:
        """Return the effective parameters N', shape ``(..., row)``."""
        return self.repeated.effective_params(xp, **given)

    def epoch_value(self, xp: Backend, **given: Any) -> Any:
        """Return what the last of so many epochs adds to the effective tokens, in unique tokens, shape (..., row)."""
        return self.repeated.epoch_value(xp, **given)

    def check_values(self, frame: Any) -> None:
        """Raise DataError where more tokens are unique than were seen."""
        DataConstrained().check_values(frame)

    def example(self, rows: int = 24) -> dict[str, list[float]]:
        """Return values with 1 to 64 epochs of the unique tokens."""
        return self.repeated.example(rows)
