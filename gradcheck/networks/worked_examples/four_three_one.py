"""Three samples through 4-3-1, trained for 5000 rounds.

The system of Sunil Ray, "Understanding and coding neural networks from scratch
in Python and R", Analytics Vidhya, 2017: sigmoid twice, every parameter uniform
on [0, 1), rate 0.1, the gradient summed over the samples. After 5000 rounds the
outputs lie within 0.1 of the targets 1, 1, 0.

The page draws an unseeded start; here it is ``default_rng(0)``, in the order W1,
b1, W2, b2. Measured: the largest distance from a target was .034 to .058 over the
starts 0 to 39; from start 0 it is .056.
"""

import numpy as np

from gradcheck.networks.network import Network
from gradcheck.networks.problem import Batch, Problem
from gradcheck.networks.worked_examples.questions import outputs
from gradcheck.networks.worked_examples.training import random_start, train
from gradcheck.networks.worked_examples.worked_example import Example, Reproduction, Run, below

NETWORK = Network((4, 3, 1), ("sigmoid", "sigmoid"), "half_squared_error", "sum")
BATCH = Batch([[1, 0, 1, 0], [1, 0, 1, 1], [0, 1, 0, 1]], [[1], [1], [0]])
RATE = 0.1
ROUNDS = 5000


def start(seed: int = 0) -> Problem:
    """Return the network at a uniform start."""
    return Problem(NETWORK, random_start(NETWORK, np.random.default_rng(seed).random), BATCH)


def run(extent: str) -> Run:
    """Train, and look how far the outputs are from the targets."""
    training = yield from train(start(), RATE, ROUNDS)
    out = yield from outputs(training.problem)
    distance = float(np.abs(out - BATCH.y).max())
    result = below("largest distance from a target", 0.1, distance, training.curve)
    return Reproduction((result,), (start(), training.problem))


EXAMPLE = Example(
    name="four-three-one",
    title="three samples through 4-3-1, 5000 rounds",
    source="Sunil Ray, Understanding and coding neural networks from scratch in Python and R, "
    "Analytics Vidhya, 2017",
    run=run,
)
