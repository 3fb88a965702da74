"""permutation: the order of samples and of hidden units does not matter.

Shuffled samples give the same gradient; shuffled hidden units give the same
gradient, shuffled.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from gradcheck.checks.metamorphic import grants, mismatches, usable
from gradcheck.comparison.verdict import Finding, Verdict
from gradcheck.contract.problem import Tensors, by_name, in_order
from gradcheck.contract.protocol import Call, Request
from gradcheck.networks.context import Check, CheckContext, Run, some
from gradcheck.networks.problem import Floats, Params, Problem

SLUG = "permutation"

#: How many problems are shuffled.
SHUFFLED = 20


def run(plan: CheckContext) -> Run:
    """Shuffle samples, then hidden units."""
    rng = plan.rng(2)
    compared = 0
    failing: list[tuple[Problem, str, list[str]]] = []
    for problem in some(plan.problems, SHUFFLED):
        plain = yield Request(Call.LOSS_AND_GRADS, problem)
        if plain.failure or not usable(plan, problem, plain.tensors):
            continue
        orders = [rng.permutation(n) for n in problem.network.widths]
        orders[0], orders[-1] = np.arange(len(orders[0])), np.arange(len(orders[-1]))
        shuffled = {
            "samples": replace(
                problem, batch=problem.batch.select(rng.permutation(problem.batch.size))
            ),
            "hidden units": replace(problem, params=Params(_permute(problem.params, orders).pairs)),
        }
        for what, other in shuffled.items():
            answer = yield Request(Call.LOSS_AND_GRADS, other)
            if answer.failure:
                continue
            compared += 1
            expected = plain.tensors
            if what == "hidden units":
                expected = _permute(plain.tensors, orders)
            limits = partial(_limits, plan, problem, orders if what == "hidden units" else None)
            names = mismatches(plan, other, answer.tensors, expected, limits)
            if names:
                failing.append((problem, what, names))
    if not compared:
        return []
    if not failing:
        message = "The order of samples and hidden units does not matter."
        return [Finding(SLUG, Verdict.CORRECT, compared, message)]
    problem, what, names = failing[0]
    message = (
        f"On {len(failing)} of {compared} comparisons the order of {what} matters, first in "
        f"{plan.listed(names)} ({plan.described(problem)})."
    )
    shown = tuple(dict.fromkeys(problem for problem, _, _ in failing))
    return [Finding(SLUG, Verdict.WRONG, compared, message, failing=shown)]


def _limits(
    plan: CheckContext, problem: Problem, orders: list[np.ndarray] | None
) -> Mapping[str, Floats]:
    """Return what arithmetic may cost two gradients, units reordered where orders are given."""
    granted = {name: 2 * cost for name, cost in grants(plan, problem).items()}
    return granted if orders is None else _permute(in_order(granted.values()), orders)


def _permute(tensors: Tensors, orders: list[np.ndarray]) -> Tensors:
    """Reorder the units of every layer: rows by the layer before, columns by its own."""
    return by_name(
        (w[np.ix_(before, after)], b[after])
        for (w, b), before, after in zip(tensors.pairs, orders[:-1], orders[1:], strict=True)
    )


CHECK = Check(SLUG, "the order of samples and hidden units does not matter", run)
