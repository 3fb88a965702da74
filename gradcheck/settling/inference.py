"""Which loss is a gradient of? Asked only of code that has none that is known."""

from collections.abc import Generator
from dataclasses import replace

from gradcheck.errors import UsageError
from gradcheck.losses import LOSSES, REDUCTIONS
from gradcheck.network import Network
from gradcheck.problem import Problem
from gradcheck.protocol import Call, Observation, Request
from gradcheck.settling import closeness
from gradcheck.settling.definitions import Activations, Definition, layers

#: Outputs tried where nothing is known of them, the commonest first.
_OUTPUTS = ("sigmoid", "identity", "softmax", "tanh", "relu")

#: Definitions tried, at most.
MOST = 300


def infer(
    problem: Problem,
    reading: int,
    activations: list[Activations],
    definitions: list[Definition],
    missing: bool,
) -> Generator[Request, Observation, tuple[float, Activations, Definition | None]]:
    """Return the definition whose gradient comes nearest, and how near.

    Parameters
    ----------
    activations : list of tuple of str
        Those that are possible; all when empty.
    definitions : list of Definition
        Those that are possible; all when empty.
    missing : bool
        The code has no biases of its own.
    """
    depth = problem.network.depth
    possible = activations or [(*hidden, output) for output in _OUTPUTS for hidden in layers(depth)]
    wanted = definitions or [
        Definition(loss, reduction)
        for loss in LOSSES
        for reduction in (REDUCTIONS if problem.batch.size > 1 else REDUCTIONS[:1])
    ]
    best: tuple[float, Activations, Definition | None] = (-1.0, (), None)
    tried = 0
    for acts in possible:
        for definition in wanted:
            try:
                network = Network(
                    problem.network.widths, acts, definition.loss, definition.reduction
                )
                asked = replace(problem, network=network)
            except UsageError:
                continue
            # only where a unit stands in for biases does the question depend on the network
            question = asked if missing else problem
            answer = yield Request(Call.LOSS_AND_GRADS, question, reading=reading)
            if answer.failure is not None:
                continue
            score = closeness.share(asked, answer)
            if score > best[0]:
                best = (score, acts, definition)
            tried += 1
            if score == 1.0 or tried == MOST:
                return best
    return best
