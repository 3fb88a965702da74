"""What a worker gives up before it looks at the code under test.

This runs inside the worker. Everything here is hardening on top of what the parent
sets up around the process: see ``sandbox.py`` for the levels.

System calls that a worker gives up (Linux): a filter of seccomp, written by hand.

It is hardening in both levels, not the level 2 that is kept free: what it forbids is what no
backprop needs, and what would get round a limit or at another process.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_CLONE_NEWUSER = 0x10000000
_KEYCTL_JOIN_SESSION_KEYRING = 1

#: Where the filter finds a call's number, its architecture and the low half of its arguments.
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000

#: Calls with another numbering (x32), on x86-64.
_X32 = 0x40000000

#: By machine: its name for the kernel, then the numbers of calls.
_MACHINES: dict[str, tuple[int, dict[str, int]]] = {
    "x86_64": (
        0xC000003E,
        {
            "shmget": 29,
            "clone": 56,
            "msgget": 68,
            "ptrace": 101,
            "setpriority": 141,
            "pivot_root": 155,
            "mount": 165,
            "umount2": 166,
            "add_key": 248,
            "request_key": 249,
            "keyctl": 250,
            "ioprio_set": 251,
            "migrate_pages": 256,
            "unshare": 272,
            "move_pages": 279,
            "perf_event_open": 298,
            "prlimit64": 302,
            "open_by_handle_at": 304,
            "setns": 308,
            "process_vm_readv": 310,
            "process_vm_writev": 311,
            "memfd_create": 319,
            "bpf": 321,
            "userfaultfd": 323,
            "io_uring_setup": 425,
            "open_tree": 428,
            "move_mount": 429,
            "fsopen": 430,
            "clone3": 435,
            "pidfd_getfd": 438,
            "memfd_secret": 447,
        },
    ),
    "aarch64": (
        0xC00000B7,
        {
            "ioprio_set": 30,
            "umount2": 39,
            "mount": 40,
            "pivot_root": 41,
            "unshare": 97,
            "ptrace": 117,
            "setpriority": 140,
            "msgget": 186,
            "shmget": 194,
            "add_key": 217,
            "request_key": 218,
            "keyctl": 219,
            "clone": 220,
            "migrate_pages": 238,
            "move_pages": 239,
            "perf_event_open": 241,
            "prlimit64": 261,
            "open_by_handle_at": 265,
            "setns": 268,
            "process_vm_readv": 270,
            "process_vm_writev": 271,
            "memfd_create": 279,
            "bpf": 280,
            "userfaultfd": 282,
            "io_uring_setup": 425,
            "open_tree": 428,
            "move_mount": 429,
            "fsopen": 430,
            "clone3": 435,
            "pidfd_getfd": 438,
            "memfd_secret": 447,
        },
    ),
}

#: Refused as if the kernel did not have them: then libraries take another way.
_UNKNOWN = ("clone3", "memfd_create", "memfd_secret", "io_uring_setup", "userfaultfd")

#: Refused for other processes: the argument that names one has to be zero, the caller itself.
_OWN = {"prlimit64": 0, "setpriority": 1, "ioprio_set": 1, "migrate_pages": 0, "move_pages": 0}


def give_up() -> bool:
    """Join a new session keyring, and forbid the calls; say whether the kernel agreed."""
    machine = _MACHINES.get(platform.machine())
    if machine is None or sys.maxsize < 2**32:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall(machine[1]["keyctl"], _KEYCTL_JOIN_SESSION_KEYRING, None)
    program = _program(*machine)
    code = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))

    whole = Program(len(program) // 8, ctypes.addressof(code))
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return bool(libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(whole), 0, 0) == 0)


def _program(architecture: int, numbers: dict[str, int]) -> bytes:
    """Write the filter: a list of instructions, each an operation, two jumps and a number."""
    refused = _REFUSE | errno.EPERM
    unknown = _REFUSE | errno.ENOSYS
    lines = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, unknown),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, unknown),
    ]
    for name, number in numbers.items():
        if name == "clone":
            test = [(_LOAD, 0, 0, _ARGUMENTS), (_ANY_BIT, 0, 1, _CLONE_NEWUSER)]
        elif name in _OWN:
            test = [(_LOAD, 0, 0, _ARGUMENTS + 8 * _OWN[name]), (_EQUAL, 1, 0, 0)]
        else:
            end = unknown if name in _UNKNOWN else refused
            lines += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, end)]
            continue
        lines += [(_EQUAL, 0, len(test) + 2, number), *test]
        lines += [(_RETURN, 0, 0, refused), (_LOAD, 0, 0, _NUMBER)]
    lines.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


#: Files a process may hold open; the largest file it may write.
OPEN_FILES = 256
FILE_BYTES = 16 * 2**20

_PR_SET_PDEATHSIG = 1
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
        pass

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
