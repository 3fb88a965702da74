"""Differences of a large network: explored cheaply, told from whole forwards.

Where the ladder stands is explored from the pre-activation: a direction V of ``W[l]``
moves ``z[l]`` by ``step * a[l-1] @ V``, and the forward is resumed from there. But the
difference that counts, at the step that came out best, is formed again from forwards with
moved parameters: that z depends on the parameters as we think is not taken on trust. Only
the way from that step to zero is.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gradcheck.forward import (
    Activate,
    Evaluation,
    evaluate,
    reduce,
    restart,
    resume,
    sample_losses,
    until_loss,
)
from gradcheck.oracle.complex_step import BLOCK, STEP
from gradcheck.oracle.ladder import Slope, steps
from gradcheck.oracle.ladders import Ladders, both_sides, from_runs
from gradcheck.oracle.reach import RUNGS, first_steps
from gradcheck.problem import Floats, Problem

#: Arrays of the block's size that numpy holds at once.
_TEMPORARIES = 6


def slopes(
    problem: Problem, directions: dict[str, Floats], apply: Activate, reach: float
) -> dict[str, list[Slope]]:
    """Difference the loss along directions of each tensor.

    Same arguments and result as :func:`gradcheck.oracle.whole.slopes`.
    """
    network = problem.network
    run = evaluate(network, problem.params.pairs, problem.batch.x, apply)
    until = until_loss(network, apply)  # what comes after the last z does not count here
    result: dict[str, list[Slope]] = {}
    for layer in range(1, network.depth + 1):
        for kind in "Wb":
            tensor, stack = _Tensor(problem, run, until, layer, kind), directions[f"{kind}{layer}"]
            result[f"{kind}{layer}"] = [
                slope
                for some in _blocks(problem, layer, stack)
                for slope in tensor.slopes(some, reach)
            ]
    return result


def _blocks(problem: Problem, layer: int, directions: Floats) -> Iterator[Floats]:
    """Cut a stack of directions so that one block's rungs stay in bounds."""
    width = max(problem.network.widths[layer:])
    cost = 2 * RUNGS * problem.batch.size * width * 8 * _TEMPORARIES
    together = max(1, BLOCK // cost)
    for start in range(0, len(directions), together):
        yield directions[start : start + together]


@dataclass(frozen=True)
class _Tensor:
    """A tensor, and the forward that its directions move.

    Attributes
    ----------
    run : Evaluation
        The forward as it is.
    until : callable
        The activations up to the loss.
    layer : int
    kind : {"W", "b"}
    """

    problem: Problem
    run: Evaluation
    until: Activate
    layer: int
    kind: str

    def slopes(self, directions: Floats, reach: float) -> list[Slope]:
        """Explore directions, and tell them from moved parameters."""
        ladders = self._explored(directions, reach)
        slopes = ladders.slopes()
        told = [d for d, slope in enumerate(slopes) if np.isfinite(slope.error)]
        h = np.array([slopes[d].step for d in told])
        for d, difference in zip(told, self._plain(directions[told], h), strict=True):
            slope = slopes[d]
            structured = ladders.differences[d, np.flatnonzero(ladders.h[d] == slope.step)[0]]
            error = slope.error + float(ladders.noise[d]) / slope.step
            slopes[d] = Slope(slope.value + float(difference - structured), error, slope.step)
        return slopes

    def _explored(self, directions: Floats, reach: float) -> Ladders:
        """Resume the forward from the layer's pre-activation, moved along each direction."""
        network, pairs, layer = self.problem.network, self.problem.params.pairs, self.layer
        z = self.run.z[layer - 1]
        weights = self.kind == "W"
        speed = self.run.a[layer - 1] @ directions if weights else directions[:, None, :]
        speed = np.broadcast_to(speed, (len(directions), *z.shape))
        rates = resume(network, pairs, layer, z + 1j * STEP * speed, self.until).z
        h = steps(first_steps(network, rates, layer, reach), RUNGS)  # (D, K)
        points = both_sides(h)[..., None, None] * speed[:, None, None]
        points += z
        moved = resume(network, pairs, layer, points, self.until)
        return from_runs(self.problem, layer, moved, self._penalties(directions, h), h)

    def _penalties(self, directions: Floats, h: Floats) -> Floats:
        """Return the penalty at ``+h`` and ``-h``, (D, K, 2): a square, so three sums give all."""
        l2, params = self.problem.network.l2, self.problem.params
        signed = both_sides(h)
        if not l2:
            return np.zeros(signed.shape)
        total = np.full(signed.shape, sum(float((w * w).sum()) for w, _ in params))
        if self.kind == "W":
            w = params.pairs[self.layer - 1][0]
            crossed = np.tensordot(directions, w, axes=2)[:, None, None]
            squared = (directions * directions).sum(axis=(1, 2))[:, None, None]
            total = total + 2.0 * signed * crossed + signed**2 * squared
        squares: Floats = 0.5 * l2 * total
        return squares

    def _plain(self, directions: Floats, h: Floats) -> Floats:
        """Return central differences from moved parameters, (D,)."""
        network, pairs = self.problem.network, self.problem.params.pairs
        a, (w, b) = self.run.a[self.layer - 1], pairs[self.layer - 1]
        z = np.empty((len(h), 2, *self.run.z[self.layer - 1].shape))
        squares = np.zeros((len(h), 2))
        for d, direction in enumerate(directions):
            for side, step in enumerate((h[d], -h[d])):  # one at a time: they may be large
                moved = step * direction
                moved += w if self.kind == "W" else b
                here = (moved, b) if self.kind == "W" else (w, moved)
                z[d, side] = a @ here[0] + here[1]
                if network.l2:
                    squares[d, side] = float((here[0] * here[0]).sum())
        z_out, a_out = restart(network, pairs, self.layer, z, self.until)
        losses = sample_losses(network, z_out, a_out, self.problem.batch.y)  # (D, 2, N)
        data = reduce(network, losses[:, 0] - losses[:, 1])
        differences: Floats = data + 0.5 * network.l2 * (squares[:, 0] - squares[:, 1])
        return differences / (2.0 * h)
