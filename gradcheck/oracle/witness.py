"""The second witness: real differences of the plain forward.

It shares no arithmetic with the complex step: real numbers, a ladder of steps
(:mod:`~gradcheck.oracle.differences`), three random directions a tensor. In every verdict
the two have to agree within their bars. Off kinks a disagreement is our own fault.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from gradcheck.forward import Activate, Evaluation, activate
from gradcheck.oracle.differences import slopes
from gradcheck.oracle.directions import drawn
from gradcheck.oracle.estimate import Estimate, length
from gradcheck.oracle.ladder import Slope
from gradcheck.oracle.reach import REACH
from gradcheck.problem import Problem

#: Directions a tensor.
DIRECTIONS = 3

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
    run: Evaluation,
    estimates: dict[str, Estimate],
    apply: Activate | None,
    rng: np.random.Generator,
    reach: float = REACH,
) -> list[Testimony]:
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
    directions = [
        (drawn(rng, DIRECTIONS, w.shape), drawn(rng, DIRECTIONS, b.shape))
        for w, b in problem.params
    ]
    apply = apply or activate(problem.network)
    found = iter(slopes(problem, run, apply, directions, reach))
    result = []
    for (name, _), stack in zip(
        problem.params.tensors(), itertools.chain.from_iterable(directions), strict=True
    ):
        estimate = estimates[name]
        expected = stack.reshape(DIRECTIONS, -1) @ estimate.value.ravel()
        error = 3.0 * length(estimate.error)  # along a random direction, whatever the error is
        result += [Testimony(name, next(found), value, error) for value in expected.tolist()]
    return result
