"""Flags: the costs that give differences away, from canned timings."""

import pytest

from gradcheck import sampling
from gradcheck.flags import NUMERICAL, cost_flags, library_flags, process_flags
from gradcheck.plan import Plan
from gradcheck.protocol import Failure, Observation
from gradcheck.sampling import EVERYTHING, Support

PLAN = Plan(tuple(sampling.problem(0, index) for index in range(3)))

#: Seconds that code takes with P parameters and N samples.
COSTS = {
    "matrix code": (lambda P, N: 2e-4 + 1e-8 * P * N, False),
    "scalar loops": (lambda P, N: 2e-4 + 1e-6 * P * N, False),
    "long scalar loops": (lambda P, N: 1e-5 * P * N, False),
    "a slow pipe": (lambda P, N: 0.3, False),
    "differences of matrix code": (lambda P, N: 2e-4 + 2 * P * (1e-5 + 1e-9 * P * N), True),
    "differences of scalar loops": (lambda P, N: 2e-4 + 2 * P * 1e-6 * P * N, True),
}


def answered(plan, cost):
    """Drive the questions with answers that took so long."""
    questions = cost_flags(plan)
    try:
        request = next(questions)
        while True:
            problem = request.problem
            seconds = cost(problem.params.size, problem.batch.size)
            request = questions.send(Observation(seconds=seconds))
    except StopIteration as end:
        return end.value


@pytest.mark.parametrize(("cost", "flagged"), COSTS.values(), ids=COSTS)
def test_the_cost_of_differences_is_told_from_that_of_a_backprop(cost, flagged):
    flags = answered(PLAN, cost)
    assert bool(flags) == flagged, f"flags {flags}"
    assert all(flag.kind == NUMERICAL for flag in flags), f"flags {flags}"


def test_one_slow_measurement_is_no_evidence():
    times = iter([1e-4, 1e-2, 1e-4] * 6 + [1e-4] * 100)
    assert answered(PLAN, lambda P, N: next(times)) == [], "flagged after one round"


def test_code_for_one_network_or_few_batch_sizes_is_not_timed():
    fixed = Support(networks=(PLAN.problems[0].network,))
    for support in (fixed, Support(batch_sizes=(1,))):
        assert list(cost_flags(Plan(PLAN.problems, support))) == [], f"timed with {support}"


def test_code_that_cannot_do_the_larger_network_is_not_flagged():
    questions = cost_flags(Plan(PLAN.problems, EVERYTHING))
    next(questions)
    with pytest.raises(StopIteration) as end:
        questions.send(Observation(failure=Failure("unsupported", "no")))
    assert end.value.value == [], f"flags {end.value.value}"


def test_libraries_and_processes_are_told_by_name_and_number():
    assert library_flags(()) == process_flags(0) == [], "a flag without a reason"
    assert "jax, torch" in library_flags(("jax", "torch"))[0].evidence
    assert "2 processes" in process_flags(2)[0].evidence
