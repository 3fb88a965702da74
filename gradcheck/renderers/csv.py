"""The teacher's table: a line a submission, for a spreadsheet."""

import csv
import io
from typing import Any

from gradcheck.records.record import Record
from gradcheck.renderers.formatting import number, tamed
from gradcheck.renderers.summary import POINTS, causes, faults, scope, score, shown_name

#: A cell that begins with one of these is a formula to a spreadsheet (CWE-1236).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def render(record: Record) -> str:
    """Return a record as CSV."""
    data = tamed(record.data)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    rows = [_row(entry, data) for entry in data["implementations"]]
    writer.writerows(list(row) for row in rows[:1])
    writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return stream.getvalue()


def _row(entry: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """Return the cells of a submission under the heads of their columns."""
    found = faults(entry)
    bad = causes(entry["findings"])
    summary = found[0].diagnosis["explanation"] if found else ""
    if not summary and entry["error"]:
        summary = entry["error"]["message"]
    elif not summary and bad:
        summary = bad[0]["message"]
    names = [fault.names[0] for fault in found if fault.names]
    code = "; ".join(names) or (entry["error"]["kind"] if entry["error"] else "")
    return {
        "submission": shown_name(entry),
        "student": entry["name"],
        "verdict": entry["verdict"],
        "score": number(score(entry)),
        "max_score": number(POINTS),
        "bug_code": code,
        "bug_summary": summary,
        "check": "; ".join(f["check"] for f in bad),
        "seed": data["seed"],
        "seconds": f"{entry['seconds']:.2f}",
        "sandbox": entry["sandbox"],
        "harness_version": data["gradcheck"],
        "scope": scope(entry),
    }


def _cell(value: Any) -> str:
    """Make a cell text to a spreadsheet, whatever it begins with."""
    text = str(value)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
