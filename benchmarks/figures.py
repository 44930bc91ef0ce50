"""How a benchmark prints and keeps its figures."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

Figure = dict[str, Any]


def figure(
    name: str, value: float, *, better: str = "lower", target: str = "", peer: str = "",
    peer_value: float | None = None, unit: str = "",
) -> Figure:  # fmt: skip
    """Return one figure in the form that the JSON file holds."""
    return {
        "figure": name, "value": value, "better": better, "target": target, "peer": peer,
        "peer_value": peer_value, "unit": unit,
    }  # fmt: skip


def arguments(description: str) -> argparse.ArgumentParser:
    """Return a parser with the option every benchmark has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", metavar="FILE", help="also write the figures to this file")
    return parser


def report(figures: list[Figure], path: str | None, *, about: dict[str, Any]) -> None:
    """Print figures beside target and peer, and write them where asked."""
    for key, value in about.items():
        print(f"# {key}: {value}")
    for f in figures:
        beside = f"  target {f['target']}" if f["target"] else ""
        beside += f"  {f['peer']} {f['peer_value']:g}" if f["peer"] else ""
        print(f"{f['figure']:<48} {f['value']:<10.4g} {f['unit']:<16}{beside}")
    if path:
        Path(path).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
