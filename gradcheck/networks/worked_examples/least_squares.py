"""A line through points: where backprop meets linear algebra.

1-1 with the identity is the line y = W x + b, and its half squared error has one
minimum, which ``numpy.linalg.lstsq`` finds without a gradient. There the gradient
is zero, and descent from elsewhere ends there.

The points are the first data set of F. J. Anscombe, "Graphs in Statistical
Analysis", The American Statistician 27 (1973), 17-21, whose published fit is
y = 3.00 + 0.500 x.

Chosen here: start at W = b = 0, rate 0.02 (beyond 0.0218 descent diverges), 10 000
rounds. Measured with ``python -m gradcheck report`` over the three implementations
of this project: 1.3e-14 to 1.4e-14 for the largest gradient entry at the fit, bound
1e-12; 1.0e-9 for the distance from the fit after training, bound 1e-6. Only the start
is verified: at the fit the gradient is nothing but rounding.
"""

import numpy as np

from gradcheck.networks.network import Network
from gradcheck.networks.problem import Batch, Params, Problem
from gradcheck.networks.worked_examples.questions import gradient, moved
from gradcheck.networks.worked_examples.training import train
from gradcheck.networks.worked_examples.worked_example import (
    Example,
    Reproduction,
    Run,
    below,
    printed,
)

X = (10.0, 8.0, 13.0, 9.0, 11.0, 14.0, 6.0, 4.0, 12.0, 7.0, 5.0)
Y = (8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68)
START = Problem(
    Network((1, 1), ("identity",), "half_squared_error"),
    Params([([[0.0]], [0.0])]),
    Batch(np.array([X]).T, np.array([Y]).T),
)
RATE = 0.02
ROUNDS = 10_000
LARGEST_GRADIENT = 1e-12
LARGEST_DISTANCE = 1e-6


def fit() -> Params:
    """Return the least-squares line, without any gradient."""
    columns = np.column_stack([X, np.ones(len(X))])
    slope, intercept = np.linalg.lstsq(columns, np.array(Y), rcond=None)[0]
    return Params([([[slope]], [intercept])])


def run(extent: str) -> Run:
    """Look at the gradient at the fit, then train towards it."""
    slopes = yield from gradient(moved(START, fit()))
    training = yield from train(START, RATE, ROUNDS)
    found, best = training.problem.params, fit()
    distance = max(float(np.abs(found[name] - best[name]).max()) for name in ("W1", "b1"))
    largest = max(float(np.abs(slope).max()) for slope in slopes.values())
    results = (
        below("largest gradient entry at the fit", LARGEST_GRADIENT, largest),
        printed("slope after training", ".500", found["W1"].item()),
        printed("intercept after training", "3.00", found["b1"].item()),
        below("distance from the fit after training", LARGEST_DISTANCE, distance, training.curve),
    )
    return Reproduction(results, (START,))


EXAMPLE = Example(
    name="linear-1-1",
    title="a line by least squares and by descent",
    source="F. J. Anscombe, Graphs in Statistical Analysis, The American Statistician 27 (1973), "
    "17-21, data set 1; bounds set by this project from measurement",
    run=run,
)
