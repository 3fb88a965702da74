"""What the gradient of a dense network is, how far off that may be, and who says so.

Two witnesses that share no arithmetic look at the same forward:

- :mod:`~gradcheck.networks.fast_estimate.complex_step`: the estimate and its error bar;
- :mod:`~gradcheck.networks.fast_estimate.witness`: real differences of the forward on a
  ladder of steps along random directions; they must agree within their own bars.

:mod:`~gradcheck.networks.fast_estimate.rounding` says what honest code loses to its own
arithmetic. :class:`Truth` puts them together for one problem. No derivative written by hand is
used anywhere in this package.

On a kink, where a pre-activation is zero, the slope of relu is anyone's choice. A unit counts
as on it when |z| is within the rounding of the sum that made it: another order of summation could
land on the other side. For such units any slope between the two one-sided ones is right, so the
gradient is an interval. It is affine in each unit's slope by itself; its range over all choices
is therefore attained at the corners, and a few units' corners can all be visited.
"""

import itertools
import zlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gradcheck.networks.definitions import (
    ACTIVATIONS,
    LOSSES,
    Activate,
    Evaluation,
    activate,
    evaluate,
    loss_at,
    loss_of,
    penalty,
    reduce,
    resume,
    separable,
    until_loss,
)
from gradcheck.networks.fast_estimate import complex_step, rounding, witness
from gradcheck.networks.problem import Floats, Problem
from gradcheck.oracle.estimate import UNIT, Estimate
from gradcheck.oracle.evaluation import Array, keep_memory, rows_of

#: All corners are visited up to this many units; beyond, a sample of them.
MAX_UNITS = 5

#: Points beside a problem's own at which its loss and outputs are formed again.
JITTERED = 8

#: A loss of an output beyond this is that of an output of 1, in any arithmetic.
LARGEST_OUTPUT = 40.0

#: Parameters of all problems whose truths are kept: of large ones some are formed again.
KEPT_PARAMETERS = 50_000_000


@dataclass(frozen=True)
class Kinks:
    """The units of a problem that sit on a kink: a mask (N, n[l]) for each layer that has any."""

    masks: dict[int, NDArray[np.bool_]]

    @property
    def count(self) -> int:
        """How many (sample, unit) pairs sit on a kink."""
        return sum(int(mask.sum()) for mask in self.masks.values())

    @property
    def exhaustive(self) -> bool:
        """Whether every choice of one-sided slopes can be visited."""
        return self.count <= MAX_UNITS

    def corners(self, rng: np.random.Generator) -> list[Floats]:
        """Return choices in [0, 1], one number a unit: 0 the smaller slope, 1 the larger."""
        if self.exhaustive:
            return [np.array(c, dtype=float) for c in itertools.product((0, 1), repeat=self.count)]
        uniform = [np.full(self.count, s) for s in (0.0, 0.5, 1.0)]
        return uniform + [rng.integers(0, 2, self.count).astype(float) for _ in range(13)]

    def pinned(self, problem: Problem, choice: Floats) -> Activate:
        """Return activations in which every such unit is a straight line of the chosen slope."""
        plain = activate(problem.network)
        slopes: dict[int, Floats] = {}
        start = 0
        for layer, mask in self.masks.items():
            low, high = ACTIVATIONS[problem.network.activations[layer - 1]].slopes or (0.0, 0.0)
            chosen = choice[start : start + int(mask.sum())]
            start += int(mask.sum())
            slopes[layer] = np.zeros(mask.shape)
            slopes[layer][mask] = low + (high - low) * chosen

        def apply(layer: int, z: Array) -> Array:
            a = plain(layer, z)
            return np.where(self.masks[layer], slopes[layer] * z, a) if layer in slopes else a

        return apply


def _kinks_of(problem: Problem, run: Evaluation) -> Kinks:
    """Find the units of a forward that sit on a kink, within the rounding of their own sum."""
    masks = {}
    for layer, (w, b) in enumerate(problem.params.pairs, start=1):
        if ACTIVATIONS[problem.network.activations[layer - 1]].slopes is None:
            continue
        terms = np.abs(run.a[layer - 1]) @ np.abs(w) + np.abs(b)
        mask = np.abs(run.z[layer - 1]) <= 4 * (len(w) + 1) * UNIT * terms
        if mask.any():
            masks[layer] = mask
    return Kinks(masks)


class Truth:
    """The loss, outputs and gradient of a problem, with error bars.

    What is asked for is computed once. Randomness is derived from the problem, so
    that the same problem always gets the same bars.

    Parameters
    ----------
    problem : Problem
    epsilon : float
        Inside a logarithm of the loss; zero for the loss as defined.
    biases : bool
        The penalty counts the biases too, which the loss as defined does not.
    """

    def __init__(self, problem: Problem, epsilon: float = 0.0, biases: bool = False) -> None:
        keep_memory()
        self.problem = problem
        self.epsilon = epsilon
        self.biases = biases
        self._budgets: dict[float, dict[str, Floats]] = {}
        self._moves: dict[float, tuple[Floats, Floats]] = {}

    def _rng(self, purpose: int) -> np.random.Generator:
        # directions of a large network take a while to draw: SFC64 is numpy's fastest
        return np.random.Generator(np.random.SFC64((*self._seed, purpose)))

    @cached_property
    def _seed(self) -> tuple[int, ...]:
        """Numbers that depend on every bit of the problem, and on the machine in nothing."""
        problem = self.problem
        arrays = [*problem.params.values(), problem.batch.x, problem.batch.y]
        bits = (np.ascontiguousarray(array).view(np.uint64) for array in arrays)
        sums = [int(each.sum(dtype=np.uint64)) for each in bits]
        return (zlib.crc32(f"{problem.network} {problem.batch.size} {sums}".encode()),)

    @cached_property
    def _run(self) -> Evaluation:
        network = self.problem.network
        until = until_loss(network, None, self.epsilon)
        return evaluate(network, self.problem.params.pairs, self.problem.batch.x, until)

    @cached_property
    def loss(self) -> float:
        """The loss of the batch."""
        network, y = self.problem.network, self.problem.batch.y
        loss = loss_at(network, self.problem.params.pairs, self._run, y, self.epsilon)
        return float(loss) + self._penalty_of_biases

    @property
    def _penalised(self) -> dict[str, Floats]:
        """The biases by name, where the penalty counts them."""
        counted = self.problem.params.items() if self.biases else ()
        return {name: array for name, array in counted if array.ndim == 1}

    @property
    def _penalty_of_biases(self) -> float:
        squares = sum(float((b * b).sum()) for b in self._penalised.values())
        return 0.5 * self.problem.network.l2 * squares

    @cached_property
    def outputs(self) -> Floats:
        """The outputs, (N, n[L])."""
        network = self.problem.network
        outputs: Floats = activate(network)(network.depth, self._run.z[-1])
        return outputs

    def _cut_loss(self, cut: float) -> float:
        """The loss with outputs between a cut and 1 less it, where there is a logarithm."""
        network, params = self.problem.network, self.problem.params.pairs
        loss = LOSSES[network.loss]
        if not loss.logarithmic:
            return self.loss
        losses = loss.of_outputs(np.clip(self.outputs, cut, 1.0 - cut), self.problem.batch.y)
        return float(reduce(network, losses) + penalty(network, params)) + self._penalty_of_biases

    def beyond(self, cut: float) -> dict[str, Floats]:
        """Return by tensor name how far cutting outputs off may move each entry."""
        if not LOSSES[self.problem.network.loss].logarithmic:
            return {name: np.zeros_like(w) for name, w in self.problem.params.items()}
        return rounding.beyond(self.problem, cut)

    @property
    def largest_z(self) -> float:
        """The largest |z| in any layer."""
        return max(float(np.abs(z).max()) for z in self._run.z)

    @property
    def largest_gradient(self) -> float:
        """The largest entry of the gradient."""
        return max(float(np.abs(e.value).max()) for e in self.gradient.values())

    def _moved(self, unit: float) -> tuple[Floats, Floats]:
        """Losses and outputs with every parameter moved by a few units of roundoff."""
        if unit not in self._moves:
            rng, network, batch = self._rng(3), self.problem.network, self.problem.batch
            (w, b), *later = self.problem.params.pairs
            z = np.zeros((JITTERED, batch.size, len(b)))
            squares = np.zeros(JITTERED)
            for rows in rows_of(w, batch.x, JITTERED):
                part = _jittered(rng, w[rows], unit)
                z += batch.x[:, rows] @ part
                if network.l2:
                    squares += (part * part).sum(axis=(-2, -1))
            z += _jittered(rng, b, unit)[:, None]
            pairs = [(_jittered(rng, w, unit), _jittered(rng, b, unit)) for w, b in later]
            run = resume(network, [(w, b), *pairs], {1: z})
            losses = loss_at(network, pairs, run, batch.y) + 0.5 * network.l2 * squares
            self._moves[unit] = losses, run.a[-1]
        return self._moves[unit]

    def loss_error(self, unit: float = UNIT) -> float:
        """Return what arithmetic of roundoff ``unit`` may cost the loss.

        First-order bound on the last operations (Higham, Accuracy and Stability of
        Numerical Algorithms, ch. 3), plus the growth of earlier errors, sampled by
        moving every parameter by a few units of roundoff.
        """
        values, _ = self._moved(unit)
        spread = float(np.abs(values - loss_of(self.problem)).max())
        return 20.0 * spread + self._last_operations(unit)

    def loss_off(self, claim: float, unit: float = UNIT, cut: float = 0.0) -> bool:
        """Whether arithmetic of roundoff ``unit`` does not explain a claimed loss; NaN is off.

        Outputs may be ``cut`` off before their logarithm is taken.
        """
        off = abs(claim - (self._cut_loss(cut) if cut else self.loss))
        # sampling takes longer than the loss, and is hardly ever needed
        return not (off <= self._last_operations(unit) or off <= self.loss_error(unit))

    def _last_operations(self, unit: float) -> float:
        network, batch = self.problem.network, self.problem.batch
        terms = (np.abs(self._run.z[-1]) + np.abs(self.outputs) + np.abs(batch.y) + 1.0) ** 2
        total = float(reduce(network, terms.sum(axis=1)))
        return 8.0 * unit * (abs(self.loss) + total + self._of_small_outputs)

    @cached_property
    def _of_small_outputs(self) -> float:
        """What a loss feels of an output's rounding: ``log(1 - a)`` as textbooks write it.

        One over what is in the logarithm, where that is ``1 - a``.
        """
        network, z, a = self.problem.network, self._run.z[-1], self._run.a[-1]
        if not (LOSSES[network.loss].logarithmic and separable(network)):
            return 0.0
        terms = LOSSES[network.loss].each(z, a, self.problem.batch.y)
        return float(reduce(network, np.exp(np.minimum(terms, LARGEST_OUTPUT)).sum(axis=1)))

    def outputs_error(self, unit: float = UNIT) -> Floats:
        """Return what arithmetic of roundoff ``unit`` may cost each output, (N, n[L])."""
        _, values = self._moved(unit)
        spread = np.abs(values - self.outputs).max(axis=0)
        error: Floats = 20.0 * spread + 32.0 * unit * (1.0 + np.abs(self._run.z[-1]))
        return error

    @cached_property
    def kinks(self) -> Kinks:
        """The units on a kink."""
        return _kinks_of(self.problem, self._run)

    @cached_property
    def _pinned(self) -> Activate | None:
        if not self.kinks.count:
            return None
        return self.kinks.pinned(self.problem, np.zeros(self.kinks.count))

    def _estimates(self, apply: Activate | None) -> dict[str, Estimate]:
        near = complex_step.points_near(self.problem, self._run.z[0], self._rng(1))
        parts = complex_step.linearised(self.problem, near, apply, self.epsilon)
        stack = complex_step.by_preactivation(parts.first)
        estimates = complex_step.estimates(stack, rounding.bars(parts, stack))
        for name, b in self._penalised.items():
            plain, own = estimates[name], self.problem.network.l2 * b
            estimates[name] = Estimate(plain.value + own, plain.error + 8.0 * UNIT * np.abs(own))
        return estimates

    @cached_property
    def _one_sided(self) -> dict[str, Estimate]:
        return self._estimates(self._pinned)

    @cached_property
    def gradient(self) -> dict[str, Estimate]:
        """The gradient by tensor name; on a kink, with its interval."""
        if not self.kinks.count:
            return self._one_sided
        corners = [
            self._estimates(self.kinks.pinned(self.problem, choice))
            for choice in self.kinks.corners(self._rng(4))
        ]
        return {name: _hull([corner[name] for corner in corners]) for name in self._one_sided}

    @cached_property
    def second_estimates(self) -> list[witness.SecondEstimate]:
        """What real differences say along random directions of each tensor."""
        return [] if self.epsilon or self.biases else self._differenced(5, witness.REACH)

    @property
    def disagreements(self) -> list[witness.SecondEstimate]:
        """The directions along which the two witnesses contradict each other.

        Two entries of a ladder agree by accident once in a million, and its bar is then too
        small. So the tensor is differenced again, along other directions from other steps; what
        is our own fault stays.
        """
        against = [each for each in self.second_estimates if not each.agrees]
        if not against:
            return []
        again = self._differenced(6, witness.REACH_AGAIN)
        still = {each.tensor for each in again if not each.agrees}
        return [each for each in against if each.tensor in still]

    def _differenced(self, purpose: int, first: float) -> list[witness.SecondEstimate]:
        problem, pinned, run = self.problem, self._pinned, self._run
        if pinned is not None:
            run = evaluate(problem.network, problem.params.pairs, problem.batch.x, pinned)
        rng = self._rng(purpose)
        return witness.second_estimates(problem, run, self._one_sided, pinned, rng, first)

    def guarded(self, constant: float, unit: float = UNIT) -> dict[str, Floats]:
        """Return by tensor name how far a constant in the logarithms may move each entry."""
        return rounding.reach(self.problem, constant, unit)

    def rounding(self, unit: float = UNIT) -> dict[str, Floats]:
        """Return by tensor name what arithmetic of roundoff ``unit`` may cost honest code."""
        if unit not in self._budgets:
            budget = rounding.budget(self.problem, unit, self._rng(2), self._pinned)
            for name, b in self._penalised.items():
                budget[name] += 8.0 * unit * self.problem.network.l2 * np.abs(b)
            self._budgets[unit] = budget
        return self._budgets[unit]


class Truths:
    """The truths of many problems, each formed once as long as memory allows."""

    def __init__(self) -> None:
        self._known: dict[tuple[Problem, float, bool], Truth] = {}
        self._size = 0

    def of(self, problem: Problem, epsilon: float = 0.0, biases: bool = False) -> Truth:
        """Return the truth of a problem."""
        biases = biases and bool(problem.network.l2)
        key = (problem, epsilon, biases)
        if key not in self._known:
            self._size += problem.params.size
            while self._size > KEPT_PARAMETERS and self._known:
                oldest = next(iter(self._known))
                del self._known[oldest]
                self._size -= oldest[0].params.size
            self._known[key] = Truth(problem, epsilon, biases)
        return self._known[key]


def _jittered(rng: np.random.Generator, array: Floats, unit: float) -> Floats:
    """Return copies of an array, (JITTERED, ...), each entry moved by about 4 units of roundoff."""
    stack = rng.standard_normal((JITTERED, *array.shape))
    stack *= 4.0 * unit
    stack += 1.0
    stack *= array
    return stack


def _hull(corners: list[Estimate]) -> Estimate:
    values = np.stack([corner.value for corner in corners])
    low, high = values.min(axis=0), values.max(axis=0)
    error = np.stack([corner.error for corner in corners]).max(axis=0)
    return Estimate((low + high) / 2.0, error, (high - low) / 2.0)
