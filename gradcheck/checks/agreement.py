"""agreement: independent implementations give the same gradient.

No estimate enters here: two claims are held against each other, within what the
arithmetic of both may cost. It shows which of several implementations is the
outlier.
"""

import numpy as np

from gradcheck.checks.definition import Check, Run, within_root
from gradcheck.comparison.compare import within
from gradcheck.comparison.context import CheckContext, Named, Problem
from gradcheck.comparison.verdict import Finding, Verdict
from gradcheck.contract.protocol import Call, Request
from gradcheck.oracle.estimate import UNIT

SLUG = "agreement"


def run(context: CheckContext) -> Run:
    """Compare with every peer on every problem that both answer."""
    compared = 0
    failing: dict[str, list[tuple[Problem, str]]] = {peer: [] for peer in context.peers}
    for problem in context.problems if context.peers else ():
        ours = yield Request(Call.LOSS_AND_GRADS, problem)
        if ours.failure:
            continue
        for peer in context.peers:
            theirs = yield Request(Call.LOSS_AND_GRADS, problem, of=peer)
            if theirs.failure:
                continue
            compared += 1
            name = _first_apart(context, problem, ours.tensors, theirs.tensors)
            if name:
                failing[peer].append((problem, name))
    if not compared:
        return []
    against = {peer: cases for peer, cases in failing.items() if cases}
    if not against:
        message = f"Agrees with {', '.join(context.peers)}."
        return [Finding(SLUG, Verdict.CORRECT, compared, message)]
    parts = [
        f"{peer} on {len(cases)} problems (first in {context.listed([cases[0][1]])})"
        for peer, cases in against.items()
    ]
    shown = tuple(dict.fromkeys(p for cases in against.values() for p, _ in cases))
    message = f"Disagrees with {'; '.join(parts)}."
    return [Finding(SLUG, Verdict.WRONG, compared, message, failing=shown)]


def _first_apart(context: CheckContext, problem: Problem, ours: Named, theirs: Named) -> str:
    """Name the first tensor that two gradients do not have alike; empty where there is none."""
    truth, arithmetic = context.truth(problem), context.arithmetic
    for name, claim in ours.items():
        estimate = truth.gradient[name]
        if arithmetic.biases:  # what both claim of the loss as defined is compared
            claim = claim - estimate.value + context.defined(problem).gradient[name].value
        limit = 2 * (estimate.error + estimate.interval)
        if arithmetic.unit == UNIT and within(claim, theirs[name], limit):
            continue
        limit = limit + truth.rounding(arithmetic.unit)[name] + truth.rounding(UNIT)[name]
        if arithmetic.epsilon:
            plain = context.plain(problem).gradient[name].value
            limit = limit + np.abs(plain - estimate.value)
        if not within(claim, theirs[name], limit):
            return name
    return ""


CHECK = Check(SLUG, "independent implementations give the same gradient", run, follows=within_root)
