"""The record: everything a run found, as JSON. Schema 1 only grows.

Whoever shows results reads this and nothing else.
"""

import json
import math
import os
import platform
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from gradcheck.comparison.verdict import (
    CounterExample,
    Finding,
    Judged,
    TensorFinding,
    Verdict,
    one_line,
    worst,
)
from gradcheck.contract.protocol import Failure
from gradcheck.contract.version import __version__
from gradcheck.errors import UsageError
from gradcheck.networks.fast_estimate import Truth
from gradcheck.networks.notation import NATIVE, Notation
from gradcheck.networks.sampling import Support

SCHEMA = 1

#: The kind of error that is our own fault, or the machine's; such an entry is ``unresolved``.
INTERNAL = "internal"

#: A problem of more parameters is not written out: as text it would be megabytes.
TOLD = 100_000

#: So many notes of one kind are told, and how many more there are.
MOST_NOTES = 40

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
    def verdict(self) -> Verdict:
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

    def _verdict(self) -> Verdict:
        return self.verdict

    def _short(self) -> str:
        entries = self.data["implementations"]
        shown = [entry for entry in entries if entry["verdict"] == self.verdict]
        missed = sum(not example["agrees"] for example in self.data["worked_examples"])
        parts = [_told(entry) for entry in shown[:1]]
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


def _told(entry: Entry) -> str:
    """Say of an implementation what decided its verdict."""
    if entry.get("error"):
        return f"{entry['name']}: {entry['error']['message']}"
    found = next((f for f in entry["findings"] if f["verdict"] == entry["verdict"]), None)
    if found is None or entry["verdict"] == Verdict.CORRECT:
        return str(entry["name"])
    return f"{entry['name']}: {found['check']}: {found['message']}"


def new_record(
    seed: int,
    command: str,
    implementations: list[Entry],
    bugs: list[Entry] | None = None,
    worked_examples: list[Entry] | None = None,
    benchmarks: Entry | None = None,
    replay: str | None = None,
) -> Record:
    """Put a record together; ``replay`` is the command as people are shown it."""
    data = {
        "schema": SCHEMA,
        "gradcheck": __version__,
        "seed": seed,
        "command": command,
        "machine": machine(),
        "implementations": implementations,
        "bugs": bugs or [],
        "worked_examples": worked_examples or [],
    }
    more = {"replay": replay, "benchmarks": benchmarks}
    return Record(plain(data | {key: value for key, value in more.items() if value}))


def machine() -> Entry:
    """Describe where this runs, without naming it."""
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "system": platform.system(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
    }


def plain(value: Any) -> Any:
    """Make a value fit for JSON: numbers that are not finite become strings."""
    if isinstance(value, Verdict):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, float | np.floating):
        number = float(value)
        if math.isfinite(number):
            return number
        return "nan" if math.isnan(number) else "inf" if number > 0 else "-inf"
    if isinstance(value, np.integer):
        return int(value)
    return value


def finding_entry(finding: Finding, notation: Notation = NATIVE) -> Entry:
    """Return a finding as it stands in a record.

    Parameters
    ----------
    notation : Notation, optional
        In which the worst entries are told besides.
    """
    entry: Entry = {
        "check": finding.check,
        "verdict": finding.verdict,
        "problems": finding.problems,
        "message": finding.message,
        "tensors": {name: _tensor_entry(t, notation) for name, t in finding.tensors.items()},
        "notes": few_notes(finding.notes),
    }
    if finding.kind:
        entry["kind"] = finding.kind
    if finding.cause:
        entry["cause"] = finding.cause
    if finding.places:
        entry["places"] = [vars(place) for place in finding.places]
    return entry


def few_notes(notes: Iterable[str]) -> list[str]:
    """Return notes once each, and no more than people read: code under test may make any."""
    found = list(dict.fromkeys(notes))
    if len(found) <= MOST_NOTES:
        return found
    return [*found[:MOST_NOTES], f"{len(found) - MOST_NOTES} more notes are left out"]


def _tensor_entry(tensor: TensorFinding, notation: Notation) -> Entry:
    entry: Entry = {
        "verdict": tensor.verdict,
        "resolution": tensor.resolution,
        "worst_entry": tensor.worst_entry,
        "claimed": tensor.claimed,
        "expected": tensor.expected,
        "error_bar": tensor.error_bar,
        "wrong_in": tensor.wrong_in,
        "problems": tensor.problems,
    }
    if notation != NATIVE and tensor.verdict is Verdict.WRONG:
        assert tensor.problem is not None
        place, factor = notation.entry(tensor.worst_entry, tensor.problem.network)
        numbers = {key: factor * entry[key] for key in ("claimed", "expected")}
        entry["in_code"] = {"entry": place, **numbers}
    if tensor.note:
        entry["note"] = tensor.note
    if tensor.steps:
        entry |= {"steps": tensor.steps, "errors": tensor.errors}
        if tensor.problem is not None and tensor.problem.params.size <= TOLD:
            entry["problem"] = str(tensor.problem)
    return entry


def support_entry(support: Support) -> Entry:
    """Return what an implementation handles as it stands in a record."""
    networks = support.networks
    hidden, pairings = support.activations, support.pairings
    if networks:  # exactly these: what else a support may say of itself counts for nothing
        hidden = tuple(name for network in networks for name in network.activations)
        pairings = tuple((n.activations[-1], n.loss) for n in networks)
    depths = {n.depth for n in networks} or {d for d in support.depths if d == 1 or hidden}
    return {
        "activations": list(dict.fromkeys((*hidden, *(output for output, _ in pairings)))),
        "losses": list(dict.fromkeys(loss for _, loss in pairings)),
        "networks": [str(network) for network in networks],
        "reductions": list(dict.fromkeys(n.reduction for n in networks) or support.reductions),
        "l2": any(n.l2 for n in networks) if networks else support.l2,
        "depths": sorted(depths),
        "batch_sizes": list(support.batch_sizes),
    }


def counterexample_entry(example: CounterExample, truth: Truth) -> Entry:
    """Return a counter-example as it stands in a record."""
    problem, got = example.problem, example.got
    rate = example.learning_rate
    before = problem.params
    expected: Entry = {}
    for name, estimate in truth.gradient.items():
        expected[name] = before[name] - rate * estimate.value if rate else estimate.value
    bars: Entry = {name: (rate or 1.0) * e.error for name, e in truth.gradient.items()}
    claims: Entry = dict(got.tensors) if got.failure is None else {}
    if not rate:
        expected = {"loss": truth.loss, **expected}
        bars = {"loss": truth.loss_error(), **bars}
        claims = {"loss": got.loss, **claims} if got.failure is None else {}
    entry: Entry = {
        "check": example.check,
        "network": str(problem.network),
        "params": [{"W": w, "b": b} for w, b in problem.params.pairs],
        "x": problem.batch.x,
        "y": problem.batch.y,
        "expected": expected,
        "got": claims,
        "error_bar": bars,
    }
    if rate:
        entry["learning_rate"] = rate
    if got.failure is not None:
        entry["failure"] = failure_entry(got.failure)
    return entry


def failure_entry(failure: Failure) -> Entry:
    """Return why there is no answer as it stands in a record, with the line where it is known."""
    place = vars(failure.place) if failure.place else {}
    return {"kind": failure.kind, "message": failure.message, **place}


def check_writable(path: Path) -> None:
    """Refuse a place that a file cannot be written to, before any work is done.

    Raises
    ------
    UsageError
        When it is a folder, a device or a pipe, or its folder does not exist or is
        closed to us.
    """
    try:
        folder, special = path.is_dir(), path.exists() and not path.is_file()
    except OSError as error:  # such as a name that is too long
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
    if folder:
        raise UsageError(f"cannot write {path}: it is a folder; name a file in it")
    if special:
        raise UsageError(f"cannot write {path}: it is a device or pipe; name a file")
    if not path.parent.is_dir():
        raise UsageError(f"cannot write {path}: there is no folder {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"cannot write {path}: the folder {path.parent} is closed to us")


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all.

    Half of a surrogate pair, as in a message of code under test, is written as its
    escape: it has no UTF-8.

    Raises
    ------
    UsageError
        When the place cannot be written to; nothing is left behind.
    """
    check_writable(path)
    data = text.encode("utf-8", errors="backslashreplace")
    temporary: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=".gradcheck-", delete=False
        ) as file:
            temporary = Path(file.name)
            file.write(data)
        temporary.chmod(0o644)
        temporary.replace(path)
        temporary = None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot write {path}: {reason}") from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
