"""purity: an answer depends on the question alone.

Arguments stay as they were, nothing returned shares memory with them or is changed
by a later call, and neither earlier calls nor their order matter.

Answers are not compared to the last bit: numpy's own functions give other last bits where
an array lies otherwise in memory, and what is made of them may lose most of its digits.
"""

from collections import Counter

import numpy as np

from gradcheck.checks.definition import Check, Comparisons, Run
from gradcheck.checks.metamorphic import arithmetic_costs
from gradcheck.checks.step import implied
from gradcheck.comparison.compare import within
from gradcheck.comparison.context import CheckContext, Problem
from gradcheck.contract.posed import MAX_RELATED, Floats
from gradcheck.contract.protocol import Call, Observation, Request

SLUG = "purity"

#: Problems on which calls are repeated in another order.
REPEATED = 8

#: Answers to the same question that differ by less than this part are told apart in a note.
NEARLY = 1e-12

#: ... of the whole gradient, where it is wrong: what a wrong formula costs nobody knows.
COARSE = 1e-9

_KEPT = (
    "another answer to the same question when it is asked again: something is kept between calls"
)


def run(context: CheckContext) -> Run:
    """Repeat questions in another order, and watch the arguments."""
    comparisons = Comparisons(context, SLUG)
    times: Counter[str] = Counter()

    def accuse(fault: str, problem: Problem) -> None:
        times[fault] += 1
        if times[fault] == 1:
            comparisons.failing.append((problem, fault))

    calls = [call for call in Call if call in context.offers]
    chosen = _of_two_sizes(context)
    first: dict[tuple[Call, int], Observation] = {}
    forth = [(call, index) for index in range(len(chosen)) for call in calls]
    for turn, (call, index) in enumerate((*forth, *reversed(forth), *forth[:1] * 2)):
        # forth and back begin with code that was asked nothing yet, back with another batch size:
        # what the very first call leaves behind is the same for all that follow
        anew = turn in (0, len(forth))
        problem = chosen[index]
        request = Request(call, problem, learning_rate=0.1, fresh=True, anew=anew)
        observation = yield request
        if observation.failure:
            if (call, index) in first:
                accuse(f"{call.value} answered once and failed when asked again", problem)
            continue
        comparisons.add(problem)
        for fault in _seen(call, observation):
            accuse(fault, problem)
        before = first.setdefault((call, index), observation)
        if not _changed(before, observation):
            continue
        if _beyond(context, request, before, observation):
            accuse(f"{call.value} gives {_KEPT}", problem)
        else:
            comparisons.notes["answers to the same question differ in the last digits"] = None
    message = "; ".join(f"{text} ({count} times)" for text, count in times.items())
    message = f"{message[:1].upper()}{message[1:]}."
    return comparisons.findings(
        "Answers depend on the question alone.", message, "nothing could be compared"
    )


def _of_two_sizes(context: CheckContext) -> tuple[Problem, ...]:
    """Choose a few, half of them of another batch size: what is kept may be the size.

    It is used where the loss is a mean, so those come first.
    """
    subject = context.subject
    ordered = sorted(context.problems, key=lambda p: not subject.counts_samples(p))
    half, together = REPEATED // 2, MAX_RELATED // 2
    first = tuple(context.some(ordered, half, together))
    others = [p for p in ordered if subject.samples(p) != subject.samples(first[0])]
    if not others:
        return tuple(context.some(ordered, REPEATED))
    return (*first, *context.some(others, half, together))


def _seen(call: Call, observation: Observation) -> list[str]:
    """Say what the session saw the call do."""
    seen = []
    if observation.changed:
        seen.append(f"{call.value} writes to its arguments: {_kinds(observation.changed)}")
    if observation.aliased:
        seen.append(f"{call.value} returns memory of its arguments: {_kinds(observation.aliased)}")
    if observation.overwrote:
        seen.append(f"{call.value} changes arrays that an earlier call returned")
    return seen


def _kinds(names: tuple[str, ...]) -> str:
    """``("W1", "W2", "x")`` becomes ``W and x``: one sentence for all layers."""
    return " and ".join(dict.fromkeys(name.rstrip("0123456789") for name in names))


def _parts(before: Observation, after: Observation) -> list[tuple[Floats, Floats]]:
    """Return the loss, the outputs and every tensor of two answers to a question."""
    return [
        (np.array(before.loss), np.array(after.loss)),
        (before.outputs, after.outputs),
        *zip(before.tensors.values(), after.tensors.values(), strict=True),
    ]


def _changed(before: Observation, after: Observation) -> bool:
    """Whether any bit of an answer is another; what is not a number equals itself."""
    parts = _parts(before, after) if before is not after else []
    return not all(np.array_equal(one, two, equal_nan=True) for one, two in parts)


def _beyond(
    context: CheckContext, request: Request, before: Observation, after: Observation
) -> bool:
    """Whether two answers to a question differ by more than arithmetic may cost both."""
    costs = _costs(context, request, before)
    return not all(
        within(one, two, 2 * cost + NEARLY * np.abs(one).max(initial=0.0))
        for (one, two), cost in zip(_parts(before, after), costs, strict=True)
        if not np.array_equal(one, two, equal_nan=True)
    )


def _costs(context: CheckContext, request: Request, answer: Observation) -> list[Floats]:
    """Return what arithmetic may cost the loss, the outputs and every tensor."""
    problem, unit = request.problem, context.arithmetic.loss_unit
    truth = context.truth(problem)
    costs: list[Floats] = [np.array(truth.loss_error(unit)), truth.outputs_error(unit)]
    if not answer.tensors:
        return costs
    step, rate = request.call is Call.STEP, request.learning_rate
    gradient = implied(problem, answer, rate) if step else answer.tensors
    coarse = 0.0
    if context.wrong(problem, gradient):
        coarse = COARSE * max(float(np.abs(array).max()) for array in gradient.values())
    costs += [
        (rate if step else 1.0) * (cost + truth.gradient[name].interval + coarse)
        for name, cost in arithmetic_costs(context, problem).items()
    ]
    return costs


CHECK = Check(SLUG, "an answer depends on the question alone", run)
