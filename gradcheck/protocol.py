"""The contract of an implementation, and what is asked of it and answered.

An implementation is any object, a module most often, with a function
``loss_and_grads``. It imports nothing of gradcheck. A check never calls it: it
yields a :class:`Request`, and a session (``gradcheck.execution``) carries it out
and sends back an :class:`Observation`, which holds numbers and nothing else.
"""

from dataclasses import dataclass
from typing import Protocol

from gradcheck.answers import (
    Call,
    ContractError,
    Failure,
    Observation,
    Tensors,
    read_loss,
    read_outputs,
    read_tensors,
)
from gradcheck.network import Network
from gradcheck.problem import Floats, Pair, Problem

__all__ = [
    "BatchLike",
    "Call",
    "ContractError",
    "Failure",
    "Implementation",
    "Observation",
    "Request",
    "Tensors",
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
        self, network: Network, params: list[Pair], batch: BatchLike
    ) -> tuple[float, list[Pair]]:
        """Return the batch's loss and its gradient.

        Parameters
        ----------
        network : Network
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
    problem : Problem
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
        Which of the session's readings of the code to use; the settled one unless given.
    """

    call: Call
    problem: Problem
    learning_rate: float = 0.0
    rounds: int = 1
    fresh: bool = False
    of: str | None = None
    anew: bool = False
    reading: int | None = None
