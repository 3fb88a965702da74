"""The complex step where many outputs meet in one sum: all of them in one move.

Under a softmax each output is felt in every other, but only through the sum they share. So the
loss is moved by each unit's own part, all at once, with the sum held; and by the sum, once, which
each unit moves by its part in it. That costs a few evaluations where moving each unit by itself
costs one for each. But the largest unit of a sample is moved by itself: where it saturates, the
two parts cancel.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gradcheck.networks.activations import ACTIVATIONS, largest, total
from gradcheck.networks.forward_pass import Activate, output_terms, sample_losses
from gradcheck.networks.losses import LOSSES
from gradcheck.networks.network import Network
from gradcheck.networks.problem import Floats
from gradcheck.oracle.elementary import Array


@dataclass(frozen=True)
class OneSum:
    """A loss at a point, by the sum in which its units meet.

    Attributes
    ----------
    inner : callable
        What each unit adds to the sum, by its z.
    at_sum : callable
        The loss of each sample by the sum, (..., N), each unit's own z held.
    at_units : callable
        What each unit adds to the loss by its own z, (..., N, n), the sum held.
    """

    inner: Callable[[Array], Array]
    at_sum: Callable[[Array], Array]
    at_units: Callable[[Array], Array]


def meet(network: Network, epsilon: float = 0.0) -> bool:
    """Whether the outputs meet in one sum, as far as it is known how."""
    loss = LOSSES[network.loss]
    if loss.nested is not None and not epsilon:
        return True
    shares = ACTIVATIONS[network.activations[-1]].share is not None
    return shares and (bool(epsilon) or not loss.logarithmic)


def by_one_sum(
    network: Network, y: Floats, z: Array, until: Activate, epsilon: float, step: float
) -> Floats:
    """Return the derivative of each sample's loss by the output's z, where they :func:`meet`.

    Parameters
    ----------
    z : array
        (R, 1, N, n[L]).
    until : callable
        The activations up to the loss.
    epsilon : float
        Inside a logarithm of the loss.
    step : float
        The imaginary step.

    Returns
    -------
    delta : array
        (R, N, n[L]).
    """
    shifted = z - largest(z)
    if LOSSES[network.loss].nested is not None and not epsilon:
        loss = _written_so(network, y)
    else:
        together = until(network.depth, z + 1j * step)  # a softmax does not feel such a move
        loss = _by_shares(network, y, shifted, together, epsilon)
    moved = shifted + 1j * step
    within, own = loss.inner(moved).imag / step, loss.at_units(moved).imag / step
    whole = total(loss.inner(shifted)) + 1j * step
    delta: Floats = within * (loss.at_sum(whole).imag / step)[..., None] + own
    top = shifted.argmax(axis=-1)[..., None]
    alone = z.astype(np.complex128)
    np.put_along_axis(alone, top, np.take_along_axis(alone, top, -1) + 1j * step, -1)
    losses = sample_losses(network, alone, until(network.depth, alone), y, epsilon)
    np.put_along_axis(delta, top, (losses.imag / step)[..., None], -1)
    return delta[:, 0]


def _written_so(network: Network, y: Floats) -> OneSum:
    """Take a loss whose row is written by one sum."""
    loss = LOSSES[network.loss].nested
    assert loss is not None
    return OneSum(loss.inner, lambda whole: loss.outer(whole, y), lambda z: loss.plain(z, y))


def _by_shares(
    network: Network, y: Floats, shifted: Array, together: Array, epsilon: float
) -> OneSum:
    """Take a loss of outputs that are shares of one sum.

    Parameters
    ----------
    shifted : array
        z, less its largest entry.
    together : array
        The outputs where all z are moved together: what is added to the shares, and moved with
        them (:mod:`gradcheck.networks.fast_estimate.rounding`), is left over.
    """
    inner = ACTIVATIONS[network.activations[-1]].share
    assert inner is not None
    parts = inner(shifted)
    whole = total(parts)
    beside = together - parts / whole[..., None]

    def at_sum(moved: Array) -> Array:
        return total(_terms(network, parts / moved[..., None] + beside.real, y, epsilon))

    def at_units(z: Array) -> Array:
        return _terms(network, inner(z) / whole[..., None] + beside, y, epsilon)

    return OneSum(inner, at_sum, at_units)


def _terms(network: Network, a: Array, y: Floats, epsilon: float) -> Array:
    return output_terms(network, a, a, y, epsilon)  # with shares as outputs, none reads z
