"""A card and its fit: found in the folder of saved fits, or made and saved there."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bayes_scaling.api import Card, load_card
from bayes_scaling.api.cards import Question
from bayes_scaling.cli.show import say, warn
from bayes_scaling.data import data_hash
from bayes_scaling.errors import BayesScalingError, FitError
from bayes_scaling.fit import ChainFit, Fit, load
from bayes_scaling.model import encode

PARTS = ("data", "model", "then", "fit")  # of a card, what its fit depends on
SAMPLING = {"draws": "draws", "tune": "tune", "chains": "chains", "seed": "random_seed"}  # option: key of [fit]


def changed_card(options: argparse.Namespace, name: str | Card) -> Card:
    """Return the card, by name or as it was read, with the sampling that was asked for."""
    card = load_card(name) if isinstance(name, str) else name
    return Card(replace(card.spec, fit=replace(card.spec.fit, **_changes(options, card))))


def _changes(options: argparse.Namespace, card: Card) -> dict[str, Any]:
    """Return the sampling that was asked for, where it is not the card's."""
    asked = {key: getattr(options, option) for option, key in SAMPLING.items()}
    return {k: v for k, v in asked.items() if v is not None and v != getattr(card.spec.fit, k)}


def fit_path(options: argparse.Namespace, name: str | Card) -> Path:
    """Return where a card's fit is saved; other sampling than the card's has a file of its own."""
    card = load_card(name) if isinstance(name, str) else name
    changed = _changes(options, card)
    other = "".join(f"-{option}{changed[key]}" for option, key in SAMPLING.items() if key in changed)
    return Path(options.fits) / f"{card.name}{other}.nc"


def check_writable(path: str | Path) -> None:
    """Raise where a file cannot be written: better before sampling than after.

    Raises
    ------
    BayesScalingError
        The file is a folder, its folder is a file or not writable.
    """
    path = Path(path)
    if path.is_dir():
        raise BayesScalingError(f"{path} is a folder; expected the name of a file to write.")
    there = next(p for p in (path, *path.absolute().parents) if p.exists())
    if there != path and not there.is_dir():
        raise BayesScalingError(f"{path} cannot be written: {there} is a file, not a folder.")
    if not os.access(there, os.W_OK):
        raise BayesScalingError(f"{path} cannot be written: no permission to write {there}.")


def card_and_fit(
    options: argparse.Namespace, name: str | Card, asked: Sequence[Question] | None = None
) -> tuple[Card, Any, Any]:
    """Return the card, its saved fit where that matches, else a new fit that is then saved, and the card's table.

    What is `asked` of a new fit, the card's own questions when left out, is checked before it is sampled.
    """
    card, path = changed_card(options, name), fit_path(options, name)
    check_writable(path)
    data = card.data()
    fit = None if options.refit else _saved(card, data, path, options)
    if fit is None:
        say(options, f"fitting {card.name} ...")
        fit = card.fit(data=data, progressbar=not options.quiet, asked=asked)
        fit.save(path)
        say(options, f"saved {path}")
    return card, fit, data


def saved_fit(options: argparse.Namespace, name: str | Card) -> Fit | ChainFit | None:
    """Return a card's saved fit where it is there and matches card and data; nothing is fitted."""
    card, path = changed_card(options, name), fit_path(options, name)
    return _saved(card, card.data(), path, options, "") if path.is_file() else None


def _saved(
    card: Card, data: Any, path: Path, options: argparse.Namespace, then: str = " Fitting again."
) -> Fit | ChainFit | None:
    """Return a saved fit of the same card and data, or None with the reason, and what is done `then`, said."""
    if not path.is_file():
        return None
    try:
        fit = load(path)
    except FitError as error:
        warn(f"bayes-scaling: {error}{then}")
        return None
    same = {k: v for k, v in (fit.meta["card"] or {}).items() if k in PARTS}
    if same != json.loads(json.dumps({k: v for k, v in card.spec.as_dict().items() if k in PARTS})):
        say(options, f"{path} was made from another card or other settings.{then}")
        return None
    for name, (model, table) in card.stages(data).items():
        _, rows = encode(model, table, exclude_flags=card.spec.data.exclude_flags)
        if data_hash(rows.frame) != fit.stages[name].meta["data_hash"]:
            say(options, f"the data changed since {path} was saved.{then}")
            return None
    return fit
