"""Derivatives with error bars: real differences along random directions, extrapolated.

The directions, and what they may miss: the entries of a direction v are independent and
uniform on ``[-sqrt 3, sqrt 3]``, so of variance one. If the claim is off by
e, then the density of <e, v> is nowhere above
``sqrt 2 / (2 sqrt 3 ||e||)``, whatever the shape of e: a hyperplane cuts no more than
sqrt 2 out of a unit cube (Ball, Cube slicing in R^n, Proceedings of the AMS 97, 1986). So
the chance that one direction shows less than t is at most ``0.817 t / ||e||``. Gaussians
would give 0.798 and take four times longer to draw. With signs +-1 or positive directions
no such bound holds: errors that cancel are missed at any size.

The ladder of steps. ``D(h) = (f(x + hv) - f(x - hv)) / 2h`` is formed at h, h/2, h/4, ... and
extrapolated to h = 0 (Ridders, Advances in Engineering Software 4, 1982). Entry
(k, j) of the table combines rungs k-j..k; its bar is how much it changed from the
entries it was made of, plus the noise of f divided by the step and carried through
the extrapolation (at most a factor 2 of it). The entry with the smallest bar wins.

Choosing points and judging values are separate, so that values may come from
anywhere: our forward, a callable, or code under test in another process.
"""

import math
from dataclasses import dataclass, field
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

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


#: How many times the step is halved, plus one.
RUNGS = 9


@dataclass(frozen=True)
class Slope:
    """A directional derivative from differences.

    Attributes
    ----------
    value : float
    error : float
        Bound on truncation and roundoff; infinite when no two rungs were usable.
    step : float
        The smallest step of the combination that won.
    """

    value: float
    error: float
    step: float


def steps(first: float | Floats, rungs: int = RUNGS) -> Floats:
    """Return the steps ``first / 2**k``; a trailing axis is added.

    Parameters
    ----------
    first : float or array
        The largest step of each ladder.
    rungs : int
        How many steps a ladder has.

    Returns
    -------
    array
        (*shape of first, rungs), each half of the one before.
    """
    halvings = 0.5 ** np.arange(rungs)
    ladder: Floats = np.asarray(first)[..., None] * halvings
    return ladder


def extrapolate(h: Floats, differences: Floats, noise: float, usable: int = RUNGS) -> Slope:
    """Extrapolate central differences to step zero.

    Parameters
    ----------
    h : array
        (K,). The steps, each half of the one before.
    differences : array
        (K,). The central differences at these steps.
    noise : float
        Absolute error of one value of f.
    usable : int
        How many of the smallest steps may be used: the larger ones reach across a
        kink.

    Returns
    -------
    Slope
        Its error is infinite when no two rungs were usable.
    """
    value, error, step = extrapolate_all(
        np.asarray(h)[None], np.asarray(differences)[None], np.array([noise]), np.array([usable])
    )
    return Slope(float(value[0]), float(error[0]), float(step[0]))


def extrapolate_all(
    h: Floats, differences: Floats, noise: Floats, usable: NDArray[np.int_]
) -> tuple[Floats, Floats, Floats]:
    """Extrapolate many ladders at once.

    Parameters
    ----------
    h, differences : array
        (D, K).
    noise, usable : array
        (D,).

    Returns
    -------
    value, error, step : array
        (D,), as the attributes of :class:`Slope`.
    """
    table = _table(h.shape[1])
    missing = ~np.isfinite(differences) | (np.arange(h.shape[1]) < h.shape[1] - usable[:, None])
    known = np.where(missing, 0.0, differences)
    change = np.abs(known @ table.changes).max(axis=0)
    bars = change + table.amplification * noise[:, None] / h[:, table.rung]
    bars[(missing @ table.uses) | np.isnan(bars)] = np.inf
    each, best = np.arange(len(h)), bars.argmin(axis=1)  # of equal bars, the largest step
    error: Floats = bars[each, best]
    told = np.isfinite(error)
    value = np.where(told, (known @ table.entries)[each, best], np.nan)
    return value, error, np.where(told, h[each, table.rung[best]], np.nan)


@dataclass(frozen=True)
class _Table:
    """A Ridders table of E entries as what it is: linear in the differences at K steps."""

    entries: Floats  # (K, E): each entry from the differences; from the largest step on
    changes: Floats  # (2, K, E): how it changed from the two entries that it was made of
    uses: NDArray[np.bool_]  # (K, E): which differences it holds
    amplification: Floats  # (E,): what it makes of noise in them, at most
    rung: NDArray[np.int_]  # (E,): the smallest step that it holds


@cache
def _table(rungs: int) -> _Table:
    column, amplification, made = np.eye(rungs), 1.0, []
    for j in range(1, rungs):
        factor = 4.0**j
        left, above = column[1:], column[:-1]
        column = (factor * left - above) / (factor - 1.0)
        amplification *= (factor + 1.0) / (factor - 1.0)
        for k, entry, one, other in zip(range(j, rungs), column, left, above, strict=True):
            made.append((k, j, entry, (entry - one, entry - other), amplification))
    made.sort(key=lambda entry: entry[:2])
    entries = np.array([entry for _, _, entry, _, _ in made]).T
    return _Table(
        entries=entries,
        changes=np.array([changes for _, _, _, changes, _ in made]).transpose(1, 2, 0),
        uses=entries != 0.0,
        amplification=np.array([amplified for _, _, _, _, amplified in made]),
        rung=np.array([k for k, _, _, _, _ in made]),
    )
