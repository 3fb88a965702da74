"""The two large examples, moons and digits: classes told apart, with a bound on the accuracy.

Their gradient is verified on 64 samples, at the start and after training. The
short extent is for code written in plain loops: 20 steps on those 64 samples,
enough to see the loss go down, too few for an accuracy.
"""

import gzip
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from gradcheck.networks.problem import Batch, Floats, Network, Problem
from gradcheck.networks.worked_examples.worked_example import (
    Example,
    Reproduction,
    Run,
    above,
    below,
    full_batch,
    mini_batches,
    outputs,
    random_start,
    train,
)

DATA = Path(__file__).parent / "data" / "digits.csv.gz"
VERIFIED_SAMPLES = 64

#: Digits that are trained on; the others are held out.
TRAINED = 1500


def verified_part(problem: Problem) -> Problem:
    """Return the problem on its first 64 samples."""
    return replace(problem, batch=problem.batch.select(np.arange(VERIFIED_SAMPLES)))


def share_right(answers: Floats, targets: Floats) -> float:
    """Return the share of rows whose largest entries stand in the same column."""
    finite = np.isfinite(answers).all(axis=1)
    return float(np.mean((answers.argmax(axis=1) == targets.argmax(axis=1)) & finite))


def _train_briefly(problem: Problem, rate: float) -> Run:
    training = yield from train(verified_part(problem), 20, full_batch(rate))
    curve = training.curve
    result = below("loss after 20 steps", curve[0], curve[-1], curve)
    return Reproduction((result,), (training.start, training.end))


def moons(samples: int = 2000, seed: int = 0) -> Batch:
    """Draw the points; even rows are of the first class, odd ones of the second."""
    rng = np.random.default_rng(seed)
    kind = np.arange(samples) % 2
    angle = rng.uniform(0.0, np.pi, samples)
    upper = np.column_stack([np.cos(angle), np.sin(angle)])
    lower = np.column_stack([1.0 - np.cos(angle), 0.5 - np.sin(angle)])
    points = np.where(kind[:, np.newaxis] == 0, upper, lower)
    return Batch(points + 0.1 * rng.standard_normal(points.shape), np.eye(2)[kind])


# Chosen here: the points, and a normal start with deviation 4 sqrt(2 / (n[l-1] + n[l])) and no
# bias (Glorot's rule, times 4 as a sigmoid's slope is at most 1/4). The bound .98 lies below what
# was measured: over the starts 0 to 19 the accuracy was .9975 to .9990; from start 0 it is .9985.
# The 20 steps of the short extent lower the loss from each of these starts, by a tenth at the
# least.
def _two_moons(extent: str) -> Run:
    network = Network((2, 25, 50, 25, 2), ("sigmoid",) * 4, "squared_error")

    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        deviation = 4.0 * np.sqrt(2.0 / sum(shape))
        return rng.normal(0.0, deviation, shape) if len(shape) == 2 else np.zeros(shape)

    start = random_start(network, moons(), draw)
    if extent != "full":
        return (yield from _train_briefly(start, 2.0))
    training = yield from train(start, 40, mini_batches(2.0, 100), samples_of_curve=20)
    share = share_right((yield from outputs(training.end)), start.batch.y)
    result = above("accuracy", 0.98, share, training.curve)
    return Reproduction((result,), (verified_part(start), verified_part(training.end)))


@cache
def digits() -> Batch:
    """Read the 1797 digits, pixels in [0, 1] and one-hot targets."""
    with gzip.open(DATA, "rt", encoding="ascii") as lines:
        table = np.loadtxt(lines, delimiter=",")
    return Batch(table[:, :-1] / 16.0, np.eye(10)[table[:, -1].astype(int)])


# The fourth exercise of Andrew Ng's course Machine Learning (2011) trains one hidden layer of 25
# sigmoids on 20x20 digits, with sigmoid outputs, binary cross entropy and a weight penalty of
# lambda = 1. Here the digits are the 1797 public 8x8 ones (data/README.md): the first 1500 are
# trained on, the last 297 held out. His penalty lambda / (2m) is l2 = 1 / 1500 in our definition.
#
# The start is his, uniform on [-e, e] with e = sqrt(6 / (n[l-1] + n[l])) and no bias. Chosen here:
# rate 1, 60 epochs in mini-batches of 100 in place of his conjugate gradients. The bounds, .95 and
# .87, lie below what was measured: over the starts 0 to 19 the accuracy was .979 to .984 on the
# digits trained on and .892 to .909 on those held out; from start 0 it is .982 and .899. The 20
# steps of the short extent more than halve the loss from each of these starts.
def _digits(extent: str) -> Run:
    network = Network((64, 25, 10), ("sigmoid",) * 2, "binary_cross_entropy", l2=1.0 / TRAINED)

    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        end = np.sqrt(6.0 / sum(shape))
        return rng.uniform(-end, end, shape) if len(shape) == 2 else np.zeros(shape)

    start = random_start(network, digits().select(np.arange(TRAINED)), draw)
    if extent != "full":
        return (yield from _train_briefly(start, 1.0))
    training = yield from train(start, 60, mini_batches(1.0, 100), samples_of_curve=20)
    held_out = digits().select(np.arange(TRAINED, digits().size))
    seen = share_right((yield from outputs(training.end)), start.batch.y)
    unseen = share_right((yield from outputs(replace(training.end, batch=held_out))), held_out.y)
    results = (
        above("accuracy on the digits trained on", 0.95, seen, training.curve),
        above("accuracy on the digits held out", 0.87, unseen),
    )
    return Reproduction(results, (verified_part(start), verified_part(training.end)))


EXAMPLES = (
    Example(
        "two-moons",
        "two moons told apart by 2-25-50-25-2",
        "points made by this project; acceptance bound set from measurement",
        _two_moons,
    ),
    Example(
        "digits",
        "handwritten digits by 64-25-10 with cross entropy and a weight penalty",
        "after exercise 4 of Andrew Ng's Machine Learning, on the digits of E. Alpaydin and "
        "C. Kaynak (1998); acceptance bounds set by this project from measurement",
        _digits,
    ),
)
