"""The other process: it loads one file, calls it when told to, and says numbers.

Started as ``python -I -S -B -c "..." FOLDER ... CONFINEMENT`` by ``sandbox.py``. It
keeps the pipes to gradcheck to itself, gives up what it can do without, says that it
is ready, and only then reads the code under test.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gradcheck.execution.confinement import Confinement, confine

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

#: Seconds for which the next question is looked out for before going to sleep.
AWAKE = 3e-4

#: Entries of a declaration that are passed on.
_DECLARED = 200


def main(arguments: Sequence[str]) -> None:
    """Serve until the parent closes the pipe.

    Parameters
    ----------
    arguments : sequence of str
        What :meth:`Confinement.arguments` wrote.
    """
    receive, send = _private_pipes()
    confine(Confinement.parse(arguments))
    import numpy  # noqa: F401  (before the code under test is timed)

    from gradcheck.execution import wire

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

    wait = _wakeful(incoming)

    def receive(size: int) -> bytes:
        wait()
        return os.read(incoming, min(size, 2**20))

    def send(data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(outgoing, view) :]

    return receive, send


def _wakeful(incoming: int) -> Callable[[], None]:
    """Return a function that looks out for the next question a while, without going to sleep.

    What it needs is fetched before the code under test can lay hands on it.
    """
    if sys.platform == "win32":
        return lambda: None
    import select
    from time import monotonic

    poll = select.poll()
    poll.register(incoming, select.POLLIN)
    look = poll.poll

    def wait() -> None:
        awake = monotonic() + AWAKE
        while not look(0) and monotonic() < awake:
            pass

    return wait


class _Server:
    """Answers frames. The code under test may do anything to it: it only says numbers."""

    def __init__(self, before: frozenset[str]) -> None:
        self._before = before
        self._caller: Any = None
        self._loaded: Any = None
        self._readings: tuple[Any, ...] = ()

    def serve(self, frame: Any) -> Any:
        from gradcheck.execution import wire

        if frame.tag == wire.LOAD:
            return self._answered(frame, self._load)
        if frame.tag == wire.FIND:
            return self._answered(frame, self._find)
        if frame.tag == wire.SEEN:
            return wire.Frame(wire.SEEN, frame.number, (self._libraries(),))
        return self._call(frame)

    def _answered(self, frame: Any, answer: Callable[[Any], Any]) -> Any:
        """Answer a frame, or say why it cannot be answered."""
        from gradcheck.contract.answers import Failure
        from gradcheck.errors import GradcheckError, LoadError
        from gradcheck.execution import messages, wire
        from gradcheck.execution.calling import one_line

        def failed(kind: str, message: str, place: Any = None) -> Any:
            values = messages.failure_values(Failure(kind, message, place))
            return wire.Frame(wire.FAILED, frame.number, values)

        try:
            return answer(frame)
        except LoadError as error:
            return failed("import", str(error), error.place)
        except GradcheckError as error:
            return failed("import", str(error))
        except MemoryError:
            return failed("memory", "the code ran out of memory")
        except BaseException as error:  # adapters touch the code's own objects
            text = f"{type(error).__name__}: {one_line(error)}"
            return failed("import", f"the code could not be read: {text}")

    def _load(self, frame: Any) -> Any:
        from gradcheck.execution import wire
        from gradcheck.execution.calling import Caller
        from gradcheck.reading import loading
        from gradcheck.reading.registry import LoadOptions

        folder, name, module, dotted, adapter, imports_only, behind = frame.values
        if module:
            loaded = loading.load_module(module, Path(folder))
        else:
            manner = LoadOptions(adapter or None, imports_only, left_behind=tuple(behind))
            loaded = loading.load_file(Path(folder) / name, manner)
        if dotted:
            loaded = loading.attribute(loaded, dotted, name or module)
        self._loaded = loaded
        self._caller = Caller(loaded.sources, aloud=True)
        declared = (
            _declared(getattr(loaded.code, "networks", None)),
            _declared(getattr(loaded.code, "batch_sizes", None)),
        )
        return wire.Frame(wire.LOADED, frame.number, (*declared, loaded.notes))

    def _find(self, frame: Any) -> Any:
        from gradcheck.execution import messages, wire
        from gradcheck.reading import readings

        adapter, first, seconds = frame.values
        loaded = self._loaded
        found = readings(loaded.code, adapter or None, loaded.sources, first, seconds)
        self._readings = found.readings
        offers = [
            (
                reading.adapter,
                _offered(reading.implementation),
                *messages.conventions_values(reading.conventions),
            )
            for reading in self._readings
        ]
        return wire.Frame(wire.FOUND, frame.number, (offers, found.following))

    def _call(self, frame: Any) -> Any:
        from gradcheck.contract.answers import Failure, Observation
        from gradcheck.execution import messages

        question = messages.read_call(frame)
        try:
            seen = self._caller.call(
                self._readings[question.reading].implementation,
                question.call,
                question.problem,
                question.learning_rate,
                question.rounds,
            )
        except KeyboardInterrupt:  # the code's own: nobody types here
            seen = Observation(failure=Failure("exception", "the code raised KeyboardInterrupt"))
        return messages.answer_frame(frame.number, seen)

    def _libraries(self) -> list[str]:
        found = {name.partition(".")[0] for name in list(sys.modules) if name not in self._before}
        return [name for name in DIFFERENTIATING if name in found]


def _offered(implementation: Any) -> list[str]:
    from gradcheck.contract.answers import Call

    return [c.value for c in Call if callable(getattr(implementation, c.value, None))]


def _declared(value: Any) -> Any:
    """Pass on a declaration that may be right; anything else becomes a text, which is not."""
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) > _DECLARED:
        return type(value).__name__
    return [item if _small(item) else str(item)[:_DECLARED] for item in value]


def _small(item: Any) -> bool:
    return type(item) is int and abs(item) < 2**31
