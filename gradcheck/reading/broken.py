"""Code whose interface is known by its names, but which does not run: it says why."""

from collections.abc import Mapping
from typing import Any

from gradcheck.reading.candidate import Reading
from gradcheck.reading.foreign_call import UnsuitedError

#: How far a try came: an object was being made, the forward was called, it ran and the
#: backward was called.
MAKING, FORWARD, BACKWARD = 1, 2, 3


class Broken:
    """Answers every question with the reason why the code cannot be asked.

    Parameters
    ----------
    why : UnsuitedError
        What was raised, and where.
    stage : int
        How far the try came.
    """

    def __init__(self, why: UnsuitedError, stage: int) -> None:
        self.why, self.stage = why, stage

    def loss_and_grads(self, network: Any, params: Any, batch: Any) -> Any:
        """Raise; the message is the reason."""
        raise UnsuitedError(self.why.what, self.why.trail)


def broken(
    adapter: str, why: UnsuitedError, stage: int, told: Mapping[str, str] | None = None
) -> Reading:
    """Return a reading that says why the code does not run."""
    return Reading(adapter, Broken(why, stage), told or {})


def works(reading: Reading) -> bool:
    """Whether the code answered when it was tried."""
    return not isinstance(reading.implementation, Broken)
