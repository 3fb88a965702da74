"""contract: what has no agreed form is an error, told once, with the smallest problem."""

from dataclasses import replace

from gradcheck.checks.contract import CHECK, refused_by_numbers, required
from gradcheck.comparison.verdict import Verdict
from gradcheck.contract.protocol import Call
from tests.checks.canned import PROBLEMS, RowsSubject, context, failed, finding, right


def test_answers_in_the_agreed_form_are_correct_and_their_notes_are_told() -> None:
    found = finding(CHECK, lambda r: replace(right(r), notes=("db is (1, n)",)))
    assert found.verdict is Verdict.CORRECT, found.message
    assert found.notes == ("db is (1, n)",), f"told once: {found.notes}"


def test_an_exception_is_an_error_that_is_told_on_the_smallest_problem() -> None:
    smallest = min(PROBLEMS, key=RowsSubject().size)
    found = finding(CHECK, lambda r: failed() if r.call is Call.LOSS_AND_GRADS else right(r))
    assert (found.verdict, found.kind) == (Verdict.ERROR, "exception"), found.message
    assert found.failing[0] == smallest, f"{found.failing[0]} is not the smallest"
    assert "code.dp: no" in found.message, "tensors are called as in the code"
    assert f"24 of {24 + 20 + 20} answers failed" in found.message, found.message


def test_what_is_not_supported_is_no_error() -> None:
    found = finding(CHECK, lambda r: failed("unsupported", "relu"))
    assert found.verdict is Verdict.CORRECT, found.message


def test_a_failure_before_the_checks_counts() -> None:
    fault = failed("timeout", "it takes too long").failure
    found = finding(CHECK, right, context(faults=((PROBLEMS[0], fault),)))
    assert (found.verdict, found.kind) == (Verdict.ERROR, "timeout"), found.message


def test_a_function_that_is_not_offered_is_not_asked() -> None:
    offers = (Call.LOSS_AND_GRADS,)
    found = finding(
        CHECK,
        lambda r: right(r) if r.call in offers else failed(),
        context(offers=offers),
    )
    assert found.verdict is Verdict.CORRECT, found.message


def test_refusing_some_numbers_of_what_is_handled_is_an_error() -> None:
    before = [finding(CHECK, right)]
    (after,) = refused_by_numbers(context(), before, {PROBLEMS[3]: "not these"})
    assert (after.verdict, after.kind) == (Verdict.ERROR, "contract"), after.message
    assert "raised NotImplementedError: not these on 1 problem of" in after.message
    assert refused_by_numbers(context(), before, {}) == before, "nothing was refused"


def test_what_is_required_and_missing_is_an_error_beside_what_is_already_one() -> None:
    before = finding(CHECK, lambda r: failed())
    (after,) = required([before], ["relu (never asked)"])
    assert after.kind == "exception", "the first error keeps its kind"
    assert before.message in after.message, after.message
    assert "relu (never asked)" in after.message, after.message
