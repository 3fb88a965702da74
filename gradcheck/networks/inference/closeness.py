"""How near a gradient comes to the true one of a definition: tensor by tensor."""

from collections.abc import Generator
from functools import lru_cache

import numpy as np

from gradcheck.comparison.compare import named
from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.networks.fast_estimate import points
from gradcheck.networks.fast_estimate.complex_step import by_preactivation, sloped
from gradcheck.networks.problem import Floats, Problem

#: A gradient with this much of it right belongs to a definition: the last layer does.
ENOUGH = 0.2

#: Relative difference up to which two tensors are the same here.
SAME = 1e-5


#: True gradients of problems of so many parameters are formed anew each time they are asked for.
LARGE = 20_000


def _truth(problem: Problem) -> dict[str, Floats]:
    """The true gradient, without a bar: what is settled here is judged later."""
    return _formed(problem) if problem.params.size > LARGE else _kept(problem)


def _formed(problem: Problem) -> dict[str, Floats]:
    pairs = [(w[None], b[None]) for w, b in problem.params]
    stack = by_preactivation(sloped(problem, points.of(problem, pairs)))
    return named(tuple((dw[0], db[0]) for dw, db in stack))


_kept = lru_cache(maxsize=1024)(_formed)


def share(problem: Problem, observation: Observation, factor: float = 1.0) -> float:
    """Return the part of the tensors that are right, the last layers counting most.

    Parameters
    ----------
    factor : float
        By how much the code's own gradient is to be larger than the definition's.
    """
    truth = _truth(problem)
    total = right = 0.0
    for layer, (dw, db) in enumerate(observation.tensors, start=1):
        for name, claim in ((f"W{layer}", dw), (f"b{layer}", db)):
            value = factor * truth[name]
            weight = 2.0**layer
            total += weight
            size = float(np.linalg.norm(value))
            if float(np.linalg.norm(claim - value)) <= SAME * size and size:
                right += weight
    return right / total


def gradient(problem: Problem, reading: int) -> Generator[Request, Observation, float]:
    """Ask a reading for a gradient, and return the part of it that is right."""
    answer = yield Request(Call.LOSS_AND_GRADS, problem, reading=reading)
    return 0.0 if answer.failure else share(problem, answer)
