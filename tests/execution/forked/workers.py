"""Forked workers in the place of started ones."""

import atexit
import contextlib
import functools
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from io import FileIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from gradcheck.execution import process, sandbox, staging
from gradcheck.execution.limits import WORKER_VARIABLE

#: What differs from worker to worker in what it is told of the world.
_OF_ONE = ("HOME", "TMPDIR", WORKER_VARIABLE)

#: Whether this machine can do it.
POSSIBLE = sys.platform == "linux" and hasattr(os, "pidfd_open")

_asking = threading.Lock()


def use(monkeypatch: Any) -> None:
    """Let workers be forked until the test ends: at level 1, whatever else this machine has."""
    if POSSIBLE:
        started = SimpleNamespace(**{**vars(subprocess), "Popen": _begun})
        monkeypatch.setattr(process, "subprocess", started)
        monkeypatch.setattr(sandbox, "SANDBOX_LEVELS", sandbox.SANDBOX_LEVELS[-1:])


def _begun(arguments: list[str], **how: Any) -> Any:
    """Fork a worker of level 1; start what a test asked for at another one."""
    python = str(arguments[0]).rpartition("/")[2].startswith("python")
    return (Forked if python else subprocess.Popen)(arguments, **how)


class Forked:
    """A worker, to be used like the ``Popen`` of one that was started.

    Parameters
    ----------
    arguments : list of str
        The command that would start it at level 1.
    env : dict of str to str
    cwd : str
    """

    def __init__(self, arguments: list[str], *, env: dict[str, str], cwd: str, **_: Any) -> None:
        begin = arguments.index("-c") + 3  # the script, and how many folders
        end = begin + int(arguments[begin - 1])
        shared = tuple(sorted((k, v) for k, v in env.items() if k not in _OF_ONE))
        server = _server(arguments[0], tuple(arguments[begin + 1 : end]), shared)
        theirs, ours = zip(*(os.pipe() for _ in range(4)), strict=True)
        theirs, ours = list(theirs), list(ours)
        for outgoing in (1, 2, 3):  # what it writes and we read
            theirs[outgoing], ours[outgoing] = ours[outgoing], theirs[outgoing]
        question = {"environment": env, "folder": cwd, "arguments": arguments[end:]}
        with _asking:
            socket.send_fds(server, [json.dumps(question).encode()], theirs)
        for pipe in theirs:
            os.close(pipe)
        self.stdin = FileIO(ours[0], "wb")
        self.stdout, self.stderr, self._end = (FileIO(pipe) for pipe in ours[1:])
        self.pid = int(self._told())
        self.returncode: int | None = None
        self._waiting = threading.Lock()

    def wait(self, timeout: float | None = None) -> int:
        """Return how it ended: its exit code, or the negative number of a signal."""
        with self._waiting:
            if self.returncode is None:
                looking = select.poll()
                looking.register(self._end, select.POLLIN)
                if not looking.poll(None if timeout is None else 1000 * timeout):
                    raise subprocess.TimeoutExpired("a forked worker", timeout or 0.0)
                self.returncode = int(self._told())
                self._end.close()
        return self.returncode

    def kill(self) -> None:
        """End it, if it has not ended."""
        try:
            self.wait(0)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):  # it ends just now
                os.kill(self.pid, signal.SIGKILL)

    def _told(self) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            byte = self._end.read(1)
            assert byte, "what forks workers ended"
            line += byte
        return line


@functools.cache
def _server(python: str, folders: tuple[str, ...], world: tuple[tuple[str, str], ...]) -> Any:
    """Start what workers are forked off, once for each way in which they are started."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    folder = tempfile.TemporaryDirectory(prefix="forked_")
    archive = Path(folder.name) / staging.ARCHIVE
    archive.write_bytes(staging.archive())
    script = Path(__file__).with_name("server.py")
    server = subprocess.Popen(
        [python, "-I", "-S", "-B", script, str(theirs.fileno()), str(archive), *folders],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env={**dict(world), "GRADCHECK_FORKED": secrets.token_hex(8)},
        pass_fds=[theirs.fileno()],
    )
    theirs.close()

    def end() -> None:
        ours.close()
        server.wait()
        folder.cleanup()

    atexit.register(end)
    return ours
