"""Directional derivatives of any function of an array, by the ladder alone.

Nothing is known of the function but its values, so kinks are guessed from them.
With ``d(h)`` the central and ``S(h) = (f(h) - 2 f(0) + f(-h)) / h`` the second
difference, a smooth function has ``d(h) - d(h/2) = 4 (d(h/2) - d(h/4))`` and
``S(h) = 2 S(h/2)``; the first step is shrunk until both hold within noise. If they
never do, the point sits on a kink and the derivative is an interval between the
one-sided ones.

A kink too small to stand out from the noise is not found, so what noise may hide is
part of the bar. And a function that changes over long stretches but not at all over
short ones looks like one cut to decimals: its slope there says nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gradcheck.oracle.estimate import UNIT
from gradcheck.oracle.ladder import RUNGS, extrapolate, steps
from gradcheck.problem import Floats

#: Spacing of the points from which noise is measured, as a part of the scale.
NOISE_STEP = 1e-5

#: How often the first step is divided by four in search of a smooth stretch.
SHRINKS = 12

#: First step, as a part of the scale of the point.
FIRST = 0.05

#: The bar holds this many noises over the step, for a kink that noise hides. Of 10 000 right
#: gradients of a noisy sum of |x| none is called wrong then; with 3, one in 3000 is.
HIDDEN = 5.0


@dataclass(frozen=True)
class Interval:
    """A directional derivative: a number, or on a kink the range between one-sided ones.

    Attributes
    ----------
    low, high : float
        Equal off kinks.
    error : float
    """

    low: float
    high: float
    error: float

    def distance(self, claimed: float) -> float:
        """How far a claim is from the interval; NaN counts as infinitely far."""
        if np.isnan(claimed):
            return float("inf")
        return max(self.low - claimed, claimed - self.high, 0.0)


def directional(function: Callable[[Floats], float], point: Floats, direction: Floats) -> Interval:
    """Estimate the derivative of a function along a direction.

    Parameters
    ----------
    function : callable
        From an array of the point's shape to a number.
    point, direction : array
        Of the same shape.
    """
    scale = max(1.0, float(np.abs(point).max(initial=0.0)))
    first = FIRST * scale / max(float(np.abs(direction).max(initial=0.0)), 1e-300)
    centre = float(function(point))
    largest = abs(centre)
    own_noise = _noise(function, point, direction, NOISE_STEP * first / FIRST)
    rejected = 0.0  # the largest difference quotient on a stretch that is not smooth
    for _ in range(SHRINKS):
        h = steps(first)
        up = np.array([float(function(point + step * direction)) for step in h])
        down = np.array([float(function(point - step * direction)) for step in h])
        values = np.concatenate((up, down))
        finite = np.isfinite(values)
        largest = max(largest, float(np.abs(values[finite]).max(initial=0.0)))
        noise = max(8.0 * UNIT * largest, own_noise)
        quotients = (up - down) / (2 * h)
        if finite.all() and _smooth(up, down, centre, h, noise):
            if rejected and (values == centre).all():
                return Interval(0.0, 0.0, rejected)
            slope = extrapolate(h, quotients, noise)
            return Interval(slope.value, slope.value, slope.error + HIDDEN * noise / slope.step)
        if finite.all():
            rejected = max(rejected, float(np.abs(quotients).max()))
        first /= 4.0
    one_sided = sorted(((up[-1] - centre) / h[-1], (centre - down[-1]) / h[-1]))
    curvature = abs(float((up[-2] - centre) / h[-2] - (up[-1] - centre) / h[-1]))
    error = curvature + 2 * noise / float(h[-1])
    return Interval(float(one_sided[0]), float(one_sided[1]), error)


def _noise(
    function: Callable[[Floats], float], point: Floats, direction: Floats, step: float
) -> float:
    """Estimate the noise of a function from values at points close together.

    There a smooth function is a polynomial; what a fit of degree 5 leaves is noise. The
    points are spaced irregularly: of a function cut to decimals, equal steps may all
    fall alike. (Compare More and Wild, SIAM J. Sci. Comput. 33, 2011.)
    """
    values = np.array([float(function(point + t * step * direction)) for t in _PLACES])
    if not np.isfinite(values).all():
        return 0.0
    left = values - _POLYNOMIALS @ (_POLYNOMIALS.T @ values)
    return float(4.0 * np.linalg.norm(left) / np.sqrt(len(values) - _POLYNOMIALS.shape[1]))


#: Where noise is measured, in steps; and an orthonormal basis of polynomials there.
_PLACES = np.arange(12.0) + 0.4 * np.sin(3.0 * np.arange(12.0) ** 2)
_POLYNOMIALS = np.linalg.qr(np.vander(_PLACES / 12.0, 6))[0]


def _smooth(up: Floats, down: Floats, centre: float, h: Floats, noise: float) -> bool:
    """Compare three rungs at a time: do differences shrink as a smooth function's do?"""
    central = (up - down) / (2 * h)
    second = (up - 2 * centre + down) / h
    for k in range(RUNGS - 2):
        floor = 20 * noise / h[k + 2]
        change, next_change = central[k] - central[k + 1], central[k + 1] - central[k + 2]
        if abs(change - 4 * next_change) > floor + 0.2 * abs(change):
            return False
        bend = max(abs(second[k] - 2 * second[k + 1]), 2 * abs(second[k + 1] - 2 * second[k + 2]))
        if bend > floor + 0.1 * abs(second[k]):
            return False
    return True
