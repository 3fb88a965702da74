"""permutation: the order of samples and of hidden units does not matter.

Shuffled samples give the same gradient; shuffled hidden units give the same
gradient, shuffled.
"""

from functools import partial

from gradcheck.checks.definition import Check, Comparisons, Cost, Run, within_root
from gradcheck.checks.metamorphic import arithmetic_costs, mismatches, usable
from gradcheck.comparison.context import CheckContext
from gradcheck.comparison.subject import Named, Problem, Reordered
from gradcheck.contract.protocol import Call, Request

SLUG = "permutation"

#: How many problems are shuffled.
SHUFFLED = 20


def run(context: CheckContext) -> Run:
    """Ask for the gradient in other orders."""
    rng = context.rng(2)
    comparisons = Comparisons(context, SLUG)
    for problem in context.some(context.problems, SHUFFLED):
        plain = yield Request(Call.LOSS_AND_GRADS, problem)
        if plain.failure or not usable(context, problem, plain.tensors):
            continue
        for other in context.subject.reordered(problem, rng):
            answer = yield Request(Call.LOSS_AND_GRADS, other.problem)
            if answer.failure:
                continue
            expected = other.follow(plain.tensors)
            costs = partial(_costs, context, problem, other)
            names = mismatches(context, other.problem, answer.tensors, expected, costs)
            fault = f"{other.what} matters, first in {context.listed(names)}"
            comparisons.add(problem, fault if names else "")
    return comparisons.findings(
        "The order of samples and hidden units does not matter.",
        "On {failing} of {compared} comparisons the order of {fault} ({problem}).",
    )


def _costs(context: CheckContext, problem: Problem, other: Reordered) -> Named:
    """Return what arithmetic may cost two gradients, in the other order."""
    costs = arithmetic_costs(context, problem)
    return other.follow({name: 2 * cost for name, cost in costs.items()})


CHECK = Check(
    SLUG,
    "the order of samples and hidden units does not matter",
    run,
    Cost.MUCH,
    follows=within_root,
)
