"""saturation: far out an answer has to be right where it is finite, and finite up to a bound."""

from dataclasses import replace

import numpy as np
import pytest

from gradcheck.checks.saturation import CHECK, PROBLEMS
from gradcheck.comparison.verdict import Verdict
from tests.checks.canned import (
    RowsSubject,
    context,
    failed,
    finding,
    findings,
    right,
    with_gradient,
)


def beyond(request) -> bool:
    return request.problem.far > 30


def test_right_answers_far_out_are_correct() -> None:
    found = finding(CHECK, right)
    assert (found.verdict, found.problems) == (Verdict.CORRECT, PROBLEMS), found.message


def test_a_finite_answer_that_is_off_by_more_than_a_millionth_is_wrong() -> None:
    found = finding(CHECK, with_gradient(lambda r, g: g + (r.problem.far > 30) * 1e-3))
    assert found.verdict is Verdict.WRONG, found.message
    assert "20 of 40 problems fail: code.p[" in found.message, found.message
    assert "largest |z| 100)" in found.message, found.message


def test_a_ten_millionth_is_not() -> None:
    near = with_gradient(lambda r, g: g * (1 + 1e-7))
    assert finding(CHECK, near).verdict is Verdict.CORRECT


def test_an_answer_has_to_be_finite_up_to_the_bound_and_is_noted_beyond() -> None:
    nothing = with_gradient(lambda r, g: np.nan * g)
    far = finding(CHECK, lambda r: nothing(r) if beyond(r) else right(r))
    assert (far.verdict, far.notes) == (
        Verdict.CORRECT,
        ("not finite when an output saturates",),
    ), far
    near = finding(CHECK, lambda r: right(r) if beyond(r) else nothing(r))
    assert near.verdict is Verdict.WRONG, near.message
    assert "an answer is not finite" in near.message, near.message


def test_raising_is_a_fault_up_to_the_bound_and_noted_beyond() -> None:
    far = finding(CHECK, lambda r: failed(message="overflow") if beyond(r) else right(r))
    assert far.verdict is Verdict.CORRECT, far.message
    assert far.notes == ("raises when an output saturates: overflow",), far.notes
    near = finding(CHECK, lambda r: right(r) if beyond(r) else failed(message="overflow"))
    assert near.verdict is Verdict.WRONG, near.message
    assert "20 of 40 problems fail: overflow" in near.message, near.message


def test_refusing_beyond_the_bound_is_noted() -> None:
    far = finding(CHECK, lambda r: failed("unsupported", "large") if beyond(r) else right(r))
    assert far.notes == ("refuses when an output saturates: large",), far.notes


@pytest.mark.parametrize("message", ["dp: no", ""])
def test_what_the_contract_tells_is_not_told_again(message: str) -> None:
    assert findings(CHECK, lambda r: failed("contract", message)) == []


def test_a_constant_in_the_logarithms_explains_what_it_may() -> None:
    off = with_gradient(lambda r, g: g + 1.0)
    known = context(subject=RowsSubject(constant_found=1e-7))
    found = finding(CHECK, off, known)
    assert found.verdict is Verdict.CORRECT, found.message
    assert any("a constant of 1.0e-07 in the logarithms" in note for note in found.notes), found


def test_float32_has_to_be_finite_less_far() -> None:
    known = context()
    known = replace(known, arithmetic=replace(known.arithmetic, loss_unit=2.0**-24))
    found = finding(CHECK, with_gradient(lambda r, g: np.nan * g), known)
    assert found.verdict is Verdict.CORRECT, "29 is beyond what float32 has to bear"
