"""Backprop as in a textbook, with every rule replaceable.

A bug is one rule replaced by a wrong one. This simulates bugs; it never judges.
Each rule sees the whole :class:`Pass`, so that a wrong rule may reach for the wrong
thing, as real ones do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradcheck.activations import ACTIVATIONS
from gradcheck.forward import penalty, reduce, sample_losses
from gradcheck.network import Network
from gradcheck.problem import Floats, Pair
from gradcheck.protocol import BatchLike


@dataclass
class Pass:
    """One forward and backward pass: all that a rule may look at.

    Attributes
    ----------
    network : Network
    pairs : list of (W, b)
        ``pairs[l - 1]`` is layer l's.
    y : array
        (N, n[L]).
    rules : dict of str to callable
    learning_rate : float or None
        In a step.
    z, a : dict of int to array
        (N, n[l]); ``a[0]`` is x.
    delta : dict of int to array
        Derivative of each sample's loss by z[l], (N, n[l]).
    grads : dict of int to (dW, db)
    """

    network: Network
    pairs: list[Pair]
    y: Floats
    rules: Mapping[str, Callable[..., Any]]
    learning_rate: float | None = None
    z: dict[int, Floats] = field(default_factory=dict)
    a: dict[int, Floats] = field(default_factory=dict)
    delta: dict[int, Floats] = field(default_factory=dict)
    grads: dict[int, Pair] = field(default_factory=dict)

    def apply(self, rule: str, *arguments: Any) -> Any:
        """Apply a rule of this pass."""
        return self.rules[rule](self, *arguments)

    def weights(self, layer: int) -> Floats:
        """W of a layer."""
        return self.pairs[layer - 1][0]


def pre_activation(p: Pass, layer: int) -> Floats:
    """``z = a W + b``."""
    w, b = p.pairs[layer - 1]
    z: Floats = p.a[layer - 1] @ w + b
    return z


def loss(p: Pass) -> float:
    """The batch's loss as defined."""
    last = p.network.depth
    losses = sample_losses(p.network, p.z[last], p.a[last], p.y)
    return float(reduce(p.network, losses) + penalty(p.network, p.pairs))


def activation_derivative(p: Pass, layer: int) -> Floats:
    """``phi'(z)``."""
    derivative = ACTIVATIONS[p.network.activations[layer - 1]].derivative
    assert derivative is not None, "softmax is handled with its loss"
    slope: Floats = derivative(p.z[layer])
    return slope


def loss_derivative(p: Pass) -> Floats:
    """Derivative of each sample's squared loss by the outputs."""
    factor = {"half_squared_error": 1.0, "squared_error": 2.0}
    divided = 2.0 / p.network.widths[-1]  # mean_squared_error
    residual: Floats = p.a[p.network.depth] - p.y
    return factor.get(p.network.loss, divided) * residual


def output_delta(p: Pass) -> Floats:
    """``a - y`` for the logarithmic losses, else ``dL/da`` times the slope."""
    last = p.network.depth
    a = p.a[last]
    if p.network.loss in ("cross_entropy", "binary_cross_entropy"):
        return a - p.y
    upstream: Floats = p.apply("loss_derivative")
    if p.network.activations[-1] == "softmax":
        delta: Floats = a * (upstream - (upstream * a).sum(axis=1, keepdims=True))
        return delta
    slope: Floats = p.apply("activation_derivative", last)
    return upstream * slope


def propagate(p: Pass, layer: int) -> Floats:
    """Derivative by a[layer]: ``delta[l+1] W[l+1]^T``."""
    back: Floats = p.delta[layer + 1] @ p.weights(layer + 1).T
    return back


def hidden_delta(p: Pass, layer: int) -> Floats:
    """``(delta[l+1] W[l+1]^T) * phi'(z[l])``."""
    delta: Floats = p.apply("propagate", layer) * p.apply("activation_derivative", layer)
    return delta


def scale(p: Pass) -> float:
    """``1 / N`` for a mean, 1 for a sum."""
    return 1.0 / len(p.y) if p.network.reduction == "mean" else 1.0


def weight_gradient(p: Pass, layer: int) -> Floats:
    """``scale * a[l-1]^T delta[l] + l2 W``."""
    data: Floats = p.apply("scale") * (p.a[layer - 1].T @ p.delta[layer])
    return data + p.network.l2 * p.weights(layer)


def bias_gradient(p: Pass, layer: int) -> Floats:
    """``scale * sum over samples of delta[l]``."""
    data: Floats = p.apply("scale") * p.delta[layer].sum(axis=0)
    return data


def visit(p: Pass, layer: int) -> None:
    """Called when a layer's gradient is known, before the layer below is reached."""


def update(p: Pass) -> list[Pair]:
    """``W - rate dW``, ``b - rate db``, all from the old weights."""
    rate = p.learning_rate or 0.0
    return [
        (w - rate * p.grads[layer][0], b - rate * p.grads[layer][1])
        for layer, (w, b) in enumerate(p.pairs, start=1)
    ]


RULES: dict[str, Callable[..., Any]] = {
    rule.__name__: rule
    for rule in (
        pre_activation,
        loss,
        activation_derivative,
        loss_derivative,
        output_delta,
        propagate,
        hidden_delta,
        scale,
        weight_gradient,
        bias_gradient,
        visit,
        update,
    )
}


class Textbook:
    """An implementation made of rules; see :class:`gradcheck.protocol.Implementation`.

    Parameters
    ----------
    planted : mapping of str to callable, optional
        Rules to replace, by name.
    """

    def __init__(self, planted: Mapping[str, Callable[..., Any]] | None = None) -> None:
        self.rules = {**RULES, **(planted or {})}

    def loss_and_grads(
        self, network: Network, params: list[Pair], batch: BatchLike
    ) -> tuple[float, list[Pair]]:
        """Return the loss and the gradient that these rules give."""
        p = self._pass(network, params, batch.x, batch.y, None)
        return float(p.apply("loss")), self._backward(p)

    def forward(self, network: Network, params: list[Pair], x: Floats) -> Floats:
        """Return the outputs that these rules give."""
        y = np.zeros((len(x), network.widths[-1]))
        return self._pass(network, params, x, y, None).a[network.depth]

    def step(
        self, network: Network, params: list[Pair], batch: BatchLike, learning_rate: float
    ) -> list[Pair]:
        """Return the parameters after a step by these rules."""
        p = self._pass(network, params, batch.x, batch.y, learning_rate)
        self._backward(p)
        updated: list[Pair] = p.apply("update")
        return updated

    def _pass(
        self, network: Network, params: list[Pair], x: Floats, y: Floats, rate: float | None
    ) -> Pass:
        p = Pass(network, list(params), y, self.rules, rate, a={0: x})
        with np.errstate(all="ignore"):
            for layer in range(1, network.depth + 1):
                p.z[layer] = p.apply("pre_activation", layer)
                activation = ACTIVATIONS[network.activations[layer - 1]]
                p.a[layer] = activation.forward(p.z[layer])
        return p

    def _backward(self, p: Pass) -> list[Pair]:
        for layer in range(p.network.depth, 0, -1):
            last = layer == p.network.depth
            p.delta[layer] = p.apply("output_delta") if last else p.apply("hidden_delta", layer)
            p.grads[layer] = (
                p.apply("weight_gradient", layer),
                p.apply("bias_gradient", layer),
            )
            p.apply("visit", layer)
        return [p.grads[layer] for layer in range(1, p.network.depth + 1)]
