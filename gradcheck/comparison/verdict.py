"""Verdicts and findings: what was judged, and how it came out.

What every result can be asked: is it right, and shall it raise if not?
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

import numpy as np

from gradcheck.contract.protocol import Observation
from gradcheck.errors import Place, WrongGradientError


class Verdict(StrEnum):
    """The four answers, from best to worst; the worst decides. Each equals its word."""

    CORRECT = "correct"
    UNRESOLVED = "unresolved"
    ERROR = "error"
    WRONG = "wrong"

    @property
    def rank(self) -> int:
        """Place in the order ``wrong > error > unresolved > correct``."""
        return list(Verdict).index(self)

    @property
    def exit_code(self) -> int:
        """The exit code of a run with this verdict."""
        return {"correct": 0, "unresolved": 3}.get(self.value, 1)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst verdict; ``unresolved`` when there is none, for nothing was compared.

    Parameters
    ----------
    verdicts : iterable of Verdict

    Returns
    -------
    Verdict
    """
    return max(verdicts, key=lambda verdict: verdict.rank, default=Verdict.UNRESOLVED)


@dataclass(frozen=True)
class TensorFinding:
    """How one tensor came out over all problems.

    Attributes
    ----------
    verdict : Verdict
    resolution : float
        Median over problems of ``||error bars|| / ||gradient||``.
    worst_entry : str
        Such as ``W1[0,2]``: the entry that is furthest outside its bar.
    claimed, expected, error_bar : float
        The code's value there, the estimate, and the bar it was judged by.
    problem : object or None
        That on which it was seen; what a problem is, its subject says.
    wrong_in, problems : int
        On how many of how many problems the tensor is wrong.
    note : str
    steps, errors : tuple of float
        For a wrong tensor: differences of the loss by the worst entry at these
        steps, and how far each is from ``expected``.
    """

    verdict: Verdict
    resolution: float = float("nan")
    worst_entry: str = ""
    claimed: float = float("nan")
    expected: float = float("nan")
    error_bar: float = float("nan")
    problem: Any = None
    wrong_in: int = 0
    problems: int = 0
    note: str = ""
    steps: tuple[float, ...] = ()
    errors: tuple[float, ...] = ()


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes
    ----------
    check : str
        The check's slug.
    verdict : Verdict
    problems : int
        How many problems were compared.
    message : str
        One or two sentences for the author of the code.
    tensors : dict of str to TensorFinding
    notes : tuple of str
        Remarks that do not change the verdict.
    kind : str
        For ``error``: the error kind.
    resolutions : tuple of float
        One number a problem: its worst tensor's resolution.
    failing : tuple
        The problems on which the check failed, smallest first.
    places : tuple of Place
        Lines of the code where it came up; the first is that of the message.
    cause : str
        The check whose fault it is: with that taken for granted, it shows nothing more.
    """

    check: str
    verdict: Verdict
    problems: int
    message: str
    tensors: dict[str, TensorFinding] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    kind: str = ""
    resolutions: tuple[float, ...] = ()
    failing: tuple[Any, ...] = ()
    places: tuple[Place, ...] = ()
    cause: str = ""


@dataclass(frozen=True)
class CounterExample:
    """A problem on which the code is wrong, and its answer.

    Attributes
    ----------
    check : str
        The check on whose terms it is wrong.
    problem : object
    got : Observation
    learning_rate : float
        For a step.
    """

    check: str
    problem: Any
    got: Observation
    learning_rate: float = 0.0


#: Longest line of a result.
_WIDTH = 300


def written_factor(number: float) -> str:
    """Write a factor with six digits, or as many as tell it from one.

    Parameters
    ----------
    number : float
        By how many times something is not what it should be.

    Returns
    -------
    str
        ``0.5``; for 1 - 1e-7, ``0.9999999``.
    """
    texts = (f"{number:.{digits}g}" for digits in range(6, 18))
    return next((text for text in texts if float(text) != 1.0), "1")


def one_line(text: str) -> str:
    """Return a text as one line that is not too long.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        At most 300 characters; a longer one ends in ``...``.
    """
    line = " ".join(text.split())
    return line if len(line) <= _WIDTH else line[: _WIDTH - 3] + "..."


def plain(value: Any) -> Any:
    """Make a value fit for JSON, and equal to itself: numbers that are not finite become strings.

    Parameters
    ----------
    value : object
        A result, or whatever a record may hold.

    Returns
    -------
    object
        Dictionaries, lists, texts, numbers, booleans and None alone.
    """
    if isinstance(value, Judged):
        told = (each.name for each in fields(value) if each.compare)  # type: ignore[arg-type]
        return {name: plain(getattr(value, name)) for name in told}
    if isinstance(value, Verdict):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value


class Judged:
    """A result with a verdict: true only when that is ``correct``.

    So ``assert check_function(...)`` means what it says.
    """

    verdict: Verdict

    @property
    def ok(self) -> bool:
        """Whether the verdict is ``correct`` and nothing else went wrong."""
        return self.verdict is Verdict.CORRECT

    def __bool__(self) -> bool:
        return self.ok

    def __eq__(self, other: object) -> bool:
        """Whether all that is told is the same; what is not a number equals itself."""
        return type(other) is type(self) and plain(self) == plain(other)

    def __hash__(self) -> int:
        return hash((type(self), str(self)))

    def __str__(self) -> str:
        return f"{self.verdict}: {self._short()}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"

    def to_json(self) -> str:
        """Return all that is told as JSON text; numbers that are not finite are texts."""
        return json.dumps(plain(self), indent=1) + "\n"

    def raise_if_wrong(self) -> None:
        """Raise unless the verdict is ``correct``; ``unresolved`` is no proof either.

        Raises
        ------
        WrongGradientError
            An AssertionError; its message is what is wrong, in short.
        """
        if not self.ok:
            raise WrongGradientError(str(self))

    def _short(self) -> str:
        """Say in one line what was found."""
        raise NotImplementedError
