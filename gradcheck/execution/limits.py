"""What code under test may use up, what it uses, and its end with everything it started.

On Linux the processes below a worker are read from /proc. Those that turned themselves into
daemons are no longer below it; gradcheck adopts them (it is their subreaper) and knows them
by a word in the environment they were started with. Elsewhere a process group, or on Windows
a job object, has to do.

The limits of gradcheck's own process are watched too: a process of the same user can lower
them.
"""

import contextlib
import os
import signal
import struct
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from gradcheck.errors import GradcheckError, Place, UsageError

if TYPE_CHECKING:
    import subprocess

    from gradcheck.contract.protocol import Failure

if sys.platform != "win32":
    import resource

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
        words = []
        for field in ("timeout", "call_timeout", "min_sandbox"):
            value = getattr(self, field)
            if value != getattr(Limits, field):
                words += [f"--{field.replace('_', '-')}", f"{value:g}"]
        return words


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
        from gradcheck.contract.protocol import Failure  # a launch waits for no numpy

        return Failure(self.kind, self.message, self.place)


#: The variable in a worker's environment by which its daemons are known.
WORKER_VARIABLE = "GRADCHECK_WORKER"

_PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER = 4, 36

#: Seconds that a killed tree has to be gone.
_PATIENCE = 5.0

LINUX = sys.platform == "linux"


@cache
def shield() -> None:
    """Adopt daemons of workers, and close our memory to other processes of our user."""
    if LINUX:
        import ctypes

        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def below(root: int) -> list[int]:
    """Return a process and all that descend from it (Linux)."""
    found, waiting = [], [root]
    while waiting:
        process = waiting.pop()
        found.append(process)
        waiting += _children(process)
    return found


def _children(process: int) -> Iterator[int]:
    folder = f"/proc/{process}/task"
    try:
        threads = os.listdir(folder)  # noqa: PTH208 (this runs forty times a second)
    except OSError:
        return
    for thread in threads:
        yield from map(int, _read(f"{folder}/{thread}/children").split())


def _marked(processes: Iterable[int], mark: str) -> list[int]:
    """Return those that were started with this mark (Linux)."""
    if not mark:
        return []
    word = f"{WORKER_VARIABLE}={mark}".encode()
    return [p for p in processes if word in _read(f"/proc/{p}/environ").split(b"\0")]


def everything(root: int, mark: str) -> list[int]:
    """Return a worker's processes, its daemons with all below them among these (Linux)."""
    roots = dict.fromkeys((root, *_marked(_children(os.getpid()), mark)))  # we adopt daemons
    return list(dict.fromkeys(process for each in roots for process in below(each)))


def usage(processes: list[int]) -> tuple[int, int]:
    """Return the memory in use, in bytes, and the number of processes and threads (Linux)."""
    page = os.sysconf("SC_PAGE_SIZE")
    memory = threads = 0
    for process in processes:
        fields = _read(f"/proc/{process}/statm").split()
        memory += int(fields[1]) * page if len(fields) > 1 else 0
        with contextlib.suppress(OSError):
            threads += os.stat(f"/proc/{process}/task").st_nlink - 2  # noqa: PTH116
    return memory, threads


#: What a file that lives in memory is called in a list of open files.
_IN_MEMORY = ("/memfd:", "/dev/shm/", "/SYSV", "/dev/zero (deleted)")


def hidden(processes: list[int]) -> int:
    """Return the bytes of files in memory that processes hold open, mapped or not (Linux)."""
    sizes: dict[tuple[int, int], int] = {}
    for process in processes:
        folder = f"/proc/{process}/fd"
        with contextlib.suppress(OSError):
            for name in os.listdir(folder):  # noqa: PTH208 (as above)
                with contextlib.suppress(OSError):
                    file = f"{folder}/{name}"
                    if os.readlink(file).startswith(_IN_MEMORY):  # noqa: PTH115 (as above)
                        status = os.stat(file)  # noqa: PTH116 (as above)
                        sizes[status.st_dev, status.st_ino] = 512 * status.st_blocks
    return sum(sizes.values())


def kill(root: int, mark: str) -> None:
    """Kill a process and all that descend from it, and wait until they are gone.

    The root itself is left for its owner to wait for. Without a mark, daemons are left
    to whoever owns the namespace they are in.
    """
    if sys.platform == "win32":
        return  # closing the job object did it
    if not LINUX:
        with contextlib.suppress(OSError):
            os.killpg(root, signal.SIGKILL)
        return
    end = time.monotonic() + _PATIENCE
    pause = 0.0002
    seen: set[int] = set()
    while time.monotonic() < end:
        seen.update(everything(root, mark))
        running = [p for p in seen if alive(p)]
        if not running:
            # slow, but nothing slips through: a list of children may miss one while another ends
            every = [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208
            running = [p for p in _marked(every, mark) if alive(p)]
            seen.update(running)
        # stopped first, so that none can start another meanwhile
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for process in running:
                with contextlib.suppress(OSError):
                    os.kill(process, number)
        for process in seen - {root}:
            with contextlib.suppress(OSError):  # most are no children of ours
                os.waitpid(process, os.WNOHANG)
        if not running:
            return
        time.sleep(pause)
        pause = min(2 * pause, 0.05)


def alive(process: int) -> bool:
    """Whether a process runs; one that has ended is listed until its parent asks (Linux)."""
    state = _read(f"/proc/{process}/stat").rpartition(b")")[2].split()
    return bool(state) and state[0] not in (b"Z", b"X")


def _read(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 (as above)
            return file.read(2**16)
    except OSError:
        return b""


OwnLimits = Mapping[str, tuple[int, int]]


def known() -> OwnLimits:
    """Return the limits by name, soft and hard."""
    if sys.platform == "win32":
        return {}
    return {name: _limit(name) for name in dir(resource) if name.startswith("RLIMIT_")}


def changed(since: OwnLimits) -> list[str]:
    """Return the names of limits that are no longer what they were, and put back what can be.

    A soft limit can be raised up to the hard one by anybody, a hard one by root alone.
    """
    if sys.platform == "win32":
        return []
    names = []
    for name, before in since.items():
        now = _limit(name)
        if now == before:
            continue
        names.append(name)
        for limits in (before, (_least(before[0], now[1]), now[1])):
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(getattr(resource, name), limits)
                break
    return names


def _limit(name: str) -> tuple[int, int]:
    return resource.getrlimit(getattr(resource, name))


def _least(first: int, second: int) -> int:
    """Return the smaller of two limits; -1 stands for none."""
    limits = [limit for limit in (first, second) if limit != resource.RLIM_INFINITY]
    return min(limits, default=resource.RLIM_INFINITY)


class Job:
    """A Windows job object: limits for a worker, and its end with everything it started.

    Raises OSError when Windows refuses.
    """

    #: Which information it is, and what is limited: processes, memory of one and of all; a
    #: worker that fails shows no window, and all end when the job is closed.
    _EXTENDED_LIMITS, _LIMITED = 9, 0x8 | 0x100 | 0x200 | 0x400 | 0x2000

    #: JOBOBJECT_EXTENDED_LIMIT_INFORMATION: times, flags, working set, processes, affinity,
    #: priority and scheduling; six counters; memory of a process and of the job, used and not.
    _LAYOUT = "@qqINNINII6Q4N"

    def __init__(self, process: "subprocess.Popen[bytes]", limits: Limits) -> None:
        import ctypes

        # by name: elsewhere, where this is type-checked, ctypes has neither
        self._kernel: Any = getattr(ctypes, "WinDLL")("kernel32", use_last_error=True)  # noqa: B009
        handle, number = ctypes.c_void_p, ctypes.c_uint32
        self._kernel.CreateJobObjectW.restype = handle
        self._kernel.CreateJobObjectW.argtypes = (handle, ctypes.c_wchar_p)
        self._kernel.SetInformationJobObject.argtypes = (handle, ctypes.c_int, handle, number)
        self._kernel.AssignProcessToJobObject.argtypes = (handle, handle)
        self._kernel.CloseHandle.argtypes = (handle,)
        self._handle: int | None = self._kernel.CreateJobObjectW(None, None)
        memory = (limits.memory, limits.memory, 0, 0)
        before = (0, 0, self._LIMITED, 0, 0, limits.processes, 0, 0, 0)
        told = struct.pack(self._LAYOUT, *before, *(0,) * 6, *memory)
        done = self._handle and self._kernel.SetInformationJobObject(
            self._handle, self._EXTENDED_LIMITS, told, len(told)
        )
        done = done and self._kernel.AssignProcessToJobObject(
            self._handle,
            int(getattr(process, "_handle")),  # noqa: B009 (not for mypy elsewhere)
        )
        if not done:
            process.kill()
            raise OSError("Windows refused a job object")

    def close(self) -> None:
        """Kill every process of the job."""
        if self._handle:
            self._kernel.CloseHandle(self._handle)
            self._handle = None
