"""Real differences of the forward along many directions of its parameters at once.

How far a direction V moves the pre-activation of its layer is seen on the forward with
moved parameters, ``z(W + V) - z(W)``: that ``dz/dW = a`` is not taken on trust. From there the
forward is resumed at both sides of every rung of a ladder, on the straight line through
these two; z is linear in the parameters.

Directions of all tensors go through the forward together; each joins in its own layer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np

from gradcheck.elementary import Array
from gradcheck.forward import Activate, Evaluation, reduce, resume, sample_losses, until_loss
from gradcheck.oracle.blocks import blocks
from gradcheck.oracle.estimate import UNIT
from gradcheck.oracle.ladder import Slope, extrapolate_all, steps
from gradcheck.oracle.reach import RUNGS, first_steps, rungs_on_one_side
from gradcheck.problem import Floats, Problem

#: For each layer, directions of its W, (D, n[l-1], n[l]), and of its b, (D', n[l]).
Directions = list[tuple[Floats, Floats]]

#: Half the step of the difference that says how steep an activation is: for steps only.
_NEAR = 1e-6


def slopes(
    problem: Problem, run: Evaluation, apply: Activate, directions: Directions, reach: float
) -> list[Slope]:
    """Difference the loss along directions of each tensor.

    Parameters
    ----------
    run : Evaluation
        The forward as it is.
    apply : callable
        Its activations.
    reach : float
        How far a pre-activation may move at the first rung.

    Returns
    -------
    slopes : list of Slope
        Along all directions in their order: of W[1], of b[1], of W[2], ...
    """
    steep = [
        (apply(layer, z + _NEAR) - apply(layer, z - _NEAR)) / (2.0 * _NEAR)
        for layer, z in enumerate(run.z[:-1], start=1)
    ]
    found = []
    for layers in _together(problem, run, directions):
        h = steps(first_steps(problem.network, *_moving(run, steep, layers), reach), RUNGS)
        found += _told(problem, apply, layers, h)
    return found


def _together(problem: Problem, run: Evaluation, directions: Directions) -> "Iterator[_Layers]":
    """Cut the directions of all layers so that the rungs of each part stay in bounds."""
    counts = [len(stack) for pair in directions for stack in pair]
    starts = [0, *accumulate(counts)]
    rungs = 2 * RUNGS * problem.batch.size * max(problem.network.widths[1:])
    for part in blocks(starts[-1], rungs):
        cut = [
            stack[max(part.start - start, 0) : max(part.stop - start, 0)]
            for stack, start in zip((s for pair in directions for s in pair), starts, strict=False)
        ]
        yield {
            layer: _Moves(problem, run, layer, weights, biases)
            for layer, weights, biases in zip(
                range(1, len(cut) // 2 + 1), cut[::2], cut[1::2], strict=True
            )
            if len(weights) + len(biases)
        }


@dataclass(frozen=True)
class _Moves:
    """Directions of one layer's parameters, and how they move its pre-activation.

    Attributes
    ----------
    weights, biases : array
        (D, n[l-1], n[l]) and (D', n[l]).
    """

    problem: Problem
    run: Evaluation
    layer: int
    weights: Floats
    biases: Floats

    @property
    def count(self) -> int:
        """How many directions there are."""
        return len(self.weights) + len(self.biases)

    @cached_property
    def speed(self) -> Floats:
        """How far a step of one in each direction moves the pre-activation, (D + D', N, n)."""
        a, z = self.run.a[self.layer - 1], self.run.z[self.layer - 1]
        w, b = self.problem.params.pairs[self.layer - 1]
        speed = np.empty((self.count, *z.shape))
        for some in blocks(len(self.weights), w.size):  # they may be large
            np.matmul(a, w + self.weights[some], out=speed[: len(self.weights)][some])
        speed[: len(self.weights)] += b - z
        speed[len(self.weights) :] = self.biases[:, None]
        return speed

    def at(self, signed: Floats) -> Array:
        """Return the pre-activations at steps, (D + D', S) to (D + D', S, N, n)."""
        z = self.run.z[self.layer - 1]
        # z + step * speed, as a product of [step, 1] and [speed, z]: numpy's sums take longer
        lines = np.empty((self.count, 2, z.size))
        lines[:, 0], lines[:, 1] = self.speed.reshape(self.count, -1), z.ravel()
        along = np.stack((signed, np.ones_like(signed)), axis=-1)
        return (along @ lines).reshape(*signed.shape, *z.shape)

    def penalties(self, signed: Floats) -> Floats:
        """Return the penalty at steps, (D + D', S): a square, so three sums give all."""
        if not self.problem.network.l2:
            return np.zeros(signed.shape)
        total = sum(float((w * w).sum()) for w, _ in self.problem.params)
        squares = np.full(signed.shape, total)
        v, w = self.weights, self.problem.params.pairs[self.layer - 1][0]
        crossed = np.tensordot(v, w, axes=2)[:, None]
        squared = (v * v).sum(axis=(1, 2))[:, None]
        h = signed[: len(v)]
        squares[: len(v)] += 2.0 * h * crossed + h * h * squared
        return 0.5 * self.problem.network.l2 * squares


_Layers = dict[int, _Moves]


def _moving(
    run: Evaluation, steep: list[Floats], layers: _Layers
) -> tuple[list[Array], list[Array]]:
    """Return the pre-activations that move, and how fast along each direction, by layer.

    Parameters
    ----------
    steep : list of array
        By hidden layer, how steep its activations are, (N, n[l]).

    Returns
    -------
    zs : list of array
        (N, n[l]).
    rates : list of array
        (D, N, n[l]).
    """
    first = min(layers)
    pairs, rates = layers[first].problem.params.pairs, [layers[first].speed]
    for layer in range(first + 1, len(pairs) + 1):
        carried = (rates[-1] * steep[layer - 2]) @ pairs[layer - 1][0]
        joining = [layers[layer].speed] if layer in layers else []
        rates.append(np.concatenate([carried, *joining]))
    return run.z[first - 1 :], rates


def _told(problem: Problem, apply: Activate, layers: _Layers, h: Floats) -> list[Slope]:
    """Difference the loss on ladders of steps h, (D, K), and extrapolate to zero."""
    network, rungs, starts, penalties = problem.network, h.shape[1], {}, []
    ends = accumulate(moves.count for moves in layers.values())
    for (layer, moves), end in zip(layers.items(), ends, strict=True):
        here = h[end - moves.count : end]
        signed = np.concatenate([here, -here], axis=1)
        starts[layer] = moves.at(signed)
        penalties.append(moves.penalties(signed))
    until = until_loss(network, apply)  # what comes after the last z does not count here
    runs = resume(network, problem.params.pairs, starts, until)
    losses = sample_losses(network, runs.z[-1], runs.a[-1], problem.batch.y)  # (D, 2 K, N)
    total = np.concatenate(penalties)
    apart = reduce(network, losses[:, :rungs] - losses[:, rungs:])
    apart += total[:, :rungs] - total[:, rungs:]
    furthest = np.abs(losses[:, 0]) + np.abs(runs.z[-1][:, 0]).sum(axis=-1) + 1.0
    noise = 4.0 * UNIT * (reduce(network, furthest) + total[:, 0])
    usable = rungs_on_one_side(network, runs.z)
    value, error, step = extrapolate_all(h, apart / (2.0 * h), noise, usable)
    error += noise / h[:, 0]  # z of moved parameters is rounded too
    told = zip(value.tolist(), error.tolist(), step.tolist(), strict=True)
    return [Slope(*slope) for slope in told]
