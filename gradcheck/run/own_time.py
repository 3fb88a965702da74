"""How long our own work on a submission has taken, beside the time that its code was waited for."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field


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
