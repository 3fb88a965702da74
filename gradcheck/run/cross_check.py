"""The two witnesses of the oracle, held against each other before anything is judged.

How long our own work on a submission has taken, beside the time that its code was waited for.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from gradcheck.errors import InternalError
from gradcheck.networks.fast_estimate import Truths
from gradcheck.networks.problem import Problem
from gradcheck.records.schema import Witness


class Progress(Protocol):
    """Called with what starts next, and with the part of it that is done, where that is known."""

    def __call__(self, what: str, part: float | None = None) -> None:
        """Show it."""


def silent(what: str, part: float | None = None) -> None:
    """Show nothing.

    Parameters
    ----------
    what : str
    part : float or None
    """


#: How long a cross-check takes, in seconds, when its progress is shown.
SHOWN_FROM = 1.0


class CrossCheck:
    """Holds the two witnesses of the oracle against each other, problem by problem.

    Parameters
    ----------
    truths : Truths
    seed : int
        Of the run, for the message.
    count : int
        Problems to cross-check.
    progress : callable
        Shows how far this is and how long it takes, when that is more than a second.
    """

    def __init__(self, truths: Truths, seed: int, count: int, progress: Progress = silent) -> None:
        self._truths, self._seed, self._count, self._progress = truths, seed, count, progress
        self._done = self._directions = self._silent = 0
        self._start = time.perf_counter()

    def hold(self, problem: Problem) -> None:
        """Hold the two against each other on one problem.

        Raises
        ------
        InternalError
            When they disagree: then no verdict of this run can be believed.
        """
        total = (time.perf_counter() - self._start) * self._count / max(self._done, 1)
        if total > SHOWN_FROM and self._done:
            text = f"witnesses: {self._done} of {self._count} problems, about {total:.0f} s"
            self._progress(text, self._done / self._count)
        truth = self._truths.of(problem)
        for second in truth.second_estimates:
            self._directions += 1
            self._silent += second.slope.error == float("inf")
        for second in truth.disagreements:
            raise InternalError(
                f"the two witnesses of the oracle disagree on {second.tensor} of "
                f"{problem.network} (seed {self._seed}): differences say "
                f"{second.slope.value:.17g} ± {second.slope.error:.1e}, the complex step "
                f"{second.expected:.17g} ± {second.error:.1e}; please report this"
            )
        self._done += 1

    def entry(self) -> Witness:
        """Count the directions that were differenced, and those too near a kink or too noisy."""
        return {"directions": self._directions, "silent": self._silent, "disagreements": 0}


@dataclass(frozen=True)
class OwnTime:
    """A budget for our own work: as long again as the code under test may take.

    Attributes
    ----------
    budget : float
        Seconds.
    waited : callable
        Returns the seconds for which the code was waited for so far.
    since : float
        When it began, by the performance counter.
    """

    budget: float = math.inf
    waited: Callable[[], float] = float
    since: float = field(default_factory=time.perf_counter)

    @property
    def over(self) -> bool:
        """Whether it is used up."""
        return time.perf_counter() - self.since - self.waited() > self.budget

    @property
    def half(self) -> bool:
        """Whether half of it is used up, or of what the code may take."""
        waited = self.waited()
        return 2 * max(time.perf_counter() - self.since - waited, waited) > self.budget

    @property
    def left(self) -> float:
        """What part of both is left: of the budget, and of what the code may take."""
        waited = self.waited()
        return 1.0 - max(time.perf_counter() - self.since - waited, waited) / self.budget

    @property
    def option(self) -> str:
        """Name what gives more of it."""
        return f"--timeout {self.budget:g}"

    @property
    def used_up(self) -> str:
        """Say that it is used up."""
        return f"the time for gradcheck's own work was used up ({self.option}; more gives more)"
