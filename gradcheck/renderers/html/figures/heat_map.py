"""Relative errors of a tensor, entry by entry, as the cells of a table.

A table and not an image: each cell can be pointed at, focused and read aloud.
"""

import math
from dataclasses import dataclass
from typing import Any

from gradcheck.renderers.formatting import power_of_ten, typeset

#: Upper ends of the steps of the scale, and how they are written.
SCALE = (
    (1e-9, "below 10⁻⁹"),
    (1e-6, "10⁻⁹ to 10⁻⁶"),
    (1e-3, "10⁻⁶ to 10⁻³"),
    (1e-1, "10⁻³ to 0.1"),
    (float("inf"), "above 0.1"),
)


@dataclass(frozen=True)
class Cell:
    """One entry.

    Attributes
    ----------
    name : str
        ``W1[0,2]``.
    level : int
        0 within the error bar, 1 to 5 on the scale, 6 not a number.
    mark : str
        What stands in the cell, so that colour is not the only sign.
    told : str
        All of it, in a sentence.
    worst : bool
    """

    name: str
    level: int
    mark: str
    told: str
    worst: bool


@dataclass(frozen=True)
class Map:
    """One tensor.

    Attributes
    ----------
    name : str
    verdict : str
    rows : list of list of Cell
    size : str
        ``2 × 3``.
    cut : bool
        Whether only the surroundings of the worst entry are shown.
    """

    name: str
    verdict: str
    rows: list[list[Cell]]
    size: str
    cut: bool

    @property
    def worst(self) -> Cell:
        """The worst entry."""
        cells = [cell for row in self.rows for cell in row]
        return next((cell for cell in cells if cell.worst), cells[0])


def heat_maps(specimen: dict[str, Any]) -> list[Map]:
    """Lay out every tensor of ``pictures.specimen`` of a record."""
    return [_map(name, tensor) for name, tensor in specimen["tensors"].items()]


def _map(name: str, tensor: dict[str, Any]) -> Map:
    claimed, expected, bars = (_matrix(tensor[k]) for k in ("claimed", "expected", "error_bar"))
    start = tensor["start"]
    rows = []
    for i, row in enumerate(claimed):
        cells = []
        for j, code in enumerate(row):
            index = (start[0] + i, start[1] + j) if len(start) == 2 else (start[0] + j,)
            place = f"{name}[{','.join(map(str, index))}]"
            worst = place == tensor["worst_entry"]
            cells.append(_cell(place, code, expected[i][j], bars[i][j], worst))
        rows.append(cells)
    shape = tensor["shape"]
    shown = len(rows) * len(rows[0]) if rows else 0
    total = 1
    for n in shape:
        total *= n
    return Map(name, tensor["verdict"], rows, " × ".join(map(str, shape)), shown < total)


def _matrix(values: list[Any]) -> list[list[Any]]:
    return values if values and isinstance(values[0], list) else [values]


def _cell(place: str, code: Any, right: Any, bar: Any, worst: bool) -> Cell:
    text = f"{place}: your code {typeset(code, 7)}, right {typeset(right, 7)} ± {typeset(bar, 1)}"
    if isinstance(code, str) or isinstance(right, str):
        return Cell(place, 6, code if isinstance(code, str) else "?", text, worst)
    error = abs(code - right)
    if error <= float(bar):
        return Cell(place, 0, "·", f"{text}; within the error bar", worst)
    relative = error / max(abs(code), abs(right))
    level = next(i for i, (end, _) in enumerate(SCALE, start=1) if relative < end)
    return Cell(
        place, level, _mark(relative), f"{text}; relative error {typeset(relative, 2)}", worst
    )


def _mark(relative: float) -> str:
    """Write a relative error in the width of a cell: ``1.2``, ``.05``, ``10⁻⁴``."""
    if relative >= 0.095:
        return f"{relative:.1f}".removeprefix("0")
    if relative >= 0.0095:
        return f"{relative:.2f}".removeprefix("0")
    return power_of_ten(round(math.log10(relative)))
