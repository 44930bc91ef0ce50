"""Loss on validation domains from the proportions of training domains."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bayes_scaling.errors import CardError, DataError, listed
from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Citation, Input, Law, Parameter, Prior, Quantity
from bayes_scaling.laws.parts import PRIMES, distinct_names, radical_inverse, refuse_options, refuse_rows
from bayes_scaling.laws.simplex import least

DOMAINS = ("web", "code", "books")
TOLERANCE = 1e-3  # of the sum of proportions, which tables round


def refuse_shares(law: str, frame: Any, domains: Sequence[str]) -> None:
    """Raise DataError at rows of which the proportions do not sum to 1; nothing where there are none."""
    shares = [share_of(d) for d in domains]
    rows = frame[shares].assign(sum=frame[shares].sum(axis=1))
    wrong = rows[(rows["sum"] - 1).abs() > TOLERANCE]
    refuse_rows(law, wrong, [*shares, "sum"], f"proportions that sum to 1 (within {TOLERANCE:g})")


def share_of(domain: str) -> str:
    """Return the column of a training domain's proportion."""
    return f"p_{domain}"


def best_share(domains: Sequence[str], least_of: str, source: str, further: Sequence[Input] = ()) -> Quantity:
    """Return the declaration of the best proportion of a domain, which is asked by its position."""
    which = ", ".join(f"{i} {d}" for i, d in enumerate(domains, 1))
    domain = Input(
        "domain", "rank", f"position of the training domain: {which}", kind="integer", low=1, high=len(domains)
    )
    meaning = f"proportion of a domain ({which}) in the mixture with the lowest {least_of}"
    return Quantity("optimal_share", meaning, "fraction", (domain, *further), source)


def _quantities(domains: tuple[str, ...]) -> tuple[Quantity, ...]:
    return (best_share(domains, "sum of losses", "arXiv:2403.16952, section 4"),)


def positions_of(law: str, domain: Any, domains: Sequence[str]) -> Any:
    """Return positions from 0 of domains that are asked of from 1, of their shape; CardError where one is none."""
    import numpy as np

    which = np.asarray(domain, dtype=int) - 1
    if (strange := which[(which < 0) | (which >= len(domains))]).size:
        raise CardError(f"{law}: optimal_share of domain {strange[0] + 1}; it has {listed(domains)}.")
    return which


def _inputs(domains: tuple[str, ...], targets: tuple[str, ...]) -> tuple[Input, ...]:
    """Return the proportions, and the validation domain of a row where there are several."""
    shares = [
        Input(share_of(d), "fraction", f"proportion of {d} in training", kind="fraction", low=0.0, high=1.0)
        for d in domains
    ]
    target = Input("target", "rank", "position of the validation domain, from 0", column="task")
    return (*shares, *([target] if targets else []))


def _parameters(domains: tuple[str, ...], targets: tuple[str, ...]) -> tuple[Parameter, ...]:
    """Return floor, amplitude and slopes of every validation domain."""
    found = []
    for end, of in [(f"_{t}", f" on {t}") for t in targets] or [("", "")]:
        found += [
            Parameter(
                f"c{end}", f"c{end}", f"irreducible loss{of}", "positive", "floor",
                Prior("lognormal", median=1.5, upper95=4.0), "nats", "partial", Prior("halfnormal", upper95=0.2),
            ),
            Parameter(
                f"k_ref{end}", f"k{end}", f"loss above it{of} at equal proportions", "positive", "amplitude",
                Prior("lognormal", median=0.5, upper95=2.0), "nats", "partial", Prior("halfnormal", upper95=0.5),
            ),
        ]  # fmt: skip
        found += [
            Parameter(
                f"t{end}_{d}", f"t_{{{(end[1:] + ', ') if end else ''}{d}}}", f"what {d} adds to the log of that{of}",
                "real", "slope", Prior("normal", mean=0.0, sd=3.0), "", "complete", Prior("halfnormal", upper95=1.0),
            )
            for d in domains
        ]  # fmt: skip
    return tuple(found)


class Mixing(Law):
    r"""Loss exponential in a linear combination of the proportions, equations 7 and 8 of Ye et al. (2024).

    :math:`t_{ij}` says what training domain j does to the loss on validation domain i. Proportions sum to 1, so that
    only differences of :math:`t_{ij}` over j are in the data, and :math:`k_i` is stated at equal proportions. Model
    size and tokens are the same in all rows of a fit.

    Options: ``domains``, names of the training domains, whose proportions are in columns ``p_NAME``; ``targets``, names
    of validation domains, in the column ``task``, each with constants of its own (without targets there is one). The
    optimum is that of the plain sum of losses over targets; it is the best single domain where there is one target,
    since the law is then monotone in every proportion.
    """

    name = "mixing"
    title = "Loss from the proportions of training domains (data mixing law)"
    formula = r"L_i(r) = c_i + k_i \exp\left(\sum_j t_{ij} r_j\right)"
    citation = Citation(
        "Ye et al.", 2024,
        "Data Mixing Laws: Optimizing Data Mixtures by Predicting Language Modeling Performance, eq. 7, 8",
        "2403.16952",
    )  # fmt: skip
    use = "which mixture of domains to train on"
    outcome = "loss"
    verified = "mixtures"
    domains: tuple[str, ...] = DOMAINS
    targets: tuple[str, ...] = ()
    inputs = _inputs(DOMAINS, ())
    parameters = _parameters(DOMAINS, ())
    quantities = _quantities(DOMAINS)

    def with_options(self, **options: Any) -> Law:
        """Return the law with other training domains or validation domains.

        Raises
        ------
        CardError
            Unknown option, fewer than two domains, names that repeat.
        """
        known = {"domains": list(DOMAINS), "targets": []}
        refuse_options(self.name, options, known)
        chosen: dict[str, Any] = {**known, **self.options, **options}
        other = type(self)()
        other.domains = distinct_names(self.name, "domains", chosen["domains"], fewest=2)
        other.targets = distinct_names(self.name, "targets", chosen["targets"], fewest=0)
        other.options = {k: list(v) for k, v in chosen.items() if list(v) != known[k]}
        other.inputs = _inputs(other.domains, other.targets)
        other.declared = other.inputs
        other.parameters = _parameters(other.domains, other.targets)
        other.quantities = _quantities(other.domains)
        return other

    def prepare(self, frame: Any) -> dict[str, Any]:
        """Return the position of each row's validation domain."""
        if not self.targets:
            return {}
        rank = {target: float(i) for i, target in enumerate(self.targets)}
        return {"target": frame["task"].map(rank).to_numpy(dtype=float)}

    def check_values(self, frame: Any) -> None:
        """Raise DataError where proportions do not sum to 1, or a validation domain is none of the targets."""
        refuse_shares(self.name, frame, self.domains)
        if self.targets:
            strange = sorted(set(map(str, frame["task"])) - set(self.targets))
            if strange:
                raise DataError(
                    f"law {self.name}: found task {listed(strange)}; expected one of the option targets, "
                    f"{listed(self.targets)}. Add it there, or leave these rows out."
                )

    def _ends(self) -> list[str]:
        """Return how the parameters of each validation domain end."""
        return [f"_{t}" for t in self.targets] or [""]

    def mean(self, xp: Backend, **values: Any) -> Any:
        """Return the loss in nats per token, shape ``(..., row)``."""
        even, found = 1 / len(self.domains), None
        for i, end in enumerate(self._ends()):
            power = sum(values[f"t{end}_{d}"] * (values[share_of(d)] - even) for d in self.domains)
            loss = values[f"c{end}"] + values[f"k_ref{end}"] * xp.exp(power)
            found = loss if found is None else xp.where(values["target"] > i - 0.5, loss, found)
        return found

    def optimal_share(self, xp: Backend, *, domain: Any, **values: Any) -> Any:
        """Return a domain's proportion in the mixture with the lowest sum of losses over targets, shape (draw, row)."""
        import numpy as np

        slopes = [[values[f"t{end}_{d}"] for d in self.domains] for end in self._ends()]
        sizes = [values[f"k_ref{end}"] for end in self._ends()]
        shape = np.broadcast_shapes(*(np.shape(v) for v in (*sizes, *(s for row in slopes for s in row), domain)))
        t = np.stack([np.stack([np.broadcast_to(s, shape).ravel() for s in row], -1) for row in slopes], -2)
        k = np.stack([np.broadcast_to(s, shape).ravel() for s in sizes], -1)  # t: (point, target, domain)

        def value(share: Any) -> tuple[Any, Any, Any]:
            loss = k * np.exp(np.einsum("ptd,pd->pt", t, share - 1 / len(self.domains)))
            slope = np.einsum("pt,ptd->pd", loss, t)
            return loss.sum(axis=1), slope, np.einsum("pt,ptd,pte->pde", loss, t, t)

        which = np.broadcast_to(positions_of(self.name, domain, self.domains), shape).ravel()
        share = least(value, len(k), len(self.domains))
        return np.take_along_axis(share, which[:, None], axis=1)[:, 0].reshape(shape)

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return c, k and t as in the paper, where k is that at proportions of zero."""
        found: dict[str, Any] = dict(sampled)
        for end in self._ends():
            found[f"k{end}"] = found.pop(f"k_ref{end}") * xp.exp(-self._even(sampled, end))
        return found

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from c, k and t."""
        found: dict[str, Any] = dict(published)
        for end in self._ends():
            found[f"k_ref{end}"] = found.pop(f"k{end}") * xp.exp(self._even(published, end))
        return found

    def _even(self, values: Mapping[str, Any], end: str) -> Any:
        """Return the exponent at equal proportions."""
        return sum(values[f"t{end}_{d}"] for d in self.domains) / len(self.domains)

    def example(self, rows: int = 24) -> dict[str, list[float]]:
        """Return mixtures spread over the simplex, and the validation domains in turn."""
        made = [[-math.log(radical_inverse(i + 1, base)) for base in PRIMES[: len(self.domains)]] for i in range(rows)]
        shares = [[v / sum(row) for v in row] for row in made]
        found: dict[str, list[Any]] = {share_of(d): [r[j] for r in shares] for j, d in enumerate(self.domains)}
        if self.targets:
            found["task"] = [self.targets[i % len(self.targets)] for i in range(rows)]
        return found
