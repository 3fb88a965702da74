"""The record of a run, as JSON: whoever shows results reads this and nothing else."""

import json
import math
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from gradcheck.comparison.verdict import Judged, Verdict, one_line, worst
from gradcheck.errors import UsageError
from gradcheck.records.schema import SCHEMA

#: The kind of error that is our own fault, or the machine's; such an entry is ``unresolved``.
INTERNAL = "internal"

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


def plain(value: Any) -> Any:
    """Make a value fit for JSON: numbers that are not finite become strings.

    Parameters
    ----------
    value : object
        Whatever a record may hold.

    Returns
    -------
    object
        Dictionaries, lists, texts, numbers, booleans and None alone.
    """
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


def check_writable(path: Path) -> None:
    """Refuse a place that a file cannot be written to, before any work is done.

    Parameters
    ----------
    path : Path

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

    Parameters
    ----------
    path : Path
    text : str

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
