"""How roundoff spreads: the gradient again, cheaply, at a stack of moved points.

Bars and grants need the gradient at several points that differ by roundoff, and only how
far it varies there. For that, every layer's slopes are chained backwards:

    delta[l] = (delta[l+1] W[l+1]^T) * Im phi(z[l] + ih) / h

which costs a backward pass, where following every unit's move costs one forward a unit.
Values come from :mod:`~gradcheck.networks.fast_estimate.complex_step`, bars from here:
:data:`SPREADS` times the largest change is what rounding may have done. Against 80-bit and
mpmath truth the error has stayed within 19 spreads, with 8 u of the tensor's norm as a floor.
"""

from collections.abc import Iterator

import numpy as np

from gradcheck.networks.fast_estimate.complex_step import Sloped, Stack, spread
from gradcheck.networks.fast_estimate.points import FURTHEST
from gradcheck.networks.problem import Floats
from gradcheck.oracle.blocks import rows_of
from gradcheck.oracle.elementary import Array
from gradcheck.oracle.estimate import UNIT, length

#: The bar is this many times the largest change among the moved runs.
SPREADS = 30.0

#: ... plus this many units of roundoff of the tensor's norm.
FLOOR = 8.0


def bars(parts: Sloped, stack: Stack) -> Stack:
    """Return the error bars of a gradient.

    Parameters
    ----------
    stack : Stack
        The gradient, as its first run.

    Returns
    -------
    bars : list of (dW, db)
        One of each, without the leading axis.
    """
    found = [_bars(parts, layer, delta, stack[layer - 1]) for layer, delta in deltas(parts)]
    return found[::-1]


def floor(values: Floats) -> float:
    """Return the part of a tensor's bars that is alike for all its entries."""
    return FLOOR * UNIT * length(values)


def bar(spread_: Floats, least: float) -> Floats:
    """Return bars from how far roundoff moves each entry, and their :func:`floor`."""
    return SPREADS * spread_ + least


def _bars(
    parts: Sloped, layer: int, delta: Floats, runs: tuple[Array, Array]
) -> tuple[Floats, Floats]:
    least_w, least_b = (floor(values[0]) for values in runs)
    if layer == 1:
        apart = delta[1:] - delta[:1]
        spread_b = np.abs(apart.sum(axis=1)).max(axis=0)
        return _bars_of_first_weights(parts, apart, least_w), bar(spread_b, least_b)
    dw, db = parts.gradient(layer, delta)
    return bar(spread(dw), least_w), bar(spread(db), least_b)


def _bars_of_first_weights(parts: Sloped, apart: Floats, least: float) -> Floats:
    """Return the bars of dW[1], some rows at a time: it may be the largest tensor.

    Parameters
    ----------
    apart : array
        How far delta[1] is from the first run's, (R - 1, N, n[1]). The inputs are the same.
    """
    (w, _), x, l2 = parts.problem.params.pairs[0], parts.problem.batch.x, parts.problem.network.l2
    bars_w = np.empty(w.shape)
    for rows in rows_of(w, x, len(apart)):
        moved = x[:, rows].T @ apart
        furthest = np.abs(moved, out=moved).max(axis=0)
        if l2:  # the one place where the first W itself is felt
            furthest += FURTHEST * UNIT * l2 * np.abs(w[rows])
        bars_w[rows] = bar(furthest, least)
    return bars_w


def deltas(parts: Sloped) -> Iterator[tuple[int, Floats]]:
    """Yield each layer and the derivative by its z, (R, N, n[l]), from the last to the first."""
    delta = parts.delta
    for layer in range(parts.problem.network.depth, 0, -1):
        yield layer, delta
        if layer > 1:
            w = parts.points.pairs[layer - 1][0][:, 0]
            delta = (delta @ np.swapaxes(w, -1, -2)) * parts.slopes[layer - 2][:, 0]
