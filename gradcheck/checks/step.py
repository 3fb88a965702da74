"""step: ``params - learning_rate * gradient``, from the old weights, bias included.

What a step did is turned back into a gradient, ``(before - after) / rate``, and that
is judged like any other.
"""

import numpy as np

from gradcheck.comparison.compare import Judgement
from gradcheck.comparison.verdict import Verdict
from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.networks.aggregate import Aggregate
from gradcheck.networks.context import Check, CheckContext, Run, some
from gradcheck.networks.problem import Floats, Problem
from gradcheck.oracle.estimate import UNIT

SLUG = "step"

#: Odd rates, so that a factor is told from a rate; both are tried.
RATES = (0.173, 1.37)

#: How many problems a step is taken on.
STEPS = 40


def run(plan: CheckContext) -> Run:
    """Take a step on many problems and see where it led."""
    if Call.STEP not in plan.offers:
        return []
    tally = Aggregate(plan.notation)
    added = 0
    for index, problem in enumerate(some(plan.problems, STEPS)):
        rate = RATES[index % len(RATES)]
        observation = yield Request(Call.STEP, problem, learning_rate=rate)
        if observation.failure:
            continue
        judgements = judge_step(plan, problem, observation, rate)
        added += _opposite(plan, problem, implied(problem, observation, rate))
        tally.add(problem, judgements)
    if not tally.problems:
        return []
    wrong = "The step is not params - learning_rate * gradient:"
    if added and added == len(tally.failing):
        wrong = "The step adds the gradient where it has to subtract it:"
    return [tally.finding(SLUG, "The step goes down the gradient, from the old weights.", wrong)]


def implied(problem: Problem, observation: Observation, rate: float) -> dict[str, Floats]:
    """Return the gradient that a step implies: ``(before - after) / rate``."""
    before = problem.params
    return {name: (before[name] - a) / rate for name, a in observation.tensors.items()}


def judge_step(
    plan: CheckContext, problem: Problem, observation: Observation, rate: float
) -> list[Judgement]:
    """Judge every tensor of the gradient that a step implies."""
    taken = implied(problem, observation, rate)
    return [_judge(plan, problem, name, g, rate) for name, g in taken.items()]


def _judge(
    plan: CheckContext, problem: Problem, name: str, taken: Floats, rate: float
) -> Judgement:
    """Judge the gradient that a step implies; forming it has cost digits of its own."""
    truth = plan.truth(problem)
    parameter = problem.params[name]
    estimate = truth.gradient[name]
    unit = max(plan.arithmetic.unit, UNIT)
    size = np.abs(parameter) + rate * np.abs(estimate.value)
    bars = estimate.error + truth.rounding(unit)[name] + 8 * unit * size / rate
    allowed = bars + estimate.interval
    difference = np.abs(taken - estimate.value)
    with np.errstate(over="ignore"):
        excess = np.where(np.isfinite(taken), difference / np.maximum(allowed, 1e-300), np.inf)
    entry = tuple(int(i) for i in np.unravel_index(int(np.argmax(excess)), taken.shape))
    norm, noise = float(np.linalg.norm(estimate.value)), float(np.linalg.norm(bars))
    return Judgement(
        name,
        Verdict.WRONG if excess[entry] > 1 else Verdict.CORRECT,
        entry,
        float(taken[entry]),
        float(estimate.value[entry]),
        float(allowed[entry]),
        noise / norm if norm > noise else float("nan"),
        float(excess[entry]),
        all_zero=not taken.any(),
    )


def _opposite(plan: CheckContext, problem: Problem, taken: dict[str, Floats]) -> bool:
    """Whether every tensor went the other way, by as much."""
    truth = plan.truth(problem)
    return all(
        np.abs(g + truth.gradient[name].value).max()
        <= 1e-6 * (np.abs(truth.gradient[name].value).max() + 1e-9)
        for name, g in taken.items()
    )


CHECK = Check(SLUG, "a step subtracts rate times gradient, from the old weights", run)
