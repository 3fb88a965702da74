"""One check of an implementation that did not come out correct, as the text of a failed test."""

import textwrap
from dataclasses import dataclass
from typing import Any

from gradcheck.renderers.formatting import clean, count, number, sentence
from gradcheck.renderers.summary import CAUSES, DiagnosedLayers, covered, faults, scope, shown_name

#: From best to worst, as in a record.
_RANK = ("correct", "unresolved", "error", "wrong")

_UNRESOLVED = "Nobody can tell: neither right nor wrong is shown, so the test does not pass."


@dataclass(frozen=True)
class CheckOutcome:
    """How one check of one implementation came out.

    Attributes
    ----------
    verdict : str
        correct, wrong, unresolved or error; empty when there was nothing to check.
    text : str
        For the author of the code; its first line says the most.
    scope : str
        What the verdict on the implementation covers, in a line; empty where nothing was asked.
    cause : str
        The check by whose fault it fails, where that is another.
    """

    verdict: str
    text: str = ""
    scope: str = ""
    cause: str = ""


def check_outcome(entry: dict[str, Any], slug: str, replay: str, command: str) -> CheckOutcome:
    """Say how a check came out; of what nothing could be asked, every check is in error.

    Parameters
    ----------
    entry : dict
        An implementation of a record.
    slug : str
    replay : str
        The command that runs the test again.
    command : str
        The record's own, which shows the counter-example too.

    Returns
    -------
    CheckOutcome
    """
    verdicts = [f["verdict"] for f in entry["findings"] if f["check"] == slug]
    if not entry["findings"]:
        verdicts = [entry["verdict"]]
    verdict = max(verdicts, key=_RANK.index, default="")
    word = "correct for" if entry["verdict"] == "correct" else f"{entry['verdict']}; asked:"
    covers = clean(f"{shown_name(entry)} is {word} {scope(entry)}") if scope(entry) else ""
    if verdict == "correct":
        return CheckOutcome(verdict, scope=covers)
    if not verdict:  # as when there is no function step
        nothing = f"{clean(entry['name'])} has nothing that the check {slug} could look at"
        return CheckOutcome(verdict, nothing, covers)
    text = _text(entry, slug, replay, command)
    return CheckOutcome(verdict, text, covers, _cause_of(entry, slug))


def _text(entry: dict[str, Any], slug: str, replay: str, command: str) -> str:
    """Write what a student needs to mend the code."""
    findings = [f for f in entry["findings"] if f["check"] == slug and f["verdict"] != "correct"]
    if not findings:
        error = entry["error"] or {"kind": "nothing", "message": "nothing was compared"}
        lines = _wrapped(f"{entry['verdict']} ({error['kind']}): {clean(error['message'])}")
    else:
        lines = [x for f in findings for x in _wrapped(f"{f['verdict']}: {clean(f['message'])}")]
        lines += [_UNRESOLVED for f in findings if f["verdict"] == "unresolved"]
        for finding in findings:
            lines += [_tensor(name, found) for name, found in finding.get("tensors", {}).items()]
    cause = _cause(entry)
    if cause == slug:
        lines += [line for fault in faults(entry) for line in _diagnosis(fault)]
    elif _cause_of(entry, slug):
        first = f"{clean(entry['name'])}-{_cause_of(entry, slug)}"
        lines.append(f"Same cause as {first}: look there.")
    elif cause in CAUSES:
        lines.append(f"{clean(entry['name'])}-{cause} fails too: look there first.")
    if covered(entry):
        lines += ["", *_wrapped(clean(sentence(covered(entry))))]
    lines += ["", f"Replay: {replay}"]
    if entry["path"] and entry.get("counterexample"):
        lines.append(f"Worked by hand on the smallest network: {command}")
    return "\n".join(lines)


def _cause_of(entry: dict[str, Any], slug: str) -> str:
    """Return the check whose fault makes this one fail; empty where it fails by its own."""
    bad = [f for f in entry["findings"] if f["check"] == slug and f["verdict"] != "correct"]
    found = {f.get("cause", "") for f in bad}
    return str(found.pop()) if len(found) == 1 else ""


def _cause(entry: dict[str, Any]) -> str:
    bad = [f["check"] for f in entry["findings"] if f["verdict"] != "correct"]
    return next((slug for slug in (*CAUSES, *bad) if slug in bad), "")


def _tensor(name: str, found: dict[str, Any]) -> str:
    text = f"  {name:<4}{found['verdict']}"
    if found["verdict"] == "wrong" and found["worst_entry"]:
        own = found.get("in_code", {"entry": found["worst_entry"], **found})
        text += (
            f" on {found['wrong_in']} of {count(found['problems'], 'problem')}; "
            f"{own['entry']}: your code says {number(own['claimed'], 9)}, it is "
            f"{number(own['expected'], 9)} ± {number(found['error_bar'], 1)}"
        )
    return text


def _diagnosis(fault: DiagnosedLayers) -> list[str]:
    diagnosis = fault.diagnosis
    place = f"{diagnosis['site']}, {fault.where}" if fault.where else diagnosis["site"]
    return [
        "",
        f"{diagnosis['bug'] or 'no bug of the catalogue'} ({place})",
        *_wrapped(clean(diagnosis["explanation"]), indent="  "),
        *_wrapped(clean(diagnosis["fix"]), indent="  "),
    ]


def _wrapped(text: str, indent: str = "") -> list[str]:
    """Break a text into lines: pytest prints them as they are."""
    lines = textwrap.wrap(text, 92, initial_indent=indent, subsequent_indent="  ")
    return lines or [indent]
