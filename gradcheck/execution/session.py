"""A session with code in another process, alone or with its peers, and driving what asks it.

To a check it is the same as a session in this process. The worker is started at the best
level of :mod:`gradcheck.execution.sandbox` that works here; once it is lost it stays
lost, so that no budget is paid twice.
"""

import contextlib
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

import numpy as np

from gradcheck.contract.conventions import AS_DEFINED, Conventions
from gradcheck.contract.posed import MAX_TOGETHER, numbers
from gradcheck.contract.protocol import Answering, Call, Observation, Request, Session
from gradcheck.errors import SandboxError
from gradcheck.execution import wire
from gradcheck.execution.limits import WorkerLostError
from gradcheck.execution.sandbox import Launch, Worker
from gradcheck.execution.staging import staged_name
from gradcheck.reading.target import ADAPTERS

#: Failures after which nothing more is asked: the next call would cost as much again.
_FATAL = ("memory", "processes")

#: The part of the time of a call for which the code is tried, to find out how it is asked.
_SEARCH = 0.6

#: What is said of that.
_FINDING = "finding out how"

#: Workers that get ready beside the first: so often the check of purity starts afresh.
_SPARES = 2

#: Seconds that a worker has to hand over an answer, however long ago it was asked for.
_HANDING_OVER = 2.0

#: So many questions are begun between the starts of two: each takes a processor for a while.
_APART = 80


@dataclass(frozen=True)
class _Begun:
    """A question that was sent and not yet answered: of which reading, in which frame, and when."""

    key: tuple[int, Request]
    frame: wire.Frame
    since: float


@dataclass(frozen=True)
class Offer:
    """A reading of the code, as its worker describes it, and the functions that it has."""

    adapter: str
    conventions: Conventions = AS_DEFINED
    calls: tuple[str, ...] = ()


class Remote:
    """Code under test in a worker of its own.

    Parameters
    ----------
    launch : Launch
        Closed with the session.

    Attributes
    ----------
    networks, batch_sizes : object
        What the code declares.
    notes : tuple of str
        What was left out when the file was loaded.
    readings : sequence of Offer
        The ways in which the code can be read, the likeliest first.
    calls : int
        How often the code was called.

    Raises
    ------
    WorkerLostError
        When the code cannot be loaded.
    SandboxError
        When no worker gets ready, or none at the level asked for.
    """

    def __init__(self, launch: Launch) -> None:
        self.networks: object = None
        self.batch_sizes: object = None
        self.notes: tuple[str, ...] = ()
        self.readings: Sequence[Offer] = ()
        self.inferred_reading = self._first = self._following = 0
        self.calls = self._number = self._spawned = self._printed = self._begins = self._held = 0
        self._launch, self._limits, self._worker = launch, launch.limits, launch.worker
        self._left, self._bound_by_all = launch.limits.timeout, False
        self._memory: dict[tuple[int, Request], Observation] = {}
        self._lost: WorkerLostError | None = None
        self._libraries: tuple[str, ...] = ()
        self._spares: list[Worker] = []
        self._begun: _Begun | None = None
        try:
            self._worker.ready()
            self._load()
            self._find()
        except BaseException:
            self.close()
            raise

    @property
    def level(self) -> int:
        """The sandbox level."""
        return self._worker.level.number

    @property
    def waited(self) -> float:
        """For how many seconds the code was waited for."""
        return self._limits.timeout - self._left

    def offers(self, call: Call) -> bool:
        """Say whether the code has the function at all."""
        return call.value in self.readings[self.inferred_reading].calls

    def more(self) -> bool:
        """Look for readings by adapters not tried yet; False where there are none.

        Raises WorkerLostError when the code is gone by that.
        """
        if self._following >= len(ADAPTERS) or self._launch.target.options.adapter:
            return False
        self._first, self.inferred_reading = self._following, 0
        self._memory.clear()
        self._held = 0
        self._find()
        return bool(self.readings[0].calls)

    def begin(self, request: Request) -> None:
        """Let the code begin with what will be asked next, while something else is done.

        The spare workers get ready meanwhile, too. Whatever goes wrong is told when the
        answer is asked for.
        """
        key = (self._reading(request), request)
        if self._lost or self._begun or key in self._memory or not request.kept:
            return
        if self._begins % _APART == 0 and self._begins < _SPARES * _APART:
            # told when a worker is needed, and none can be had
            with contextlib.suppress(SandboxError):
                self._spares.append(self._another())
        self._begins += 1
        self._begun = self._send(key)

    def ask(self, request: Request) -> Observation:
        """Carry out a request, or recall the answer to the same one.

        Raises WorkerLostError when the code hangs, crashes or goes past a limit, and ever after.
        """
        if self._lost:
            raise self._lost
        if self._begun:
            self._finish(self._begun)
        key = (self._reading(request), request)
        if request.kept and key in self._memory:
            return self._memory[key]
        if request.anew:
            with self._latching(request):
                self._anew()
        return self._finish(self._send(key))

    def _send(self, key: tuple[int, Request]) -> _Begun:
        """Send a question; what goes wrong is told when the answer is waited for."""
        reading, request = key
        self.calls += 1
        frame = wire.call_frame(self._next(), request, reading)
        begun = _Begun(key, frame, time.perf_counter())
        with self._charged(), contextlib.suppress(WorkerLostError):
            self._worker.process.send(frame, self._seconds())
        return begun

    def _finish(self, begun: _Begun) -> Observation:
        """Wait for the answer to a question that was sent, and remember it."""
        meanwhile, self._begun = self._begun is begun, None
        _, request = begun.key
        left = self._seconds() - (time.perf_counter() - begun.since)
        if meanwhile:  # we did something else: what is larger than a pipe stayed with the worker
            left = max(left, _HANDING_OVER)
        with self._latching(request):
            with self._charged():
                answer = self._worker.process.answer(begun.frame, (wire.ANSWER,), left)
            observation = self._read(answer, request, begun.since)
        if request.kept:  # as long as memory allows; what is not is asked again
            self._held += numbers(request.problem.network, request.problem.batch.size)
            if self._held <= MAX_TOGETHER:
                self._memory[begun.key] = observation
        return observation

    def _reading(self, request: Request) -> int:
        return self.inferred_reading if request.reading is None else request.reading

    def libraries(self) -> tuple[str, ...]:
        """Return the libraries that differentiate by themselves and that the code imported."""
        if not self._lost:
            with contextlib.suppress(WorkerLostError):
                frame = self._exchange(wire.Frame(wire.SEEN, self._next()), (wire.SEEN,))
                self._libraries = wire.texts(frame.values[0] if frame.values else ())
        return self._libraries

    @property
    def spawned(self) -> int:
        """The most processes of its own that the code was seen to have in calls."""
        return max(self._spawned, self._worker.process.spawned)

    @property
    def printed(self) -> int:
        """How many bytes the code has printed."""
        return self._printed + self._worker.process.printed

    def close(self) -> None:
        """End the worker with everything it started, and remove what was copied."""
        for worker in (self._worker, *self._spares):
            worker.process.close()
        self._launch.close()

    def _read(self, answer: wire.Frame, request: Request, begin: float) -> Observation:
        seconds = time.perf_counter() - begin
        with _strictly():
            observation = wire.read_answer(answer, request.call, request.problem)
        failure = observation.failure
        if failure is not None:
            failure = replace(failure, place=self._launch.staged.place(failure.place))
            if failure.kind in _FATAL:
                raise WorkerLostError(failure.kind, failure.message, place=failure.place)
        return replace(observation, failure=failure, seconds=seconds)

    def _seconds(self) -> float:
        """How long the next call may take; keep whether the budget of all is what ends it."""
        self._bound_by_all = self._left < self._limits.call_timeout
        return min(self._limits.call_timeout, self._left)

    def _exchange(self, frame: wire.Frame, tags: tuple[bytes, ...]) -> wire.Frame:
        with self._charged():
            return self._worker.process.ask(frame, tags, self._seconds())

    @contextlib.contextmanager
    def _charged(self) -> Iterator[None]:
        """Take the time that is waited for the worker from the whole budget."""
        begin = time.monotonic()
        try:
            yield
        finally:
            self._left -= time.monotonic() - begin

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _anew(self) -> None:
        """Take another worker: whatever the code kept is gone."""
        self._spawned, self._printed = self.spawned, self.printed
        self._worker.process.close()
        try:
            self._worker = (self._spares.pop() if self._spares else self._another()).ready()
        except SandboxError as error:
            raise WorkerLostError("sandbox", str(error)) from None
        self._load()
        self._find()

    def _another(self) -> Worker:
        return Worker(self._launch.staged, self._limits, self._worker.level)

    def _load(self) -> None:
        target = self._launch.target
        name = staged_name(target.path) if target.path else ""
        text = self._launch.staged.texts.get(name, b"")
        how = (target.options.adapter or "", target.options.imports_only, target.left_behind(text))
        where = (self._worker.code, name, target.module, target.attribute, *how)
        frame = wire.Frame(wire.LOAD, self._next(), where)
        with self._latching(f"importing {target.file}"), _strictly():
            self.networks, self.batch_sizes, notes = self._told(frame, wire.LOADED)
            self.notes = wire.texts(notes)

    def _find(self) -> None:
        """Find out how the code can be asked; what it has is tried meanwhile."""
        target = self._launch.target
        how = (target.options.adapter or "", self._first, _SEARCH * self._seconds())
        frame = wire.Frame(wire.FIND, self._next(), how)
        with self._latching(f"{_FINDING} {target.file} can be asked"), _strictly():
            offers, following = self._told(frame, wire.FOUND)
            if not isinstance(following, int):
                raise wire.WireError("no number of an adapter")
            readings = tuple(map(_offer, offers if isinstance(offers, tuple) else ()))
            if not 0 < len(readings) <= wire.MAX_READINGS:
                raise wire.WireError(f"{len(readings)} readings")
            self.readings, self._following = readings, following

    def _told(self, frame: wire.Frame, tag: bytes) -> tuple[wire.Value, ...]:
        """Return the values of the answer to a frame."""
        answer = self._exchange(frame, (tag, wire.FAILED))
        if answer.tag == wire.FAILED:
            failure = wire.read_failure(answer.values)
            place = self._launch.staged.place(failure.place)
            raise WorkerLostError(failure.kind, failure.message, place=place)
        return answer.values

    @contextlib.contextmanager
    def _latching(self, doing: Request | str) -> Iterator[None]:
        """Remember the end of the worker, told in words for the author of the code."""
        try:
            yield
        except WorkerLostError as lost:
            self._worker.process.close()
            message = self._described(lost, doing)
            self._lost = WorkerLostError(lost.kind, message, self.level, lost.place)
            raise self._lost from None

    def _described(self, lost: WorkerLostError, doing: Request | str) -> str:
        if isinstance(doing, str):
            where = doing
        else:
            problem = doing.problem
            where = f"{doing.call.value} ({problem.network}, N = {problem.batch.size})"
        if lost.kind in ("crash", "memory", "flood", "processes", "protocol"):
            return f"{where}: {lost.message}"
        if lost.kind != "timeout":
            return lost.message
        whole = self._bound_by_all or self._left <= 0
        seconds = self._limits.timeout if whole else self._limits.call_timeout
        option = "--timeout" if whole else "--call-timeout"
        if whole and isinstance(doing, Request):
            return f"all calls together took more than {seconds:g} s ({option})"
        message = f"{where} did not end within {seconds:g} s ({option})"
        if not where.startswith(_FINDING):
            return message
        return (
            f"{message}: its functions were tried, and one takes that long; say how it is asked in "
            "a declaration (docs/plug-in.md)"
        )


@contextlib.contextmanager
def _strictly() -> Iterator[None]:
    """Lose a worker whose answer is not what was asked for."""
    try:
        yield
    except ValueError as error:
        raise WorkerLostError("protocol", f"the worker's answer is none: {error}") from None


def _offer(value: wire.Value) -> Offer:
    adapter, calls, *fields = value if isinstance(value, tuple) else (None, None)
    (name,) = wire.texts((adapter,))
    return Offer(name, wire.read_conventions(tuple(fields)), wire.texts(calls))


T = TypeVar("T")


def drive(questions: Generator[Request, Observation, T], session: Answering) -> T:
    """Carry out every request of a generator.

    Parameters
    ----------
    questions : generator of Request
        Is sent the observations.
    session : Answering

    Returns
    -------
    answer : object
        What the generator returns.
    """
    return cast(T, drive_until(questions, session, lambda: False))


def drive_until(
    questions: Generator[Request, Observation, T], session: Answering, over: Callable[[], bool]
) -> T | None:
    """Carry out the requests of a generator while there is time.

    What is computed of answers may overflow, for they may be anything: infinity is what is meant
    there, and no warning. The code itself is asked outside, and warned as ever.

    Parameters
    ----------
    questions : generator of Request
        Is sent the observations.
    session : Answering
    over : callable
        Says whether the time is over; asked before each request.

    Returns
    -------
    answer : object or None
        What the generator returns; None where the time was over before.
    """
    if over():
        return None
    try:
        with np.errstate(all="ignore"):
            request = next(questions)
        while not over():
            observation = session.ask(request)
            with np.errstate(all="ignore"):
                request = questions.send(observation)
    except StopIteration as end:
        return cast(T, end.value)
    questions.close()
    return None


class PeerSession:
    """A session with code under test and its peers."""

    def __init__(self, main: Session, peers: Mapping[str, Session]) -> None:
        self.main = main
        self.peers = dict(peers)
        self._answered: set[tuple[Any, int]] = set()
        self._refused: dict[Any, str] = {}
        self._optional: set[Call] = set()
        self._declined: dict[Call, str] = {}

    def offers(self, call: Call) -> bool:
        """Say whether the code under test has a function."""
        return self.main.offers(call)

    def begin(self, request: Request) -> None:
        """Let the one it is meant for begin with what will be asked next."""
        self._of(request).begin(request)

    def ask(self, request: Request) -> Observation:
        """Carry out a request with the one it is meant for."""
        observation = self._of(request).ask(request)
        if request.of is not None:
            return observation
        failure, problem = observation.failure, request.problem
        if request.call is Call.LOSS_AND_GRADS:
            if failure is None:
                self._answered.add((problem.network, problem.batch.size))
            elif not observation.supported:
                self._refused[problem] = failure.message
        elif failure is None:
            self._optional.add(request.call)
        elif not observation.supported:
            self._declined[request.call] = failure.message
        return observation

    @property
    def declined(self) -> dict[str, str]:
        """Optional functions that the code says it does not support, and what it said.

        Those that it does for other questions are called "... of some".
        """
        return {
            f"{call.value} of some" if call in self._optional else call.value: message
            for call, message in self._declined.items()
        }

    @property
    def refused_by_numbers(self) -> dict[Any, str]:
        """What the code said it does not support, by problem, though it is about the numbers.

        Others with the same network and as many samples got an answer.
        """
        return {
            problem: message
            for problem, message in self._refused.items()
            if (problem.network, problem.batch.size) in self._answered
        }

    def _of(self, request: Request) -> Session:
        return self.main if request.of is None else self.peers[request.of]
