"""Networks of 2-2-2 sigmoids that a page works by hand: its numbers beside the code's."""

from gradcheck.contract.posed import Tensors
from gradcheck.contract.protocol import Call, Request
from gradcheck.networks.problem import Batch, Floats, Network, Params, Problem
from gradcheck.networks.worked_examples.worked_example import (
    Asking,
    Example,
    Reproduction,
    Result,
    Run,
    ask,
    loss,
    moved,
    outputs,
    printed,
    step,
)

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
)
