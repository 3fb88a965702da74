"""The contract of an implementation, and what is asked of it and answered.

An implementation is any object, a module most often, with a function
``loss_and_grads``. It imports nothing of gradcheck. A check never calls it: it
yields a :class:`Request`, and a session (``gradcheck.execution``) carries it out
and sends back an :class:`Observation`, which holds numbers and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gradcheck.contract.answers import (
    Call,
    ContractError,
    Failure,
    Floats,
    Observation,
    Pair,
    read_loss,
    read_outputs,
    read_tensors,
)
from gradcheck.contract.conventions import Conventions
from gradcheck.contract.posed import PosedNetwork

__all__ = [
    "BatchLike",
    "Call",
    "ContractError",
    "Described",
    "Failure",
    "Implementation",
    "Observation",
    "Request",
    "Session",
    "read_loss",
    "read_outputs",
    "read_tensors",
]


class BatchLike(Protocol):
    """What code under test receives as ``batch``."""

    @property
    def x(self) -> Floats:
        """(N, n[0]). Inputs."""
        ...

    @property
    def y(self) -> Floats:
        """(N, n[L]). Targets."""
        ...


class Implementation(Protocol):
    """A hand-written backprop.

    It may also have ``forward(network, params, x) -> outputs`` and
    ``step(network, params, batch, learning_rate) -> params``, and the attributes
    ``networks`` (a list of text forms) and ``batch_sizes`` (a list of int) when it
    handles only those.

    All arguments are fresh, writable copies. Whatever is returned may be lists,
    arrays or anything with ``__array__``. ``raise NotImplementedError("relu")``
    says that something is not supported.
    """

    def loss_and_grads(
        self, network: PosedNetwork, params: list[Pair], batch: BatchLike
    ) -> tuple[float, list[Pair]]:
        """Return the batch's loss and its gradient.

        Parameters
        ----------
        network : PosedNetwork
            Offers widths, activations, loss, reduction, l2 and ``str()``.
        params : list of (W, b)
            W of shape (n[l-1], n[l]), b of shape (n[l],), float64.
        batch : object
            ``x`` of shape (N, n[0]) and ``y`` of shape (N, n[L]), float64.

        Returns
        -------
        loss : float
        grads : list of (dW, db)
            Of the same shapes as ``params``.
        """
        ...


@dataclass(frozen=True)
class Request:
    """One question to an implementation.

    Attributes
    ----------
    call : Call
    problem : object
        What a problem is, its subject says; a session needs what
        :class:`gradcheck.contract.posed.Posed` has.
    learning_rate : float
        For a step.
    rounds : int
        How many steps to take, each from the parameters the last one returned.
    fresh : bool
        Ask the code even if the same question was answered before.
    of : str or None
        The name of a peer to ask in place of the code under test.
    anew : bool
        Start the code afresh before asking: whatever it kept is gone.
    reading : int or None
        Which of the session's readings of the code to use; the inferred one unless given.
    """

    call: Call
    problem: Any
    learning_rate: float = 0.0
    rounds: int = 1
    fresh: bool = False
    of: str | None = None
    anew: bool = False
    reading: int | None = None


class Described(Protocol):
    """What can be said of a reading without running it."""

    @property
    def adapter(self) -> str:
        """Its adapter: ``native``, ``cs231n``, ..."""
        ...

    @property
    def conventions(self) -> Conventions:
        """What it takes the code to do."""
        ...


class Session(Protocol):
    """Whatever can be asked. The only way from a check to code under test."""

    #: Which of ``readings`` is asked when a request names none.
    inferred_reading: int

    @property
    def calls(self) -> int:
        """How often the code under test was called."""
        ...

    @property
    def readings(self) -> Sequence[Described]:
        """The ways in which the code can be read, the likeliest first."""
        ...

    def ask(self, request: Request) -> Observation:
        """Carry out a request.

        Raises
        ------
        gradcheck.execution.limits.WorkerLostError
            When the code under test is gone for good; for nothing else that it does.
        """
        ...

    def begin(self, request: Request) -> None:
        """Let code elsewhere begin with what will be asked next; it changes no answer."""
        ...

    def offers(self, call: Call) -> bool:
        """Say whether the code has the function at all."""
        ...

    def more(self) -> bool:
        """Look for readings by adapters not tried yet; False where there are none."""
        ...
