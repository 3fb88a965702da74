"""Which findings follow from another: with that fault taken for granted they show nothing more.

A wrong gradient fails other checks too. Whether it is by the same fault is not guessed
from the checks' names: each is asked for what it would show if the gradient were taken
as the code gives it. What is kept between calls, and whatever else shows more, stays a
finding of its own.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace

import numpy as np

from gradcheck.checks import saturation, step
from gradcheck.checks.gradient import RIGHT_FOR_OWN_LOSS as OWN_LOSS
from gradcheck.comparison.verdict import Finding, Verdict
from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.networks import sampling
from gradcheck.networks.context import CheckContext
from gradcheck.oracle.estimate import UNIT

Questions = Generator[Request, Observation, bool]

#: A step agrees with the code's own gradient to this part of it.
PART = 1e-6


def traced(
    plan: CheckContext, findings: Sequence[Finding]
) -> Generator[Request, Observation, list[Finding]]:
    """Return the findings, each that follows from another with that one's check as its cause."""
    root, own_loss = _root(findings)
    if root is None:
        return list(findings)
    told = []
    for finding in findings:
        follows = FOLLOWS.get(finding.check) if finding.verdict is Verdict.WRONG else None
        caused = finding is own_loss and finding.check != root.check
        if follows is not None:
            caused = yield from follows(plan, root, finding)
        told.append(replace(finding, cause=root.check) if caused else finding)
    return told


def _root(findings: Sequence[Finding]) -> tuple[Finding | None, Finding | None]:
    """Return the finding that others may follow from.

    It is the gradient's, or, where that is right for another loss than the one defined, the
    loss's.

    Returns
    -------
    root : Finding or None
        With every problem on which the gradient is not that of the loss as defined.
    own_loss : Finding or None
        The finding that the gradient is that of the code's own loss.
    """
    by_check = {finding.check: finding for finding in findings}
    gradient = by_check.get("gradient")
    if gradient is None or gradient.verdict is Verdict.WRONG:
        return gradient, None
    if all(tensor.note != OWN_LOSS for tensor in gradient.tensors.values()):
        return None, None
    own_loss = [f for f in findings if f.check == "forward"][-1]
    loss = by_check.get("loss")
    root = loss if loss is not None and loss.verdict is Verdict.WRONG else own_loss
    return replace(root, failing=own_loss.failing), own_loss


def _within(plan: CheckContext, root: Finding, finding: Finding) -> Questions:
    """On each of its problems the gradient is itself not right.

    Of right gradients two implementations give the same, and a batch's is made of its
    samples' whatever their order: there is no more to see.
    """
    yield from ()
    return set(finding.failing) <= set(root.failing)


def _step(plan: CheckContext, root: Finding, finding: Finding) -> Questions:
    """Each step that is wrong goes down the gradient that the code itself gives."""
    for index, problem in enumerate(plan.problems[: step.STEPS]):
        if problem not in finding.failing:
            continue
        rate = step.RATES[index % len(step.RATES)]
        claimed = yield Request(Call.LOSS_AND_GRADS, problem)
        taken = yield Request(Call.STEP, problem, learning_rate=rate)
        if claimed.failure or taken.failure:
            return False
        before, claims = problem.params, claimed.tensors
        for name, went in step.implied(problem, taken, rate).items():
            size = np.abs(before[name]) + rate * np.abs(claims[name])
            allowed = 16 * max(plan.arithmetic.unit, UNIT) * size / rate
            allowed = allowed + PART * np.abs(claims[name]).max()
            if not (np.abs(went - claims[name]) <= allowed).all():
                return False
    return True


def _saturation(plan: CheckContext, root: Finding, finding: Finding) -> Questions:
    """The gradient of the same networks is wrong, and as finite, without saturation."""
    known = {problem.network for problem in root.failing}
    for index in range(saturation.PROBLEMS):
        problem = sampling.saturated(plan.seed, index, plan.support)
        if problem not in finding.failing:
            continue
        there = yield Request(Call.LOSS_AND_GRADS, problem)
        base = sampling.problem(plan.seed, index, plan.support)
        here = yield Request(Call.LOSS_AND_GRADS, base)
        if there.failure or here.failure:
            return False
        if not _finite(there) and _finite(here):
            return False
        if base.network in known:
            continue
        if all(j.verdict is not Verdict.WRONG for j in plan.judge(base, here.tensors)):
            return False
    return True


def _finite(observation: Observation) -> bool:
    return all(np.isfinite(array).all() for array in observation.tensors.values())


#: How it is seen that a check fails by the gradient alone.
FOLLOWS: dict[str, Callable[[CheckContext, Finding, Finding], Questions]] = {
    "agreement": _within,
    "batch_additivity": _within,
    "permutation": _within,
    "step": _step,
    "saturation": _saturation,
}
