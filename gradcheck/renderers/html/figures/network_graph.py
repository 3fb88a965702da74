"""The network as a graph: wrong tensors marked, the site of the bug circled.

Where things stand is computed here; the template draws it, in the colours of the page.
"""

from dataclasses import dataclass
from typing import Any

#: Units of a layer that are drawn; of wider ones the last stands for the rest.
MOST = 6

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
    widths, activations = _read(specimen["network"])
    verdicts = {name: tensor["verdict"] for name, tensor in specimen["tensors"].items()}
    sites = {(site["part"], site["layer"]) for site in specimen["sites"]}
    tallest = min(max(widths), MOST)
    middle = _TOP + (tallest - 1) * _ROW / 2
    columns = []
    for layer, width in enumerate(widths):
        x = _EDGE + layer * _COLUMN
        shown = min(width, MOST)
        ys = [middle + (i - (shown - 1) / 2) * _ROW for i in range(shown)]
        nodes = [Node(x, y, width > MOST and i == shown - 2) for i, y in enumerate(ys)]
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


def _read(network: str) -> tuple[list[int], list[str]]:
    """Read widths and activations out of a network's text form."""
    shape, activations = network.split()[:2]
    return [int(width) for width in shape.split("-")], activations.split(",")
