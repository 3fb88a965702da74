"""How far differences may reach: the first step, and the rungs that stay on one side.

The first step lets no pre-activation move by more than :data:`REACH`, the scale on which
activations curve, and keeps every unit of a piecewise activation on its own side. The
sides are then checked at every rung, and rungs that cross are not used.
"""

import numpy as np

from gradcheck.activations import ACTIVATIONS, Array
from gradcheck.network import Network
from gradcheck.oracle.complex_step import STEP
from gradcheck.problem import Floats

#: How far a pre-activation may move at the first rung.
REACH = 0.1

#: How many times the step is halved, plus one. Of 12 000 ladders of random problems, saturated
#: ones among them, every best entry ended at the fifth rung or before.
RUNGS = 6

#: Where the ladder stands when it is heard again.
AGAIN = REACH / 3.0


def first_steps(network: Network, zs: list[Array], layer: int, reach: float) -> Floats:
    """Return the first step along each direction, (D,).

    Parameters
    ----------
    zs : list of array
        The pre-activations from ``layer`` on, (D, N, n), moved by an imaginary step along
        each direction: their imaginary parts are how fast they move.
    """
    first = np.full(len(zs[0]), reach)
    for here, z in enumerate(zs, start=layer):
        rate = np.abs(z.imag) / STEP
        first = np.minimum(first, reach / np.maximum(rate.max(axis=(1, 2)), 1e-300))
        if ACTIVATIONS[network.activations[here - 1]].pieces:
            distance = np.abs(z.real) / np.maximum(rate, 1e-300)
            distance = np.where(distance > 0, distance, np.inf)  # on the kink: pinned
            first = np.minimum(first, 0.5 * distance.min(axis=(1, 2)))
    nonzero: Floats = np.maximum(first, 1e-200)
    return nonzero


def rungs_on_one_side(network: Network, zs: list[Array], layer: int) -> Floats:
    """Count, from the smallest step up, the rungs on which no unit changes sides, (D,).

    Parameters
    ----------
    zs : list of array
        The pre-activations from ``layer`` on, at both sides of every rung, (D, K, 2, N, n).
    """
    same = np.ones((len(zs[0]), RUNGS), dtype=bool)
    for here, z in enumerate(zs, start=layer):
        if ACTIVATIONS[network.activations[here - 1]].pieces:
            side = z > 0
            same &= (side == side[:, -1:, :1]).all(axis=(2, 3, 4))
    crossing = ~same[:, ::-1]
    return np.where(crossing.any(axis=1), crossing.argmax(axis=1), RUNGS).astype(float)
