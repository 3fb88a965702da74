"""The file of expected failures: known ones do not fail a run, and mended ones do.

One id a line, such as ``student-gradient`` or ``path/student.py::student-gradient``;
after ``#`` the reason, or a remark on a line of its own.
"""

from collections.abc import Iterable
from pathlib import Path

from gradcheck.errors import UsageError


def read_expected_failures(path: Path) -> dict[str, str]:
    """Read a file into reasons by id.

    Raises
    ------
    UsageError
        When it cannot be read as text.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise UsageError(f"cannot read the expected failures in {path}: {reason}") from None
    expected = {}
    for line in text.splitlines():
        name, _, reason = line.partition("#")
        if name.strip():
            expected[name.strip()] = reason.strip()
    return expected


def matches(expected: str, nodeid: str) -> bool:
    """Say whether an id of the file means this test.

    It may be the whole node id, the name of a test (``student-gradient``), or what
    stands in the brackets of a parametrized one.
    """
    name = nodeid.rpartition("::")[2]
    inside = name[name.index("[") + 1 : -1] if name.endswith("]") else name
    return expected in (nodeid, name, inside)


def unmatched(expected: Iterable[str], nodeids: Iterable[str]) -> list[str]:
    """Return the ids of the file that mean no test."""
    known = list(nodeids)
    return [name for name in expected if not any(matches(name, nodeid) for nodeid in known)]
