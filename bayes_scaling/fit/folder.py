"""The folder of many fits: one file per result, written as it arrives and found again on a rerun.

A manifest says of which models and tables the results are, so that results of another card or other
data are an error and never mixed in.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_scaling.data import data_hash
from bayes_scaling.errors import FitError, listed
from bayes_scaling.fit.sample import versions
from bayes_scaling.laws.base import Law

if TYPE_CHECKING:
    from bayes_scaling.fit.many import Job

MANIFEST = "many_fits.json"
FORMAT = "bayes-scaling many fits 1"
Plain = dict[str, Any]


# ---- results as text ------------------------------------------------------------------------


def pack(value: Any) -> Any:
    """Return a reduced result as plain JSON data; tables, also inside lists and dicts, keep their types.

    Raises
    ------
    FitError
        Something that JSON cannot hold.
    """
    if isinstance(value, pd.DataFrame):
        return {"__table__": {str(c): _pack_column(value[c]) for c in value.columns}}
    if isinstance(value, Mapping):
        return {str(k): pack(v) for k, v in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [pack(v) for v in value]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise FitError(f"reduce returned a {type(value).__name__}; expected a DataFrame, or what JSON holds.")


def unpack(value: Any) -> Any:
    """Return what :func:`pack` was given (arrays and tuples as lists)."""
    if isinstance(value, list):
        return [unpack(v) for v in value]
    if not isinstance(value, dict):
        return value
    if set(value) != {"__table__"}:
        return {k: unpack(v) for k, v in value.items()}
    columns = {name: pd.Series(held["values"], dtype=held["kind"]) for name, held in value["__table__"].items()}
    return pd.DataFrame(columns)


def _pack_column(column: pd.Series) -> Plain:
    if pd.api.types.is_bool_dtype(column):
        return {"kind": "bool", "values": column.tolist()}
    if pd.api.types.is_integer_dtype(column) and not column.isna().any():
        return {"kind": "int64", "values": column.tolist()}
    if pd.api.types.is_numeric_dtype(column):
        return {"kind": "float64", "values": column.to_numpy(dtype=float, na_value=np.nan).tolist()}
    return {"kind": "str", "values": [None if pd.isna(v) else str(v) for v in column]}


# ---- what a result was made from ------------------------------------------------------------


def keys(jobs: Sequence[Job], reduce: Callable[..., Any]) -> list[Plain]:
    """Return what each job's result depends on, as plain data; a table that jobs share is hashed once."""
    hashes: dict[int, str] = {}
    for job in jobs:
        if id(job.rows) not in hashes:
            hashes[id(job.rows)] = data_hash(job.rows.frame)
    shared = {"reduce": name_of(reduce), "version": versions()["bayes-scaling"]}
    formulas = {kind: formula_hash(kind) for kind in {type(job.spec.law) for job in jobs}}
    return [_key(j, hashes[id(j.rows)], {**shared, "formula": formulas[type(j.spec.law)]}) for j in jobs]


def name_of(reduce: Callable[..., Any]) -> str:
    """Return the module and name of a function, and what :func:`functools.partial` has bound of its arguments."""
    if isinstance(reduce, functools.partial):
        values = [("", v) for v in reduce.args] + [(f"{k}=", v) for k, v in reduce.keywords.items()]
        bound = ", ".join(k + (name_of(v) if callable(v) else repr(v)) for k, v in values)
        return f"{name_of(reduce.func)}({bound})"
    named = reduce if hasattr(reduce, "__qualname__") else type(reduce)
    return f"{named.__module__}.{named.__qualname__}"


def formula_hash(law: type[Law]) -> str:
    """Return the SHA-256 of a law's source: its class and those it inherits from, up to the base of all laws."""
    digest = hashlib.sha256(repr(law.parameters).encode())
    for part in law.__mro__[: law.__mro__.index(Law)]:
        try:
            text = inspect.getsource(part)
        except (OSError, TypeError):  # typed at a prompt: there is no file
            code = getattr(vars(part).get("mean"), "__code__", None)
            text = "" if code is None else f"{code.co_code.hex()} {code.co_names} {_constants(code)}"
        digest.update(text.encode())
    return digest.hexdigest()


def _constants(code: CodeType) -> list[Any]:
    """Return the constants of compiled code, those of functions inside it too."""
    return [_constants(c) if isinstance(c, CodeType) else c for c in code.co_consts]


def _key(job: Job, table: str, shared: Plain) -> Plain:
    chosen = None
    if job.chosen is not None:
        where = job.positions().astype("<i8")
        chosen = {"rows": len(where), "sha256": hashlib.sha256(where.tobytes()).hexdigest()}
    key = {
        "model": job.spec.as_dict(), "data_hash": table, "chosen": chosen, "settings": vars(job.settings),
        "seed": job.seed, "about": pack(dict(job.about)), **shared,
        "parameters": hashlib.sha256(repr(job.spec.law.parameters).encode()).hexdigest(),
    }  # fmt: skip
    return dict(json.loads(json.dumps(key), parse_constant=str))  # NaN as text: it is not equal to itself


def _differences(there: Any, here: Any, name: str = "") -> Iterator[str]:
    """Yield sentences on where two keys differ."""
    if isinstance(there, dict) and isinstance(here, dict):
        for part in dict.fromkeys([*there, *here]):
            yield from _differences(there.get(part), here.get(part), f"{name}.{part}" if name else part)
    elif there != here:
        yield f"{name} is {_short(there)} there and {_short(here)} here"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:56] + " ..."


# ---- the folder -----------------------------------------------------------------------------


class ResultFolder:
    """Results of many fits in a folder.

    Parameters
    ----------
    path : str or Path
    jobs : sequence of Job
    reduce : callable
        What makes a result of a fit.

    Raises
    ------
    FitError
        The folder holds other files, or results of another model or table.
    """

    def __init__(self, path: str | Path, jobs: Sequence[Job], reduce: Callable[..., Any]) -> None:
        self.path = Path(path)
        self._keys = dict(zip((j.name for j in jobs), keys(jobs, reduce), strict=True))
        ours: list[Plain] = []
        for key in self._keys.values():
            identity = {"model": key["model"], "data_hash": key["data_hash"]}
            if identity not in ours:
                ours.append(identity)
        self._check(ours)
        self.path.mkdir(parents=True, exist_ok=True)
        write_text(self.path / MANIFEST, json.dumps({"format": FORMAT, "results_of": ours}, indent=1))

    def _check(self, ours: list[Plain]) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise FitError(f"{self.path} is a file; results need a folder. Name another one.")
        if not self.path.is_dir() or not any(self.path.iterdir()):
            return
        if not (self.path / MANIFEST).is_file():
            found = sorted(p.name for p in self.path.iterdir())
            raise FitError(f"{self.path} holds other files ({listed(found, 3)}); name an empty or a new folder.")
        manifest = _read(self.path / MANIFEST)
        if manifest.get("format") != FORMAT:
            raise FitError(f"{self.path} is of format {manifest.get('format')!r}, not {FORMAT!r}; name another folder.")
        for identity in manifest["results_of"]:
            if identity not in ours:
                nearest = min((list(_differences(identity, own)) for own in ours), key=len)
                raise FitError(
                    f"{self.path} holds results of another card or other data: {'; '.join(nearest[:4])}. Name another "
                    "folder, or delete this one."
                )

    def file(self, name: str) -> Path:
        """Return the file of a job's result."""
        plain = re.sub(r"[^\w.+=-]+", "_", name)
        if plain != name or len(plain) > 120:
            plain = f"{plain[:110]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
        return self.path / f"result-{plain}.json"

    def finished(self, job: Job) -> Plain | None:
        """Return the stored result of a job, or None.

        Raises
        ------
        FitError
            The file is damaged, or was made with other settings, seed, rows, formula, reduction or version.
        """
        source = self.file(job.name)
        if not source.is_file():
            return None
        stored = _read(source)
        differences = list(_differences(stored.get("key"), self._keys[job.name]))
        if differences:
            raise FitError(
                f"{source} was made otherwise: {'; '.join(differences[:4])}. Name another folder, or delete this one."
            )
        return dict(stored["result"])

    def write(self, job: Job, result: Plain) -> None:
        """Write a job's result: a temporary file, moved into place."""
        text = json.dumps({"name": job.name, "key": self._keys[job.name], "result": result})
        write_text(self.file(job.name), text)


def _read(path: Path) -> Plain:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise FitError(f"{path} cannot be read ({error}); delete it, and its fit is made again.") from error


def write_text(path: Path, text: str) -> None:
    """Write a text file that appears only when it is complete; raise FitError where that fails (a full disk)."""
    try:
        _write_text(path, text)
    except OSError as error:
        raise FitError(
            f"{path} could not be written ({error.strerror or error}). What was written before is kept: make room, and "
            "a rerun goes on from there."
        ) from error


def _write_text(path: Path, text: str) -> None:
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as target:
            target.write(text)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
