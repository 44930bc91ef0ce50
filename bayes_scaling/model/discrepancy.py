r"""The law discrepancy: a smooth departure from the law along a path of scales.

A path is what shares one departure: a run's checkpoints, a family's runs, or the whole table. Its
coordinate is the decimal logarithm of a scale, so that lengths are decades. On the modelled scale
(log loss, log-odds above chance) the departure is a Gauss-Markov chain:

- ``ou``: :math:`\mathrm{cov}(t, t') = s^2 \exp(-|t - t'| / \ell)`, saturating at its standard deviation s;
- ``wiener``: variance :math:`s^2 (1 + t - t_0)`, growing by :math:`s^2` per decade beyond the
  table's smallest scale :math:`t_0`.

It enters by one of two exact routes. With normal noise it is integrated out in linear time
(:mod:`bayes_scaling.model.state_space`); otherwise it is sampled at the distinct scales of each path,
or at 40 knots with straight lines between them where there are more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from bayes_scaling.errors import CardError, did_you_mean, listed
from bayes_scaling.laws.backend import Backend
from bayes_scaling.laws.base import Parameter, Prior
from bayes_scaling.model.labels import path_names

KINDS = ("none", "ou", "wiener")
MAX_KNOTS = 40
_DIGITS = 9  # coordinates that agree so far are one
_SAME = 10.0**-_DIGITS
_SD = {
    "loss": Prior("halfnormal", upper95=0.05), "accuracy": Prior("halfnormal", upper95=0.7),
    "data_needed": Prior("halfnormal", upper95=0.5),
}  # fmt: skip
_UNIT = {"loss": "log loss", "accuracy": "log-odds", "data_needed": "log data_needed"}


@dataclass(frozen=True)
class Discrepancy:
    """Which departure from the law is modelled.

    Attributes
    ----------
    kind : str
        ``none``, ``ou`` or ``wiener``.
    over : str
        Column of the scale along which it varies; empty: the law's own scale, or compute.
    by : str
        Column that names a path; empty: the run where runs have several rows, else the family
        where it is a group of the model, else the whole table.
    """

    kind: str = "none"
    over: str = ""
    by: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise CardError(
                f"noise.discrepancy = {self.kind!r}; expected {listed(KINDS)}." + did_you_mean(str(self.kind), KINDS)
            )
        for name in ("over", "by"):
            if not isinstance(getattr(self, name), str):
                raise CardError(f"noise.discrepancy: {name} = {getattr(self, name)!r}; expected a column's name.")

    def __bool__(self) -> bool:
        return self.kind != "none"

    @classmethod
    def read(cls, value: Any) -> Discrepancy:
        """Return the discrepancy of a card: a kind, or a table with kind, over and by."""
        if isinstance(value, Discrepancy):
            return value
        if isinstance(value, str):
            return cls(value)
        if not isinstance(value, Mapping) or "kind" not in value:
            raise CardError(
                f"noise.discrepancy = {value!r}; expected one of {listed(KINDS)}, or a table such as "
                '{ kind = "ou", over = "compute" }.'
            )
        keys = ("kind", "over", "by")
        for key in value:
            if key not in keys:
                raise CardError(
                    f"unknown key {key!r} in noise.discrepancy; expected {listed(keys)}." + did_you_mean(key, keys)
                )
        return cls(**value)

    def as_plain(self) -> str | dict[str, str]:
        """Return what a card holds."""
        if not self.over and not self.by:
            return self.kind
        return {k: v for k, v in vars(self).items() if v}


def parameters(discrepancy: Discrepancy, outcome: str) -> tuple[Parameter, ...]:
    """Return the parameters of a discrepancy: its standard deviation and, for ``ou``, its length."""
    if not discrepancy:
        return ()
    per = " per square root of a decade" if discrepancy.kind == "wiener" else ""
    sd = Parameter(
        "discrepancy_sd", "s", f"standard deviation of the departure from the law{per}", "positive", "noise",
        _SD[outcome], unit=_UNIT[outcome], group_sd=Prior("halfnormal", upper95=1.0),
    )  # fmt: skip
    length = Parameter(
        "discrepancy_length", "\\ell", "scale over which the departure is forgotten (to 1/e)", "positive", "noise",
        Prior("lognormal", median=0.5, upper95=2.0), unit="decades", group_sd=Prior("halfnormal", upper95=0.5),
    )  # fmt: skip
    return (sd,) if discrepancy.kind == "wiener" else (sd, length)


def transitions(xp: Backend, kind: str, gap: Any, start: Any, sd: Any, length: Any) -> tuple[Any, Any]:
    """Return decay and innovation variance of each step along the paths, shape (..., row).

    Parameters
    ----------
    gap : array
        Decades since the row before on the path; at a path's start, for ``wiener``, since the
        origin plus one.
    start : array of bool
    sd, length : array
        Standard deviation and length at each row (``length`` is not used by ``wiener``).
    """
    if kind == "wiener":
        return xp.where(start, 0.0, 1.0) + 0.0 * sd, sd**2 * gap
    decay = xp.where(start, 0.0, xp.exp(-gap / length))
    fresh = xp.where(start, 1.0, -xp.expm1(-2.0 * gap / length))
    return decay, sd**2 * fresh


def knot_factor(xp: Backend, kind: str, knots: np.ndarray, gap: np.ndarray, sd: Any, length: Any) -> Any:
    """Return the lower factor of the covariance at the knots, shape (..., path, knot, knot).

    Times standard normal numbers it gives the departure at the knots; ``sd`` and ``length`` have
    shape (..., path, 1). Knots that only repeat the last one of a shorter path add nothing: their
    columns are zero, not the root of a variance of zero, whose gradient is not a number.
    """
    count = knots.shape[1]
    start = np.zeros(knots.shape, dtype=bool)
    start[:, 0] = True
    moved = start | (gap > 0)
    _, innovation = transitions(xp, kind, np.where(moved, gap, 1.0), start, sd, length)
    lower = np.tril(np.ones((count, count))) * moved[:, None, :]
    since = np.abs(knots[:, :, None] - knots[:, None, :])
    decay = 1.0 if kind == "wiener" else xp.exp(-since / length[..., None])
    return lower * decay * xp.sqrt(innovation)[..., None, :]


def along_lines(at_knot: Callable[[Any], Any], low: Any, share: Any) -> Any:
    """Return the departure between sampled knots: a straight line from one to the next, shape (..., row).

    Parameters
    ----------
    at_knot : callable
        Returns the departure at given knots of the rows' paths.
    low, share : array
        From :meth:`Paths.between`, shape (row,).
    """
    return (1 - share) * at_knot(low) + share * at_knot(low + (share > 0))


@dataclass(frozen=True)
class Paths:
    """The paths of a table: their names, their origin and, where it is sampled, their knots.

    Attributes
    ----------
    discrepancy : Discrepancy
        With ``over`` and ``by`` settled.
    levels : list of str
    origin : float
        Decimal logarithm of the table's smallest scale.
    knots : ndarray or None
        Coordinates of the knots, shape (path, knot), ascending, the last one repeated where a
        path has fewer; None where the discrepancy is integrated out.
    index : dict of str to ndarray
        Position of each path's level in the groups of the model that do not vary along it, shape (path,).
    """

    discrepancy: Discrepancy
    levels: list[str]
    origin: float
    knots: np.ndarray | None = None
    index: Mapping[str, np.ndarray] = field(default_factory=dict)

    def codes(self, frame: pd.DataFrame, names: Any = None) -> np.ndarray:
        """Return the position of each row's path, shape (row,); paths that were not fitted come after.

        Parameters
        ----------
        names : sequence of str, optional
            The paths, where they are not to be read from the table.
        """
        found = path_names(frame, self.discrepancy.by) if names is None else names
        position = {name: i for i, name in enumerate(self.levels)}
        return np.array([position.setdefault(str(n), len(position)) for n in found], dtype=np.int64)

    def coordinate(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the coordinate of each row in decades, shape (row,)."""
        t = np.log10(frame[self.discrepancy.over].to_numpy(dtype=float))
        return np.maximum(t, self.origin) if self.discrepancy.kind == "wiener" else t

    def steps(self, code: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the order along the paths and, in that order, gaps and starts."""
        order = np.lexsort((t, code))
        code, t = code[order], t[order]
        start = np.r_[True, code[1:] != code[:-1]]
        gap = np.where(start, 0.0, np.diff(t, prepend=t[:1]))
        if self.discrepancy.kind == "wiener":
            gap = np.where(start, 1.0 + t - self.origin, gap)
        return order, gap, start

    def knot_gap(self) -> np.ndarray:
        """Return the gaps between knots, shape (path, knot)."""
        assert self.knots is not None
        first = 1.0 + self.knots[:, :1] - self.origin if self.discrepancy.kind == "wiener" else 0 * self.knots[:, :1]
        return np.concatenate([first, np.diff(self.knots, axis=1)], axis=1)

    def straight(self, level: int, t: np.ndarray) -> np.ndarray:
        """Return which coordinates the model reaches by a straight line between two knots of a path, shape (row,).

        Those within the knots of a path that has more scales than are sampled. Elsewhere the departure is
        the chain itself, given the knots.
        """
        if self.knots is None or level >= len(self.levels):
            return np.zeros(len(t), dtype=bool)
        own = self.knots[level]
        thinned = len(np.unique(own)) >= MAX_KNOTS
        return thinned & (t >= own[0] - _SAME) & (t <= own[-1] + _SAME)

    def between(self, code: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the knot at or below each row, and the row's share of the way to the next, shape (row,)."""
        assert self.knots is not None
        last = self.knots.shape[1] - 1
        low = np.array([np.searchsorted(self.knots[c], x + _SAME) - 1 for c, x in zip(code, t, strict=True)])
        low = np.clip(low, 0, last)
        below, above = self.knots[code, low], self.knots[code, np.minimum(low + 1, last)]
        span = np.where(above > below, above - below, np.inf)
        return low.astype(np.int64), np.clip((t - below) / span, 0.0, 1.0)

    def containers(self, frame: pd.DataFrame, code: np.ndarray) -> dict[str, np.ndarray]:
        """Return what a model reads of its rows, by the name of the data container."""
        t = self.coordinate(frame)
        if self.knots is not None:
            low, share = self.between(code, t)
            return {"path_index": code, "path_knot": low, "path_share": share}
        order, gap, start = self.steps(code, t)
        return {"path_order": order, "path_gap": gap, "path_start": start}

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for a saved fit."""
        knots = None if self.knots is None else self.knots.tolist()
        index = {g: codes.tolist() for g, codes in self.index.items()}
        return {
            "discrepancy": vars(self.discrepancy).copy(), "levels": list(self.levels), "origin": self.origin,
            "knots": knots, "index": index,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Paths:
        """Read what :meth:`as_dict` wrote."""
        knots = None if table["knots"] is None else np.asarray(table["knots"], dtype=float)
        index = {g: np.asarray(codes, dtype=np.int64) for g, codes in table["index"].items()}
        return cls(Discrepancy(**table["discrepancy"]), list(table["levels"]), float(table["origin"]), knots, index)


def make_paths(discrepancy: Discrepancy, names: Any, frame: pd.DataFrame, *, sampled: bool) -> Paths:
    """Return the paths of a table.

    Parameters
    ----------
    discrepancy : Discrepancy
        With ``over`` and ``by`` settled.
    names : sequence of str, shape (row,)
        The path of each row.
    sampled : bool
        Whether the discrepancy is sampled at knots.
    """
    t = np.log10(frame[discrepancy.over].to_numpy(dtype=float))
    codes, levels = pd.factorize(np.asarray(names, dtype=object), sort=True)
    knots = _knots(codes, t, len(levels)) if sampled else None
    return Paths(discrepancy, [str(v) for v in levels], float(t.min()), knots)


def _knots(codes: np.ndarray, t: np.ndarray, paths: int) -> np.ndarray:
    """Return distinct coordinates per path, thinned to the most that are sampled, padded with the last."""
    chosen = []
    for path in range(paths):
        distinct = np.unique(np.round(t[codes == path], _DIGITS))
        if len(distinct) > MAX_KNOTS:
            distinct = distinct[np.unique(np.linspace(0, len(distinct) - 1, MAX_KNOTS).round().astype(int))]
        chosen.append(distinct)
    most = max(len(k) for k in chosen)
    return np.array([np.r_[k, np.full(most - len(k), k[-1])] for k in chosen])
