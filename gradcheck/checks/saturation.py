"""saturation: large pre-activations do not break the gradient.

Textbook code loses digits where units saturate, so this is apart from the gradient's
own verdict: a finite answer must agree to a millionth of the norm of the problem's
whole gradient (plus what its arithmetic may cost). An answer that is not finite is
wrong up to ``|z| = 30``; beyond, an output rounds to 0 or 1 and half of all textbook
code divides by zero: that is a note.
"""

import math

import numpy as np

from gradcheck import sampling
from gradcheck.judging import named
from gradcheck.oracle import Truth
from gradcheck.oracle.estimate import UNIT
from gradcheck.plan import Check, Plan, Run
from gradcheck.problem import Floats, Problem
from gradcheck.protocol import Call, Observation, Request
from gradcheck.verdict import Finding, Verdict

SLUG = "saturation"

#: How many saturated problems are tried.
PROBLEMS = 40

#: A finite answer may be off by this part of the whole gradient's norm.
PART = 1e-6

#: Up to here an answer has to be finite, in float64: exp(-30) is well above its
#: roundoff. In a narrower arithmetic the bound shrinks with the logarithm of that.
FINITE_UP_TO = 30.0


def run(plan: Plan) -> Run:
    """Ask for gradients of saturated networks."""
    compared = 0
    failing: list[tuple[Problem, str]] = []
    notes: dict[str, None] = {}
    bound = FINITE_UP_TO * math.log(plan.arithmetic.loss_unit) / math.log(UNIT)
    for index in range(PROBLEMS):
        problem = sampling.saturated(plan.seed, index, plan.support)
        observation = yield Request(Call.LOSS_AND_GRADS, problem)
        if observation.failure and observation.failure.kind == "contract":
            continue  # told by the contract check
        if observation.failure:
            if observation.supported and _reach(plan, problem) <= bound:
                failing.append((problem, observation.failure.message))
            elif not observation.supported and _reach(plan, problem) > bound:
                notes[_note("refuses", observation.failure.message)] = None
            elif observation.supported:
                notes[_note("raises", observation.failure.message)] = None
            continue
        compared += 1
        finite = _finite(observation)
        if not finite and _reach(plan, problem) > bound:
            notes["not finite when an output saturates"] = None
        elif not finite:
            failing.append((problem, "an answer is not finite"))
        else:
            truths = dict.fromkeys((plan.truth(problem), plan.truths.of(problem)))
            misses = [_misses(plan, truth, observation) for truth in truths]
            if all(misses):  # wrong for the loss as the code writes it, and as defined
                failing.append((problem, misses[0][0]))
    if not compared and not failing:
        return []
    told = tuple(notes)
    if not failing:
        message = "Saturated units do not break the gradient."
        return [Finding(SLUG, Verdict.CORRECT, compared, message, notes=told)]
    failing.sort(key=lambda item: item[0].params.size * item[0].batch.size)
    problem, place = failing[0]
    message = (
        f"With saturated units {len(failing)} of {PROBLEMS} problems fail: {place} "
        f"({plan.described(problem)}, largest |z| "
        f"{_reach(plan, problem):.0f})."
    )
    texts = tuple(str(problem) for problem, _ in failing)
    return [Finding(SLUG, Verdict.WRONG, compared, message, notes=told, failing=texts)]


def _note(what: str, message: str) -> str:
    """A failure told in a note; an exception may have nothing to say."""
    return f"{what} when an output saturates" + (f": {message}" if message else "")


def _reach(plan: Plan, problem: Problem) -> float:
    return plan.truth(problem).largest_z


def _finite(observation: Observation) -> bool:
    arrays = named(observation.tensors).values()
    return bool(np.isfinite(observation.loss)) and all(np.isfinite(a).all() for a in arrays)


def _norm(truth: Truth) -> float:
    """The norm of the whole gradient."""
    return float(np.sqrt(sum((e.value**2).sum() for e in truth.gradient.values())))


def _misses(plan: Plan, truth: Truth, observation: Observation) -> list[str]:
    """Name the tensors that are too far off."""
    whole = _norm(truth)
    part = PART
    if truth.epsilon:
        # 1 - a + epsilon is known no better than this, even where it leaves next to no gradient
        part = max(part, 8 * plan.arithmetic.unit / truth.epsilon)
        whole = max(whole, _norm(plan.truths.of(truth.problem)))
    places = []
    for name, claim in named(observation.tensors).items():
        estimate = truth.gradient[name]
        allowed: Floats = part * whole + estimate.error + estimate.interval
        difference = np.abs(claim - estimate.value)
        if (difference > allowed).any():
            allowed = allowed + truth.rounding(plan.arithmetic.unit)[name]
        if (difference > allowed).any():
            entry = np.unravel_index(int(np.argmax(difference - allowed)), claim.shape)
            index = ",".join(str(int(i)) for i in entry)
            place, factor = plan.notation.entry(f"{name}[{index}]", truth.problem.network)
            places.append(
                f"{place}: your code says {factor * claim[entry]:.6g}, "
                f"it is {factor * estimate.value[entry]:.6g}"
            )
    return places


CHECK = Check(SLUG, "large pre-activations do not break the gradient", run)
