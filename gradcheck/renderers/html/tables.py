"""The tables of a report: worked examples, planted bugs, and a counter-example's entries."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gradcheck.renderers.formatting import number, typeset
from gradcheck.renderers.html.curves import training_curves
from gradcheck.renderers.summary import compared, differs

if TYPE_CHECKING:
    from markupsafe import Markup

#: Entries of a counter-example that are listed.
MOST_ENTRIES = 40


@dataclass(frozen=True)
class ExampleTable:
    """A published system and what each implementation made of it.

    Attributes
    ----------
    name, title, source : str
    rows : list of (quantity, published, results by implementation)
    curves : list of (quantity, SVG)
    agrees : bool
    """

    name: str
    title: str
    source: str
    rows: list[tuple[str, str, list[dict[str, Any] | None]]]
    curves: list[tuple[str, "Markup"]]
    agrees: bool


@dataclass(frozen=True)
class WorkedExamples:
    """All of them.

    Attributes
    ----------
    names : list of str
        Of the implementations.
    examples : list of ExampleTable
    """

    names: list[str]
    examples: list[ExampleTable]


def worked_examples(results: list[dict[str, Any]]) -> WorkedExamples:
    """Put the results of the worked examples side by side."""
    names = list(dict.fromkeys(result["implementation"] for result in results))
    groups: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        groups.setdefault(result["name"], []).append(result)
    return WorkedExamples(names, [_example(group, names) for group in groups.values()])


def _example(results: list[dict[str, Any]], names: list[str]) -> ExampleTable:
    first = results[0]
    rows = []
    for quantity in dict.fromkeys(result["quantity"] for result in results):
        mine = {
            r["implementation"]: {**r, "shown": _alike(r)}
            for r in results
            if r["quantity"] == quantity
        }
        published = _published(next(iter(mine.values())))
        rows.append((quantity, published, [mine.get(name) for name in names]))
    return ExampleTable(
        first["name"],
        first.get("title", ""),
        first.get("source", ""),
        rows,
        list(_curves(results)),
        all(result["agrees"] for result in results),
    )


def _published(result: dict[str, Any]) -> str:
    words = {"<": "below ", ">": "above "}
    digits = 3 if result["bound"] else 9
    return words.get(result["bound"], "") + typeset(result["published"], digits)


def _alike(result: dict[str, Any]) -> str:
    """Write a reproduced number to as many digits as were published; in full if it is off."""
    value, published = result["reproduced"], number(result["published"], 9)
    if isinstance(value, str) or not result["agrees"]:
        return typeset(value, 9)
    if result["bound"]:
        return typeset(value, 3)
    mantissa, mark, _ = published.partition("e")
    decimals = len(mantissa.partition(".")[2])
    return typeset(value, 1 + decimals) if mark else typeset(f"{value:.{decimals}f}")


def _curves(results: list[dict[str, Any]]) -> Iterator[tuple[str, "Markup"]]:
    groups: dict[str, dict[str, list[Any]]] = {}
    for result in results:
        if len(result["curve"]) > 1:
            groups.setdefault(result["quantity"], {})[result["implementation"]] = result["curve"]
    for index, (quantity, curves) in enumerate(groups.items()):
        name = results[0]["name"]
        yield quantity, training_curves(curves, f"curve-{name}-{index}", name)


@dataclass(frozen=True)
class PlantedBugs:
    """The catalogue's bugs by the checks that caught them.

    Attributes
    ----------
    bugs : list of dict
    checks, sites : list of str
    caught, named : int
    """

    bugs: list[dict[str, Any]]
    checks: list[str]
    sites: list[str]
    caught: int
    named: int


def planted_bugs(bugs: list[dict[str, Any]], order: list[str]) -> PlantedBugs:
    """Count what was caught, and list the checks that caught anything in their order."""
    by = {check for bug in bugs for check in bug["by"]}
    return PlantedBugs(
        bugs,
        [check for check in order if check in by] + sorted(by - set(order)),
        list(dict.fromkeys(bug["site"] for bug in bugs)),
        sum(bool(bug["caught"]) for bug in bugs),
        sum(bool(bug["named"]) for bug in bugs),
    )


def comparison(example: dict[str, Any] | None) -> list[tuple[str, Any, Any, bool]]:
    """List a counter-example entry by entry: name, code's value, right one, whether they differ."""
    if not example or "failure" in example or "by_hand" in example:
        return []
    rows = compared(example)[:MOST_ENTRIES]
    return [(name, got, right, differs(got, right, bar)) for name, got, right, bar in rows]
