"""The failing network: as a graph, and its errors entry by entry.

Where things stand is computed here; the template draws it, in the colours of the page. Errors are a
table and not an image: each cell can be pointed at, focused and read aloud.
"""

import math
from typing import Any

from gradcheck.renderers.formatting import count, entry_of, power_of_ten, typeset

#: Units of a layer that are drawn; of wider ones the last stands for the rest.
MOST_UNITS = 6

_COLUMN, _ROW, _TOP, _EDGE = 110.0, 34.0, 56.0, 44.0


def network_graph(specimen: dict[str, Any]) -> dict[str, Any]:
    """Lay out ``pictures.specimen`` of a record.

    A column is a layer, with its units as nodes, the verdict of its bias, and whether the fault
    is in its delta or bias; a bundle, the weights between two. Dots stand for several units.
    """
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
        nodes = [
            {"x": x, "y": y, "dots": width > MOST_UNITS and i == shown - 2}
            for i, y in enumerate(ys)
        ]
        subtitle = activations[layer - 1] if layer else count(width, "input")
        columns.append(
            {
                "title": f"layer {layer}" if layer else "x",
                "subtitle": subtitle,
                "nodes": nodes,
                "x": x,
                "bias": verdicts.get(f"b{layer}", ""),
                "circled": bool(sites & {("delta", layer), ("bias", layer)}),
            }
        )
    bundles = []
    for layer in range(1, len(widths)):
        before, after, name = columns[layer - 1], columns[layer], f"W{layer}"
        pairs = [(a, b) for a in before["nodes"] for b in after["nodes"]]
        bundles.append(
            {
                "name": name,
                "verdict": verdicts.get(name, ""),
                "lines": [(a, b) for a, b in pairs if not (a["dots"] or b["dots"])],
                "x": (before["x"] + after["x"]) / 2,
                "circled": ("weight", layer) in sites,
            }
        )
    height = _TOP + (tallest - 1) * _ROW + 34
    wrong = [name for name, verdict in verdicts.items() if verdict == "wrong"]
    faulty = [column["title"] for column in columns if column["circled"]]
    faulty += [bundle["name"] for bundle in bundles if bundle["circled"]]
    label = f"Network {specimen['network']}. Wrong: {', '.join(wrong) or 'none'}."
    if faulty:
        label += f" The fault is in {', '.join(faulty)}."
    return {
        "columns": columns,
        "bundles": bundles,
        "width": 2 * _EDGE + (len(widths) - 1) * _COLUMN,
        "height": height + 26,
        "labels_at": height,
        "label": label,
    }


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


def heat_maps(specimen: dict[str, Any]) -> list[dict[str, Any]]:
    """Lay out every tensor of ``pictures.specimen`` of a record.

    A map is cut where only the surroundings of the worst entry are shown.
    """
    return [_map(name, tensor) for name, tensor in specimen["tensors"].items()]


def _map(name: str, tensor: dict[str, Any]) -> dict[str, Any]:
    claimed, expected, bars = (_as_rows(tensor[k]) for k in ("claimed", "expected", "error_bar"))
    start = tensor["start"]
    rows = []
    for i, row in enumerate(claimed):
        cells = []
        for j, code in enumerate(row):
            index = (start[0] + i, start[1] + j) if len(start) == 2 else (start[0] + j,)
            place = entry_of(name, index)
            cell = _cell(place, code, expected[i][j], bars[i][j])
            cells.append({**cell, "name": place, "worst": place == tensor["worst_entry"]})
        rows.append(cells)
    cells = [cell for row in rows for cell in row]
    return {
        "name": name,
        "verdict": tensor["verdict"],
        "rows": rows,
        "size": " × ".join(map(str, tensor["shape"])),
        "cut": len(cells) < math.prod(tensor["shape"]),
        "worst": next((cell for cell in cells if cell["worst"]), cells[0] if cells else None),
    }


def _as_rows(values: list[Any]) -> list[list[Any]]:
    return values if values and isinstance(values[0], list) else [values]


def _cell(place: str, code: Any, right: Any, bar: Any) -> dict[str, Any]:
    """Say how wrong an entry is: in a sentence, and by a mark, for colour is never the only sign.

    Its level is 0 within the error bar, 1 to 5 on the scale, 6 where it is not a number.
    """
    text = f"{place}: your code {typeset(code, 7)}, right {typeset(right, 7)} ± {typeset(bar, 1)}"
    if isinstance(code, str) or isinstance(right, str):
        return {"level": 6, "mark": code if isinstance(code, str) else "?", "text": text}
    error = abs(code - right)
    if error <= float(bar):
        return {"level": 0, "mark": "·", "text": f"{text}; within the error bar"}
    relative = error / max(abs(code), abs(right))
    level = next(i for i, (end, _) in enumerate(SCALE, start=1) if relative < end)
    text = f"{text}; relative error {typeset(relative, 2)}"
    return {"level": level, "mark": _mark(relative), "text": text}


def _mark(relative: float) -> str:
    """Write a relative error in the width of a cell: ``1.2``, ``.05``, ``10⁻⁴``."""
    if relative >= 0.095:
        return f"{relative:.1f}".removeprefix("0")
    if relative >= 0.0095:
        return f"{relative:.2f}".removeprefix("0")
    return power_of_ten(round(math.log10(relative)))
