"""purity: an answer depends on the question alone.

Arguments stay as they were, nothing returned shares memory with them or is changed
by a later call, and neither earlier calls nor their order matter.

Answers are not compared to the last bit: numpy's own functions give other last bits where
an array lies otherwise in memory, and what is made of them may lose most of its digits.
"""

import numpy as np

from gradcheck.checks.metamorphic import grants
from gradcheck.checks.step import implied
from gradcheck.comparison.verdict import Finding, Verdict
from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.contract.sizes import MAX_RELATED
from gradcheck.networks.context import Check, CheckContext, Run, some
from gradcheck.networks.problem import Floats, Problem

SLUG = "purity"

#: Problems on which calls are repeated in another order.
REPEATED = 8

#: Answers to the same question that differ by less than this part are told apart in a note.
NEARLY = 1e-12

#: ... of the whole gradient, where it is wrong: what a wrong formula costs nobody knows.
COARSE = 1e-9


def run(plan: CheckContext) -> Run:
    """Repeat questions in another order, and watch the arguments."""
    faults: dict[str, tuple[Problem, int]] = {}
    notes: dict[str, None] = {}
    compared = 0

    def accuse(text: str, problem: Problem) -> None:
        first, count = faults.get(text, (problem, 0))
        faults[text] = (first, count + 1)

    calls = [call for call in Call if call in plan.offers]
    chosen = _of_two_sizes(plan.problems)
    first: dict[tuple[Call, int], Observation] = {}
    forth = [(call, index) for index in range(len(chosen)) for call in calls]
    for turn, (call, index) in enumerate((*forth, *reversed(forth), *forth[:1] * 2)):
        # forth and back begin with code that was asked nothing yet, back with another batch size:
        # what the very first call leaves behind is the same for all that follow
        anew = turn in (0, len(forth))
        request = Request(call, chosen[index], learning_rate=0.1, fresh=True, anew=anew)
        observation = yield request
        if observation.failure:
            if (call, index) in first:
                accuse(f"{call.value} answered once and failed when asked again", chosen[index])
            continue
        compared += 1
        for text in _told(call, observation):
            accuse(text, chosen[index])
        before = first.setdefault((call, index), observation)
        if before is observation:
            continue
        difference = _difference(before, observation)
        if difference == 0:
            continue
        if difference > NEARLY and _beyond(plan, request, before, observation):
            accuse(
                f"{call.value} gives another answer to the same question when it is asked again: "
                f"something is kept between calls",
                chosen[index],
            )
        else:
            notes["answers to the same question differ in the last digits"] = None
    if not compared:
        return [Finding(SLUG, Verdict.UNRESOLVED, 0, "nothing could be compared")]
    if not faults:
        message = "Answers depend on the question alone."
        return [Finding(SLUG, Verdict.CORRECT, compared, message, notes=tuple(notes))]
    shown = tuple(dict.fromkeys(problem for problem, _ in faults.values()))
    message = "; ".join(f"{text} ({count} times)" for text, (_, count) in faults.items())
    message = f"{message[0].upper()}{message[1:]}."
    return [Finding(SLUG, Verdict.WRONG, compared, message, notes=tuple(notes), failing=shown)]


def _of_two_sizes(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """Choose a few, half of them of another batch size: what is kept may be the size.

    It is used where the loss is a mean, so those come first.
    """
    ordered = sorted(problems, key=lambda p: p.network.reduction != "mean")
    half, together = REPEATED // 2, MAX_RELATED // 2
    first = tuple(some(ordered, half, together))
    others = [p for p in ordered if p.batch.size != first[0].batch.size]
    return (*first, *some(others, half, together)) if others else tuple(some(ordered, REPEATED))


def _told(call: Call, observation: Observation) -> list[str]:
    """Say what the session saw the call do."""
    told = []
    if observation.changed:
        told.append(f"{call.value} writes to its arguments: {_kinds(observation.changed)}")
    if observation.aliased:
        told.append(f"{call.value} returns memory of its arguments: {_kinds(observation.aliased)}")
    if observation.overwrote:
        told.append(f"{call.value} changes arrays that an earlier call returned")
    return told


def _kinds(names: tuple[str, ...]) -> str:
    """``("W1", "W2", "x")`` becomes ``W and x``: one sentence for all layers."""
    return " and ".join(dict.fromkeys(name.rstrip("0123456789") for name in names))


def _difference(before: Observation, after: Observation) -> float:
    """The largest relative change of any part of an answer."""
    largest = 0.0
    for one, two in _parts(before, after):
        if np.array_equal(one, two, equal_nan=True):
            continue
        change = float(np.abs(one - two).max())
        size = float(np.abs(one).max())
        relative = change / size if size > 0 else float("inf")
        largest = max(largest, float("inf") if np.isnan(relative) else relative)
    return largest


def _parts(before: Observation, after: Observation) -> list[tuple[Floats, Floats]]:
    """Return the loss, the outputs and every tensor of two answers to a question."""
    return [
        (np.array(before.loss), np.array(after.loss)),
        (before.outputs, after.outputs),
        *zip(before.tensors.values(), after.tensors.values(), strict=True),
    ]


def _beyond(plan: CheckContext, request: Request, before: Observation, after: Observation) -> bool:
    """Whether two answers to a question differ by more than arithmetic may cost both."""
    parts = _parts(before, after)
    costs = _costs(plan, request, before)
    return not all(
        (np.abs(one - two) <= 2 * cost + NEARLY * np.abs(one).max(initial=0.0)).all()
        for (one, two), cost in zip(parts, costs, strict=True)
        if not np.array_equal(one, two, equal_nan=True)
    )


def _costs(plan: CheckContext, request: Request, answer: Observation) -> list[Floats]:
    """Return what arithmetic may cost the loss, the outputs and every tensor."""
    problem, unit = request.problem, plan.arithmetic.loss_unit
    truth = plan.truth(problem)
    costs: list[Floats] = [np.array(truth.loss_error(unit)), truth.outputs_error(unit)]
    if not answer.tensors:
        return costs
    rate = request.learning_rate
    step = request.call is Call.STEP
    gradient = implied(problem, answer, rate) if step else answer.tensors
    coarse = 0.0
    if any(j.verdict is Verdict.WRONG for j in plan.judge(problem, gradient)):
        coarse = COARSE * max(float(np.abs(array).max()) for array in gradient.values())
    costs += [
        (rate if step else 1.0) * (cost + truth.gradient[name].interval + coarse)
        for name, cost in grants(plan, problem).items()
    ]
    return costs


CHECK = Check(SLUG, "an answer depends on the question alone", run)
