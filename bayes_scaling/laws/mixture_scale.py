"""Loss from size, tokens and the proportions of training domains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bayes_scaling.errors import CardError
from bayes_scaling.laws.backend import Backend, numpy_backend
from bayes_scaling.laws.base import Citation, Input, Law, Parameter, Prior, Quantity
from bayes_scaling.laws.chinchilla import Chinchilla, chinchilla_at
from bayes_scaling.laws.mixing import DOMAINS, Mixing, best_share, positions_of, refuse_shares, share_of
from bayes_scaling.laws.parts import distinct_names, refuse_options
from bayes_scaling.laws.simplex import lowest

NOTHING = -800.0  # log of what a domain without share adds: far below any sum of the others, and a number
_SIZE, _TOKENS = Chinchilla.inputs
_A_REF, _ALPHA, _B_REF, _BETA = Chinchilla.parameters[1:]


def _inputs(domains: tuple[str, ...]) -> tuple[Input, ...]:
    return (*Mixing().with_options(domains=list(domains)).inputs, _SIZE, _TOKENS)


def _of_domain(like: Parameter, domain: str) -> Parameter:
    """Return an amplitude of Chinchilla's law as that of models trained on one domain alone."""
    letter = like.name[0]
    return Parameter(
        f"{like.name}_{domain}", f"{letter}_{{{domain}}}", f"{like.meaning}, trained on {domain} alone", like.support,
        like.role, like.prior, like.unit, like.pooling, like.group_sd,
    )  # fmt: skip


def _power(letter: str, of: str) -> Parameter:
    return Parameter(
        f"power_{letter}", f"\\gamma_{letter}", f"exponent of the mean over domains of the loss due to finite {of}",
        "positive", "shape", Prior("lognormal", median=1.0, upper95=3.0), group_sd=Prior("halfnormal", upper95=0.5),
    )  # fmt: skip


def _parameters(domains: tuple[str, ...], joint: bool) -> tuple[Parameter, ...]:
    """Return the floor, what domains help against the bias, and the terms of size and tokens."""
    even = 0.5 * len(domains)  # so that the loss of the wrong mixture is about 0.5 at equal proportions
    help_of = [
        Parameter(
            f"bias_{d}", f"K^{{\\gamma}} / C_{{{d}}}",
            f"loss due to the mixture at equal proportions if only {d} helped",
            "positive", "amplitude", Prior("lognormal", median=even, upper95=10 * even), "nats", "partial",
            Prior("halfnormal", upper95=0.5),
        )
        for d in domains
    ]  # fmt: skip
    returns = [
        Parameter(
            f"gamma_{d}", f"\\gamma_{{{d}}}", f"exponent of the proportion of {d} in what it helps", "positive",
            "exponent", Prior("lognormal", median=0.4, upper95=1.5), group_sd=Prior("halfnormal", upper95=0.2),
        )
        for d in domains
    ]  # fmt: skip
    floor = Parameter(
        "E", "E", "irreducible loss of the best mixture there could be", "positive", "floor",
        Prior("lognormal", median=1.2, upper95=2.5), "nats", "partial", Prior("halfnormal", upper95=0.2),
    )  # fmt: skip
    if not joint:
        return (floor, *help_of, *returns, _A_REF, _ALPHA, _B_REF, _BETA)
    size = [_of_domain(_A_REF, d) for d in domains]
    data = [_of_domain(_B_REF, d) for d in domains]
    return (
        floor, *help_of, *returns, *size, _power("A", "size"), _ALPHA, *data, _power("B", "data"), _BETA,
    )  # fmt: skip


_BIAS = r"L(N, D, h) = E + \frac{1}{\sum_i C_i h_i^{\gamma_i}} + "
FORMULAS = {
    False: _BIAS + r"A\,N^{-\alpha} + B\,D^{-\beta}",
    True: _BIAS + r"\left(\sum_i C^A_i h_i\right)^{\gamma_A} N^{-\alpha}"
    r" + \left(\sum_i C^B_i h_i\right)^{\gamma_B} D^{-\beta}",
}


def _quantities(domains: tuple[str, ...], joint: bool) -> tuple[Quantity, ...]:
    return (best_share(domains, "loss", "arXiv:2507.09404, section 5", (_SIZE, _TOKENS) if joint else ()),)


class MixtureScale(Law):
    r"""Chinchilla's law above a bias that depends on the mixture, equations 2.4 and 2.5 of Shukor et al. (2025).

    The loss is on one target domain, which need not be one of those in training. Sampled instead of :math:`C_i` is the
    bias at equal proportions if only that domain helped, :math:`K^{\gamma_i} / C_i`, in nats: inverses of the biases
    add up. A domain without share adds nothing.

    Options: ``domains``, names of the training domains, whose proportions are in columns ``p_NAME``; ``joint`` (false
    unless stated), the law in which also the terms of size and tokens depend on the mixture, as means over domains of
    what training on each alone would give, :math:`A_i = (C^A_i)^{\gamma_A}`. With equal :math:`A_i` and equal
    :math:`B_i` it is the additive law. The best mixture of the additive law is the same at every scale; that of the
    joint law is asked at a size and tokens. Where a :math:`\gamma_i` is above 1, or :math:`\gamma_A` or
    :math:`\gamma_B` below it, the loss may have several minima in the mixture: the lowest of those below a start for
    every domain is given.

    The additive law was fitted to real runs. The joint one has four parameters per domain, and its powers are hardly
    in data in which the :math:`A_i` are close to each other: on the same runs its chains did not agree (R-hat 1.2, in
    :math:`\gamma_A`). Give these powers narrower priors, or many mixtures at very different sizes and tokens.
    """

    name = "mixture_scale"
    title = "Loss from size, tokens and the proportions of training domains"
    formula = FORMULAS[False]
    citation = Citation(
        "Shukor et al.", 2025, "Scaling Laws for Optimal Data Mixtures, eq. 2.4 (additive), 2.5 (joint)", "2507.09404"
    )
    use = "which mixture of domains to train on for a target, at a size and tokens that were not tried"
    outcome = "loss"
    verified = "mixtures_five"
    domains: tuple[str, ...] = DOMAINS
    inputs = _inputs(DOMAINS)
    parameters = _parameters(DOMAINS, joint=False)
    quantities = _quantities(DOMAINS, joint=False)

    @property
    def joint(self) -> bool:
        """Whether the terms of size and tokens depend on the mixture."""
        return bool(self.options.get("joint", False))

    def with_options(self, **options: Any) -> Law:
        """Return the law with other training domains, or in its joint form.

        Raises
        ------
        CardError
            Unknown option, fewer than two domains, names that repeat, ``joint`` that is neither true nor false.
        """
        refuse_options(self.name, options, ["domains", "joint"])
        chosen = {**self.options, **options}
        joint = chosen.get("joint", False)
        if not isinstance(joint, bool):
            raise CardError(f"{self.name}: joint = {joint!r}; expected true or false.")
        other = type(self)()
        other.domains = distinct_names(self.name, "domains", chosen.get("domains", list(DOMAINS)), fewest=2)
        other.options = {k: v for k, v in chosen.items() if v != {"domains": list(DOMAINS), "joint": False}[k]}
        other.inputs = other.declared = _inputs(other.domains)
        other.parameters = _parameters(other.domains, joint)
        other.formula, other.quantities = FORMULAS[joint], _quantities(other.domains, joint)
        return self.carried_to(other)

    def check_values(self, frame: Any) -> None:
        """Raise DataError where proportions do not sum to 1."""
        refuse_shares(self.name, frame, self.domains)

    def example(self, rows: int = 24) -> dict[str, list[float]]:
        """Return mixtures, with sizes and tokens about their references."""
        return {**super().example(rows), **Mixing().with_options(domains=list(self.domains)).example(rows)}

    def bias(self, xp: Backend, **values: Any) -> Any:
        """Return the loss due to the mixture in nats per token, shape ``(..., row)``."""
        helps: Any = None
        for d in self.domains:
            share = values[share_of(d)]
            some = xp.where(share > 0, share, 1.0)  # any number where the other branch is taken
            log_part = xp.where(share > 0, values[f"gamma_{d}"] * xp.log(len(self.domains) * some), NOTHING)
            log_part = log_part - xp.log(values[f"bias_{d}"])
            helps = log_part if helps is None else xp.logaddexp(helps, log_part)
        return xp.exp(-helps)

    def _over_domains(self, xp: Backend, letter: str, values: Mapping[str, Any]) -> Any:
        """Return an amplitude as the mean of given power over domains, shape ``(..., row)``."""
        if not self.joint:
            return values[f"{letter}_ref"]
        power = values[f"power_{letter}"]
        total: Any = None
        for d in self.domains:
            share = values[share_of(d)]
            log_share = xp.where(share > 0, xp.log(xp.where(share > 0, share, 1.0)), NOTHING)
            log_part = log_share + xp.log(values[f"{letter}_ref_{d}"]) / power
            total = log_part if total is None else xp.logaddexp(total, log_part)
        return xp.exp(power * total)

    def mean(self, xp: Backend, *, params: Any, tokens: Any, E: Any, alpha: Any, beta: Any, **values: Any) -> Any:
        """Return the loss in nats per token, shape ``(..., row)``."""
        return chinchilla_at(self).mean(
            xp, params=params, tokens=tokens, E=E + self.bias(xp, **values), alpha=alpha, beta=beta,
            A_ref=self._over_domains(xp, "A", values), B_ref=self._over_domains(xp, "B", values),
        )  # fmt: skip

    def optimal_share(self, xp: Backend, *, domain: Any, **values: Any) -> Any:
        """Return a domain's proportion in the mixture with the lowest loss, shape (draw, row)."""
        import numpy as np

        at = values if self.joint else {**values, **self.reference}  # on which the additive optimum does not depend
        shape = np.broadcast_shapes(np.shape(domain), *(np.shape(v) for v in at.values()))
        which = np.broadcast_to(positions_of(self.name, domain, self.domains), shape).ravel()
        every = np.stack([np.broadcast_to(v, shape).ravel() for v in at.values()], axis=1)
        once, back = np.unique(every, axis=0, return_inverse=True)  # one search for all domains that are asked of
        flat = {name: once[:, i : i + 1] for i, name in enumerate(at)}

        def loss(share: Any) -> Any:
            """Return losses, shape (point, mixture), at shares of shape (1 or point, mixture, domain)."""
            shares = {share_of(d): share[..., j] for j, d in enumerate(self.domains)}
            return self.mean(numpy_backend(), **shares, **flat)

        share = lowest(loss, len(once), len(self.domains))
        return share[back.ravel(), which].reshape(shape)

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return the paper's constants: E, C, gamma, A, alpha, B, beta; jointly CA and CB by domain (counts)."""
        found = {k: sampled[k] for k in ("E", "alpha", "beta")}
        for d in self.domains:
            found[f"gamma_{d}"] = sampled[f"gamma_{d}"]
            found[f"C_{d}"] = xp.power(float(len(self.domains)), sampled[f"gamma_{d}"]) / sampled[f"bias_{d}"]
        for letter, scale in self._scales(xp, sampled).items():
            if not self.joint:
                found[letter] = sampled[f"{letter}_ref"] * xp.exp(scale)
                continue
            power = found[f"power_{letter}"] = sampled[f"power_{letter}"]
            for d in self.domains:
                found[f"C{letter}_{d}"] = xp.exp((xp.log(sampled[f"{letter}_ref_{d}"]) + scale) / power)
        return found

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from the paper's constants."""
        found = {k: published[k] for k in ("E", "alpha", "beta")}
        for d in self.domains:
            found[f"gamma_{d}"] = published[f"gamma_{d}"]
            found[f"bias_{d}"] = xp.power(float(len(self.domains)), published[f"gamma_{d}"]) / published[f"C_{d}"]
        for letter, scale in self._scales(xp, published).items():
            if not self.joint:
                found[f"{letter}_ref"] = published[letter] * xp.exp(-scale)
                continue
            power = found[f"power_{letter}"] = published[f"power_{letter}"]
            for d in self.domains:
                found[f"{letter}_ref_{d}"] = xp.exp(power * xp.log(published[f"C{letter}_{d}"]) - scale)
        return found

    def _scales(self, xp: Backend, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the logs of what the references make of the amplitudes of size and tokens."""
        return {
            "A": values["alpha"] * xp.log(self.reference["params"]),
            "B": values["beta"] * xp.log(self.reference["tokens"]),
        }
