"""Code under test on its way into a worker.

This imports little: the worker starts while the rest of gradcheck is being imported.
"""

import atexit

from gradcheck.execution.limits import Limits
from gradcheck.execution.staging import stage
from gradcheck.execution.start import Starting
from gradcheck.reading.target import Target


class Launch:
    """A copy of the code, and a worker that is getting ready for it.

    Parameters
    ----------
    target : Target
    limits : Limits

    Raises
    ------
    UsageError
        When the code cannot be read.
    SandboxError
        When no worker can be started, or none at the level asked for.
    """

    def __init__(self, target: Target, limits: Limits) -> None:
        self.target = target
        self.limits = limits
        self.submission = stage(target)
        atexit.register(self.close)
        try:
            self.starting = Starting(self.submission, limits)
        except BaseException:
            self.starting = None
            self.close()
            raise

    starting: Starting | None

    def close(self) -> None:
        """End the worker, and remove what was copied; once is enough, twice does no harm."""
        if self.starting:
            self.starting.close()
        self.submission.close()
        atexit.unregister(self.close)
