"""Curves drawn by matplotlib: the implied derivative, error against step, training.

matplotlib is imported when the first curve is drawn. The SVG goes into the page itself, so it is
stripped of what a file of its own needs, and its colours become variables of the page: it follows
light and dark.
"""

import io
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from markupsafe import Markup, escape

from gradcheck.renderers.formatting import number, shortened

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
FIGURE_WIDTH = 5.0

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
_SIZE = re.compile(r'(<svg[^>]*?) (?:width|height)="[^"]*"')
_FONT = re.compile(r"(font: [\d.]+px )[^;\"]+")


@contextmanager
def axes(height: float, name: str, label: str, columns: int = 2) -> Iterator[tuple[Any, "Picture"]]:
    """Give axes to draw on, so many inches high; afterwards the picture holds the SVG.

    The name makes the picture's ids its own, for a page holds several; the label says what it
    shows, for those who cannot see it. The columns are the legend's.
    """
    import matplotlib
    from matplotlib.figure import Figure

    picture = Picture()
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(FIGURE_WIDTH, height), layout="constrained")
        ax = figure.subplots()
        yield ax, picture
        ax.grid(axis="y")
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=columns)
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
    svg = _SIZE.sub(r"\1", _SIZE.sub(r"\1", svg, count=1), count=1)
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


#: The true curve and the points may fill this much of the picture and more is cut off.
_ROOM = 0.25


def implied_derivative(slope: dict[str, Any], name: str) -> Markup:
    """Draw points recovered from the code's gradients: one of ``pictures.slopes`` of a record."""
    activation = slope["activation"]
    label = (
        f"The derivative of {activation} that the code's gradients imply, at "
        f"{len(slope['z'])} points, over the true derivative"
        + (" and the wrong formula" if slope["wrong"] else "")
    )
    with axes(3.3, name, label) as (ax, picture):
        grid = slope["grid"]
        ax.axhline(0, color=INK, linewidth=0.5, alpha=0.4, zorder=0)
        ax.plot(
            grid, _finite(slope["right"]), color=RIGHT, label=f"true derivative of {activation}"
        )
        if slope["wrong"]:
            values = _finite(slope["wrong"])
            ax.plot(grid, values, color=WRONG, linestyle=(0, (4, 2)), label="the wrong formula")
        ax.plot(
            slope["z"],
            slope["derivative"],
            "o",
            markersize=3.6,
            markerfacecolor="none",
            markeredgecolor=CODE,
            markeredgewidth=1.0,
            label="implied by your gradients",
        )
        ax.set_ylim(*_limits(slope))
        ax.set_xlim(grid[0], grid[-1])
        ax.set_xlabel("pre-activation z")
        ax.set_ylabel("derivative at z")
    return picture.svg


def outside(slope: dict[str, Any]) -> str:
    """Say how many points lie outside the picture; empty when none does."""
    low, high = _limits(slope)
    out = sum(not low <= value <= high for value in slope["derivative"])
    points = len(slope["derivative"])
    return f"{number(out)} of {points} points lie outside the picture." if out else ""


def _limits(slope: dict[str, Any]) -> tuple[float, float]:
    """Show the true curve and the middle of the points: a pole must not flatten all else."""
    points = sorted(slope["derivative"])
    middle = points[len(points) // 12 : len(points) - len(points) // 12] or points
    right = [value for value in slope["right"] if not isinstance(value, str)]
    low, high = min(*right, middle[0]), max(*right, middle[-1])
    size = max(right) - min(right) or 1.0
    low, high = max(low, min(right) - 3 * size), min(high, max(right) + 3 * size)
    margin = _ROOM * (high - low) / 2
    return low - margin, high + margin


def _finite(values: list[Any]) -> list[float]:
    """Break a curve where it is not finite, and where it jumps over the picture."""
    finite = [float("nan") if isinstance(value, str) else value for value in values]
    broken = finite[:1]
    for before, value in pairwise(finite):
        jump = before * value < 0 and abs(before) + abs(value) > 4
        broken.append(float("nan") if jump else value)
    return broken


#: Errors below this are drawn at it: a logarithm has no zero.
_FLOOR = 1e-17

#: A branch is named when its slope is this near to what it should be.
SLOPE_NEAR = 0.7


def step_size(sweep: dict[str, Any], name: str) -> Markup:
    """Draw how far central differences are from the truth: ``pictures.specimen.sweep``."""
    entry, ladder = sweep["entry"], sweep["ladder"]
    distance = abs(float(sweep["claimed"]) - float(sweep["expected"]))
    known = math.isfinite(distance) and distance > 0
    label = f"Error of central differences of the loss by {entry}, against their step"
    if known:
        label += f"; the code's value is off by {distance:.1e}"
    errors = [_drawable(error) for error in sweep["errors"]]
    bar, chosen, off = (
        _drawable(value) for value in (sweep["error_bar"], ladder["chosen_step"], ladder["error"])
    )
    with axes(3.3, name, label) as (ax, picture):
        ax.loglog(
            sweep["steps"], errors, ".-", color=CODE, markersize=4, linewidth=1, label="differences"
        )
        low = min(errors)
        if known:
            ax.axhline(distance, color=WRONG, linestyle=(0, (4, 2)), label="your value")
        ax.axhline(bar, color=RIGHT, linewidth=1.2, label="error bar of the truth")
        if not isinstance(ladder["chosen_step"], str):
            low = min(low, off)
            ax.plot(
                [chosen],
                [off],
                marker="D",
                markersize=6,
                color=INK,
                linestyle="none",
                label="the ladder's choice",
            )
        _name_branches(ax, sweep["steps"], errors)
        ax.set_ylim(bottom=min(low, bar) / 30)
        ax.set_xlim(min(sweep["steps"]), max(sweep["steps"]))
        ax.invert_xaxis()
        ax.set_xlabel(f"difference step h for {entry}, from coarse to fine")
        ax.set_ylabel("distance from the true value")
    return picture.svg


def _drawable(value: Any) -> float:
    """Make a number fit for a logarithmic axis."""
    number = float(value)
    return max(number, _FLOOR) if math.isfinite(number) else _FLOOR


def _name_branches(ax: Any, steps: list[float], errors: list[float]) -> None:
    """Name the two branches: truncation falls with h squared, rounding grows with 1 / h.

    A branch is named where it has about that slope: a kink, within reach of coarse steps,
    has no h squared.
    """
    best = min(range(len(errors)), key=errors.__getitem__)
    last = len(steps) - 1
    branches = (
        (0, best // 2, best // 4, 2.0, "truncation ~ h²", 12, "left"),
        (
            (best + last) // 2,
            last,
            (best + 3 * len(steps)) // 4,
            -1.0,
            "rounding ~ 1/h",
            -12,
            "right",
        ),
    )
    bare = {"facecolor": PAPER, "edgecolor": "none", "pad": 1.0}  # a line may pass there
    for begin, end, at, power, text, right, side in branches:
        if begin < end and abs(_power(steps, errors, begin, end) - power) < SLOPE_NEAR:
            place = {"xytext": (right, 10), "textcoords": "offset points", "ha": side}
            ax.annotate(
                text, (steps[at], errors[at]), color=MUTED, fontsize=8.5, bbox=bare, **place
            )


def _power(steps: list[float], errors: list[float], begin: int, end: int) -> float:
    """Return p where the error goes like ``h**p`` between two steps."""
    return math.log(errors[end] / errors[begin]) / math.log(steps[end] / steps[begin])


#: Wide below and thin on top, so that curves that coincide are all seen.
_LOOKS = (
    {"linewidth": 5.0, "alpha": 0.45},
    {"linewidth": 2.6, "linestyle": "-"},
    {"linewidth": 1.6, "linestyle": (0, (4, 3))},
    {"linewidth": 1.6, "linestyle": (0, (1, 2))},
)


def training_curves(curves: dict[str, list[Any]], name: str, title: str) -> Markup:
    """Draw losses at equal intervals from start to end of a training, by implementation."""
    label = f"Loss during the training of {title}: {', '.join(curves)}"
    with axes(2.5, name, label, columns=3) as (ax, picture):
        positive = True
        for index, (who, losses) in enumerate(curves.items()):
            values = [float("nan") if isinstance(v, str) else v for v in losses]
            positive = positive and all(not v <= 0 for v in values)
            share = [100 * i / max(len(values) - 1, 1) for i in range(len(values))]
            look = _LOOKS[min(index, len(_LOOKS) - 1)]
            ax.plot(share, values, color=SERIES[index % len(SERIES)], label=legend(who), **look)
        if positive:
            ax.set_yscale("log")
        ax.set_xlim(0, 100)
        ax.set_xlabel("part of the training done (%)")
        ax.set_ylabel("loss")
    return picture.svg
