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

Reading numbers as float64, where nothing may be lost on the way.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcheck.contract.posed import Floats
from gradcheck.errors import UsageError
from gradcheck.oracle.estimate import RUNGS, UNIT, extrapolate, steps
from gradcheck.oracle.evaluation import BLOCK

#: What to do about complex numbers.
_SPLIT = (
    "only real numbers are differenced: split it into real and imaginary parts, as in "
    "{'re': z.real, 'im': z.imag}, with a function of both that returns one real number"
)


def real(value: Any, what: str) -> Floats:
    """Return a float64 copy of what someone handed over.

    Parameters
    ----------
    value : array_like
    what : str
        What it is, for the message.

    Returns
    -------
    array
        float64, of the value's shape.

    Raises
    ------
    UsageError
        For complex numbers, whose imaginary part NumPy would drop with a warning at most
        (one of zeros too: it may be so by chance), for masked entries, and for what is no
        array of numbers.
    """
    try:
        array = np.asarray(value)
        if array.dtype.kind == "O":
            array = np.array([_number(item) for item in array.flat]).reshape(array.shape)
        if array.dtype.kind == "c":
            raise UsageError(f"{what} is complex; {_SPLIT}")
        if np.ma.is_masked(value):
            raise UsageError(f"{what} has masked entries; leave them out, or fill them")
        if array.dtype.kind not in "fiub":
            raise UsageError(f"{what} must hold numbers; got an array of {array.dtype}")
        return np.array(array, dtype=float)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{what} must be an array of numbers: {error}") from None


def short_floats(value: Any) -> str:
    """Name the arithmetic of an array that has fewer digits than float64; else empty.

    Parameters
    ----------
    value : array_like

    Returns
    -------
    str
        Such as ``float32``; ``""`` for float64 and for what holds no floats.
    """
    kind = np.asarray(value).dtype
    return kind.name if kind.kind == "f" and kind.itemsize < 8 else ""


def real_number(value: Any, what: str) -> float:
    """Return one number as a float; see :func:`real`."""
    if isinstance(value, float):
        return float(value)
    array = real(value, what)
    if array.size != 1:
        raise UsageError(f"{what} must be one number; got an array of shape {array.shape}")
    return float(array.reshape(()))


def _number(item: Any) -> Any:
    return item if isinstance(item, complex | np.complexfloating) else float(item)


#: Spacing of the points from which noise is measured, as a part of the scale.
NOISE_STEP = 1e-5

#: The same where that looks like structure: noise is as large there.
CLOSER = (1e-2, 1e-4, 1e-6)

#: How often the first step is divided by four in search of a smooth stretch.
SHRINKS = 12

#: First step, as a part of the scale of the point.
FIRST_STEP = 0.05

#: The same where a direction is checked again: no rung falls on one of the first ladder's.
FIRST_STEP_AGAIN = FIRST_STEP / 3.0

#: Values that a direction takes when its first stretch is smooth, as most are.
EVALUATIONS = 13 + 2 * RUNGS

#: Below this, the scale of a point is tried as that of the function.
SMALL = 1e-3

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
    rival : Interval or None
        What is found if variation over short stretches is taken for noise; None where that
        says the same.
    varies : bool
        What looked like noise is no noise between points closer together.
    """

    low: float
    high: float
    error: float
    rival: "Interval | None" = None
    varies: bool = False

    @property
    def width(self) -> float:
        """How far apart the slopes at both sides are."""
        return self.high - self.low

    def distance(self, claimed: float) -> float:
        """How far a claim is from the interval; NaN counts as infinitely far."""
        if np.isnan(claimed):
            return float("inf")
        return max(self.low - claimed, claimed - self.high, 0.0)


_VALUE = "the function's value"

#: Values of a function at a stack of points, (K, *shape) to (K,).
Values = Callable[[Floats], Floats]


def one_by_one(function: Callable[[Floats], float]) -> Values:
    """Evaluate a function that takes a single point at each point of a stack.

    Parameters
    ----------
    function : callable
        From an array of the point's shape to a number.

    Returns
    -------
    callable
        From K points, (K, *shape), to K values, (K,). It raises a UsageError where the function
        gives anything but one real number.
    """
    return lambda points: np.array([real_number(function(point), _VALUE) for point in points])


def in_stacks(function: Callable[[Floats], Floats]) -> Values:
    """Evaluate a function that takes stacks, in blocks below the oracle's bound.

    Parameters
    ----------
    function : callable
        From K points, (K, *shape), to K values, (K,).

    Returns
    -------
    callable
        The same, for any K.

    Raises
    ------
    UsageError
        By what is returned, when the function gives anything but real numbers.
    ValueError
        Likewise, when it does not give one number a point.
    """

    def values(points: Floats) -> Floats:
        together = max(1, BLOCK // max(1, points[0].nbytes))
        blocks = [points[k : k + together] for k in range(0, len(points), together)]
        found = [real(function(block), _VALUE) for block in blocks]
        wrong = next((f for f, b in zip(found, blocks, strict=True) if f.shape != (len(b),)), None)
        if wrong is not None:
            raise ValueError(f"{len(blocks[0])} points give an array of shape {wrong.shape}")
        return np.concatenate(found)

    return values


def directional_of(
    values: Values, point: Floats, direction: Floats, first: float = FIRST_STEP, closer: bool = True
) -> Interval:
    """Estimate the derivative along a direction from values at stacks of points.

    The first step moves the point by a part of its scale, or of 1 if that is more. A
    point whose own scale is small is stepped from by a part of that too: a function that
    varies as fast as that looks like noise from afar. Where the two contradict each
    other the near one is right, else the sharper one is taken.

    Parameters
    ----------
    values : callable
        From K points, (K, *shape), to the function's values there, (K,).
    point, direction : array
        Of the same shape.
    first : float
        The first step, as a part of the scale.
    closer : bool
        Whether to ask, of what looks like noise, some three dozen points closer together
        whether it is.

    Returns
    -------
    Interval
        In the value's unit, for a step of one ``direction``. Its error is infinite, and the
        rest NaN, where the function is not finite at the point.
    """
    largest = float(np.abs(point[direction != 0]).max(initial=0.0))
    far = _from(values, point, direction, max(1.0, largest), first, closer)
    if not 0.0 < largest < SMALL:
        return far
    near = _from(values, point, direction, largest, first, closer)
    if not np.isfinite(near.error):
        return far
    apart = max(near.distance(far.low), near.distance(far.high))
    agree = apart <= near.error + far.error
    return far if agree and far.error <= near.error else near


def _from(
    values: Values, point: Floats, direction: Floats, scale: float, part: float, closer: bool
) -> Interval:
    """Estimate with a first step that is a part of a scale of the point."""
    unit = scale / max(float(np.abs(direction).max(initial=0.0)), 1e-300)
    centre, noise = _centre_and_noise(values, point, direction, NOISE_STEP * unit)
    if not np.isfinite(centre):
        return Interval(float("nan"), float("nan"), float("inf"))
    found = _climbed(values, point, direction, part * unit, centre, noise)
    step = NOISE_STEP * unit
    finer = _finer(values, point, direction, step, centre, noise) if closer else None
    if finer is None:
        return found
    near = _climbed(values, point, direction, part * unit, centre, finer)
    if _agree(near, found):
        return replace(min(near, found, key=lambda each: each.error), varies=True)
    return replace(near, rival=found, varies=True)


def _finer(
    values: Values, point: Floats, direction: Floats, step: float, centre: float, noise: float
) -> float | None:
    """Return the noise between points closer together, if it is another there.

    What varies over short stretches looks like noise between points far apart: a wave, say,
    many times shorter than the point is large. Noise is as large between points close
    together, and a function cut to decimals does not vary there at all.
    """
    finer = None
    for part in CLOSER if noise > 1e3 * UNIT * abs(centre) else ():
        there = _along(values, point, direction, _PLACES * (part * step))
        left = _left(there)
        varies = float(np.ptp(there)) if np.isfinite(there).all() else 0.0
        if left < noise / 16.0 and varies > 16.0 * UNIT * abs(centre):
            finer = noise = left
    return finer


def _agree(near: Interval, far: Interval) -> bool:
    """Whether one number may be in both."""
    apart = max(near.low - far.high, far.low - near.high, 0.0)
    return bool(apart <= near.error + far.error)


def _climbed(
    values: Values,
    point: Floats,
    direction: Floats,
    first: float,
    centre: float,
    own_noise: float,
) -> Interval:
    """Climb ladders, each from a step a quarter of the last, until one is smooth."""
    largest = abs(centre)
    bent: Interval | None = None  # of the last stretch that looks like a kink
    rejected = 0.0  # the largest difference quotient on a stretch that is not smooth
    for _ in range(SHRINKS):
        h = steps(first)
        both = _along(values, point, direction, np.concatenate((h, -h)))
        up, down = both[: len(h)], both[len(h) :]
        finite = np.isfinite(both)
        largest = max(largest, float(np.abs(both[finite]).max(initial=0.0)))
        noise = max(8.0 * UNIT * largest, own_noise)
        quotients = (up - down) / (2 * h)
        if finite.all() and _smooth(up, down, centre, h, noise):
            if rejected and (both == centre).all():
                return Interval(0.0, 0.0, rejected)
            if bent is not None and bent.width <= 20 * noise / h[-1]:
                return bent  # what bent the last stretch has not gone: noise hides it here
            slope = extrapolate(h, quotients, noise)
            error = slope.error + HIDDEN * noise / slope.step
            return Interval(slope.value, slope.value, error)
        if finite.all():
            rejected = max(rejected, float(np.abs(quotients).max()))
            bends = np.abs(up - 2 * centre + down)[-2:] / h[-2:]
            seen = 20 * noise / h[-1]
            if bends[1] > max(0.75 * bends[0], seen):
                bent = _sharper(bent, _one_sided(up, down, centre, h, noise))
            elif bent is not None and bent.width > seen:
                bent = None  # it would show here, and does not
        first /= 4.0
    return _sharper(bent, _one_sided(up, down, centre, h, noise))


def _sharper(far: Interval | None, near: Interval) -> Interval:
    """Return the nearer interval, or the one farther off if it says the same more sharply."""
    return far if far is not None and far.error < near.error and _agree(near, far) else near


def _one_sided(up: Floats, down: Floats, centre: float, h: Floats, noise: float) -> Interval:
    """Return the interval between the slopes at both sides."""
    low, high = sorted(((up[-1] - centre) / h[-1], (centre - down[-1]) / h[-1]))
    curvature = abs(float((up[-2] - centre) / h[-2] - (up[-1] - centre) / h[-1]))
    return Interval(float(low), float(high), curvature + 2 * noise / float(h[-1]))


def _along(values: Values, point: Floats, direction: Floats, h: Floats) -> Floats:
    return values(point + h.reshape(-1, *(1,) * point.ndim) * direction)


def _centre_and_noise(
    values: Values, point: Floats, direction: Floats, step: float
) -> tuple[float, float]:
    """Evaluate at the point, and estimate the noise from values at points close together.

    There a smooth function is a polynomial; what a fit of degree 5 leaves is noise. The
    points are spaced irregularly: of a function cut to decimals, equal steps may all
    fall alike. (Compare More and Wild, SIAM J. Sci. Comput. 33, 2011.)
    """
    there = _along(values, point, direction, np.concatenate(([0.0], _PLACES * step)))
    centre, near = float(there[0]), there[1:]
    if not np.isfinite(near).all():
        return centre, 0.0
    return centre, _left(near)


def _left(near: Floats) -> float:
    """Return how large what a fit leaves is, fourfold."""
    left = near - _POLYNOMIALS @ (_POLYNOMIALS.T @ near)
    return float(4.0 * np.linalg.norm(left) / np.sqrt(len(near) - _POLYNOMIALS.shape[1]))


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
