"""The second witness: real differences of the plain forward.

It shares no arithmetic with the complex step: real numbers, a ladder of steps, three
Gaussian directions a tensor. In every verdict the two have to agree within their bars.
Off kinks a disagreement is our own fault.

Where the ladder stands is explored cheaply: a direction V of ``W[l]`` moves ``z[l]`` by
``step * a[l-1] @ V``, and the forward is resumed from there. But the difference that
counts, at the step that came out best, is formed again from forwards with moved
parameters: that z depends on the parameters as we think is not taken on trust. Only
the way from that step to zero is.

The first step lets no pre-activation move by more than 0.1, the scale on which
activations curve, and keeps every unit of a piecewise activation on its own side;
the sides are then checked at every rung, and rungs that cross are not used.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gradcheck.activations import ACTIVATIONS
from gradcheck.forward import (
    Activate,
    Evaluation,
    activate,
    evaluate,
    reduce,
    restart,
    resume,
    sample_losses,
    until_loss,
)
from gradcheck.oracle.complex_step import BLOCK, STEP
from gradcheck.oracle.directions import gaussian
from gradcheck.oracle.estimate import UNIT, Estimate
from gradcheck.oracle.ladder import RUNGS, Slope, extrapolate_all, steps
from gradcheck.problem import Floats, Problem

#: Directions a tensor.
DIRECTIONS = 3

#: How far a pre-activation may move at the first rung.
REACH = 0.1

#: Where the ladder stands when it is heard again.
AGAIN = REACH / 3.0

#: Arrays of the block's size that numpy holds at once.
_TEMPORARIES = 6

#: Disagreement beyond this many joint bars is one.
SLACK = 10.0


@dataclass(frozen=True)
class Testimony:
    """What differences say along one direction, beside the primary estimate.

    Attributes
    ----------
    tensor : str
    slope : Slope
        From the ladder.
    expected : float
        The primary estimate's derivative along the direction.
    error : float
        The primary estimate's bar along the direction.
    """

    tensor: str
    slope: Slope
    expected: float
    error: float

    @property
    def agrees(self) -> bool:
        """Whether the two witnesses agree within their bars."""
        if not np.isfinite(self.slope.error):
            return True  # nothing usable between roundoff and a kink: silent
        return abs(self.slope.value - self.expected) <= SLACK * (self.slope.error + self.error)


def testimonies(
    problem: Problem,
    estimates: dict[str, Estimate],
    apply: Activate | None,
    rng: np.random.Generator,
    reach: float = REACH,
) -> list[Testimony]:
    """Difference the plain forward along random directions of each tensor.

    Parameters
    ----------
    estimates : dict
        The primary estimates by tensor name, of the function that ``apply`` makes.
    apply : callable or None
        Activations with units on a kink pinned to one slope.
    reach : float
        How far a pre-activation may move at the first rung.
    """
    apply = apply or activate(problem.network)
    run = evaluate(problem.network, problem.params.pairs, problem.batch.x, apply)
    ladders = [
        ladder
        for layer in range(1, problem.network.depth + 1)
        for tangents in _tangents(problem, layer, run.a[layer - 1], rng)
        for ladder in _ladders(problem, run, apply, layer, tangents, reach)
    ]
    slopes = extrapolate_all(
        np.stack([ladder.h for ladder in ladders]),
        np.stack([ladder.differences for ladder in ladders]),
        np.array([ladder.noise for ladder in ladders]),
        np.array([ladder.usable for ladder in ladders]),
    )
    result = []
    for ladder, slope in zip(ladders, _plainly(problem, run, apply, ladders, slopes), strict=True):
        name, direction = ladder.tangent.name, ladder.tangent.direction
        estimate = estimates[name]
        expected = float((estimate.value * direction).sum())
        error = float(np.linalg.norm(estimate.error * direction)) * 3.0
        result.append(Testimony(name, slope, expected, error))
    return result


@dataclass(frozen=True)
class _Tangent:
    """A direction of one tensor, and how fast it moves the layer's pre-activation."""

    name: str
    direction: Floats
    speed: Floats  # (N, n[l]), or (n[l],) for a bias


@dataclass(frozen=True)
class _Ladder:
    """Central differences along one direction."""

    layer: int
    tangent: _Tangent
    h: Floats
    differences: Floats
    noise: float
    usable: float


def _tangents(
    problem: Problem, layer: int, a: Floats, rng: np.random.Generator
) -> Iterator[list[_Tangent]]:
    """Draw the directions of a layer's tensors, as many at once as memory allows."""
    w, b = problem.params.pairs[layer - 1]
    cost = 2 * RUNGS * a.shape[0] * max(problem.network.widths[layer:]) * 8 * _TEMPORARIES
    together = max(1, BLOCK // cost)
    drawn: list[_Tangent] = []
    for kind, tensor in (("W", w), ("b", b)):
        for _ in range(DIRECTIONS):
            direction = gaussian(rng, 1, tensor.shape)[0]
            speed = a @ direction if kind == "W" else direction
            drawn.append(_Tangent(f"{kind}{layer}", direction, speed))
            if len(drawn) == together:
                yield drawn
                drawn = []
    if drawn:
        yield drawn


def _ladders(
    problem: Problem,
    run: Evaluation,
    apply: Activate,
    layer: int,
    tangents: list[_Tangent],
    reach: float,
) -> list[_Ladder]:
    """Resume the forward from the layer's pre-activation, moved along each direction."""
    network, pairs, y = problem.network, problem.params.pairs, problem.batch.y
    z = run.z[layer - 1]
    speed = np.stack([np.broadcast_to(t.speed, z.shape) for t in tangents])  # (D, N, n)
    h = steps(_first_steps(problem, run, apply, layer, speed, reach))  # (D, K)
    signed = np.stack((h, -h), axis=-1)[..., None, None]  # (D, K, 2, 1, 1)
    until = until_loss(network, apply)
    points = signed * speed[:, None, None]
    points += z
    moved = resume(network, pairs, layer, points, until)
    losses = sample_losses(network, moved.z[-1], moved.a[-1], y)  # (D, K, 2, N)
    data = reduce(network, losses[:, :, 0] - losses[:, :, 1])
    penalties = np.stack([_penalties(problem, layer, t, h[d]) for d, t in enumerate(tangents)])
    differences = (data + penalties[:, :, 0] - penalties[:, :, 1]) / (2.0 * h)
    magnitude = np.abs(losses) + np.abs(moved.z[-1]).sum(axis=-1) + 1.0
    noise = 4.0 * UNIT * (reduce(network, magnitude) + penalties).max(axis=(1, 2))
    usable = _same_side(problem, moved, layer, len(tangents))
    return [
        _Ladder(layer, t, h[d], differences[d], float(noise[d]), float(usable[d]))
        for d, t in enumerate(tangents)
    ]


def _penalties(problem: Problem, layer: int, tangent: _Tangent, h: Floats) -> Floats:
    """Return the penalty at ``+h`` and ``-h``, (K, 2): a square, so three sums give all."""
    network, params = problem.network, problem.params
    if not network.l2:
        return np.zeros((len(h), 2))
    signed = np.stack((h, -h), axis=-1)
    total = np.full(signed.shape, sum(float((w * w).sum()) for w, _ in params))
    if tangent.name[0] == "W":
        w, v = params.pairs[layer - 1][0], tangent.direction
        total = total + 2.0 * signed * float((w * v).sum()) + signed**2 * float((v * v).sum())
    squares: Floats = 0.5 * network.l2 * total
    return squares


def _plainly(
    problem: Problem,
    run: Evaluation,
    apply: Activate,
    ladders: list[_Ladder],
    slopes: list[Slope],
) -> list[Slope]:
    """Form the difference at each step that came out best from moved parameters.

    What lies between that step and zero is taken from the ladder.
    """
    result = list(slopes)
    told = [i for i, slope in enumerate(slopes) if np.isfinite(slope.error)]
    for _, same in itertools.groupby(told, key=lambda i: ladders[i].tangent.name):
        tensor = list(same)
        h = np.array([slopes[i].step for i in tensor])
        plain = _differences(problem, run, apply, [ladders[i] for i in tensor], h)
        for i, difference in zip(tensor, plain, strict=True):
            ladder, slope = ladders[i], slopes[i]
            structured = ladder.differences[int(np.flatnonzero(ladder.h == slope.step)[0])]
            error = slope.error + ladder.noise / slope.step
            result[i] = Slope(slope.value + float(difference - structured), error, slope.step)
    return result


def _differences(
    problem: Problem, run: Evaluation, apply: Activate, ladders: list[_Ladder], h: Floats
) -> Floats:
    """Return central differences along directions of one tensor, from moved parameters."""
    network, params = problem.network, problem.params
    layer, name = ladders[0].layer, ladders[0].tangent.name
    a, (w, b) = run.a[layer - 1], params.pairs[layer - 1]
    z = np.empty((len(h), 2, *run.z[layer - 1].shape))
    squares = np.zeros((len(h), 2))
    for d, ladder in enumerate(ladders):
        for side, step in enumerate((h[d], -h[d])):  # one at a time: they may be large
            moved = step * ladder.tangent.direction
            moved += w if name[0] == "W" else b
            here = (moved, b) if name[0] == "W" else (w, moved)
            z[d, side] = a @ here[0] + here[1]
            if network.l2:
                squares[d, side] = float((here[0] * here[0]).sum())
    z_out, a_out = restart(network, params.pairs, layer, z, until_loss(network, apply))
    losses = sample_losses(network, z_out, a_out, problem.batch.y)  # (D, 2, N)
    data = reduce(network, losses[:, 0] - losses[:, 1])
    differences: Floats = data + 0.5 * network.l2 * (squares[:, 0] - squares[:, 1])
    return differences / (2.0 * h)


def _first_steps(
    problem: Problem, run: Evaluation, apply: Activate, layer: int, speed: Floats, reach: float
) -> Floats:
    network, z = problem.network, run.z[layer - 1]
    until = until_loss(network, apply)  # what comes after the last z does not count here
    moved = resume(network, problem.params.pairs, layer, z + 1j * STEP * speed, until)
    first = np.full(len(speed), reach)
    for here, z in enumerate(moved.z, start=layer):
        rate = np.abs(z.imag) / STEP
        first = np.minimum(first, reach / np.maximum(rate.max(axis=(1, 2)), 1e-300))
        if ACTIVATIONS[problem.network.activations[here - 1]].pieces:
            distance = np.abs(z.real) / np.maximum(rate, 1e-300)
            distance = np.where(distance > 0, distance, np.inf)  # on the kink: pinned
            first = np.minimum(first, 0.5 * distance.min(axis=(1, 2)))
    nonzero: Floats = np.maximum(first, 1e-200)
    return nonzero


def _same_side(problem: Problem, moved: Evaluation, layer: int, count: int) -> Floats:
    """Count, from the smallest step up, the rungs on which no unit changes sides."""
    same = np.ones((count, RUNGS), dtype=bool)
    for here, z in enumerate(moved.z, start=layer):
        if ACTIVATIONS[problem.network.activations[here - 1]].pieces:
            side = z > 0  # (D, K, 2, N, n)
            same &= (side == side[:, -1:, :1]).all(axis=(2, 3, 4))
    crossing = ~same[:, ::-1]
    return np.where(crossing.any(axis=1), crossing.argmax(axis=1), RUNGS).astype(float)
