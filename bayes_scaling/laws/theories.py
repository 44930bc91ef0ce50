"""What theories say of exponents, as prior sets: each theory once, for laws that name their exponents differently."""

from __future__ import annotations

from typing import Any

from bayes_scaling.laws.parts import Quantity
from bayes_scaling.laws.prior import Prior
from bayes_scaling.laws.prior_sets import Argument, PriorSet

DATA = ("tokens", "unique_tokens", "seen")
"""Columns that count data; ``seen`` along training does where little of it repeats."""
SIZE = ("params", "active_params", "matmul_params")
"""Columns that count parameters."""
HALF = 0.5
"""Exponent of compute over that of size and data, where both exponents are alike and both grow in proportion."""

_MANIFOLD = "Networks interpolate a smooth function on a data manifold of dimension d, and resolution limits the loss: "
_DIMENSION = "Sharma and Kaplan (2020), arXiv:2004.10802; for data too, Bahri et al. (2021), arXiv:2102.06701; "
_BAHRI = "Bahri et al. (2021), arXiv:2102.06701, section 2; "


def _near(middle: float, upper: float, shares: dict[str, float]) -> dict[str, Prior]:
    """Return a prior for each exponent, at its share of what the theory says."""
    return {n: Prior("lognormal", median=middle * s, upper95=upper * s) for n, s in shares.items()}


def intrinsic_dimension(told: str, *, columns: tuple[str, ...] = (), **shares: float) -> PriorSet:
    """Return the set of exponents near 4 / d.

    Parameters
    ----------
    told : str
        What it says of the law's exponents.
    columns : tuple of str
        As of :class:`PriorSet`.
    **shares : float
        By exponent: how much of 4 / d it is.
    """
    return PriorSet(
        f"{_MANIFOLD}{told}.", f"{_DIMENSION}the spread (5 % above 1.5 times) is ours", _near(4.0, 6.0, shares),
        argument=Argument("intrinsic dimension d of the data"), columns=columns,
    )  # fmt: skip


DIMENSION = Quantity(
    "intrinsic_dimension", "dimension d of the data manifold, if resolution limits the loss: 4 / alpha, of compute 2 / "
    "alpha", "", (), "Sharma and Kaplan (2020), arXiv:2004.10802",
)  # fmt: skip


def dimension(exponent: Any, column: str) -> Any:
    """Return the intrinsic dimension at which resolution limits the loss with this exponent, of its shape: 4 / alpha.

    Of compute it is 2 / alpha: the exponent of size and data, which then grow in proportion, is twice as large.
    """
    return 4.0 * (HALF if column == "compute" else 1.0) / exponent


def superposition(told: str, *, columns: tuple[str, ...] = (), **shares: float) -> PriorSet:
    """Return the set of an exponent of one in the width; arguments as of :func:`intrinsic_dimension`."""
    return PriorSet(
        f"Features share too few dimensions, and their overlap falls inversely with the width: {told} one over "
        "the power of width that parameters grow with (2.52 along Chinchilla's models, 3 at a fixed shape).",
        "Liu, Liu and Gore (2025), arXiv:2505.10465 (measured in width: 0.91 +- 0.04); the spread (5 % above 1.25 "
        "times) is ours",
        _near(1.0, 1.25, shares),
        argument=Argument("power of width that parameters grow with", default=2.52), columns=columns,
    )  # fmt: skip


def one_half(told: str, *, columns: tuple[str, ...] = (), **shares: float) -> PriorSet:
    """Return the set of exponents near 1/2; arguments as of :func:`intrinsic_dimension`."""
    return PriorSet(
        f"Approximation by two-layer networks and convergence of first-order methods: {told}.",
        "Hoffmann et al. (2022), arXiv:2203.15556, appendix D.3; the spread (5 % above 1.3 times) is ours",
        _near(0.5, 0.65, shares), columns=columns,
    )  # fmt: skip


def ties(of_size: str, of_data: str, told: str = "") -> dict[str, PriorSet]:
    """Return the sets that tie the exponent of data to that of size (:mod:`bayes_scaling.laws.ties`).

    Parameters
    ----------
    of_size, of_data : str
        Names of both exponents.
    told : str
        What follows where they are alike.
    """
    return {
        "symmetric": PriorSet(
            f"Parameters and tokens limit the loss alike: {of_data} equals {of_size}{told}.",
            "Maloney, Roberts and Sully (2022), arXiv:2210.16859; Bahri et al. (2021), arXiv:2102.06701 (duality)",
            options={"exponents": "equal"},
        ),
        "quanta": PriorSet(
            "Skills are learned whole, in the order of a power law of their frequencies: "
            f"{of_data} is {of_size} / (1 + {of_size}).",
            "Michaud et al. (2023), arXiv:2303.13506",
            options={"exponents": "quanta"},
        ),
    }


# ---- the four regimes of Bahri et al. (2021), for laws of one scale -------------------------------

_ANY_MANIFOLD = Prior("lognormal", median=0.2, upper95=0.8)  # 4 / d, 5 % of d below 5, 5 % above 80
_VARIANCE = Prior("lognormal", median=1.0, upper95=1.25)


def resolution_limited(exponent: str) -> PriorSet:
    """Return the set of an exponent of data or size near 4 / d, where d is not known."""
    return PriorSet(
        f"{_MANIFOLD}{exponent} is about 4 / d, whether data or parameters are few beside the other; d is not known, "
        "from 5 to 80 with 90 %.",
        f"{_BAHRI}the range of d is ours", {exponent: _ANY_MANIFOLD}, columns=(*DATA, *SIZE),
    )  # fmt: skip


def variance_limited(exponent: str) -> dict[str, PriorSet]:
    """Return the sets of an exponent of 1 in data or in width, for laws with a floor: the loss that is approached."""
    return {
        "variance_limited": PriorSet(
            "Many more data than the model has parameters: its loss approaches that of unlimited data as the variance "
            f"between training sets falls, {exponent} is 1 whatever the data.",
            f"{_BAHRI}the spread (5 % above 1.25 times) is ours", {exponent: _VARIANCE}, columns=DATA,
        ),
        "variance_limited_width": PriorSet(
            "Much wider than the data need: the loss approaches that of unlimited width with exponent 1 in the width, "
            f"whatever the data; {exponent} is one over the power of width that parameters grow with (2 at a fixed "
            "depth).",
            f"{_BAHRI}the spread (5 % above 1.25 times) is ours", {exponent: _VARIANCE},
            argument=Argument("power of width that parameters grow with", default=2.0), columns=SIZE,
        ),
    }  # fmt: skip


def resolution_to_variance(before: str, after: str) -> PriorSet:
    """Return the set of data that grow beyond what a fixed model resolves, for laws with a break and a floor."""
    return PriorSet(
        "Data grow from far fewer to far more than a fixed model has parameters: resolution limits the loss before "
        f"the break ({before} is about 4 / d, d from 5 to 80 with 90 %), variance after it ({after} is 1).",
        f"{_BAHRI}that one curve shows both, the range of d and the spread are ours",
        {before: _ANY_MANIFOLD, after: _VARIANCE}, columns=DATA,
    )  # fmt: skip
