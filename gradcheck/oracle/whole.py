"""Differences of a small network: whole forwards, all tensors' directions in one stack.

Every rung is a forward with moved parameters; nothing is taken on trust. A stack holds
all parameters once for each rung, so it is for networks where that is little, and numpy's
fixed cost of a call is what counts.
"""

import numpy as np

from gradcheck.forward import Activate, evaluate, penalty, until_loss
from gradcheck.oracle.complex_step import STEP
from gradcheck.oracle.ladder import Slope, steps
from gradcheck.oracle.ladders import both_sides, from_runs
from gradcheck.oracle.reach import RUNGS, first_steps
from gradcheck.problem import Floats, Problem

#: Largest stack of parameters and pre-activations, in bytes: about a processor's cache.
STACK = 2**21


def fits(problem: Problem, directions: int) -> bool:
    """Say whether all rungs of all directions are few enough numbers for one stack."""
    network = problem.network
    parameters = sum(tensor.size for _, tensor in problem.params.tensors())
    units = problem.batch.size * sum(network.widths)
    points = 2 * RUNGS * directions * 2 * network.depth
    return points * (parameters + units) * 8 <= STACK


def slopes(
    problem: Problem, directions: dict[str, Floats], apply: Activate, reach: float
) -> dict[str, list[Slope]]:
    """Difference the loss along directions of each tensor.

    Parameters
    ----------
    directions : dict
        By tensor name, (D, *shape).
    apply : callable
        The activations.
    reach : float
        How far a pre-activation may move at the first rung.
    """
    network, pairs, x = problem.network, problem.params.pairs, problem.batch.x
    until = until_loss(network, apply)
    count = sum(len(stack) for stack in directions.values())
    widened = _widened(directions, count)
    ways = list(zip(widened[::2], widened[1::2], strict=True))
    along = [
        (w + 1j * STEP * v, b + 1j * STEP * u) for (w, b), (v, u) in zip(pairs, ways, strict=True)
    ]
    rates = evaluate(network, along, x, until).z
    h = steps(first_steps(network, rates, 1, reach), RUNGS)
    signed = both_sides(h)  # (D, K, 2)
    moved = [
        (w + signed[..., None, None] * v[:, None, None], b + signed[..., None] * u[:, None, None])
        for (w, b), (v, u) in zip(pairs, ways, strict=True)
    ]
    penalties = np.broadcast_to(penalty(network, moved), signed.shape)
    found = iter(from_runs(problem, 1, evaluate(network, moved, x, until), penalties, h).slopes())
    return {name: [next(found) for _ in stack] for name, stack in directions.items()}


def _widened(directions: dict[str, Floats], count: int) -> list[Floats]:
    """Return for each tensor how every direction moves it: not at all, but for its own."""
    start, result = 0, []
    for stack in directions.values():
        ways = np.zeros((count, *stack.shape[1:]))
        ways[start : start + len(stack)] = stack
        result.append(ways)
        start += len(stack)
    return result
