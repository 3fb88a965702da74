"""gradcheck beside other checkers: what ``benchmarks/peers.py`` measured, as tables of text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes
    ----------
    title, note : str
    heading : list of str
        Of the columns; of the first, empty or what its cells are.
    rows : list of list of str
    """

    title: str
    note: str
    heading: list[str]
    rows: list[list[str]]


def tables(data: Mapping[str, Any]) -> list[Table]:
    """Return the tables of a run: time, quality where it was measured, growth.

    Parameters
    ----------
    data : dict

    Returns
    -------
    list of Table
    """
    parts = [_timing(data["timing"])]
    if "quality" in data:
        parts.append(_quality(data["quality"]))
    return [*parts, _growth(data["growth"])]


def machine(data: Mapping[str, Any]) -> str:
    """Say on what was measured.

    Parameters
    ----------
    data : dict
        What ``benchmarks/peers.py`` wrote.

    Returns
    -------
    str
    """
    m = data["machine"]
    return (
        f"{m['system']}, {m['processor']}, Python {m['python']}, numpy {m['numpy']}, "
        f"{m['cores']} cores"
    )


def rate(data: Mapping[str, Any]) -> str:
    """Say how many verdicts a second were measured.

    Parameters
    ----------
    data : dict

    Returns
    -------
    str
    """
    return f"{data['rate']['verdicts_per_second']:.0f}"


def _timing(networks: list[dict[str, Any]]) -> Table:
    heading = ["", *(f"{n['network'].split()[0]} ({n['parameters']})" for n in networks)]
    columns = [{row["name"]: row for row in n["rows"]} for n in networks]
    return Table(
        "Time",
        "Milliseconds, and in brackets how many times our estimate of every parameter with error "
        "bars / our whole verdict fits in.",
        heading,
        [[name, *(_time(column[name]) for column in columns)] for name in columns[0]],
    )


def _time(row: dict[str, Any]) -> str:
    if "seconds" not in row:
        return f"not run: {row['predicted_seconds']:.0f} s foreseen"
    ratios = f"{_three(row['ratio_to_estimate'])} / {_three(row['ratio_to_verdict'])}"
    return f"{_three(1e3 * row['seconds'])} ({ratios})"


def _three(value: float) -> str:
    """Write a number with three digits that count, and no exponent."""
    return f"{float(f'{value:.3g}'):,.12g}"


def _quality(kinds: list[dict[str, Any]]) -> Table:
    return Table(
        "Quality",
        "Wrong gradients missed of those planted / right gradients refused, at default tolerances.",
        ["", *(kind["kind"] for kind in kinds)],
        [[name, *(_count(kind["peers"][name]) for kind in kinds)] for name in kinds[0]["peers"]],
    )


def _count(c: dict[str, int]) -> str:
    text = f"{c['missed']} of {c['wrong']} / {c['false_alarms']} of {c['right']}"
    return f"{text}, {c['unresolved']} unresolved" if c["unresolved"] else text


def _growth(rows: list[dict[str, Any]]) -> Table:
    return Table(
        "Growth",
        "A whole verdict, each in a process of its own.",
        ["network", "parameters", "ms", "µs a parameter", "peak MB"],
        [
            [
                row["network"],
                f"{row['parameters']:,}",
                f"{1e3 * row['seconds']:.1f}",
                f"{row['microseconds_per_parameter']:.3f}",
                f"{row['peak_bytes'] / 1e6:.0f}",
            ]
            for row in rows
        ],
    )
