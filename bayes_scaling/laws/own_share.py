"""Loss on one domain of the training mixture: its own share with saturation, the others as in the mixing law."""

from __future__ import annotations

from typing import Any

from bayes_scaling.errors import CardError, did_you_mean, listed
from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Input, Law, Parameter, Prior
from bayes_scaling.laws.mixing import DOMAINS, Mixing, refuse_shares, share_of
from bayes_scaling.laws.parts import distinct_names, refuse_options

_SIZE = Input("params", "count", "parameters N", reference=1e9)


def _inputs(domains: tuple[str, ...]) -> tuple[Input, ...]:
    return (_SIZE, *Mixing().with_options(domains=list(domains)).inputs)


def _parameters(domains: tuple[str, ...]) -> tuple[Parameter, ...]:
    """Return level, own term and a slope per domain."""
    return (
        Parameter(
            "level", "L_0", "loss at the reference size and equal proportions, own share apart", "positive",
            "amplitude", Prior("lognormal", median=2.5, upper95=5.0), "nats", "partial",
            Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "alpha", "\\alpha", "exponent of size", "positive", "exponent",
            Prior("lognormal", median=0.1, upper95=0.3), group_sd=Prior("halfnormal", upper95=0.2),
        ),
        Parameter(
            "own", "b", "exponent of the own share at the reference size", "positive", "exponent",
            Prior("lognormal", median=0.08, upper95=0.3), group_sd=Prior("halfnormal", upper95=0.3),
        ),
        Parameter(
            "own_size", "\\delta", "exponent of size in it", "real", "exponent", Prior("normal", mean=0.0, sd=0.1),
            group_sd=Prior("halfnormal", upper95=0.1),
        ),
        Parameter(
            "knee", "r_0", "own share from which on more of it counts by its logarithm", "positive", "offset",
            Prior("lognormal", median=0.03, upper95=0.3), "fraction", group_sd=Prior("halfnormal", upper95=0.7),
        ),
        *(
            Parameter(
                f"t_{d}", f"t_{{{d}}}", f"what {d} adds to the log of the loss", "real", "slope",
                Prior("normal", mean=0.0, sd=0.15), group_sd=Prior("halfnormal", upper95=0.1),
            )
            for d in domains
        ),
    )  # fmt: skip


class OwnShare(Law):
    r"""Loss on a domain of the mixture, falling with the logarithm of its own share once that is above a knee.

    Ye et al. (2024) make the log of the reducible loss linear in all proportions. A domain's own share does most, and
    most at its first percents, which no exponential of it follows: here it enters as a power of
    :math:`1 + r_{own} / r_0`; the others, and what own data do beyond that, as in the mixing law. The power of the own
    share is ours. Proportions sum to 1, so that only differences of :math:`t_j` are in the data.

    Options: ``domains``, names of the training domains, whose proportions are in columns ``p_NAME``; ``own``, the one
    that the loss is measured on (the first, unless stated). A model of one outcome is of one domain.
    """

    name = "own_share"
    title = "Loss on one training domain from the proportions of all"
    formula = (
        r"L(N, r) = L_0 N^{-\alpha} \left(1 + \frac{r_{own}}{r_0}\right)^{-b N^{\delta}}"
        r" \exp\left(\sum_j t_j (r_j - 1 / K)\right)"
    )
    citation = Citation(
        "Ye et al.", 2024,
        "Data Mixing Laws: Optimizing Data Mixtures by Predicting Language Modeling Performance, eq. 7; the power of "
        "the own share is of this package", "2403.16952",
    )  # fmt: skip
    use = "what more of a domain in training does to the loss on it, from none at all on"
    outcome = "loss"
    verified = "mixtures"
    domains: tuple[str, ...] = DOMAINS
    inputs = _inputs(DOMAINS)
    parameters = _parameters(DOMAINS)

    @property
    def own(self) -> str:
        """Name of the domain that the loss is measured on."""
        return str(self.options.get("own", self.domains[0]))

    def with_options(self, **options: Any) -> Law:
        """Return the law with other training domains, or for the loss on another of them.

        Raises
        ------
        CardError
            Unknown option, fewer than two domains, names that repeat, a domain that is none of them.
        """
        refuse_options(self.name, options, ["domains", "own"])
        chosen = {**self.options, **options}
        domains = distinct_names(self.name, "domains", chosen.get("domains", list(DOMAINS)), fewest=2)
        if "own" in chosen and chosen["own"] not in domains:
            raise CardError(
                f"own_share: own = {chosen['own']!r}; expected one of {listed(domains)}."
                + did_you_mean(str(chosen["own"]), domains)
            )
        other = type(self)()
        other.domains, other.options = domains, chosen
        other.inputs = other.declared = _inputs(other.domains)
        other.parameters = _parameters(other.domains)
        return self.carried_to(other)

    def check_values(self, frame: Any) -> None:
        """Raise DataError where proportions do not sum to 1."""
        refuse_shares(self.name, frame, self.domains)

    def example(self, rows: int = 24) -> dict[str, list[float]]:
        """Return sizes about the reference, and mixtures."""
        size = super().example(rows)["params"]
        return {"params": size, **Mixing().with_options(domains=list(self.domains)).example(rows)}

    def mean(
        self, xp: Backend, *, params: Any, level: Any, alpha: Any, own: Any, own_size: Any, knee: Any, **values: Any
    ) -> Any:
        """Return the loss in nats per token, shape ``(..., row)``."""
        size = xp.log(params / self.reference["params"])
        total = xp.log(level) - alpha * size
        total = total - own * xp.exp(own_size * size) * xp.log1p(values[share_of(self.own)] / knee)
        for domain in self.domains:
            total = total + values[f"t_{domain}"] * (values[share_of(domain)] - 1 / len(self.domains))
        return xp.exp(total)
