"""What the two large examples, moons and digits, share.

Their gradient is verified on 64 samples, at the start and after training. The
short extent is for code written in plain loops: 20 steps on those 64 samples,
enough to see the loss go down, too few for an accuracy.
"""

from collections.abc import Generator

import numpy as np

from gradcheck.contract.protocol import Observation, Request
from gradcheck.networks.problem import Floats, Problem
from gradcheck.networks.worked_examples.questions import outputs
from gradcheck.networks.worked_examples.training import train
from gradcheck.networks.worked_examples.worked_example import Reproduction, Run, below

VERIFIED_SAMPLES = 64
SHORT_ROUNDS = 20


def verified_part(problem: Problem) -> Problem:
    """Return the problem on its first 64 samples."""
    rows = np.arange(min(VERIFIED_SAMPLES, problem.batch.size))
    return Problem(problem.network, problem.params, problem.batch.select(rows))


def accuracy(problem: Problem) -> Generator[Request, Observation, float]:
    """Ask for the share of samples whose largest output is the right one."""
    answers = yield from outputs(problem)
    return share_right(answers, problem.batch.y)


def share_right(answers: Floats, targets: Floats) -> float:
    """Return the share of rows whose largest entries stand in the same column."""
    finite = np.isfinite(answers).all(axis=1)
    return float(np.mean((answers.argmax(axis=1) == targets.argmax(axis=1)) & finite))


def train_briefly(problem: Problem, rate: float) -> Run:
    """Take 20 steps on the first 64 samples."""
    start = verified_part(problem)
    training = yield from train(start, rate, SHORT_ROUNDS)
    curve = training.curve
    result = below(f"loss after {SHORT_ROUNDS} steps", curve[0], curve[-1], curve)
    return Reproduction((result,), (start, training.problem))
