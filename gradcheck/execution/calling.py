"""Calling code under test, in the process it lives in.

It is handed fresh copies, what it prints is kept away from standard output, what it
does to its arguments is watched, and every ending becomes an Observation. Both the
session in this process and the worker of another one call through here.

The session in this process is for our own implementations, and for people who check their own.
"""

import contextlib
import copy
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from gradcheck.contract.posed import Pair, Posed, by_name
from gradcheck.contract.protocol import (
    Call,
    ContractError,
    Failure,
    Observation,
    Request,
    outline,
    read_loss,
    read_outputs,
    read_tensors,
)
from gradcheck.errors import TrailedError, first_line, raised, trail_of
from gradcheck.reading.loading import Anywhere, Sources, readings
from gradcheck.reading.target import ADAPTERS

#: Fetched before the code under test can put something else in its place.
_shares_memory = np.shares_memory

#: What Python says when no thread or process can be started any more.
_NO_THREAD = "can't start new thread"


class Caller:
    """Calls code, and remembers which arrays the last call returned.

    It counts the characters that the code has printed; ``aloud`` says that another process counts
    them, too.
    """

    def __init__(self, sources: Sources, aloud: bool = False) -> None:
        self._sources, self._aloud, self.printed = sources, aloud, 0
        self._returned: list[tuple[Any, bytes]] = []

    def call(self, code: Any, request: Request) -> Observation:
        """Call one function of the code; only KeyboardInterrupt is ever raised."""
        call = request.call
        if not callable(getattr(code, call.value, None)):
            return _failed("unsupported", f"there is no function {call.value}")
        stream = _CountedStderr(self._aloud)
        try:
            with _quiet(stream):
                return self._run(code, request)
        except ContractError as error:
            return replace(_failed("contract", str(error)), returned=outline(error.tensor))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # the code may raise anything, SystemExit too
            return Observation(failure=self._failure(error, call))
        finally:
            self.printed += stream.count

    def _failure(self, error: BaseException, call: Call) -> Failure:
        """Say what was raised, and on which of the code's own lines."""
        place, main = self._sources.find(trail_of(error)), self._sources.main
        text = first_line(error)
        if isinstance(error, NotImplementedError):
            return Failure("unsupported", text, place)
        if isinstance(error, MemoryError):
            where = f" on {place.told(main)}" if place else ""
            return Failure("memory", f"the call ran out of memory{where}", place)
        no_thread = isinstance(error, RuntimeError) and _NO_THREAD in text
        kind = "processes" if no_thread or isinstance(error, BlockingIOError) else "exception"
        where = f"{place.told(main)}: " if place else f"{call.value} raised "
        if place is None and isinstance(error, TrailedError):
            where = ""  # ours: it says what was asked
        return Failure(kind, f"{where}{raised(error, text)}", place)

    def _run(self, code: Any, request: Request) -> Observation:
        pairs, x, y = handed(request.problem)
        arguments = {**by_name(pairs), "x": x, "y": y}
        before = {name: array.tobytes() for name, array in arguments.items()}
        batch = SimpleNamespace(x=x, y=y)
        raw = _raw(code, request, pairs, batch)
        overwrote = any(_bytes(kept) != data for kept, data in self._returned)
        try:
            observation = _read(request.call, request.problem, raw)
        except ContractError as error:
            return replace(_failed("contract", str(error)), returned=outline(raw))
        arrays = list(_arrays(raw))
        self._returned = [(array, _bytes(array)) for array in arrays]
        return replace(
            observation,
            changed=tuple(n for n, a in arguments.items() if a.tobytes() != before[n]),
            aliased=tuple(
                n for n, a in arguments.items() if any(_shares_memory(a, r) for r in arrays)
            ),
            overwrote=overwrote,
        )


def handed(problem: Posed) -> tuple[list[Pair], Any, Any]:
    """Return the parameters, x and y that code under test is given: copies, all its own."""
    return problem.params.copies(), problem.batch.x.copy(), problem.batch.y.copy()


def _raw(code: Any, request: Request, pairs: list[Pair], batch: SimpleNamespace) -> Any:
    network, rate = request.problem.network, request.learning_rate
    if request.call is Call.FORWARD:
        return code.forward(network, pairs, batch.x)
    if request.call is Call.LOSS_AND_GRADS:
        return code.loss_and_grads(network, pairs, batch)
    for _ in range(request.rounds - 1):
        raw = code.step(network, pairs, batch, rate)
        pairs = list(read_tensors(raw, request.problem, "")[0].pairs)  # copies, finite or not
    return code.step(network, pairs, batch, rate)


def _read(call: Call, problem: Posed, raw: Any) -> Observation:
    if call is Call.FORWARD:
        return Observation(outputs=read_outputs(raw, problem))
    if call is Call.STEP:
        tensors, notes = read_tensors(raw, problem, "")
        return Observation(tensors=tensors, notes=notes)
    if not isinstance(raw, tuple | list) or len(raw) != 2:
        length = f" of length {len(raw)}" if isinstance(raw, tuple | list) else ""
        raise ContractError(
            f"loss_and_grads must return (loss, [(dW, db), ...]); got {type(raw).__name__}{length}"
        )
    tensors, notes = read_tensors(raw[1], problem, "d")
    return Observation(loss=read_loss(raw[0]), tensors=tensors, notes=notes)


def _failed(kind: str, message: str) -> Observation:
    return Observation(failure=Failure(kind, message))


def _arrays(raw: Any) -> Iterator[Any]:
    """Find the numpy arrays in an answer."""
    if isinstance(raw, np.ndarray):
        yield raw
    elif isinstance(raw, list | tuple):
        for item in raw:
            yield from _arrays(item)


def _bytes(array: Any) -> bytes:
    return bytes(array.tobytes())


class _CountedStderr:
    """Standard error, for what the code prints, which is counted.

    Aloud, something is written for what an adapter kept to itself: who listens counts, too.
    """

    def __init__(self, aloud: bool) -> None:
        self._stream, self._aloud, self.count = sys.stderr, aloud, 0

    def write(self, text: str) -> int:
        """Pass a text on."""
        self.count += len(text)
        return self._stream.write(text)

    def kept(self, count: int) -> None:
        """Count what was printed and goes nowhere."""
        self.count += count
        if count and self._aloud:
            self._stream.write("\n")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def _quiet(stream: Any) -> Iterator[None]:
    with contextlib.redirect_stdout(stream), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


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
        self._sources, self._adapter = Anywhere(implementation), adapter
        self._implementation, self._renew = implementation, renew or _copier(implementation)
        self.inferred_reading = self._first = self.calls = self._printed = 0
        self._memory: dict[Request, Observation] = {}
        self._find(implementation)

    def _find(self, implementation: Any) -> None:
        """Find out how the code can be asked, and know nothing that it did before."""
        found = readings(implementation, self._adapter, self._sources, self._first)
        self.readings, self._following = found.readings, found.following
        self._caller = Caller(self._sources)

    @property
    def printed(self) -> int:
        """How many characters the code has printed."""
        return self._printed + self._caller.printed

    def offers(self, call: Call) -> bool:
        """Say whether the code has the function at all."""
        return call.value in self.readings[self.inferred_reading].calls

    def more(self) -> bool:
        """Look for readings by adapters not tried yet; False where there are none."""
        if self._adapter or self._following >= len(ADAPTERS):
            return False
        self._first, self.inferred_reading = self._following, 0
        self._printed = self.printed
        self._memory.clear()
        self._find(self._implementation)
        return self.offers(Call.LOSS_AND_GRADS)

    def begin(self, request: Request) -> None:
        """Do nothing: here nothing runs meanwhile."""

    def ask(self, request: Request) -> Observation:
        """Carry out a request, or recall the answer to the same one."""
        if request.kept and request in self._memory:
            return self._memory[request]
        if request.anew and self._renew is not None:
            self._printed = self.printed
            self._find(self._renew())
        reading = self.inferred_reading if request.reading is None else request.reading
        self.calls += 1
        start = time.perf_counter()
        observation = self._caller.call(self.readings[reading].implementation, request)
        observation = replace(observation, seconds=time.perf_counter() - start)
        if request.kept:
            self._memory[request] = observation
        return observation


def _copier(implementation: Any) -> Callable[[], Any] | None:
    """Keep a copy of an object as it is now; None when it cannot be copied."""
    if isinstance(implementation, ModuleType):
        return None
    try:
        kept = copy.deepcopy(implementation)
    except Exception:  # the object's own code may raise anything
        return None
    return lambda: copy.deepcopy(kept)
