"""The processes that a worker has: how many, how much memory, and their end.

On Linux the tree is read from /proc. Processes that turned themselves into daemons are
no longer below the worker; gradcheck adopts them (it is their subreaper) and knows them
by a word in the environment they were started with. Elsewhere a process group, or on
Windows a job object, has to do.

The limits of gradcheck's own process: a process of the same user can lower them.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from functools import cache

#: The variable in a worker's environment by which its daemons are known.
MARK = "GRADCHECK_WORKER"

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


def adopted(mark: str) -> list[int]:
    """Return our children that were started with this mark: the worker, and its daemons (Linux)."""
    if not mark:
        return []
    word = f"{MARK}={mark}".encode()
    return [p for p in _children(os.getpid()) if word in _read(f"/proc/{p}/environ").split(b"\0")]


def marked(mark: str) -> list[int]:
    """Return every process that was started with this mark, by looking at all (Linux).

    Slow, but nothing slips through: a list of children may miss one while another ends.
    """
    if not mark:
        return []
    word = f"{MARK}={mark}".encode()
    names = [name for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208
    return [int(n) for n in names if word in _read(f"/proc/{n}/environ").split(b"\0")]


def everything(root: int, mark: str) -> list[int]:
    """Return a worker's processes, its daemons with all below them among these (Linux)."""
    roots = dict.fromkeys((root, *adopted(mark)))
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
            running = [p for p in marked(mark) if alive(p)]
            seen.update(running)
        for process in running:  # stopped first, so that none can start another meanwhile
            _signal(process, signal.SIGSTOP)
        for process in running:
            _signal(process, signal.SIGKILL)
        _reap([p for p in seen if p != root])
        if not running:
            return
        time.sleep(pause)
        pause = min(2 * pause, 0.05)


def _reap(processes: list[int]) -> None:
    for process in processes:
        with contextlib.suppress(OSError):  # most are no children of ours
            os.waitpid(process, os.WNOHANG)


def alive(process: int) -> bool:
    """Whether a process runs; one that has ended is listed until its parent asks (Linux)."""
    state = _read(f"/proc/{process}/stat").rpartition(b")")[2].split()
    return bool(state) and state[0] not in (b"Z", b"X")


def _signal(process: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(process, number)


def _read(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 (as above)
            return file.read(2**16)
    except OSError:
        return b""


if sys.platform != "win32":
    import resource


Limits = Mapping[str, tuple[int, int]]


def known() -> Limits:
    """Return the limits by name, soft and hard."""
    if sys.platform == "win32":
        return {}
    return {name: _limit(name) for name in dir(resource) if name.startswith("RLIMIT_")}


def changed(since: Limits) -> list[str]:
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
