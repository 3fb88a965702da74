"""The second witness: real differences of the plain forward.

It shares no arithmetic with the complex step: real numbers, a ladder of steps
(:mod:`~gradcheck.networks.fast_estimate.differences`), three random directions a tensor.
In every verdict the two have to agree within their bars. Off kinks a disagreement is our own fault.
"""

from dataclasses import dataclass

import numpy as np

from gradcheck.networks.fast_estimate.differences import REACH, Moves, Walk, of_biases, slopes
from gradcheck.networks.forward_pass import Activate, Evaluation, activate
from gradcheck.networks.problem import Floats, Problem
from gradcheck.oracle.blocks import rows_of
from gradcheck.oracle.directions import SLACK, drawn
from gradcheck.oracle.estimate import Estimate
from gradcheck.oracle.ladder import Slope

#: Directions a tensor.
DIRECTIONS = 3


@dataclass(frozen=True)
class SecondEstimate:
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
    run: Evaluation,
    estimates: dict[str, Estimate],
    apply: Activate | None,
    rng: np.random.Generator,
    reach: float = REACH,
) -> list[SecondEstimate]:
    """Difference the plain forward along random directions of each tensor.

    Parameters
    ----------
    run : Evaluation
        The forward, with the activations of ``apply``.
    estimates : dict
        The primary estimates by tensor name, of the function that ``apply`` makes.
    apply : callable or None
        Activations with units on a kink pinned to one slope.
    reach : float
        How far a pre-activation may move at the first rung.
    """
    apply = apply or activate(problem.network)
    named, moves = [], []
    for layer in range(1, problem.network.depth + 1):
        for name, along in ((f"W{layer}", _along_weights), (f"b{layer}", _along_biases)):
            some, values = along(problem, run, layer, estimates[name].value, rng)
            moves.append(some)
            # along a random direction, whatever the error is
            error = 3.0 * estimates[name].noise
            named += [(name, value, error) for value in values.tolist()]
    found = slopes(problem, run, apply, moves, reach)
    return [
        SecondEstimate(name, slope, value, error)
        for (name, value, error), slope in zip(named, found, strict=True)
    ]


def _along_weights(
    problem: Problem, run: Evaluation, layer: int, gradient: Floats, rng: np.random.Generator
) -> tuple[Moves, Floats]:
    """Draw directions of W; return what they move, and the derivative that they should see."""
    expected, walk = np.zeros(DIRECTIONS), Walk(problem, run, layer, DIRECTIONS)
    for rows in rows_of(gradient, run.a[layer - 1], DIRECTIONS):
        part = gradient[rows]
        v = drawn(rng, DIRECTIONS, part.shape)
        walk.step(rows, v)
        expected += v.reshape(DIRECTIONS, -1) @ part.ravel()
    return walk.moves(), expected


def _along_biases(
    problem: Problem, run: Evaluation, layer: int, gradient: Floats, rng: np.random.Generator
) -> tuple[Moves, Floats]:
    """Likewise of b."""
    v = drawn(rng, DIRECTIONS, gradient.shape)
    return of_biases(problem, layer, v), v @ gradient
