"""The other process: it loads one file, calls it when told to, and says numbers.

Started as ``python -I -S -B -c "..." FOLDER ... CONFINEMENT`` by ``sandbox.py``. It
keeps the pipes to gradcheck to itself, gives up what it can do without, says that it
is ready, and only then reads the code under test.

What it gives up is hardening on top of what the parent sets up around the process (the
levels of ``sandbox.py``): limits, rights, and by a seccomp filter, written by hand, the
system calls that no backprop needs and that would get round a limit or at another process.
"""

import contextlib
import ctypes
import errno
import os
import platform
import signal
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradcheck.execution import wire

#: Libraries that differentiate by themselves. Using one is a remark, not a verdict.
DIFFERENTIATING = (
    "jax",
    "torch",
    "autograd",
    "tensorflow",
    "theano",
    "pytensor",
    "casadi",
    "mygrad",
    "tinygrad",
    "micrograd",
)

#: Entries of a declaration that are passed on.
_DECLARED = 200


def main(arguments: Sequence[str]) -> None:
    """Serve until the parent closes the pipe; arguments are :meth:`Confinement.arguments`."""
    receive, send = _private_pipes()
    confine(Confinement.parse(arguments))
    import numpy  # noqa: F401  (before the code under test is timed)

    send(wire.pack(wire.Frame(wire.READY, 0, (sys.platform, os.getpid()))))
    # what the interpreter and numpy brought along is no work of the code under test
    server = _Server(frozenset(sys.modules))
    while True:
        frame = wire.read(receive, (wire.LOAD, wire.FIND, wire.CALL, wire.SEEN))
        if frame is None:
            return
        send(wire.pack(server.serve(frame)))


def _private_pipes() -> tuple[Callable[[int], bytes], Callable[[bytes], None]]:
    """Move the pipes to gradcheck out of the way of the code under test."""
    incoming, outgoing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    if sys.platform == "win32":
        import msvcrt

        for descriptor in (incoming, outgoing):
            msvcrt.setmode(descriptor, os.O_BINARY)

    def hang_up() -> None:
        for descriptor in (incoming, outgoing):
            with contextlib.suppress(OSError):  # a child of a child
                os.close(descriptor)

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=hang_up)  # what the code forks has no answer to give

    def receive(size: int) -> bytes:
        return os.read(incoming, min(size, 2**20))

    def send(data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(outgoing, view) :]

    return receive, send


class _Server:
    """Answers frames. The code under test may do anything to it: it only says numbers."""

    def __init__(self, before: frozenset[str]) -> None:
        self._before = before
        self._caller: Any = None
        self._loaded: Any = None
        self._readings: tuple[Any, ...] = ()

    def serve(self, frame: wire.Frame) -> wire.Frame:
        """Answer a frame, or say why it cannot be answered."""
        from gradcheck.contract.protocol import Failure
        from gradcheck.errors import GradcheckError, first_line

        if frame.tag == wire.SEEN:
            return wire.Frame(wire.SEEN, frame.number, (self._libraries(),))
        if frame.tag == wire.CALL:
            return self._call(frame)
        try:
            return self._load(frame) if frame.tag == wire.LOAD else self._find(frame)
        except GradcheckError as error:
            failure = Failure("import", str(error), getattr(error, "place", None))
        except MemoryError:
            failure = Failure("memory", "the code ran out of memory")
        except BaseException as error:  # adapters touch the code's own objects
            text = f"{type(error).__name__}: {first_line(error)}"
            failure = Failure("import", f"the code could not be read: {text}")
        return wire.Frame(wire.FAILED, frame.number, wire.failure_values(failure))

    def _load(self, frame: wire.Frame) -> wire.Frame:
        from gradcheck.execution.calling import Caller
        from gradcheck.reading import loading
        from gradcheck.reading.target import LoadOptions

        values: Any = frame.values  # gradcheck wrote them
        folder, name, module, dotted, adapter, imports_only, behind = values
        if module:
            loaded = loading.load_module(module, Path(folder))
        else:
            options = LoadOptions(adapter or None, imports_only, left_behind=tuple(behind))
            loaded = loading.load_file(Path(folder) / name, options)
        if dotted:
            loaded = loading.attribute(loaded, dotted, name or module)
        self._loaded = loaded
        self._caller = Caller(loaded.sources, aloud=True)
        declared = (
            _declared(getattr(loaded.code, "networks", None)),
            _declared(getattr(loaded.code, "batch_sizes", None)),
        )
        return wire.Frame(wire.LOADED, frame.number, (*declared, loaded.notes))

    def _find(self, frame: wire.Frame) -> wire.Frame:
        from gradcheck.reading.loading import readings

        values: Any = frame.values
        adapter, first, seconds = values
        loaded = self._loaded
        found = readings(loaded.code, adapter or None, loaded.sources, first, seconds)
        self._readings = found.readings
        offers = [
            (reading.adapter, reading.calls, *wire.conventions_values(reading.conventions))
            for reading in self._readings
        ]
        return wire.Frame(wire.FOUND, frame.number, (offers, found.following))

    def _call(self, frame: wire.Frame) -> wire.Frame:
        from gradcheck.contract.protocol import Failure, Observation

        reading, request = wire.read_call(frame)
        try:
            seen = self._caller.call(self._readings[reading].implementation, request)
        except KeyboardInterrupt:  # the code's own: nobody types here
            seen = Observation(failure=Failure("exception", "the code raised KeyboardInterrupt"))
        return wire.answer_frame(frame.number, seen)

    def _libraries(self) -> list[str]:
        found = {name.partition(".")[0] for name in list(sys.modules) if name not in self._before}
        return [name for name in DIFFERENTIATING if name in found]


def _declared(value: Any) -> Any:
    """Pass on a declaration that may be right; anything else becomes a text, which is not."""
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) > _DECLARED:
        return type(value).__name__
    small = [type(item) is int and abs(item) < 2**31 for item in value]
    return [n if fits else str(n)[:_DECLARED] for n, fits in zip(value, small, strict=True)]


_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_CLONE_NEWUSER = 0x10000000
_KEYCTL_JOIN_SESSION_KEYRING = 1

#: Where the filter finds a call's number, its architecture and the low half of its arguments.
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000

#: Calls with another numbering (x32), on x86-64.
_X32 = 0x40000000

#: By machine: its name for the kernel, and where its numbers stand below.
_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}

#: The calls that are given up, with their numbers.
_CALLS = {
    "shmget": (29, 194),
    "clone": (56, 220),
    "msgget": (68, 186),
    "ptrace": (101, 117),
    "setpriority": (141, 140),
    "pivot_root": (155, 41),
    "mount": (165, 40),
    "umount2": (166, 39),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "ioprio_set": (251, 30),
    "migrate_pages": (256, 238),
    "unshare": (272, 97),
    "move_pages": (279, 239),
    "perf_event_open": (298, 241),
    "prlimit64": (302, 261),
    "open_by_handle_at": (304, 265),
    "setns": (308, 268),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "memfd_create": (319, 279),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "clone3": (435, 435),
    "pidfd_getfd": (438, 438),
    "memfd_secret": (447, 447),
}

#: Refused as if the kernel did not have them: then libraries take another way.
_UNKNOWN = ("clone3", "memfd_create", "memfd_secret", "io_uring_setup", "userfaultfd")

#: Refused for other processes: the argument that names one has to be zero, the caller itself.
_OWN = {"prlimit64": 0, "setpriority": 1, "ioprio_set": 1, "migrate_pages": 0, "move_pages": 0}


def give_up() -> bool:
    """Join a new session keyring, and forbid the calls; say whether the kernel agreed."""
    if platform.machine() not in _MACHINES or sys.maxsize < 2**32:
        return False
    architecture, column = _MACHINES[platform.machine()]
    calls = {name: numbers[column] for name, numbers in _CALLS.items()}
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall(calls["keyctl"], _KEYCTL_JOIN_SESSION_KEYRING, None)
    program = _program(architecture, calls)
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
    """What a worker is told to give up."""

    memory: int  # bytes of address space
    processes: int  # and threads of the worker's user; 0 leaves them to the parent
    user: int  # the one to become; 0 to stay
    scoped: int  # 1 to give up signals to processes outside, where the kernel can do that

    def arguments(self) -> list[str]:
        """Write it for a command line."""
        return [str(n) for n in (self.memory, self.processes, self.user, self.scoped)]

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> "Confinement":
        """Read it from a command line."""
        return cls(*(int(argument) for argument in arguments))


def confine(to: Confinement) -> None:
    """Give it up. There is no way back.

    Raises OSError when the user cannot be changed: then nothing may run.
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
