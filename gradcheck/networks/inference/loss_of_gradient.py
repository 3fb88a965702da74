"""Which loss is a gradient of? Asked only of code that has none that is known."""

import itertools
from collections.abc import Generator
from dataclasses import replace

from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.errors import UsageError
from gradcheck.networks.inference import closeness
from gradcheck.networks.inference.definitions import SCALES, Activations, Definition, fused, layers
from gradcheck.networks.losses import LOSSES, REDUCTIONS
from gradcheck.networks.network import Network
from gradcheck.networks.problem import Problem

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
    signs: tuple[int, ...] = (1,),
) -> Generator[Request, Observation, tuple[float, Activations, Definition | None]]:
    """Return the definition whose gradient comes nearest, and how near.

    A constant before the loss cannot be told from one before the rate, so any simple one will
    do where the code has no loss.

    Parameters
    ----------
    activations : list of tuple of str
        Those that are possible; all when empty. Where the last is the identity, what was seen
        may have been logits.
    definitions : list of Definition
        Those that are possible; all when empty.
    missing : bool
        The code has no biases of its own.
    signs : tuple of int
        With -1 also gradients that point the other way: code that trains by them goes
        uphill, whatever the constant.
    """
    depth, width = problem.network.depth, problem.network.widths[-1]
    possible = activations or [(*hidden, output) for output in _OUTPUTS for hidden in layers(depth)]
    if not definitions:
        possible = [*possible, *_logits(activations, width)]
    wanted = definitions or [
        Definition(loss, reduction)
        for loss in LOSSES
        for reduction in (REDUCTIONS if problem.batch.size > 1 else REDUCTIONS[:1])
    ]
    answers: list[tuple[Problem, Activations, Definition, Observation]] = []
    best: tuple[float, Activations, Definition | None] = (-1.0, (), None)
    for acts, definition in itertools.product(possible, wanted):
        try:
            network = Network(problem.network.widths, acts, definition.loss, definition.reduction)
            asked = replace(problem, network=network)
        except UsageError:
            continue
        # only where a unit stands in for biases does the question depend on the network
        question = asked if missing else problem
        answer = yield Request(Call.LOSS_AND_GRADS, question, reading=reading)
        if answer.failure is None:
            answers.append((asked, acts, definition, answer))
            score = closeness.share(asked, answer, SCALES[definition.scale](width))
            if score > best[0]:
                best = (score, acts, definition)
        if best[0] == 1.0 or len(answers) == MOST:
            break
    for sign, scale in itertools.product(signs, SCALES):
        for asked, acts, definition, answer in answers:
            if best[0] == 1.0 or (definitions and sign == 1):
                break
            scaled = definition if definitions else replace(definition, scale=scale)
            score = closeness.share(asked, answer, sign * SCALES[scaled.scale](width))
            if score > best[0]:
                best = (score, acts, scaled)
    return best


def _logits(activations: list[Activations], width: int) -> list[Activations]:
    """Return the activations of networks whose logits would be what was seen."""
    return [
        (*acts[:-1], name)
        for acts in activations
        if acts[-1] == "identity"
        for name in fused(width)
    ]
