"""A notebook's code, cell by cell, without Jupyter.

Only the sources of code cells are used: never a saved output, never a kernel.
Shell and line magics are no Python; they are left out, and that is said.
"""

import re
import warnings
from dataclasses import dataclass
from typing import Any

from gradcheck.errors import LoadError

#: Cell magics whose cell is Python all the same.
_TRANSPARENT = ("%%time", "%%timeit", "%%capture", "%%prun")

_MAGIC = re.compile(r"^\s*(?:[%!?]|[\w.]+\?{1,2}\s*$|\w+\s*=\s*[%!])")


@dataclass(frozen=True)
class Cell:
    """Python to run.

    Attributes
    ----------
    name : str
        For messages: ``student.ipynb, cell 3``.
    source : str or bytes
    """

    name: str
    source: str | bytes


def cells(text: str, name: str) -> tuple[list[Cell], tuple[str, ...]]:
    """Read a notebook.

    Parameters
    ----------
    text : str
        The file's text.
    name : str
        The file's name.

    Returns
    -------
    cells : list of Cell
        Code cells in order, magics left out.
    notes : tuple of str
        What was left out.

    Raises
    ------
    LoadError
        When it is no notebook.
    """
    import nbformat

    read: Any = nbformat.reads  # it has no types

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old notebooks lack cell ids
            notebook: Any = read(text, as_version=4)
        sources = [str(c.source) for c in notebook.cells if c.cell_type == "code"]
    except ImportError:
        raise
    except Exception as error:  # nbformat lets out what json, validators and attributes raise
        raise LoadError(f"{name} is no notebook that can be read: {type(error).__name__}") from None
    found, dropped = [], 0
    for number, source in enumerate(sources, start=1):
        python, lines = without_magics(source)
        dropped += lines
        if python.strip():
            found.append(Cell(f"{name}, cell {number}", python))
    plural = "s" if dropped != 1 else ""
    notes = (f"{dropped} line{plural} of shell and magic commands left out",) if dropped else ()
    return found, notes


def without_magics(source: str) -> tuple[str, int]:
    """Leave out what is no Python; a line left out stays as an empty one.

    Returns
    -------
    python : str
    dropped : int
        How many lines were left out.
    """
    lines = source.split("\n")
    first = lines[0].strip()
    if first.startswith("%%") and not first.startswith(_TRANSPARENT):
        return "", len(lines)
    if _is_python(source):
        return source, 0  # a line may start with the operator %
    kept = ["" if _MAGIC.match(line) else line for line in lines]
    kept = [_placeholder(line, old) for line, old in zip(kept, lines, strict=True)]
    return "\n".join(kept), sum(new != old for new, old in zip(kept, lines, strict=True))


def _placeholder(line: str, old: str) -> str:
    """Stand in for a magic inside a block, which may be all the block has."""
    indent = old[: len(old) - len(old.lstrip())]
    return f"{indent}pass" if not line and indent and old.strip() else line


def _is_python(source: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "cell", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, MemoryError, RecursionError, OverflowError):
        return False
    return True
