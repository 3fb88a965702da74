"""The derivative that the code implies: its points over the true curve and the wrong formula's."""

from itertools import pairwise
from typing import Any

from markupsafe import Markup

from gradcheck.renderers.formatting import number
from gradcheck.renderers.html.figures.drawing import CODE, INK, RIGHT, WRONG, axes

#: The true curve and the points may fill this much of the picture and more is cut off.
_ROOM = 0.25


def draw(slope: dict[str, Any], name: str) -> Markup:
    """Draw points recovered from the code's gradients.

    Parameters
    ----------
    slope : dict
        One of ``pictures.slopes`` of a record.
    name : str
        Unique in the page.
    """
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
        ax.grid(axis="y")
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return picture.svg


def hidden(slope: dict[str, Any]) -> str:
    """Say how many points lie outside the picture; empty when none does."""
    low, high = _limits(slope)
    out = sum(not low <= value <= high for value in slope["derivative"])
    return f"{number(out)} of {len(slope['derivative'])} points lie outside." if out else ""


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
