"""Everything the oracle knows of one problem."""

import zlib
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gradcheck.networks.fast_estimate import (
    complex_step,
    kinks,
    points,
    rounding,
    witness,
)
from gradcheck.networks.fast_estimate.rounding import bars
from gradcheck.networks.fast_estimate.witness import REACH, REACH_AGAIN
from gradcheck.networks.forward_pass import (
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
from gradcheck.networks.losses import LOSSES
from gradcheck.networks.problem import Floats, Problem
from gradcheck.oracle.blocks import keep_memory, rows_of
from gradcheck.oracle.estimate import UNIT, Estimate

#: Points beside a problem's own at which its loss and outputs are formed again.
JITTERED = 8


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
        sums = [int(_bits(array).sum(dtype=np.uint64)) for array in arrays]
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
    def penalty(self) -> float:
        """What the weight penalty adds to the loss."""
        return float(penalty(self.problem.network, self.problem.params.pairs))

    @property
    def _penalty_of_biases(self) -> float:
        biases = self._biases() if self.biases else []
        squares = sum(float((b * b).sum()) for _, b in biases)
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

        Parameters
        ----------
        cut : float
            Where outputs are cut off before their logarithm is taken.
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
    def kinks(self) -> kinks.Kinks:
        """The units on a kink."""
        return kinks.find(self.problem, self._run)

    @cached_property
    def _pinned(self) -> Activate | None:
        if not self.kinks.count:
            return None
        return self.kinks.pinned(self.problem, np.zeros(self.kinks.count))

    def _estimates(self, apply: Activate | None) -> dict[str, Estimate]:
        near = points.near(self.problem, self._run.z[0], self._rng(1))
        parts = complex_step.linearised(self.problem, near, apply, self.epsilon)
        stack = complex_step.by_preactivation(parts.first)
        estimates = complex_step.estimates(stack, bars(parts, stack))
        return self._with_biases(estimates) if self.biases else estimates

    def _biases(self) -> list[tuple[str, Floats]]:
        return [(name, array) for name, array in self.problem.params.items() if array.ndim == 1]

    def _with_biases(self, estimates: dict[str, Estimate]) -> dict[str, Estimate]:
        """Add what a penalty of the biases adds to their gradients."""
        found = dict(estimates)
        for name, b in self._biases():
            plain, own = estimates[name], self.problem.network.l2 * b
            found[name] = Estimate(plain.value + own, plain.error + 8.0 * UNIT * np.abs(own))
        return found

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
        return [] if self.epsilon or self.biases else self._differenced(5, REACH)

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
        still = {each.tensor for each in self._differenced(6, REACH_AGAIN) if not each.agrees}
        return [each for each in against if each.tensor in still]

    def _differenced(self, purpose: int, first: float) -> list[witness.SecondEstimate]:
        problem, pinned = self.problem, self._pinned
        run = self._run
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
            for name, b in self._biases() if self.biases else ():
                budget[name] += 8.0 * unit * self.problem.network.l2 * np.abs(b)
            self._budgets[unit] = budget
        return self._budgets[unit]


#: A loss of an output beyond this is that of an output of 1, in any arithmetic.
LARGEST_OUTPUT = 40.0

#: Parameters of all problems whose truths are kept: of large ones some are formed again.
KEPT_PARAMETERS = 50_000_000


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


def _bits(array: Floats) -> NDArray[np.uint64]:
    """Return the bits of each number, as a whole number."""
    return np.ascontiguousarray(array).view(np.uint64)


def _hull(corners: list[Estimate]) -> Estimate:
    values = np.stack([corner.value for corner in corners])
    low, high = values.min(axis=0), values.max(axis=0)
    error = np.stack([corner.error for corner in corners]).max(axis=0)
    return Estimate((low + high) / 2.0, error, (high - low) / 2.0)
