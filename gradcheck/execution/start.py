"""Starting a worker at the best level that works here.

Code under test on its way into a worker.

This imports little: the worker starts while the rest of gradcheck is being imported.
"""

import atexit
import time
from collections.abc import Iterator
from dataclasses import dataclass

from gradcheck.errors import SandboxError
from gradcheck.execution import wire
from gradcheck.execution.limits import Limits, WorkerLostError
from gradcheck.execution.process import Process
from gradcheck.execution.sandbox import LEVELS, Folders, Level
from gradcheck.execution.staging import StagedCode, stage
from gradcheck.reading.target import Target

#: Seconds that a worker has to be ready: Python and numpy are loaded, nothing else.
_READY = 30.0

#: Levels that were found not to work in this process, and why.
_FAILED: dict[int, str] = {}


@dataclass(frozen=True)
class Started:
    """A worker that is ready.

    Attributes
    ----------
    process : Process
    level : Level
    code : str
        Where it finds the submission.
    """

    process: Process
    level: Level
    code: str


class Starting:
    """A worker that is on its way, while something else is done.

    Parameters
    ----------
    submission : StagedCode
    limits : Limits
    only : Level, optional
        The one level to try; else the first at which a worker says it is ready.

    Raises
    ------
    SandboxError
        When no level is left to try that is good enough.
    """

    def __init__(self, submission: StagedCode, limits: Limits, only: Level | None = None) -> None:
        self._submission = submission
        self._limits = limits
        self._levels = _candidates(limits, only)
        self._failed = {} if only else _FAILED
        self._begun = self._begin()

    def ready(self) -> Started:
        """Wait until it is ready, or another one at the next level is.

        Raises
        ------
        SandboxError
            When none gets ready at a level that is good enough.
        """
        while True:
            process, level = self._begun.process, self._begun.level
            try:
                process.receive((wire.READY,), 0, time.monotonic() + _READY)
            except WorkerLostError as lost:
                process.close()
                said = " ".join(process.words_of_the_worker().split())[-200:]
                self._note(level, said or lost.message)
                self._begun = self._begin()
                continue
            process.mark_quiet()
            return self._begun

    def close(self) -> None:
        """End it, ready or not."""
        self._begun.process.close()

    def _begin(self) -> Started:
        submission = self._submission
        for level in self._levels:
            folders = Folders(submission.library, submission.code, submission.scratch)
            command = level.command(folders, self._limits)
            try:
                return Started(Process(command, self._limits), level, command.code)
            except OSError as error:
                self._note(level, str(error))
        wanted = self._limits.min_sandbox
        least = f"sandbox level {wanted} or better" if wanted > 1 else "a worker process"
        reasons = "; ".join(f"level {number}: {why}" for number, why in self._failed.items())
        raise SandboxError(f"{least} cannot be had on this machine ({reasons or 'no such level'})")

    def _note(self, level: Level, why: str) -> None:
        self._failed.setdefault(level.number, why)


def _candidates(limits: Limits, only: Level | None) -> Iterator[Level]:
    """Yield the levels to try, those that were found not to work left out."""
    if only:
        yield only  # it worked before: should it fail now, that is no fault of the machine
        return
    for level in LEVELS:
        if level.number < limits.min_sandbox or level.number in _FAILED:
            continue
        if level.available():
            yield level
        else:
            _FAILED.setdefault(level.number, f"{level.name} is not installed")


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
