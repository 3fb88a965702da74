"""The 2-2-2 sigmoid network that most people compute by hand first.

Matt Mazur, "A Step by Step Backpropagation Example", 17 March 2015,
https://mattmazur.com/2015/03/17/a-step-by-step-backpropagation-example/.

His w1, w2 go into h1 and w3, w4 into h2; w5, w6 go into o1 and w7, w8 into o2:
w2 is W1[1,0] here and w6 is W2[1,0]. One sample, half squared error, rate 0.5.
He keeps the biases as they are, so each step here is the code's own with the
old biases put back. The error .291027774 is that after one round, 3.51085e-05
and its outputs are those after 9 999.

The page's own closing numbers are others: .291027924 after one round, outputs
.015912196 and .984065734 after 10 000. To the last digit they are what comes out
when W2 is updated before the hidden deltas are formed with it: the bug "updated
before used". The weights the page derives by hand are right.
"""

from collections.abc import Generator

from gradcheck.contract.problem import Tensors
from gradcheck.contract.protocol import Observation, Request
from gradcheck.networks.network import Network
from gradcheck.networks.problem import Batch, Floats, Params, Problem
from gradcheck.networks.worked_examples.questions import gradient, loss, moved, outputs, step
from gradcheck.networks.worked_examples.worked_example import (
    Example,
    Reproduction,
    Result,
    Run,
    printed,
)

RATE = 0.5
ROUNDS = 9_999
ROUNDS_BETWEEN_LOSSES = 200

#: The outputs of the first forward under the bug "hidden output used twice" on
#: output 2: h2 stands in the place of h1 in its sum. For the test of that bug.
OUTPUTS_WITH_HIDDEN_USED_TWICE = (0.751365070, 0.773245489)

#: The total error after 1 round, and the outputs after 10 000, under the bug
#: "updated before used". For the test of that bug.
ERROR_WITH_UPDATED_BEFORE_USED = 0.291027924
OUTPUTS_WITH_UPDATED_BEFORE_USED = (0.015912196, 0.984065734)

START = Problem(
    Network((2, 2, 2), ("sigmoid", "sigmoid"), "half_squared_error"),
    Params(
        [
            ([[0.15, 0.25], [0.20, 0.30]], [0.35, 0.35]),
            ([[0.40, 0.50], [0.45, 0.55]], [0.60, 0.60]),
        ]
    ),
    Batch([[0.05, 0.10]], [[0.01, 0.99]]),
)

#: The first layer on its own: its outputs are the hidden ones.
HIDDEN = Problem(
    Network((2, 2), ("sigmoid",), "half_squared_error"),
    Params(START.params.pairs[:1]),
    Batch(START.batch.x, [[0.0, 0.0]]),
)

HIDDEN_OUTPUTS = (".593269992", ".596884378")
OUTPUTS = (".75136507", ".772928465")
ERRORS = (".274811083", ".023560026")
NEW_HIDDEN_WEIGHTS = (".149780716", ".19956143", ".24975114", ".29950229")
NEW_OUTPUT_WEIGHTS = (".35891648", ".408666186", ".511301270", ".561370121")
LAST_OUTPUTS = (".01591419", ".98406371")


def run(extent: str) -> Run:
    """Follow the page from the first forward to the last round."""
    results = yield from _first_forward()
    slopes = yield from gradient(START)
    results += [
        printed("dE/dw5", ".082167041", float(slopes["W2"][0, 0])),
        printed("dE/dw1", ".000438568", float(slopes["W1"][0, 0])),
    ]
    first = yield from _round(START)
    results += _several("new w{}", 5, NEW_OUTPUT_WEIGHTS, first.params["W2"].T)
    results += _several("new w{}", 1, NEW_HIDDEN_WEIGHTS, first.params["W1"].T)
    error = yield from loss(first)
    results.append(printed("total error after 1 round", ".291027774", error))
    trained, more = yield from _many_rounds(first, error)
    return Reproduction((*results, *more), (START, first, trained))


def _first_forward() -> Generator[Request, Observation, list[Result]]:
    hidden = yield from outputs(HIDDEN)
    out = yield from outputs(START)
    total = yield from loss(START)
    halves = 0.5 * (out - START.batch.y) ** 2
    return [
        *_several("output of h{}", 1, HIDDEN_OUTPUTS, hidden),
        *_several("output of o{}", 1, OUTPUTS, out),
        *_several("error of o{}", 1, ERRORS, halves),
        printed("total error", ".298371109", total),
    ]


def _round(problem: Problem) -> Generator[Request, Observation, Problem]:
    """Take a step and put the old biases back."""
    after = yield from step(problem, RATE)
    old = {name: START.params[name] for name in ("b1", "b2")}
    return moved(after, Tensors({**after.params, **old}))


def _many_rounds(
    problem: Problem, error: float
) -> Generator[Request, Observation, tuple[Problem, list[Result]]]:
    curve = [error]
    for done in range(2, ROUNDS + 1):
        problem = yield from _round(problem)
        if done % ROUNDS_BETWEEN_LOSSES == 0 or done == ROUNDS:
            curve.append((yield from loss(problem)))
    out = yield from outputs(problem)
    total = printed(f"total error after {ROUNDS} rounds", "3.51085e-05", curve[-1], tuple(curve))
    name = f"output of o{{}} after {ROUNDS} rounds"
    return problem, [total, *_several(name, 1, LAST_OUTPUTS, out)]


def _several(name: str, first: int, texts: tuple[str, ...], values: Floats) -> list[Result]:
    """Compare printed numbers with the entries of an array, row by row."""
    numbered = enumerate(zip(texts, values.ravel(), strict=True), start=first)
    return [printed(name.format(n), text, float(value)) for n, (text, value) in numbered]


EXAMPLE = Example(
    name="two-two-two",
    title="the 2-2-2 network of a step by step backpropagation example",
    source="Matt Mazur, A Step by Step Backpropagation Example, 2015 "
    "(https://mattmazur.com/2015/03/17/a-step-by-step-backpropagation-example/)",
    run=run,
)
