"""The record of a run, as JSON: whoever shows results reads this and nothing else.

To a student perhaps less is revealed than was found: a record goes in and one with less in it
comes out, so renderers cannot show what was left out.
"""

import json
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from gradcheck.comparison.verdict import Judged, Verdict, one_line, worst
from gradcheck.comparison.verdict import plain as plain  # what is no judge has it from here
from gradcheck.errors import UsageError
from gradcheck.records.schema import INTERNAL, REVEAL_LEVELS, SCHEMA

#: A part of a record; :mod:`gradcheck.records.schema` says which keys it has.
Entry = dict[str, Any]


@dataclass(frozen=True, repr=False, eq=False)
class Record(Judged):
    """A run's findings in the form of schema 1; true only when all are correct.

    Attributes
    ----------
    data : dict
        What the JSON holds: ``implementations``, ``bugs``, ``worked_examples``, ...
    """

    data: Entry

    @property
    def verdict(self) -> Verdict:  # type: ignore[override]
        """The worst verdict of any implementation."""
        return worst(Verdict(entry["verdict"]) for entry in self.data["implementations"])

    @property
    def exit_code(self) -> int:
        """0 all correct, 1 wrong or error, 3 unresolved, 4 our own fault.

        A worked example whose number is not reproduced counts as wrong.
        """
        errors = [entry.get("error") for entry in self.data["implementations"]]
        if any(error and error["kind"] == INTERNAL for error in errors):
            return 4
        missed = any(not example["agrees"] for example in self.data["worked_examples"])
        return 1 if missed else self.verdict.exit_code

    @property
    def ok(self) -> bool:
        """Whether all implementations are correct, and all worked examples reproduced."""
        return self.exit_code == 0

    def _short(self) -> str:
        entries = self.data["implementations"]
        shown = [entry for entry in entries if entry["verdict"] == self.verdict]
        missed = sum(not example["agrees"] for example in self.data["worked_examples"])
        parts = [_deciding(entry) for entry in shown[:1]]
        if len(entries) > 1:
            parts.append(f"{len(shown)} of {len(entries)} implementations")
        if missed:
            parts.append(f"{missed} worked examples not reproduced")
        return one_line("; ".join(parts) or "nothing was examined")

    def to_json(self) -> str:
        """Return the record as JSON text."""
        return json.dumps(self.data, indent=1, allow_nan=False) + "\n"

    def _repr_html_(self) -> str:
        """Return a small table and the figures, for a notebook.

        A notebook asks the object itself how it looks. Renderers stand above records,
        so this one is fetched by name, as public names are.
        """
        notebook: str = import_module("gradcheck.renderers.html").notebook(self)
        return notebook

    @classmethod
    def from_json(cls, text: str) -> "Record":
        """Read a record.

        Raises
        ------
        UsageError
            When it is no JSON, or of a schema newer than this program's.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            raise UsageError("this is not a gradcheck record: it is not JSON") from None
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            raise UsageError(f"this is not a gradcheck record of schema {SCHEMA}")
        return cls(data)


def render(record: Record) -> str:
    """Return a record as JSON, as renderers return theirs."""
    return record.to_json()


def _deciding(entry: Entry) -> str:
    """Say of an implementation what decided its verdict."""
    if entry.get("error"):
        return f"{entry['name']}: {entry['error']['message']}"
    found = next((f for f in entry["findings"] if f["verdict"] == entry["verdict"]), None)
    if found is None or entry["verdict"] == Verdict.CORRECT:
        return str(entry["name"])
    return f"{entry['name']}: {found['check']}: {found['message']}"


#: What a diagnosis reveals at each level; the rest is emptied.
_REVEALED = {
    "place": ("site", "layer", "place", "certainty"),
    "bug": ("site", "layer", "place", "bug", "also", "certainty", "title", "explanation", "wrong"),
}

#: What a tensor's finding reveals from ``place`` on.
_TENSOR = ("verdict", "wrong_in", "problems", "note")


def revealed(record: Record, much: str) -> Record:
    """Return a record that reveals so much and no more.

    Parameters
    ----------
    record : Record
    much : {"verdict", "place", "bug", "fix"}

    Returns
    -------
    Record
    """
    if much == REVEAL_LEVELS[-1]:
        return record
    entries = [_implementation(entry, much) for entry in record.data["implementations"]]
    commands: Entry = {}
    for key in {"command", "replay"} & set(record.data):
        line, mark, remark = record.data[key].partition("  # ")  # the remark stays at the end
        commands[key] = f"{line} --reveal {much}{mark}{remark}"
    return replace(record, data={**record.data, **commands, "implementations": entries})


def _implementation(entry: Entry, much: str) -> Entry:
    diagnoses = [] if much == "verdict" else [_diagnosis(d, much) for d in entry["diagnoses"]]
    return {
        **entry,
        "findings": [_finding(finding, much) for finding in entry["findings"]],
        "diagnoses": diagnoses,
        "counterexample": None,
        "pictures": None,
        "notes": [],
        "flags": [],
        "error": _error(entry, much),
    }


def _error(entry: Entry, much: str) -> Any:
    """Tell why there was no answer, but not what an answer of the right form looks like."""
    error = entry["error"]
    if error is None or not entry["findings"]:
        return error
    kept = error if much != "verdict" else {"kind": error["kind"]}
    return {**kept, "message": error["kind"]}


def _finding(finding: Entry, much: str) -> Entry:
    tensors = {} if much == "verdict" else finding["tensors"]
    left_out = ("places",) if much == "verdict" else ()
    return {
        **{key: value for key, value in finding.items() if key not in left_out},
        "message": "" if finding["verdict"] != "correct" else finding["message"],
        "notes": [],
        "tensors": {
            name: {key: tensor[key] for key in _TENSOR if key in tensor}
            for name, tensor in tensors.items()
        },
    }


def _empty(value: Any) -> Any:
    return type(value)() if isinstance(value, list | dict | str) else None


def _diagnosis(diagnosis: Entry, much: str) -> Entry:
    kept = {k: v if k in _REVEALED[much] else _empty(v) for k, v in diagnosis.items()}
    if much == "place":
        layer = f", layer {diagnosis['layer']}" if diagnosis["layer"] is not None else ""
        site = diagnosis["site"].replace("_", " ")
        return {**kept, "explanation": f"Look at the {site}{layer}."}
    return kept
