"""A worker's process: frames in, frames out, each within a deadline.

One thread swallows what the code prints, another watches what the worker uses up.
Whatever goes wrong ends in one way: everything the worker started is killed, and a
:class:`gradcheck.execution.limits.WorkerLostError` says why.

On POSIX a pipe can be polled. Windows has nothing of the kind for pipes: there threads
do the blocking, and are left behind when a worker keeps them waiting. Both offer the
same, and both work on POSIX, where both are tested.
"""

import contextlib
import os
import queue
import secrets
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

from gradcheck.execution import wire
from gradcheck.execution.limits import (
    LINUX,
    WORKER_VARIABLE,
    Job,
    Limits,
    WorkerLostError,
    alive,
    below,
    changed,
    everything,
    hidden,
    kill,
    known,
    shield,
    usage,
)

#: Bytes taken from a pipe at once.
_CHUNK = 2**18


class Polled:
    """Pipes that can be polled, of files without buffers of their own."""

    def __init__(self, incoming: IO[bytes], outgoing: IO[bytes]) -> None:
        self._files = (incoming, outgoing)
        self._in, self._out = incoming.fileno(), outgoing.fileno()
        os.set_blocking(self._out, False)
        self._readable, self._writable = select.poll(), select.poll()
        self._readable.register(self._in, select.POLLIN)
        self._writable.register(self._out, select.POLLOUT)
        self._buffer = b""

    def send(self, data: bytes, deadline: float) -> None:
        """Write all of it; a worker that is gone is noticed when its answer is read.

        Raises TimeoutError when it is not taken by a time of ``time.monotonic``.
        """
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._out, view) :]
            except BlockingIOError:
                self._wait(self._writable, deadline)
            except OSError:
                return

    def receive(self, size: int, deadline: float) -> bytes:
        """Read at most so many bytes, none at the end. Raises TimeoutError as above."""
        if not self._buffer:
            self._wait(self._readable, deadline)
            self._buffer = os.read(self._in, _CHUNK)
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def close(self) -> None:
        """Close both pipes."""
        for file in self._files:
            with contextlib.suppress(OSError):
                file.close()

    def _wait(self, poll: "select.poll", deadline: float) -> None:
        left = max(deadline - time.monotonic(), 0.0)  # what is there already is in time
        if not poll.poll(left * 1000):
            raise TimeoutError


class Threaded:
    """Pipes that block, each with a thread."""

    def __init__(self, incoming: IO[bytes], outgoing: IO[bytes]) -> None:
        self._incoming, self._outgoing = incoming, outgoing
        self._wanted: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._received: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._given: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        for work in (self._read, self._write):
            threading.Thread(target=work, name="gradcheck pipe", daemon=True).start()

    def send(self, data: bytes, deadline: float) -> None:
        """See :class:`Polled`; how long it takes shows when the answer is read."""
        self._given.put(data)

    def receive(self, size: int, deadline: float) -> bytes:
        """See :class:`Polled`."""
        self._wanted.put(size)
        try:
            return self._received.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise TimeoutError from None

    def close(self) -> None:
        """See :class:`Polled`; a thread that is kept waiting closes its pipe later."""
        self._wanted.put(None)
        self._given.put(None)

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError), self._incoming as pipe:
            while (size := self._wanted.get()) is not None:
                self._received.put(pipe.read(min(size, _CHUNK)) or b"")
        self._received.put(b"")

    def _write(self) -> None:
        with contextlib.suppress(OSError, ValueError), self._outgoing as pipe:
            while (data := self._given.get()) is not None:
                view = memoryview(data)
                while view:
                    view = view[pipe.write(view) or 0 :]


#: What this system can do.
BEST: type[Polled] | type[Threaded] = Threaded if sys.platform == "win32" else Polled


#: Seconds between two looks at what a worker uses up.
_WATCH = 0.02

#: Every so many looks, files in memory are counted too.
_SELDOM = 5

#: Seconds that a worker that closed its pipe has to be gone.
_PARTING = 1.0


@dataclass(frozen=True)
class Command:
    """How to start a worker, in a folder, and where it finds the code under test."""

    arguments: list[str]
    environment: dict[str, str]
    folder: str
    code: str


class Process:
    """A worker. Raises OSError when it cannot be started at all."""

    def __init__(self, command: Command, limits: Limits) -> None:
        self._limits = limits
        self._mark = secrets.token_hex(8) if command.environment else ""
        self._failure: tuple[str, str] | None = None
        self.printed = 0  # bytes
        self._head = b""
        self._quiet_size: int | None = None
        self._asked: int | None = None  # the call that the code was given last
        self._beside: dict[int, int] = {}  # by call, the most processes that ran beside it
        self._ended = threading.Event()
        self._closing = threading.Lock()
        environment = command.environment
        if environment:  # an empty one stays empty: it can be read inside the sandbox
            environment = environment | {WORKER_VARIABLE: self._mark}
            shield()
        self._own_limits = known()
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
            self._job = Job(self._popen, limits)  # before it is told what to load
        stdin, stdout = self._popen.stdin, self._popen.stdout
        assert stdin is not None
        assert stdout is not None
        self._channel = BEST(stdout, stdin)
        self._threads: list[threading.Thread] = []
        self._begin(self._drain)

    def _begin(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name=f"gradcheck {work.__name__}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def receive(self, tags: tuple[bytes, ...], number: int, deadline: float) -> wire.Frame:
        """Wait for one frame.

        Raises WorkerLostError when none comes in time, or something else than this frame does.
        """
        try:
            frame = wire.read(lambda size: self._channel.receive(size, deadline), tags)
        except TimeoutError:
            self._fail("timeout", "no answer in time")
        except wire.WireError as error:
            self._fail("protocol", f"the worker's pipe carries what no worker writes: {error}")
        except (OSError, ValueError):
            self._find_out_why()
        else:
            if frame is not None and frame.number == number:
                return frame
            if frame is None:
                self._find_out_why()
            self._fail("protocol", "the worker's pipe carries an answer out of turn")
        raise self._lost()

    def send(self, frame: wire.Frame, seconds: float) -> None:
        """Send a frame.

        Raises WorkerLostError when the worker is gone, or takes nothing in so many seconds.
        """
        if self._failure or self._ended.is_set():
            raise self._lost()
        self._asked = frame.number if frame.tag == wire.CALL else None
        try:
            self._channel.send(wire.pack(frame), time.monotonic() + max(seconds, 0.0))
        except TimeoutError:
            self._fail("timeout", "the question was not taken in time")
            raise self._lost() from None

    def answer(self, frame: wire.Frame, tags: tuple[bytes, ...], seconds: float) -> wire.Frame:
        """Wait for the answer to a frame that was sent; raises as :meth:`receive` does."""
        if self._failure or self._ended.is_set():
            raise self._lost()
        return self.receive(tags, frame.number, time.monotonic() + max(seconds, 0.0))

    def ask(self, frame: wire.Frame, tags: tuple[bytes, ...], seconds: float) -> wire.Frame:
        """Send a frame and wait for the answer to it; raises as :meth:`receive` does."""
        begin = time.monotonic()
        self.send(frame, seconds)
        return self.answer(frame, tags, seconds - (time.monotonic() - begin))

    def kill(self) -> None:
        """Kill everything the worker started, and wait until it is gone; from any thread."""
        with self._closing:
            if self._ended.is_set():
                return
            self._ended.set()
            if self._job is not None:
                self._job.close()
            kill(self._popen.pid, self._mark)
            self._popen.kill()
            self._popen.wait()

    def close(self) -> None:
        """Kill it, and close the pipes."""
        self.kill()
        self._channel.close()
        for thread in self._threads:  # a daemon elsewhere may keep a pipe open
            thread.join(_PARTING)

    def words_of_the_worker(self) -> str:
        """Return the start of what it wrote to standard error, for a probe that failed."""
        return self._head.decode("utf-8", errors="replace")

    def _fail(self, kind: str, message: str) -> None:
        self._failure = self._failure or (kind, message)
        self.kill()

    def _lost(self) -> WorkerLostError:
        kind, message = self._failure or ("crash", "the worker ended")
        return WorkerLostError(kind, message)

    def _find_out_why(self) -> None:
        """The pipe was closed: because the worker ended, or it is about to, or by the code."""
        try:
            code: int | None = self._popen.wait(_PARTING)
        except subprocess.TimeoutExpired:
            code = None
        self._fail("crash", _ending(code))

    def _drain(self) -> None:
        """Swallow what the code prints; it is counted and shown to nobody."""
        pipe = self._popen.stderr
        assert pipe is not None
        with contextlib.suppress(OSError, ValueError), pipe:
            while data := pipe.read(2**16):
                self.printed += len(data)
                self._head = (self._head + data)[:2000]
                if self.printed > self._limits.output:
                    self._fail("flood", f"printed more than {self._limits.output // 2**20} MB")
                    return

    def _watch(self) -> None:
        limits = self._limits
        in_files = looks = 0
        while not self._ended.wait(_WATCH):
            tree = everything(self._popen.pid, self._mark)
            memory, threads = usage(tree)
            if looks % _SELDOM == 0:
                in_files = hidden(tree)
            looks += 1
            memory += in_files
            if names := ", ".join(changed(self._own_limits)):
                self._fail("sandbox", f"limits of gradcheck's own process were changed: {names}")
            self._count(tree)
            if memory > limits.memory:
                self._fail("memory", f"used more than {limits.memory // 2**20} MB of memory")
            elif threads > limits.processes:
                self._fail("processes", f"started more than {limits.processes} processes")

    def _count(self, tree: list[int]) -> None:
        """Note processes beside the worker, where they run while the code answers a call.

        What a library starts while it is imported is not the code's own doing.
        """
        call = self._asked
        if call is None or self._quiet_size is None or len(tree) <= self._quiet_size:
            return
        running = sum(map(alive, tree))  # what has ended may still be listed
        if running > self._quiet_size:
            self._beside[call] = max(self._beside.get(call, 0), running - self._quiet_size)

    @property
    def spawned(self) -> int:
        """The most processes of its own that the code was seen to have in a call.

        Zero where they were seen in one call alone: a library may start one when it is first used.
        """
        return max(self._beside.values()) if len(self._beside) > 1 else 0

    def mark_quiet(self) -> None:
        """Say that the worker is ready: from now on there is code under test to watch.

        What processes it has now are none that the code started.
        """
        if LINUX:
            self._quiet_size = len(below(self._popen.pid))
            self._begin(self._watch)


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
