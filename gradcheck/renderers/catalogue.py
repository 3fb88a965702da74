"""The catalogue of bugs: a page of Markdown, a table in a terminal, and plain data."""

import json
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

import numpy as np
from rich import box
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gradcheck.networks.bugs.bug import Bug, described, differ, worked
from gradcheck.records.record import plain
from gradcheck.renderers.console import inputs, posed
from gradcheck.renderers.formatting import count, entry_of, number
from gradcheck.renderers.markdown import escape

SCHEMA = 1

#: Entries of a worked example shown before the rest is only counted.
_MOST = 12

_HEAD = """\
# The catalogue of backprop bugs

Made by `python docs/examples/refresh_bugs.py` from `gradcheck/networks/bugs/`; change them there.

{count} bugs, by the rule that is wrong. Primes belong to the layer above: `delta'` and `W'` are
those of layer l + 1. `python -m gradcheck bugs SLUG` works an example of each by hand."""


def render(catalogue: Mapping[str, Bug]) -> str:
    """Return the whole catalogue as Markdown."""
    parts = [_HEAD.format(count=len(catalogue))]
    for site, group in groupby(
        (bug.told() for bug in catalogue.values()), key=lambda bug: bug.place
    ):
        bugs = list(group)
        parts.append(f"## {site.slug}: {site.name}")
        rows = [f"| [`{bug.slug}`](#{bug.slug}) | {escape(bug.title)} |" for bug in bugs]
        parts.append("\n".join(("| bug | what is wrong |", "| --- | --- |", *rows)))
        parts += [_section(bug) for bug in bugs]
    return "\n\n".join(parts) + "\n"


def _section(bug: Bug) -> str:
    samples = count(bug.samples, "sample")
    return "\n".join(
        (
            f"### {bug.slug}\n",
            f"{escape(bug.title[0].upper() + bug.title[1:])}.\n",
            f"- wrong: `{bug.wrong}`",
            f"- right: `{bug.right}`",
            f"- why: {escape(bug.why)}",
            f"- hides: {escape(bug.hides)}",
            f"- mend: {escape(bug.mend)}",
            f"- shows on: `{bug.example}`, {samples}",
        )
    )


def to_json(bugs: Iterable[Bug], *, worked_out: bool) -> str:
    """Return bugs as JSON, with or without their worked examples.

    Parameters
    ----------
    bugs : iterable of Bug
    worked_out : bool

    Returns
    -------
    str
    """
    entries = [
        {**described(bug), **({"worked_example": worked(bug)} if worked_out else {})}
        for bug in bugs
    ]
    return json.dumps(plain({"schema": SCHEMA, "bugs": entries}), indent=1) + "\n"


def show(bugs: Iterable[Bug], console: Console, *, in_full: bool) -> None:
    """Print a line for each bug, or all there is to say of each.

    Parameters
    ----------
    bugs : iterable of Bug
    console : Console
    in_full : bool
    """
    bugs = [bug.told() for bug in bugs]
    if in_full:
        for bug in bugs:
            _explain(bug, console)
        return
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("bug", no_wrap=True)
    table.add_column("what is wrong")
    table.add_column("site", overflow="fold")
    for bug in bugs:
        table.add_row(Text(bug.slug), Text(bug.title), Text(bug.site))
    console.print(table)


def _explain(bug: Bug, console: Console) -> None:
    console.print(Text.assemble((bug.slug, "bold"), f" ({bug.site})"))
    console.print(Text(f"{bug.title[0].upper()}{bug.title[1:]}."))
    formulas = Table(box=None, padding=(0, 4, 0, 0))
    formulas.add_column("wrong", header_style="bold red")
    formulas.add_column("right", header_style="green")
    formulas.add_row(Text(bug.wrong), Text(bug.right))
    console.print(Padding(formulas, (1, 0, 1, 2)))
    words = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for word, style in (("why", ""), ("hides", ""), ("mend", "bold")):
        words.add_row(Text(word), Text(getattr(bug, word), style=style))
    console.print(Padding(words, (0, 0, 1, 2)))
    _work(worked(bug), console)


def _work(example: dict[str, Any], console: Console) -> None:
    console.print(posed(example, "Worked example"))
    console.print(Padding(Group(*inputs(example)), (0, 0, 0, 2)))
    rows = list(_rows(example))
    if rows:
        table = Table(box=None, padding=(0, 2, 0, 0))
        for heading in ("", "textbook", "with the bug"):
            table.add_column(heading)
        for row in rows[:_MOST]:
            table.add_row(*row)
        if len(rows) > _MOST:
            table.add_row(f"and {len(rows) - _MOST} more", "", "")
        console.print(Padding(table, (1, 0, 0, 2)))
    if example["note"]:
        console.print(Padding(Text(f"note: {example['note']}"), (0, 0, 0, 2)))


def _rows(example: dict[str, Any]) -> Any:
    """Yield the entries that differ: name, the textbook's number, the bug's."""
    for name, right in example["textbook"].items():
        right, wrong = np.asarray(right), np.asarray(example["bug"][name])
        if right.shape != wrong.shape:
            yield name, f"shape {right.shape}", f"shape {wrong.shape}"
        elif differ(right, wrong):
            for index in np.ndindex(right.shape):
                if differ(right[index], wrong[index]):
                    yield entry_of(name, index), number(right[index], 9), number(wrong[index], 9)
