"""loss: the returned loss is the loss as defined.

Code whose loss and gradient both penalise the biases is consistent: that is a convention of
its loss. Where the definitions were given to the code it is told as a wrong loss, and as that
alone; code that knows nothing of them is not wrong by it.
"""

from gradcheck.comparison.compare import loss_differs
from gradcheck.comparison.verdict import Finding, Verdict
from gradcheck.contract.protocol import Call, Request
from gradcheck.networks.context import Check, CheckContext, Run, unjudged
from gradcheck.networks.problem import Problem

SLUG = "loss"

#: What is told of code that agrees with itself on it.
BIASES = "the loss penalises the biases too, and so does the gradient: they agree"


def run(plan: CheckContext) -> Run:
    """Compare every problem's loss with the reference's."""
    if plan.loss_in_doubt:
        return [unjudged(SLUG, plan.loss_in_doubt)]
    if plan.lossless:
        return []
    compared, otherwise = 0, False
    failing: list[tuple[Problem, float]] = []
    for problem in plan.problems:
        observation = yield Request(Call.LOSS_AND_GRADS, problem)
        if observation.failure:
            continue
        compared += 1
        meant = plan.truth(problem) if plan.foreign else plan.defined(problem)
        if loss_differs(observation.loss, meant, plan.arithmetic):
            failing.append((problem, observation.loss))
            own = loss_differs(observation.loss, plan.truth(problem), plan.arithmetic)
            otherwise = otherwise or own
    if not compared:
        return [Finding(SLUG, Verdict.UNRESOLVED, 0, "nothing could be compared")]
    if not failing:
        told = (f"a convention: {BIASES}",) if plan.arithmetic.biases else ()
        message = "The loss is the loss as defined."
        return [Finding(SLUG, Verdict.CORRECT, compared, message, notes=told)]
    failing.sort(key=lambda item: item[0].params.size * item[0].batch.size)
    problem, claimed = failing[0]
    truth = plan.defined(problem)
    message = (
        f"The loss is wrong on {len(failing)} of {compared} problems. For example your code says "
        f"{claimed:.9g}, it is {truth.loss:.9g} ({plan.described(problem)})."
        f"{_pattern(plan, failing)}"
    )
    if plan.arithmetic.biases and not otherwise:
        message += f" It is a convention: {BIASES}. The loss as defined penalises weights alone."
    shown = tuple(problem for problem, _ in failing)
    return [Finding(SLUG, Verdict.WRONG, compared, message, failing=shown)]


def _pattern(plan: CheckContext, failing: list[tuple[Problem, float]]) -> str:
    """Say it when the loss is off by one factor everywhere."""
    ratios = [claimed / plan.defined(p).loss for p, claimed in failing if plan.defined(p).loss]
    if len(ratios) > 2 and max(ratios) - min(ratios) <= 1e-9 * abs(ratios[0]):
        return f" It is {ratios[0]:.6g} times what it should be, every time."
    return ""


CHECK = Check(SLUG, "the loss is the loss as defined", run)
