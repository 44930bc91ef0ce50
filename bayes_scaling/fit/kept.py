"""What a process keeps between fits: compiled models, and where fits to some rows of one table begin."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from bayes_scaling.data import data_hash
from bayes_scaling.fit.importance import ladder_of
from bayes_scaling.fit.particles import Ladder
from bayes_scaling.fit.sampler import Sampler
from bayes_scaling.model import Rows
from bayes_scaling.model.curves import nesting
from bayes_scaling.model.graph import CENTRED_FROM
from bayes_scaling.model.spec import ModelSpec

KEPT = 8  # of each kind
_SAMPLERS: dict[Any, Sampler] = {}
_LADDERS: dict[Any, Ladder] = {}
_LOCK = threading.Lock()  # an executor's threads share them


def structure(spec: ModelSpec, rows: Rows) -> tuple[Any, ...]:
    """Return what a compiled model depends on: specification, inputs, levels, knots, how effects are made."""
    centred = tuple(len(rows) >= CENTRED_FROM * len(levels) for levels in rows.coords.values())
    knots = rows.paths.as_dict() if rows.paths is not None and rows.paths.knots is not None else None
    plain = (spec.as_dict(), sorted(rows.inputs), rows.coords, knots, nesting(spec, rows))
    return type(spec.law), *(json.dumps(part) for part in plain), centred


def compiled_model(spec: ModelSpec, rows: Rows) -> Sampler:
    """Return the compiled model of a full table, made once per structure and process."""
    return _once(_SAMPLERS, structure(spec, rows), lambda: Sampler(spec, rows))


def shared_ladder(spec: ModelSpec, rows: Rows) -> Ladder:
    """Return where the fits to some rows of a table begin, made once per table and process."""
    key = type(spec.law), json.dumps(spec.as_dict()), data_hash(rows.frame)
    return _once(_LADDERS, key, lambda: ladder_of(spec, rows))


def _once[T](made: dict[Any, T], key: Any, make: Callable[[], T]) -> T:
    """Return what was made for a key; the oldest is forgotten."""
    with _LOCK:
        if key not in made:
            while len(made) >= KEPT:
                made.pop(next(iter(made)))
            made[key] = make()
        return made[key]
