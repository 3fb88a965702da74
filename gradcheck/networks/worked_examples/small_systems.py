"""Small systems: worked by hand on a page, or trained until something is below a bound.

Starts are drawn from ``default_rng(0)`` where nothing else is said. What is measured from it comes
from ``python -m gradcheck report``, and from other starts by the same training.
"""

import numpy as np

from gradcheck.contract.posed import Tensors
from gradcheck.contract.protocol import Call, Request
from gradcheck.networks.problem import Batch, Floats, Network, Params, Problem
from gradcheck.networks.scope import Asking
from gradcheck.networks.worked_examples.worked_example import (
    Example,
    Reproduction,
    Result,
    Run,
    Training,
    Walk,
    ask,
    below,
    full_batch,
    loss,
    moved,
    outputs,
    printed,
    random_start,
    step,
    train,
)

# ---- worked by hand ----------------------------------------------------------------------

NETWORK = Network((2, 2, 2), ("sigmoid", "sigmoid"), "half_squared_error")

_HIDDEN = ([[0.15, 0.25], [0.20, 0.30]], [0.35, 0.35])
_OUTPUT = ([[0.40, 0.50], [0.45, 0.55]], [0.60, 0.60])
START = Problem(NETWORK, Params([_HIDDEN, _OUTPUT]), Batch([[0.05, 0.10]], [[0.01, 0.99]]))


# Matt Mazur, "A Step by Step Backpropagation Example", 17 March 2015.
#
# His w1, w2 go into h1 and w3, w4 into h2; w5, w6 go into o1 and w7, w8 into o2:
# w2 is W1[1,0] here and w6 is W2[1,0]. He keeps the biases as they are, so each step here is
# the code's own with the old biases put back. The error .291027774 is that after one round,
# 3.51085e-05 and its outputs are those after 9 999.
#
# The page's own closing numbers are others: .291027924 after one round, outputs
# .015912196 and .984065734 after 10 000. To the last digit they are what comes out
# when W2 is updated before the hidden deltas are formed with it: the bug "updated
# before used". The weights the page derives by hand are right.
def _two_two_two(extent: str) -> Run:
    alone = Network((2, 2), ("sigmoid",), "half_squared_error")
    no_targets = Batch(START.batch.x, [[0.0, 0.0]])
    hidden = yield from outputs(Problem(alone, Params([_HIDDEN]), no_targets))
    out = yield from outputs(START)
    start = yield from ask(Request(Call.LOSS_AND_GRADS, START))
    first = last = yield from _round(START)
    curve = [(yield from loss(first))]
    for done in range(2, 10_000):
        last = yield from _round(last)
        if done % 200 == 0:
            curve.append((yield from loss(last)))
    curve.append((yield from loss(last)))
    last_out = yield from outputs(last)
    new_output_weights = (".35891648", ".408666186", ".511301270", ".561370121")
    new_hidden_weights = (".149780716", ".19956143", ".24975114", ".29950229")
    results = (
        *_several("output of h{}", 1, (".593269992", ".596884378"), hidden),
        *_several("output of o{}", 1, (".75136507", ".772928465"), out),
        *_several(
            "error of o{}", 1, (".274811083", ".023560026"), 0.5 * (out - START.batch.y) ** 2
        ),
        printed("total error", ".298371109", start.loss),
        printed("dE/dw5", ".082167041", float(start.tensors["W2"][0, 0])),
        printed("dE/dw1", ".000438568", float(start.tensors["W1"][0, 0])),
        *_several("new w{}", 5, new_output_weights, first.params["W2"].T),
        *_several("new w{}", 1, new_hidden_weights, first.params["W1"].T),
        printed("total error after 1 round", ".291027774", curve[0]),
        printed("total error after 9999 rounds", "3.51085e-05", curve[-1], tuple(curve)),
        *_several("output of o{} after 9999 rounds", 1, (".01591419", ".98406371"), last_out),
    )
    return Reproduction(results, (START, first, last))


def _round(problem: Problem) -> Asking[Problem]:
    """Take a step and put the old biases back."""
    after = yield from step(problem, 0.5)
    old = {name: START.params[name] for name in ("b1", "b2")}
    return moved(after, Tensors({**after.params, **old}))


def _several(name: str, first: int, texts: tuple[str, ...], values: Floats) -> list[Result]:
    """Compare printed numbers with the entries of an array, row by row."""
    numbered = enumerate(zip(texts, values.ravel(), strict=True), start=first)
    return [printed(name.format(n), text, float(value)) for n, (text, value) in numbered]


# From its hidden layer up: the page gives the sums that enter the hidden layer, .395 and .49.
# They are fed here as the input of a first layer that passes them on: identity weights and no
# bias. The tutorial was quoted to this project by its numbers alone; no title is known.
def _two_two_two_b(extent: str) -> Run:
    passed_on = ([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0])
    params = Params([passed_on, ([[0.5, 0.7], [0.6, 0.8]], [0.7, 0.7])])
    # no targets are published: zeros stand in
    start = Problem(NETWORK, params, Batch([[0.395, 0.49]], [[0.0, 0.0]]))
    out = yield from outputs(start)
    results = _several("output of o{}", 1, (".79751046", ".83401102"), out)
    return Reproduction(tuple(results), (start,))


# ---- trained -----------------------------------------------------------------------------


def _distance(training: Training, of: str = "") -> Asking[Result]:
    """Look how far the outputs are from the targets."""
    out = yield from outputs(training.end)
    distance = float(np.abs(out - training.end.batch.y).max())
    return below(f"largest distance from a target{of}", 0.1, distance, training.curve)


# Sigmoid twice, every parameter uniform on [0, 1), the gradient summed over the samples. After
# 5000 rounds the outputs lie within 0.1 of the targets. The page draws an unseeded start.
# Measured: the largest distance from a target was .034 to .058 over the starts 0 to 39; from
# start 0 it is .056.
def _four_three_one(extent: str) -> Run:
    network = Network((4, 3, 1), ("sigmoid", "sigmoid"), "half_squared_error", "sum")
    batch = Batch([[1, 0, 1, 0], [1, 0, 1, 1], [0, 1, 0, 1]], [[1], [1], [0]])
    training = yield from train(
        random_start(network, batch, np.random.Generator.random), 5000, full_batch(0.1)
    )
    result = yield from _distance(training)
    return Reproduction((result,), (training.start, training.end))


# The published claim: the final error is below 0.1 from each of the seeds 0 to 19. The short
# extent takes seed 0 alone. Measured: .0038 (seed 0) to .0586 (seed 6), median .010.
def _sine_one_four_one(extent: str) -> Run:
    network = Network((1, 4, 1), ("tanh", "identity"), "mean_squared_error")
    x = np.linspace(-5.0, 5.0, 20)[:, np.newaxis]
    batch = Batch(x, np.sin(x))
    results, points = [], []
    for seed in range(20 if extent == "full" else 1):
        start = random_start(network, batch, np.random.Generator.standard_normal, seed)
        training = yield from train(start, 5000, full_batch(0.01))
        curve = training.curve
        results.append(below(f"final error, seed {seed}", 0.1, curve[-1], curve))
        points += [start, training.end]
    return Reproduction(tuple(results), tuple(points))


# The loss, the start, the rate and the number of rounds are chosen here. The bound 0.02 is twice
# the largest error measured: over the starts 0 to 19 the final error was .0037 to .0100, median
# .0068; from start 0 it is .0067.
def _sine_and_constant(extent: str) -> Run:
    network = Network((1, 8, 2), ("sigmoid", "identity"), "mean_squared_error")
    x = np.linspace(-3.14, 3.14, 200)[:, np.newaxis]
    batch = Batch(x, np.hstack([np.sin(x), np.ones_like(x)]))
    training = yield from train(
        random_start(network, batch, np.random.Generator.standard_normal), 1000, full_batch(0.3)
    )
    result = below("final error", 0.02, training.curve[-1], training.curve)
    return Reproduction((result,), (training.start, training.end))


# Momentum 0.1 and rate 0.5 are those of Neil Schemenauer's well known bpnn.py, as are tanh twice
# and the patterns in zeros and ones. Momentum is made here from the code's own step,
# v <- 0.1 v + (step(p) - p), p <- p + v, with the full batch.
#
# The rest is chosen here. Measured: the distances are .027 plain and .025 with momentum from
# start 0. Two hidden units do not solve XOR from every start: both ways solve it from 12 of the
# starts 0 to 19, with distances up to .078 and .064, and from the other 8 both end above .5.
# From each of the 20 the error with momentum ends below the plain one.
def _xor(extent: str) -> Run:
    network = Network((2, 2, 1), ("tanh", "tanh"), "half_squared_error")
    batch = Batch([[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]])
    start = random_start(network, batch, np.random.Generator.standard_normal)
    plain = yield from train(start, 1000, full_batch(0.5))
    ahead = yield from train(start, 1000, _with_momentum(start, 0.5, 0.1))
    results = [
        (yield from _distance(plain, ", plain step")),
        (yield from _distance(ahead, ", momentum")),
        below("error with momentum, below the plain one", plain.curve[-1], ahead.curve[-1]),
    ]
    return Reproduction(tuple(results), (start, plain.end, ahead.end))


def _with_momentum(start: Problem, rate: float, momentum: float) -> Walk:
    """Step with a velocity that remembers the last steps."""
    velocity = {name: np.zeros_like(array) for name, array in start.params.items()}

    def walk(problem: Problem, rounds: int) -> Asking[Problem]:
        for _ in range(rounds):
            after = yield from step(problem, rate)
            for name, array in problem.params.items():
                velocity[name] = (after.params[name] - array) + momentum * velocity[name]
            there = {name: array + velocity[name] for name, array in problem.params.items()}
            problem = moved(problem, Tensors(there))
        return problem

    return walk


_X = (10.0, 8.0, 13.0, 9.0, 11.0, 14.0, 6.0, 4.0, 12.0, 7.0, 5.0)
_Y = (8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68)


def fit() -> Params:
    """Return the least-squares line, without any gradient."""
    columns = np.column_stack([_X, np.ones(len(_X))])
    slope, intercept = np.linalg.lstsq(columns, np.array(_Y), rcond=None)[0]
    return Params([([[slope]], [intercept])])


# 1-1 with the identity is the line y = W x + b, and its half squared error has one minimum, which
# numpy.linalg.lstsq finds without a gradient. There the gradient is zero, and descent from
# elsewhere ends there. Anscombe's published fit is y = 3.00 + 0.500 x.
#
# Start, rate (beyond 0.0218 descent diverges) and rounds are chosen here. Measured over the three
# implementations of this project: 1.3e-14 to 1.4e-14 for the largest gradient entry at the fit,
# bound 1e-12; 1.0e-9 for the distance from the fit after training, bound 1e-6. Only the start
# is verified: at the fit the gradient is nothing but rounding.
def _least_squares(extent: str) -> Run:
    network = Network((1, 1), ("identity",), "half_squared_error")
    batch = Batch(np.array([_X]).T, np.array([_Y]).T)
    start = Problem(network, Params([([[0.0]], [0.0])]), batch)
    at_fit = yield from ask(Request(Call.LOSS_AND_GRADS, moved(start, fit())))
    training = yield from train(start, 10_000, full_batch(0.02))
    found, best = training.end.params, fit()
    distance = max(float(np.abs(found[name] - best[name]).max()) for name in ("W1", "b1"))
    largest = max(float(np.abs(slope).max()) for slope in at_fit.tensors.values())
    results = (
        below("largest gradient entry at the fit", 1e-12, largest),
        printed("slope after training", ".500", found["W1"].item()),
        printed("intercept after training", "3.00", found["b1"].item()),
        below("distance from the fit after training", 1e-6, distance, training.curve),
    )
    return Reproduction(results, (start,))


EXAMPLES = (
    Example(
        "two-two-two",
        "the 2-2-2 network of a step by step backpropagation example",
        "Matt Mazur, A Step by Step Backpropagation Example, 2015 "
        "(https://mattmazur.com/2015/03/17/a-step-by-step-backpropagation-example/)",
        _two_two_two,
    ),
    Example(
        "two-two-two-b",
        "a second 2-2-2 network, from its hidden sums up",
        "another tutorial, quoted by its numbers",
        _two_two_two_b,
    ),
    Example(
        "four-three-one",
        "three samples through 4-3-1, 5000 rounds",
        "Sunil Ray, Understanding and coding neural networks from scratch in Python and R, "
        "Analytics Vidhya, 2017",
        _four_three_one,
    ),
    Example(
        "sine-1-4-1",
        "the sine on [-5, 5] learned by 1-4-1, from 20 starts",
        "published claim: 20 points, tanh then identity, rate 0.01, 5000 rounds, final mean "
        "squared error below 0.1",
        _sine_one_four_one,
    ),
    Example(
        "sine-and-constant",
        "the sine and a constant learned together by 1-8-2",
        "acceptance bound set by this project from measurement",
        _sine_and_constant,
    ),
    Example(
        "xor",
        "XOR by 2-2-1 tanh, plain and with momentum",
        "rate 0.5 and momentum 0.1 as in Neil Schemenauer's bpnn.py; acceptance bound set by "
        "this project from measurement",
        _xor,
    ),
    Example(
        "linear-1-1",
        "a line by least squares and by descent",
        "F. J. Anscombe, Graphs in Statistical Analysis, The American Statistician 27 (1973), "
        "17-21, data set 1; bounds set by this project from measurement",
        _least_squares,
    ),
)
