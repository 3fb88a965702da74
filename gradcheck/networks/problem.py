"""A network; parameters and a batch; and the three as a problem: a network at one point.

All are valid and frozen, arrays are read-only float64, and ``str`` writes a text that ``parse``
reads back to the same bits. A network's is ``2-3-1 tanh,sigmoid half_squared_error mean l2=0.1``.
"""

import json
import math
import operator
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from gradcheck.contract.posed import (
    Floats,
    Pair,
    Posed,
    PosedBatch,
    PosedNetwork,
    Tensors,
    by_name,
)
from gradcheck.errors import UsageError, meant
from gradcheck.networks.definitions import (
    ACTIVATIONS,
    HIDDEN_ACTIVATIONS,
    LOSSES,
    REDUCTIONS,
)

__all__ = ["Batch", "Floats", "Network", "Pair", "Params", "Problem", "left_open"]

_EXAMPLE = "2-3-1 tanh,sigmoid half_squared_error mean l2=0.1"


@dataclass(frozen=True)
class Network(PosedNetwork):
    """A dense feed-forward network and the loss it is trained on.

    Layers are numbered 1..L; ``z[l] = a[l-1] @ W[l] + b[l]``,
    ``a[l] = phi_l(z[l])``, ``a[0] = x``.

    Parameters
    ----------
    widths : tuple of int
        ``(n[0], ..., n[L])``: inputs first, outputs last.
    activations : tuple of str
        One name a layer, L of them. softmax on the output only.
    loss : str
        Per-sample loss; see :data:`gradcheck.networks.definitions.LOSSES`.
    reduction : {"mean", "sum"}
        How the samples' losses become the batch's.
    l2 : float
        The batch's loss gets ``l2 / 2 * sum ||W||^2`` on top; biases are not
        penalised, and the penalty is not divided by N.

    Raises
    ------
    UsageError
        When a name is unknown, a number out of range, or the output activation
        and the loss do not go together.
    """

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "widths", tuple(operator.index(n) for n in self.widths))
            object.__setattr__(self, "activations", tuple(self.activations))
            object.__setattr__(self, "l2", float(self.l2))
        except (TypeError, ValueError):
            raise UsageError(
                f"widths must be whole numbers, activations a list of names and l2 a number; "
                f"got {self.widths!r}, {self.activations!r} and {self.l2!r}"
            ) from None
        self._validate()

    def _validate(self) -> None:
        if len(self.widths) < 2 or min(self.widths) < 1:
            raise UsageError(
                f"a network needs at least two widths, each 1 or more, as in 2-3-1; "
                f"got {'-'.join(map(str, self.widths)) or 'none'}"
            )
        if len(self.activations) != len(self.widths) - 1:
            raise UsageError(
                f"{len(self.widths) - 1} layers need as many activations, "
                f"comma-separated; got {','.join(self.activations) or 'none'}"
            )
        for name in self.activations[:-1]:
            _known(name, HIDDEN_ACTIVATIONS, "activation of a hidden layer")
        _known(self.activations[-1], tuple(ACTIVATIONS), "output activation")
        _known(self.loss, tuple(LOSSES), "loss")
        _known(self.reduction, REDUCTIONS, "reduction")
        if self.activations[-1] not in LOSSES[self.loss].outputs:
            raise UsageError(
                f"{self.loss} needs the output activation "
                f"{' or '.join(LOSSES[self.loss].outputs)}, not {self.activations[-1]}"
            )
        if not (math.isfinite(self.l2) and self.l2 >= 0):
            raise UsageError(f"l2 must be finite and not negative; got {self.l2!r}")

    @classmethod
    def parse(cls, text: str) -> "Network":
        """Read the text form.

        Raises
        ------
        UsageError
            When the text is not one; the message shows an example.
        """
        words = text.split()
        options = [word for word in words if word.startswith("l2=")]
        plain = [word for word in words if not word.startswith("l2=")]
        torn = any(word != word.strip("-,") for word in words)  # a list with a space inside
        if torn or not 3 <= len(plain) <= 4 or len(options) > 1:
            raise UsageError(
                f"cannot read the network {text!r}; write {_EXAMPLE!r}, "
                f"with no spaces inside the lists"
            )
        try:
            widths = tuple(int(n) for n in plain[0].split("-"))
            l2 = float(options[0][3:]) if options else 0.0
        except ValueError:
            raise UsageError(
                f"cannot read the numbers of the network {text!r}; write {_EXAMPLE!r}"
            ) from None
        activations = tuple(plain[1].split(","))
        reduction = plain[3] if len(plain) == 4 else "mean"
        return cls(widths, activations, plain[2], reduction, l2)


def left_open(text: str) -> bool:
    """Whether a network's text says neither ``mean`` nor ``sum``.

    Parameters
    ----------
    text : str
        Such as ``2-3-1 tanh,sigmoid binary_cross_entropy``.

    Returns
    -------
    bool
    """
    return not set(text.split()) & set(REDUCTIONS)


def _known(name: str, names: tuple[str, ...], role: str) -> None:
    if name not in names:
        raise UsageError(f"unknown {role} {name!r}{meant(name, names)}")


@dataclass(frozen=True, eq=False)
class Params(Tensors):
    """The parameters of a network, or anything shaped like them.

    A mapping from ``W1``, ``b1``, ``W2``, ... to read-only arrays; but iterating over it gives
    its layers, one (W, b) each, and its length is how many they are.

    Parameters
    ----------
    pairs : iterable of (W, b)
        ``W[l]`` of shape (n[l-1], n[l]) and ``b[l]`` of shape (n[l],).

    Raises
    ------
    UsageError
        When a shape does not chain, or an entry is not finite.
    """

    def __init__(self, pairs: Iterable[tuple[ArrayLike, ArrayLike]]) -> None:
        frozen = tuple((_frozen(w), _frozen(b)) for w, b in pairs)
        super().__init__(by_name(frozen).arrays)
        width = frozen[0][0].shape[0] if frozen and frozen[0][0].ndim == 2 else -1
        for layer, (w, b) in enumerate(frozen, start=1):
            if w.ndim != 2 or w.shape[0] != width or b.shape != w.shape[1:]:
                raise UsageError(
                    f"layer {layer}: W must have shape (n[{layer - 1}], n[{layer}]) and b "
                    f"(n[{layer}],); got {w.shape} and {b.shape}"
                )
            width = w.shape[1]
        for name, array in self.items():
            _finite(name, array)

    def __iter__(self) -> Iterator[Pair]:  # type: ignore[override]
        return iter(self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def tensors(self) -> Iterator[tuple[str, Floats]]:
        """Yield ``("W1", W[1]), ("b1", b[1]), ("W2", W[2]), ...``."""
        yield from self.items()

    def __str__(self) -> str:
        return _write(self.items())

    @classmethod
    def parse(cls, text: str) -> "Params":
        """Read the text form: a line ``W1 [[...]]``, a line ``b1 [...]``, and so on."""
        return _params(_read(text))


@dataclass(frozen=True, eq=False)
class Batch(PosedBatch):
    """Inputs and targets.

    Parameters
    ----------
    x : array_like
        (N, n[0]). Inputs, one row a sample.
    y : array_like
        (N, n[L]). Targets.

    Raises
    ------
    UsageError
        When they are not two matrices of as many rows, or not finite.
    """

    def __init__(self, x: ArrayLike, y: ArrayLike) -> None:
        super().__init__(_frozen(x), _frozen(y))
        if self.x.ndim != 2 or self.y.ndim != 2 or len(self.x) != len(self.y):
            raise UsageError(
                f"x must be (N, n[0]) and y (N, n[L]) with the same N; got shapes "
                f"{self.x.shape} and {self.y.shape}"
            )
        if len(self.x) == 0:
            raise UsageError("a batch needs at least one sample")
        _finite("x", self.x)
        _finite("y", self.y)

    def select(self, rows: ArrayLike) -> "Batch":
        """Return the batch of the given rows, in the given order."""
        index = np.asarray(rows)
        return Batch(self.x[index], self.y[index])

    def __str__(self) -> str:
        return _write((("x", self.x), ("y", self.y)))

    @classmethod
    def parse(cls, text: str) -> "Batch":
        """Read the text form: a line ``x [[...]]`` and a line ``y [[...]]``."""
        return _batch(_read(text))


@dataclass(frozen=True)
class Problem(Posed):
    """A network at one point: what a loss and a gradient are asked of.

    Parameters
    ----------
    network : Network
    params : Params
        ``W[l]`` of shape (n[l-1], n[l]) and ``b[l]`` of shape (n[l],), a pair a layer.
    batch : Batch
        Inputs, (N, n[0]), and targets, (N, n[L]).

    Raises
    ------
    UsageError
        When parameters or batch do not fit the network, or the targets are not
        what its loss needs (one-hot rows, zeros and ones).
    """

    network: Network
    params: Params
    batch: Batch

    def __post_init__(self) -> None:
        shapes = tuple(w.shape for w, _ in self.params.pairs)
        if shapes != self.network.shapes:
            raise UsageError(
                f"{self.network} needs weights of shapes {self.network.shapes}; got {shapes}"
            )
        widths = (self.batch.x.shape[1], self.batch.y.shape[1])
        ends = (self.network.widths[0], self.network.widths[-1])
        if widths != ends:
            raise UsageError(
                f"{self.network} needs x with {ends[0]} and y with {ends[1]} columns; "
                f"got {widths[0]} and {widths[1]}"
            )
        _check_targets(self.network.loss, self.batch.y)

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.network, self.params, self.batch))

    def __str__(self) -> str:
        return f"network {self.network}\n{self.params}\n{self.batch}"

    @classmethod
    def parse(cls, text: str) -> "Problem":
        """Read the text form: the network's line, then one line a tensor.

        Raises
        ------
        UsageError
            When a line cannot be read or one is missing.
        """
        head, _, rest = text.strip().partition("\n")
        word, _, network = head.partition(" ")
        if word != "network":
            raise UsageError("a problem starts with a line 'network 2-3-1 tanh,sigmoid ...'")
        arrays = _read(rest)
        return cls(Network.parse(network), _params(arrays), _batch(arrays))


def _frozen(values: ArrayLike) -> Floats:
    try:
        given = np.asarray(values)
    except ValueError:
        raise UsageError("an array needs rows of numbers, all of the same length") from None
    if given.dtype.kind not in "fiub":
        raise UsageError(f"an array needs real numbers; got entries of dtype {given.dtype}")
    array = np.array(given, dtype=np.float64)
    array.flags.writeable = False
    return array


def _finite(name: str, array: Floats) -> None:
    if not np.isfinite(array).all():
        raise UsageError(f"{name} has an entry that is not finite")


def _check_targets(loss: str, y: Floats) -> None:
    targets = LOSSES[loss].targets
    zeros_and_ones = bool(((y == 0) | (y == 1)).all())
    if targets == "binary" and not zeros_and_ones:
        raise UsageError(f"{loss} needs targets that are 0 or 1")
    if targets == "one_hot" and not (zeros_and_ones and (y.sum(axis=1) == 1).all()):
        raise UsageError(f"{loss} needs one-hot targets: one 1 in each row, 0 elsewhere")


def _write(arrays: Iterable[tuple[str, Floats]]) -> str:
    return "\n".join(f"{name} {json.dumps(array.tolist())}" for name, array in arrays)


def _read(text: str) -> dict[str, Floats]:
    arrays = {}
    for line in text.strip().splitlines():
        name, _, values = line.strip().partition(" ")
        try:
            arrays[name] = _frozen(json.loads(values))
        except (ValueError, RecursionError, UsageError):
            raise UsageError(
                f"cannot read the line {line[:60]!r}; write 'W1 [[0.5, 1.0]]'"
            ) from None
    return arrays


def _params(arrays: dict[str, Floats]) -> Params:
    depth = 1
    while f"W{depth + 1}" in arrays:
        depth += 1
    return Params((_named(arrays, f"W{n}"), _named(arrays, f"b{n}")) for n in range(1, depth + 1))


def _batch(arrays: dict[str, Floats]) -> Batch:
    return Batch(_named(arrays, "x"), _named(arrays, "y"))


def _named(arrays: dict[str, Floats], name: str) -> Floats:
    if name not in arrays:
        raise UsageError(f"there is no line for {name}")
    return arrays[name]
