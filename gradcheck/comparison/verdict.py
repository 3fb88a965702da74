"""Verdicts and findings: what was judged, and how it came out."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gradcheck.contract.answers import Observation
from gradcheck.errors.lines import Place


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
    """Return the worst verdict; ``unresolved`` when there is none, for nothing was compared."""
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
