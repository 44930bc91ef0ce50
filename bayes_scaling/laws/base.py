"""What a law is: formula, citation, inputs, parameters, published constants.

A law knows no data set and no sampler. It is written once, in one file of this folder, as a
subclass of :class:`Law`; the folder finds it by itself.
"""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from bayes_scaling.data.columns import COLUMNS, PERCENT, Column
from bayes_scaling.errors import CardError, did_you_mean, listed
from bayes_scaling.laws.backend import Backend, numpy_backend
from bayes_scaling.laws.parts import (
    PRIMES,
    Citation,
    Constants,
    Input,
    Parameter,
    PublishedAllocation,
    Quantity,
    radical_inverse,
)  # fmt: skip
from bayes_scaling.laws.prior import Prior
from bayes_scaling.laws.prior_sets import Argument, PriorSet

__all__ = [
    "REFERENCES", "SCALE", "Argument", "Citation", "Constants", "Input", "Law", "Parameter", "Prior", "PriorSet",
    "PublishedAllocation", "Quantity",
]  # fmt: skip

UNVERIFIED = "unverified on runs"  # said of a law that was tested only on data simulated from itself
REFERENCES = {"compute": 1e21, "params": 1e9, "active_params": 1e9, "tokens": 2e10, "unique_tokens": 2e10}
"""Usual reference scale of a column: that of the shipped laws of loss. Other columns have no usual one."""


SCALE = Input("scale", COLUMNS["compute"].unit, "the scale x", reference=REFERENCES["compute"], column="compute")
"""The input of a law that holds along any scale: compute, unless ``law.reading(scale=...)`` says otherwise."""
SCALE_UNIT = "unit of the law's scale"
"""Of a quantity that is a value of the input `scale`: the unit of the column that this reads."""


class Law:
    """A functional form, written once.

    A subclass declares the class attributes below and ``mean``. Its keyword arguments are
    exactly the names of ``inputs`` and ``parameters``; the base class checks that.

    Attributes
    ----------
    reference : dict of str to float
        Scale of each input at which priors are stated (``law.at(params=1e9)`` changes it).
    options : dict
        What :meth:`with_options` chose; empty for a law that has none.
    noise_pooling : dict of str to dict of str to str
        Default pooling of noise parameters by group; complete where it says nothing.
    noise : mapping
        Choices of the noise of models with this law, where none are made.
    prior_sets : dict of str to PriorSet
        Priors that theories imply, which a model may choose by name instead of the declared ones.
    new_where_unnamed : tuple of str
        Groups that points to forecast need not name: they are then of a new level, drawn from the population.
    quantities : tuple of Quantity
        What the law is used for besides its outcome; :func:`bayes_scaling.quantity` gives them with intervals.
    outcome_unit : str, optional
        Unit of the outcome where it is not that of the column; empty for a law of losses of any kind.
    verified : str
        Runs that the law was fitted to, the dataset first; empty where only data simulated from itself have tested it.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    formula: str
    citation: ClassVar[Citation]
    outcome: ClassVar[str]
    outcome_unit: ClassVar[str | None] = None
    inputs: tuple[Input, ...]
    parameters: tuple[Parameter, ...]
    published: ClassVar[dict[str, Constants]] = {}
    published_symbols: ClassVar[dict[str, str]] = {}
    published_allocations: ClassVar[dict[str, PublishedAllocation]] = {}
    use: ClassVar[str] = ""
    noise_pooling: ClassVar[Mapping[str, Mapping[str, str]]] = {}
    new_where_unnamed: ClassVar[tuple[str, ...]] = ()
    noise: ClassVar[Mapping[str, Any]] = {}
    prior_sets: ClassVar[Mapping[str, PriorSet]] = {}
    quantities: tuple[Quantity, ...] = ()
    verified: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        signature = inspect.signature(cls.mean)
        found = {n for n, p in signature.parameters.items() if p.kind is inspect.Parameter.KEYWORD_ONLY}
        kinds = {p.kind for p in signature.parameters.values()}
        declared = {i.name for i in cls.inputs} | {p.name for p in cls.parameters}
        if inspect.Parameter.VAR_KEYWORD in kinds and inspect.Parameter.VAR_POSITIONAL not in kinds:
            declared &= found  # a formula over a variable number of parts reads the others by name
        if found != declared:
            raise TypeError(
                f"law {cls.__name__}: the keyword arguments of `mean` and the declared inputs and parameters "
                f"differ; only declared: {listed(sorted(declared - found))}; only in the formula: "
                f"{listed(sorted(found - declared))}."
            )

    def __init__(self) -> None:
        self.reference: dict[str, float] = {i.name: i.reference for i in self.inputs if i.reference is not None}
        self.options: dict[str, Any] = {}
        self.declared: tuple[Input, ...] = self.inputs  # before `reading` changes their columns

    def with_options(self, **options: Any) -> Law:
        """Return the law with other choices of its form; a law that offers none knows no option.

        Raises
        ------
        CardError
            Unknown option or value.
        """
        if options:
            raise CardError(f"law {self.name} has no options; found {listed(options)}. Leave them out.")
        return self

    def carried_to(self, other: Law) -> Law:
        """Return another form of this law with the reference scales and readings of the inputs that both have."""
        same = {i.name for i in other.declared if i in self.declared and i.name in other.reference}
        readings = {name: column for name, column in self.readings().items() if name in same}
        return other.reading(reference={k: v for k, v in self.reference.items() if k in same}, **readings)

    def check_table(self, frame: Any) -> None:
        """Raise where the law cannot be fitted to the rows that are used; most laws ask for nothing."""

    def check_values(self, frame: Any) -> None:
        """Raise DataError where values of several columns do not fit together, in fitted rows and at points."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """Columns that the law reads and the vocabulary does not have."""
        return tuple(
            Column(i.column, i.meaning, i.unit, i.kind, i.low, i.high, PERCENT if i.unit == "fraction" else "")
            for i in self.inputs
            if i.column not in COLUMNS
        )

    @property
    def unit(self) -> str:
        """Unit of the outcome: that declared, else that of the column; empty where only the runs can say."""
        return COLUMNS[self.outcome].unit if self.outcome_unit is None else self.outcome_unit

    def quantity(self, name: str) -> Quantity:
        """Return the declaration of a quantity, with inputs of the law under the columns that these read.

        Raises
        ------
        CardError
            Unknown name; the message lists the known ones.
        """
        known = {q.name: q for q in self.quantities}
        if name not in known:
            has = f"it has {listed(known)}." if known else "it has none; `bayes-scaling laws` lists those of every law."
            raise CardError(f"law {self.name} has no quantity {name!r}; {has}" + did_you_mean(name, known))
        told, read = known[name], {i.name: i for i in self.inputs}
        asked = tuple(_as_read(i, read[i.name]) if i.name in read else i for i in told.asked)
        if told.unit == SCALE_UNIT and "scale" in read:
            scale = read["scale"]  # a number of parameters is no mere count
            told = replace(told, unit=scale.column if scale.unit == "count" else scale.unit)
        return replace(told, asked=asked)

    def example(self, rows: int = 24) -> dict[str, list[float]]:
        """Return values at which the law can be looked at or simulated, by column, shape (row,).

        Scales lie on either side of their reference (two decades unless an input says otherwise), other inputs between
        their limits, spread evenly by a Halton sequence. A law whose inputs do not go together freely states its own.
        """
        found = {}
        for item, base in zip(self.inputs, PRIMES, strict=False):
            share = [radical_inverse(i + 1, base) for i in range(rows)]
            if item.name in self.reference:
                values = [self.reference[item.name] * item.spread ** (2 * u - 1) for u in share]
            else:
                low = item.low if item.low > -math.inf else 0.0
                high = item.high if item.high < math.inf else low + 1.0
                values = [low + (high - low) * u for u in share]
            values = [min(max(v, item.low), item.high) for v in values]
            found[item.column] = [float(round(v)) for v in values] if item.kind == "integer" else values
        return found

    def prepare(self, frame: Any) -> dict[str, Any]:
        """Return inputs that are made of several columns or of labels, by name, shape (row,); none by default."""
        return {}

    def at(self, **reference: float) -> Law:
        """Return the same law with its priors stated at another reference scale."""
        for key, value in reference.items():
            if key not in self.reference:
                raise CardError(
                    f"law {self.name} has no reference scale for {key!r}; it has {listed(self.reference)}."
                    + did_you_mean(key, self.reference)
                )
            if not value > 0:
                raise CardError(f"law {self.name}: reference {key} = {value}; expected a positive number.")
        other = copy.copy(self)
        other.reference = {**self.reference, **{k: float(v) for k, v in reference.items()}}
        return other

    def reading(self, *, reference: Mapping[str, float] | None = None, **columns: str) -> Law:
        """Return the same law with inputs read from other columns of the table.

        Parameters
        ----------
        reference : dict, optional
            Reference scale by input. Needed where a column has no usual one (`REFERENCES`): that
            of the former column would be in another unit.
        **columns : str
            Column of the vocabulary by input, for example ``scale="tokens"``.

        Returns
        -------
        Law

        Raises
        ------
        CardError
            Unknown input or column, a column of labels, one column read twice, no reference scale.
        """
        given, scales = dict(reference or {}), dict(self.reference)
        inputs = {i.name: i for i in self.inputs}
        for name, column in columns.items():
            self._check_reading(name, column)
            if column == inputs[name].column:
                continue
            item = self._input_of(name, column)
            scale = given.get(name, item.reference)
            if scale is None:
                raise CardError(
                    f"law {self.name}: {name} reads {column!r} ({item.unit}), which has no usual reference "
                    f"scale. State one inside the range of your runs: reading({name}={column!r}, "
                    f"reference={{{name!r}: ...}}), in a card reference = {{ {name} = ... }}."
                )
            inputs[name], scales[name] = replace(item, reference=scale), scale
        read = [i.column for i in inputs.values()]
        twice = sorted({c for c in read if read.count(c) > 1})
        if twice:
            raise CardError(f"law {self.name}: several inputs read column {listed(twice)}; expected one each.")
        other = copy.copy(self)
        other.inputs, other.reference = tuple(inputs.values()), scales
        return other.at(**given)

    @property
    def scales(self) -> dict[str, str]:
        """Columns that the inputs with a reference scale read, by input (not facts such as chance)."""
        return {i.name: i.column for i in self.inputs if i.name in self.reference}

    def readings(self) -> dict[str, str]:
        """Return the columns that :meth:`reading` changed, by input."""
        declared = {i.name: i.column for i in self.declared}
        return {i.name: i.column for i in self.inputs if i.column != declared[i.name]}

    def _input_of(self, name: str, column: str) -> Input:
        """Return an input as it reads a column, with that column's unit and usual reference scale."""
        declared = next(i for i in self.declared if i.name == name)
        if column == declared.column:
            return declared
        told = COLUMNS[column]
        return replace(declared, unit=told.unit, meaning=told.meaning, reference=REFERENCES.get(column), column=column)

    def _check_reading(self, name: str, column: str) -> None:
        """Raise where an input cannot read a column."""
        if name not in self.reference:
            raise CardError(
                f"law {self.name} has no input {name!r} that may read another column; it has {listed(self.reference)}."
                + did_you_mean(name, self.reference)
            )
        numbers = [c.name for c in COLUMNS.values() if c.kind in ("count", "positive", "integer")]
        options = [c for c in numbers if c != self.outcome]
        if column not in (*options, *(i.column for i in self.declared if i.name == name)):
            raise CardError(
                f"law {self.name}: {name} cannot read column {column!r}; expected one of {listed(options)}."
                + did_you_mean(str(column), options)
            )

    def mean(self, *args: Any, **values: Any) -> Any:
        """Return the formula's value, shape ``(..., row)``: ``mean(xp, *, inputs..., parameters...)``."""
        raise TypeError(f"law {type(self).__name__} declares no formula `mean`.")

    def to_published(self, xp: Backend, **sampled: Any) -> dict[str, Any]:
        """Return the paper's constants from the sampled parameters (same shapes)."""
        return dict(sampled)

    def from_published(self, xp: Backend, **published: Any) -> dict[str, Any]:
        """Return the sampled parameters from the paper's constants."""
        return dict(published)

    def allocation(self, xp: Backend, *, product: Any, **sampled: Any) -> dict[str, Any] | None:
        """Return where the loss is smallest among all params x tokens = `product`, if the law has a closed form.

        Parameters
        ----------
        product : array
            Parameters times tokens, shape ``(..., budget)``.
        **sampled : array
            The law's parameters, broadcasting against `product`.

        Returns
        -------
        dict or None
            ``params``, and ``exponent``: the derivative of log params with respect to log `product`. None where a
            law has no closed form: then the minimum is searched for.
        """
        return None

    def parameter(self, name: str) -> Parameter:
        """Return one parameter's declaration."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        names = [p.name for p in self.parameters]
        raise CardError(
            f"law {self.name} has no parameter {name!r}; it has {listed(names)}." + did_you_mean(name, names)
        )

    def constants(self, name: str) -> dict[str, float]:
        """Return a set of published constants as sampled parameters at this reference."""
        if name not in self.published:
            raise CardError(
                f"law {self.name} has no published constants {name!r}; it has {listed(self.published)}."
                + did_you_mean(name, self.published)
            )
        return self.from_published(numpy_backend(), **self.published[name].values)

    def at_constants(self, name: str, **inputs: Any) -> Any:
        """Evaluate the law at published constants, for example to plot beside a posterior."""
        return self.mean(numpy_backend(), **inputs, **self.constants(name))

    def as_dict(self) -> dict[str, Any]:
        """Return the description that ``bayes-scaling laws --json`` prints."""
        return {
            "name": self.name,
            "title": self.title,
            "outcome": self.outcome,
            "outcome_unit": self.unit,
            "formula": self.formula,
            "citation": str(self.citation),
            "use": self.use,
            "inputs": [
                {
                    "name": i.name,
                    "column": i.column,
                    "unit": i.unit,
                    "meaning": i.meaning,
                    "reference": self.reference.get(i.name),
                }
                for i in self.inputs
            ],
            "parameters": [
                {
                    "name": p.name,
                    "symbol": p.symbol,
                    "meaning": p.meaning,
                    "support": p.support,
                    "role": p.role,
                    "unit": p.unit,
                    "prior": p.prior.as_dict(),
                    "pooling": p.pooling,
                }
                for p in self.parameters
            ],
            "quantities": {q.name: q.meaning for q in self.quantities},
            "prior_sets": {k: found.as_dict() for k, found in self.prior_sets.items()},
            "verified": self.verified,
            "published": {
                k: {"values": dict(c.values), "source": c.source, "note": c.note} for k, c in self.published.items()
            },
        }

    def __repr__(self) -> str:
        return f"<law {self.name}: {self.formula}>"


def _as_read(asked: Input, read: Input) -> Input:
    """Return what a quantity is asked of, an input of the law, with the column that the law reads it from."""
    if asked.column == read.column:
        return asked
    return replace(asked, column=read.column, unit=read.unit, meaning=read.meaning, kind=read.kind)
