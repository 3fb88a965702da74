"""loss: the returned loss is the loss as defined.

Code whose loss and gradient both penalise the biases is consistent: that is a convention of
its loss. Where the definitions were given to the code it is told as a wrong loss, and as that
alone; code that knows nothing of them is not wrong by it.
"""

from gradcheck.checks.definition import Check, Comparisons, Cost, Run, Shows, unjudged
from gradcheck.comparison.compare import loss_differs
from gradcheck.comparison.context import CheckContext
from gradcheck.comparison.subject import Problem
from gradcheck.comparison.verdict import written_factor
from gradcheck.contract.protocol import Call, Observation, Request

SLUG = "loss"

#: What is told of code that agrees with itself on it.
BIASES_PENALISED = "the loss penalises the biases too, and so does the gradient: they agree"


def run(context: CheckContext) -> Run:
    """Compare every problem's loss with the reference's."""
    if context.loss_in_doubt:
        return unjudged(SLUG, context.loss_in_doubt)
    if context.lossless:
        return []
    comparisons = Comparisons(context, SLUG)
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
    if answer.failure:
        return False
    return loss_differs(answer.loss, context.defined(problem), context.arithmetic)


CHECK = Check(SLUG, "the loss is the loss as defined", run, Cost.NOTHING, Shows(_wrong, 2))
