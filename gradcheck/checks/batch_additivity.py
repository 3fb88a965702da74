"""batch_additivity: a batch's gradient is the mean or sum of its samples'.

The weight penalty counts once, not once a sample. Needs code that handles single
samples.
"""

from collections.abc import Generator, Hashable
from functools import partial

from gradcheck.checks.definition import Check, Comparisons, Cost, Run, within_root
from gradcheck.checks.metamorphic import arithmetic_costs, mismatches, usable
from gradcheck.comparison.context import CheckContext
from gradcheck.comparison.subject import Parts, Problem
from gradcheck.contract.posed import Floats
from gradcheck.contract.protocol import Call, Observation, Request

SLUG = "batch_additivity"

#: How many batches are taken apart.
BATCHES = 8


def run(context: CheckContext) -> Run:
    """Take batches apart into single samples."""
    comparisons = Comparisons(context, SLUG)
    batches = [p for p in context.problems if context.subject.samples(p) > 1]
    for problem in context.some(_of_many_kinds(context, batches), BATCHES):
        parts = context.subject.parts(problem, context.arithmetic.biases)
        if parts is None:
            return []
        whole = yield Request(Call.LOSS_AND_GRADS, problem)
        if whole.failure or not usable(context, problem, whole.tensors):
            continue
        total = yield from _total(parts)
        if total is None:
            continue
        costs = partial(_costs, context, problem, parts)
        names = mismatches(context, problem, whole.tensors, total, costs)
        fault = f"not the {parts.rule} of its samples' gradients, first in {context.listed(names)}"
        comparisons.add(problem, fault if names else "")
    return comparisons.findings(
        "A batch's gradient is made of its samples' gradients.",
        "On {failing} of {compared} batches the gradient is {fault} ({problem}).",
    )


def _total(parts: Parts) -> Generator[Request, Observation, dict[str, Floats] | None]:
    """Put the gradients of single samples together; None where one has no answer."""
    total = {name: 0.0 * array for name, array in parts.constant.items()}
    for single in parts.singles:
        part = yield Request(Call.LOSS_AND_GRADS, single)
        if part.failure:
            return None
        for name, array in part.tensors.items():
            total[name] += parts.weight * (array - parts.constant[name])
    return {name: array + parts.constant[name] for name, array in total.items()}


def _costs(context: CheckContext, problem: Problem, parts: Parts) -> dict[str, Floats]:
    """Return what arithmetic may cost the batch's gradient and its samples' together."""
    costs = [arithmetic_costs(context, single) for single in parts.singles]
    return {
        name: own + parts.weight * sum(cost[name] for cost in costs)
        for name, own in arithmetic_costs(context, problem).items()
    }


def _of_many_kinds(context: CheckContext, batches: list[Problem]) -> list[Problem]:
    """Put batches of as many different architectures as possible first."""
    first: dict[Hashable, Problem] = {}
    for problem in batches:
        first.setdefault(context.subject.kind(problem), problem)
    distinct = list(first.values())
    return distinct + [problem for problem in batches if problem not in distinct]


CHECK = Check(
    SLUG,
    "a batch's gradient is made of its samples' gradients",
    run,
    Cost.MUCH,
    follows=within_root,
)
