"""saturation: large pre-activations do not break the gradient.

Textbook code loses digits where units saturate, so this is apart from the gradient's
own verdict: a finite answer must agree to a millionth of the norm of the problem's
whole gradient (plus what its arithmetic may cost). An answer that is not finite is
wrong up to ``|z| = 30``; beyond, an output rounds to 0 or 1 and half of all textbook
code divides by zero: that is a note. So it is where the code's own loss shows a constant
in its logarithms, which takes the slope from an output next to 0 or 1.
"""

import math
from collections.abc import Generator

import numpy as np

from gradcheck.checks.definition import Answer, Check, Comparisons, Cost, Run
from gradcheck.comparison.compare import KnownTruth, compare
from gradcheck.comparison.context import CheckContext, Problem
from gradcheck.comparison.verdict import Finding
from gradcheck.contract.posed import Floats
from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.oracle.estimate import UNIT

SLUG = "saturation"

#: How many saturated problems are tried.
PROBLEMS = 40

#: A finite answer may be off by this part of the whole gradient's norm.
OF_THE_WHOLE = 1e-6

#: Up to here an answer has to be finite, in float64: exp(-30) is well above its
#: roundoff. In a narrower arithmetic the bound shrinks with the logarithm of that.
FINITE_UP_TO = 30.0

#: Told where a constant explains an answer.
_GUARDED = (
    "a constant of {:.1e} in the logarithms decides the gradient where an output is next to 0 or 1"
)


def run(context: CheckContext) -> Run:
    """Ask for gradients of saturated networks."""
    subject, comparisons, tried = context.subject, Comparisons(context, SLUG), 0
    constant: float | None = None  # in the logarithms: asked for when it matters
    bound = FINITE_UP_TO * math.log(context.arithmetic.loss_unit) / math.log(UNIT)
    drawn = (subject.drawn(context.seed, index, saturated=True) for index in range(PROBLEMS))
    for problem in context.some(drawn, PROBLEMS):
        tried += 1
        observation = yield Request(Call.LOSS_AND_GRADS, problem)
        far = subject.reach(problem) > bound
        if observation.failure:
            message = observation.failure.message
            if observation.failure.kind == "contract":
                continue  # told by the contract check
            if not observation.supported:
                comparisons.notes.update({_note("refuses", message): None} if far else {})
            elif far:
                comparisons.notes[_note("raises", message)] = None
            else:
                comparisons.failing.append((problem, message))
            continue
        fault = ""
        if not (np.isfinite(observation.loss) and _all_finite(observation)):
            if far:
                comparisons.notes["not finite when an output saturates"] = None
            else:
                fault = "an answer is not finite"
        else:
            # right for the loss as the code writes it, or as defined
            truths = dict.fromkeys((context.truth(problem), context.plain(problem)))
            faults = [_fault(context, problem, truth, observation) for truth in truths]
            fault = faults[0] if all(faults) else ""
            if fault and subject.logarithmic(problem):
                constant = (yield from _constant(context)) if constant is None else constant
                plain = context.plain(problem)
                if constant and not _fault(context, problem, plain, observation, constant):
                    fault = ""
                    if not context.arithmetic.epsilon:
                        comparisons.notes[_GUARDED.format(constant)] = None
        comparisons.add(problem, fault)
    smallest = min((p for p, _ in comparisons.failing), key=subject.size, default=None)
    reach = subject.reach(smallest) if smallest is not None else 0.0
    return comparisons.findings(
        "Saturated units do not break the gradient.",
        f"With saturated units {{failing}} of {tried} problems fail: {{fault}} "
        f"({{problem}}, largest |z| {reach:.0f}).",
    )


def _note(what: str, message: str) -> str:
    """A failure told in a note; an exception may have nothing to say."""
    return f"{what} when an output saturates" + (f": {message}" if message else "")


def _constant(context: CheckContext) -> Generator[Request, Observation, float]:
    """Return what keeps the code's logarithms from zero, or zero."""
    arithmetic = context.arithmetic
    if arithmetic.epsilon or arithmetic.cut:
        return arithmetic.epsilon or arithmetic.cut
    answered = [p for p in context.problems if p not in context.unanswered]
    return (yield from context.subject.constant(answered))


def _fault(
    context: CheckContext,
    problem: Problem,
    truth: KnownTruth,
    observation: Observation,
    constant: float = 0.0,
) -> str:
    """Say where the first tensor is that is too far off; empty where none is.

    The constant stands in the logarithms, in whatever form.
    """
    subject, unit = context.subject, context.arithmetic.unit
    gradients = (truth.gradient, context.plain(problem).gradient)
    whole = math.sqrt(max(sum((e.value**2).sum() for e in g.values()) for g in gradients))
    for name, claim in observation.tensors.items():
        estimate = truth.gradient[name]
        bars: Floats = OF_THE_WHOLE * whole + estimate.error
        found = compare(name, claim, estimate, bars)
        if found.excess > 1:
            bars = bars + truth.rounding(unit)[name]
            found = compare(name, claim, estimate, bars)
        if found.excess > 1 and constant:
            bars = bars + truth.guarded(constant, unit)[name]
            found = compare(name, claim, estimate, bars)
        if found.excess > 1:
            place, factor = subject.entry(found.place, problem)
            return (
                f"{place}: your code says {factor * found.claimed:.6g}, "
                f"it is {factor * found.expected:.6g}"
            )
    return ""


def _follows(context: CheckContext, root: Finding, finding: Finding) -> Answer:
    """The gradient of the same networks is wrong, and as finite, without saturation."""
    subject = context.subject
    known = {subject.kind(problem) for problem in root.failing}
    for index in range(PROBLEMS):
        problem = subject.drawn(context.seed, index, saturated=True)
        if problem not in finding.failing:
            continue
        there = yield Request(Call.LOSS_AND_GRADS, problem)
        base = subject.drawn(context.seed, index)
        here = yield Request(Call.LOSS_AND_GRADS, base)
        if there.failure or here.failure:
            return False
        if not _all_finite(there) and _all_finite(here):
            return False
        if subject.kind(base) not in known and not context.wrong(base, here.tensors):
            return False
    return True


def _all_finite(observation: Observation) -> bool:
    return all(np.isfinite(array).all() for array in observation.tensors.values())


CHECK = Check(
    SLUG, "large pre-activations do not break the gradient", run, Cost.MUCH, follows=_follows
)
