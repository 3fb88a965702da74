"""Parameters and a batch whose signal reaches every layer, forth and back, however deep."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from gradcheck.networks.activations import ACTIVATIONS
from gradcheck.networks.forward_pass import activate
from gradcheck.networks.network import Network
from gradcheck.networks.problem import Batch, Floats, Params, Problem
from gradcheck.networks.sampling import MAX_Z, Support, targets

#: Weights of a layer that neither kill a signal nor blow it up, times ``1 / sqrt(n_in)``: of most
#: activations, at most, and of those whose units feel each other.
_USUAL_GAIN, _LARGEST_GAIN, _SHARED_GAIN = 1.5, 4.0, 2.0

#: By how much z is moved from zero to see the slope there.
_BY = 1e-3

#: How near to the largest ``|z|`` a layer is brought.
_NEAR = 0.95


@dataclass(frozen=True)
class Manner:
    """What parameters are made to contain.

    Attributes
    ----------
    zero : collection of int
        Layers whose first unit gets a z of exactly zero.
    steep : collection of int
        Layers whose largest ``|z|`` is just below the bound.
    blank : collection of int
        Layers whose weights are all zero.
    biases : bool
        Whether there are any.
    """

    zero: Collection[int] = ()
    steep: Collection[int] = ()
    blank: Collection[int] = ()
    biases: bool = True


PLAIN = Manner()


def filled(
    rng: np.random.Generator,
    network: Network,
    samples: int,
    support: Support,
    x: Floats | None = None,
    y: Floats | None = None,
    manner: Manner = PLAIN,
) -> Problem:
    """Draw parameters and a batch.

    Parameters
    ----------
    x, y : array, optional
        Inputs and targets to take.
    manner : Manner, optional
    """
    if x is None:
        x = np.round(rng.standard_normal((samples, network.widths[0])), 2) + 0.0
    apply = activate(network)
    pairs, a = [], x
    for layer, (name, (n_in, n_out)) in enumerate(
        zip(network.activations, network.shapes, strict=True), start=1
    ):
        reach = max(1.0, float(np.sqrt(np.mean(a * a))))  # inputs of 1000 ask for small weights
        size = _gain(name) / np.sqrt(n_in) / reach
        w = digits(size * rng.standard_normal((n_in, n_out)), 3)
        b = digits(0.5 * rng.standard_normal(n_out), 3) * manner.biases
        if ACTIVATIONS[name].pieces and manner.biases:
            # of hidden units most on the side where something gets through; outputs on both
            b = np.abs(b) + 0.5 if layer < network.depth else _between(a @ w)
        elif ACTIVATIONS[name].pieces and layer > 1:
            w = np.abs(w)
        if layer in manner.zero:
            w[:, 0], b[0] = 0.0, 0.0
        w = w * (layer not in manner.blank)
        largest = float(np.abs(a @ w + b).max())
        if largest > MAX_Z or (layer in manner.steep and largest > 0):
            factor = _NEAR * MAX_Z / largest
            w, b = digits(w * factor, 3), digits(b * factor, 3)
        pairs.append((w, b))
        a = apply(layer, a @ w + b)
    if y is None:
        y = targets(rng, network, samples, support.one_hot)
    return Problem(network, Params(pairs), Batch(x, y))


def _gain(name: str) -> float:
    """About one over the slope at zero, and enough to bend it."""
    row = ACTIVATIONS[name]
    if not row.elementwise:
        return _SHARED_GAIN
    if row.pieces:  # its slope at zero is one of two
        return _USUAL_GAIN
    below, above = row.forward(np.array([-_BY, _BY]))
    slope = abs(float(above - below)) / (2.0 * _BY)
    return float(np.clip(round(1.0 / max(slope, _BY), 1), _USUAL_GAIN, _LARGEST_GAIN))


def _between(z: Floats) -> Floats:
    """Return biases that leave half the samples on either side of zero, and none on it."""
    ordered = np.sort(z, axis=0)
    low, high = ordered[(len(z) - 1) // 2], ordered[len(z) // 2]
    if len(z) % 2 and len(z) > 1:
        low = ordered[len(z) // 2 - 1]
    return digits(np.where(high - low > 0.01, -(low + high) / 2.0, 0.3 - high), 3)


def digits(values: Floats, count: int) -> Floats:
    """Round to so many digits that count: decimals would make nothing of small weights."""
    with np.errstate(divide="ignore"):
        places = np.floor(np.log10(np.abs(values)))
    unit = 10.0 ** (np.where(np.isfinite(places), places, 0.0) - count + 1)
    rounded: Floats = np.round(values / unit) * unit + 0.0
    return rounded
