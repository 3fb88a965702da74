"""What the checks that relate answers to one another share."""

from collections.abc import Callable

import numpy as np

from gradcheck.comparison.compare import rounded_bars, within
from gradcheck.comparison.context import CheckContext
from gradcheck.comparison.subject import Named, Problem
from gradcheck.contract.posed import Floats
from gradcheck.oracle.estimate import UNIT

#: So many units of roundoff of a tensor's largest entry mean nothing.
MEANINGLESS_UNITS = 64

#: Part of the whole gradient by which a relation between wrong gradients is broken.
GROSS = 1e-6


def arithmetic_costs(context: CheckContext, problem: Problem) -> dict[str, Floats]:
    """Return by tensor name what arithmetic may cost a gradient of this problem."""
    truth, unit = context.truth(problem), context.arithmetic.unit
    return {name: rounded_bars(truth, name, unit) for name in truth.gradient}


def mismatches(
    context: CheckContext,
    problem: Problem,
    one: Named,
    two: Named,
    costs: Callable[[], Named],
) -> list[str]:
    """Name the tensors in which two gradients differ by more than their arithmetic.

    What the arithmetic of a *wrong* formula costs nobody knows: tan(z) near its pole
    amplifies any roundoff. Where a gradient is wrong, a relation counts as broken
    only by more than :data:`GROSS` of the whole gradient.

    Parameters
    ----------
    context : CheckContext
    problem : object
        Of which ``one`` is the claimed gradient.
    one, two : mapping of str to array
    costs : callable
        Returns what arithmetic may cost. Called only where there is a difference to
        speak of: in most right code there is none, and the answer takes longer than the
        code.

    Returns
    -------
    names : list of str
    """
    unit = max(context.arithmetic.unit, UNIT)
    meaningless = {
        name: MEANINGLESS_UNITS * max(float(np.abs(a).max()), float(np.abs(two[name]).max()))
        for name, a in one.items()
    }
    if unit == UNIT and all(within(one[n], two[n], UNIT * m) for n, m in meaningless.items()):
        return []
    granted = costs()
    whole = max(float(np.abs(array).max()) for array in (*one.values(), *two.values()))
    wrong = context.wrong(problem, one)
    return [
        name
        for name, size in meaningless.items()
        if not within(
            one[name], two[name], granted[name] + (GROSS * whole if wrong else unit * size)
        )
    ]


def usable(context: CheckContext, problem: Problem, tensors: Named) -> bool:
    """Whether a relation can be judged here: finite, and off every kink."""
    finite = all(np.isfinite(array).all() for array in tensors.values())
    return finite and not context.truth(problem).kinks.count
