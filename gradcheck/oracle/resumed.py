"""Differences of a large network: explored cheaply, told from whole forwards.

Where the ladder stands is explored from the pre-activation: a direction V of ``W[l]``
moves ``z[l]`` by ``step * a[l-1] @ V``, and the forward is resumed from there. But the
difference that counts, at the step that came out best, is formed again from forwards with
moved parameters: that z depends on the parameters as we think is not taken on trust. Only
the way from that step to zero is.
"""

from collections.abc import Iterator

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
    network, params = problem.network, problem.params
    run = evaluate(network, params.pairs, problem.batch.x, apply)
    result: dict[str, list[Slope]] = {}
    for layer in range(1, network.depth + 1):
        for kind in "Wb":
            name = f"{kind}{layer}"
            result[name] = [
                slope
                for some in _blocks(problem, layer, directions[name])
                for slope in _told(problem, run, apply, layer, kind, some, reach)
            ]
    return result


def _blocks(problem: Problem, layer: int, directions: Floats) -> Iterator[Floats]:
    """Cut a stack of directions so that one block's rungs stay in bounds."""
    width = max(problem.network.widths[layer:])
    cost = 2 * RUNGS * problem.batch.size * width * 8 * _TEMPORARIES
    together = max(1, BLOCK // cost)
    for start in range(0, len(directions), together):
        yield directions[start : start + together]


def _told(
    problem: Problem,
    run: Evaluation,
    apply: Activate,
    layer: int,
    kind: str,
    directions: Floats,
    reach: float,
) -> list[Slope]:
    """Explore directions of one tensor, and tell them from moved parameters."""
    ladders = _explored(problem, run, apply, layer, kind, directions, reach)
    slopes = ladders.slopes()
    told = [d for d, slope in enumerate(slopes) if np.isfinite(slope.error)]
    h = np.array([slopes[d].step for d in told])
    plain = _plain(problem, run, apply, layer, kind, directions[told], h)
    for d, difference in zip(told, plain, strict=True):
        slope = slopes[d]
        structured = ladders.differences[d, np.flatnonzero(ladders.h[d] == slope.step)[0]]
        error = slope.error + float(ladders.noise[d]) / slope.step
        slopes[d] = Slope(slope.value + float(difference - structured), error, slope.step)
    return slopes


def _explored(
    problem: Problem,
    run: Evaluation,
    apply: Activate,
    layer: int,
    kind: str,
    directions: Floats,
    reach: float,
) -> Ladders:
    """Resume the forward from the layer's pre-activation, moved along each direction."""
    network, pairs, z = problem.network, problem.params.pairs, run.z[layer - 1]
    speed = run.a[layer - 1] @ directions if kind == "W" else directions[:, None, :]
    speed = np.broadcast_to(speed, (len(directions), *z.shape))
    until = until_loss(network, apply)  # what comes after the last z does not count here
    rates = resume(network, pairs, layer, z + 1j * STEP * speed, until).z
    h = steps(first_steps(network, rates, layer, reach), RUNGS)  # (D, K)
    points = both_sides(h)[..., None, None] * speed[:, None, None]
    points += z
    moved = resume(network, pairs, layer, points, until)
    return from_runs(problem, layer, moved, _penalties(problem, layer, kind, directions, h), h)


def _penalties(problem: Problem, layer: int, kind: str, directions: Floats, h: Floats) -> Floats:
    """Return the penalty at ``+h`` and ``-h``, (D, K, 2): a square, so three sums give all."""
    network, params = problem.network, problem.params
    signed = both_sides(h)
    if not network.l2:
        return np.zeros(signed.shape)
    total = np.full(signed.shape, sum(float((w * w).sum()) for w, _ in params))
    if kind == "W":
        w = params.pairs[layer - 1][0]
        crossed = np.tensordot(directions, w, axes=2)[:, None, None]
        squared = (directions * directions).sum(axis=(1, 2))[:, None, None]
        total = total + 2.0 * signed * crossed + signed**2 * squared
    squares: Floats = 0.5 * network.l2 * total
    return squares


def _plain(
    problem: Problem,
    run: Evaluation,
    apply: Activate,
    layer: int,
    kind: str,
    directions: Floats,
    h: Floats,
) -> Floats:
    """Return central differences along directions of one tensor, from moved parameters."""
    network, params = problem.network, problem.params
    a, (w, b) = run.a[layer - 1], params.pairs[layer - 1]
    z = np.empty((len(h), 2, *run.z[layer - 1].shape))
    squares = np.zeros((len(h), 2))
    for d, direction in enumerate(directions):
        for side, step in enumerate((h[d], -h[d])):  # one at a time: they may be large
            moved = step * direction
            moved += w if kind == "W" else b
            here = (moved, b) if kind == "W" else (w, moved)
            z[d, side] = a @ here[0] + here[1]
            if network.l2:
                squares[d, side] = float((here[0] * here[0]).sum())
    z_out, a_out = restart(network, params.pairs, layer, z, until_loss(network, apply))
    losses = sample_losses(network, z_out, a_out, problem.batch.y)  # (D, 2, N)
    data = reduce(network, losses[:, 0] - losses[:, 1])
    differences: Floats = data + 0.5 * network.l2 * (squares[:, 0] - squares[:, 1])
    return differences / (2.0 * h)
