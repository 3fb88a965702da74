"""How code lays a layer's weights and biases out, and samples: there and back.

What an adapter is asked about: a network's sizes and names, and trial questions.

Adapters run where nothing of gradcheck's mathematics can be imported, so they know a
network by what it says of itself, and make up small ones to see whether code answers.

Code without biases, read as a network that has them.

A unit that is always on stands in for the bias: one more input that is 1, and one more
unit in every hidden layer whose own input is 1, so that it gives ``phi(1)``. Then ``b[l]``
is the weight from that unit times ``phi(1)``, and every number of the code's gradient
keeps its meaning: ``dL/db = dL/dw / phi(1)``. The code's own network is wider by one
unit in each layer but the last.

Targets as foreign code wants them: labels in place of one-hot rows, or one number a sample.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from gradcheck.contract.conventions import Conventions, Targets
from gradcheck.contract.posed import Floats, Pair, Pairs
from gradcheck.contract.posed import PosedNetwork as Network
from gradcheck.contract.protocol import ContractError

#: A loss and a gradient.
Answer = tuple[Any, Pairs]

#: A code's own weights and biases of one layer; None where biases are inside or missing.
Own = tuple[Floats, Floats | None]


@dataclass(frozen=True)
class Layout:
    """How the arrays of code relate to W of shape (n_in, n_out) and b of shape (n_out,).

    Attributes
    ----------
    weights : {"in x out", "out x in"}
    bias : {"apart", "first", "last", "missing"}
        Of its own; as the first or last row (in x out) or column (out x in) of the
        weights; or not there at all.
    samples : {"rows", "columns", "one vector", "one column", "one list"}
        How inputs and targets are given.
    threshold : bool
        The bias is subtracted.
    outputs : str
        How outputs come, where that is not how samples are given: ``columns``.
    """

    weights: str = "in x out"
    bias: str = "apart"
    samples: str = "rows"
    threshold: bool = False
    outputs: str = ""

    def pack(self, w: Floats, b: Floats) -> Own:
        """Lay a layer out as the code has it; linear, so it serves gradients too."""
        b = -b if self.threshold else b
        if self.bias == "first":
            w = np.vstack((b[None, :], w))
        elif self.bias == "last":
            w = np.vstack((w, b[None, :]))
        own = w.T.copy() if self.weights == "out x in" else w.copy()
        return own, b.copy() if self.bias == "apart" else None

    def unpack(self, own: Any, bias: Any, n_in: int, n_out: int, *, layer: str = "") -> Pair:
        """Read a layer back: of gradients, where they are the ``layer`` of that number.

        Raises ContractError when a shape is another.
        """
        inside = self.bias in ("first", "last")
        shape = (n_in + inside, n_out)
        matrix = np.asarray(own)
        wanted = shape[::-1] if self.weights == "out x in" else shape
        if matrix.shape != wanted:
            if matrix.size != wanted[0] * wanted[1] or 1 not in (*wanted, *matrix.shape[:1]):
                ours = matrix.T if self.weights == "out x in" else matrix
                raise _other_shape(
                    "W", layer, "weights", ours, f"{matrix.shape}, expected {wanted}"
                )
            matrix = matrix.reshape(wanted)
        if self.weights == "out x in":
            matrix = matrix.T
        if self.bias == "first":
            w, b = matrix[1:], matrix[0]
        elif self.bias == "last":
            w, b = matrix[:-1], matrix[-1]
        elif self.bias == "missing":
            w, b = matrix, np.zeros(n_out)
        else:
            w, b = matrix, np.asarray(bias)
            if b.size == 1:  # one number for all units: what it does when it is subtracted
                b = np.full(n_out, b.reshape(-1)[0])
            if b.size != n_out:
                raise _other_shape("b", layer, "biases", b, f"{b.shape}, expected {n_out} numbers")
            b = b.reshape(n_out)
        return w.copy(), (-b if self.threshold else b.copy())

    def pairs(self, weights: Iterable[Any], biases: Iterable[Any] | None, own: Pairs) -> Pairs:
        """Read a gradient back, layer by layer, in the shapes of the code's own parameters."""
        biases = itertools.repeat(None, len(own)) if biases is None else biases
        layers = zip(own, weights, biases, strict=True)
        return [
            self.unpack(weight, bias, *w.shape, layer=str(number))
            for number, ((w, _), weight, bias) in enumerate(layers, start=1)
        ]

    def give(self, samples: Floats) -> Any:
        """Give inputs or targets of shape (N, n) as the code wants them.

        Raises NotImplementedError for several samples where it takes one.
        """
        if self.samples == "rows":
            return samples.copy()
        if self.samples == "columns":
            return samples.T.copy()
        if self.samples == "one number a row":
            return samples[:, 0].copy()
        if len(samples) != 1:
            raise NotImplementedError("the code takes one sample a call")
        if self.samples == "one list":
            return samples[0].tolist()
        return samples[0].copy() if self.samples == "one vector" else samples.T.copy()

    def targets(self, y: Floats, kind: Targets) -> Any:
        """Give targets of shape (N, n) as the code wants them.

        Raises NotImplementedError for those that it does not take.
        """
        if kind is Targets.AS_GIVEN:
            return self.give(y)
        if kind is Targets.ONE_HOT:
            return y.copy()
        if kind is Targets.NUMBER:
            if y.shape != (1, 1):
                raise NotImplementedError("one output of one sample a call")
            return float(y[0, 0])
        if kind is Targets.VECTOR:
            if y.shape[1] != 1:
                raise NotImplementedError("one output only")
            return y[:, 0].copy()
        if y.shape[1] == 1 or not (y.sum(axis=1) == 1).all() or not ((y == 0) | (y == 1)).all():
            raise NotImplementedError("targets are integer labels")
        found = np.argmax(y, axis=1) + (kind in (Targets.FROM_1, Targets.FROM_1_IN_A_COLUMN))
        return found[:, None] if kind is Targets.FROM_1_IN_A_COLUMN else found

    def take(self, outputs: Any, n_out: int, n: int) -> Floats:
        """Read outputs as (N, n_out). Raises ContractError for another number of them."""
        array = np.asarray(outputs, dtype=np.float64)
        if array.size != n * n_out:
            raise ContractError(f"outputs have shape {array.shape}, expected {n} x {n_out}")
        if (self.outputs or self.samples) == "columns":
            return array.reshape(n_out, n).T.copy()
        return array.reshape(n, n_out).copy()

    def conventions(self) -> Conventions:
        """Return it as conventions of a reading, which say no more yet."""
        return Conventions(self.weights, self.bias, self.threshold, samples=self.samples)


def _other_shape(kind: str, layer: str, kinds: str, array: Floats, told: str) -> ContractError:
    """Say what shape a tensor has; of a gradient, what it is, too: it may be seen from that."""
    if not layer:
        return ContractError(f"{kinds} have shape {told}")
    name = f"d{kind}{layer}"
    return ContractError(f"{name} has shape {told}", (name, array))


class Trial(Network):
    """A network made up to see whether code answers: sigmoid everywhere."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__(widths, ("sigmoid",) * (len(widths) - 1), "squared_error")

    def question(self, samples: int) -> tuple[Pairs, Any]:
        """Return parameters and a batch; targets are one-hot, or 0 and 1 in turn."""
        rng = np.random.default_rng(0)
        pairs = [(rng.normal(size=s), rng.normal(size=s[1])) for s in self.shapes]
        rows, width = np.arange(samples), self.widths[-1]
        y = np.eye(width)[rows % width] if width > 1 else (rows % 2 == 0)[:, None].astype(float)
        return pairs, SimpleNamespace(x=rng.normal(size=(samples, self.widths[0])), y=y)


#: What each hidden activation gives for an input of 1.
AT_ONE: dict[str, float] = {
    "identity": 1.0,
    "sigmoid": 1.0 / (1.0 + math.exp(-1.0)),
    "tanh": math.tanh(1.0),
    "relu": 1.0,
    "leaky_relu": 1.0,
    "elu": 1.0,
    "softplus": math.log1p(math.e),
    "silu": 1.0 / (1.0 + math.exp(-1.0)),
    "gelu": 0.5 * (1.0 + math.erf(math.sqrt(0.5))),
}


def widths_of(own: Pairs) -> tuple[int, ...]:
    """Return the widths of a network with given parameters."""
    return (own[0][0].shape[0], *(w.shape[1] for w, _ in own))


def sizes_by_role(widths: tuple[int, ...]) -> dict[str, Any]:
    """Return what arguments are given that ask for sizes, by their roles."""
    sizes = {"sizes": list(widths), "n_in": widths[0], "n_out": widths[-1]}
    several = {"hiddens": list(widths[1:-1])}
    return sizes | several | ({"n_hidden": widths[1]} if len(widths) == 3 else {})


def wider(widths: tuple[int, ...]) -> tuple[int, ...]:
    """Return the widths of the code's own network.

    Parameters
    ----------
    widths : tuple of int
        Of the network that it is read as.

    Returns
    -------
    widths : tuple of int
        One unit more in each layer but the last.
    """
    return (*(n + 1 for n in widths[:-1]), widths[-1])


def narrower(widths: tuple[int, ...]) -> tuple[int, ...]:
    """Return the widths of the network that code of given widths is read as."""
    return (*(n - 1 for n in widths[:-1]), widths[-1])


def _on(network: Network) -> list[float]:
    """What the unit that is always on gives, layer by layer: ``a[0]``, ``a[1]``, ..."""
    return [1.0, *(AT_ONE[name] for name in network.activations[:-1])]


def widen(network: Network, params: Pairs, x: Floats) -> tuple[list[Floats], Floats]:
    """Return the weights of the code's own network, and its inputs.

    Parameters
    ----------
    network : PosedNetwork
    params : list of (W, b)
        W of shape (n_in, n_out), b of shape (n_out,).
    x : ndarray, (N, n_in)

    Returns
    -------
    weights : list of ndarray
        With a row more for the bias, and a column more in hidden layers for the unit that is on.
    x : ndarray, (N, n_in + 1)

    Raises
    ------
    NotImplementedError
        When the weights are penalised.
    """
    if network.l2:
        raise NotImplementedError("a weight penalty would count the biases too")
    weights = []
    for layer, ((w, b), on) in enumerate(zip(params, _on(network), strict=True), start=1):
        wide = np.vstack((w, b[None, :] / on))
        if layer < network.depth:
            column = np.zeros((len(wide), 1))
            column[-1] = 1.0 / on
            wide = np.hstack((wide, column))
        weights.append(wide)
    return weights, np.hstack((x, np.ones((len(x), 1))))


def narrow(network: Network, gradients: list[Floats]) -> Pairs:
    """Return the gradient by W and b from that by the code's own weights.

    Parameters
    ----------
    network : PosedNetwork
    gradients : list of ndarray
        In the shapes of the weights that :func:`widen` returns.

    Returns
    -------
    pairs : list of (dW, db)
        dW of shape (n_in, n_out), db of shape (n_out,).
    """
    return [
        (g[:-1, :n_out].copy(), g[-1, :n_out] / on)
        for g, on, (_, n_out) in zip(gradients, _on(network), network.shapes, strict=True)
    ]


def to_own(layout: Layout, network: Network, params: Pairs, x: Floats) -> tuple[Pairs, Floats]:
    """Return the parameters and inputs of the code's own network."""
    if layout.bias != "missing":
        return params, x
    weights, wide = widen(network, params, x)
    return [(w, np.zeros(w.shape[1])) for w in weights], wide


def from_own(layout: Layout, network: Network, gradients: Pairs) -> Pairs:
    """Return the gradient of the network from that of the code's own."""
    if layout.bias != "missing":
        return gradients
    return narrow(network, [w for w, _ in gradients])


def stepped(
    layout: Layout, network: Network, params: Pairs, own: Pairs, after: Pairs, rate: float
) -> Pairs:
    """Return the parameters after a step, from those of the code's own network.

    Where biases are missing, the gradient that the step implies is that of the weights
    from the unit that is always on.
    """
    if layout.bias != "missing":
        return after
    implied = [
        ((w - new) / rate, (b - c) / rate) for (w, b), (new, c) in zip(own, after, strict=True)
    ]
    grads = from_own(layout, network, implied)
    return [(w - rate * dw, b - rate * db) for (w, b), (dw, db) in zip(params, grads, strict=True)]


class WithLastClass:
    """An implementation that is asked batches in which the last class occurs.

    Code that takes the number of classes from the labels of a batch, ``Y.max() + 1``, is right
    for such, as a whole training set is, and says nothing of others. No batch is lost by it:
    where the last class is missing, it changes places with one that is there, in the targets and
    in the last layer, and the gradient is changed back. That is the same problem with its
    outputs in another order.
    """

    def __init__(self, code: Any) -> None:
        self.code = code
        if hasattr(code, "step"):
            self.step = self._step

    def __getattr__(self, name: str) -> Any:
        return getattr(self.code, name)

    def loss_and_grads(self, network: Network, params: Sequence[Pair], batch: Any) -> Answer:
        """Ask with the classes in an order in which the last one occurs."""
        order = _order(batch.y)
        loss, grads = self.code.loss_and_grads(network, _in(order, params), _batch(order, batch))
        return loss, _in(order, grads)

    def _step(self, network: Network, params: Sequence[Pair], batch: Any, rate: float) -> Any:
        order = _order(batch.y)
        return _in(order, self.code.step(network, _in(order, params), _batch(order, batch), rate))


def _order(y: Floats) -> list[int]:
    """Return an order of the outputs, its own inverse: the last and one that occurs change."""
    order = list(range(y.shape[1]))
    if not y[:, -1].any():
        present = int(np.argmax(y[0]))
        order[present], order[-1] = order[-1], order[present]
    return order


def _in(order: list[int], pairs: Sequence[Pair]) -> Pairs:
    *before, (w, b) = pairs
    return [*before, (np.asarray(w)[:, order], np.asarray(b)[order])]


def _batch(order: list[int], batch: Any) -> Any:
    return SimpleNamespace(x=batch.x, y=batch.y[:, order])
