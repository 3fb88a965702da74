"""From inputs to outputs: ``z[l] = a[l-1] @ W[l] + b[l]``, ``a[l] = phi_l(z[l])``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gradcheck.activations import ACTIVATIONS, Array
from gradcheck.network import Network

#: ``(layer, z) -> a``: what is applied to a pre-activation, layers from 1.
Activate = Callable[[int, Array], Array]

#: ``[(W, b), ...]`` with leading axes: W is (..., n[l-1], n[l]), b is (..., n[l]).
Pairs = Sequence[tuple[Array, Array]]


@dataclass(frozen=True)
class Evaluation:
    """All pre-activations and activations of one forward pass.

    Attributes
    ----------
    z : list of Array
        ``z[l - 1]`` is the pre-activation of layer l, (..., N, n[l]).
    a : list of Array
        ``a[l]`` is the activation of layer l, (..., N, n[l]); ``a[0]`` is x.
    """

    z: list[Array]
    a: list[Array]


def activate(network: Network) -> Activate:
    """Return the plain activation of each layer of a network."""

    def apply(layer: int, z: Array) -> Array:
        return ACTIVATIONS[network.activations[layer - 1]].forward(z)

    return apply


def evaluate(network: Network, pairs: Pairs, x: Array, apply: Activate | None = None) -> Evaluation:
    """Run a whole forward pass.

    Parameters
    ----------
    network : Network
    pairs : sequence of (W, b)
        W of shape (..., n[l-1], n[l]) and b of shape (..., n[l]); leading axes
        broadcast.
    x : Array
        (..., N, n[0]).
    apply : callable, optional
        Replaces the plain activations; see :data:`Activate`.
    """
    apply = apply or activate(network)
    zs: list[Array] = []
    activations = [x]
    for layer, (w, b) in enumerate(pairs, start=1):
        zs.append(activations[-1] @ w + b[..., None, :])
        activations.append(apply(layer, zs[-1]))
    return Evaluation(zs, activations)


def restart(
    network: Network, pairs: Pairs, layer: int, z: Array, apply: Activate | None = None
) -> tuple[Array, Array]:
    """Resume a forward pass from a pre-activation of one layer.

    Parameters
    ----------
    layer : int
        The layer whose pre-activation is given, from 1.
    z : Array
        (..., N, n[layer]).

    Returns
    -------
    z, a : Array
        Pre-activation and activation of the output layer, (..., N, n[L]).
    """
    run = resume(network, pairs, layer, z, apply)
    return run.z[-1], run.a[-1]


def resume(
    network: Network, pairs: Pairs, layer: int, z: Array, apply: Activate | None = None
) -> Evaluation:
    """Resume a forward pass as :func:`restart` does, and keep every layer from there on.

    Returns
    -------
    Evaluation
        ``z[0]`` and ``a[0]`` are those of the given layer.
    """
    apply = apply or activate(network)
    zs, activations = [z], [apply(layer, z)]
    for later, (w, b) in enumerate(pairs[layer:], start=layer + 1):
        zs.append(activations[-1] @ w + b[..., None, :])
        activations.append(apply(later, zs[-1]))
    return Evaluation(zs, activations)
