"""On which line of the code under test something happened, and what stands there.

This runs beside the code under test. What it raises leaves a trail of files and lines;
the last of them that is a file of its own is the place to look at, however deep in a
library the exception came up.
"""

import linecache
import re
import sys
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

#: Characters of a line that are shown.
LONGEST_LINE = 80

#: How the name of a declaration ends.
DECLARATION = ".gradcheck.py"

#: How the names of modules begin that are loaded from a file: no name of the code's own.
LOADED = "_gradcheck_loaded_"

#: Files and lines, from what was called first to where it happened.
Trail = tuple[tuple[str, int], ...]

_CELL = re.compile(r"(?:.*, )?(cell \d+)\Z", re.DOTALL)
_IPYTHON = re.compile(r"<ipython-input-(\d+)-")
_NEWLINE = re.compile(r"\r\n|\r|\n")

_INSTALLED = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class Place:
    """A line of the code under test.

    Attributes
    ----------
    file : str
        The file's name, or ``student.ipynb, cell 3``.
    line : int
        From 1.
    text : str
        What stands there, without indentation.
    """

    file: str
    line: int
    text: str = ""

    def told(self, main: str = "") -> str:
        """Say it in words: ``line 38, `dz2 = a2 - yy```; the main file is not named."""
        cell = _CELL.match(self.file)
        where = f"line {self.line}"
        if cell:
            where = f"{cell[1]}, {where}"
        elif self.file.endswith(DECLARATION):
            where += " of the declaration"
        elif self.file != main:
            where += f" of {self.file}"
        return f"{where}, `{self.text}`" if self.text else where


class TrailedError(Exception):
    """What was raised in place of something else, whose trail it keeps."""

    def __init__(self, message: str = "", trail: Trail = ()) -> None:
        super().__init__(message)
        self.trail = trail


def trail_of(error: BaseException) -> Trail:
    """Return the files and lines that led to an exception.

    Parameters
    ----------
    error : BaseException

    Returns
    -------
    tuple of (str, int)
        From what was called first to where it happened.
    """
    if isinstance(error, TrailedError) and error.trail:
        return error.trail
    found = []
    step: TracebackType | None = BaseException.__dict__["__traceback__"].__get__(error)
    while step is not None:  # not by an attribute of the error, which may be the code's own
        found.append((step.tb_frame.f_code.co_filename, step.tb_lineno))
        step = step.tb_next
    if isinstance(error, SyntaxError):
        file, line = (SyntaxError.__dict__[k].__get__(error) for k in ("filename", "lineno"))
        if isinstance(file, str) and isinstance(line, int):
            found.append((file, line))
    return tuple(found)


def line_of(source: str | bytes, number: int) -> str | None:
    """Return a line of a text as it is shown; None where there is no such line.

    Parameters
    ----------
    source : str or bytes
    number : int
        From 1.

    Returns
    -------
    str or None
    """
    text = source.decode("utf-8", errors="replace") if isinstance(source, bytes) else source
    lines = _NEWLINE.split(text)
    return _shown(lines[number - 1]) if 0 < number <= len(lines) else None


def _shown(line: str) -> str:
    text = line.strip()
    return text if len(text) <= LONGEST_LINE else f"{text[: LONGEST_LINE - 1].rstrip()}…"


#: Where our modules were compiled: in a worker they lie in an archive.
_OURS = Path(trail_of.__code__.co_filename).absolute().parent
_PYTHON = Path(linecache.__file__).absolute().parent


class Sources:
    """The files of code under test.

    Parameters
    ----------
    folder : str
        Whatever lies in it is the code's own, and known by its place in it.
    main : str
        The name of the file that was given.
    cells : mapping of str to str or bytes
        The text of what is no file, by the name that it runs under.
    within : str
        Only what is called so in the folder, if it is given.
    """

    def __init__(
        self,
        folder: str,
        main: str = "",
        cells: Mapping[str, str | bytes] | None = None,
        within: str = "",
    ) -> None:
        self.main = main
        self.cells: MutableMapping[str, str | bytes] = dict(cells or {})
        self._folder = Path(folder).absolute()
        self._within = within
        self._texts: dict[str, bytes] = {}

    def find(self, trail: Trail) -> Place | None:
        """Return the innermost place of a trail that is the code's own, if any is."""
        for file, line in reversed(trail):
            known = self.name_of(file)
            if known:
                return Place(known, line, self.text_of(file, line))
        return None

    def called(self, trail: Trail) -> Place | None:
        """Return the outermost place of a trail that is the code's own."""
        return self.find(trail[::-1])

    def name_of(self, file: str) -> str:
        """Return what a file of the code is called; empty for any other."""
        if file in self.cells:
            return file
        try:
            inside = Path(file).absolute().relative_to(self._folder)
        except (ValueError, OSError):  # elsewhere, or no file at all
            return ""
        installed = any(part in _INSTALLED for part in inside.parts)
        own = inside.parts[:1] == (self._within,) if self._within else True
        return inside.as_posix() if own and not installed and file[:1] != "<" else ""

    def text_of(self, file: str, line: int) -> str:
        """Return what stands on a line; empty where that is not to be had."""
        if file in self.cells:
            return line_of(self.cells[file], line) or ""
        if file not in self._texts:
            try:
                self._texts[file] = Path(file).read_bytes()
            except (ValueError, OSError):
                self._texts[file] = b""
        return line_of(self._texts[file], line) or ""


class Anywhere(Sources):
    """The lines of code in this process: whatever is neither ours nor installed."""

    def __init__(self, implementation: Any) -> None:
        kind = implementation if isinstance(implementation, type) else type(implementation)
        module = sys.modules.get(kind.__module__)
        if isinstance(implementation, ModuleType):
            module = implementation
        file = getattr(module, "__file__", None)
        # code that has no file is known to linecache by a name that is none
        self._unfiled = set(getattr(implementation, "__gradcheck_files__", ()))
        super().__init__("", Path(file).name if isinstance(file, str) else "")
        if not self.main and len(self._unfiled) == 1:
            self.main = self.name_of(next(iter(self._unfiled)))

    def name_of(self, file: str) -> str:
        """Return what a file is called; empty for ours, Python's and those of packages."""
        cell = _IPYTHON.match(file)
        if cell:
            return f"cell {cell[1]}"
        if file[:1] == "<" and file in self._unfiled:
            return file
        path = Path(file)
        if not file or file[0] == "<" or any(part in _INSTALLED for part in path.parts):
            return ""
        ours = path.is_relative_to(_OURS) and "shipped_implementations" not in path.parts
        if ours or path.is_relative_to(_PYTHON):
            return ""
        return "the cell" if path.parent.name.startswith("ipykernel_") else path.name

    def text_of(self, file: str, line: int) -> str:
        """Return what stands on a line; a notebook's cells are known to linecache."""
        return _shown(linecache.getline(file, line))


def raised(error: BaseException, text: str) -> str:
    """Write an exception and its text, as at the end of a traceback; ours have no name.

    Parameters
    ----------
    error : BaseException
    text : str

    Returns
    -------
    str
    """
    text = text.replace(LOADED, "")
    if isinstance(error, TrailedError):
        return text
    name = type(error).__name__
    return f"{name}: {text}" if text else name
