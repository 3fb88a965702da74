"""Error against step: is the gradient at fault, or the difference quotient?"""

import math
from typing import Any

from markupsafe import Markup

from gradcheck.renderers.html.figures.drawing import CODE, INK, MUTED, PAPER, RIGHT, WRONG, axes

#: Errors below this are drawn at it: a logarithm has no zero.
_FLOOR = 1e-17

#: A branch is named when its slope is this near to what it should be.
TELLING = 0.7


def draw(sweep: dict[str, Any], name: str) -> Markup:
    """Draw how far central differences are from the truth, step by step.

    Parameters
    ----------
    sweep : dict
        ``pictures.specimen.sweep`` of a record.
    """
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
        _slopes(ax, sweep["steps"], errors)
        ax.set_ylim(bottom=min(low, bar) / 30)
        ax.set_xlim(min(sweep["steps"]), max(sweep["steps"]))
        ax.invert_xaxis()
        ax.set_xlabel(f"difference step h for {entry}, from coarse to fine")
        ax.set_ylabel("distance from the true value")
        ax.grid(axis="y")
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return picture.svg


def _drawable(value: Any) -> float:
    """Make a number fit for a logarithmic axis."""
    number = float(value)
    return max(number, _FLOOR) if math.isfinite(number) else _FLOOR


def _slopes(ax: Any, steps: list[float], errors: list[float]) -> None:
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
        if begin < end and abs(_power(steps, errors, begin, end) - power) < TELLING:
            place = {"xytext": (right, 10), "textcoords": "offset points", "ha": side}
            ax.annotate(
                text, (steps[at], errors[at]), color=MUTED, fontsize=8.5, bbox=bare, **place
            )


def _power(steps: list[float], errors: list[float], begin: int, end: int) -> float:
    """Return p where the error goes like ``h**p`` between two steps."""
    return math.log(errors[end] / errors[begin]) / math.log(steps[end] / steps[begin])
