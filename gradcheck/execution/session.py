"""A session: code under test, asked in this process.

It hands out fresh copies, silences what the code prints, watches what the code
does to its arguments, and turns every ending into an Observation. For our own
implementations and for people who check their own code.
"""

import copy
import time
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.errors.lines import Anywhere
from gradcheck.execution.calling import Caller
from gradcheck.reading import readings
from gradcheck.reading.registry import ADAPTERS


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
        self.settled = 0
        self._renew = renew or _copier(implementation)
        self._calls = 0
        self._memory: dict[Request, Observation] = {}
        self._caller, self._printed = Caller(self._sources), 0

    @property
    def calls(self) -> int:
        """How often the code under test was called."""
        return self._calls

    @property
    def printed(self) -> int:
        """How many characters the code has printed."""
        return self._printed + self._caller.printed

    def offers(self, call: Call) -> bool:
        """Say whether the code has the function at all."""
        return callable(getattr(self._code(None), call.value, None))

    def _code(self, reading: int | None) -> Any:
        return self.readings[self.settled if reading is None else reading].implementation

    def more(self) -> bool:
        """Look for readings by adapters not tried yet; False where there are none."""
        if self._adapter or self._following >= len(ADAPTERS):
            return False
        self._first, self.settled = self._following, 0
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
        self._calls += 1
        start = time.perf_counter()
        observation = self._caller.call(
            code, request.call, request.problem, request.learning_rate, request.rounds
        )
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
