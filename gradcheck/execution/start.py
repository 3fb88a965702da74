"""Starting a worker at the best level that works here."""

import threading
from dataclasses import dataclass

from gradcheck.errors import SandboxError
from gradcheck.execution import wire
from gradcheck.execution.limits import Limits
from gradcheck.execution.lost import LostError
from gradcheck.execution.process import Process
from gradcheck.execution.sandbox import LEVELS, Folders, Level
from gradcheck.execution.staging import Submission, library

#: Seconds that a worker has to be ready: Python and numpy are loaded, nothing else.
_READY = 30.0

#: Levels that were found not to work in this process, and why.
_FAILED: dict[int, str] = {}
_LOCK = threading.Lock()


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


def start(submission: Submission, limits: Limits, only: Level | None = None) -> Started:
    """Start a worker; the first level at which one says it is ready is taken.

    Parameters
    ----------
    submission : Submission
    limits : Limits
    only : Level, optional
        The one level to try.

    Raises
    ------
    SandboxError
        When no level works that is good enough.
    """
    for level in (only,) if only else LEVELS:
        if level.number < limits.min_sandbox or level.number in _FAILED:
            continue
        if not level.available():
            _FAILED[level.number] = f"{level.name} is not installed"
            continue
        started = _try(level, submission, limits)
        if started:
            return started
    least = (
        f"sandbox level {limits.min_sandbox} or better" if limits.min_sandbox > 1 else "a worker"
    )
    reasons = "; ".join(f"level {number}: {why}" for number, why in _FAILED.items())
    raise SandboxError(f"{least} cannot be had on this machine ({reasons or 'no such level'})")


def _try(level: Level, submission: Submission, limits: Limits) -> Started | None:
    folders = Folders(library(), submission.code, submission.scratch)
    command = level.command(folders, limits)
    try:
        process = Process(command, limits)
    except OSError as error:
        _FAILED[level.number] = str(error)
        return None
    try:
        process.receive((wire.READY,), 0, _READY)
    except LostError as lost:
        process.close()
        said = " ".join(process.words_of_the_worker().split())[-200:]
        _FAILED[level.number] = said or lost.message
        return None
    process.mark_quiet()
    return Started(process, level, command.code)
