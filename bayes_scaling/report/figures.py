"""Figures as data that an HTML file carries in itself."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.textpath import TextPath

from bayes_scaling.report.blocks import Code, Figure, Formula

DPI = 170  # well above the density at which the page shows it
LETTERS = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C"}  # of SVG's paths


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


def formula(latex: str, *, size: float = 17.0) -> Formula:
    r"""Return a formula as inline SVG of one path, set by matplotlib's mathtext.

    Mathtext lacks a few of LaTeX's spaces, which are replaced first.

    Parameters
    ----------
    latex : str
    size : float
        Of the letters, in points.

    Returns
    -------
    Formula

    Raises
    ------
    ValueError
        Mathtext cannot set it.
    """
    plain = latex.replace(r"\;", r"\,")
    path = TextPath((0, 0), f"${plain}$", size=size, prop=FontProperties(math_fontfamily="cm"))
    box = path.get_extents().padded(0.15 * size)
    drawn = "".join(
        "Z" if code == Path.CLOSEPOLY else LETTERS[code] + " ".join(f"{v:.2f}" for v in points)
        for points, code in path.iter_segments(simplify=False, curves=True)
    )
    svg = (
        f'<svg aria-hidden="true" focusable="false" width="{box.width:.1f}pt" height="{box.height:.1f}pt" '
        f'viewBox="{box.x0:.2f} {-box.y1:.2f} {box.width:.2f} {box.height:.2f}">'
        f'<path transform="scale(1 -1)" d="{drawn}"/></svg>'
    )
    return Formula(svg, latex)


def formulas(latex: str) -> list[Formula | Code]:
    """Return the parts of a formula, each set in a line of its own; as LaTeX where mathtext cannot set it."""
    try:
        return [formula(part) for part in latex.split(r", \quad ")]
    except ValueError:
        return [Code("Formula in LaTeX", latex)]
