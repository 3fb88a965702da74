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

from gradcheck.comparison.verdict import Finding, Verdict
from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.networks import sampling
from gradcheck.networks.context import Check, CheckContext, Run, some
from gradcheck.networks.fast_estimate import Truth
from gradcheck.networks.guard import askable, guard
from gradcheck.networks.losses import LOSSES
from gradcheck.networks.problem import Floats, Problem
from gradcheck.oracle.estimate import UNIT

SLUG = "saturation"

#: How many saturated problems are tried.
PROBLEMS = 40

#: A finite answer may be off by this part of the whole gradient's norm.
PART = 1e-6

#: Up to here an answer has to be finite, in float64: exp(-30) is well above its
#: roundoff. In a narrower arithmetic the bound shrinks with the logarithm of that.
FINITE_UP_TO = 30.0

#: Told where a constant explains an answer.
_GUARDED = (
    "a constant of {:.1e} in the logarithms decides the gradient where an output is next to 0 or 1"
)


def run(plan: CheckContext) -> Run:
    """Ask for gradients of saturated networks."""
    compared = 0
    failing: list[tuple[Problem, str]] = []
    notes: dict[str, None] = {}
    constant: float | None = None  # in the logarithms: asked for when it matters
    bound = FINITE_UP_TO * math.log(plan.arithmetic.loss_unit) / math.log(UNIT)
    drawn = (sampling.saturated(plan.seed, index, plan.support) for index in range(PROBLEMS))
    tried = 0
    for problem in some(drawn, PROBLEMS):
        tried += 1
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
            truths = dict.fromkeys((plan.truth(problem), plan.plain(problem)))
            misses = [_misses(plan, truth, observation) for truth in truths]
            if not all(misses):  # right for the loss as the code writes it, or as defined
                continue
            if LOSSES[problem.network.loss].logarithmic:
                constant = (yield from _constant(plan)) if constant is None else constant
                plain = plan.plain(problem)
                if constant and not _misses(plan, plain, observation, constant):
                    if not plan.arithmetic.epsilon:
                        notes[_GUARDED.format(constant)] = None
                    continue
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
        f"With saturated units {len(failing)} of {tried} problems fail: {place} "
        f"({plan.described(problem)}, largest |z| "
        f"{_reach(plan, problem):.0f})."
    )
    shown = tuple(problem for problem, _ in failing)
    return [
        Finding(
            SLUG,
            Verdict.WRONG,
            compared,
            message,
            notes=told,
            failing=shown,
        )
    ]


def _note(what: str, message: str) -> str:
    """A failure told in a note; an exception may have nothing to say."""
    return f"{what} when an output saturates" + (f": {message}" if message else "")


def _reach(plan: CheckContext, problem: Problem) -> float:
    return plan.truth(problem).largest_z


def _finite(observation: Observation) -> bool:
    arrays = observation.tensors.values()
    return bool(np.isfinite(observation.loss)) and all(np.isfinite(a).all() for a in arrays)


def _norm(truth: Truth) -> float:
    """The norm of the whole gradient."""
    return float(np.sqrt(sum((e.value**2).sum() for e in truth.gradient.values())))


def _constant(plan: CheckContext) -> Generator[Request, Observation, float]:
    """Return what keeps the code's logarithms from zero, or zero."""
    arithmetic = plan.arithmetic
    if arithmetic.epsilon or arithmetic.cut:
        return arithmetic.epsilon or arithmetic.cut
    problem = askable(p for p in plan.problems if p not in plan.unanswered)
    found = (yield from guard(problem)) if problem is not None else None
    return found.value if found is not None else 0.0


def _misses(
    plan: CheckContext, truth: Truth, observation: Observation, constant: float = 0.0
) -> list[str]:
    """Name the tensors that are too far off.

    Parameters
    ----------
    constant : float
        In the logarithms, of whatever form.
    """
    whole = max(_norm(truth), _norm(plan.plain(truth.problem)))
    places = []
    for name, claim in observation.tensors.items():
        estimate = truth.gradient[name]
        allowed: Floats = PART * whole + estimate.error + estimate.interval
        difference = np.abs(claim - estimate.value)
        if (difference > allowed).any():
            allowed = allowed + truth.rounding(plan.arithmetic.unit)[name]
        if constant and (difference > allowed).any():
            allowed = allowed + truth.guarded(constant, plan.arithmetic.unit)[name]
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
