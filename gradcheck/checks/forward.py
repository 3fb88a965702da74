"""forward: the outputs, where the code offers them, are a[L] as defined."""

import numpy as np

from gradcheck.comparison.verdict import Finding, Verdict
from gradcheck.contract.protocol import Call, Request
from gradcheck.networks.context import Check, CheckContext, Run, unjudged
from gradcheck.networks.problem import Problem

SLUG = "forward"


def run(plan: CheckContext) -> Run:
    """Compare every problem's outputs with the reference's."""
    if plan.outputs_in_doubt:
        return [unjudged(SLUG, plan.outputs_in_doubt)]
    if Call.FORWARD not in plan.offers:
        return []
    compared = 0
    failing: list[tuple[Problem, str]] = []
    for problem in plan.problems:
        observation = yield Request(Call.FORWARD, problem)
        if observation.failure:
            continue
        compared += 1
        truth = plan.truth(problem)
        difference = np.abs(observation.outputs - truth.outputs)
        exceeds = ~(difference <= truth.outputs_error(plan.arithmetic.loss_unit))
        if exceeds.any():
            n, j = (int(i) for i in np.argwhere(exceeds)[0])
            place = (
                f"output[{n},{j}]: your code says {observation.outputs[n, j]:.9g}, "
                f"it is {truth.outputs[n, j]:.9g}"
            )
            failing.append((problem, place))
    if not compared:
        return []
    if not failing:
        return [Finding(SLUG, Verdict.CORRECT, compared, "The outputs are a[L] as defined.")]
    failing.sort(key=lambda item: item[0].params.size * item[0].batch.size)
    problem, place = failing[0]
    message = (
        f"The outputs are wrong on {len(failing)} of {compared} problems. For example {place} "
        f"({plan.described(problem)})."
    )
    shown = tuple(problem for problem, _ in failing)
    return [Finding(SLUG, Verdict.WRONG, compared, message, failing=shown)]


CHECK = Check(SLUG, "the outputs are a[L] as defined", run)
