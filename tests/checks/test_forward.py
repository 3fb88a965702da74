"""forward: outputs are held against the definition, entry by entry."""

from dataclasses import replace

import numpy as np

from gradcheck.checks.primal import FORWARD_CHECK
from gradcheck.comparison.verdict import Verdict
from gradcheck.contract.protocol import Call
from tests.checks.canned import PROBLEMS, context, failed, finding, findings, right


def test_outputs_as_defined_are_correct() -> None:
    found = finding(FORWARD_CHECK, right)
    assert (found.verdict, found.problems) == (Verdict.CORRECT, len(PROBLEMS)), found.message


def test_the_first_entry_that_is_off_is_named_with_both_numbers() -> None:
    def last_row_off(request):
        outputs = right(request).outputs.copy()
        outputs[-1, 0] += 1.0
        return replace(right(request), outputs=outputs)

    found = finding(FORWARD_CHECK, last_row_off)
    assert found.verdict is Verdict.WRONG, found.message
    assert "output[0,0]: your code says" in found.message, "the smallest problem has one row"


def test_nan_is_no_output() -> None:
    found = finding(FORWARD_CHECK, lambda r: replace(right(r), outputs=np.nan * right(r).outputs))
    assert found.verdict is Verdict.WRONG, found.message


def test_failed_answers_are_passed_over_and_nothing_compared_is_no_finding() -> None:
    found = finding(FORWARD_CHECK, lambda r: failed() if r.problem in PROBLEMS[:4] else right(r))
    assert found.problems == 20, found.message
    assert findings(FORWARD_CHECK, lambda r: failed()) == []


def test_outputs_that_are_not_offered_or_in_doubt_are_not_judged() -> None:
    assert findings(FORWARD_CHECK, right, context(offers=(Call.LOSS_AND_GRADS,))) == []
    found = finding(FORWARD_CHECK, right, context(outputs_in_doubt="they are labels"))
    assert (found.verdict, found.message) == (Verdict.UNRESOLVED, "They are labels."), found
