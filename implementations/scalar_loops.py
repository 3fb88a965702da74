"""Backpropagation with nothing but floats: neuron by neuron, sample by sample.

Neuron j sums up what the neurons i before it send, and bends the sum:

    z_j = b_j + Σ_i a_i W_ij                a_j = φ(z_j)

Now ask of each neuron how much the loss moves when its sum does: δ_j = ∂loss/∂z_j.
At the output that is the slope of the loss times the slope of φ. Further back, a
neuron i touches the loss only through the neurons j it feeds, so by the chain rule

    δ_i = φ′(z_i) Σ_j W_ij δ_j

A weight enters z_j multiplied by a_i, and a bias enters it as it is:

    dW_ij = a_i δ_j                         db_j = δ_j

That is one sample. A batch adds its samples up; the mean divides by their number; the
penalty ½ l2 Σ W² adds l2 W_ij. Arrays come in, and lists of floats go out.
"""

import math
from collections.abc import Callable
from operator import mul
from typing import Any

Vector = list[float]
Matrix = list[Vector]  # a list of rows
Pairs = list[tuple[Matrix, Vector]]  # [(W, b), ...], first layer first
Function = Callable[[float], float]


def sigmoid(z: float) -> float:
    e = math.exp(-abs(z))  # at most 1; math.exp(710) raises OverflowError
    return 1.0 / (1.0 + e) if z > 0 else e / (1.0 + e)


def sigmoid_slope(z: float) -> float:
    return sigmoid(z) * sigmoid(-z)  # a (1 - a); near a = 1 the subtraction would lose digits


def softplus(z: float) -> float:
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))


def normal_cdf(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def normal_density(z: float) -> float:
    return math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)


def softmax(z: Vector) -> Vector:
    top = max(z)
    e = [math.exp(z_j - top) for z_j in z]
    total = sum(e)
    return [e_j / total for e_j in e]


# name: (φ, φ′). At a kink, φ′ is the slope on its left.
ACTIVATIONS: dict[str, tuple[Function, Function]] = {
    "identity": (lambda z: z, lambda z: 1.0),
    "sigmoid": (sigmoid, sigmoid_slope),
    "tanh": (math.tanh, lambda z: 4.0 * sigmoid_slope(2.0 * z)),  # tanh z = 2 σ(2z) - 1
    "relu": (lambda z: z if z > 0 else 0.0, lambda z: 1.0 if z > 0 else 0.0),
    "leaky_relu": (lambda z: z if z > 0 else 0.01 * z, lambda z: 1.0 if z > 0 else 0.01),
    "elu": (lambda z: z if z > 0 else math.expm1(z), lambda z: 1.0 if z > 0 else math.exp(z)),
    "softplus": (softplus, sigmoid),
    "silu": (lambda z: z * sigmoid(z), lambda z: sigmoid(z) + z * sigmoid_slope(z)),
    "gelu": (lambda z: z * normal_cdf(z), lambda z: normal_cdf(z) + z * normal_density(z)),
}

SQUARES = ("half_squared_error", "squared_error", "mean_squared_error")
LOGARITHMS = ("cross_entropy", "binary_cross_entropy")


def run(network: Any, params: Any, xs: Matrix) -> list[tuple[Matrix, Matrix]]:
    """Forward. Returns each sample's (z of every layer, a of every layer after x)."""
    for name in (*network.activations, network.loss, network.reduction):
        if name not in (*ACTIVATIONS, "softmax", *SQUARES, *LOGARITHMS, "mean", "sum"):
            raise NotImplementedError(name)
    layers = [
        (None if name == "softmax" else ACTIVATIONS[name][0], W.T.tolist(), b.tolist())
        for name, (W, b) in zip(network.activations, params, strict=True)
    ]
    runs = []
    for a in xs:
        zs, activations = [], [a]
        for phi, columns, b in layers:  # columns[j] holds the weights into neuron j
            z = [b_j + sum(map(mul, a, column)) for b_j, column in zip(b, columns, strict=True)]
            a = softmax(z) if phi is None else [phi(z_j) for z_j in z]
            zs.append(z)
            activations.append(a)
        runs.append((zs, activations))
    return runs


def output(network: Any, z: Vector, a: Vector, y: Vector) -> tuple[float, Vector]:
    """One sample's loss, and δ of the output neurons."""
    residual = [a_j - y_j for a_j, y_j in zip(a, y, strict=True)]
    if network.loss == "cross_entropy":  # of a softmax, whose Jacobian cancels
        top = max(z)
        log_sum = math.log(sum(math.exp(z_j - top) for z_j in z))
        log_a = [z_j - top - log_sum for z_j in z]
        return -sum(map(mul, y, log_a)), residual
    if network.loss == "binary_cross_entropy":  # of a sigmoid, whose φ′ cancels
        signs = [1.0 - 2.0 * y_j for y_j in y]  # softplus(±z_j) is -log a_j or -log(1 - a_j)
        loss = sum(softplus(s_j * z_j) for s_j, z_j in zip(signs, z, strict=True))
        delta = [s_j * sigmoid(s_j * z_j) for s_j, z_j in zip(signs, z, strict=True)]
        return loss, delta  # the residual again, but accurate where a_j rounds to y_j
    factor = {"half_squared_error": 0.5, "squared_error": 1.0}.get(network.loss, 1.0 / len(y))
    loss = factor * sum(map(mul, residual, residual))
    slope = [2.0 * factor * r_j for r_j in residual]  # ∂loss/∂a_j
    if network.activations[-1] == "softmax":  # ∂a_k/∂z_j = a_k ([j = k] - a_j)
        mean = sum(map(mul, slope, a))
        return loss, [a_j * (s_j - mean) for a_j, s_j in zip(a, slope, strict=True)]
    phi_prime = ACTIVATIONS[network.activations[-1]][1]
    return loss, [s_j * phi_prime(z_j) for s_j, z_j in zip(slope, z, strict=True)]


def forward(network: Any, params: Any, x: Any) -> Matrix:
    return [activations[-1] for _, activations in run(network, params, x.tolist())]


def loss_and_grads(network: Any, params: Any, batch: Any) -> tuple[float, Pairs]:
    runs = run(network, params, batch.x.tolist())
    weights: list[Matrix] = [W.tolist() for W, _ in params]
    phi_primes = [ACTIVATIONS[name][1] for name in network.activations[:-1]]  # hidden layers
    count = len(runs) if network.reduction == "mean" else 1
    l2 = network.l2

    loss = 0.5 * l2 * sum(w * w for W in weights for W_i in W for w in W_i)
    grads: Pairs = [([[l2 * w for w in W_i] for W_i in W], [0.0] * len(W[0])) for W in weights]
    for (zs, activations), y in zip(runs, batch.y.tolist(), strict=True):
        sample_loss, delta = output(network, zs[-1], activations[-1], y)
        loss += sample_loss / count
        delta = [delta_j / count for delta_j in delta]
        for layer in reversed(range(len(weights))):
            dW, db = grads[layer]
            for a_i, dW_i in zip(activations[layer], dW, strict=True):
                for j, delta_j in enumerate(delta):
                    dW_i[j] += a_i * delta_j
            for j, delta_j in enumerate(delta):
                db[j] += delta_j
            if layer > 0:  # on to the neurons i that feed this layer
                phi_prime = phi_primes[layer - 1]
                delta = [
                    phi_prime(z_i) * sum(map(mul, W_i, delta))
                    for z_i, W_i in zip(zs[layer - 1], weights[layer], strict=True)
                ]
    return loss, grads


def step(network: Any, params: Any, batch: Any, learning_rate: float) -> Pairs:
    def descend(w: Vector, dw: Vector) -> Vector:
        return [w_j - learning_rate * dw_j for w_j, dw_j in zip(w, dw, strict=True)]

    _, grads = loss_and_grads(network, params, batch)  # all of them, before any W moves
    return [
        ([descend(*rows) for rows in zip(W.tolist(), dW, strict=True)], descend(b.tolist(), db))
        for (W, b), (dW, db) in zip(params, grads, strict=True)
    ]
