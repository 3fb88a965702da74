"""Random directions, and what they may miss.

If the claim is off by e and v is a standard Gaussian, then <e, v> is normal with
standard deviation ||e||, whatever the shape of e. So the chance that one direction
shows less than t is ``erf(t / (sqrt(2) ||e||)) <= 0.798 t / ||e||``. With signs +-1
or positive directions in place of Gaussians no such bound holds: errors that
cancel are missed at any size.
"""

import math

import numpy as np

from gradcheck.problem import Floats

#: sqrt(2 / pi): density of |N(0, 1)| at zero.
_DENSITY = math.sqrt(2.0 / math.pi)


def gaussian(rng: np.random.Generator, count: int, shape: tuple[int, ...]) -> Floats:
    """Return ``count`` standard Gaussian directions, (count, *shape)."""
    return rng.standard_normal((count, *shape))


def miss_probability(ratio: float, directions: int) -> float:
    """Bound the chance that all directions overlook an error.

    Parameters
    ----------
    ratio : float
        Size of the error over the bar of one directional estimate.
    directions : int
        How many independent directions agreed within their bars. Agreement within
        a bar that is itself off by up to a third of it shows 4/3 of a bar at most.
    """
    if ratio <= 0:
        return 1.0
    single = min(1.0, _DENSITY * (4.0 / 3.0) / ratio)
    return float(single**directions)


def smallest_seen(bar: float, directions: int, probability: float = 1e-9) -> float:
    """Return the size of error that is missed with at most the given probability."""
    return float(_DENSITY * (4.0 / 3.0) * bar * probability ** (-1.0 / directions))
