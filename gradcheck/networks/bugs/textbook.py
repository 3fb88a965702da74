"""Backprop as in a textbook, with every rule and all state replaceable.

A bug is one rule replaced by a wrong one, everywhere or in one layer. This simulates
bugs; it never judges. Each rule sees the whole :class:`Pass`, so that a wrong rule
may reach for the wrong thing, as real ones do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

import numpy as np

from gradcheck.contract.protocol import BatchLike
from gradcheck.networks.definitions import ACTIVATIONS, LOSSES, penalty, reduce
from gradcheck.networks.problem import Floats, Network, Pair

Rule = Callable[..., Any]


@dataclass
class Pass:
    """One forward and backward pass: all that a rule may look at.

    ``pairs[l - 1]`` is (W, b) of layer l, ``a[0]`` is x, and ``delta`` the derivative of each
    sample's loss by z[l], (N, n[l]). ``memory`` is kept between calls of one implementation.
    """

    network: Network
    pairs: list[Pair]
    y: Floats
    rules: Mapping[str, Rule]
    learning_rate: float | None = None
    memory: dict[Any, Any] = field(default_factory=dict)
    z: dict[int, Floats] = field(default_factory=dict)
    a: dict[int, Floats] = field(default_factory=dict)
    delta: dict[int, Floats] = field(default_factory=dict)
    grads: dict[int, Pair] = field(default_factory=dict)

    def apply(self, rule: str, *arguments: Any) -> Any:
        """Apply a rule of this pass."""
        return self.rules[rule](self, *arguments)

    def propagate(self, layer: int) -> Floats:
        """Form the delta of a layer from what is above it, keep it, and return it."""
        last = layer == self.last
        delta: Floats = self.apply("output_delta") if last else self.apply("hidden_delta", layer)
        self.delta[layer] = delta
        return delta

    @property
    def last(self) -> int:
        """The number of the output layer, L."""
        return self.network.depth

    @property
    def averaged(self) -> bool:
        """Whether the loss is a mean over samples."""
        return self.network.reduction == "mean"

    @property
    def cancels(self) -> bool:
        """Whether the output's delta is ``a - y``: the loss is a logarithmic one."""
        return LOSSES[self.network.loss].cancels

    def width(self, layer: int) -> int:
        """n[layer]; 0 for the inputs."""
        return self.network.widths[layer]

    def fitting(self, layer: int, other: int) -> int:
        """Another layer if it is as wide; else this one, for there it raises and is noticed."""
        fits = 0 <= other <= self.last and self.width(other) == self.width(layer)
        return other if fits else layer

    def weights(self, layer: int) -> Floats:
        """W of a layer."""
        return self.pairs[layer - 1][0]

    def slope(self, layer: int, z: Floats) -> Floats:
        """``phi'`` of a layer at any z."""
        derivative = ACTIVATIONS[self.network.activations[layer - 1]].derivative
        assert derivative is not None, "softmax is handled with its loss"
        return derivative(z)

    def upstream(self, layer: int) -> Any:
        """Derivative by a[layer], before the slope; delta where the textbook never forms it."""
        if layer < self.last:
            return self.apply("propagate", layer)
        return self.delta[layer] if self.cancels else self.apply("loss_derivative")


def begin(p: Pass, params: list[Pair], x: Floats, y: Floats) -> None:
    """Called first, with the arguments themselves."""


def pre_activation(p: Pass, layer: int) -> Floats:
    """``z = a W + b``."""
    w, b = p.pairs[layer - 1]
    return p.a[layer - 1] @ w + b


def activation(p: Pass, layer: int) -> Floats:
    """``a = phi(z)``."""
    return ACTIVATIONS[p.network.activations[layer - 1]].forward(p.z[layer])


def loss(p: Pass) -> float:
    """The batch's loss as defined."""
    losses = LOSSES[p.network.loss].per_sample(p.z[p.last], p.a[p.last], p.y)
    return float(reduce(p.network, losses) + penalty(p.network, p.pairs))


def activation_derivative(p: Pass, layer: int) -> Floats:
    """``phi'(z)``."""
    return p.slope(layer, p.z[layer])


def loss_derivative(p: Pass) -> Floats:
    """Derivative of each sample's loss by the outputs, as its row in the table has it."""
    derivative = LOSSES[p.network.loss].derivative
    assert derivative is not None, "it cancels with the slope of the output"
    return derivative(p.a[p.last], p.y)


def softmax_product(p: Pass, upstream: Floats) -> Floats:
    """Multiply by the Jacobian of softmax, ``diag(a) - a a^T``."""
    a = p.a[p.last]
    delta: Floats = a * (upstream - (upstream * a).sum(axis=1, keepdims=True))
    return delta


def output_delta(p: Pass) -> Floats:
    """``a - y`` where the slope cancels, else ``dL/da`` times the slope."""
    if p.cancels:
        return p.a[p.last] - p.y
    upstream: Floats = p.apply("loss_derivative")
    if p.network.activations[-1] == "softmax":
        jacobian: Floats = p.apply("softmax_product", upstream)
        return jacobian
    slope: Floats = p.apply("activation_derivative", p.last)
    return upstream * slope


def propagate(p: Pass, layer: int) -> Floats:
    """Derivative by a[layer]: ``delta[l+1] W[l+1]^T``."""
    return p.delta[layer + 1] @ p.weights(layer + 1).T


def hidden_delta(p: Pass, layer: int) -> Floats:
    """``(delta[l+1] W[l+1]^T) * phi'(z[l])``."""
    delta: Floats = p.apply("propagate", layer) * p.apply("activation_derivative", layer)
    return delta


def scale(p: Pass) -> float:
    """``1 / N`` for a mean, 1 for a sum."""
    return 1.0 / len(p.y) if p.averaged else 1.0


def weight_product(p: Pass, layer: int) -> Floats:
    """``a[l-1]^T delta[l]``."""
    return p.a[layer - 1].T @ p.delta[layer]


def penalty_gradient(p: Pass, layer: int) -> Floats:
    """``l2 W``."""
    return p.network.l2 * p.weights(layer)


def weight_gradient(p: Pass, layer: int) -> Floats:
    """``scale * a[l-1]^T delta[l] + l2 W``."""
    data: Floats = p.apply("scale") * p.apply("weight_product", layer)
    penalty: Floats = p.apply("penalty_gradient", layer)
    return data + penalty


def bias_sum(p: Pass, layer: int) -> Floats:
    """``delta[l]``, summed over samples."""
    total: Floats = p.delta[layer].sum(axis=0)
    return total


def bias_gradient(p: Pass, layer: int) -> Floats:
    """``scale * sum over samples of delta[l]``; biases are not penalised."""
    data: Floats = p.apply("scale") * p.apply("bias_sum", layer)
    return data


def returned(p: Pass) -> list[Pair]:
    """What is handed back: ``[(dW, db), ...]``, layer 1 first."""
    return [p.grads[layer] for layer in range(1, p.last + 1)]


def update(p: Pass, grads: list[Pair]) -> list[Pair]:
    """``W - rate dW``, ``b - rate db``, all from the old weights."""
    rate = p.learning_rate or 0.0
    return [(w - rate * dw, b - rate * db) for (w, b), (dw, db) in zip(p.pairs, grads, strict=True)]


RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        begin,
        pre_activation,
        activation,
        loss,
        activation_derivative,
        loss_derivative,
        softmax_product,
        output_delta,
        propagate,
        hidden_delta,
        scale,
        weight_product,
        penalty_gradient,
        weight_gradient,
        bias_sum,
        bias_gradient,
        returned,
        update,
    )
}

#: Rules that are applied layer by layer: ``rule(p, layer)``.
LAYERED = frozenset(name for name, rule in RULES.items() if "layer" in signature(rule).parameters)


def only_in(layer: int, planted: Mapping[str, Rule]) -> dict[str, Rule]:
    """Restrict planted rules to one layer; elsewhere the textbook's apply."""

    def restricted(name: str, wrong: Rule) -> Rule:
        right = RULES[name]
        return lambda p, at: wrong(p, at) if at == layer else right(p, at)

    return {
        name: restricted(name, rule) if name in LAYERED else rule for name, rule in planted.items()
    }


def after(rule: str, change: Rule) -> dict[str, Rule]:
    """Apply a rule of the textbook and change what it makes: ``change(p, *arguments, value)``."""
    return {rule: lambda p, *given: change(p, *given, RULES[rule](p, *given))}


def in_layers_of(name: str, derivative: Callable[..., Any]) -> dict[str, Rule]:
    """Replace the derivative of one activation: ``derivative(z, a)``."""

    def rule(p: Pass, layer: int) -> Any:
        if p.network.activations[layer - 1] != name:
            return activation_derivative(p, layer)
        return derivative(p.z[layer], p.a[layer])

    return {"activation_derivative": rule}


class Textbook:
    """A :class:`gradcheck.contract.protocol.Implementation` made of rules, some replaced."""

    def __init__(self, planted: Mapping[str, Rule] | None = None) -> None:
        self.rules = {**RULES, **(planted or {})}
        self.memory: dict[Any, Any] = {}

    def loss_and_grads(
        self, network: Network, params: list[Pair], batch: BatchLike
    ) -> tuple[float, list[Pair]]:
        """Return the loss and the gradient that these rules give."""
        with np.errstate(all="ignore"):
            p = self.run(network, params, batch.x, batch.y)
            grads = self.backward(p)
            return float(p.apply("loss")), grads

    def forward(self, network: Network, params: list[Pair], x: Floats) -> Floats:
        """Return the outputs that these rules give."""
        y = np.zeros((len(x), network.widths[-1]))
        with np.errstate(all="ignore"):
            return self.run(network, params, x, y).a[network.depth]

    def step(
        self, network: Network, params: list[Pair], batch: BatchLike, learning_rate: float
    ) -> list[Pair]:
        """Return the parameters after a step by these rules."""
        with np.errstate(all="ignore"):
            p = self.run(network, params, batch.x, batch.y, learning_rate)
            updated: list[Pair] = p.apply("update", self.backward(p))
            return updated

    def run(
        self, network: Network, params: list[Pair], x: Floats, y: Floats, rate: float | None = None
    ) -> Pass:
        """Run forward, and return what a backward starts from."""
        p = Pass(network, list(params), y, self.rules, rate, self.memory, a={0: x})
        p.apply("begin", params, x, y)
        for layer in range(1, p.last + 1):
            p.z[layer] = p.apply("pre_activation", layer)
            p.a[layer] = p.apply("activation", layer)
        return p

    def backward(self, p: Pass) -> list[Pair]:
        """Run backward from a finished forward, and return the gradient."""
        for layer in range(p.last, 0, -1):
            p.propagate(layer)
            p.grads[layer] = (p.apply("weight_gradient", layer), p.apply("bias_gradient", layer))
        grads: list[Pair] = p.apply("returned")
        return grads
