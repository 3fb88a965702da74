"""The record as Markdown, for a pull request's summary and for ``reports/report.md``."""

import re
from typing import Any

from gradcheck.records.record import Record
from gradcheck.renderers import benchmark_tables
from gradcheck.renderers.formatting import (
    clean,
    count,
    number,
    one_part_in,
    sentence,
    stopped,
    tamed,
)
from gradcheck.renderers.snippet import snippet
from gradcheck.renderers.summary import (
    GLYPHS,
    DiagnosedLayers,
    answer,
    checks_of,
    coverage,
    faults,
    given,
    same_cause,
)

Rows = list[list[str]]

#: A summary of more bytes is dropped without a word by those who show it.
MOST_BYTES = 900_000

#: Panels that are written out; with more, the table has to do.
PANELS = 40


def render(record: Record) -> str:
    """Return a record as Markdown."""
    data = tamed(record.data)
    entries = data["implementations"]
    wrong = [entry for entry in entries if entry["verdict"] != "correct"]
    parts = ["# gradcheck report", stopped(escape(answer(entries))), _implementations(entries)]
    if lines := coverage(entries):
        parts.append("\n".join(f"- {escape(line)}" for line in lines))
    parts += [_panel(entry) for entry in wrong[:PANELS]]
    if len(wrong) > PANELS:
        parts.append(f"{len(wrong) - PANELS} more are not written out here.")
    if data["worked_examples"]:
        parts += ["## Worked examples", _worked_examples(data["worked_examples"])]
    if data["bugs"]:
        bugs = data["bugs"]
        caught, named = (sum(bool(bug[word]) for bug in bugs) for word in ("caught", "named"))
        counts = f"{caught} of {len(bugs)} caught, {named} named"
        parts += ["## Planted bugs", f"{counts}.", _folded("All of them", _bugs(bugs))]
    if "benchmarks" in data:
        parts += ["## Beside other checkers", *_beside(data["benchmarks"])]
    parts += ["## This run", _run(data)]
    return _within(parts, MOST_BYTES)


def _within(parts: list[str], most: int) -> str:
    """Leave out whole parts from the end until the rest is small enough."""
    kept = list(parts)
    while len(kept) > 2 and len("\n\n".join(kept).encode(errors="replace")) > most:
        kept.pop()
    if len(kept) < len(parts):
        kept.append("The rest was left out: it is too long for a summary.")
    return "\n\n".join(kept) + "\n"


def _implementations(entries: list[dict[str, Any]]) -> str:
    slugs = checks_of(entries)
    rows: Rows = []
    for entry in entries:
        found = {f["check"]: f["verdict"] for f in entry["findings"]}
        cells = [GLYPHS[found[slug]] if slug in found else "–" for slug in slugs]
        seen, seconds = one_part_in(entry["resolution_worst"]), f"{entry['seconds']:.1f} s"
        rows.append([escape(entry["name"]), _loud(entry["verdict"]), *cells, seen, seconds])
    head = ["implementation", "verdict", *(slug.replace("_", " ") for slug in slugs)]
    table = _table([*head, "smallest error seen", "time"], rows)
    return f"{table}\n\n✓ correct, ✗ wrong, ! error, ? unresolved, – not asked."


def _panel(entry: dict[str, Any]) -> str:
    parts = [f"## {escape(entry['name'])} is **{entry['verdict']}**"]
    if entry["error"]:
        kind, message = entry["error"]["kind"], stopped(escape(entry["error"]["message"]))
        parts.append(f"{message} ({escape(kind)})")
    parts += [_fault(fault) for fault in faults(entry)]
    parts += _counterexample(entry)
    lines = [
        f"- **{f['check']}** ({f['verdict']}): {same_cause(f) or stopped(escape(f['message']))}"
        for f in entry["findings"]
        if f["verdict"] != "correct"
    ]
    return "\n\n".join([*parts, "\n".join(lines)] if lines else parts)


def _fault(fault: DiagnosedLayers) -> str:
    diagnosis = fault.diagnosis
    where = f" {sentence(fault.where)}" if fault.where else ""
    parts = [f"**{sentence(escape(fault.title))}**{where}"]
    if "wrong" in diagnosis:
        row = [_code(diagnosis["wrong"]), _code(diagnosis["right"])]
        parts.append(_table(["your code", "right"], [row]))
    else:
        parts.append(escape(diagnosis["explanation"]))
    parts += [escape(diagnosis["fix"]), escape(f"{fault.certainty} {fault.evidence}".strip())]
    return "\n\n".join(parts)


def _counterexample(entry: dict[str, Any]) -> list[str]:
    example = entry["counterexample"]
    if not example:
        return []
    samples = count(len(example["x"]), "sample")
    parts = [f"Smallest network on which it shows: {_code(given(example)[0])}, {samples}."]
    script = snippet(entry)
    if script:
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", script)), default=0))
        parts.append(_folded("A script that shows it", f"{fence}python\n{script}{fence}"))
    return parts


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>"


def _worked_examples(results: list[dict[str, Any]]) -> str:
    rows: Rows = [
        [
            *(escape(result[key]) for key in ("name", "implementation", "quantity")),
            f"{result['bound']} {number(result['published'], 9)}".strip(),
            number(result["reproduced"], 9),
            "yes" if result["agrees"] else "**NO**",
        ]
        for result in results
    ]
    return _table(["example", "implementation", "quantity", "published", "here", "agrees"], rows)


def _bugs(bugs: list[dict[str, Any]]) -> str:
    rows: Rows = [
        [
            _code(bug["slug"]),
            bug["site"],
            f"{bug['visible']} of {bug['problems']}",
            "named" if bug["named"] else "caught" if bug["caught"] else "**MISSED**",
            ", ".join(bug["by"]),
        ]
        for bug in bugs
    ]
    return _table(["bug", "site", "shows in", "caught", "by"], rows)


def _beside(measured: dict[str, Any]) -> list[str]:
    return [f"Measured in one run ({escape(benchmark_tables.machine(measured))})."] + [
        f"**{table.title}.** {table.note}\n\n"
        + _table(list(map(escape, table.heading)), [list(map(escape, row)) for row in table.rows])
        for table in benchmark_tables.tables(measured)
    ]


def _run(data: dict[str, Any]) -> str:
    machine = data["machine"]
    return "\n".join(
        (
            f"- gradcheck {data['gradcheck']}, Python {machine['python']}, "
            f"numpy {machine['numpy']}, {machine['system']} {machine['processor']}",
            f"- seed {data['seed']}",
            f"- replay: {_code(data['replay'])}",
        )
    )


def _loud(verdict: str) -> str:
    return verdict if verdict == "correct" else f"**{verdict.upper()}**"


def _table(head: list[str], rows: Rows) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escape(text: str) -> str:
    """Make foreign text plain in Markdown, in a table cell too: no link, no mention."""
    safe = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    safe = "".join(f"\\{c}" if c in "\\`*_[]|~#!" else c for c in safe)
    safe = re.sub(r"(?i)(www)\.|(:)//", lambda m: f"{m[1]}&#46;" if m[1] else "&#58;//", safe)
    return safe.replace("@", "@&#8203;")


def _code(text: str) -> str:
    """Set text as code: nothing in it is markup."""
    return f"`{text.replace('`', chr(39)).replace('|', chr(0x2223))}`"
