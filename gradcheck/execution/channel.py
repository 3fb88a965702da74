"""Two pipes to a worker, read and written within a deadline.

On POSIX a pipe can be polled. Windows has nothing of the kind for pipes: there threads
do the blocking, and are left behind when a worker keeps them waiting. Both offer the
same, and both work on POSIX, where both are tested.
"""

import contextlib
import os
import queue
import select
import sys
import threading
import time
from typing import IO, Protocol

#: Bytes taken from a pipe at once.
_CHUNK = 2**18


class Channel(Protocol):
    """Bytes to and from a worker. ``deadline`` is a time of ``time.monotonic``."""

    def send(self, data: bytes, deadline: float) -> None:
        """Write all of it; a worker that is gone is noticed when its answer is read.

        Raises
        ------
        TimeoutError
            When the worker does not take it in time.
        """
        ...

    def receive(self, size: int, deadline: float) -> bytes:
        """Read at most so many bytes, none at the end.

        Raises
        ------
        TimeoutError
            When nothing comes in time.
        """
        ...

    def close(self) -> None:
        """Close both pipes."""
        ...


#: Seconds for which an answer is looked out for before going to sleep: waking up takes as long
#: as a small call does.
AWAKE = 3e-4


class Polled:
    """Pipes that can be polled.

    Parameters
    ----------
    incoming, outgoing : binary file
        Without buffers of their own.
    """

    def __init__(self, incoming: IO[bytes], outgoing: IO[bytes]) -> None:
        self._files = (incoming, outgoing)
        self._in, self._out = incoming.fileno(), outgoing.fileno()
        os.set_blocking(self._out, False)
        self._readable, self._writable = select.poll(), select.poll()
        self._readable.register(self._in, select.POLLIN)
        self._writable.register(self._out, select.POLLOUT)
        self._buffer = b""

    def send(self, data: bytes, deadline: float) -> None:
        """See :class:`Channel`."""
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._out, view) :]
            except BlockingIOError:
                self._wait(self._writable, deadline)
            except OSError:
                return

    def receive(self, size: int, deadline: float) -> bytes:
        """See :class:`Channel`."""
        if not self._buffer:
            self._wait(self._readable, deadline)
            self._buffer = os.read(self._in, _CHUNK)
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def close(self) -> None:
        """See :class:`Channel`."""
        for file in self._files:
            with contextlib.suppress(OSError):
                file.close()

    def _wait(self, poll: "select.poll", deadline: float) -> None:
        now = time.monotonic()
        awake = min(now + AWAKE, deadline)
        while now < awake:
            if poll.poll(0):
                return
            now = time.monotonic()
        left = max(deadline - now, 0.0)  # what is there already is in time
        if not poll.poll(left * 1000):
            raise TimeoutError


class Threaded:
    """Pipes that block, each with a thread.

    Parameters
    ----------
    incoming, outgoing : binary file
        Without buffers of their own.
    """

    def __init__(self, incoming: IO[bytes], outgoing: IO[bytes]) -> None:
        self._incoming, self._outgoing = incoming, outgoing
        self._wanted: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._received: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._given: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        for work in (self._read, self._write):
            threading.Thread(target=work, name="gradcheck pipe", daemon=True).start()

    def send(self, data: bytes, deadline: float) -> None:
        """See :class:`Channel`; how long it takes shows when the answer is read."""
        self._given.put(data)

    def receive(self, size: int, deadline: float) -> bytes:
        """See :class:`Channel`."""
        self._wanted.put(size)
        try:
            return self._received.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise TimeoutError from None

    def close(self) -> None:
        """See :class:`Channel`; a thread that is kept waiting closes its pipe later."""
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
