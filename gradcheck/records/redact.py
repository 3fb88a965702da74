"""How much of a record is revealed: to a student, perhaps less than was found.

A record goes in and one with less in it comes out, so renderers cannot show what was left out.

=========  =====================================================================
``verdict``  right or wrong, check by check; why nothing could be asked
``place``    also which tensors, and site and layer of what is wrong
``bug``      also what the bug is
``fix``      everything: how to mend it, numbers, the counter-example
=========  =====================================================================
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gradcheck.errors import UsageError, meant

if TYPE_CHECKING:
    from gradcheck.records.record import Entry, Record

REVEAL_LEVELS = ("verdict", "place", "bug", "fix")

#: What a diagnosis reveals at each level; the rest is emptied.
_REVEALED = {
    "place": ("site", "layer", "place", "certainty"),
    "bug": ("site", "layer", "place", "bug", "also", "certainty", "title", "explanation", "wrong"),
}

#: What a tensor's finding reveals from ``place`` on.
_TENSOR = ("verdict", "wrong_in", "problems", "note")


def check_level(much: str) -> None:
    """Refuse a word that is none of the levels.

    Parameters
    ----------
    much : str

    Raises
    ------
    UsageError
    """
    if much not in REVEAL_LEVELS:
        raise UsageError(f"{much!r} cannot be revealed{meant(much, REVEAL_LEVELS)}")


def revealed(record: "Record", much: str) -> "Record":
    """Return a record that reveals so much and no more.

    Parameters
    ----------
    record : Record
    much : {"verdict", "place", "bug", "fix"}

    Returns
    -------
    Record

    Raises
    ------
    UsageError
        For any other word.
    """
    check_level(much)
    if REVEAL_LEVELS.index(much) == len(REVEAL_LEVELS) - 1:
        return record
    entries = [_implementation(entry, much) for entry in record.data["implementations"]]
    commands: Entry = {
        key: _revealing(record.data[key], much)
        for key in ("command", "replay")
        if key in record.data
    }
    return replace(record, data={**record.data, **commands, "implementations": entries})


def _revealing(command: str, much: str) -> str:
    """Add the option to a line that replays a run, before a remark at its end."""
    line, mark, remark = command.partition("  # ")
    return f"{line} --reveal {much}{mark}{remark}"


def _implementation(entry: "Entry", much: str) -> "Entry":
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


def _error(entry: "Entry", much: str) -> Any:
    """Tell why there was no answer, but not what an answer of the right form looks like."""
    error = entry["error"]
    if error is None or not entry["findings"]:
        return error
    kept = error if much != "verdict" else {"kind": error["kind"]}
    return {**kept, "message": error["kind"]}


def _finding(finding: "Entry", much: str) -> "Entry":
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


def _diagnosis(diagnosis: "Entry", much: str) -> "Entry":
    kept = {k: v if k in _REVEALED[much] else _empty(v) for k, v in diagnosis.items()}
    if much == "place":
        layer = f", layer {diagnosis['layer']}" if diagnosis["layer"] is not None else ""
        site = diagnosis["site"].replace("_", " ")
        return {**kept, "explanation": f"Look at the {site}{layer}."}
    return kept
