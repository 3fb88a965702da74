"""Metamorphic relations: answers to related questions are related.

batch_additivity: a batch's gradient is the mean or sum of its samples'. The weight penalty
counts once, not once a sample. Needs code that handles single samples.

permutation: the order of samples and of hidden units does not matter. Shuffled samples give
the same gradient; shuffled hidden units give the same gradient, shuffled.
"""

from collections.abc import Callable, Generator, Hashable
from functools import partial

import numpy as np

from gradcheck.checks.definition import Check, Comparisons, Cost, Run, within_root
from gradcheck.comparison.compare import rounded_bars, within
from gradcheck.comparison.context import CheckContext, Named, Parts, Problem, Reordered
from gradcheck.contract.posed import Floats
from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.oracle.estimate import UNIT

#: So many units of roundoff of a tensor's largest entry mean nothing.
MEANINGLESS_UNITS = 64

#: Part of the whole gradient by which a relation between wrong gradients is broken.
GROSS = 1e-6


def arithmetic_costs(context: CheckContext, problem: Problem) -> dict[str, Floats]:
    """Return by tensor name what arithmetic may cost a gradient of this problem."""
    truth, unit = context.truth(problem), context.arithmetic.unit
    return {name: rounded_bars(truth, name, unit) for name in truth.gradient}


def _mismatches(
    context: CheckContext,
    problem: Problem,
    one: Named,
    two: Named,
    costs: Callable[[], Named],
) -> list[str]:
    """Name the tensors in which two gradients differ by more than their arithmetic.

    What the arithmetic of a *wrong* formula costs nobody knows: tan(z) near its pole
    amplifies any roundoff. Where a gradient is wrong, a relation counts as broken
    only by more than :data:`GROSS` of the whole gradient.

    ``one`` is the claimed gradient of the problem. What arithmetic may cost is asked only where
    there is a difference to speak of: in most right code there is none, and the answer takes
    longer than the code.
    """
    unit = max(context.arithmetic.unit, UNIT)
    meaningless = {
        name: MEANINGLESS_UNITS * max(float(np.abs(a).max()), float(np.abs(two[name]).max()))
        for name, a in one.items()
    }
    if unit == UNIT and all(within(one[n], two[n], UNIT * m) for n, m in meaningless.items()):
        return []
    granted = costs()
    whole = max(float(np.abs(array).max()) for array in (*one.values(), *two.values()))
    wrong = context.wrong(problem, one)
    return [
        name
        for name, size in meaningless.items()
        if not within(
            one[name], two[name], granted[name] + (GROSS * whole if wrong else unit * size)
        )
    ]


def _usable(context: CheckContext, problem: Problem, tensors: Named) -> bool:
    """Whether a relation can be judged here: finite, and off every kink."""
    finite = all(np.isfinite(array).all() for array in tensors.values())
    return finite and not context.truth(problem).kinks.count


#: How many batches are taken apart.
BATCHES = 8


def _take_apart(context: CheckContext) -> Run:
    """Take batches apart into single samples."""
    comparisons = Comparisons(context, "batch_additivity")
    batches = [p for p in context.problems if context.subject.samples(p) > 1]
    for problem in context.some(_of_many_kinds(context, batches), BATCHES):
        parts = context.subject.parts(problem, context.arithmetic.biases)
        if parts is None:
            return []
        whole = yield Request(Call.LOSS_AND_GRADS, problem)
        if whole.failure or not _usable(context, problem, whole.tensors):
            continue
        total = yield from _total(parts)
        if total is None:
            continue
        costs = partial(_costs_of_parts, context, problem, parts)
        names = _mismatches(context, problem, whole.tensors, total, costs)
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


def _costs_of_parts(context: CheckContext, problem: Problem, parts: Parts) -> dict[str, Floats]:
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
    return list(dict.fromkeys((*first.values(), *batches)))


BATCH_ADDITIVITY = Check(
    "batch_additivity",
    "a batch's gradient is made of its samples' gradients",
    _take_apart,
    Cost.MUCH,
    follows=within_root,
)


#: How many problems are shuffled.
SHUFFLED = 20


def _reorder(context: CheckContext) -> Run:
    """Ask for the gradient in other orders."""
    rng = context.rng(2)
    comparisons = Comparisons(context, "permutation")
    for problem in context.some(context.problems, SHUFFLED):
        plain = yield Request(Call.LOSS_AND_GRADS, problem)
        if plain.failure or not _usable(context, problem, plain.tensors):
            continue
        for other in context.subject.reordered(problem, rng):
            answer = yield Request(Call.LOSS_AND_GRADS, other.problem)
            if answer.failure:
                continue
            expected = other.follow(plain.tensors)
            costs = partial(_costs_reordered, context, problem, other)
            names = _mismatches(context, other.problem, answer.tensors, expected, costs)
            fault = f"{other.what} matters, first in {context.listed(names)}"
            comparisons.add(problem, fault if names else "")
    return comparisons.findings(
        "The order of samples and hidden units does not matter.",
        "On {failing} of {compared} comparisons the order of {fault} ({problem}).",
    )


def _costs_reordered(context: CheckContext, problem: Problem, other: Reordered) -> Named:
    """Return what arithmetic may cost two gradients, in the other order."""
    costs = arithmetic_costs(context, problem)
    return other.follow({name: 2 * cost for name, cost in costs.items()})


PERMUTATION = Check(
    "permutation",
    "the order of samples and hidden units does not matter",
    _reorder,
    Cost.MUCH,
    follows=within_root,
)
