"""Checking the gradient of any function: random directions, a verdict, a bound.

For code that is no network. Only values of the function are used; what cannot be
told from them is ``unresolved``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gradcheck.errors import UsageError
from gradcheck.judging import RESOLVED
from gradcheck.oracle.directions import gaussian, miss_probability, smallest_seen
from gradcheck.oracle.estimate import UNIT
from gradcheck.oracle.function import directional
from gradcheck.oracle.witness import SLACK
from gradcheck.verdict import Verdict

#: Directions unless told otherwise: an error of 100 bars escapes them with 1e-14.
DIRECTIONS = 7

#: A claim within this many bars agrees.
BARS = 3.0


@dataclass(frozen=True)
class FunctionCheck:
    """How a claimed gradient of a function came out.

    Attributes
    ----------
    verdict : Verdict
    message : str
    resolution : float
        Largest bar of a direction over the gradient's norm.
    smallest_seen : float
        An error of this part of the gradient's norm would have been missed with a
        probability of at most 1e-9.
    miss_probability : float
        Bound on the probability that an error as large as a thousandth of the
        gradient went unseen.
    on_kink : bool
    """

    verdict: Verdict
    message: str
    resolution: float
    smallest_seen: float
    miss_probability: float
    on_kink: bool


def check_function(
    function: Callable[[np.ndarray], float],
    point: ArrayLike,
    gradient: ArrayLike,
    *,
    directions: int = DIRECTIONS,
    seed: int = 0,
) -> FunctionCheck:
    """Judge a claimed gradient of a function at a point.

    Parameters
    ----------
    function : callable
        From a float64 array of the point's shape to one number.
    point : array_like
    gradient : array_like
        Of the point's shape.
    directions : int
        How many Gaussian directions are differenced.
    seed : int
        Of the directions.

    Returns
    -------
    FunctionCheck

    Raises
    ------
    UsageError
        When the shapes differ, the point is not finite, or there is nothing to compare.
    """
    x, claim = np.array(point, dtype=float), np.array(gradient, dtype=float)
    if x.shape != claim.shape or x.size == 0:
        raise UsageError(f"the gradient must have the point's shape {x.shape}; got {claim.shape}")
    if not np.isfinite(x).all():
        raise UsageError("the point has an entry that is not finite")
    if directions < 1:
        raise UsageError(f"directions must be 1 or more; got {directions}")
    if not np.isfinite(claim).all():
        message = "The gradient is wrong: it has entries that are not finite."
        return FunctionCheck(Verdict.WRONG, message, float("inf"), float("inf"), 1.0, False)
    norm = float(np.linalg.norm(claim))
    rounding = UNIT * float(np.sqrt(x.size)) * norm
    bar, kink, far, size = 0.0, False, 0.0, norm
    for v in gaussian(np.random.default_rng(seed), directions, x.shape):
        estimate = directional(lambda p: function(p.copy()), x, v)
        bars = BARS * estimate.error + SLACK * rounding
        if not np.isfinite((estimate.low, estimate.high, bars)).all():
            bar = float("inf")  # the function has no finite values here: nothing to compare with
            continue
        off = estimate.distance(float((claim * v).sum()))
        bar, kink = max(bar, bars), kink or estimate.low < estimate.high
        far = max(far, off / bars if bars > 0 else (np.inf if off > 0 else 0.0))
        size = max(size, abs(estimate.low), abs(estimate.high))
    resolution = bar / size if size > 0 else float("inf")
    missed = miss_probability(1e-3 * size / bar, directions) if bar > 0 else 0.0
    seen = smallest_seen(resolution, directions)
    verdict, message = _verdict(far, resolution, size, bar, kink, seen, norm > 0)
    return FunctionCheck(verdict, message, resolution, seen, missed, kink)


def _verdict(
    far: float,
    resolution: float,
    size: float,
    bar: float,
    kink: bool,
    seen: float,
    claimed: bool,
) -> tuple[Verdict, str]:
    if far > 1 and np.isfinite(bar):
        return Verdict.WRONG, f"The gradient is wrong: it is off by {far:.1e} error bars."
    if size <= bar and not claimed:
        return Verdict.UNRESOLVED, "Gradient and estimate are both zero here: nothing was compared."
    if not resolution <= RESOLVED:
        return Verdict.UNRESOLVED, "The function is too noisy or too rough here to tell."
    where = " The point is on a kink; the one-sided interval was accepted." if kink else ""
    return (
        Verdict.CORRECT,
        f"The gradient is right: an error of {seen:.0e} of its norm would have been seen "
        f"(missed with a probability below 1e-9).{where}",
    )
