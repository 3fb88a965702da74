"""Backprop as a student writes it after the first lecture: right, and careless.

`1 / (1 + exp(-z))` overflows, `1 - a**2` and `a (1 - a)` lose digits where a unit
saturates, softmax goes through its full Jacobian, the logarithmic losses are
differentiated as they are written: -(y / a), (a - y) / (a (1 - a)). With |z| <= 8 all of
that is right, and gradcheck has to say so, in float64 and in float32.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]
Pairs = list[tuple[Array, Array]]

#: An activation, and its slope.
Form = tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def erf(z: Array) -> Array:
    from scipy.special import erf as function

    return function(z)


def gelu_share(z: Array) -> Array:
    return (1 + erf(z / z.dtype.type(np.sqrt(2)))) / 2


def softmax(z: Array) -> Array:
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


PHI: dict[str, Callable[[Array], Array]] = {
    "identity": lambda z: z,
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(0, z),
    "leaky_relu": lambda z: np.where(z > 0, z, z.dtype.type(0.01) * z),
    "elu": lambda z: np.where(z > 0, z, np.exp(np.minimum(z, 0)) - 1),
    "softplus": lambda z: np.log(1 + np.exp(z)),
    "silu": lambda z: z * sigmoid(z),
    "gelu": lambda z: z * gelu_share(z),
    "softmax": softmax,
}

#: phi'(z), from z and from a = phi(z).
SLOPE: dict[str, Callable[[Array, Array], Array]] = {
    "identity": lambda z, a: np.ones_like(z),
    "sigmoid": lambda z, a: a * (1 - a),
    "tanh": lambda z, a: 1 - a**2,
    "relu": lambda z, a: (z > 0).astype(z.dtype),
    "leaky_relu": lambda z, a: np.where(z > 0, 1, 0.01).astype(z.dtype),
    "elu": lambda z, a: np.where(z > 0, z.dtype.type(1), a + 1),
    "softplus": lambda z, a: sigmoid(z),
    "silu": lambda z, a: sigmoid(z) * (1 + z * (1 - sigmoid(z))),
    "gelu": lambda z, a: gelu_share(z) + z * np.exp(-(z**2) / 2) / z.dtype.type(np.sqrt(2 * np.pi)),
}


class Naive:
    """Textbook backprop in a chosen precision.

    Parameters
    ----------
    dtype : dtype
        Of the parameters, and so of most that is made of them.
    inputs, targets : dtype
        Of x and y: another one mixes two precisions.
    epsilon : float
        Inside the logarithms of the loss, and so in the denominators of its derivative.
    in_loss : float
        Inside the logarithms of the loss alone.
    finish : callable
        Applied to every dW and db at the end.
    forms : mapping
        Activations written in another way: ``phi(z)`` and its slope, from z and from a.
    """

    def __init__(
        self,
        dtype: DTypeLike = np.float64,
        inputs: DTypeLike | None = None,
        targets: DTypeLike | None = None,
        epsilon: float = 0.0,
        in_loss: float = 0.0,
        finish: Callable[[Array], Array] = lambda gradient: gradient,
        forms: Mapping[str, Form] | None = None,
    ) -> None:
        self.dtype = np.dtype(dtype)
        self.inputs = np.dtype(inputs or dtype)
        self.targets = np.dtype(targets or dtype)
        self.epsilon = epsilon
        self.in_loss = in_loss or epsilon
        self.finish = finish
        self.phi = PHI | {name: phi for name, (phi, _) in (forms or {}).items()}
        self.slope = SLOPE | {name: slope for name, (_, slope) in (forms or {}).items()}

    def loss_and_grads(self, network: Any, params: Pairs, batch: Any) -> tuple[Any, Pairs]:
        pairs = [(w.astype(self.dtype), b.astype(self.dtype)) for w, b in params]
        x, y = batch.x.astype(self.inputs), batch.y.astype(self.targets)
        z, a = [x], [x]
        for phi, (w, b) in zip(network.activations, pairs, strict=True):
            z.append(a[-1] @ w + b)
            a.append(self.phi[phi](z[-1]))
        loss, delta = self.output(network, z[-1], a[-1], y)
        count = len(x) if network.reduction == "mean" else 1
        loss = loss / count + network.l2 / 2 * sum((w**2).sum() for w, _ in pairs)
        grads: Pairs = []
        for layer in range(len(pairs), 0, -1):
            w = pairs[layer - 1][0]
            dw = a[layer - 1].T @ delta / count + network.l2 * w
            db = delta.sum(axis=0) / count
            grads.insert(0, (self.finish(dw), self.finish(db)))
            if layer > 1:
                phi = network.activations[layer - 2]
                delta = (delta @ w.T) * self.slope[phi](z[layer - 1], a[layer - 1])
        return loss, grads

    def output(self, network: Any, z: Array, a: Array, y: Array) -> tuple[Any, Array]:
        """Return the sum of the losses, and the delta of the output layer."""
        e, in_loss = self.epsilon, self.in_loss
        if network.loss == "cross_entropy":
            loss, slope = -(y * np.log(a + in_loss)).sum(), -(y / (a + e))
        elif network.loss == "binary_cross_entropy":
            loss = -(y * np.log(a + in_loss) + (1 - y) * np.log(1 - a + in_loss)).sum()
            slope = -(y / (a + e)) + (1 - y) / (1 - a + e) if e else (a - y) / (a * (1 - a))
        else:
            width = y.shape[1]
            factor = {"half_squared_error": 0.5, "squared_error": 1.0}.get(network.loss, 1 / width)
            loss, slope = factor * ((a - y) ** 2).sum(), 2 * factor * (a - y)
        if network.activations[-1] == "softmax":
            jacobian = np.stack([np.diag(row) - np.outer(row, row) for row in a])
            return loss, np.einsum("nj,njk->nk", slope, jacobian)
        return loss, slope * self.slope[network.activations[-1]](z, a)
