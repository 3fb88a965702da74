"""Random directions, and what they may miss.

The entries of a direction v are independent and uniform on ``[-sqrt 3, sqrt 3]``: variance
one. If the claim is off by e, then the density of <e, v> is nowhere above
``sqrt 2 / (2 sqrt 3 ||e||)``, whatever the shape of e: a hyperplane cuts no more than
sqrt 2 out of a unit cube (Ball, Cube slicing in R^n, Proceedings of the AMS 97, 1986). So
the chance that one direction shows less than t is at most ``0.817 t / ||e||``. Gaussians
would give 0.798 and take four times longer to draw. With signs +-1 or positive directions
no such bound holds: errors that cancel are missed at any size.
"""

import math

import numpy as np

from gradcheck.contract.posed import Floats

#: Two derivatives along a direction that differ by more joint bars than these disagree.
SLACK = 10.0

#: Half the side of the cube: entries of variance one.
_SIDE = math.sqrt(3.0)

#: Bound on the density of |<e, v>| for an e of length one.
_DENSITY = math.sqrt(2.0) / _SIDE


def drawn(rng: np.random.Generator, count: int, shape: tuple[int, ...]) -> Floats:
    """Draw random directions: independent entries of zero mean and variance one.

    Parameters
    ----------
    rng : numpy.random.Generator
    count : int
        How many directions.
    shape : tuple of int
        Of the array that is moved.

    Returns
    -------
    array
        (count, *shape), entries in ``[-sqrt 3, sqrt 3]``.
    """
    v = rng.random((count, *shape))
    v -= 0.5
    v *= 2.0 * _SIDE
    return v


def miss_probability(ratio: float, directions: int) -> float:
    """Bound the chance that all directions overlook an error.

    Parameters
    ----------
    ratio : float
        Size of the error over the bar of one directional estimate.
    directions : int
        How many independent directions agreed within their bars. Agreement within
        a bar that is itself off by up to a third of it shows 4/3 of a bar at most.

    Returns
    -------
    float
        Between 0 and 1.
    """
    if ratio <= 0:
        return 1.0
    single = min(1.0, _DENSITY * (4.0 / 3.0) / ratio)
    return float(single**directions)


def smallest_seen(bar: float, directions: int, probability: float = 1e-9) -> float:
    """Return the size of error that is missed with at most the given probability.

    Parameters
    ----------
    bar : float
        Of one directional estimate.
    directions : int
        How many independent directions agreed within it.
    probability : float
        Of missing such an error along all of them.

    Returns
    -------
    float
        Euclidean norm of the error, in the unit of the bar.
    """
    return float(_DENSITY * (4.0 / 3.0) * bar * probability ** (-1.0 / directions))
