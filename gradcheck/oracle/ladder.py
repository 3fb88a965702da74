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
from functools import cache

import numpy as np
from numpy.typing import NDArray

from gradcheck.contract.posed import Floats

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
    """A Ridders table of E entries as what it is: linear in the differences at K steps.

    Attributes
    ----------
    entries : array
        (K, E). Each entry from the differences; from the largest step on.
    changes : array
        (2, K, E). How it changed from the two entries that it was made of.
    uses : array of bool
        (K, E). Which differences it holds.
    amplification : array
        (E,). What it makes of noise in them, at most.
    rung : array of int
        (E,). The smallest step that it holds.
    """

    entries: Floats
    changes: Floats
    uses: NDArray[np.bool_]
    amplification: Floats
    rung: NDArray[np.int_]


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
