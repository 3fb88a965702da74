"""What code is asked about: a network, named arrays, a batch, the three as a problem, its size.

Plain data that a worker may see. What makes one valid, and how its text is read, is known in
the parent alone (``gradcheck.networks``).
"""

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from dataclasses import dataclass, field
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from gradcheck.errors import UsageError

Floats = NDArray[np.float64]
Pair = tuple[Floats, Floats]
#: Of a network, layer by layer: its parameters, or a gradient by them.
Pairs = list[Pair]


@dataclass(frozen=True)
class PosedNetwork:
    """A dense network and its loss, as code under test is given it.

    Attributes
    ----------
    widths : tuple of int
        ``(n[0], ..., n[L])``: inputs first, outputs last.
    activations : tuple of str
        One name a layer.
    loss : str
        That of a sample.
    reduction : {"mean", "sum"}
        How the samples' losses become the batch's.
    l2 : float
        The weight penalty.
    """

    widths: tuple[int, ...]
    activations: tuple[str, ...]
    loss: str
    reduction: str = "mean"
    l2: float = 0.0

    @property
    def depth(self) -> int:
        """The number of layers, L."""
        return len(self.activations)

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """The shape ``(n[l-1], n[l])`` of every ``W[l]``."""
        return tuple(zip(self.widths[:-1], self.widths[1:], strict=True))

    def __str__(self) -> str:
        widths = "-".join(map(str, self.widths))
        text = f"{widths} {','.join(self.activations)} {self.loss} {self.reduction}"
        return f"{text} l2={self.l2!r}" if self.l2 else text


@dataclass(frozen=True, eq=False)
class Tensors(Mapping[str, Floats]):
    """Arrays by tensor name, in order: parameters, a gradient, or parameters after a step.

    Equal when names and bits are.

    Attributes
    ----------
    arrays : dict of str to array
        ``{"W1": ..., "b1": ..., "W2": ..., ...}``; whoever makes one hands them over, and
        nobody writes to them any more.
    """

    arrays: Mapping[str, Floats] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Floats:
        return self.arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def __contains__(self, name: object) -> bool:
        return name in self.arrays

    # not by way of __iter__, as a mapping's own are: these are asked all the time
    def keys(self) -> KeysView[str]:
        """The names."""
        return self.arrays.keys()

    def values(self) -> ValuesView[Floats]:
        """The arrays."""
        return self.arrays.values()

    def items(self) -> ItemsView[str, Floats]:
        """Names and arrays."""
        return self.arrays.items()

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """The arrays of a dense network by layer: ``(W[l], b[l])``."""
        arrays = tuple(self.arrays.values())
        return tuple(zip(arrays[::2], arrays[1::2], strict=True))

    @property
    def size(self) -> int:
        """The number of entries over all tensors."""
        return sum(array.size for array in self.arrays.values())

    def copies(self) -> list[Pair]:
        """Fresh, writable copies, as code under test receives them."""
        return [(w.copy(), b.copy()) for w, b in self.pairs]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tensors) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @cached_property
    def _key(self) -> tuple[str | bytes, ...]:
        return (*self.arrays, *map(_bits, self.arrays.values()))


@cache
def _names(depth: int) -> tuple[str, ...]:
    return tuple(f"{kind}{layer}" for layer in range(1, depth + 1) for kind in "Wb")


def in_order(arrays: Iterable[Floats]) -> Tensors:
    """Return the arrays W[1], b[1], W[2], b[2], ... of a dense network by name.

    Parameters
    ----------
    arrays : iterable of array
        W of shape (n[l-1], n[l]), then b of shape (n[l],), or gradients by them.

    Returns
    -------
    tensors : Tensors
        Of the same arrays, not of copies.
    """
    given = tuple(arrays)
    return Tensors(dict(zip(_names(len(given) // 2), given, strict=True)))


def by_name(pairs: Iterable[tuple[Floats, Floats]]) -> Tensors:
    """Return the arrays of a dense network by name.

    Parameters
    ----------
    pairs : iterable of (array, array)
        W of shape (n[l-1], n[l]) and b of shape (n[l],), or gradients by them.

    Returns
    -------
    tensors : Tensors
        Of the same arrays, not of copies.
    """
    return in_order(array for pair in pairs for array in pair)


@dataclass(frozen=True, eq=False)
class PosedBatch:
    """Inputs and targets, as they are asked about. Equal when their bits are.

    Attributes
    ----------
    x : array
        (N, n[0]). Inputs, one row a sample.
    y : array
        (N, n[L]). Targets.
    """

    x: Floats
    y: Floats

    @property
    def size(self) -> int:
        """The number of samples, N."""
        return len(self.x)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PosedBatch) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @cached_property
    def _key(self) -> tuple[bytes, bytes]:
        return _bits(self.x), _bits(self.y)


@dataclass(frozen=True)
class Posed:
    """A problem as it is asked: what a loss and a gradient are of."""

    network: PosedNetwork
    params: Tensors
    batch: PosedBatch


#: Bytes of an array from which on a digest stands for its bits: they would be held twice.
_LONG = 2**20


def _bits(array: Floats) -> bytes:
    shape = repr(array.shape).encode()
    if array.nbytes < _LONG:
        return shape + array.tobytes()
    from hashlib import blake2b  # few arrays are as long

    return shape + blake2b(np.ascontiguousarray(array).data).digest()


#: Numbers that the parameters and the batch of one problem may hold: what a frame to a worker
#: takes (:data:`gradcheck.execution.wire.MAX_BODY`), less its heads.
MAX_NUMBERS = 12_500_000

#: Numbers that stand in memory for each unit and sample, beside one for each parameter.
PER_UNIT = 4

#: Numbers that all problems of an examination may hold together: 2 GB.
MAX_TOGETHER = 250_000_000


#: Numbers from which on no more problems are compared than are needed to tell: 800 MB.
MANY_TOGETHER = 100_000_000

#: Numbers that the problems of one relation between answers may hold together.
MAX_RELATED = 25_000_000


def parameters(network: PosedNetwork) -> int:
    """Return how many parameters a network has; nothing is made of that size.

    Parameters
    ----------
    network : PosedNetwork

    Returns
    -------
    count : int
    """
    return sum((n_in + 1) * n_out for n_in, n_out in network.shapes)


def numbers(network: PosedNetwork, samples: int) -> int:
    """Return how many numbers a problem takes.

    Parameters
    ----------
    network : PosedNetwork
    samples : int
        N.

    Returns
    -------
    count : int
        Of its parameters and its units for all samples.
    """
    return parameters(network) + PER_UNIT * samples * sum(network.widths)


def check_size(network: PosedNetwork, samples: int = 1) -> None:
    """Refuse a problem that is too large.

    Parameters
    ----------
    network : PosedNetwork
    samples : int
        N.

    Raises
    ------
    UsageError
        When it takes more than :data:`MAX_NUMBERS`.
    """
    if numbers(network, samples) <= MAX_NUMBERS:
        return
    text = str(network)
    shown = text if len(text) <= 100 else f"{text[:100]}…"
    if parameters(network) + PER_UNIT * sum(network.widths) > MAX_NUMBERS:
        raise UsageError(
            f"the network {shown} has {parameters(network):,} parameters, and at most "
            f"{MAX_NUMBERS:,} are asked for; let it be asked with smaller layers of the same kind"
        )
    most = (MAX_NUMBERS - parameters(network)) // (PER_UNIT * sum(network.widths))
    raise UsageError(
        f"a batch of {samples:,} samples is too large for the network {shown}: at most "
        f"{most:,} are asked for; declare a smaller batch size"
    )
