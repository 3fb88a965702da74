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
    first = max(len(h) - usable, 0)
    best = Slope(float("nan"), float("inf"), float("nan"))
    previous: list[float] = []
    for k in range(first, len(h)):
        row = [float(differences[k])]
        if not np.isfinite(row[0]):
            previous = []
            continue
        amplification = 1.0
        for j in range(1, len(previous) + 1):
            factor = 4.0**j
            row.append((factor * row[j - 1] - previous[j - 1]) / (factor - 1.0))
            amplification *= (factor + 1.0) / (factor - 1.0)
            change = max(abs(row[j] - row[j - 1]), abs(row[j] - previous[j - 1]))
            bar = change + amplification * noise / h[k]
            if bar < best.error:
                best = Slope(row[j], bar, float(h[k]))
        previous = row
    return best
