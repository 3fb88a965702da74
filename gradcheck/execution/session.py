"""A session: code under test, asked in this process.

It hands out fresh copies, silences what the code prints, watches what the code
does to its arguments, and turns every ending into an Observation. For our own
implementations and for people who check their own code.
"""

import contextlib
import copy
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType, SimpleNamespace
from typing import Any, Protocol

import numpy as np

from gradcheck.adapters import readings
from gradcheck.problem import Pair, Problem
from gradcheck.protocol import (
    Call,
    ContractError,
    Failure,
    Observation,
    Request,
    read_loss,
    read_outputs,
    read_tensors,
)


class Described(Protocol):
    """What can be said of a reading without running it."""

    @property
    def adapter(self) -> str:
        """Its adapter: ``native``, ``cs231n``, ..."""
        ...

    @property
    def conventions(self) -> Mapping[str, str]:
        """What it takes the code to do."""
        ...


class Session(Protocol):
    """Whatever can be asked. The only way from a check to code under test."""

    #: Which of ``readings`` is asked when a request names none.
    settled: int

    @property
    def calls(self) -> int:
        """How often the code under test was called."""
        ...

    @property
    def readings(self) -> Sequence[Described]:
        """The ways in which the code can be read, the likeliest first."""
        ...

    def ask(self, request: Request) -> Observation:
        """Carry out a request; never raises for what the code does."""
        ...

    def offers(self, call: Call) -> bool:
        """Say whether the code has the function at all."""
        ...


class InProcess:
    """A session with an implementation in this very process.

    Parameters
    ----------
    implementation : object
        A module or object that follows :class:`gradcheck.protocol.Implementation`.
    renew : callable, optional
        Returns the implementation as it was before its first call. Without it, a copy
        is kept of what can be copied; a module cannot, and keeps its state.
    adapter : str, optional
        The only adapter to read it with.
    """

    def __init__(
        self,
        implementation: Any,
        renew: Callable[[], Any] | None = None,
        adapter: str | None = None,
    ) -> None:
        self._adapter = adapter
        self.readings = readings(implementation, adapter)
        self.settled = 0
        self._renew = renew or _copier(implementation)
        self._calls = 0
        self._memory: dict[Request, Observation] = {}
        self._returned: list[tuple[Any, bytes]] = []

    @property
    def calls(self) -> int:
        """How often the code under test was called."""
        return self._calls

    def offers(self, call: Call) -> bool:
        """Say whether the code has the function at all."""
        return callable(getattr(self._code(None), call.value, None))

    def _code(self, reading: int | None) -> Any:
        return self.readings[self.settled if reading is None else reading].implementation

    def ask(self, request: Request) -> Observation:
        """Carry out a request, or recall the answer to the same one."""
        if request.anew and self._renew is not None:
            self.readings = readings(self._renew(), self._adapter)
            self._returned = []
        if request.fresh or request.anew or request not in self._memory:
            observation = self._ask(request)
            if request.fresh or request.anew or request.call is Call.STEP:
                return observation
            self._memory[request] = observation
        return self._memory[request]

    def _ask(self, request: Request) -> Observation:
        if not callable(getattr(self._code(request.reading), request.call.value, None)):
            failure = Failure("unsupported", f"there is no function {request.call.value}")
            return Observation(failure=failure)
        try:
            with _quiet():
                return self._run(request)
        except NotImplementedError as error:
            return Observation(failure=Failure("unsupported", _one_line(error)))
        except ContractError as error:
            return Observation(failure=Failure("contract", str(error)))
        except MemoryError:
            return Observation(failure=Failure("memory", "the call ran out of memory"))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # the code may raise anything, SystemExit too
            name, text = type(error).__name__, _one_line(error)
            message = f"{request.call.value} raised {name}{': ' + text if text else ''}"
            return Observation(failure=Failure("exception", message))

    def _run(self, request: Request) -> Observation:
        problem = request.problem
        pairs, x, y = problem.params.copies(), problem.batch.x.copy(), problem.batch.y.copy()
        arguments = _named(pairs) | {"x": x, "y": y}
        before = {name: array.tobytes() for name, array in arguments.items()}
        raw = self._call(request, problem, pairs, SimpleNamespace(x=x, y=y))
        overwrote = any(_bytes(kept) != data for kept, data in self._returned)
        observation = _read(request, problem, raw)
        arrays = list(_arrays(raw))
        self._returned = [(array, _bytes(array)) for array in arrays]
        return Observation(
            loss=observation.loss,
            tensors=observation.tensors,
            outputs=observation.outputs,
            notes=observation.notes,
            changed=tuple(n for n, a in arguments.items() if a.tobytes() != before[n]),
            aliased=tuple(
                n for n, a in arguments.items() if any(np.shares_memory(a, r) for r in arrays)
            ),
            overwrote=overwrote,
        )

    def _call(
        self, request: Request, problem: Problem, pairs: list[Pair], batch: SimpleNamespace
    ) -> Any:
        self._calls += 1
        code, network = self._code(request.reading), problem.network
        if request.call is Call.FORWARD:
            return code.forward(network, pairs, batch.x)
        if request.call is Call.LOSS_AND_GRADS:
            return code.loss_and_grads(network, pairs, batch)
        for _ in range(request.rounds - 1):
            raw = code.step(network, pairs, batch, request.learning_rate)
            pairs = list(read_tensors(raw, problem, "")[0])  # copies, finite or not
        return code.step(network, pairs, batch, request.learning_rate)


def _copier(implementation: Any) -> Callable[[], Any] | None:
    """Keep a copy of an object as it is now; None when it cannot be copied."""
    if isinstance(implementation, ModuleType):
        return None
    try:
        kept = copy.deepcopy(implementation)
    except Exception:  # the object's own code may raise anything
        return None
    return lambda: copy.deepcopy(kept)


def _read(request: Request, problem: Problem, raw: Any) -> Observation:
    if request.call is Call.FORWARD:
        return Observation(outputs=read_outputs(raw, problem))
    if request.call is Call.STEP:
        tensors, notes = read_tensors(raw, problem, "")
        return Observation(tensors=tensors, notes=notes)
    if not isinstance(raw, tuple | list) or len(raw) != 2:
        length = f" of length {len(raw)}" if isinstance(raw, tuple | list) else ""
        raise ContractError(
            f"loss_and_grads must return (loss, [(dW, db), ...]); got {type(raw).__name__}{length}"
        )
    tensors, notes = read_tensors(raw[1], problem, "d")
    return Observation(loss=read_loss(raw[0]), tensors=tensors, notes=notes)


def _named(pairs: list[Pair]) -> dict[str, Any]:
    return {
        f"{kind}{n}": a for n, p in enumerate(pairs, 1) for kind, a in zip("Wb", p, strict=True)
    }


def _arrays(raw: Any) -> Iterator[Any]:
    """Find the numpy arrays in an answer."""
    if isinstance(raw, np.ndarray):
        yield raw
    elif isinstance(raw, list | tuple):
        for item in raw:
            yield from _arrays(item)


def _bytes(array: Any) -> bytes:
    return bytes(array.tobytes())


def _one_line(error: BaseException) -> str:
    try:
        lines = str(error).splitlines()
    except Exception:  # its __str__ is the code's own
        return ""
    return lines[0][:300] if lines else ""


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with (
        contextlib.redirect_stdout(sys.stderr),
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
    ):
        warnings.simplefilter("ignore")
        yield
