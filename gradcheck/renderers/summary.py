"""What there is to say of an implementation, whatever the format, and how many points it gets."""

import re
from dataclasses import dataclass
from typing import Any

from gradcheck.renderers.formatting import entry_of, layers, listing, number, sentence

#: A sign for each verdict, to stand beside the word: colour is never the only one.
GLYPHS = {"correct": "✓", "wrong": "✗", "error": "!", "unresolved": "?"}

#: Kinds of error in words, after "is in error: it".
ERRORS = {
    "import": "cannot be imported",
    "contract": "does not answer in the agreed form",
    "exception": "raises an exception",
    "unsupported": "supports no network that was tried",
    "timeout": "takes too long",
    "memory": "takes too much memory",
    "crash": "crashes",
    "flood": "prints without end",
    "protocol": "breaks the protocol",
    "processes": "starts processes of its own",
    "sandbox": "leaves its sandbox",
    "internal": "could not be judged, through a fault of gradcheck's own",
}

#: When one of these fails, it is what the author should read about first.
CAUSES = ("contract", "gradient")


#: Layers in an explanation: in words, and in names such as W2 and weights[1].
_NUMBERED = re.compile(r"layer \d+|(?<=[A-Za-z_])\d+\b|\[\d+\]")


@dataclass(frozen=True)
class DiagnosedLayers:
    """A diagnosis as it stands in the record, and the layers that it was made in."""

    diagnosis: dict[str, Any]
    layers: tuple[int, ...]

    @property
    def title(self) -> str:
        """What is wrong, in one line without a full stop."""
        title = self.diagnosis.get("title")
        return str(title or f"{self.diagnosis.get('place', self.diagnosis['site'])} is wrong")

    @property
    def where(self) -> str:
        """The layers; empty when the fault belongs to none."""
        return layers(self.layers) if self.layers else ""

    @property
    def names(self) -> tuple[str, ...]:
        """The bug and those that are the same function here."""
        known = (self.diagnosis, *self.diagnosis["also"])
        return tuple(dict.fromkeys(d["bug"] for d in known if d["bug"]))

    @property
    def certainty(self) -> str:
        """How sure the name is, in a sentence; empty where the name is withheld."""
        kind = self.diagnosis["certainty"]
        if kind in ("named", "class") and not self.names:
            return ""
        if kind == "named":
            return f"This is the bug {self.names[0]}: it explains every number, and no other does."
        if kind == "class":
            return f"These are one and the same here: {', '.join(self.names)}."
        if kind == "localised" and self.diagnosis["site"] == "returned_gradient":
            return ""  # what came back lies open: there is no formula to look for
        if kind == "localised" and self.names:
            return f"The place is sure; these would give the same numbers: {', '.join(self.names)}."
        if kind == "localised":
            return "The place is sure; the catalogue has no name for it."
        return "What is wrong could not be told."

    @property
    def evidence(self) -> str:
        """What the hypothesis leaves unexplained, and the next best; empty if not measured."""
        left, rival = self.diagnosis.get("residual"), self.diagnosis.get("rival_residual")
        if not isinstance(left, float | int) or left >= 1:
            return ""
        part = "nothing" if left < 1e-6 else f"{number(100 * left, 2)} %"
        text = f"It leaves {part} of the error unexplained"
        if isinstance(rival, float | int):
            text += f"; the next best explanation leaves {number(min(100 * rival, 100), 3)} %"
        return f"{text}."


def faults(entry: dict[str, Any]) -> list[DiagnosedLayers]:
    """Put one fault in several layers together: one bug, or one thing said of a site.

    What is said more of one layer, a factor or what to fix first, keeps it apart.
    """
    groups: dict[Any, list[dict[str, Any]]] = {}
    for diagnosis in entry["diagnoses"]:
        said = (diagnosis["site"], _NUMBERED.sub("", diagnosis["explanation"]))
        groups.setdefault(diagnosis["bug"] or said, []).append(diagnosis)
    return [
        DiagnosedLayers(same[0], tuple(sorted({d["layer"] for d in same if d["layer"]})))
        for same in groups.values()
    ]


def shown_name(entry: dict[str, Any]) -> str:
    """Return the path, or the name of what has none."""
    return str(entry["path"] or entry["name"])


def scope(entry: dict[str, Any]) -> str:
    """Return what the verdict covers, in one line; empty where nothing was asked.

    Records of earlier versions do not say.
    """
    return str(entry.get("scope", {}).get("sentence", ""))


def covered(entry: dict[str, Any]) -> str:
    """Return what was asked of code that is not correct, whose verdict does not say it."""
    text = scope(entry)
    return f"asked: {text}" if text and entry["verdict"] != "correct" else ""


def verdict_line(entry: dict[str, Any]) -> str:
    """Return the answer for one implementation, in one line without a full stop."""
    word = {"error": "in error"}.get(entry["verdict"], str(entry["verdict"]))
    if entry["verdict"] == "correct":
        return f"{word} for {scope(entry)}" if scope(entry) else word
    named = faults(entry)
    if entry["verdict"] in ("wrong", "error") and named:
        first = named[0]
        place = f", in {first.where}" if first.where else ""
        more = f" (and {len(named) - 1} more)" if len(named) > 1 else ""
        return f"{word}: {first.title}{place}{more}"
    if entry["error"]:
        return f"{word}: it {ERRORS.get(entry['error']['kind'], entry['error']['kind'])}"
    bad = [finding["check"].replace("_", " ") for finding in causes(entry["findings"])]
    checks = f", by {'the check' if len(bad) == 1 else 'the checks'} {listing(bad)}" if bad else ""
    return f"{word}{checks}"


def given(example: dict[str, Any]) -> tuple[str, list[list[tuple[str, Any]]]]:
    """Return the network of a counter-example and what it is given, as the code has them.

    In the first line are inputs and targets, in the others each layer's parameters.
    """
    if "in_code" in example:
        own = example["in_code"]
        return own["network"], [list(line.items()) for line in own["given"]]
    lines = [[("x", example["x"]), ("y", example["y"])]]
    for layer, pair in enumerate(example["params"], start=1):
        lines.append([(f"W{layer}", pair["W"]), (f"b{layer}", pair["b"])])
    return example["network"], lines


def always_on(example: dict[str, Any]) -> str:
    """Say what stands in for the biases that code has not; empty where it has some."""
    if given(example)[0] == example["network"]:
        return ""
    return (
        "Your code has no biases: the last input and the last unit of each hidden layer are "
        "always on."
    )


def compared(example: dict[str, Any]) -> list[tuple[str, Any, Any, Any]]:
    """List a counter-example entry by entry: name, the code's number, the right one, its bar."""
    if "entries" in example.get("in_code", {}):
        lines = example["in_code"]["entries"]
        return [tuple(ln[k] for k in ("entry", "got", "expected", "error_bar")) for ln in lines]
    prefix = "" if "learning_rate" in example else "d"
    rows = []
    for name, expected in example["expected"].items():
        label = name if name == "loss" else f"{prefix}{name}"
        rows += by_entry(label, example["got"][name], expected, example["error_bar"][name])
    return rows


def by_entry(
    name: str, got: Any, expected: Any, bar: Any, index: tuple[int, ...] = ()
) -> list[tuple[str, Any, Any, Any]]:
    """List two arrays and a bar entry by entry."""
    if not isinstance(expected, list):
        return [(entry_of(name, index), got, expected, bar)]
    return [
        row
        for i, value in enumerate(expected)
        for row in by_entry(name, got[i], value, bar[i], (*index, i))
    ]


def differs(got: Any, expected: Any, bar: Any) -> bool:
    """Whether an entry is marked: far outside its bar. The verdict is made elsewhere."""
    allowed = 10 * float(bar) + 1e-12 * abs(float(expected))
    return not abs(float(got) - float(expected)) <= allowed


def followers(findings: list[dict[str, Any]]) -> list[str]:
    """Return the checks that fail by the cause of another, and show nothing more."""
    return [finding["check"] for finding in findings if finding.get("cause")]


def causes(findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what is not correct, without what follows from another finding."""
    return [f for f in findings if f["verdict"] != "correct" and not f.get("cause")]


def same_cause(finding: dict[str, Any]) -> str:
    """Say of what follows from another finding that it does; empty for others."""
    return f"Same cause as {finding['cause']}." if finding.get("cause") else ""


def checks_of(entries: list[dict[str, Any]]) -> list[str]:
    """Return the slugs of the checks that any implementation went through, in order."""
    most_first = sorted(entries, key=lambda entry: -len(entry["findings"]))
    return list(dict.fromkeys(f["check"] for entry in most_first for f in entry["findings"]))


def answer(entries: list[dict[str, Any]]) -> str:
    """Return the answer to the whole run in a sentence or two."""
    if len(entries) == 1:
        return f"{entries[0]['name']} is {verdict_line(entries[0])}"
    parts = []
    for verdict in ("wrong", "error", "unresolved", "correct"):
        names = [entry["name"] for entry in entries if entry["verdict"] == verdict]
        if not names:
            continue
        who = listing(names) if len(names) <= 4 else f"{len(names)} of {len(entries)}"
        verb = "are" if len(names) > 1 else "is"
        word = {"error": "in error"}.get(verdict, verdict)
        parts.append(f"{who} {verb} {word}")
    return "; ".join(parts)


def coverage(entries: list[dict[str, Any]]) -> list[str]:
    """Return what each verdict covers, a line each, where the answer does not say it."""
    if len(entries) == 1:
        return [sentence(line)] if (line := covered(entries[0])) else []
    return [f"{entry['name']}, asked: {scope(entry)}." for entry in entries if scope(entry)]


#: What a submission can get.
POINTS = 100.0


def points_each(entry: dict[str, Any]) -> float:
    """Return what one check is worth; of a submission that could not be asked, all."""
    return POINTS / max(len(entry["findings"]), 1)


def score(entry: dict[str, Any]) -> float:
    """Return the points of a submission: every check that is correct gives its share."""
    right = sum(finding["verdict"] == "correct" for finding in entry["findings"])
    points: float = round(right * points_each(entry), 2)
    return points
