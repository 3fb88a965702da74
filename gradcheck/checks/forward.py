"""forward: the outputs, where the code offers them, are a[L] as defined."""

import numpy as np

from gradcheck.checks.definition import Check, Comparisons, Cost, Run, unjudged
from gradcheck.comparison.context import CheckContext
from gradcheck.contract.protocol import Call, Request

SLUG = "forward"


def run(context: CheckContext) -> Run:
    """Compare every problem's outputs with the reference's."""
    if context.outputs_in_doubt:
        return unjudged(SLUG, context.outputs_in_doubt)
    if Call.FORWARD not in context.offers:
        return []
    comparisons = Comparisons(context, SLUG)
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


CHECK = Check(SLUG, "the outputs are a[L] as defined", run, Cost.NOTHING)
