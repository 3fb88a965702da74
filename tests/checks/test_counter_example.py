"""counter_example: small problems are asked first, then those on which the check failed."""

import numpy as np

from gradcheck.checks import CHECKS, gradient, primal, step
from gradcheck.checks.findings import smallest
from gradcheck.comparison.verdict import CounterExample, Finding, Verdict
from gradcheck.contract.protocol import Call
from tests.checks.canned import PROBLEMS, Asked, context, failed, finding, right, with_gradient

doubled = with_gradient(lambda request, gradient: 2 * gradient)


def found(answer, *findings: Finding) -> CounterExample | None:
    return Asked(answer).result(smallest(context(), findings, CHECKS))


def test_the_smallest_problem_that_shows_the_fault_is_found() -> None:
    example = found(doubled, finding(gradient.CHECK, doubled))
    assert example is not None
    assert (example.check, example.problem.p) == ("gradient", (1.0,)), example
    assert example.got.tensors["p"] == np.array([2.0]), "the answer is kept"


def test_what_small_problems_hide_is_shown_on_one_that_failed() -> None:
    wide = with_gradient(lambda request, gradient: gradient * (2 if len(gradient) > 3 else 1))
    example = found(wide, bad := finding(gradient.CHECK, wide))
    assert example is not None
    assert example.problem == bad.failing[0], "the smallest of those that failed"


def test_a_small_problem_that_fails_otherwise_shows_nothing() -> None:
    def raises(request):
        return failed() if request.problem.p == (1.0,) else doubled(request)

    example = found(raises, finding(gradient.CHECK, doubled))
    assert example is not None
    assert example.problem.p == (1.0, 1.0), "an exception is no wrong gradient"


def test_of_several_faults_the_gradient_is_shown_and_of_a_step_its_rate_kept() -> None:
    down = finding(step.CHECK, doubled)
    both = found(doubled, down, finding(gradient.CHECK, doubled))
    assert both is not None
    assert (both.check, both.learning_rate) == ("gradient", 0.0), both
    alone = found(doubled, down)
    assert alone is not None
    assert (alone.check, alone.learning_rate) == ("step", 0.5), alone


def test_what_follows_from_another_fault_or_failed_nowhere_is_not_shown() -> None:
    caused = Finding("step", Verdict.WRONG, 24, "", failing=PROBLEMS, cause="gradient")
    nowhere = Finding("contract", Verdict.ERROR, 0, "refused")
    assert found(doubled, caused, nowhere) is None


def test_a_wrong_loss_and_an_exception_have_one_too() -> None:
    def loud(request):
        return failed() if request.call is Call.LOSS_AND_GRADS else right(request)

    raised = found(loud, Finding("contract", Verdict.ERROR, 24, "", failing=PROBLEMS))
    assert raised is not None
    assert raised.got.failure is not None, raised
    shown = Finding("loss", Verdict.WRONG, 24, "", failing=PROBLEMS[:1])
    assert found(right, shown) is None, "right losses show nothing"
    assert primal.LOSS_CHECK.shows is not None
