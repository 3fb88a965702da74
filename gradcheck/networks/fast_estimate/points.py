"""A stack of points that differ by roundoff: a problem's own, and a few beside it.

A bar asks how far the gradient varies where every parameter, target and sample's share of
the sum is moved by a few units of roundoff. (Targets and shares, because ``a - y`` and the
sum over samples may cancel where saturated units no longer feel their parameters.)

The first layer's parameters are felt through ``z[1]`` alone, so there ``z[1]`` is moved, as
far as they would move it: they may be a million, and need not be drawn one by one. They would
move samples that are alike together, and others each by itself; so it is moved in both ways.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gradcheck.networks.forward_pass import Pairs
from gradcheck.networks.problem import Batch, Floats, Pair, Problem
from gradcheck.oracle.blocks import rows_of
from gradcheck.oracle.elementary import Array
from gradcheck.oracle.estimate import UNIT

#: How many points beside the first.
MOVES = 4

#: How far, in units of roundoff of what is moved.
FURTHEST = 4.0


@dataclass(frozen=True)
class Points:
    """R points; the first is exact.

    Attributes
    ----------
    z : array
        The first layer's pre-activation, (R, 1, N, n[1]); the second axis is for moves.
    pairs : list of (W, b)
        W of shape (R, 1, n[l-1], n[l]); the first layer's may be one for all.
    y : array
        Targets, (R, 1, N, n[L]), or (N, n[L]) for all.
    shares : array
        What each sample's loss counts for in the batch's, (R or 1, N, 1).
    """

    z: Array
    pairs: Pairs
    y: Floats
    shares: Floats

    @property
    def first(self) -> "Points":
        """The exact point alone."""
        pairs = [(w[:1], b[:1]) for w, b in self.pairs]
        y = self.y[:1] if self.y.ndim == 4 else self.y
        return Points(self.z[:1], pairs, y, self.shares[:1])


def of(problem: Problem, pairs: Pairs, batch: tuple[Array, Array] | None = None) -> Points:
    """Return the points with these parameters.

    Parameters
    ----------
    pairs : list of (W, b)
        W of shape (R, n[l-1], n[l]).
    batch : (targets, shares), optional
        From :func:`moved_batch`.
    """
    spread = [(w[:, None], b[:, None]) for w, b in pairs]
    w, b = spread[0]
    z = problem.batch.x @ w + b[..., None, :]
    y, shares = batch or (problem.batch.y, np.ones((1, 1, problem.batch.size)))
    return Points(z, spread, y, weighed(problem, shares))


def near(problem: Problem, z: Floats, rng: np.random.Generator) -> Points:
    """Return a problem's own point and :data:`MOVES` beside it.

    Parameters
    ----------
    z : array
        The first layer's pre-activation, (N, n[1]).
    """
    x, (w, b) = problem.batch.x, problem.params.pairs[0]
    squares = b * b + np.zeros_like(z)
    for rows in rows_of(w, x, 2):
        squares += np.square(x[:, rows]) @ np.square(w[rows])
    reach = FURTHEST * UNIT * np.sqrt(squares)
    stack = rng.uniform(-1.0, 1.0, (1 + MOVES, 1, *z.shape))
    stack += rng.uniform(-1.0, 1.0, (1 + MOVES, 1, 1, z.shape[1]))
    stack *= reach
    stack[0] = 0.0
    stack += z
    later = moved(problem.params.pairs[1:], rng)
    pairs = [(w[None, None], b[None, None]), *((v[:, None], c[:, None]) for v, c in later)]
    y, shares = moved_batch(problem.batch, rng)
    return Points(stack, pairs, y, weighed(problem, shares))


def weighed(problem: Problem, shares: Floats) -> Floats:
    """Return what each sample counts for, (R, N, 1), from its share, (R, 1, N)."""
    weights: Floats = np.swapaxes(shares, 1, 2)
    return weights / problem.batch.size if problem.network.reduction == "mean" else weights


def moved(params: Iterable[Pair], rng: np.random.Generator, runs: int = MOVES) -> Pairs:
    """Stack the parameters and ``runs`` copies of them, moved by roundoff.

    Returns
    -------
    pairs : list of (W, b)
        W of shape (1 + runs, n[l-1], n[l]); the first of each stack is exact.
    """
    return [(_moved(w, rng, runs), _moved(b, rng, runs)) for w, b in params]


def moved_batch(batch: Batch, rng: np.random.Generator, runs: int = MOVES) -> tuple[Array, Array]:
    """Stack the targets and the samples' shares, likewise.

    Returns
    -------
    targets : array
        (1 + runs, 1, N, n[L]).
    shares : array
        (1 + runs, 1, N); about 1.
    """
    targets = _moved(batch.y, rng, runs)
    return targets[:, None], _moved(np.ones(batch.size), rng, runs)[:, None]


def _moved(array: Floats, rng: np.random.Generator, runs: int) -> Floats:
    stack = rng.uniform(1.0 - FURTHEST * UNIT, 1.0 + FURTHEST * UNIT, (1 + runs, *array.shape))
    stack[0] = 1.0
    stack *= array
    return stack
