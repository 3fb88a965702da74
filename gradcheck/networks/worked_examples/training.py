"""Training with the code's own step, and where it starts.

A step is asked for many rounds at a time: the session repeats it, each time
from the parameters that the last one returned.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np

from gradcheck.contract.protocol import Observation, Request
from gradcheck.networks.network import Network
from gradcheck.networks.problem import Floats, Params, Problem
from gradcheck.networks.worked_examples.questions import loss, step


@dataclass(frozen=True)
class Training:
    """How a training went.

    Attributes
    ----------
    problem : Problem
        Where it ended.
    curve : tuple of float
        The loss at the start, at equal intervals, and at the end.
    """

    problem: Problem
    curve: tuple[float, ...]


def train(
    problem: Problem, rate: float, rounds: int, samples_of_curve: int = 50
) -> Generator[Request, Observation, Training]:
    """Take full-batch steps, and the loss now and then."""
    curve = [(yield from loss(problem))]
    for chunk in chunks(rounds, samples_of_curve):
        problem = yield from step(problem, rate, chunk)
        curve.append((yield from loss(problem)))
    return Training(problem, tuple(curve))


def train_in_mini_batches(
    problem: Problem, rate: float, epochs: int, size: int, samples_of_curve: int = 20
) -> Generator[Request, Observation, Training]:
    """Take a step on each mini-batch in turn, and the whole loss now and then.

    The mini-batches are neighbouring rows, always in the same order.
    """
    network, params, batch = problem.network, problem.params, problem.batch
    starts = range(0, batch.size, size)
    parts = [batch.select(np.arange(n, min(n + size, batch.size))) for n in starts]
    curve = [(yield from loss(problem))]
    for chunk in chunks(epochs, samples_of_curve):
        for part in parts * chunk:
            params = (yield from step(Problem(network, params, part), rate)).params
        problem = Problem(network, params, batch)
        curve.append((yield from loss(problem)))
    return Training(problem, tuple(curve))


def chunks(rounds: int, parts: int) -> list[int]:
    """Split a number of rounds into at most ``parts`` nearly equal ones."""
    parts = min(parts, rounds)
    ends = [rounds * part // parts for part in range(parts + 1)]
    return [int(size) for size in np.diff(ends)]


def random_start(network: Network, draw: Callable[[tuple[int, ...]], Floats]) -> Params:
    """Draw W1, b1, W2, b2, ... in this order, ``draw(shape)`` each."""
    return Params([(draw(shape), draw(shape[1:])) for shape in network.shapes])
