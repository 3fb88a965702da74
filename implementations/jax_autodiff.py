"""Gradients by automatic differentiation: only the forward is written down.

`jax.value_and_grad` runs the forward, remembers every operation, and walks them
backwards with the chain rule. There is no delta in this file and no derivative, so
it cannot share a slip of the pen with the two implementations that have them.

What is derived is the formula as it is written, rounding included. Written with
care, it stays accurate everywhere: `tanh`, `sigmoid` and `exp(z) - 1` ask jax for its
best accuracy, because the usual `1 - tanh²` has no digits left at z = 20; both losses
with a logarithm are written in z, where nothing overflows; and `where` chooses
between two formulas that are both finite, because 0 · inf in the branch not taken
is still NaN. At the kink in z = 0 the formula for z <= 0 applies.

jax counts in float32 unless told otherwise. `enable_x64` says so for the calls made
here, and leaves the caller's configuration alone.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

Array = NDArray[np.float64]
Params = list[tuple[Array, Array]]  # [(W[1], b[1]), ..., (W[L], b[L])]

ACCURATE = lax.AccuracyMode.HIGHEST
QUICKLY = {"xla_backend_optimization_level": 0}  # compiling takes far longer than running


def sigmoid(z: jax.Array) -> jax.Array:
    return lax.logistic(z, accuracy=ACCURATE)


def elu(z: jax.Array) -> jax.Array:
    return jnp.where(z > 0, z, lax.expm1(jnp.where(z > 0, 0.0, z), accuracy=ACCURATE))


ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "identity": lambda z: z,
    "sigmoid": sigmoid,
    "tanh": partial(lax.tanh, accuracy=ACCURATE),
    "relu": lambda z: jnp.where(z > 0, z, 0.0),
    "leaky_relu": lambda z: jnp.where(z > 0, z, 0.01 * z),
    "elu": elu,
    "softplus": jax.nn.softplus,
    "silu": lambda z: z * sigmoid(z),
    "gelu": partial(jax.nn.gelu, approximate=False),  # z Φ(z), with erfc
    "softmax": partial(jax.nn.softmax, axis=1),  # of a row
}

# name: (z, a, y) -> the loss of each entry; the sample's loss is their sum.
LOSSES: dict[str, Callable[[jax.Array, jax.Array, jax.Array], jax.Array]] = {
    "half_squared_error": lambda z, a, y: 0.5 * (a - y) ** 2,
    "squared_error": lambda z, a, y: (a - y) ** 2,
    "mean_squared_error": lambda z, a, y: (a - y) ** 2 / y.shape[1],
    "cross_entropy": lambda z, a, y: -y * jax.nn.log_softmax(z, axis=1),
    "binary_cross_entropy": lambda z, a, y: jax.nn.softplus((1.0 - 2.0 * y) * z),
}


@lru_cache(maxsize=1024)
def compiled(
    activations: tuple[str, ...], loss: str, reduction: str, l2: float
) -> Callable[..., Any]:
    """``(params, x, y) -> ((loss, outputs), grads)``; jax compiles it once for every shape."""
    for name in (*activations, loss, reduction):
        if name not in (*ACTIVATIONS, *LOSSES, "mean", "sum"):
            raise NotImplementedError(name)

    def objective(params: Any, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        z = a = x  # (N, n[0])
        for name, (W, b) in zip(activations, params, strict=True):
            z = a @ W + b  # (N, n[l])
            a = ACTIVATIONS[name](z)  # (N, n[l])
        losses = LOSSES[loss](z, a, y).sum(axis=1)  # (N,)
        total = losses.mean() if reduction == "mean" else losses.sum()
        if l2:
            total += 0.5 * l2 * sum((W**2).sum() for W, _ in params)
        return total, a

    return jax.jit(jax.value_and_grad(objective, has_aux=True), compiler_options=QUICKLY)


def evaluate(network: Any, params: Params, x: Array, y: Array) -> tuple[float, Array, Params]:
    function = compiled(tuple(network.activations), network.loss, network.reduction, network.l2)
    with jax.enable_x64(True):
        (loss, outputs), grads = function(params, x, y)
        return float(loss), np.array(outputs), [(np.array(dW), np.array(db)) for dW, db in grads]


def forward(network: Any, params: Params, x: Array) -> Array:
    y = np.zeros((len(x), network.widths[-1]))  # the outputs do not depend on y
    return evaluate(network, params, x, y)[1]


def loss_and_grads(network: Any, params: Params, batch: Any) -> tuple[float, Params]:
    loss, _, grads = evaluate(network, params, batch.x, batch.y)
    return loss, grads


def step(network: Any, params: Params, batch: Any, learning_rate: float) -> Params:
    _, grads = loss_and_grads(network, params, batch)
    return [
        (W - learning_rate * dW, b - learning_rate * db)
        for (W, b), (dW, db) in zip(params, grads, strict=True)
    ]
