"""A worker's process: frames in, frames out, each within a deadline.

Pipes are read and written by threads, because on no system can a blocked pipe be left
otherwise on every system. A fourth thread watches what the worker uses up. Whatever
goes wrong ends in one way: everything the worker started is killed, and a
:class:`LostError` says why.
"""

import contextlib
import queue
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

from gradcheck.execution import process_tree, wire
from gradcheck.execution.limits import Limits
from gradcheck.execution.lost import LostError
from gradcheck.execution.sandbox import Command

#: Seconds between two looks at what a worker uses up.
_WATCH = 0.02

#: Seconds that a worker that closed its pipe has to be gone.
_PARTING = 1.0


class Process:
    """A worker.

    Parameters
    ----------
    command : Command
    limits : Limits

    Raises
    ------
    OSError
        When it cannot be started at all.
    """

    def __init__(self, command: Command, limits: Limits) -> None:
        self._limits = limits
        self._mark = secrets.token_hex(8) if command.environment else ""
        self._failure: tuple[str, str] | None = None
        self._printed = 0
        self._quiet_size: int | None = None
        self.spawned = 0
        self._ended = threading.Event()
        self._closing = threading.Lock()
        environment = command.environment
        if environment:  # an empty one stays empty: it can be read inside the sandbox
            environment = environment | {process_tree.MARK: self._mark}
            process_tree.shield()
        self._popen = subprocess.Popen(
            command.arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=command.folder,
            bufsize=0,
            start_new_session=True,
        )
        self._job: Any = None
        if sys.platform == "win32":
            from gradcheck.execution.windows_job import Job

            self._job = Job(self._popen, limits)  # before it is told what to load
        self._wanted: queue.SimpleQueue[tuple[bytes, ...] | None] = queue.SimpleQueue()
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._received: queue.SimpleQueue[wire.Frame | wire.WireError | None] = queue.SimpleQueue()
        for work in (self._read, self._write, self._drain, self._watch):
            threading.Thread(target=work, name=f"gradcheck {work.__name__}", daemon=True).start()

    def receive(self, tags: tuple[bytes, ...], number: int, seconds: float) -> wire.Frame:
        """Wait for one frame.

        Raises
        ------
        LostError
            When none comes in time, or something else than this frame does.
        """
        self._wanted.put(tags)
        try:
            frame = self._received.get(timeout=max(seconds, 0.0))
        except queue.Empty:
            self._fail("timeout", "no answer in time")
            raise self._lost() from None
        if frame is None:
            self._find_out_why()
            raise self._lost()
        if isinstance(frame, wire.WireError) or frame.number != number:
            text = str(frame) if isinstance(frame, wire.WireError) else "an answer out of turn"
            self._fail("protocol", f"the worker's pipe carries what no worker writes: {text}")
            raise self._lost()
        return frame

    def ask(self, frame: wire.Frame, tags: tuple[bytes, ...], seconds: float) -> wire.Frame:
        """Send a frame and wait for the answer to it; raises as :meth:`receive` does."""
        if self._failure or self._ended.is_set():
            self._find_out_why()
            raise self._lost()
        self._outgoing.put(wire.pack(frame))
        return self.receive(tags, frame.number, seconds)

    def close(self) -> None:
        """Kill everything the worker started, and wait until it is gone."""
        with self._closing:
            if self._ended.is_set():
                return
            self._ended.set()
            if self._job is not None:
                self._job.close()
            process_tree.kill(self._popen.pid, self._mark)
            self._popen.kill()
            self._popen.wait()
            self._wanted.put(None)
            self._outgoing.put(None)
            # the threads hold the other pipes: a daemon elsewhere may keep those open

    def words_of_the_worker(self) -> str:
        """Return the start of what it wrote to standard error, for a probe that failed."""
        return self._head.decode("utf-8", errors="replace")

    _head = b""

    def _fail(self, kind: str, message: str) -> None:
        self._failure = self._failure or (kind, message)
        self.close()

    def _lost(self) -> LostError:
        kind, message = self._failure or ("crash", "the worker ended")
        return LostError(kind, message)

    def _find_out_why(self) -> None:
        """The pipe was closed: because the worker ended, or it is about to, or by the code."""
        try:
            code: int | None = self._popen.wait(_PARTING)
        except subprocess.TimeoutExpired:
            code = None
        self._fail("crash", _ending(code))

    def _read(self) -> None:
        pipe = self._popen.stdout
        assert pipe is not None
        with pipe:
            while (tags := self._wanted.get()) is not None:
                try:
                    frame = wire.read(_receiver(pipe.read), tags)
                except wire.WireError as error:
                    self._received.put(error)
                    return
                except (OSError, ValueError, MemoryError):
                    frame = None
                self._received.put(frame)
                if frame is None:
                    return

    def _write(self) -> None:
        pipe = self._popen.stdin
        assert pipe is not None
        with contextlib.suppress(OSError, ValueError), pipe:
            while (data := self._outgoing.get()) is not None:
                view = memoryview(data)
                while view:
                    view = view[pipe.write(view) or 0 :]

    def _drain(self) -> None:
        """Swallow what the code prints; it is counted and shown to nobody."""
        pipe = self._popen.stderr
        assert pipe is not None
        with contextlib.suppress(OSError, ValueError), pipe:
            while data := pipe.read(2**16):
                self._printed += len(data)
                self._head = (self._head + data)[:2000]
                if self._printed > self._limits.output:
                    self._fail("flood", f"printed more than {self._limits.output // 2**20} MB")
                    return

    def _watch(self) -> None:
        if not process_tree.LINUX:
            return
        limits = self._limits
        while not self._ended.wait(_WATCH):
            tree = process_tree.everything(self._popen.pid, self._mark)
            memory, threads = process_tree.usage(tree)
            if self._quiet_size is not None:
                self.spawned = max(self.spawned, len(tree) - self._quiet_size)
            if memory > limits.memory:
                self._fail("memory", f"used more than {limits.memory // 2**20} MB of memory")
            elif threads > limits.processes:
                self._fail("processes", f"started more than {limits.processes} processes")

    def mark_quiet(self) -> None:
        """Say that the worker has no process yet that the code under test started."""
        if process_tree.LINUX:
            self._quiet_size = len(process_tree.below(self._popen.pid))


def _receiver(read: Callable[[int], bytes | None]) -> Callable[[int], bytes]:
    return lambda size: read(min(size, 2**20)) or b""


#: What a shell and bubblewrap add to the number of a signal.
_SIGNALLED = 128


def _ending(code: int | None) -> str:
    """Say how a worker ended."""
    if code is None:
        return "closed the pipe to gradcheck"
    number = -code if code < 0 else code - _SIGNALLED
    if 0 < number < 65:
        with contextlib.suppress(ValueError):
            return f"the process crashed ({signal.Signals(number).name})"
    return f"the process ended by itself (exit code {code})"
