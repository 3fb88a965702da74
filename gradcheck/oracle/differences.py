"""Real differences of the forward along many directions of its parameters at once.

A ladder of steps is explored from the pre-activation: a direction V of ``W[l]`` moves
``z[l]`` by ``step * a[l-1] @ V``, and the forward is resumed from there. That z depends on
the parameters so is not taken on trust: at the far end of the first rung the forward is
also run with moved parameters, and it is theirs that counts. Only the way from there to zero
is explored.

Directions of all tensors go through the forward together; each joins in its own layer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np

from gradcheck.elementary import Array
from gradcheck.forward import Activate, Evaluation, reduce, resume, sample_losses, until_loss
from gradcheck.oracle.blocks import blocks
from gradcheck.oracle.estimate import UNIT
from gradcheck.oracle.ladder import Slope, extrapolate_all, steps
from gradcheck.oracle.reach import RUNGS, first_steps, rungs_on_one_side
from gradcheck.problem import Floats, Problem

#: By tensor name, (D, *shape); tensors in the order of the layers, W before b.
Directions = dict[str, Floats]

#: Half the step of the difference that says how steep an activation is: for steps only.
_NEAR = 1e-6


def slopes(
    problem: Problem, run: Evaluation, apply: Activate, directions: Directions, reach: float
) -> dict[str, list[Slope]]:
    """Difference the loss along directions of each tensor.

    Parameters
    ----------
    run : Evaluation
        The forward as it is.
    apply : callable
        Its activations.
    reach : float
        How far a pre-activation may move at the first rung.
    """
    steep = [
        (apply(layer, z + _NEAR) - apply(layer, z - _NEAR)) / (2.0 * _NEAR)
        for layer, z in enumerate(run.z[:-1], start=1)
    ]
    found: dict[str, list[Slope]] = {name: [] for name in directions}
    for some in _together(problem, directions):
        tensors = [
            _Tensor(problem, run, int(name[1:]), name[0] == "W", stack)
            for name, stack in some.items()
        ]
        h = steps(first_steps(problem.network, *_moving(run, steep, tensors), reach), RUNGS)
        told = iter(_told(problem, apply, tensors, h))
        for name, stack in some.items():
            found[name] += [next(told) for _ in stack]
    return found


def _together(problem: Problem, directions: Directions) -> Iterator[Directions]:
    """Cut the directions of all tensors so that the rungs of each part stay in bounds."""
    each = [(name, d) for name, stack in directions.items() for d in range(len(stack))]
    rungs = 2 * (RUNGS + 1) * problem.batch.size * max(problem.network.widths[1:])
    for part in blocks(len(each), rungs):
        some = {
            name: [d for _, d in rows] for name, rows in groupby(each[part], key=lambda row: row[0])
        }
        yield {name: directions[name][rows[0] : rows[-1] + 1] for name, rows in some.items()}


@dataclass(frozen=True)
class _Tensor:
    """A tensor, directions of it, and the forward that they move.

    Attributes
    ----------
    layer : int
    weights : bool
        Whether it is the layer's W, and not its b.
    directions : array
        (D, *shape).
    """

    problem: Problem
    run: Evaluation
    layer: int
    weights: bool
    directions: Floats

    @cached_property
    def speed(self) -> Floats:
        """How fast each direction moves its own layer's pre-activation, (D, N, n)."""
        if self.weights:
            speed: Floats = self.run.a[self.layer - 1] @ self.directions
            return speed
        return np.repeat(self.directions[:, None], self.problem.batch.size, axis=1)

    def place(self, h: Floats, z: Floats) -> Floats:
        """Write the pre-activations at both sides of every rung, and of moved parameters.

        Parameters
        ----------
        h : array
            (D, K).
        z : array
            Filled, (D, 2 K + 1, N, n): at ``+h``, at ``-h``, and from parameters at ``+h[0]``.

        Returns
        -------
        penalties : array
            (D, 2 K + 1).
        """
        signed = np.concatenate([h, -h, h[:, :1]], axis=1)
        # z + step * speed, as a product of [step, 1] and [speed, z]: numpy's sums take longer
        own_z = np.broadcast_to(self.run.z[self.layer - 1], self.speed.shape)
        lines = np.stack((self.speed, own_z), axis=1).reshape(len(h), 2, -1)
        along = np.stack((signed[:, :-1], np.ones_like(signed[:, :-1])), axis=2)
        np.matmul(along, lines, out=z.reshape(*z.shape[:2], -1)[:, :-1])
        l2, (w, b) = self.problem.network.l2, self.problem.params.pairs[self.layer - 1]
        a, own = self.run.a[self.layer - 1], w if self.weights else b[None]
        ways = self.directions.reshape(-1, *own.shape)
        squares = self._squares(signed) if l2 else np.zeros(signed.shape)
        for some in blocks(len(ways), 2 * own.size):  # they may be large
            there = h[some, :1, None] * ways[some]
            there += own
            np.add(a @ there if self.weights else a @ w, b if self.weights else there, z[some, -1])
            if l2 and self.weights:
                squares[some, -1] += (there * there).sum(axis=(1, 2)) - (w * w).sum()
        return 0.5 * l2 * squares

    def _squares(self, signed: Floats) -> Floats:
        """Return the sum of all squared weights at each step; at the last as if unmoved."""
        total = sum(float((w * w).sum()) for w, _ in self.problem.params)
        squares = np.full(signed.shape, total)
        if self.weights:
            v, w = self.directions, self.problem.params.pairs[self.layer - 1][0]
            crossed = np.tensordot(v, w, axes=2)[:, None]
            squared = (v * v).sum(axis=(1, 2))[:, None]
            h = signed[:, :-1]
            squares[:, :-1] += 2.0 * h * crossed + h * h * squared
        return squares


def _by_layer(tensors: list[_Tensor]) -> dict[int, list[_Tensor]]:
    return {layer: list(some) for layer, some in groupby(tensors, key=lambda t: t.layer)}


def _moving(
    run: Evaluation, steep: list[Floats], tensors: list[_Tensor]
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
    joining = {
        layer: np.concatenate([tensor.speed for tensor in some])
        for layer, some in _by_layer(tensors).items()
    }
    first, pairs = min(joining), tensors[0].problem.params.pairs
    rates = [joining[first]]
    for layer in range(first + 1, len(pairs) + 1):
        carried = (rates[-1] * steep[layer - 2]) @ pairs[layer - 1][0]
        rates.append(np.concatenate([carried, joining[layer]]) if layer in joining else carried)
    return run.z[first - 1 :], rates


def _told(problem: Problem, apply: Activate, tensors: list[_Tensor], h: Floats) -> list[Slope]:
    """Explore ladders of steps h, (D, K), and tell the slopes from moved parameters."""
    network, rungs = problem.network, h.shape[1]
    starts, penalties, count = {}, np.empty((len(h), 2 * rungs + 1)), 0
    for layer, some in _by_layer(tensors).items():
        size = sum(len(tensor.directions) for tensor in some)
        starts[layer] = np.empty((size, penalties.shape[1], *some[0].speed.shape[1:]))
        here = 0
        for tensor in some:
            there = here + len(tensor.directions)
            rows = slice(count + here, count + there)
            penalties[rows] = tensor.place(h[rows], starts[layer][here:there])
            here = there
        count += size
    until = until_loss(network, apply)  # what comes after the last z does not count here
    runs = resume(network, problem.params.pairs, starts, until)
    losses = sample_losses(network, runs.z[-1], runs.a[-1], problem.batch.y)  # (D, 2 K + 1, N)
    apart = reduce(network, losses[:, :rungs] - losses[:, rungs:-1])
    apart += penalties[:, :rungs] - penalties[:, rungs:-1]
    furthest = np.abs(losses[:, -1]) + np.abs(runs.z[-1][:, -1]).sum(axis=-1) + 1.0
    noise = 4.0 * UNIT * (reduce(network, furthest) + penalties[:, -1])
    usable = rungs_on_one_side(network, [z[:, :-1] for z in runs.z])
    slopes = extrapolate_all(h, apart / (2.0 * h), noise, usable)
    first = reduce(network, losses[:, -1] - losses[:, 0]) + penalties[:, -1] - penalties[:, 0]
    return [
        Slope(slope.value + by, slope.error + blur, slope.step)
        for slope, by, blur in zip(
            slopes, (first / h[:, 0]).tolist(), (noise / h[:, 0]).tolist(), strict=True
        )
    ]
