"""What a worker gives up before it looks at the code under test.

This runs inside the worker. Everything here is hardening on top of what the parent
sets up around the process: see ``sandbox.py`` for the levels.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

#: Files a process may hold open; the largest file it may write.
OPEN_FILES = 256
FILE_BYTES = 16 * 2**20

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_LANDLOCK_CREATE_RULESET, _LANDLOCK_RESTRICT_SELF = 444, 446
_LANDLOCK_CREATE_RULESET_VERSION = 1
#: Of root's rights, that to read files is kept: Python may lie in a user's own folder.
_CAPABILITIES_VERSION, _READ_FILES = 0x20080522, 1 << 2
#: No signals and no abstract sockets to processes outside; since version 6 of landlock.
_SCOPE, _SCOPE_SINCE = 3, 6


@dataclass(frozen=True)
class Confinement:
    """What a worker is told to give up.

    Attributes
    ----------
    memory : int
        Bytes of address space.
    processes : int
        Processes and threads of the worker's user; 0 leaves them to the parent.
    user : int
        The user to become; 0 to stay.
    scoped : int
        1 to give up signals to processes outside, where the kernel can do that.
    """

    memory: int
    processes: int
    user: int
    scoped: int

    def arguments(self) -> list[str]:
        """Write it for a command line."""
        return [str(n) for n in (self.memory, self.processes, self.user, self.scoped)]

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> "Confinement":
        """Read it from a command line."""
        return cls(*(int(argument) for argument in arguments))


def confine(to: Confinement) -> None:
    """Give it up. There is no way back.

    Raises
    ------
    OSError
        When the user cannot be changed: then nothing may run.
    """
    if sys.platform == "win32":
        return  # the parent's job object holds the limits
    _limit(to)
    if to.user:
        os.setgroups([])
        os.setresgid(to.user, to.user, to.user)
        os.setresuid(to.user, to.user, to.user)
    if sys.platform == "linux":
        if to.scoped:
            _scope()
        from gradcheck.execution.system_calls import give_up

        give_up()


def _limit(to: Confinement) -> None:
    import resource

    limits = {
        resource.RLIMIT_AS: to.memory,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: FILE_BYTES,
        resource.RLIMIT_NOFILE: OPEN_FILES,
    }
    if to.processes:
        limits[resource.RLIMIT_NPROC] = to.processes
    for name, value in limits.items():
        hard = resource.getrlimit(name)[1]
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(name, (least, least))
        except (OSError, ValueError):  # macOS has no limit on address space
            continue


def _scope() -> None:
    """Die with the parent, and give up rights over and signals to processes outside."""
    import ctypes
    import signal

    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.geteuid() == 0:  # root could read and write the parent's memory
        header = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0)
        kept = (ctypes.c_uint32 * 6)(_READ_FILES, _READ_FILES, 0, 0, 0, 0)
        libc.capset(header, kept)
    if libc.syscall(_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_CREATE_RULESET_VERSION) < (
        _SCOPE_SINCE
    ):
        return
    attributes = (ctypes.c_uint64 * 3)(0, 0, _SCOPE)  # no rules on files, none on ports
    ruleset = libc.syscall(_LANDLOCK_CREATE_RULESET, attributes, ctypes.sizeof(attributes), 0)
    if ruleset >= 0:
        libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0)
        os.close(ruleset)
