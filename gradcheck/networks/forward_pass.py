"""Evaluation of a network: the only mathematics a verdict rests on.

Everything here works on real and complex numbers, and on stacks: any array may
carry leading axes, so that one call evaluates many points.

From inputs to outputs: ``z[l] = a[l-1] @ W[l] + b[l]``, ``a[l] = phi_l(z[l])``.

From outputs to the loss of a batch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gradcheck.networks.activations import ACTIVATIONS
from gradcheck.networks.losses import LOSSES
from gradcheck.networks.network import Network
from gradcheck.networks.problem import Problem
from gradcheck.oracle.elementary import Array

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
    run = resume(network, pairs, {1: _affine(x, *pairs[0])}, apply)
    return Evaluation(run.z, [x, *run.a])


def _affine(a: Array, w: Array, b: Array) -> Array:
    z: Array = a @ w
    if b.ndim == 1 and z.ndim > 2:  # a stack: numpy adds whole samples faster than short rows
        b = np.repeat(b[None], z.shape[-2], axis=0)
        return z + b
    return z + b[..., None, :]


def resume(
    network: Network, pairs: Pairs, starts: Mapping[int, Array], apply: Activate | None = None
) -> Evaluation:
    """Resume forward passes from pre-activations, each from a layer of its own.

    Parameters
    ----------
    starts : mapping of int to Array
        By layer, from 1: the pre-activations that start there, (P[layer], ..., N, n[layer]).

    Returns
    -------
    Evaluation
        From the first layer in which any starts: those from earlier layers first, so that
        the last ``z`` holds all of them, (P, ..., N, n[L]).
    """
    apply = apply or activate(network)
    zs: list[Array] = []
    activations: list[Array] = []
    for layer in range(min(starts), network.depth + 1):
        w, b = pairs[layer - 1]
        here = [_affine(activations[-1], w, b)] if activations else []
        here += [starts[layer]] if layer in starts else []
        zs.append(here[0] if len(here) == 1 else np.concatenate(here))
        activations.append(apply(layer, zs[-1]))
    return Evaluation(zs, activations)


def until_loss(network: Network, apply: Activate | None = None, epsilon: float = 0.0) -> Activate:
    """Return the activations without the output's, where the loss is written in z.

    Of an evaluation with them, only the losses mean anything.
    """
    apply = apply or activate(network)
    if epsilon or not LOSSES[network.loss].logarithmic:
        return apply
    plain = apply

    def hidden(layer: int, z: Array) -> Array:
        return z if layer == network.depth else plain(layer, z)

    return hidden


def separable(network: Network) -> bool:
    """Whether each output adds a term to the loss in which no other output is felt."""
    own = ACTIVATIONS[network.activations[-1]].elementwise
    return own and LOSSES[network.loss].terms is not None


def reduce(network: Network, losses: Array) -> Array:
    """Return the mean or the sum over the last axis."""
    whole: Array = losses.sum(axis=-1)
    return whole / losses.shape[-1] if network.reduction == "mean" else whole


def penalty(network: Network, pairs: Pairs) -> Array | float:
    """Return ``l2 / 2 * sum ||W||^2``."""
    if not network.l2:
        return 0.0
    squares = sum((w * w).sum(axis=(-2, -1)) for w, _ in pairs)
    whole: Array = 0.5 * network.l2 * squares
    return whole


def batch_loss(
    network: Network,
    pairs: Pairs,
    x: Array,
    y: Array,
    apply: Activate | None = None,
    epsilon: float = 0.0,
) -> Array:
    """Return the loss of a batch for every point of a stack, shape (...)."""
    return loss_at(network, pairs, evaluate(network, pairs, x, apply), y, epsilon)


def loss_at(
    network: Network, pairs: Pairs, run: Evaluation, y: Array, epsilon: float = 0.0
) -> Array:
    """Return the loss of a forward pass that has been run, for every point of a stack."""
    losses = LOSSES[network.loss].per_sample(run.z[-1], run.a[-1], y, epsilon)
    return np.asarray(reduce(network, losses) + penalty(network, pairs))


def loss_of(problem: Problem, epsilon: float = 0.0) -> float:
    """Return the loss of one problem."""
    batch = problem.batch
    return float(batch_loss(problem.network, problem.params.pairs, batch.x, batch.y, None, epsilon))
