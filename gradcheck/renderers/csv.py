"""The teacher's table: a line a submission, for a spreadsheet."""

import csv
import io
from typing import Any

from gradcheck.records.record import Record
from gradcheck.renderers.formatting import number, tamed
from gradcheck.renderers.summary import POINTS, causes, faults, scope, score, shown_name

HEAD = (
    "submission",
    "student",
    "verdict",
    "score",
    "max_score",
    "bug_code",
    "bug_summary",
    "check",
    "seed",
    "seconds",
    "sandbox",
    "harness_version",
    "scope",
)

#: A cell that begins with one of these is a formula to a spreadsheet (CWE-1236).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def render(record: Record) -> str:
    """Return a record as CSV."""
    data = tamed(record.data)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(HEAD)
    for entry in data["implementations"]:
        writer.writerow([_cell(value) for value in _line(entry, data)])
    return stream.getvalue()


def _line(entry: dict[str, Any], data: dict[str, Any]) -> tuple[Any, ...]:
    found = faults(entry)
    bad = causes(entry["findings"])
    summary = found[0].diagnosis["explanation"] if found else ""
    if not summary and entry["error"]:
        summary = entry["error"]["message"]
    elif not summary and bad:
        summary = bad[0]["message"]
    names = [fault.names[0] for fault in found if fault.names]
    code = "; ".join(names) or (entry["error"]["kind"] if entry["error"] else "")
    return (
        shown_name(entry),
        entry["name"],
        entry["verdict"],
        number(score(entry)),
        number(POINTS),
        code,
        summary,
        "; ".join(f["check"] for f in bad),
        data["seed"],
        f"{entry['seconds']:.2f}",
        entry["sandbox"],
        data["gradcheck"],
        scope(entry),
    )


def _cell(value: Any) -> str:
    """Make a cell text to a spreadsheet, whatever it begins with."""
    text = str(value)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
