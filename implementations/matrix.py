"""Backpropagation in matrices: the textbook page, in numpy.

A batch is a matrix with one sample a row. Layers are numbered 1..L, and a[0] = x:

    forward         z[l] = a[l-1] W[l] + b[l]            a[l] = φ(z[l])
    output delta    δ[L] = ∂loss/∂a[L] ⊙ φ′(z[L])
    hidden deltas   δ[l] = (δ[l+1] W[l+1]ᵀ) ⊙ φ′(z[l])
    gradients       dW[l] = a[l-1]ᵀ δ[l]                 db[l] = Σ over the rows of δ[l]
    step            W[l] ← W[l] - η dW[l]                b[l] ← b[l] - η db[l]

δ[l] = ∂loss/∂z[l] says how the loss moves when the input of a neuron moves. That is
all there is to know: both gradients are read off from it, and so is the delta of the
layer before. At the end of a line stands the shape of its result, for N samples and
n[l] neurons in layer l.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Pairs = list[tuple[Array, Array]]  # [(W[1], b[1]), ..., (W[L], b[L])]
Function = Callable[[Array], Array]  # of one number, entry by entry: keeps the shape


def sigmoid(z: Array) -> Array:
    e = np.exp(-np.abs(z))  # at most 1: never overflows
    return np.where(z > 0, 1.0, e) / (1.0 + e)


def sigmoid_slope(z: Array) -> Array:
    return sigmoid(z) * sigmoid(-z)  # a (1 - a); near a = 1 the subtraction would lose digits


def normal_cdf(z: Array) -> Array:
    erfc: Function = np.vectorize(math.erfc, otypes=[float])
    return 0.5 * erfc(-z / math.sqrt(2.0))


def normal_density(z: Array) -> Array:
    return np.exp(-0.5 * (z * z)) / math.sqrt(2.0 * math.pi)


def softmax(z: Array) -> Array:
    e: Array = np.exp(z - z.max(axis=1, keepdims=True))  # (N, n[L])
    total: Array = e.sum(axis=1, keepdims=True)  # (N, 1)
    return e / total  # (N, n[L])


PHI: dict[str, Function] = {
    "identity": lambda z: z,
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "relu": lambda z: np.where(z > 0, z, 0.0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0.0))),
    "softplus": lambda z: np.logaddexp(0.0, z),
    "silu": lambda z: z * sigmoid(z),
    "gelu": lambda z: z * normal_cdf(z),
    "softmax": softmax,  # of a row, not of an entry: its derivative is in `output`
}

PHI_PRIME: dict[str, Function] = {  # at a kink, the slope on its left
    "identity": lambda z: np.ones_like(z),
    "sigmoid": sigmoid_slope,
    "tanh": lambda z: 4.0 * sigmoid_slope(2.0 * z),  # because tanh z = 2 σ(2z) - 1
    "relu": lambda z: np.where(z > 0, 1.0, 0.0),
    "leaky_relu": lambda z: np.where(z > 0, 1.0, 0.01),
    "elu": lambda z: np.exp(np.minimum(z, 0.0)),
    "softplus": sigmoid,
    "silu": lambda z: sigmoid(z) + z * sigmoid_slope(z),
    "gelu": lambda z: normal_cdf(z) + z * normal_density(z),
}

SQUARES = ("half_squared_error", "squared_error", "mean_squared_error")
LOGARITHMS = ("cross_entropy", "binary_cross_entropy")


def run(network: Any, params: Pairs, x: Array) -> tuple[list[Array], list[Array]]:
    """Forward. Returns z and a of every layer; layer 0 is x itself."""
    for name in (*network.activations, network.loss, network.reduction):
        if name not in (*PHI, *SQUARES, *LOGARITHMS, "mean", "sum"):
            raise NotImplementedError(name)
    z, a = [x], [x]
    for phi, (W, b) in zip(network.activations, params, strict=True):
        z.append(a[-1] @ W + b)  # (N, n[l])
        a.append(PHI[phi](z[-1]))  # (N, n[l])
    return z, a


def output(network: Any, z: Array, a: Array, y: Array) -> tuple[Array, Array]:
    """Each sample's loss, and the output delta."""
    if network.loss == "cross_entropy":  # of a softmax, whose Jacobian cancels
        shifted = z - z.max(axis=1, keepdims=True)  # (N, n[L])
        log_a = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))  # (N, n[L])
        return -(y * log_a).sum(axis=1), a - y  # (N,), (N, n[L])
    if network.loss == "binary_cross_entropy":  # of a sigmoid, whose φ′ cancels
        sign = 1.0 - 2.0 * y  # (N, n[L]); log(1 + exp(sign z)) is -log a or -log(1 - a)
        losses = np.logaddexp(0.0, sign * z).sum(axis=1)  # (N,)
        return losses, sign * sigmoid(sign * z)  # (N,), (N, n[L]); the delta is a - y again
    factor = {"half_squared_error": 0.5, "squared_error": 1.0}.get(network.loss, 1.0 / y.shape[1])
    losses = factor * ((a - y) ** 2).sum(axis=1)  # (N,)
    slope = 2.0 * factor * (a - y)  # (N, n[L])
    if network.activations[-1] == "softmax":  # ∂a[k]/∂z[j] = a[k] ([j = k] - a[j])
        delta = a * (slope - (slope * a).sum(axis=1, keepdims=True))  # (N, n[L])
    else:
        delta = slope * PHI_PRIME[network.activations[-1]](z)  # (N, n[L])
    return losses, delta


def forward(network: Any, params: Pairs, x: Array) -> Array:
    return run(network, params, x)[1][-1]  # (N, n[L])


def loss_and_grads(network: Any, params: Pairs, batch: Any) -> tuple[float, Pairs]:
    z, a = run(network, params, batch.x)
    losses, delta = output(network, z[-1], a[-1], batch.y)  # (N,), (N, n[L])
    count = len(batch.x) if network.reduction == "mean" else 1
    penalty = 0.5 * network.l2 * sum(np.sum(W * W) for W, _ in params)
    delta = delta / count  # (N, n[L])
    grads: Pairs = []
    for layer in range(len(params), 0, -1):
        W, _ = params[layer - 1]
        dW = a[layer - 1].T @ delta + network.l2 * W  # (n[l-1], n[l])
        db = delta.sum(axis=0)  # (n[l],)
        grads.insert(0, (dW, db))
        if layer > 1:
            phi_prime = PHI_PRIME[network.activations[layer - 2]]
            delta = (delta @ W.T) * phi_prime(z[layer - 1])  # (N, n[l-1])
    return float(losses.sum() / count + penalty), grads


def step(network: Any, params: Pairs, batch: Any, learning_rate: float) -> Pairs:
    _, grads = loss_and_grads(network, params, batch)  # all of them, before any W moves
    return [
        (W - learning_rate * dW, b - learning_rate * db)  # (n[l-1], n[l]), (n[l],)
        for (W, b), (dW, db) in zip(params, grads, strict=True)
    ]
