"""One period and a half of the sine, learned by 1-4-1 from 20 starts.

20 points on [-5, 5], y = sin x, tanh then identity, mean squared error over the
samples, standard normal starts ``default_rng(seed)`` in the order W1, b1, W2, b2,
rate 0.01, 5000 full-batch rounds. The published claim: the final error is below
0.1 from each of the seeds 0 to 19. The short extent takes seed 0 alone.

Measured: .0038 (seed 0) to .0586 (seed 6), median .010.
"""

import numpy as np

from gradcheck.networks.network import Network
from gradcheck.networks.problem import Batch, Problem
from gradcheck.networks.worked_examples.training import random_start, train
from gradcheck.networks.worked_examples.worked_example import Example, Reproduction, Run, below

NETWORK = Network((1, 4, 1), ("tanh", "identity"), "mean_squared_error")
POINTS = np.linspace(-5.0, 5.0, 20)[:, np.newaxis]
BATCH = Batch(POINTS, np.sin(POINTS))
RATE = 0.01
ROUNDS = 5000
SEEDS = range(20)


def start(seed: int) -> Problem:
    """Return the network at a standard normal start."""
    draw = np.random.default_rng(seed).standard_normal
    return Problem(NETWORK, random_start(NETWORK, draw), BATCH)


def run(extent: str) -> Run:
    """Train from every seed, or from the first in the short extent."""
    results, points = [], []
    for seed in SEEDS if extent == "full" else SEEDS[:1]:
        training = yield from train(start(seed), RATE, ROUNDS)
        curve = training.curve
        results.append(below(f"final error, seed {seed}", 0.1, curve[-1], curve))
        points += [start(seed), training.problem]
    return Reproduction(tuple(results), tuple(points))


EXAMPLE = Example(
    name="sine-1-4-1",
    title="the sine on [-5, 5] learned by 1-4-1, from 20 starts",
    source="published claim: 20 points, tanh then identity, rate 0.01, 5000 rounds, final mean "
    "squared error below 0.1",
    run=run,
)
