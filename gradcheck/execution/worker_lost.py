"""The end of a submission that can be asked nothing more."""

from typing import TYPE_CHECKING

from gradcheck.errors import GradcheckError
from gradcheck.errors.lines import Place

if TYPE_CHECKING:
    from gradcheck.contract.answers import Failure


class LostError(GradcheckError):
    """Code under test is gone for good.

    Cause: it could not be imported, hung, crashed, flooded its output or went past
    another limit.
    Next step: none; kind and message go into the record.

    Attributes
    ----------
    kind, message, place
        As in :class:`gradcheck.contract.protocol.Failure`.
    level : int
        The sandbox level it ran at.
    """

    def __init__(self, kind: str, message: str, level: int = 0, place: Place | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.level = level
        self.place = place

    @property
    def failure(self) -> "Failure":
        """The same as why there is no answer."""
        from gradcheck.contract.answers import Failure  # a launch waits for no numpy

        return Failure(self.kind, self.message, self.place)
