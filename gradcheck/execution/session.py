"""A session: code under test, asked in this process.

It hands out fresh copies, silences what the code prints, watches what the code
does to its arguments, and turns every ending into an Observation. For our own
implementations and for people who check their own code.

Driving a generator that asks: its requests go to a session, the answers back.

Several sessions behind one: requests that name a peer go to that peer.
"""

import copy
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any, TypeVar, cast

import numpy as np

from gradcheck.contract.protocol import Call, Described, Observation, Request, Session
from gradcheck.execution.calling import Caller
from gradcheck.reading.loading import Anywhere, readings
from gradcheck.reading.target import ADAPTERS


class InProcess:
    """A session with an implementation in this very process.

    Parameters
    ----------
    implementation : object
        A module or object that follows :class:`gradcheck.contract.protocol.Implementation`.
    renew : callable, optional
        Returns the implementation as it was before its first call. Without it, a copy
        is kept of what can be copied; a module cannot, and keeps its state.
    adapter : str, optional
        The only adapter to read it with.

    Attributes
    ----------
    calls : int
        How often the code was called.
    """

    def __init__(
        self,
        implementation: Any,
        renew: Callable[[], Any] | None = None,
        adapter: str | None = None,
    ) -> None:
        self._adapter = adapter
        self._sources = Anywhere(implementation)
        self._implementation, self._first = implementation, 0
        found = readings(implementation, adapter, self._sources)
        self.readings, self._following = found.readings, found.following
        self.inferred_reading = 0
        self._renew = renew or _copier(implementation)
        self.calls = 0
        self._memory: dict[Request, Observation] = {}
        self._caller, self._printed = Caller(self._sources), 0

    @property
    def printed(self) -> int:
        """How many characters the code has printed."""
        return self._printed + self._caller.printed

    def offers(self, call: Call) -> bool:
        """Say whether the code has the function at all."""
        return callable(getattr(self._code(None), call.value, None))

    def _code(self, reading: int | None) -> Any:
        return self.readings[self.inferred_reading if reading is None else reading].implementation

    def more(self) -> bool:
        """Look for readings by adapters not tried yet; False where there are none."""
        if self._adapter or self._following >= len(ADAPTERS):
            return False
        self._first, self.inferred_reading = self._following, 0
        self._memory.clear()
        found = readings(self._implementation, None, self._sources, self._first)
        self.readings, self._following = found.readings, found.following
        return self.offers(Call.LOSS_AND_GRADS)

    def begin(self, request: Request) -> None:
        """Do nothing: here nothing runs meanwhile."""

    def ask(self, request: Request) -> Observation:
        """Carry out a request, or recall the answer to the same one."""
        if request.anew and self._renew is not None:
            renewed = readings(self._renew(), self._adapter, self._sources, self._first)
            self.readings = renewed.readings
            self._printed += self._caller.printed
            self._caller = Caller(self._sources)
        if request.fresh or request.anew or request not in self._memory:
            observation = self._ask(request)
            if request.fresh or request.anew or request.call is Call.STEP:
                return observation
            self._memory[request] = observation
        return self._memory[request]

    def _ask(self, request: Request) -> Observation:
        code = self._code(request.reading)
        self.calls += 1
        start = time.perf_counter()
        observation = self._caller.call(code, request)
        return replace(observation, seconds=time.perf_counter() - start)


def _copier(implementation: Any) -> Callable[[], Any] | None:
    """Keep a copy of an object as it is now; None when it cannot be copied."""
    if isinstance(implementation, ModuleType):
        return None
    try:
        kept = copy.deepcopy(implementation)
    except Exception:  # the object's own code may raise anything
        return None
    return lambda: copy.deepcopy(kept)


T = TypeVar("T")


def drive(questions: Generator[Request, Observation, T], session: Session) -> T:
    """Carry out every request of a generator.

    Parameters
    ----------
    questions : generator of Request
        Is sent the observations.
    session : Session

    Returns
    -------
    answer : object
        What the generator returns.
    """
    return cast(T, drive_until(questions, session, lambda: False))


def drive_until(
    questions: Generator[Request, Observation, T], session: Session, over: Callable[[], bool]
) -> T | None:
    """Carry out the requests of a generator while there is time.

    What is computed of answers may overflow, for they may be anything: infinity is what is meant
    there, and no warning. The code itself is asked outside, and warned as ever.

    Parameters
    ----------
    questions : generator of Request
        Is sent the observations.
    session : Session
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
    """A session with code under test and its peers.

    Parameters
    ----------
    main : Session
    peers : mapping of str to Session
    """

    def __init__(self, main: Session, peers: Mapping[str, Session]) -> None:
        self.main = main
        self.peers = dict(peers)
        self._answered: set[tuple[Any, int]] = set()
        self._refused: dict[Any, str] = {}
        self._optional: set[Call] = set()
        self._declined: dict[Call, str] = {}

    @property
    def calls(self) -> int:
        """How often the code under test was called."""
        return self.main.calls

    @property
    def readings(self) -> Sequence[Described]:
        """The ways in which the code under test can be read."""
        return self.main.readings

    @property
    def inferred_reading(self) -> int:
        """Which of them is asked."""
        return self.main.inferred_reading

    @inferred_reading.setter
    def inferred_reading(self, reading: int) -> None:
        self.main.inferred_reading = reading

    def offers(self, call: Call) -> bool:
        """Say whether the code under test has a function."""
        return self.main.offers(call)

    def more(self) -> bool:
        """Look for other readings of the code under test."""
        return self.main.more()

    def begin(self, request: Request) -> None:
        """Let the one it is meant for begin with what will be asked next."""
        self._of(request).begin(request)

    def ask(self, request: Request) -> Observation:
        """Carry out a request with the one it is meant for."""
        observation = self._of(request).ask(request)
        if request.of is None and request.call is Call.LOSS_AND_GRADS:
            if observation.failure is None:
                self._answered.add((request.problem.network, request.problem.batch.size))
            elif not observation.supported:
                self._refused[request.problem] = observation.failure.message
        elif request.of is None and observation.failure is None:
            self._optional.add(request.call)
        elif request.of is None and observation.failure is not None and not observation.supported:
            self._declined[request.call] = observation.failure.message
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
