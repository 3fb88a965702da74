"""The second witness: real differences of the plain forward.

It shares no arithmetic with the complex step: real numbers, a ladder of steps, three random
directions a tensor. In every verdict the two have to agree within their bars. Off kinks a
disagreement is our own fault.

How far a direction V moves the pre-activation of its layer is seen on the forward with
moved parameters, ``z(W + V) - z(W)``: that ``dz/dW = a`` is not taken on trust. From there the
forward is resumed at both sides of every rung, on the straight line through these two; z is
linear in the parameters. Directions of all tensors go through the forward together; each
joins in its own layer.

The first step lets no pre-activation move by more than :data:`REACH`, the scale on which
activations curve, and keeps every unit of a piecewise activation on its own side. The
sides are then checked at every rung, and rungs that cross are not used.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradcheck.networks.definitions import (
    ACTIVATIONS,
    LOSSES,
    Activate,
    Evaluation,
    activate,
    penalty,
    reduce,
    resume,
    until_loss,
)
from gradcheck.networks.problem import Floats, Network, Problem
from gradcheck.oracle.estimate import SLACK, UNIT, Estimate, Slope, drawn, extrapolate_all, steps
from gradcheck.oracle.evaluation import Array, blocks, rows_of

#: Directions a tensor.
DIRECTIONS_A_TENSOR = 3

#: How far a pre-activation may move at the first rung.
REACH = 0.1

#: How many times the step is halved, plus one. Of 12 000 ladders of random problems, saturated
#: ones among them, every best entry ended at the fifth rung or before.
WITNESS_RUNGS = 5

#: The first rung of a second ladder, where the first one contradicts the estimate.
REACH_AGAIN = REACH / 3.0

#: Half the step of the difference that says how steep an activation is: for steps only.
_NEAR = 1e-6


@dataclass(frozen=True)
class SecondEstimate:
    """What the ladder's slope says along one direction, beside the primary estimate and its bar."""

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


def second_estimates(
    problem: Problem,
    run: Evaluation,
    estimates: dict[str, Estimate],
    apply: Activate | None,
    rng: np.random.Generator,
    reach: float = REACH,
) -> list[SecondEstimate]:
    """Difference the plain forward along random directions of each tensor.

    ``run`` and the primary estimates are of the function that ``apply`` makes: activations with
    units on a kink pinned to one slope. By ``reach`` a pre-activation may move at the first rung.
    """
    named, moves = [], []
    for layer in range(1, problem.network.depth + 1):
        for name, along in ((f"W{layer}", _along_weights), (f"b{layer}", _along_biases)):
            some, values = along(problem, run, layer, estimates[name].value, rng)
            moves.append(some)
            # along a random direction, whatever the error is
            error = 3.0 * estimates[name].noise
            named += [(name, value, error) for value in values.tolist()]
    found = slopes(problem, run, apply or activate(problem.network), moves, reach)
    return [
        SecondEstimate(name, slope, value, error)
        for (name, value, error), slope in zip(named, found, strict=True)
    ]


def first_steps(network: Network, zs: list[Array], rates: list[Array], reach: float) -> Floats:
    """Return the first step along each direction, (D,).

    ``zs`` are the pre-activations of the last layers, (..., N, n), and ``rates`` how fast they
    move along each direction, (D, N, n): in earlier layers the first directions alone may.
    """
    first = np.full(len(rates[-1]), reach)
    for name, z, rate in zip(network.activations[-len(zs) :], zs, rates, strict=True):
        speed = np.maximum(np.abs(rate), 1e-300).reshape(len(rate), -1)
        here = first[: len(rate)]
        np.minimum(here, reach / speed.max(axis=1), out=here)
        if ACTIVATIONS[name].pieces:
            distance = np.abs(z).reshape(-1, speed.shape[1]) / speed
            distance = np.where(distance > 0, distance, np.inf)  # on the kink: pinned
            np.minimum(here, 0.5 * distance.min(axis=1), out=here)
    nonzero: Floats = np.maximum(first, 1e-200)
    return nonzero


def rungs_on_one_side(network: Network, zs: list[Array]) -> NDArray[np.int_]:
    """Count, from the smallest step up, the rungs on which no unit changes sides, (D,).

    ``zs`` are the pre-activations of the last layers, at every rung on one side and then at
    every rung on the other, (D, 2 K, N, n); D as in :func:`first_steps`.
    """
    usable = np.full(len(zs[-1]), WITNESS_RUNGS)
    for name, z in zip(network.activations[-len(zs) :], zs, strict=True):
        if ACTIVATIONS[name].pieces:
            side = z > 0
            crosses: NDArray[np.bool_] = np.any(side != side[:, -1:], axis=(2, 3))
            either = crosses[:, :WITNESS_RUNGS] | crosses[:, WITNESS_RUNGS:]
            near = either[:, ::-1].argmax(axis=1)  # the smallest that does
            here = usable[: len(z)]
            np.minimum(here, np.where(either.any(axis=1), near, WITNESS_RUNGS), out=here)
    return usable


@dataclass(frozen=True)
class Moves:
    """What a step of one along each of D directions in a layer's parameters does, before the loss.

    ``speed`` is how far its pre-activation moves, (D, N, n); ``penalty`` the slope of the weight
    penalty, and ``rounding`` what roundoff may cost it, (D,).
    """

    layer: int
    speed: Floats
    penalty: Floats
    rounding: Floats

    def __len__(self) -> int:
        return len(self.speed)

    def __getitem__(self, rows: slice) -> "Moves":
        return Moves(self.layer, self.speed[rows], self.penalty[rows], self.rounding[rows])


def of_weights(
    problem: Problem, run: Evaluation, layer: int, parts: Iterable[tuple[slice, Floats]]
) -> Moves:
    """Move a layer's W along directions that come some rows at a time.

    z is a sum over rows of W, which may be large: neither a whole direction nor a whole moved
    W is ever held. Each of the parts is some rows of W, and of the directions, (D, rows, n[l]).
    """
    w, b = problem.params.pairs[layer - 1]
    z, inputs, l2 = run.z[layer - 1], run.a[layer - 1], problem.network.l2
    speed = np.repeat((b - z)[None], DIRECTIONS_A_TENSOR, axis=0)
    ahead, behind = np.zeros((2, DIRECTIONS_A_TENSOR))  # penalties at either side
    for rows, directions in parts:
        there = w[rows] + directions
        speed += inputs[:, rows] @ there
        if l2:
            ahead += penalty(problem.network, [(there, b)])
            behind += penalty(problem.network, [(w[rows] - directions, b)])
    # central differences over a step of one: a square has no third derivative
    return Moves(layer, speed, (ahead - behind) / 2.0, 4.0 * UNIT * (ahead + behind))


def of_biases(problem: Problem, layer: int, directions: Floats) -> Moves:
    """Move a layer's b along directions, (D, n[l])."""
    speed = np.repeat(directions[:, None], problem.batch.size, axis=1)
    return Moves(layer, speed, np.zeros(len(speed)), np.zeros(len(speed)))


def _along_weights(
    problem: Problem, run: Evaluation, layer: int, gradient: Floats, rng: np.random.Generator
) -> tuple[Moves, Floats]:
    """Draw directions of W; return what they move, and the derivative that they should see."""
    expected = np.zeros(DIRECTIONS_A_TENSOR)

    def parts() -> Iterator[tuple[slice, Floats]]:
        nonlocal expected
        for rows in rows_of(gradient, run.a[layer - 1], DIRECTIONS_A_TENSOR):
            part = gradient[rows]
            v = drawn(rng, DIRECTIONS_A_TENSOR, part.shape)
            yield rows, v
            expected += v.reshape(DIRECTIONS_A_TENSOR, -1) @ part.ravel()

    return of_weights(problem, run, layer, parts()), expected


def _along_biases(
    problem: Problem, run: Evaluation, layer: int, gradient: Floats, rng: np.random.Generator
) -> tuple[Moves, Floats]:
    """Likewise of b."""
    v = drawn(rng, DIRECTIONS_A_TENSOR, gradient.shape)
    return of_biases(problem, layer, v), v @ gradient


def slopes(
    problem: Problem, run: Evaluation, apply: Activate, moves: list[Moves], reach: float
) -> list[Slope]:
    """Difference the loss along directions of each tensor, in the order of their layers.

    Arguments are as in :func:`second_estimates`; there is a slope for each direction, in order.
    """
    steep = [
        (apply(layer, z + _NEAR) - apply(layer, z - _NEAR)) / (2.0 * _NEAR)
        for layer, z in enumerate(run.z[:-1], start=1)
    ]
    found = []
    for together in _together(problem, [*_by_layer(moves)]):
        rates = _rates(problem, steep, together)
        h = steps(first_steps(problem.network, run.z[-len(rates) :], rates, reach), WITNESS_RUNGS)
        found += _extrapolated(problem, run, apply, together, h)
    return found


def _by_layer(moves: list[Moves]) -> Iterator[Moves]:
    """Join the moves of each layer."""
    for layer, some in itertools.groupby(moves, key=lambda each: each.layer):
        parts = [(each.speed, each.penalty, each.rounding) for each in some]
        yield Moves(layer, *map(np.concatenate, zip(*parts, strict=True)))


def _together(problem: Problem, layers: list[Moves]) -> Iterator[list[Moves]]:
    """Cut all layers' directions so that the rungs of each part stay in bounds."""
    rungs = 2 * WITNESS_RUNGS * problem.batch.size * max(problem.network.widths[1:])
    for part in blocks(sum(map(len, layers)), rungs):
        start, some = 0, []
        for moves in layers:
            some.append(moves[max(part.start - start, 0) : max(part.stop - start, 0)])
            start += len(moves)
        yield [moves for moves in some if len(moves)]


def _rates(problem: Problem, steep: list[Floats], layers: list[Moves]) -> list[Array]:
    """Return how fast each direction moves the pre-activations, from the first layer that moves.

    ``steep`` says by hidden layer how steep its activations are, (N, n[l]); rates are by layer,
    (D, N, n[l]).
    """
    joining = {moves.layer: moves.speed for moves in layers}
    first = min(joining)
    rates = [joining[first]]
    for layer in range(first + 1, problem.network.depth + 1):
        carried = (rates[-1] * steep[layer - 2]) @ problem.params.pairs[layer - 1][0]
        rates.append(np.concatenate([carried, joining[layer]]) if layer in joining else carried)
    return rates


def _extrapolated(
    problem: Problem, run: Evaluation, apply: Activate, layers: list[Moves], h: Floats
) -> list[Slope]:
    """Difference the loss on ladders of steps h, (D, K), and extrapolate to zero."""
    network, rungs, starts, end = problem.network, h.shape[1], {}, 0
    for moves in layers:
        start, end = end, end + len(moves)
        signed = np.concatenate([h[start:end], -h[start:end]], axis=1)
        starts[moves.layer] = _on_lines(run.z[moves.layer - 1], moves.speed, signed)
    until = until_loss(network, apply)  # what comes after the last z does not count here
    runs = resume(network, problem.params.pairs, starts, until)
    loss = LOSSES[network.loss]
    losses = loss.per_sample(runs.z[-1], runs.a[-1], problem.batch.y)  # (D, 2 K, N)
    apart = reduce(network, losses[:, :rungs] - losses[:, rungs:])
    furthest = np.abs(losses[:, 0]) + np.abs(runs.z[-1][:, 0]).sum(axis=-1) + 1.0
    noise = 4.0 * UNIT * reduce(network, furthest)
    usable = rungs_on_one_side(network, runs.z)
    value, error, step = extrapolate_all(h, apart / (2.0 * h), noise, usable)
    value += np.concatenate([moves.penalty for moves in layers])
    error += np.concatenate([moves.rounding for moves in layers])
    error += noise / h[:, 0]  # z of moved parameters is rounded too
    return list(map(Slope, value.tolist(), error.tolist(), step.tolist()))


def _on_lines(z: Array, speed: Floats, signed: Floats) -> Array:
    """Return ``z + step * speed`` for each direction and step, (D, S, N, n)."""
    # as a product of [step, 1] and [speed, z]: numpy's sums take three times longer
    lines = np.empty((len(speed), 2, z.size))
    lines[:, 0], lines[:, 1] = speed.reshape(len(speed), -1), z.ravel()
    along = np.stack((signed, np.ones_like(signed)), axis=-1)
    points: Array = along @ lines
    return points.reshape(*signed.shape, *z.shape)
