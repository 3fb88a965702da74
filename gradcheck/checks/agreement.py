"""agreement: independent implementations give the same gradient.

No estimate enters here: two claims are held against each other, within what the
arithmetic of both may cost. It shows which of several implementations is the
outlier.
"""

import numpy as np

from gradcheck.comparison.verdict import Finding, Verdict
from gradcheck.contract.protocol import Call, Request
from gradcheck.networks.context import Check, CheckContext, Run
from gradcheck.networks.problem import Problem
from gradcheck.oracle.estimate import UNIT

SLUG = "agreement"


def run(plan: CheckContext) -> Run:
    """Compare with every peer on every problem that both answer."""
    compared = 0
    failing: dict[str, list[tuple[Problem, str]]] = {peer: [] for peer in plan.peers}
    for problem in plan.problems:
        ours = yield Request(Call.LOSS_AND_GRADS, problem)
        if ours.failure:
            continue
        for peer in plan.peers:
            theirs = yield Request(Call.LOSS_AND_GRADS, problem, of=peer)
            if theirs.failure:
                continue
            compared += 1
            for name, mine in ours.tensors.items():
                if not _same(plan, problem, name, mine, theirs.tensors[name]):
                    failing[peer].append((problem, name))
                    break
    if not compared:
        return []
    against = {peer: cases for peer, cases in failing.items() if cases}
    if not against:
        message = f"Agrees with {', '.join(plan.peers)}."
        return [Finding(SLUG, Verdict.CORRECT, compared, message)]
    parts = [
        f"{peer} on {len(cases)} problems (first in {plan.listed([cases[0][1]])})"
        for peer, cases in against.items()
    ]
    shown = tuple(dict.fromkeys(p for cases in against.values() for p, _ in cases))
    message = f"Disagrees with {'; '.join(parts)}."
    return [Finding(SLUG, Verdict.WRONG, compared, message, failing=shown)]


def _same(
    plan: CheckContext, problem: Problem, name: str, mine: np.ndarray, other: np.ndarray
) -> bool:
    truth = plan.truth(problem)
    estimate = truth.gradient[name]
    if plan.arithmetic.biases:  # what both claim of the loss as defined is compared
        mine = mine - estimate.value + plan.defined(problem).gradient[name].value
    difference = np.abs(mine - other)
    allowed = 2 * (estimate.error + estimate.interval)
    if plan.arithmetic.unit == UNIT and (difference <= allowed).all():
        return True
    granted = truth.rounding(plan.arithmetic.unit)[name] + truth.rounding(UNIT)[name]
    if plan.arithmetic.epsilon:
        plain = plan.plain(problem).gradient[name].value
        granted = granted + np.abs(plain - estimate.value)
    return bool((difference <= allowed + granted).all())


CHECK = Check(SLUG, "independent implementations give the same gradient", run)
