"""Does an optional function follow the contract? One that only has its name is left out.

``forward(network, params, x)`` and ``step(network, params, batch, learning_rate)`` may stand
in a file for other purposes: a helper that returns all activations, an update with momentum
that takes its state. Right code is no error by them. What follows the contract in form is
judged: outputs of another shape, a step that raises in its own body.
"""

from collections.abc import Generator, Mapping

import numpy as np

from gradcheck.contract.protocol import Call, Failure, Observation, Outline, Request
from gradcheck.networks.dense_networks import NetworkContext
from gradcheck.networks.problem import Problem

#: A function that fails on so many problems in the same way is left out.
PROBLEMS_TRIED = 3

#: How each is written, by call.
WRITTEN = {
    Call.FORWARD: "forward(network, params, x) -> outputs",
    Call.STEP: "step(network, params, batch, learning_rate) -> params",
}

#: Exceptions that no argument causes: the code's own fault, whatever it is meant for.
OWN_FAULTS = ("NameError", "UnboundLocalError", "ImportError", "ModuleNotFoundError")


def left_out(
    context: NetworkContext, aside: Mapping[str, str]
) -> Generator[Request, Observation, dict[Call, str]]:
    """Find the optional functions that do not follow their contract, and say why.

    Parameters
    ----------
    aside : mapping of str to str
        Those whose arguments say so, by name, and how they are written.
    """
    found = {}
    for call in (c for c in WRITTEN if c in context.offers):
        name = call.value
        if name in aside:
            found[call] = f"{aside[name]} is another function than the optional {WRITTEN[call]}"
            continue
        failures = []
        for problem in context.problems[:PROBLEMS_TRIED]:
            seen = yield Request(call, problem, learning_rate=0.1)
            if not _another(context, call, problem, seen):
                break
            assert seen.failure is not None
            failures.append(seen.failure)
        else:
            if failures:
                found[call] = f"{name} does not follow {WRITTEN[call]}: {_said(failures[0])}"
    return {call: f"not asked: {text}" for call, text in found.items()}


def _said(failure: Failure) -> str:
    return failure.message.removesuffix(".")


def _another(context: NetworkContext, call: Call, problem: Problem, seen: Observation) -> bool:
    """Whether an answer is that of a function with another purpose."""
    if seen.failure is None or not seen.supported:
        return False
    if context.foreign:  # a function that was found by its name promises nothing
        own = any(f"{word}:" in seen.failure.message for word in OWN_FAULTS)
        return call is Call.STEP and seen.failure.kind in ("contract", "exception") and not own
    if seen.failure.kind != "contract":
        return False
    if call is Call.FORWARD:
        return not _matrix(seen.returned)
    return not _pairs(seen.returned, len(problem.params.pairs))


def _matrix(returned: Outline) -> bool:
    """Whether something is an array, or rows of one."""
    if isinstance(returned, np.ndarray):
        return True
    rows = returned if isinstance(returned, tuple) else ()
    lengths = {row.shape if isinstance(row, np.ndarray) else () for row in rows}
    return len(lengths) == 1 and len(lengths.pop()) == 1


def _pairs(returned: Outline, layers: int) -> bool:
    """Whether something is a list of pairs of arrays, one a layer."""
    return (
        isinstance(returned, tuple)
        and len(returned) == layers
        and all(
            isinstance(pair, tuple)
            and len(pair) == 2
            and all(isinstance(part, np.ndarray) for part in pair)
            for pair in returned
        )
    )
