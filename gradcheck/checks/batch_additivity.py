"""batch_additivity: a batch's gradient is the mean or sum of its samples'.

The weight penalty counts once, not once a sample. Needs code that handles single
samples.
"""

from functools import partial

import numpy as np

from gradcheck.checks.metamorphic import grants, mismatches, usable
from gradcheck.comparison.verdict import Finding, Verdict
from gradcheck.contract.protocol import Call, Request
from gradcheck.networks.context import Check, CheckContext, Run, some
from gradcheck.networks.problem import Floats, Problem

SLUG = "batch_additivity"

#: How many batches are taken apart.
BATCHES = 8


def run(plan: CheckContext) -> Run:
    """Take batches apart into single samples."""
    if 1 not in plan.support.batch_sizes:
        return []
    compared = 0
    failing: list[tuple[Problem, list[str]]] = []
    batches = [problem for problem in plan.problems if problem.batch.size > 1]
    for problem in some(_spread(batches), BATCHES):
        whole = yield Request(Call.LOSS_AND_GRADS, problem)
        if whole.failure or not usable(plan, problem, whole.tensors):
            continue
        total = {name: np.zeros_like(a) for name, a in whole.tensors.items()}
        weight = 1.0 / problem.batch.size if problem.network.reduction == "mean" else 1.0
        penalty = _penalty(plan, problem)
        singles = [
            Problem(problem.network, problem.params, problem.batch.select([n]))
            for n in range(problem.batch.size)
        ]
        answered = True
        for single in singles:
            part = yield Request(Call.LOSS_AND_GRADS, single)
            answered = answered and part.failure is None
            if part.failure:
                break
            for name, array in part.tensors.items():
                total[name] += weight * (array - penalty[name])
        if not answered:
            continue
        compared += 1
        total = {name: array + penalty[name] for name, array in total.items()}
        limits = partial(_limits, plan, problem, singles, weight)
        names = mismatches(plan, problem, whole.tensors, total, limits)
        if names:
            failing.append((problem, names))
    if not compared:
        return []
    if not failing:
        message = "A batch's gradient is made of its samples' gradients."
        return [Finding(SLUG, Verdict.CORRECT, compared, message)]
    problem, names = failing[0]
    message = (
        f"On {len(failing)} of {compared} batches the gradient is not the "
        f"{problem.network.reduction} of its samples' gradients, first in {plan.listed(names)} "
        f"({plan.described(problem)})."
    )
    shown = tuple(problem for problem, _ in failing)
    return [Finding(SLUG, Verdict.WRONG, compared, message, failing=shown)]


def _limits(
    plan: CheckContext, problem: Problem, singles: list[Problem], weight: float
) -> dict[str, Floats]:
    """Return what arithmetic may cost the batch's gradient and its samples' together."""
    costs = [grants(plan, single) for single in singles]
    return {
        name: own + weight * sum(cost[name] for cost in costs)
        for name, own in grants(plan, problem).items()
    }


def _spread(batches: list[Problem]) -> list[Problem]:
    """Put batches of as many different architectures as possible first."""
    seen: dict[str, Problem] = {}
    for problem in batches:
        seen.setdefault(str(problem.network), problem)
    distinct = list(seen.values())
    rest = [problem for problem in batches if problem not in distinct]
    return distinct + rest


def _penalty(plan: CheckContext, problem: Problem) -> dict[str, Floats]:
    """The gradient of the weight penalty, as defined, or of the biases too where both agree."""
    every = plan.arithmetic.biases
    return {
        name: problem.network.l2 * tensor if every or tensor.ndim == 2 else np.zeros_like(tensor)
        for name, tensor in problem.params.items()
    }


CHECK = Check(SLUG, "a batch's gradient is made of its samples' gradients", run)
