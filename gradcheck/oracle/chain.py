"""How roundoff spreads: the gradient again, cheaply, at a stack of moved points.

Bars and grants need the gradient at several points that differ by roundoff, and only how
far it varies there. For that, every layer's slopes are chained backwards:

    delta[l] = (delta[l+1] W[l+1]^T) * Im phi(z[l] + ih) / h

which costs a backward pass, where following every unit's move costs one forward a unit.
No estimate is made here: values come from
:func:`~gradcheck.oracle.complex_step.by_preactivation`.
"""

from collections.abc import Iterator

import numpy as np

from gradcheck.oracle.blocks import blocks
from gradcheck.oracle.complex_step import Sloped, Stack, spread
from gradcheck.oracle.estimate import UNIT
from gradcheck.oracle.points import FURTHEST
from gradcheck.problem import Floats


def by_chain(parts: Sloped) -> Stack:
    """Differentiate a stack of points by the chain rule over layers.

    Same argument and result as
    :func:`~gradcheck.oracle.complex_step.by_preactivation`.
    """
    return [parts.gradient(layer, delta) for layer, delta in _deltas(parts)][::-1]


def spreads(parts: Sloped) -> Stack:
    """Return how far the gradient varies among the points: (dW, db) a layer, one of each."""
    return [_spread(parts, layer, delta) for layer, delta in _deltas(parts)][::-1]


def _spread(parts: Sloped, layer: int, delta: Floats) -> tuple[Floats, Floats]:
    if layer > 1:
        dw, db = parts.gradient(layer, delta)
        return spread(dw), spread(db)
    # the inputs are the same at all points, and the tensor may be the largest: a part at a time
    x, apart = parts.problem.batch.x, delta[1:] - delta[:1]
    furthest = np.zeros((x.shape[1], apart.shape[2]))
    for rows in blocks(*furthest.shape):
        for moved in apart:
            dw = x[:, rows].T @ moved
            np.maximum(furthest[rows], np.abs(dw, out=dw), out=furthest[rows])
    if l2 := parts.problem.network.l2:  # the one place where the first W itself is felt
        furthest += FURTHEST * UNIT * l2 * np.abs(parts.problem.params.pairs[0][0])
    return furthest, np.abs(apart.sum(axis=1)).max(axis=0)


def _deltas(parts: Sloped) -> Iterator[tuple[int, Floats]]:
    """Yield each layer and the derivative by its z, (R, N, n[l]), from the last to the first."""
    delta = parts.delta
    for layer in range(parts.problem.network.depth, 0, -1):
        yield layer, delta
        if layer > 1:
            w = parts.points.pairs[layer - 1][0][:, 0]
            delta = (delta @ np.swapaxes(w, -1, -2)) * parts.slopes[layer - 2][:, 0]
