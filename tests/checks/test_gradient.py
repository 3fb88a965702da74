"""gradient: tensors are judged, and a gradient of another loss is told as that."""

from dataclasses import replace

import numpy as np

from gradcheck.checks.gradient import CHECK, RIGHT_FOR_OWN_LOSS
from gradcheck.comparison.verdict import Verdict
from gradcheck.contract.posed import Tensors
from tests.checks.canned import PROBLEMS, context, failed, finding, findings, right, with_gradient


def test_the_derivative_of_the_loss_is_correct_and_says_what_would_have_been_seen() -> None:
    found = finding(CHECK, right)
    assert (found.verdict, found.problems) == (Verdict.CORRECT, len(PROBLEMS)), found.message
    assert "An error of one part in" in found.message, found.message


def test_a_wrong_entry_is_named_as_the_code_names_it_with_both_numbers() -> None:
    found = finding(CHECK, with_gradient(lambda r, g: g + np.eye(len(g))[1]))
    assert found.verdict is Verdict.WRONG, found.message
    assert found.tensors["p"].worst_entry == "p[1]", found.tensors["p"]
    assert "code.p[1]: your code says" in found.message, found.message
    assert len(found.failing) == len(PROBLEMS), "every problem shows it"


def test_a_gradient_that_is_right_for_another_loss_is_a_fault_of_the_forward() -> None:
    def tripled(request):
        answer = right(request)
        return replace(
            answer, loss=3 * answer.loss, tensors=Tensors({"p": 3 * answer.tensors["p"]})
        )

    gradient, forward = findings(CHECK, tripled)
    assert gradient.verdict is Verdict.CORRECT, gradient.message
    assert gradient.tensors["p"].note == RIGHT_FOR_OWN_LOSS, gradient.tensors["p"]
    assert (forward.check, forward.verdict) == ("forward", Verdict.WRONG), forward
    assert len(forward.failing) == len(PROBLEMS), "on every problem"


def test_a_wrong_gradient_of_a_wrong_loss_is_wrong() -> None:
    def both(request):
        answer = right(request)
        return replace(
            answer, loss=3 * answer.loss, tensors=Tensors({"p": 2 * answer.tensors["p"]})
        )

    assert finding(CHECK, both).verdict is Verdict.WRONG


def test_a_gradient_that_is_always_zero_is_right_for_no_loss() -> None:
    def still(request):
        answer = right(request)
        return replace(answer, loss=1.0, tensors=Tensors({"p": 0 * answer.tensors["p"]}))

    found = finding(CHECK, still)
    assert found.verdict is Verdict.WRONG, found.message
    assert "Nothing is ever trained: your code says zero." in found.message, found.message


def test_a_failed_answer_is_passed_over() -> None:
    found = finding(CHECK, lambda r: failed() if r.problem in PROBLEMS[:4] else right(r))
    assert (found.verdict, found.problems) == (Verdict.CORRECT, 20), found.message


def test_nothing_compared_is_unresolved() -> None:
    found = finding(CHECK, lambda r: failed(), context())
    assert (found.verdict, found.message) == (Verdict.UNRESOLVED, "nothing could be compared")
