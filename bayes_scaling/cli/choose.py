"""``bayes-scaling choose``: the laws that a card's or a file's table allows, ranked and stacked."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path
from typing import Any

import pandas as pd

from bayes_scaling.cli.fits import SAMPLING, changed_card
from bayes_scaling.cli.questions import own_points
from bayes_scaling.cli.show import forecast_text, records, tell
from bayes_scaling.compare import LawComparison, laws
from bayes_scaling.compare.candidates import declared, named
from bayes_scaling.data import read_table
from bayes_scaling.errors import BayesScalingError, CardError, ForecastError, listed
from bayes_scaling.fit import SamplerSettings, connect
from bayes_scaling.forecasts import Forecast, grid
from bayes_scaling.model.choices import check_levels

SPLIT = ("over", "beyond", "cuts", "within", "families")
SUFFIXES = (".csv", ".tsv", ".parquet", ".jsonl", ".json")


def choose(options: argparse.Namespace) -> int:
    """Print which laws the table allows, how they rank, their stack, and its forecast where points are given."""
    points = own_points(options)
    check_levels("--level", options.level or [0.9])
    of_file = Path(options.table).suffix.lower() in SUFFIXES
    data, asked = _of_file(options) if of_file else _of_card(options)
    asked |= {k: getattr(options, k) for k in (*SPLIT, "folder", "workers")}
    with contextlib.closing(connect(options.scheduler)) if options.scheduler else contextlib.nullcontext() as executor:
        found = laws(
            data, options.laws, outcome=options.outcome, backtest=not options.no_backtest, executor=executor,
            progressbar=not options.quiet, **asked,
        )  # fmt: skip
    try:
        made = _forecast(found, options, points) if points else None
    except ForecastError:  # what was compared is not lost
        if not options.json:
            print(found.text())
        raise
    text = found.text() if made is None else f"{found.text()}\n\n{forecast_text(made.title, made)}"
    return tell(found.banner, options, _as_json(found, made), text)


def _forecast(found: LawComparison, options: argparse.Namespace, points: dict[str, list[Any]]) -> Forecast:
    """Return the stack's forecast of the points that were asked for."""
    how = {"tokens_per_param": options.tokens_per_param} | ({"levels": options.level} if options.level else {})
    return found.forecast(grid(**points), weights=options.weights or "", **how)


def _as_json(found: LawComparison, made: Forecast | None) -> dict[str, Any]:
    result: dict[str, Any] = {
        "outcome": found.outcome, "over": found.over, "sentences": found.sentences, "notes": list(found.notes),
        "table": records(found.table), "left_out": [vars(o) for o in found.left_out],
    }  # fmt: skip
    return result if made is None else result | {"forecast": {"title": made.title, "table": records(made.table)}}


def _pairs(words: list[str] | None, option: str) -> dict[str, str]:
    """Read ``NAME=NAME`` pairs."""
    found = {}
    for word in words or []:
        one, equals, other = word.partition("=")
        if not one or not equals or not other:
            raise BayesScalingError(f"{option} {word!r}; expected two names, such as n_params=params.")
        found[one] = other
    return found


OF_CARD = ("columns", "groups", "inputs", "exclude_flags")


def _of_file(options: argparse.Namespace) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the table of a file, and what is asked of its laws."""
    columns = _pairs(options.columns, "--columns")
    data = read_table(options.table, columns=columns or None, further=declared(named(None)))
    sampling = {k: v for k in SAMPLING if k != "seed" and (v := getattr(options, k)) is not None}
    return data, {
        "groups": options.groups or (), "inputs": _pairs(options.inputs, "--inputs") or None,
        "exclude_flags": options.exclude_flags or (), "random_seed": options.seed or 0,
        "settings": SamplerSettings(**sampling), "title": Path(options.table).stem,
    }  # fmt: skip


def _of_card(options: argparse.Namespace) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return a card's table, and its model and sampling for all laws."""
    card = changed_card(options, options.table)
    if card.spec.then is not None:
        raise CardError(f"card {card.name} is a chain; compare laws by a card of one of its stages.")
    if told := [f"--{k.replace('_', '-')}" for k in OF_CARD if getattr(options, k)]:
        raise CardError(f"{listed(told)} of card {card.name} stand in the card; give them with a file, or change it.")
    settings = vars(card.spec.fit).copy()
    return card.data(), {
        "like": card.model, "exclude_flags": card.spec.data.exclude_flags, "random_seed": settings.pop("random_seed"),
        "settings": SamplerSettings(**settings), "title": card.name,
    }  # fmt: skip
