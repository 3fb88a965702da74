"""The record in a terminal."""

from typing import Any

import numpy as np
from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gradcheck.records.record import Record
from gradcheck.renderers.formatting import (
    count,
    layers,
    listing,
    matrix,
    number,
    one_part_in,
    sentence,
    single,
    tamed,
)
from gradcheck.renderers.summary import (
    DiagnosedLayers,
    always_on,
    by_entry,
    checks_of,
    compared,
    covered,
    differs,
    faults,
    followers,
    given,
    scope,
    shown_name,
    verdict_line,
)

_STYLES = {
    "correct": "green",
    "wrong": "bold red",
    "error": "bold red",
    "unresolved": "yellow",
}

#: Entries of a counter-example shown before the rest is only counted.
_MOST = 12

#: Numbers of a counter-example up to which every step of it is shown.
_WORKED = 60


def show(record: Record, console: Console) -> None:
    """Print a record: a single implementation in full, several as a line each.

    Parameters
    ----------
    record : Record
    console : Console
    """
    data = tamed(record.data)
    entries = data["implementations"]
    if data["bugs"] or data["worked_examples"]:
        _show_report(data, console)
    elif len(entries) == 1:
        console.print(_in_full(entries[0]))
    else:
        console.print(_lines(entries))
    replay = Text(f"Replay: {data['replay']}", style="dim")
    console.print(replay, soft_wrap=True)


def verdict(word: str) -> Text:
    """Write a verdict: wrong ones in capitals, for colour is never the only sign."""
    text = word.upper() if word in ("wrong", "error") else word
    return Text(text, style=_STYLES[word])


def _in_full(entry: dict[str, Any]) -> RenderableType:
    parts: list[RenderableType] = [_headline(entry)]
    if entry["adapter"]["name"] != "native" and entry["findings"]:  # else the error says it
        parts.append(Padding(Text(_recognised(entry["adapter"]), style="dim"), (0, 0, 0, 2)))
    for fault in faults(entry):
        parts.append(Padding(_fault(fault), (1, 0, 0, 2)))
    if entry["findings"]:
        parts.append(_findings(entry["findings"]))
    else:
        parts.append(Padding(Text(entry["error"]["message"]), (0, 0, 0, 2)))
    if entry["counterexample"]:
        parts.append(Padding(_counterexample(entry["counterexample"]), (1, 0, 0, 2)))
    for flag in entry["flags"]:
        text = f"flag: {flag['kind'].replace('_', ' ')}: {flag['evidence']}"
        parts.append(Padding(Text(text, style="yellow"), (0, 0, 0, 2)))
    for note in entry["notes"]:
        parts.append(Padding(Text(f"note: {note}", style="dim"), (0, 0, 0, 2)))
    parts.append(Text(""))
    return Group(*parts)


def _headline(entry: dict[str, Any]) -> Text:
    name = shown_name(entry)
    line = Text.assemble((name, "bold"), " is ", verdict(entry["verdict"]))
    if entry["verdict"] == "correct" and scope(entry):
        line.append(f" for {scope(entry)}")
    gradient = [f for f in entry["findings"] if f["check"] == "gradient"]
    if gradient:
        line.append(f" ({count(gradient[0]['problems'], 'problem')} compared")
        line.append(f", {entry['seconds']:.1f} s")
        line.append(f", sandbox level {entry['sandbox']})" if entry["sandbox"] else ")")
    elif entry["sandbox"]:
        line.append(f" (sandbox level {entry['sandbox']})")
    if entry["verdict"] == "correct":
        seen = one_part_in(entry["resolution_worst"])
        line.append(f"\nAn error of {seen} in any tensor would have been seen.")
    elif covered(entry):
        line.append(f"\n{sentence(covered(entry))}")
    return line


def _recognised(adapter: dict[str, Any]) -> str:
    """Say in a line what was recognised."""
    taken = ", ".join(f"{key}: {value}" for key, value in adapter["conventions"].items())
    return f"recognised as {adapter['name']}{f' ({taken})' if taken else ''}"


def _findings(findings: list[dict[str, Any]]) -> RenderableType:
    """What is not correct in full, what follows from it and what is correct by name."""
    bad = [finding for finding in findings if finding["verdict"] != "correct"]
    follow = followers(findings)
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column("check", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("what was found")
    for finding in bad:
        if finding["check"] not in follow:
            word = verdict(finding["verdict"])
            table.add_row(finding["check"], word, Text(finding["message"]))
    parts: list[RenderableType] = [Padding(table, (1, 0, 0, 2))] if bad else []
    if follow:
        of = dict.fromkeys(f["cause"] for f in findings if f.get("cause"))
        text = f"by the same cause as {listing(of)}: {', '.join(follow)}"
        parts.append(Padding(Text(text), (0, 0, 0, 2)))
    right = [f["check"] for f in findings if f["verdict"] == "correct"]
    if right:
        parts.append(Padding(Text(f"correct: {', '.join(right)}"), (0, 0, 0, 2)))
    return Group(*parts)


def _fault(fault: DiagnosedLayers) -> RenderableType:
    """What is wrong, how to mend it, and how sure that is."""
    diagnosis = fault.diagnosis
    lines: list[RenderableType] = [Text(diagnosis["explanation"], style="bold")]
    others = [layer for layer in fault.layers if layer != diagnosis["layer"]]
    if others:
        lines.append(Text(f"The same in {layers(others)}."))
    lines.append(Text(diagnosis["fix"]))
    if fault.certainty:
        lines.append(Text(fault.certainty, style="dim"))
    return Group(*lines)


def posed(example: dict[str, Any], intro: str) -> Text:
    """Say on what an example is: its network, its samples, and the rate of a step."""
    title = f"{intro}: {given(example)[0]}, {count(len(example['x']), 'sample')}"
    if "learning_rate" in example:
        title += f", a step with learning rate {number(example['learning_rate'])}"
    return Text(title, style="bold")


def inputs(example: dict[str, Any]) -> list[Text]:
    """Write what the network of an example is given, a line for each layer's parameters."""
    lines = given(example)[1]
    return [Text("   ".join(f"{name} = {matrix(v)}" for name, v in line)) for line in lines]


def _counterexample(example: dict[str, Any]) -> RenderableType:
    title = posed(example, "The smallest network on which it shows")
    numbers = sum(np.size(values) for line in given(example)[1] for _, values in line)
    parts: list[RenderableType] = []
    if numbers > _WORKED and "failure" not in example:
        text = f"It has {numbers} numbers; --html and --json show them all. What differs:"
        parts += [Text(text), _off(example)]
    else:
        parts += [Text(always_on(example))] if always_on(example) else []
        parts += inputs(example) if numbers <= _WORKED else []
        if "failure" in example:
            parts.append(Text(example["failure"]["message"]))
        elif "by_hand" in example:
            parts.append(_by_hand(example["by_hand"]))
        else:
            parts.append(_beside(compared(example)))
    return Group(title, Padding(Group(*parts), (0, 0, 0, 2)))


def _by_hand(lines: list[dict[str, Any]]) -> Table:
    """Every step; what the code has is beside it where it can be known."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("")
    for heading in ("right", "your code"):
        table.add_column(heading, min_width=9)
    table.add_column("", no_wrap=True)
    first = next((line["quantity"] for line in lines if line["differs"]), None)
    for line in lines:
        code = "" if line["code"] is None else matrix(single(line["code"]))
        mark = "<- differs first" if line["quantity"] == first else "<- differs"
        flag = Text(mark if line["differs"] else "", style="bold red")
        step = f"{line['quantity']} = {line['formula']}"
        table.add_row(step, matrix(single(line["right"])), code, flag)
    return table


def _off(example: dict[str, Any]) -> Table:
    """The entries of the gradient that are furthest off, by the code's own names."""
    lines = [line for line in example.get("by_hand", ()) if line["differs"] and line["code"]]
    rows = [row for line in lines for row in _furthest(line)]
    return _beside(rows or compared(example))


def _furthest(line: dict[str, Any]) -> list[tuple[str, Any, Any, Any]]:
    """The entries of a step whose difference is within a hundredth of the largest, or unknown."""
    entries = by_entry(line["quantity"], line["code"], line["right"], line["right"])
    rows = [(place, got, right) for place, got, right, _ in entries]
    off = [0.0 if isinstance(got, str) else abs(got - right) for _, got, right in rows]
    return [
        (*row, 0.0) for row, by in zip(rows, off, strict=True) if by > 0 and by >= 0.01 * max(off)
    ]


def _beside(rows: list[tuple[str, Any, Any, Any]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("", "your code", "expected", ""):
        table.add_column(heading, justify="left", no_wrap=True)
    for name, got, expected, bar in rows[:_MOST]:
        off = differs(got, expected, bar)
        mark = Text("<- differs" if off else "", style="bold red")
        table.add_row(name, number(got, 9), number(expected, 9), mark)
    if len(rows) > _MOST:
        table.add_row(f"and {len(rows) - _MOST} more", "", "", "")
    return table


def _lines(entries: list[dict[str, Any]]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for entry in entries:
        bad = [f for f in entry["findings"] if f["verdict"] != "correct"]
        named = faults(entry)
        if named:
            text = sentence(f"{named[0].title}{', in ' if named[0].where else ''}{named[0].where}")
        else:
            text = entry["error"]["message"] if entry["error"] else bad[0]["message"] if bad else ""
        if not text and scope(entry):
            text = f"for {scope(entry)}"
        level = Text(f"sandbox {entry['sandbox']}" if entry["sandbox"] else "", style="dim")
        table.add_row(shown_name(entry), verdict(entry["verdict"]), level, Text(text))
    return table


def _show_report(data: dict[str, Any], console: Console) -> None:
    entries = data["implementations"]
    slugs = checks_of(entries)
    table = _table("Implementations")
    table.add_column("check")
    for entry in entries:
        table.add_column(entry["name"])
    for slug in slugs:
        table.add_row(slug, *(_cell(entry, slug) for entry in entries))
    table.add_section()
    table.add_row(Text("verdict", style="bold"), *(verdict(e["verdict"]) for e in entries))
    table.add_row("smallest error seen", *(one_part_in(e["resolution_worst"]) for e in entries))
    table.add_row("time", *(f"{e['seconds']:.1f} s" for e in entries))
    console.print(table)
    for entry in entries:
        if entry["error"]:
            console.print(Text(f"{entry['name']}: {entry['error']['message']}"))
        elif entry["verdict"] != "correct":
            console.print(_in_full(entry))
        elif scope(entry):
            console.print(Text(f"{entry['name']} is {verdict_line(entry)}."))
    console.print(_examples(data["worked_examples"]))
    console.print(_bugs(data["bugs"]))


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)


def _cell(entry: dict[str, Any], slug: str) -> Text:
    found = [finding for finding in entry["findings"] if finding["check"] == slug]
    return verdict(found[0]["verdict"]) if found else Text("-", style="dim")


def _examples(results: list[dict[str, Any]]) -> Table:
    names = list(dict.fromkeys(result["implementation"] for result in results))
    table = _table("Worked examples: numbers reproduced")
    table.add_column("example")
    for name in names:
        table.add_column(name)
    for example in dict.fromkeys(result["name"] for result in results):
        cells = []
        for name in names:
            mine = [r for r in results if r["name"] == example and r["implementation"] == name]
            agreeing = sum(r["agrees"] for r in mine)
            style = "green" if agreeing == len(mine) else "bold red"
            cells.append(Text(f"{agreeing} of {len(mine)}" if mine else "-", style=style))
        table.add_row(example, *cells)
    return table


def _bugs(bugs: list[dict[str, Any]]) -> RenderableType:
    """A line a site; the bugs themselves are in report.md."""
    table = _table("Planted bugs")
    for heading in ("site", "planted", "caught", "named", "found by"):
        table.add_column(heading)
    for site in dict.fromkeys(bug["site"] for bug in bugs):
        mine = [bug for bug in bugs if bug["site"] == site]
        caught, named = (sum(bug[word] for bug in mine) for word in ("caught", "named"))
        style = "green" if caught == len(mine) else "bold red"
        by = dict.fromkeys(check for bug in mine for check in bug["by"])
        cells = (str(len(mine)), Text(str(caught), style=style), str(named), ", ".join(by))
        table.add_row(site, *cells)
    missed = [bug["slug"] for bug in bugs if not bug["caught"]]
    unnamed = [bug["slug"] for bug in bugs if bug["caught"] and not bug["named"]]
    parts: list[RenderableType] = [table]
    if missed:
        parts.append(Text(f"MISSED: {', '.join(missed)}", style="bold red"))
    if unnamed:
        parts.append(Text(f"caught, but not named: {', '.join(unnamed)}", style="dim"))
    return Group(*parts, Text(""))
