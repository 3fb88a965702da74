"""loss: the loss is held against the definition, and a pattern in it is told."""

from dataclasses import replace

from gradcheck.checks.primal import BIASES_PENALISED, LOSS_CHECK
from gradcheck.comparison.compare import Arithmetic
from gradcheck.comparison.verdict import Verdict
from tests.checks.canned import PROBLEMS, context, failed, finding, findings, right


def test_the_loss_as_defined_is_correct() -> None:
    found = finding(LOSS_CHECK, right)
    assert (found.verdict, found.problems) == (Verdict.CORRECT, len(PROBLEMS)), found.message


def test_a_loss_that_is_doubled_is_wrong_and_said_to_be_doubled() -> None:
    found = finding(LOSS_CHECK, lambda r: replace(right(r), loss=2 * right(r).loss))
    assert found.verdict is Verdict.WRONG, found.message
    assert "wrong on 24 of 24 problems" in found.message, found.message
    assert "It is 2 times what it should be, every time." in found.message, found.message


def test_a_loss_that_is_off_on_some_problems_has_no_pattern() -> None:
    off = set(PROBLEMS[::5])
    found = finding(
        LOSS_CHECK, lambda r: replace(right(r), loss=right(r).loss + (r.problem in off) * 1e-6)
    )
    assert set(found.failing) == off, "exactly those problems fail"
    assert "every time" not in found.message, found.message


def test_a_failed_answer_is_passed_over() -> None:
    found = finding(LOSS_CHECK, lambda r: failed() if r.problem in PROBLEMS[:4] else right(r))
    assert (found.verdict, found.problems) == (Verdict.CORRECT, 20), found.message


def test_nothing_compared_is_unresolved() -> None:
    found = finding(LOSS_CHECK, lambda r: failed())
    assert (found.verdict, found.problems) == (Verdict.UNRESOLVED, 0), found.message


def test_code_without_a_loss_and_a_loss_in_doubt_are_not_judged() -> None:
    assert findings(LOSS_CHECK, right, context(lossless=True)) == []
    found = finding(LOSS_CHECK, right, context(loss_in_doubt="it is printed"))
    assert (found.verdict, found.message) == (Verdict.UNRESOLVED, "It is printed."), found


def test_a_convention_that_the_gradient_shares_is_told_and_is_no_fault() -> None:
    found = finding(LOSS_CHECK, right, context(arithmetic=Arithmetic(biases=True)))
    assert found.verdict is Verdict.CORRECT, found.message
    assert found.notes == (f"a convention: {BIASES_PENALISED}",), found.notes
