"""The primal. loss: the returned loss is the loss as defined; forward: so are the outputs.

Code whose loss and gradient both penalise the biases is consistent: that is a convention of
its loss. Where the definitions were given to the code it is told as a wrong loss, and as that
alone; code that knows nothing of them is not wrong by it.
"""

import numpy as np

from gradcheck.checks.definition import Check, Comparisons, Cost, Run, Shows, unjudged
from gradcheck.comparison.compare import loss_differs
from gradcheck.comparison.context import CheckContext, Problem
from gradcheck.comparison.verdict import written_factor
from gradcheck.contract.protocol import Call, Observation, Request

#: What is told of code that agrees with itself on it.
BIASES_PENALISED = "the loss penalises the biases too, and so does the gradient: they agree"


def _run_loss(context: CheckContext) -> Run:
    """Compare every problem's loss with the reference's."""
    if context.loss_in_doubt:
        return unjudged("loss", context.loss_in_doubt)
    if context.lossless:
        return []
    comparisons = Comparisons(context, "loss")
    ratios: list[float] = []
    convention = context.arithmetic.biases
    if convention:
        comparisons.notes[f"a convention: {BIASES_PENALISED}"] = None
    for problem in context.problems:
        observation = yield Request(Call.LOSS_AND_GRADS, problem)
        if observation.failure:
            continue
        claimed, fault, defined = observation.loss, "", context.defined(problem)
        own = context.truth(problem)
        if loss_differs(claimed, own if context.foreign else defined, context.arithmetic):
            fault = f"your code says {claimed:.9g}, it is {defined.loss:.9g}"
            ratios += [claimed / defined.loss] if defined.loss else []
            convention = convention and not loss_differs(claimed, own, context.arithmetic)
        comparisons.add(problem, fault)
    if comparisons.failing:
        comparisons.notes.clear()
    return comparisons.findings(
        "The loss is the loss as defined.",
        "The loss is wrong on {failing} of {compared} problems. For example {fault} ({problem})."
        + _pattern(ratios)
        + (
            f" It is a convention: {BIASES_PENALISED}. The loss as defined penalises weights alone."
            if convention
            else ""
        ),
        "nothing could be compared",
    )


def _pattern(ratios: list[float]) -> str:
    """Say it when the loss is off by one factor everywhere."""
    if len(ratios) > 2 and max(ratios) - min(ratios) <= 1e-9 * abs(ratios[0]):
        return f" It is {written_factor(ratios[0])} times what it should be, every time."
    return ""


def _wrong(context: CheckContext, problem: Problem, answer: Observation) -> bool:
    defined = context.defined(problem)
    return not answer.failure and loss_differs(answer.loss, defined, context.arithmetic)


LOSS_CHECK = Check(
    "loss", "the loss is the loss as defined", _run_loss, Cost.NOTHING, Shows(_wrong, 2)
)


def _run_forward(context: CheckContext) -> Run:
    """Compare every problem's outputs with the reference's."""
    if context.outputs_in_doubt:
        return unjudged("forward", context.outputs_in_doubt)
    if Call.FORWARD not in context.offers:
        return []
    comparisons = Comparisons(context, "forward")
    for problem in context.problems:
        observation = yield Request(Call.FORWARD, problem)
        if observation.failure:
            continue
        truth = context.truth(problem)
        claimed, fault = observation.outputs, ""
        off = ~(
            np.abs(claimed - truth.outputs) <= truth.outputs_error(context.arithmetic.loss_unit)
        )
        if off.any():
            n, j = (int(i) for i in np.argwhere(off)[0])
            fault = (
                f"output[{n},{j}]: your code says {claimed[n, j]:.9g}, "
                f"it is {truth.outputs[n, j]:.9g}"
            )
        comparisons.add(problem, fault)
    return comparisons.findings(
        "The outputs are a[L] as defined.",
        "The outputs are wrong on {failing} of {compared} problems. For example {fault} "
        "({problem}).",
    )


FORWARD_CHECK = Check("forward", "the outputs are a[L] as defined", _run_forward, Cost.NOTHING)
