"""From outputs to the loss of a batch."""

import numpy as np

from gradcheck.elementary import Array
from gradcheck.forward.evaluation import Activate, Evaluation, Pairs, activate, evaluate
from gradcheck.losses import LOSSES
from gradcheck.network import Network
from gradcheck.problem import Problem


def until_loss(network: Network, apply: Activate | None = None, epsilon: float = 0.0) -> Activate:
    """Return the activations without the output's, where the loss is written in z.

    Of an evaluation with them, only the losses mean anything.
    """
    apply = apply or activate(network)
    if epsilon or LOSSES[network.loss].through_logarithm is None:
        return apply
    plain = apply

    def hidden(layer: int, z: Array) -> Array:
        return z if layer == network.depth else plain(layer, z)

    return hidden


def sample_losses(network: Network, z: Array, a: Array, y: Array, epsilon: float = 0.0) -> Array:
    """Return the loss of each sample, (..., N).

    Parameters
    ----------
    z, a : Array
        (..., N, n[L]). Pre-activation and activation of the output layer.
    y : Array
        (N, n[L]). Targets.
    epsilon : float
        When not zero, the logarithmic losses are formed as ``log(a + epsilon)``.
    """
    loss = LOSSES[network.loss]
    if epsilon and loss.through_logarithm is not None:
        return loss.through_logarithm(z, a, y, epsilon)
    return loss.per_sample(z, a, y)


def reduce(network: Network, losses: Array) -> Array:
    """Return the mean or the sum over the last axis."""
    total: Array = losses.sum(axis=-1)
    return total / losses.shape[-1] if network.reduction == "mean" else total


def penalty(network: Network, pairs: Pairs) -> Array | float:
    """Return ``l2 / 2 * sum ||W||^2``."""
    if not network.l2:
        return 0.0
    squares = sum((w * w).sum(axis=(-2, -1)) for w, _ in pairs)
    total: Array = 0.5 * network.l2 * squares
    return total


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
    losses = sample_losses(network, run.z[-1], run.a[-1], y, epsilon)
    return np.asarray(reduce(network, losses) + penalty(network, pairs))


def loss_of(problem: Problem, epsilon: float = 0.0) -> float:
    """Return the loss of one problem."""
    batch = problem.batch
    return float(batch_loss(problem.network, problem.params.pairs, batch.x, batch.y, None, epsilon))
