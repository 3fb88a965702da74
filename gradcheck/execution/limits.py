"""What code under test may use up.

The end of a submission that can be asked nothing more.
"""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradcheck.errors import GradcheckError, UsageError
from gradcheck.errors.lines import Place

if TYPE_CHECKING:
    from gradcheck.contract.answers import Failure


#: Seconds that one call may take, and all calls of a submission together.
CALL_TIMEOUT, TIMEOUT = 10.0, 120.0


@dataclass(frozen=True)
class Limits:
    """What code under test may use up, and how well it is to be shut in.

    Attributes
    ----------
    call_timeout : float
        Seconds for one call, and for loading the file.
    timeout : float
        Seconds for everything that is asked of it; our own work has as long again.
    min_sandbox : int
        The least level that will do.
    memory : int
        Bytes in use by all its processes.
    address_space : int
        Bytes that one process may map; libraries such as jax map far more than they use.
    processes : int
        Processes and threads.
    output : int
        Bytes that it may print.
    """

    call_timeout: float = CALL_TIMEOUT
    timeout: float = TIMEOUT
    min_sandbox: int = 1
    memory: int = 2**30
    address_space: int = 4 * 2**30
    processes: int = 64 + 4 * (os.cpu_count() or 1)
    output: int = 8 * 2**20

    def __post_init__(self) -> None:
        for name in ("call_timeout", "timeout"):
            value = getattr(self, name)
            if not 0 < value <= 86400:  # not a number is refused too
                option = name.replace("_", "-")
                raise UsageError(f"--{option} must be seconds, more than 0; got {value:g}")
        if self.min_sandbox not in (0, 1, 2, 3):
            raise UsageError(f"--min-sandbox must be 0, 1, 2 or 3; got {self.min_sandbox}")

    def words(self) -> list[str]:
        """Write what was asked for, as options of the command line."""
        options = (
            ("--timeout", self.timeout, TIMEOUT),
            ("--call-timeout", self.call_timeout, CALL_TIMEOUT),
            ("--min-sandbox", self.min_sandbox, 1),
        )
        return [
            word
            for name, value, usual in options
            if value != usual
            for word in (name, f"{value:g}")
        ]


class WorkerLostError(GradcheckError):
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
