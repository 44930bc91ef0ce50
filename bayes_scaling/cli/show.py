"""What is printed: JSON, tables, banners; and the commands that only list."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

EXIT_UNUSABLE = 3
NONE = "–"  # what is missing, in tables


def print_json(value: Any) -> None:
    """Print JSON for machines."""
    print(json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False))


def records(frame: Any) -> Any:
    """Return a table as JSON records; missing and infinite numbers become null."""
    return json.loads(frame.to_json(orient="records", double_precision=15))


def show(frame: Any) -> str:
    """Return a table as text."""
    return str(frame.to_string(index=False, float_format=lambda v: f"{v:.4g}", na_rep=NONE))


def forecast_text(title: str, found: Any) -> str:
    """Return a forecast as text, with a line below it where points lie outside the fitted runs."""
    from bayes_scaling.forecasts import Forecast
    from bayes_scaling.forecasts.scales import outside_note
    from bayes_scaling.forecasts.words import within

    table, outside = found.table, outside_note(found.extrapolation)
    if isinstance(found, Forecast):  # its unit is in no column
        table = table.assign(outcome=found.outcome + within(found.unit))
    return "\n".join([title, show(table), *([f"note: {outside}"] if outside else [])])


def say(options: argparse.Namespace, text: str) -> None:
    """Print on stderr unless asked to be quiet."""
    if not options.quiet:
        warn(text)


def warn(text: str) -> None:
    """Print on stderr."""
    print(text, file=sys.stderr)


def tell(banner: str, options: argparse.Namespace, result: dict[str, Any], text: str) -> int:
    """Print a result as JSON or text, with the banner of a failed fit, and return the exit code."""
    if options.json:
        print_json({**result, "usable": not banner, "warning": banner})
    else:
        print(text)
    if banner:
        warn(f"bayes-scaling: {banner}")
        return EXIT_UNUSABLE
    return 0


# ---- lists -----------------------------------------------------------------------------------


def laws(options: argparse.Namespace) -> int:
    """List the laws, or those that are named."""
    from bayes_scaling import laws as room

    return _list(options, [room.get(name).as_dict() for name in options.laws or room.available()], _law_text)


def datasets(options: argparse.Namespace) -> int:
    """List the public datasets."""
    from bayes_scaling.data import list_datasets

    def text(entry: dict[str, Any]) -> str:
        offline = "available offline" if entry["available_offline"] else "needs a download or BAYES_SCALING_DATA"
        facts = f"{entry['rows']} rows; licence: {entry['licence']}; {offline}"
        return f"{entry['name']}: {entry['title']}\n    {facts}\n    {entry['citation']}"

    return _list(options, list_datasets(), text)


def cards(options: argparse.Namespace) -> int:
    """List the shipped cards."""
    from bayes_scaling.model.card import read_card, shipped_cards

    found = [{"name": n, "title": read_card(n).title} for n in shipped_cards()]
    return _list(options, found, lambda entry: f"{entry['name']}: {entry['title']}")


def _list(options: argparse.Namespace, found: Any, line: Any) -> int:
    """Print entries as JSON, or each as the text that `line` gives."""
    if options.json:
        print_json(found)
    else:
        print("\n".join(line(entry) for entry in found))
    return 0


def _law_text(law: dict[str, Any]) -> str:
    """Return a law in lines; an input is named with its column where the two differ."""
    from bayes_scaling.laws.base import UNVERIFIED

    read = ((i["name"], i["column"]) for i in law["inputs"])
    inputs = ", ".join(name if name == column else f"{name} (column {column})" for name, column in read)
    lines = [f"{law['name']}: {law['title']}", law["formula"], f"use: {law['use']}", f"inputs: {inputs}",
             f"parameters: {', '.join(p['name'] for p in law['parameters'])}"]  # fmt: skip
    text = "\n    ".join(lines)
    if law["quantities"]:
        text += f"\n    quantities: {', '.join(law['quantities'])}"
    text += f"\n    {law['citation']}"
    if law["prior_sets"]:
        text += f"\n    prior sets: {', '.join(law['prior_sets'])}"
    if law["published"]:
        text += f"\n    published constants: {', '.join(law['published'])}"
    return text if law["verified"] else f"{text}\n    {UNVERIFIED}"
