"""What can go wrong that is not a wrong gradient, where in the code, and what was meant instead.

A wrong gradient is data (a :class:`gradcheck.comparison.verdict.Finding`), an exception only where
a result's ``raise_if_wrong`` is called. Each exception here names its cause and the next step.

What code under test raises leaves a trail of files and lines; the last of them that is a file of
its own is the place to look at, however deep in a library the exception came up.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType

#: Characters of a line that are shown.
LONGEST_LINE = 80

#: Characters of what an exception says.
LONGEST_SAYING = 300

#: How the name of a declaration ends.
DECLARATION = ".gradcheck.py"

#: How the names of modules begin that are loaded from a file: no name of the code's own.
LOADED = "_gradcheck_loaded_"

#: Files and lines, from what was called first to where it happened.
Trail = tuple[tuple[str, int], ...]

_CELL = re.compile(r"(?:.*, )?(cell \d+)\Z", re.DOTALL)
_NEWLINE = re.compile(r"\r\n|\r|\n")


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
    if not 0 < number <= len(lines):
        return None
    text = lines[number - 1].strip()
    return text if len(text) <= LONGEST_LINE else f"{text[: LONGEST_LINE - 1].rstrip()}…"


class GradcheckError(Exception):
    """Base of everything gradcheck raises on purpose."""


class UsageError(GradcheckError):
    """An argument cannot be used as given (exit code 2).

    Cause: a path, network text, number or problem that breaks a stated rule.
    Next step: the message says which rule, and what would be accepted.
    """


class LoadError(GradcheckError):
    """The file under test could not be imported (error kind ``import``).

    Cause: a syntax error, a missing package, or top-level code that raises.
    Next step: run the file on its own with ``python FILE`` until it imports.

    Parameters
    ----------
    message : str
        What the file raised or lacks, and what to do.
    place : Place, optional
        The line that could not be run; kept as an attribute.
    """

    def __init__(self, message: str, place: Place | None = None) -> None:
        super().__init__(message)
        self.place = place


class WrongGradientError(GradcheckError, AssertionError):
    """A result was asked to raise unless it is correct, and it is not.

    Cause: a verdict of ``wrong``, ``error`` or ``unresolved``.
    Next step: the message says what was found; the result itself says more.
    """


class InternalError(GradcheckError):
    """gradcheck itself is at fault (exit code 4).

    Cause: the two witnesses of the oracle disagree away from a kink, or a
    visible planted bug was not caught.
    Next step: report it with the command and seed in the message.
    """


class SandboxError(InternalError):
    """Code cannot be shut in as well as was asked for (exit code 4).

    Cause: bubblewrap is missing, or the machine lets nobody make namespaces.
    Next step: install bubblewrap, or accept a lower level with ``--min-sandbox``.
    """


class UndeliveredError(InternalError):
    """A file that was asked for could not be written, once all was examined (exit code 4).

    Cause: a full disk, a folder that went away.
    Next step: the verdicts were shown all the same; run again with another place.
    """


def first_line(error: BaseException) -> str:
    """Return the first line of an exception's text, if it lets itself be written.

    Parameters
    ----------
    error : BaseException
        Raised by code under test, or of a class of its own.

    Returns
    -------
    str
        At most :data:`LONGEST_SAYING` characters; empty where the text cannot be had.
    """
    try:
        lines = str(error).splitlines()
    except Exception:  # its __str__ is the code's own
        return ""
    return lines[0][:LONGEST_SAYING] if lines else ""


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


def meant(word: object, known: Iterable[str], otherwise: str | None = None) -> str:
    """Return the end of a sentence about a word that is not known.

    Parameters
    ----------
    word : object
        As it was written, a string as a rule.
    known : iterable of str
        What could have been written.
    otherwise : str, optional
        What to say when nothing comes near; all that is known is listed unless given.

    Returns
    -------
    str
        ``"; did you mean relu?"`` or ``"; known are relu, tanh"``.
    """
    from difflib import get_close_matches  # only who mistypes pays for it

    names = list(dict.fromkeys(known))
    folded = {_folded(name): name for name in reversed(names)}
    near = get_close_matches(_folded(str(word)), folded, 1, 0.6)
    if near:
        return f"; did you mean {folded[near[0]]}?"
    if otherwise is None:
        otherwise = f"known are {', '.join(names)}" if names else ""
    return f"; {otherwise}" if otherwise else ""


def _folded(word: str) -> str:
    """Write alike what differs in case and joints alone."""
    return word.casefold().replace("-", "_").replace(" ", "_")
