"""What the figures made with matplotlib have in common.

matplotlib is imported here and nowhere else, when the first curve is drawn. The SVG
goes into the page itself, so it is stripped of what a file of its own needs, and its
colours become variables of the page: it follows light and dark.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from markupsafe import Markup, escape

from gradcheck.renderers.formatting import shortened

#: Stand-ins: matplotlib needs colours, the page has names for them.
INK, MUTED, GRID, PAPER = "#010101", "#020202", "#030303", "#0d0d0d"
RIGHT, WRONG, CODE = "#040404", "#050505", "#060606"
SERIES = ("#070707", "#080808", "#090909", "#0a0a0a", "#0b0b0b", "#0c0c0c")

_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--line)",
    PAPER: "var(--paper)",
    RIGHT: "var(--right)",
    WRONG: "var(--wrong)",
    CODE: "var(--code)",
    **{colour: f"var(--series-{i})" for i, colour in enumerate(SERIES, start=1)},
}

#: Inches. The same on a phone, where it fills the width, and in a column on a desk.
WIDTH = 5.0

_STYLE: Any = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib, and is wide: others fit too
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.pad": 6.0,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.8,
    "mathtext.default": "regular",
}

_HEAD = re.compile(r"^.*?(?=<svg)", re.S)
_SIZE = re.compile(r'(<svg[^>]*?) width="[^"]*"')
_HEIGHT = re.compile(r'(<svg[^>]*?) height="[^"]*"')
_FONT = re.compile(r"(font: [\d.]+px )[^;\"]+")


@contextmanager
def axes(height: float, name: str, label: str) -> Iterator[tuple[Any, "Picture"]]:
    """Give axes to draw on; afterwards the picture holds the SVG.

    Parameters
    ----------
    height : float
        In inches.
    name : str
        Makes the picture's ids its own, for a page holds several.
    label : str
        What it shows, for those who cannot see it.
    """
    import matplotlib
    from matplotlib.figure import Figure

    picture = Picture()
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        yield figure.subplots(), picture
        stream = io.StringIO()
        empty = {"Creator": None, "Date": None, "Format": None, "Type": None}
        figure.savefig(stream, format="svg", transparent=True, metadata=empty)
    picture.svg = _inline(stream.getvalue(), name, label)


def legend(text: str) -> str:
    """Write a name from outside for a legend: short, no formula, and never left out.

    matplotlib reads what is between dollars as mathematics, and leaves labels out
    that begin with an underscore.
    """
    plain = shortened(text, 28).replace("$", r"\$")
    return f" {plain}" if plain.startswith("_") else plain


class Picture:
    """Holds a figure's SVG once it is drawn."""

    svg = Markup()


def _inline(svg: str, name: str, label: str) -> Markup:
    svg = _HEAD.sub("", svg)
    svg = _HEIGHT.sub(r"\1", _SIZE.sub(r"\1", svg, count=1), count=1)
    svg = _FONT.sub(r"\1var(--sans)", svg)
    svg = re.sub(
        r' id="((?:axes|figure|patch|text|line2d|matplotlib|xtick|ytick|legend|'
        r'PathCollection|LineCollection|FillBetween\w*)[^"]*)"',
        "",
        svg,
    )
    svg = re.sub(r"\n\s*<!--.*?-->|<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r"(\d\.\d\d)\d+", r"\1", svg)  # a hundredth of a pixel is enough
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, variable)
    svg = re.sub(r"\s*\n\s*", "\n", svg)
    title = f'<svg role="img" aria-label="{escape(label)}"'
    return Markup(svg.replace("<svg", title, 1).strip())
