"""The end of a submission that can be asked nothing more."""

from gradcheck.errors import GradcheckError


class LostError(GradcheckError):
    """Code under test is gone for good.

    Cause: it could not be imported, hung, crashed, flooded its output or went past
    another limit.
    Next step: none; kind and message go into the record.

    Attributes
    ----------
    kind, message : str
        As in :class:`gradcheck.protocol.Failure`.
    level : int
        The sandbox level it ran at.
    """

    def __init__(self, kind: str, message: str, level: int = 0) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.level = level
