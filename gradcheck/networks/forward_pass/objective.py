"""From outputs to the loss of a batch."""

import numpy as np

from gradcheck.networks.activations import ACTIVATIONS, total
from gradcheck.networks.forward_pass.evaluation import (
    Activate,
    Evaluation,
    Pairs,
    activate,
    evaluate,
)
from gradcheck.networks.losses import LOSSES
from gradcheck.networks.network import Network
from gradcheck.networks.problem import Problem
from gradcheck.oracle.elementary import Array


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
        return total(loss.through_logarithm(z, a, y, epsilon))
    return loss.per_sample(z, a, y)


def separable(network: Network) -> bool:
    """Whether each output adds a term to the loss in which no other output is felt."""
    own = ACTIVATIONS[network.activations[-1]].elementwise
    return own and LOSSES[network.loss].terms is not None


def output_terms(network: Network, z: Array, a: Array, y: Array, epsilon: float = 0.0) -> Array:
    """Return what each output adds to its sample's loss, (..., N, n[L]).

    Parameters as of :func:`sample_losses`; the loss has terms, with this epsilon.
    """
    loss = LOSSES[network.loss]
    if epsilon and loss.through_logarithm is not None:
        return loss.through_logarithm(z, a, y, epsilon)
    assert loss.terms is not None
    return loss.terms(z, a, y)


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
    losses = sample_losses(network, run.z[-1], run.a[-1], y, epsilon)
    return np.asarray(reduce(network, losses) + penalty(network, pairs))


def loss_of(problem: Problem, epsilon: float = 0.0) -> float:
    """Return the loss of one problem."""
    batch = problem.batch
    return float(batch_loss(problem.network, problem.params.pairs, batch.x, batch.y, None, epsilon))
