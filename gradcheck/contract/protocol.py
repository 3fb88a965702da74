"""The contract of an implementation: what is asked of it, what it may answer, and how that is read.

An implementation is any object, a module most often, with a function ``loss_and_grads``. It imports
nothing of gradcheck. A check never calls it: it yields a :class:`Request`, and a session
(``gradcheck.execution``) carries it out and sends back an :class:`Observation`, which holds numbers
and nothing else.

Answers are read beside the code under test, in its process, where nothing else of gradcheck is to
be seen: here shapes and numbers are known, and no rule of backprop.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gradcheck.contract.conventions import Conventions
from gradcheck.contract.posed import Floats, Pair, Posed, PosedNetwork, Tensors
from gradcheck.errors import Place, TrailedError


class Call(Enum):
    """The three things that can be asked of an implementation."""

    LOSS_AND_GRADS = "loss_and_grads"
    FORWARD = "forward"
    STEP = "step"


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

    @property
    def kept(self) -> bool:
        """Whether the answer is remembered, and the code not asked again."""
        return not (self.fresh or self.anew or self.call is Call.STEP)


#: What code raises to say that it does not support something.
REFUSAL = "NotImplementedError"


@dataclass(frozen=True)
class Failure:
    """Why there is no answer.

    Attributes
    ----------
    kind : str
        import, contract, exception, unsupported, timeout, memory, crash, flood,
        protocol, processes or sandbox.
    message : str
        One sentence for the author of the code.
    place : Place or None
        The line of the code where it came up, where that is known.
    """

    kind: str
    message: str
    place: Place | None = None

    @property
    def raised(self) -> str:
        """What was raised, without the place: ``ValueError: five``; empty for other kinds."""
        before = f"`{self.place.text}`: " if self.place else " raised "
        return self.message.partition(before)[2] if self.kind == "exception" else ""

    @property
    def reason(self) -> str:
        """The exception's name, and its text after a colon; of other failures the kind."""
        if self.kind == "unsupported":
            return f"{REFUSAL}: {self.message}".removesuffix(": ")
        return self.raised or self.kind


#: What came back, of whatever form: arrays, None and texts (of other things, their type),
#: in tuples. A dictionary is a tuple that starts with :data:`DICTIONARY`, then key and value
#: in turn.
Outline = Any

DICTIONARY = "{}"

#: Stands for a gradient that was not found in what code returned.
ABSENT = "is not there"

#: Of an answer in another form than agreed, so much is kept: numbers and items in all, lists
#: in lists, characters of a text.
MOST_NUMBERS, MOST_ITEMS, MOST_LEVELS, MOST_CHARACTERS = 200_000, 2_000, 4, 40


@dataclass(frozen=True, eq=False)
class Observation:
    """What an implementation did when asked.

    Attributes
    ----------
    loss : float
        NaN unless a loss was asked for.
    tensors : Tensors
        The gradient by tensor name, or the parameters after a step; float64 and of
        the parameters' shapes. Entries may be NaN or infinite.
    outputs : array
        The outputs of a forward, (N, n[L]).
    notes : tuple of str
        Harmless departures from the contract.
    changed : tuple of str
        Arguments that the call wrote to (``x``, ``W1``, ...).
    aliased : tuple of str
        Arguments whose memory the answer shares.
    overwrote : bool
        True when the call changed the arrays that the previous call returned.
    failure : Failure or None
        Set when there is no answer; then the numbers mean nothing.
    seconds : float
        How long the call took, seen from outside.
    returned : Outline
        What came back in place of an answer, where the failure is one of the contract.
    """

    loss: float = float("nan")
    tensors: Tensors = field(default_factory=Tensors)
    outputs: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    notes: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    aliased: tuple[str, ...] = ()
    overwrote: bool = False
    failure: Failure | None = None
    seconds: float = 0.0
    returned: Outline = None

    @property
    def supported(self) -> bool:
        """False when the code said that it does not do this."""
        return self.failure is None or self.failure.kind != "unsupported"


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


class Answering(Protocol):
    """Whatever answers requests. The only way from a check to code under test."""

    def ask(self, request: Request) -> Observation:
        """Carry out a request.

        Raises
        ------
        gradcheck.execution.limits.WorkerLostError
            When the code under test is gone for good; for nothing else that it does.
        """
        ...


class Session(Answering, Protocol):
    """What is known of code under test, and answers for it."""

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

    def begin(self, request: Request) -> None:
        """Let code elsewhere begin with what will be asked next; it changes no answer."""
        ...

    def offers(self, call: Call) -> bool:
        """Say whether the code has the function at all."""
        ...

    def more(self) -> bool:
        """Look for readings by adapters not tried yet; False where there are none."""
        ...


class ContractError(TrailedError, ValueError):
    """What came back is not what the contract asks for; the text says how.

    Parameters
    ----------
    message : str
    tensor : (str, array), optional
        The gradient that it is about, by name (``db3``) and as it came back: a reading of
        foreign code cannot hand on all of what that returned.
    """

    def __init__(self, message: str, tensor: tuple[str, Any] | None = None) -> None:
        super().__init__(message)
        self.tensor = tensor


def outline(raw: Any) -> Outline:
    """Keep what came back in another form than agreed, as far as it is numbers.

    A diagnosis reads from it what the form is, and whether the numbers are right.

    Parameters
    ----------
    raw : object
        What the code returned.

    Returns
    -------
    returned : Outline
        At most :data:`MOST_NUMBERS` numbers and :data:`MOST_ITEMS` items of it.
    """
    left = {"numbers": MOST_NUMBERS, "items": MOST_ITEMS}

    def kept(item: Any, level: int) -> Outline:
        if isinstance(item, str):
            return item[:MOST_CHARACTERS]
        if isinstance(item, dict):
            item = (DICTIONARY, *(part for pair in item.items() for part in pair))
        several = isinstance(item, list | tuple)
        if several and not (item and all(isinstance(n, int | float | np.generic) for n in item)):
            left["items"] -= len(item)
            if level > MOST_LEVELS or left["items"] < 0:
                return type(item).__name__
            return tuple(kept(part, level + 1) for part in item)
        if item is None:
            return None
        try:
            array = _numeric("it", item)
        except ContractError:
            return type(item).__name__[:MOST_CHARACTERS]
        left["numbers"] -= array.size
        return np.array(array, dtype=np.float64) if left["numbers"] >= 0 else "ndarray"

    return kept(raw, 1)


def read_loss(raw: Any) -> float:
    """Convert a returned loss to one number.

    Parameters
    ----------
    raw : object
        What the code returned.

    Returns
    -------
    loss : float
        Finite or not.

    Raises
    ------
    ContractError
        When it is not one real number.
    """
    array = _numeric("the loss", raw)
    if array.size != 1:
        raise ContractError(f"the loss has shape {array.shape}, expected one number")
    return float(array.reshape(())) if array.ndim == 0 else float(array.reshape(-1)[0])


def read_tensors(raw: Any, problem: Posed, what: str) -> tuple[Tensors, tuple[str, ...]]:
    """Convert returned pairs to float64 arrays of the parameters' shapes.

    Parameters
    ----------
    raw : object
        What the code returned.
    problem : Posed
        Whose parameters say the shapes.
    what : str
        ``"d"`` for a gradient (names dW1, db1), ``""`` for parameters.

    Returns
    -------
    tensors : Tensors
        Copies: nothing the code keeps can change them.
    notes : tuple of str

    Raises
    ------
    ContractError
        When the number of layers, a type or a shape is wrong.
    """
    depth = problem.network.depth
    role = "gradient" if what else "parameters"
    try:
        pairs = [tuple(pair) for pair in raw]
    except TypeError:
        raise ContractError(
            f"the {role} must be a list of ({what}W, {what}b), one pair a layer; "
            f"got {type(raw).__name__}"
        ) from None
    if len(pairs) != depth or any(len(pair) != 2 for pair in pairs):
        raise ContractError(
            f"the {role} must hold {depth} pairs ({what}W, {what}b); got "
            f"{len(pairs)} items of lengths {[len(pair) for pair in pairs]}"
        )
    notes: list[str] = []
    returned = (array for pair in pairs for array in pair)
    arrays = {
        name: _shaped(what + name, array, tensor.shape, problem, notes)
        for (name, tensor), array in zip(problem.params.items(), returned, strict=True)
    }
    return Tensors(arrays), tuple(notes)


def read_outputs(raw: Any, problem: Posed) -> Floats:
    """Convert the result of a forward to an array.

    Parameters
    ----------
    raw : object
        What the code returned.
    problem : Posed
        Whose targets say the shape.

    Returns
    -------
    outputs : array
        (N, n[L]), float64.

    Raises
    ------
    ContractError
        When it is something else.
    """
    return _shaped("the output", raw, problem.batch.y.shape, problem, [])


def _shaped(
    name: str, raw: Any, shape: tuple[int, ...], problem: Posed, notes: list[str]
) -> Floats:
    array = _numeric(name, raw)
    if array.shape == shape:
        return np.array(array, dtype=np.float64)
    if len(shape) == 1 and array.shape == (1, *shape):
        # said once, not of every layer and every width
        notes.append(f"{name.rstrip('0123456789')} has shape (1, n) where (n,) is expected")
        return np.array(array[0], dtype=np.float64)
    message = f"{name} has shape {array.shape}, expected {shape}"
    raise ContractError(message + _shape_hint(array.shape, shape, problem.batch.size))


def _shape_hint(got: tuple[int, ...], expected: tuple[int, ...], samples: int) -> str:
    if len(expected) == 2 and got == expected[::-1]:
        return ": it looks transposed"
    if len(expected) == 1 and got == (samples, *expected):
        return ": it looks as if it was not summed over the batch"
    if got == () or (got == (1,) and samples > 1):
        return ": it looks as if it was summed over every axis"
    if len(expected) == 1 and samples > 1 and got in ((samples,), (1, samples), (samples, 1)):
        return ": one number for each sample; it looks as if it was summed over the units"
    return ""


def _numeric(name: str, raw: Any) -> NDArray[Any]:
    try:
        array = np.asarray(raw)
    except Exception as error:  # __array__ is the code's own and may raise anything
        raise ContractError(f"{name} cannot be read as an array of numbers ({error})") from None
    if array.dtype.kind not in "fiub":
        raise ContractError(
            f"{name} must be real numbers; got {type(raw).__name__} of dtype {array.dtype}"
        )
    return array
