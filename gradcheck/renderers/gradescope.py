"""Gradescope's results.json: a test a check.

Field names are those of Gradescope's autograder specification. Every text that code
under test may have had a hand in is sent as plain text, never as HTML or Markdown.
"""

import json
from typing import Any

from gradcheck.contract import __version__
from gradcheck.records.record import Record
from gradcheck.renderers.formatting import sentence, stopped, tamed
from gradcheck.renderers.summary import (
    DiagnosedLayers,
    answer,
    coverage,
    faults,
    followers,
    points_each,
    same_cause,
)

#: Messages of a test are for reading on a web page.
_TEXT = {"output_format": "text", "name_format": "text"}


def unfinished() -> str:
    """Return a failing result to be overwritten: what stands if the run never ends."""
    return _write(
        {
            "score": 0.0,
            "output": "gradcheck did not finish, so there is no result. Ask your teacher.",
            "output_format": "text",
            "stdout_visibility": "hidden",
            "tests": [],
        }
    )


def render(record: Record) -> str:
    """Return a record as results.json."""
    data = tamed(record.data)
    entries = data["implementations"]
    several = len(entries) > 1
    tests = [
        test
        for index, entry in enumerate(entries, start=1)
        for test in _tests(entry, index, data, several, 1 / max(len(entries), 1))
    ]
    return _write(
        {
            "execution_time": round(sum(entry["seconds"] for entry in entries), 3),
            "output": "\n".join((stopped(answer(entries)), *coverage(entries))),
            "output_format": "text",
            "test_output_format": "text",
            "test_name_format": "text",
            "stdout_visibility": "hidden",
            "extra_data": {"command": data["command"], "seed": data["seed"]},
            "tests": tests,
        }
    )


def _tests(
    entry: dict[str, Any], index: int, data: dict[str, Any], several: bool, share: float
) -> list[dict[str, Any]]:
    found = faults(entry)
    follow = followers(entry["findings"])
    first = next((f["check"] for f in entry["findings"] if f["verdict"] != "correct"), "")
    extra = {
        "seed": data["seed"],
        "verdict": entry["verdict"],
        "sandbox_level": entry["sandbox"],
        "harness_version": data["gradcheck"],
    }
    prefix = f"{entry['name']}: " if several else ""
    points = points_each(entry) * share

    def test(name: str, number: int, output: str, passed: bool = False, **more: Any) -> Any:
        return {
            "name": f"{prefix}{name}",
            "number": f"{index}.{number}",
            "status": "passed" if passed else "failed",
            "score": round(points, 4) if passed else 0.0,
            "max_score": round(points, 4),
            "output": output,
            "tags": [],
            "visibility": "visible",
            "extra_data": extra,
            **_TEXT,
            **more,
        }

    if not entry["findings"]:
        error = entry["error"] or {"kind": "unresolved", "message": "nothing was compared"}
        return [test(error["kind"], 1, stopped(error["message"]))]
    tests = []
    for number, finding in enumerate(entry["findings"], start=1):
        named = found if finding["check"] == first else []
        tests.append(
            test(
                finding["check"],
                number,
                _output(finding, named, finding["check"] in follow),
                finding["verdict"] == "correct",
                tags=[name for fault in named for name in fault.names],
                extra_data={**extra, "verdict": finding["verdict"]},
            )
        )
    return tests


def _output(finding: dict[str, Any], named: list[DiagnosedLayers], follows: bool) -> str:
    parts = []
    for fault in named:
        parts.append(f"{fault.diagnosis['explanation']}\n{fault.diagnosis['fix']}")
        if fault.where:
            parts.append(f"{sentence(fault.where)} {fault.certainty}")
    parts.append(stopped(finding["message"]))
    if follows:
        parts.append(f"{same_cause(finding)} It earns nothing either.")
    return "\n".join(parts)


def _write(data: dict[str, Any]) -> str:
    # ASCII only: a text direction mark or half a surrogate pair stays an escape
    extra = {"gradcheck": __version__, **data.get("extra_data", {})}
    return json.dumps({**data, "extra_data": extra}, indent=1, allow_nan=False) + "\n"
