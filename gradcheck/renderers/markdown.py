"""The record as Markdown, for a pull request's summary and for ``reports/report.md``."""

from typing import Any

from gradcheck.record import Record
from gradcheck.renderers.words import clean, number, one_part_in

Rows = list[list[str]]


def render(record: Record) -> str:
    """Return a record as Markdown."""
    data = record.data
    entries = data["implementations"]
    parts = ["# gradcheck report", _answer(entries), _implementations(entries)]
    for entry in entries:
        if entry["verdict"] != "correct":
            parts.append(_panel(entry))
    if data["worked_examples"]:
        parts += ["## Worked examples", _worked_examples(data["worked_examples"])]
    if data["bugs"]:
        parts += ["## Planted bugs", _bugs(data["bugs"])]
    parts += ["## This run", _run(data)]
    return "\n\n".join(parts) + "\n"


def _answer(entries: list[dict[str, Any]]) -> str:
    told = [f"{escape(entry['name'])} is **{entry['verdict']}**" for entry in entries]
    return "; ".join(told) + "."


def _implementations(entries: list[dict[str, Any]]) -> str:
    slugs = list(dict.fromkeys(f["check"] for entry in entries for f in entry["findings"]))
    rows: Rows = []
    for slug in slugs:
        row = [slug]
        for entry in entries:
            found = [f["verdict"] for f in entry["findings"] if f["check"] == slug]
            row.append(_loud(found[0]) if found else "-")
        rows.append(row)
    rows.append(["**verdict**", *(f"**{entry['verdict']}**" for entry in entries)])
    rows.append(["smallest error seen", *(one_part_in(e["resolution_worst"]) for e in entries)])
    rows.append(["seconds", *(number(entry["seconds"], 2) for entry in entries)])
    return _table(["check", *(escape(entry["name"]) for entry in entries)], rows)


def _panel(entry: dict[str, Any]) -> str:
    lines = [f"## {escape(entry['name'])}: {entry['verdict']}"]
    if entry["error"]:
        lines.append(f"- error ({entry['error']['kind']}): {escape(entry['error']['message'])}")
    for finding in entry["findings"]:
        if finding["verdict"] != "correct":
            message = escape(finding["message"])
            lines.append(f"- **{finding['check']}** ({finding['verdict']}): {message}")
    for diagnosis in entry["diagnoses"]:
        lines.append(f"- {escape(diagnosis['explanation'])} {escape(diagnosis['fix'])}")
    if entry["counterexample"]:
        example = entry["counterexample"]
        lines.append(
            f"- smallest network on which it shows: `{example['network']}`, "
            f"{len(example['x'])} sample(s)"
        )
    return "\n".join(lines)


def _worked_examples(results: list[dict[str, Any]]) -> str:
    rows: Rows = []
    for result in results:
        rows.append(
            [
                escape(result["name"]),
                escape(result["implementation"]),
                escape(result["quantity"]),
                f"{result['bound']} {number(result['published'], 9)}".strip(),
                number(result["reproduced"], 9),
                "yes" if result["agrees"] else "**NO**",
            ]
        )
    return _table(["example", "implementation", "quantity", "published", "here", "agrees"], rows)


def _bugs(bugs: list[dict[str, Any]]) -> str:
    rows: Rows = [
        [
            f"`{bug['slug']}`",
            bug["site"],
            f"{bug['visible']} of {bug['problems']}",
            "named" if bug["named"] else "caught" if bug["caught"] else "**MISSED**",
            ", ".join(bug["by"]),
        ]
        for bug in bugs
    ]
    return _table(["bug", "site", "shows in", "caught", "by"], rows)


def _run(data: dict[str, Any]) -> str:
    machine = data["machine"]
    return "\n".join(
        (
            f"- gradcheck {data['gradcheck']}, Python {machine['python']}, "
            f"numpy {machine['numpy']}, {machine['system']} {machine['processor']}",
            f"- seed {data['seed']}",
            f"- replay: `{escape(data['command'])}`",
        )
    )


def _loud(verdict: str) -> str:
    return verdict if verdict == "correct" else f"**{verdict.upper()}**"


def _table(head: list[str], rows: Rows) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escape(text: str) -> str:
    """Make foreign text plain in Markdown, in a table cell too."""
    safe = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{c}" if c in "\\`*_[]|~#!" else c for c in safe)
