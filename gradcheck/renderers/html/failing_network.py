"""The failing network: as a graph, and its errors entry by entry.

Where things stand is computed here; the template draws it, in the colours of the page. Errors are a
table and not an image: each cell can be pointed at, focused and read aloud.
"""

import math
from dataclasses import dataclass
from typing import Any

from gradcheck.renderers.formatting import entry_of, power_of_ten, typeset

#: Units of a layer that are drawn; of wider ones the last stands for the rest.
MOST_UNITS = 6

_COLUMN, _ROW, _TOP, _EDGE = 110.0, 34.0, 56.0, 44.0


@dataclass(frozen=True)
class Node:
    """A unit, or the dots that stand for several."""

    x: float
    y: float
    dots: bool = False


@dataclass(frozen=True)
class Column:
    """A layer.

    Attributes
    ----------
    title, subtitle : str
    nodes : list of Node
    x : float
    bias : str
        The verdict of b; empty for the inputs.
    circled : bool
        Whether the fault is in this layer's delta or bias.
    """

    title: str
    subtitle: str
    nodes: list[Node]
    x: float
    bias: str
    circled: bool


@dataclass(frozen=True)
class Bundle:
    """The weights between two layers."""

    name: str
    verdict: str
    lines: list[tuple[Node, Node]]
    x: float
    circled: bool


@dataclass(frozen=True)
class Graph:
    """A whole network, ready to be drawn."""

    columns: list[Column]
    bundles: list[Bundle]
    width: float
    height: float
    labels_at: float
    label: str


def network_graph(specimen: dict[str, Any]) -> Graph:
    """Lay out ``pictures.specimen`` of a record."""
    widths, activations = _widths_and_activations(specimen["network"])
    verdicts = {name: tensor["verdict"] for name, tensor in specimen["tensors"].items()}
    sites = {(site["part"], site["layer"]) for site in specimen["sites"]}
    tallest = min(max(widths), MOST_UNITS)
    middle = _TOP + (tallest - 1) * _ROW / 2
    columns = []
    for layer, width in enumerate(widths):
        x = _EDGE + layer * _COLUMN
        shown = min(width, MOST_UNITS)
        ys = [middle + (i - (shown - 1) / 2) * _ROW for i in range(shown)]
        nodes = [Node(x, y, width > MOST_UNITS and i == shown - 2) for i, y in enumerate(ys)]
        name = activations[layer - 1] if layer else f"{width} inputs" if width > 1 else "1 input"
        circled = bool(sites & {("delta", layer), ("bias", layer)})
        title = "x" if layer == 0 else f"layer {layer}"
        columns.append(Column(title, name, nodes, x, verdicts.get(f"b{layer}", ""), circled))
    bundles = []
    for layer in range(1, len(widths)):
        before, after = columns[layer - 1], columns[layer]
        lines = [(a, b) for a in before.nodes for b in after.nodes if not (a.dots or b.dots)]
        name = f"W{layer}"
        verdict = verdicts.get(name, "")
        x = (before.x + after.x) / 2
        bundles.append(Bundle(name, verdict, lines, x, ("weight", layer) in sites))
    height = _TOP + (tallest - 1) * _ROW + 34
    wrong = [name for name, verdict in verdicts.items() if verdict == "wrong"]
    faulty = [column.title for column in columns if column.circled]
    faulty += [bundle.name for bundle in bundles if bundle.circled]
    label = f"Network {specimen['network']}. Wrong: {', '.join(wrong) or 'none'}."
    if faulty:
        label += f" The fault is in {', '.join(faulty)}."
    across = 2 * _EDGE + (len(widths) - 1) * _COLUMN
    return Graph(columns, bundles, across, height + 26, height, label)


def _widths_and_activations(network: str) -> tuple[list[int], list[str]]:
    """Read widths and activations out of a network's text form."""
    shape, activations = network.split()[:2]
    return [int(width) for width in shape.split("-")], activations.split(",")


#: Upper ends of the steps of the scale, and how they are written.
SCALE = (
    (1e-9, "below 10⁻⁹"),
    (1e-6, "10⁻⁹ to 10⁻⁶"),
    (1e-3, "10⁻⁶ to 10⁻³"),
    (1e-1, "10⁻³ to 0.1"),
    (float("inf"), "above 0.1"),
)


@dataclass(frozen=True)
class HeatMapCell:
    """One entry.

    Attributes
    ----------
    name : str
        ``W1[0,2]``.
    level : int
        0 within the error bar, 1 to 5 on the scale, 6 not a number.
    mark : str
        What stands in the cell, so that colour is not the only sign.
    text : str
        All of it, in a sentence.
    worst : bool
    """

    name: str
    level: int
    mark: str
    text: str
    worst: bool


@dataclass(frozen=True)
class Map:
    """One tensor.

    Attributes
    ----------
    name : str
    verdict : str
    rows : list of list of HeatMapCell
    size : str
        ``2 × 3``.
    cut : bool
        Whether only the surroundings of the worst entry are shown.
    """

    name: str
    verdict: str
    rows: list[list[HeatMapCell]]
    size: str
    cut: bool

    @property
    def worst(self) -> HeatMapCell:
        """The worst entry."""
        cells = [cell for row in self.rows for cell in row]
        return next((cell for cell in cells if cell.worst), cells[0])


def heat_maps(specimen: dict[str, Any]) -> list[Map]:
    """Lay out every tensor of ``pictures.specimen`` of a record."""
    return [_map(name, tensor) for name, tensor in specimen["tensors"].items()]


def _map(name: str, tensor: dict[str, Any]) -> Map:
    claimed, expected, bars = (_as_rows(tensor[k]) for k in ("claimed", "expected", "error_bar"))
    start = tensor["start"]
    rows = []
    for i, row in enumerate(claimed):
        cells = []
        for j, code in enumerate(row):
            index = (start[0] + i, start[1] + j) if len(start) == 2 else (start[0] + j,)
            place = entry_of(name, index)
            worst = place == tensor["worst_entry"]
            cells.append(_cell(place, code, expected[i][j], bars[i][j], worst))
        rows.append(cells)
    shape = tensor["shape"]
    shown = len(rows) * len(rows[0]) if rows else 0
    total = 1
    for n in shape:
        total *= n
    return Map(name, tensor["verdict"], rows, " × ".join(map(str, shape)), shown < total)


def _as_rows(values: list[Any]) -> list[list[Any]]:
    return values if values and isinstance(values[0], list) else [values]


def _cell(place: str, code: Any, right: Any, bar: Any, worst: bool) -> HeatMapCell:
    text = f"{place}: your code {typeset(code, 7)}, right {typeset(right, 7)} ± {typeset(bar, 1)}"
    if isinstance(code, str) or isinstance(right, str):
        return HeatMapCell(place, 6, code if isinstance(code, str) else "?", text, worst)
    error = abs(code - right)
    if error <= float(bar):
        return HeatMapCell(place, 0, "·", f"{text}; within the error bar", worst)
    relative = error / max(abs(code), abs(right))
    level = next(i for i, (end, _) in enumerate(SCALE, start=1) if relative < end)
    return HeatMapCell(
        place, level, _mark(relative), f"{text}; relative error {typeset(relative, 2)}", worst
    )


def _mark(relative: float) -> str:
    """Write a relative error in the width of a cell: ``1.2``, ``.05``, ``10⁻⁴``."""
    if relative >= 0.095:
        return f"{relative:.1f}".removeprefix("0")
    if relative >= 0.0095:
        return f"{relative:.2f}".removeprefix("0")
    return power_of_ten(round(math.log10(relative)))
