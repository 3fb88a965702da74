"""The plain way to the primary estimate: move every entry of every parameter by itself.

From the moved entry on, everything is evaluated anew. It assumes nothing, takes none of
the shortcuts of :mod:`~gradcheck.networks.fast_estimate.complex_step`, and costs the
width of a layer more. The suite holds that way against this one.
"""

import numpy as np

from gradcheck.networks.definitions import LOSSES, Activate, Pairs, evaluate
from gradcheck.networks.fast_estimate.complex_step import STEP, Stack
from gradcheck.networks.problem import Floats, Problem
from gradcheck.oracle.evaluation import Array, blocks


def by_parameter(
    problem: Problem,
    pairs: Pairs,
    apply: Activate | None = None,
    batch: tuple[Array, Array] | None = None,
) -> Stack:
    """Differentiate a stack of points, one parameter entry at a time.

    Parameters
    ----------
    pairs : list of (W, b)
        W of shape (R, n[l-1], n[l]): the points.
    apply : callable, optional
        Replaces the activations.
    batch : (targets, shares), optional
        From :func:`~gradcheck.networks.fast_estimate.complex_step.moved_batch`.

    Returns
    -------
    gradients : list of (dW, db)
        dW of shape (R, n[l-1], n[l]).
    """
    gradients: Stack = []
    for layer, (w, b) in enumerate(pairs, start=1):
        gradients.append(
            (
                _entries(problem, pairs, layer, 0, w, apply, batch),
                _entries(problem, pairs, layer, 1, b, apply, batch),
            )
        )
    return gradients


def _entries(
    problem: Problem,
    pairs: Pairs,
    layer: int,
    which: int,
    tensor: Array,
    apply: Activate | None,
    batch: tuple[Array, Array] | None,
) -> Floats:
    network, x = problem.network, problem.batch.x
    y, shares = batch or (problem.batch.y, np.ones((1, 1, len(x))))
    runs, size = len(tensor), tensor[0].size
    gradient = np.empty((runs, size))
    for entries in blocks(size, runs * (size + len(x) * max(network.widths)), size=16):
        step = 1j * STEP * np.eye(size)[entries].reshape(-1, *tensor.shape[1:])
        points = [(w[:, None], b[:, None]) for w, b in pairs]
        pair = list(points[layer - 1])
        pair[which] = pair[which] + step
        points[layer - 1] = (pair[0], pair[1])
        run = evaluate(network, points, x, apply)
        losses = LOSSES[network.loss].per_sample(run.z[-1], run.a[-1], y).imag / STEP
        gradient[:, entries] = (shares * losses).sum(axis=-1)
    if network.reduction == "mean":
        gradient /= len(x)
    gradient = gradient.reshape(tensor.shape)
    return gradient + network.l2 * tensor if which == 0 else gradient
