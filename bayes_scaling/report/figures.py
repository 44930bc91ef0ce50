"""Figures as data that an HTML file carries in itself."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure as Drawing

from bayes_scaling.report.blocks import Figure, Formula

DPI = 170  # well above the density at which the page shows it


def picture(draw: Callable[[], tuple[Any, Any]], alt: str, caption: str) -> Figure:
    """Return a plot as an inline PNG; the figure is closed."""
    figure, _ = draw()
    buffer = io.BytesIO()
    try:
        figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    finally:
        plt.close(figure)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return Figure(f"data:image/png;base64,{data}", alt, caption)


def formula(latex: str, *, prefix: str = "formula") -> Formula:
    r"""Return a formula as inline SVG made by matplotlib's mathtext.

    Mathtext lacks a few of LaTeX's spaces, which are replaced first. ``prefix`` begins the SVG's
    ids, which must differ within a page.
    """
    plain = latex.replace(r"\;", r"\,")
    with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": "bayes-scaling", "mathtext.fontset": "cm"}):
        figure = Drawing(figsize=(0.1, 0.1))
        figure.text(0, 0, f"${plain}$", fontsize=17)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", bbox_inches="tight", pad_inches=0.05, transparent=True,
                       metadata={"Date": None, "Creator": None})  # fmt: skip
    text = buffer.getvalue()
    svg = text[text.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    return Formula(_own_ids(svg, prefix), latex)


def _own_ids(svg: str, prefix: str) -> str:
    """Give the SVG's ids a prefix, because ids of a page must differ; hide it from screen readers."""
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\1{prefix}-", svg)
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg)
    svg = svg.replace("xlink:href", "href")
    return svg.replace("<svg", '<svg aria-hidden="true" focusable="false"', 1)
