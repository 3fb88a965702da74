"""The line that replays a run: for a shell, with every option that matters."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

#: So many files are named; of more, a pattern or the first few.
NAMED = 5
FIRST = 3

_PROGRAM = ("python", "-m", "gradcheck", "check")


def quoted(text: str) -> str:
    """Write one word for a shell, free of control characters.

    A name that holds some is written as ``$'...'``, which bash and zsh read.
    """
    if text.isprintable():
        return shlex.quote(text)
    data = text.encode("utf-8", errors="surrogateescape")
    inner = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b"'\\" else f"\\x{byte:02x}" for byte in data
    )
    return f"$'{inner}'"


def command(targets: Sequence[str], options: Sequence[str]) -> str:
    """Write the whole line, however many targets there are."""
    return " ".join((*_PROGRAM, *map(quoted, targets), *map(quoted, options)))


def shown(targets: Sequence[str], options: Sequence[str]) -> str:
    """Write the line for people: of many files a pattern, or the first few, and how many.

    What follows ``#`` is a remark to a shell.
    """
    count = len(targets)
    if count <= NAMED:
        return command(targets, options)
    rest = " ".join(map(quoted, options))
    program = " ".join(_PROGRAM)
    pattern = _pattern(targets)
    if pattern:
        return f"{program} {pattern} {rest}  # the same {count} files"
    first = " ".join(map(quoted, targets[:FIRST]))
    return f"{program} {first} ... {rest}  # ... stands for the other {count - FIRST} of {count}"


def _pattern(targets: Sequence[str]) -> str:
    """Return ``FOLDER/*.py`` where that is exactly these, in this order; else nothing."""
    folder, name = os.path.split(targets[0])
    suffix = Path(name).suffix
    try:
        there = sorted(p.name for p in Path(folder).iterdir() if p.suffix == suffix)
    except OSError:
        return ""
    there = [name for name in there if not name.startswith(".")]
    if not suffix or [os.path.join(folder, name) for name in there] != sorted(targets):  # noqa: PTH118
        return ""
    return os.path.join(quoted(folder) if folder else "", f"*{suffix}")  # noqa: PTH118
