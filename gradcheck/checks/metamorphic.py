"""What the checks that relate answers to one another share."""

from collections.abc import Callable, Mapping

import numpy as np

from gradcheck.comparison.verdict import Verdict
from gradcheck.networks.context import CheckContext
from gradcheck.networks.problem import Floats, Problem
from gradcheck.oracle.estimate import UNIT

Named = Mapping[str, Floats]

#: So many units of roundoff of a tensor's largest entry mean nothing.
NOTHING = 64

#: Part of the whole gradient by which a relation between wrong gradients is broken.
GROSS = 1e-6


def grants(plan: CheckContext, problem: Problem) -> dict[str, Floats]:
    """Return by tensor name what arithmetic may cost a gradient of this problem."""
    truth = plan.truth(problem)
    rounding = truth.rounding(plan.arithmetic.unit)
    return {name: truth.gradient[name].error + rounding[name] for name in rounding}


def mismatches(
    plan: CheckContext, problem: Problem, one: Named, two: Named, granted: Callable[[], Named]
) -> list[str]:
    """Name the tensors in which two gradients differ by more than their arithmetic.

    What the arithmetic of a *wrong* formula costs nobody knows: tan(z) near its pole
    amplifies any roundoff. Where a gradient is wrong, a relation counts as broken
    only by more than :data:`GROSS` of the whole gradient.

    Parameters
    ----------
    problem : Problem
        Of which ``one`` is the claimed gradient.
    granted : callable
        Returns what arithmetic may cost. Called only where there is a difference to
        speak of: in most right code there is none, and the answer takes longer than the
        code.
    """
    unit = max(plan.arithmetic.unit, UNIT)
    if unit == UNIT and not any(_apart(one[name], two[name]) for name in one):
        return []
    costs = granted()
    whole = max(float(np.abs(array).max()) for array in (*one.values(), *two.values()))
    wrong = any(j.verdict is Verdict.WRONG for j in plan.judge(problem, one))
    names = []
    for name in one:
        largest = max(float(np.abs(one[name]).max()), float(np.abs(two[name]).max()))
        own = GROSS * whole if wrong else NOTHING * unit * largest
        if not (np.abs(one[name] - two[name]) <= costs[name] + own).all():
            names.append(name)
    return names


def _apart(one: Floats, two: Floats) -> bool:
    """Whether float64 tensors differ by more than rounding in the last sums."""
    largest = max(float(np.abs(one).max()), float(np.abs(two).max()))
    return not float(np.abs(one - two).max()) <= NOTHING * UNIT * largest


def usable(plan: CheckContext, problem: Problem, tensors: Named) -> bool:
    """Whether a relation can be judged here: finite, and off every kink."""
    finite = all(np.isfinite(array).all() for array in tensors.values())
    return finite and not plan.truth(problem).kinks.count
