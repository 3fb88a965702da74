"""Real central differences on a ladder of steps, extrapolated.

``D(h) = (f(x + hv) - f(x - hv)) / 2h`` is formed at h, h/2, h/4, ... and
extrapolated to h = 0 (Ridders, Advances in Engineering Software 4, 1982). Entry
(k, j) of the table combines rungs k-j..k; its bar is how much it changed from the
entries it was made of, plus the noise of f divided by the step and carried through
the extrapolation (at most a factor 2 of it). The entry with the smallest bar wins.

Choosing points and judging values are separate, so that values may come from
anywhere: our forward, a callable, or code under test in another process.
"""

from dataclasses import dataclass

import numpy as np

from gradcheck.problem import Floats

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
    """Return the steps ``first / 2**k``; a trailing axis is added."""
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
    """
    return extrapolate_all(
        np.asarray(h)[None], np.asarray(differences)[None], np.array([noise]), np.array([usable])
    )[0]


def extrapolate_all(h: Floats, differences: Floats, noise: Floats, usable: Floats) -> list[Slope]:
    """Extrapolate many ladders at once; shapes (D, K), (D, K), (D,) and (D,)."""
    count, rungs = h.shape
    crossing = np.arange(rungs) < rungs - usable[:, None]
    column = np.where(crossing | ~np.isfinite(differences), np.nan, differences)
    values = np.full((rungs - 1, count, rungs), np.nan)
    bars = np.full((rungs - 1, count, rungs), np.nan)
    amplification = 1.0
    with np.errstate(all="ignore"):  # a rung that is not usable is NaN, and so is what it enters
        for j in range(1, rungs):
            factor = 4.0**j
            left, above = column[:, 1:], column[:, :-1]
            column = (factor * left - above) / (factor - 1.0)
            amplification *= (factor + 1.0) / (factor - 1.0)
            change = np.maximum(np.abs(column - left), np.abs(column - above))
            values[j - 1, :, j:] = column
            bars[j - 1, :, j:] = change + amplification * noise[:, None] / h[:, j:]
    bars = np.where(np.isnan(bars), np.inf, bars)
    order = bars.transpose(1, 2, 0).reshape(count, -1)  # of equal bars, the largest step
    best = order.argmin(axis=1)
    rung, power = np.divmod(best, rungs - 1)
    each = np.arange(count)
    bar = order[each, best]
    told = np.isfinite(bar)
    value = np.where(told, values[power, each, rung], np.nan)
    step = np.where(told, h[each, rung], np.nan)
    bar = np.where(told, bar, np.inf)
    return [
        Slope(*slope) for slope in zip(value.tolist(), bar.tolist(), step.tolist(), strict=True)
    ]
