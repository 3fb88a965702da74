"""gradient: every tensor is the derivative of the loss.

When the code's loss is not the loss as defined, its gradient may still be right for
the loss it computes. Then the code's own loss is differenced along directions; if
the gradient agrees with that, the fault is in the forward, and no tensor is called
wrong.
"""

from dataclasses import replace

import numpy as np

from gradcheck.checks.definition import (
    RIGHT_FOR_OWN_LOSS,
    Aggregate,
    Answer,
    Check,
    Cost,
    Run,
    Shows,
)
from gradcheck.comparison.compare import loss_differs
from gradcheck.comparison.context import CheckContext, Problem
from gradcheck.comparison.verdict import Finding, Verdict, worst
from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.oracle.estimate import SLACK, drawn, extrapolate, steps

SLUG = "gradient"

#: Problems on which the code's own loss is differenced.
OWN_LOSS = 4

#: The code's own loss must be differenced at least this sharply to acquit.
SHARP = 1e-4


def run(context: CheckContext) -> Run:
    """Judge every tensor of every problem."""
    aggregate = Aggregate(context.subject)
    foreign: list[tuple[Problem, Observation]] = []
    for problem in context.problems:
        observation = yield Request(Call.LOSS_AND_GRADS, problem)
        if observation.failure:
            continue
        judgements = context.judge(problem, observation.tensors)
        aggregate.add(problem, judgements)
        wrong = worst(j.verdict for j in judgements) is Verdict.WRONG
        if wrong and loss_differs(observation.loss, context.truth(problem), context.arithmetic):
            foreign.append((problem, observation))
    finding = aggregate.finding(SLUG, "Every tensor is right.", "The gradient is wrong:")
    if finding.verdict is Verdict.WRONG and len(foreign) == len(aggregate.failing):
        if not any(array.any() for _, o in foreign for array in o.tensors.values()):
            return [finding]  # a gradient that is always zero is right for no loss worth having
        for problem, observation in foreign[:OWN_LOSS]:
            if not (yield from _right_for_own_loss(context, problem, observation)):
                return [finding]
        return _acquitted(finding, len(foreign))
    return [finding]


def _right_for_own_loss(
    context: CheckContext, problem: Problem, observation: Observation
) -> Answer:
    """Difference the code's own loss along one direction a tensor."""
    rng, arithmetic = context.rng(1), context.arithmetic
    noise = 8 * arithmetic.loss_unit * (1 + abs(observation.loss))
    for name, claim in observation.tensors.items():
        direction = drawn(rng, 1, claim.shape)[0]
        h = steps(0.05 / max(1.0, float(np.abs(direction).max())))
        differences = []
        for step in h:
            losses = []
            for signed in (step, -step):
                moved = context.subject.moved(problem, name, signed * direction)
                answer = yield Request(Call.LOSS_AND_GRADS, moved)
                if answer.failure:
                    return False
                losses.append(answer.loss)
            differences.append((losses[0] - losses[1]) / (2 * step))
        slope = extrapolate(h, np.array(differences), noise)
        claimed = float((claim * direction).sum())
        size = float(np.linalg.norm(claim))
        if not abs(claimed - slope.value) <= SLACK * slope.error + 64 * arithmetic.unit * size:
            return False
        if size > 0 and slope.error > SHARP * size:
            return False
    return True


def _acquitted(finding: Finding, count: int) -> list[Finding]:
    """The gradient is that of another loss: say so, and where the fault is."""
    tensors = {
        name: replace(tensor, verdict=Verdict.CORRECT, note=RIGHT_FOR_OWN_LOSS)
        if tensor.verdict is Verdict.WRONG
        else tensor
        for name, tensor in finding.tensors.items()
    }
    message = (
        "The gradient is right for the loss that your code computes, but that is not the loss "
        "as defined: look at the forward pass or the loss, not at the backward pass."
    )
    own = replace(
        finding,
        verdict=worst(tensor.verdict for tensor in tensors.values()),
        message="Every tensor is right for the code's own loss.",
        tensors=tensors,
        failing=(),
    )
    forward = Finding("forward", Verdict.WRONG, count, message, failing=finding.failing)
    return [own, forward]


def _wrong(context: CheckContext, problem: Problem, answer: Observation) -> bool:
    return answer.failure is None and context.wrong(problem, answer.tensors)


CHECK = Check(
    SLUG, "every tensor is the derivative of the loss", run, Cost.NOTHING, Shows(_wrong, 0)
)
