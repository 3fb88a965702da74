"""A number with an error bar."""

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from gradcheck.contract.posed import Floats

#: Unit roundoff of float64.
UNIT = 2.0**-53


@dataclass(frozen=True)
class Estimate:
    """A value, how far off it may be, and how wide a kink leaves it.

    Attributes
    ----------
    value : array
        The estimate; on a kink, the middle of the interval.
    error : array
        Same shape. A bound on truncation and roundoff together.
    interval : array
        Same shape, zero off kinks. Half the distance between the smallest and the
        largest derivative that the one-sided slopes allow.
    """

    value: Floats
    error: Floats
    interval: Floats = field(default_factory=lambda: np.zeros(()))

    @cached_property
    def noise(self) -> float:
        """Norm of the error bars; a pass over a large tensor, asked for more than once."""
        return length(self.error)

    @property
    def resolution(self) -> float:
        """Norm of the error bars over norm of the value; infinite where that is zero."""
        norm = length(self.value)
        return self.noise / norm if norm > 0 else float("inf")


def length(array: Floats) -> float:
    """Return the Euclidean norm of all entries: as numpy does, four times faster on a few.

    Parameters
    ----------
    array : array
        Any shape.

    Returns
    -------
    float
    """
    flat = array.ravel()
    return math.sqrt(float(flat @ flat))
