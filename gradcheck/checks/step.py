"""step: ``params - learning_rate * gradient``, from the old weights, bias included.

What a step did is turned back into a gradient, ``(before - after) / rate``, and that
is judged like any other.
"""

from dataclasses import replace

import numpy as np

from gradcheck.checks.definition import Aggregate, Answer, Check, Run, Shows
from gradcheck.checks.findings import SHOWN_RATE
from gradcheck.comparison.compare import Judgement, KnownTruth, compare, rounded_bars, within
from gradcheck.comparison.context import CheckContext, Named, Problem
from gradcheck.comparison.verdict import Finding, Verdict
from gradcheck.contract.posed import Floats
from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.oracle.estimate import UNIT, length

SLUG = "step"

#: Odd rates, so that a factor is told from a rate; both are tried.
STEP_RATES = (0.173, 1.37)

#: How many problems a step is taken on.
MOST_STEPPED = 40

#: A step agrees with the code's own gradient to this part of it.
OWN_GRADIENT = 1e-6


def run(context: CheckContext) -> Run:
    """Take a step on many problems and see where it led."""
    if Call.STEP not in context.offers:
        return []
    aggregate = Aggregate(context.subject)
    opposite = 0
    for index, problem in enumerate(context.some(context.problems, MOST_STEPPED)):
        rate = STEP_RATES[index % len(STEP_RATES)]
        observation = yield Request(Call.STEP, problem, learning_rate=rate)
        if observation.failure:
            continue
        aggregate.add(problem, judge_step(context, problem, observation, rate))
        opposite += _opposite(context, problem, implied(problem, observation, rate))
    if not aggregate.problems:
        return []
    wrong = "The step is not params - learning_rate * gradient:"
    if opposite and opposite == len(aggregate.failing):
        wrong = "The step adds the gradient where it has to subtract it:"
    right = "The step goes down the gradient, from the old weights."
    return [aggregate.finding(SLUG, right, wrong)]


def implied(problem: Problem, observation: Observation, rate: float) -> dict[str, Floats]:
    """Return the gradient that a step implies by tensor name: ``(before - after) / rate``."""
    before = problem.params
    return {name: (before[name] - a) / rate for name, a in observation.tensors.items()}


def judge_step(
    context: CheckContext, problem: Problem, observation: Observation, rate: float
) -> list[Judgement]:
    """Judge every tensor of the gradient that a step implies, as the gradient itself is judged."""
    taken, unit = implied(problem, observation, rate), max(context.arithmetic.unit, UNIT)

    def against(truth: KnownTruth) -> list[Judgement]:
        return [_judged(problem, name, each, truth, rate, unit) for name, each in taken.items()]

    return context.held(problem, against)


def _judged(
    problem: Problem, name: str, taken: Floats, truth: KnownTruth, rate: float, unit: float
) -> Judgement:
    """Judge what a step implies for a tensor; forming it has cost digits too."""
    estimate = truth.gradient[name]
    size = np.abs(problem.params[name]) + rate * np.abs(estimate.value)
    bars = rounded_bars(truth, name, unit) + 8 * unit * size / rate
    norm, noise = length(estimate.value), length(bars)
    resolution = noise / norm if norm > noise else float("nan")
    return replace(compare(name, taken, estimate, bars), resolution=resolution)


def _opposite(context: CheckContext, problem: Problem, taken: Named) -> bool:
    """Whether every tensor went the other way, by as much."""
    truth = context.truth(problem)
    return all(
        within(-g, value, 1e-6 * (np.abs(value).max() + 1e-9))
        for g, value in ((g, truth.gradient[name].value) for name, g in taken.items())
    )


def _wrong(context: CheckContext, problem: Problem, answer: Observation) -> bool:
    judgements = [] if answer.failure else judge_step(context, problem, answer, SHOWN_RATE)
    return any(judgement.verdict is Verdict.WRONG for judgement in judgements)


def _follows(context: CheckContext, root: Finding, finding: Finding) -> Answer:
    """Each step that is wrong goes down the gradient that the code itself gives."""
    unit = max(context.arithmetic.unit, UNIT)
    for index, problem in enumerate(context.problems[:MOST_STEPPED]):
        if problem not in finding.failing:
            continue
        rate = STEP_RATES[index % len(STEP_RATES)]
        claimed = yield Request(Call.LOSS_AND_GRADS, problem)
        taken = yield Request(Call.STEP, problem, learning_rate=rate)
        if claimed.failure or taken.failure:
            return False
        for name, went in implied(problem, taken, rate).items():
            claim = claimed.tensors[name]
            size = np.abs(problem.params[name]) + rate * np.abs(claim)
            limit = 16 * unit * size / rate + OWN_GRADIENT * np.abs(claim).max()
            if not within(went, claim, limit):
                return False
    return True


CHECK = Check(
    SLUG,
    "a step subtracts rate times gradient, from the old weights",
    run,
    shows=Shows(_wrong, 1, Call.STEP),
    follows=_follows,
)
