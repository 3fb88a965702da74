"""Code without biases, read as a network that has them.

A unit that is always on stands in for the bias: one more input that is 1, and one more
unit in every hidden layer whose own input is 1, so that it gives ``phi(1)``. Then ``b[l]``
is the weight from that unit times ``phi(1)``, and every number of the code's gradient
keeps its meaning: ``dL/db = dL/dw / phi(1)``. The code's own network is wider by one
unit in each layer but the last.
"""

import numpy as np

from gradcheck.contract.answers import Floats, Pair
from gradcheck.contract.protocol import NetworkLike as Network
from gradcheck.reading.trial import AT_ONE


def wider(widths: tuple[int, ...]) -> tuple[int, ...]:
    """Return the widths of the code's own network."""
    return (*(n + 1 for n in widths[:-1]), widths[-1])


def narrower(widths: tuple[int, ...]) -> tuple[int, ...]:
    """Return the widths of the network that code of given widths is read as."""
    return (*(n - 1 for n in widths[:-1]), widths[-1])


def _on(network: Network) -> list[float]:
    """What the unit that is always on gives, layer by layer: ``a[0]``, ``a[1]``, ..."""
    return [1.0, *(AT_ONE[name] for name in network.activations[:-1])]


def widen(network: Network, params: list[Pair], x: Floats) -> tuple[list[Floats], Floats]:
    """Return the weights of the code's own network, and its inputs."""
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


def narrow(network: Network, gradients: list[Floats]) -> list[Pair]:
    """Return the gradient by W and b from that by the code's own weights."""
    return [
        (g[:-1, :n_out].copy(), g[-1, :n_out] / on)
        for g, on, (_, n_out) in zip(gradients, _on(network), network.shapes, strict=True)
    ]
